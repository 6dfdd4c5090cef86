"""The owner's settings of a LoRA."""

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wanserve.models.sampling import Distillation, Lora

Strength = Annotated[float, Field(ge=-10, le=10)]

DISTILLED: Final = ("steps", "flow_shift", "guidance_scale", "guidance_scale_2")
"""The settings that the profile `fast` has of its own."""


class LoraSettings(BaseModel):
    """A LoRA of a model: a file for its transformer, and one for the second expert where it has two."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str | None = None
    file_2: str | None = None
    strength: Strength = 1.0
    strength_2: Strength | None = None

    @model_validator(mode="after")
    def _some_file(self) -> Self:
        if self.file is None and self.file_2 is None:
            raise ValueError("set file: a LoRA has one")
        return self

    def lora(self) -> Lora:
        """The LoRA as the engine takes it."""
        file, file_2 = (path and str(Path(path).expanduser()) for path in (self.file, self.file_2))
        return Lora(file, file_2, self.strength, self.strength_2)


class DistillSettings(LoraSettings):
    """The LoRA of the profile `fast`, and the settings that it was trained for, where they are not the usual ones."""

    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    flow_shift: Annotated[float, Field(gt=0, le=100)] | None = None
    guidance_scale: Annotated[float, Field(ge=1, le=100)] | None = None
    guidance_scale_2: Annotated[float, Field(ge=1, le=100)] | None = None

    def distillation(self) -> Distillation:
        """The distillation as the engine takes it."""
        return Distillation(self.lora(), **self.model_dump(exclude_none=True, include=set(DISTILLED)))
