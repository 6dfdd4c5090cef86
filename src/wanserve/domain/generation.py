"""Knows what is to be made, in the model's own units, and nothing of who asked or how it is sent."""

from dataclasses import dataclass
from typing import Final


def number_text(number: float) -> str:
    """The number as a text that is read back as the same number, without a needless `.0`."""
    return str(number).removesuffix(".0")


@dataclass(frozen=True, slots=True)
class LoraUse:
    """A LoRA of the owner's list, by its name, and how strongly it is applied."""

    name: str
    strength: float

    @property
    def description(self) -> str:
        """The name and the strength, such as `sketch:0.8`."""
        return f"{self.name}:{number_text(self.strength)}"


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a request chose of how its model is sampled. Each default means: as the model's own settings are."""

    profile: str = ""
    steps: int | None = None
    guidance_scale: float | None = None
    loras: tuple[LoraUse, ...] = ()

    @property
    def description(self) -> str:
        """The choices as one line, such as `profile=fast, steps=8, lora=sketch:0.8`; "" where there are none."""
        parts = [f"profile={self.profile}"] if self.profile else []
        if self.steps is not None:
            parts.append(f"steps={self.steps}")
        if self.guidance_scale is not None:
            parts.append(f"guidance_scale={number_text(self.guidance_scale)}")
        return ", ".join([*parts, *(f"lora={lora.description}" for lora in self.loras)])

    @property
    def pace(self) -> str:
        """What of the choices changes how long an attempt takes, as a text; "" where none does."""
        # A step without guidance is half the work of one with guidance; with guidance, its scale does not matter.
        unguided = "unguided" if self.guidance_scale == 1 else ""
        steps = "" if self.steps is None else f"{self.steps} steps"
        return " ".join(filter(None, (self.profile, steps, unguided)))


NOTHING_CHOSEN: Final = Chosen()


@dataclass(frozen=True, slots=True)
class Generation:
    """One video to make.

    `width` and `height` are pixels, `frames` is a count, `fps` is frames a second, `seed` is 0 to 2**31 - 1.
    `prompt` is never blank; `negative_prompt` is "" where there is none. `prompt_extend` allows the prompt to be
    rewritten at more length before it is drawn, where the server can do that. `watermark` asks for the visible text in
    the picture's corner which says that it was made by a machine. `profile`, `steps`, `guidance_scale` and `loras` are what
    the request chose of how the model is sampled; by default the model's own settings.
    """

    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    frames: int
    fps: int
    seed: int
    prompt_extend: bool = False
    watermark: bool = False
    profile: str = ""
    steps: int | None = None
    guidance_scale: float | None = None
    loras: tuple[LoraUse, ...] = ()

    @property
    def seconds(self) -> float:
        """How long the video plays, in seconds."""
        return self.frames / self.fps

    @property
    def chosen(self) -> Chosen:
        """What the request chose of how the model is sampled."""
        return Chosen(self.profile, self.steps, self.guidance_scale, self.loras)
