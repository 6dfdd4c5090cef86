"""Knows what is to be made, in the model's own units, and nothing of who asked or how it is sent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoraUse:
    """A LoRA of the owner's list, by its name, and how strongly it is applied."""

    name: str
    strength: float


@dataclass(frozen=True, slots=True)
class Generation:
    """One video to make.

    `width` and `height` are pixels, `frames` is a count, `fps` is frames a second, `seed` is 0 to 2**31 - 1.
    `prompt` is never blank; `negative_prompt` is "" where there is none. `prompt_extend` allows the prompt to be
    rewritten at more length before it is drawn, where the server can do that. `watermark` asks for the visible text in
    the picture's corner which says that it was made by a machine.
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
