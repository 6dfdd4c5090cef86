"""The owner's settings of one model of the wan engine."""

from dataclasses import replace
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from wanserve.models.lora_settings import DISTILLED, DistillSettings, LoraSettings
from wanserve.models.request_settings import RequestSettings
from wanserve.models.sampling import MODEL_FPS, LargeSizes, Placement, Precision, Profile, SamplingSettings

MOST_FPS: Final = 60
"""The most frames a second that a model's frames are interpolated to."""

Attention = Literal[
    "native", "_native_cudnn", "_native_flash", "_native_efficient", "flash", "_flash_3", "sage",
    "_sage_qk_int8_pv_fp16_cuda", "xformers",
]  # fmt: skip
"""Kernels by diffusers' names. Left out: those that are downloaded at run time, and those that are known to make noise."""


class ModelSettings(BaseModel):
    """The owner's settings of one model of the wan engine: a table `[models."NAME"]` of wanserve.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weights: Annotated[str, Field(min_length=1)] | None = None
    steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    guidance_scale: Annotated[float, Field(ge=1, le=100)] | None = None
    guidance_scale_2: Annotated[float, Field(ge=1, le=100)] | None = None
    flow_shift: Annotated[float, Field(gt=0, le=100)] | None = None
    boundary_ratio: Annotated[float, Field(gt=0, lt=1)] | None = None
    frames: Annotated[int, Field(ge=1, le=1001)] | None = None
    output_fps: int | None = None
    negative_prompt: Annotated[str, Field(max_length=2000)] | None = None
    profile: Profile | None = None
    large_sizes: LargeSizes | None = None
    placement: Placement | None = None
    precision: Precision | None = None
    tiled_decode: bool | None = None
    compile: bool | None = None
    attention: Attention | None = None
    loras: tuple[LoraSettings, ...] = ()
    distill: DistillSettings | None = None
    requests: RequestSettings | None = None

    @field_validator("frames")
    @classmethod
    def _whole_latent_frames(cls, frames: int | None) -> int | None:
        if frames is not None and frames % 4 != 1:
            raise ValueError("must be one more than a multiple of 4, such as 17, 49 or 81")
        return frames

    @field_validator("output_fps")
    @classmethod
    def _more_than_the_model_makes(cls, fps: int | None) -> int | None:
        if fps is not None and not MODEL_FPS < fps <= MOST_FPS:
            raise ValueError(
                f"must be above the {MODEL_FPS} frames a second that the model makes, up to {MOST_FPS}, such as 30"
            )
        return fps

    def sampling(self, authors: SamplingSettings) -> SamplingSettings:
        """The authors' settings, replaced by those that are set here."""
        given = self.model_dump(exclude_none=True, exclude={"loras", "distill", "requests"})
        loras = tuple(lora.lora() for lora in self.loras)
        distill = self.distill.distillation() if self.distill else authors.distill
        if distill is not None and (self.profile or authors.profile) is Profile.FAST:
            # What the table says is meant for the profile that it names.
            distill = replace(distill, **{name: given.pop(name) for name in DISTILLED if name in given})
        requests = self.requests or RequestSettings()
        choices, offered = requests.choices(), requests.offered_loras()
        return replace(authors, **given, loras=loras, distill=distill, choices=choices, offered_loras=offered)

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        if self.distill is not None and self.profile is Profile.FAST:
            for name in DISTILLED:
                if getattr(self, name) is not None and getattr(self.distill, name) is not None:
                    raise ValueError(f"{name} is set twice, here and in distill: keep one of them")
        return self
