"""The settings with which the open Wan weights are sampled: the authors' own, and what an owner may change of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Self

from wanserve.domain.catalogue import MODELS, NO_CHOICES, Choices, ModelCard


class Profile(StrEnum):
    """A trade of exactness for speed or memory. Only `EXACT` gives the videos that the authors' own code gives."""

    EXACT = "exact"
    BALANCED = "balanced"
    FAST = "fast"
    SMALL = "small"


class LargeSizes(StrEnum):
    """How a video with more pixels than the models were trained at is generated.

    `SCALE`: at two thirds of the size, and scaled up. `NATIVE`: at its full size.
    """

    SCALE = "scale"
    NATIVE = "native"


class Placement(StrEnum):
    """Where the weights are during a generation. `AUTO` takes the first one that fits; see `engine.wan.memory`.

    `WHOLE`: all on the device. `TEXT_OFF`: the text encoder in host memory. `PARTS`: each part is on the device only
    while it computes. `GROUPS`: all in host memory, and one block at a time on the device.
    """

    AUTO = "auto"
    WHOLE = "whole"
    TEXT_OFF = "text-off"
    PARTS = "parts"
    GROUPS = "groups"


class Precision(StrEnum):
    """The number format of the weights. `AUTO`: bf16 where the device has units for it, else fp32."""

    AUTO = "auto"
    BF16 = "bf16"
    FP32 = "fp32"


DISTILLED_STEPS: Final = 4
DISTILLED_SHIFT: Final = 5.0
"""What the 4-step LoRAs were trained with: timesteps 999, 937, 833, 625. Source: Wan2.2-Lightning's configuration."""


@dataclass(frozen=True, slots=True)
class TransformerShape:
    """The shape of a model's transformer; there are `experts` of it. Source: the authors' configuration files."""

    layers: int
    dim: int
    heads: int
    ffn: int
    experts: int = 1


@dataclass(frozen=True, slots=True)
class Lora:
    """A LoRA file for the (first) transformer, and one for the second expert where there is one."""

    file: str
    file_2: str | None = None
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """The settings with which the wan engine makes a model's videos.

    `weights` is a folder in the diffusers layout or a hub id. `guidance_scale` and `boundary_ratio` are the
    authors': with two experts the first one, for high noise, computes the timesteps from `boundary_ratio` x 1000 on,
    guided by `guidance_scale`, and the second one computes the others, guided by `guidance_scale_2`. `frames` is 4k+1,
    at `fps` a second.
    `distill` is the LoRA of the profile `fast`. With `tiled_decode` None, the decoder uses tiles where memory is short.
    With `compile` None, the blocks are compiled where this is known to be faster. `attention` is diffusers' name of an
    attention kernel; None: diffusers chooses. `choices` are what a request may choose, and `offered_loras` the files of the
    LoRAs that it may name.
    """

    weights: str
    shape: TransformerShape
    steps: int
    guidance_scale: float
    flow_shift: float
    negative_prompt: str
    guidance_scale_2: float | None = None
    boundary_ratio: float | None = None
    frames: int = 81
    fps: int = 16
    profile: Profile = Profile.EXACT
    large_sizes: LargeSizes = LargeSizes.SCALE
    placement: Placement = Placement.AUTO
    precision: Precision = Precision.AUTO
    loras: tuple[Lora, ...] = ()
    distill: Lora | None = None
    tiled_decode: bool | None = None
    compile: bool | None = None
    attention: str | None = None
    choices: Choices = NO_CHOICES
    offered_loras: Mapping[str, Lora] = field(default_factory=dict, hash=False)

    def with_profile(self) -> "SamplingSettings":
        """These settings with what the profile overrides: `fast` has its own steps, flow shift and guidance."""
        if self.profile is not Profile.FAST:
            return self
        second_scale = None if self.guidance_scale_2 is None else 1.0
        return replace(
            self, steps=DISTILLED_STEPS, flow_shift=DISTILLED_SHIFT, guidance_scale=1.0, guidance_scale_2=second_scale
        )

    @property
    def loras_to_merge(self) -> tuple[Lora, ...]:
        """The LoRAs that are merged into the weights, in order. In the profile `fast`, `distill` is the first one."""
        return (self.distill, *self.loras) if self.profile is Profile.FAST and self.distill else self.loras

    def lora_problem(self) -> str | None:
        """What is wrong with the LoRA settings, or None. It does not check whether the files exist."""
        if self.profile is Profile.FAST and self.distill is None:
            return "the profile fast needs the LoRA of a 4-step distillation: set distill.file"
        for each in (*self.loras_to_merge, *self.offered_loras.values()):
            if each.file_2 is None and self.experts > 1:
                return f"the LoRA {each.file} is for the first transformer: set file_2 for the second one too"
            if each.file_2 is not None and self.experts == 1:
                return f"the LoRA {each.file_2} is for a second transformer, and this model has one"
        return None

    @property
    def experts(self) -> int:
        """How many transformers the weights must have."""
        return 1 if self.boundary_ratio is None else 2


NEGATIVE_PROMPT: Final = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，"
    "丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，"
    "静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)
"""The authors' negative prompt, for requests that have none. Source: `sample_neg_prompt` of Wan 2.1 and 2.2."""

SHAPE_1_3B: Final = TransformerShape(layers=30, dim=1536, heads=12, ffn=8960)
SHAPE_14B: Final = TransformerShape(layers=40, dim=5120, heads=40, ffn=13824)

# Sources: Wan2.1's README and generate.py (50 steps; 1.3B: guidance 6 and shift 8; 14B: 5 and 5), and Wan2.2's
# wan_t2v_A14B.py (40 steps, shift 12, boundary 0.875, guidance 4 for high noise and 3 for low).
TURBO: Final = SamplingSettings(
    weights="Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
    shape=SHAPE_1_3B,
    steps=50,
    guidance_scale=6.0,
    flow_shift=8.0,
    negative_prompt=NEGATIVE_PROMPT,
)
PLUS_2_1: Final = SamplingSettings(
    weights="Wan-AI/Wan2.1-T2V-14B-Diffusers",
    shape=SHAPE_14B,
    steps=50,
    guidance_scale=5.0,
    flow_shift=5.0,
    negative_prompt=NEGATIVE_PROMPT,
)
PLUS_2_2: Final = SamplingSettings(
    weights="Wan-AI/Wan2.2-T2V-A14B-Diffusers",
    shape=TransformerShape(layers=40, dim=5120, heads=40, ffn=13824, experts=2),
    steps=40,
    guidance_scale=4.0,
    guidance_scale_2=3.0,
    flow_shift=12.0,
    boundary_ratio=0.875,
    negative_prompt=NEGATIVE_PROMPT,
)


@dataclass(frozen=True, slots=True)
class WanModelCard(ModelCard):
    """A model of the catalogue with the settings that its weights are sampled with."""

    sampling: SamplingSettings = field(kw_only=True)

    @classmethod
    def of(cls, card: ModelCard, sampling: SamplingSettings) -> Self:
        """The card of a model that is sampled with these settings."""
        effective = sampling.with_profile()
        return cls(
            name=card.name,
            sizes=card.sizes,
            default_size=card.default_size,
            frames=card.frames,
            fps=card.fps,
            steps=effective.steps,
            guidance_scale=effective.guidance_scale,
            profile=sampling.profile.value,
            choices=sampling.choices,
            sampling=sampling,
        )


WAN_MODELS: Final[dict[str, WanModelCard]] = {
    name: WanModelCard.of(MODELS[name], sampling)
    for name, sampling in {
        "wan2.2-t2v-plus": PLUS_2_2,
        "wanx2.1-t2v-turbo": TURBO,
        "wanx2.1-t2v-plus": PLUS_2_1,
    }.items()
}
"""The models of the catalogue with the authors' settings, by name and in the catalogue's order."""
