"""The owner's settings of what a request may choose of how a model is sampled: `[models."NAME".requests]`."""

import re
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from wanserve.domain.catalogue import Choices, LoraChoice
from wanserve.models.lora_settings import LoraSettings, Strength
from wanserve.models.sampling import Lora, Profile

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

Steps = Annotated[int, Field(ge=1, le=1000)]
Guidance = Annotated[float, Field(ge=1, le=100)]


class OfferedLora(LoraSettings):
    """A LoRA that requests may name. `strength` is that of a request that names none, `strengths` the least and the most."""

    strengths: tuple[Strength, Strength] = (0.0, 2.0)

    @model_validator(mode="after")
    def _strength_in_between(self) -> Self:
        lowest, highest = self.strengths
        if lowest > highest:
            raise ValueError("strengths must be the lowest and the highest one, in this order")
        if not lowest <= self.strength <= highest:
            raise ValueError(f"strength must be one of the strengths, {lowest:g} to {highest:g}")
        return self


class RequestSettings(BaseModel):
    """What requests may choose. What is left out here is as the model is set, and no request may choose it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profiles: tuple[Profile, ...] = ()
    steps: tuple[Steps, Steps] | None = None
    guidance_scale: tuple[Guidance, Guidance] | None = None
    loras: dict[str, OfferedLora] = Field(default_factory=dict)
    max_loras: Annotated[int, Field(ge=1, le=10)] = 3

    @field_validator("profiles")
    @classmethod
    def _changeable(cls, profiles: tuple[Profile, ...]) -> tuple[Profile, ...]:
        if Profile.SMALL in profiles:
            raise ValueError("small cannot be chosen by a request: it is how the weights are loaded")
        for profile in profiles:
            if profiles.count(profile) > 1:
                raise ValueError(f"{profile} stands twice")
        return profiles

    @field_validator("steps", "guidance_scale")
    @classmethod
    def _in_order(cls, bounds: tuple[float, float] | None) -> tuple[float, float] | None:
        if bounds is not None and bounds[0] > bounds[1]:
            raise ValueError("must be the least and the most, in this order")
        return bounds

    @field_validator("loras")
    @classmethod
    def _short_names(cls, loras: dict[str, OfferedLora]) -> dict[str, OfferedLora]:
        for name in loras:
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} is no name: 1 to 64 of a-z, 0-9, dot, dash and underscore, first a-z or 0-9"
                )
        return loras

    def choices(self) -> Choices:
        """What a request may choose, as the model card tells it."""
        return Choices(
            tuple(profile.value for profile in self.profiles),
            self.steps,
            self.guidance_scale,
            tuple(LoraChoice(name, lora.strength, lora.strengths) for name, lora in self.loras.items()),
            self.max_loras,
        )

    def offered_loras(self) -> dict[str, Lora]:
        """The files of the LoRAs, by their names."""
        return {name: lora.lora() for name, lora in self.loras.items()}
