"""The whole protocol between a worker and its child process. Plain values, pickled over one pipe.

Down go orders: a Charge once, then Generate and Cancel. Up come events: Progress, Done, Crashed.
"""

from dataclasses import dataclass
from pathlib import Path

from wanserve.domain.generation import Generation
from wanserve.domain.task import Video


@dataclass(frozen=True, slots=True)
class Charge:
    """The first message: which engine to load, and where the finished files and the unfinished ones go."""

    engine: str
    blobs: Path
    scratch: Path
    log_level: str


@dataclass(frozen=True, slots=True)
class Generate:
    """Make this video, encode it, read it back and store it under a name that holds the attempt."""

    task_id: str
    attempt: int
    generation: Generation


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop what is being made at the engine's next step. Nothing is being made: nothing happens."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The attempt lives, and this fraction of it is done, 0.0 to 1.0."""

    fraction: float


@dataclass(frozen=True, slots=True)
class Done:
    """The engine has loaded (`video` is None), or the ordered video is stored."""

    video: Video | None


@dataclass(frozen=True, slots=True)
class Crashed:
    """What was ordered came to nothing: the code of an error class and one line. `retryable` as on the class."""

    code: str
    message: str
    retryable: bool


Order = Charge | Generate | Cancel
Event = Progress | Done | Crashed
