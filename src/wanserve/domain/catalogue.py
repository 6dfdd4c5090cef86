"""The model cards: names, sizes and lengths, as the document and its vendor list them."""

from collections.abc import Mapping
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


@dataclass(frozen=True, slots=True)
class Choices:
    """What a request may choose of how a model is sampled."""

    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One line of the catalogue. `frames` is the length of a video, at `fps` frames a second.

    `steps` and `guidance_scale` are what it is sampled with, where an engine samples.
    """

    name: str
    sizes: tuple[Size, ...]
    default_size: Size
    frames: int = 150
    fps: int = 30
    steps: int | None = None
    guidance_scale: float | None = None
    choices: Choices = Choices()

    @property
    def seconds(self) -> int:
        """The default length of a video, in whole seconds."""
        return round(self.frames / self.fps)

    @property
    def made_with(self) -> Mapping[str, float]:
        """The fields of a VideoRequest that cannot be chosen, with the only values that a client may send."""
        made = {"fps": self.fps, "steps": self.steps, "guidance_scale": self.guidance_scale}
        return {field: value for field, value in made.items() if value is not None}

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
