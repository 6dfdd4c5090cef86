"""The settings with which the open Wan weights are sampled: the authors' own, and what an owner may change of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Self

from wanserve.domain.catalogue import MODELS, NO_CHOICES, Choices, ModelCard
from wanserve.domain.generation import Generation


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


MODEL_FPS: Final = 16
"""The frames a second of every Wan 2.1 and 2.2 text-to-video model. Source: `sample_fps` of their configurations."""


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
    """A LoRA file for the (first) transformer, and one for the second expert where there is one.

    `strength_2` is the second one's; None: the same. An expert whose strength is 0 needs no file.
    """

    file: str | None
    file_2: str | None = None
    strength: float = 1.0
    strength_2: float | None = None

    def for_expert(self, number: int) -> tuple[str | None, float]:
        """The file of the first (0) or the second (1) expert, and its strength."""
        if number == 0:
            return self.file, self.strength
        return self.file_2, self.strength if self.strength_2 is None else self.strength_2

    def strength_for(self, number: int, asked: float) -> float:
        """The strength for an expert where a request asks for one: the second one's keeps its ratio to the first one's."""
        if number == 0 or self.strength_2 is None or self.strength == 0:
            return asked
        return asked * self.strength_2 / self.strength

    def problem(self, experts: int) -> str | None:
        """What is wrong with it for a model of so many experts, or None. It does not check whether the files exist."""
        if experts == 1:
            if self.file_2 is not None or self.strength_2 is not None:
                return f"the LoRA {self.file_2 or self.file} is for a second transformer, and this model has one"
            return None if self.file is not None else "a LoRA has no file"
        (first, strength), (second, strength_2) = self.for_expert(0), self.for_expert(1)
        if first is None and second is None:
            return "a LoRA has no file"
        if second is None and strength_2 != 0:
            return (
                f"the LoRA {first} is for the first transformer: set file_2 for the second one too, "
                "or strength_2 = 0 to leave that as it is"
            )
        if first is None and strength != 0:
            return (
                f"the LoRA {second} is for the second transformer: set file for the first one too, "
                "or strength = 0 to leave that as it is"
            )
        return None

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it needs."""
        return tuple(file for file, strength in (self.for_expert(0), self.for_expert(1)) if file and strength != 0)


@dataclass(frozen=True, slots=True)
class Distillation:
    """A LoRA that makes a model sample in few steps, and the settings that it was trained for.

    The defaults are those of the 4-step LoRAs: timesteps 999, 937, 833, 625, without guidance. Source:
    Wan2.2-Lightning's configuration. `guidance_scale_2` is the second expert's; None: the same.
    """

    lora: Lora
    steps: int = 4
    flow_shift: float = 5.0
    guidance_scale: float = 1.0
    guidance_scale_2: float | None = None


@dataclass(frozen=True, slots=True)
class StoredSizes:
    """How much of a checkpoint stays in memory as it is stored, in 8 bits or fewer: bytes, and how many parameters.

    `transformer_bytes` are those of one expert, the larger one.
    """

    transformer_bytes: int = 0
    transformer_parameters: int = 0
    text_bytes: int = 0
    text_parameters: int = 0


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """The settings with which the wan engine makes a model's videos.

    `weights` is a folder in the diffusers layout or a hub id. `guidance_scale` and `boundary_ratio` are the
    authors': with two experts the first one, for high noise, computes the timesteps from `boundary_ratio` x 1000 on,
    guided by `guidance_scale`, and the second one computes the others, guided by `guidance_scale_2`. `frames` is 4k+1,
    at `fps` a second; with `output_fps` the video has that many a second, which are interpolated.
    `distill` is what the profile `fast` is made with. `stored` is what the weights are found to be. With `tiled_decode`
    None, the decoder uses tiles where memory is short.
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
    fps: int = MODEL_FPS
    output_fps: int | None = None
    profile: Profile = Profile.EXACT
    large_sizes: LargeSizes = LargeSizes.SCALE
    placement: Placement = Placement.AUTO
    precision: Precision = Precision.AUTO
    loras: tuple[Lora, ...] = ()
    distill: Distillation | None = None
    stored: StoredSizes = StoredSizes()
    tiled_decode: bool | None = None
    compile: bool | None = None
    attention: str | None = None
    choices: Choices = NO_CHOICES
    offered_loras: Mapping[str, Lora] = field(default_factory=dict, hash=False)

    def resolved(self, profile: Profile | None = None) -> "SamplingSettings":
        """The settings that apply with this profile, or with the model's own: `fast` has steps and guidance of its own."""
        chosen = replace(self, profile=profile or self.profile)
        distill = self.distill
        if chosen.profile is not Profile.FAST or distill is None:
            return chosen
        second = distill.guidance_scale if distill.guidance_scale_2 is None else distill.guidance_scale_2
        return replace(
            chosen,
            steps=distill.steps,
            flow_shift=distill.flow_shift,
            guidance_scale=distill.guidance_scale,
            guidance_scale_2=None if self.guidance_scale_2 is None else second,
        )

    def for_generation(self, generation: Generation) -> "SamplingSettings":
        """The settings that apply to this generation, with what its request chose. See `resolved`."""
        made = self.resolved(Profile(generation.profile) if generation.profile else None)
        if generation.steps is not None:
            made = made.with_steps(generation.steps)
        if (scale := generation.guidance_scale) is None:
            return made
        # The second expert's keeps its ratio to the first one's, which the authors chose.
        second = None if made.guidance_scale_2 is None else scale * made.guidance_scale_2 / made.guidance_scale
        return replace(made, guidance_scale=scale, guidance_scale_2=second)

    def with_steps(self, steps: int) -> "SamplingSettings":
        """The settings with this number of steps, whatever the profile."""
        return replace(self, steps=steps, distill=self.distill and replace(self.distill, steps=steps))

    @property
    def loras_to_merge(self) -> tuple[Lora, ...]:
        """The LoRAs that are merged into the weights, in order. In the profile `fast`, `distill` has the first one."""
        return (self.distill.lora, *self.loras) if self.profile is Profile.FAST and self.distill else self.loras

    def problem(self) -> str | None:
        """What is wrong with the settings for weights of so many experts, or None. Whether files exist is not checked.

        A setting that would change nothing is a problem: whoever sets it expects that it does.
        """
        if self.distill is None and Profile.FAST in (self.profile, *self.choices.profiles):
            return "the profile fast needs the LoRA of a 4-step distillation: set distill.file"
        if self.profile is Profile.SMALL and self.choices.profiles:
            return "requests.profiles: with the profile small no other can be chosen, as its weights are rounded"
        if self.experts == 1 and self.guidance_scale_2 is not None:
            return "guidance_scale_2 is for a second expert, and this model has one"
        loras = (*self.loras, *self.offered_loras.values(), *((self.distill.lora,) if self.distill else ()))
        return next((problem for each in loras if (problem := each.problem(self.experts))), None)

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
        effective = sampling.resolved()
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
