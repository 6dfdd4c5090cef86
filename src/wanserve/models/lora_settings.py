"""The owner's settings of a LoRA."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from wanserve.models.sampling import Lora

Strength = Annotated[float, Field(ge=-10, le=10)]


class LoraSettings(BaseModel):
    """A LoRA of a model: a file for its transformer, and one for the second expert where it has two."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    file_2: str | None = None
    strength: Strength = 1.0

    def lora(self) -> Lora:
        """The LoRA as the engine takes it."""
        return Lora(
            str(Path(self.file).expanduser()), self.file_2 and str(Path(self.file_2).expanduser()), self.strength
        )
