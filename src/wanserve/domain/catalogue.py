"""The model cards: names, sizes and lengths, as the document and its vendor list them."""

from dataclasses import dataclass
from typing import Final

Size = tuple[int, int]
"""Width and height in pixels."""

TIER_480P: tuple[Size, ...] = ((832, 480), (480, 832), (624, 624))
TIER_720P: tuple[Size, ...] = ((1280, 720), (720, 1280), (960, 960), (1088, 832), (832, 1088))
TIER_1080P: tuple[Size, ...] = ((1920, 1080), (1080, 1920), (1440, 1440), (1632, 1248), (1248, 1632))
TIERS: dict[str, tuple[Size, ...]] = {"480P": TIER_480P, "720P": TIER_720P, "1080P": TIER_1080P}
"""The sizes of each tier, by the vendor's names. The first is a landscape."""

DOCUMENT_480P: Size = (640, 480)
"""Listed by the document for two models, and not by the vendor. It is made as listed."""


SHORTER: Final = 4
"""The second length of every model of five seconds: OpenAI's clients ask for it by default."""


DISTILLED: Final = "fast"
"""The profile of weights that were distilled to a few steps without guidance: its guidance scale is 1, and no other."""


@dataclass(frozen=True, slots=True)
class LoraChoice:
    """A LoRA that requests may name: the strength of those that name none, and the lowest and the highest one."""

    name: str
    strength: float = 1.0
    strengths: tuple[float, float] = (0.0, 2.0)


@dataclass(frozen=True, slots=True)
class Choices:
    """What a request may choose of how a model is sampled. None or nothing in a field: the owner allows no choice.

    `steps` and `guidance_scale` are the least and the most. A request may name at most `max_loras` of the `loras`.
    """

    profiles: tuple[str, ...] = ()
    steps: tuple[int, int] | None = None
    guidance_scale: tuple[float, float] | None = None
    loras: tuple[LoraChoice, ...] = ()
    max_loras: int = 3


NO_CHOICES: Final = Choices()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One line of the catalogue. `frames` is the length of a video, at `fps` frames a second.

    `steps`, `guidance_scale` and `profile` are what it is sampled with, where an engine samples. `choices` are what a
    request may choose instead.
    """

    name: str
    sizes: tuple[Size, ...]
    default_size: Size
    frames: int = 150
    fps: int = 30
    steps: int | None = None
    guidance_scale: float | None = None
    profile: str = ""
    choices: Choices = NO_CHOICES

    @property
    def seconds(self) -> int:
        """The default length of a video, in whole seconds."""
        return round(self.frames / self.fps)

    @property
    def lengths(self) -> tuple[int, ...]:
        """The lengths that may be asked for, in seconds, the default first."""
        return (self.seconds, SHORTER) if self.seconds > SHORTER else (self.seconds,)

    def frames_in(self, seconds: int) -> int:
        """The number of frames of one of the `lengths`. A model with one frame more than its seconds need keeps it."""
        return self.frames - (self.seconds - seconds) * self.fps


MODELS: dict[str, ModelCard] = {
    card.name: card
    for card in (
        ModelCard("wan2.2-t2v-plus", (DOCUMENT_480P, *TIER_480P, *TIER_1080P), (1920, 1080)),
        ModelCard("wanx2.1-t2v-turbo", (DOCUMENT_480P, *TIER_480P, *TIER_720P), (1280, 720)),
        ModelCard("wanx2.1-t2v-plus", TIER_720P, (1280, 720)),
    )
}
"""The model cards by name. Videos are five seconds at 30 frames a second, as the hosted service makes them."""

DEFAULT_MODEL: Final = "wanx2.1-t2v-turbo"
"""The model of a request that names none, unless the owner sets another."""
