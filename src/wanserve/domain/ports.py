"""Knows what the parts promise each other: the Protocols that `app.py` fills with implementations."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wanserve.domain.generation import Generation

Frame = memoryview
"""One picture: uint8, C-contiguous, shape (height, width, 3) RGB, or (height, width, 4) whose fourth byte is ignored."""

Report = Callable[[float], None]
"""Called by an engine at each of its steps with the fraction done, 0.0 to 1.0. Raises `Canceled` once a cancel was asked."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What an engine makes of a generation: exactly `generation.frames` frames, drawn as they are taken.

    A frame may share its memory with the next one: use it before taking another. `notes` are plain sentences
    for the user about what was drawn otherwise than asked.
    """

    frames: Iterator[Frame]
    notes: tuple[str, ...] = ()


class Engine(Protocol):
    """Turns a generation into frames. Built and loaded once in a worker's child process, then used for many."""

    name: str

    def load(self) -> None:
        """Make ready to generate; may take minutes. Raises SetupError where this machine lacks something."""

    def generate(self, generation: Generation, report: Report) -> Clip:
        """Draw the generation. Raises EngineFailed, or Canceled from `report`; both may come while frames are taken."""


class BlobStore(Protocol):
    """Stored files by key, such as `videos/{task}/{attempt}.mp4`. A key is relative, with no `..` in it."""

    def put(self, key: str, source: Path) -> None:
        """Take over the file at `source` under `key`; it survives a power cut once this returns.

        Raises BlobUnavailable where it cannot be written; the source is then left where it is.
        """

    def local_path(self, key: str) -> Path:
        """Where the file lies on this machine. Raises BlobNotFound."""

    def delete(self, key: str) -> None:
        """Remove the file; one that is gone already is not an error."""

    def keys(self) -> Iterator[str]:
        """Every stored key, in no promised order."""
