"""The whole protocol between a worker and its child process. Plain values, pickled over one pipe.

Down go orders: a Charge once, then Load, Generate, Probe, Cancel and Ping. Up come events: Loaded, Progress, Done,
Probed, Crashed, Pong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wanserve.domain.attempt import NOTHING_SPENT, Fault, Spent
from wanserve.domain.errors import EngineExhausted, MachineFailed, SetupError, WanserveError
from wanserve.domain.generation import Generation
from wanserve.domain.task import Video
from wanserve.models.sampling import WanModelCard
from wanserve.prompts.chat import ChatEndpoint


@dataclass(frozen=True, slots=True)
class Charge:
    """The first message: which engine to build, and where the finished files and the unfinished ones go.

    `cards` are the models with the settings in force, by name, for engines that look at them; `llm` writes short
    prompts out at length, where there is one; `gpus` make one video together;
    `devices` are those that the child may see, by their names; all, where none is named.
    """

    engine: str
    blobs: Path
    scratch: Path
    log_level: str
    cards: Mapping[str, WanModelCard] = field(default_factory=dict)
    llm: ChatEndpoint | None = None
    gpus: int = 1
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Load:
    """Make ready for this model's videos. One that is loaded already: `Loaded` comes at once."""

    model: str


@dataclass(frozen=True, slots=True)
class Generate:
    """Make this video, encode it, read it back and store it under a name that holds the attempt."""

    task_id: str
    attempt: int
    generation: Generation


@dataclass(frozen=True, slots=True)
class Probe:
    """Write a file as large as a video, store it and delete it: `Probed`, or Crashed with what hinders that."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop what is being made at the engine's next step. Nothing is being made: nothing happens."""


@dataclass(frozen=True, slots=True)
class Ping:
    """Say that you live: `Pong` comes at once, whatever the engine does."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The engine is ready for this model's videos."""

    model: str


@dataclass(frozen=True, slots=True)
class Progress:
    """The attempt lives, and this fraction of it is done, 0.0 to 1.0."""

    fraction: float


@dataclass(frozen=True, slots=True)
class Done:
    """The ordered video is stored."""

    video: Video
    spent: Spent = NOTHING_SPENT


@dataclass(frozen=True, slots=True)
class Crashed:
    """What was ordered came to nothing: the code of an error class and one line. The rest is as on the class."""

    code: str
    message: str
    retryable: bool
    fault: Fault = Fault.TASK


@dataclass(frozen=True, slots=True)
class Probed:
    """The probe was written, stored and deleted again."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The child answers."""


UNSOUND: Final = frozenset({WanserveError.code, EngineExhausted.code, MachineFailed.code, SetupError.code})
"""The codes of a Crashed after which the child ends, and a fresh one is started: memory or state may be broken."""

Order = Charge | Load | Generate | Probe | Cancel | Ping
Event = Loaded | Progress | Done | Probed | Crashed | Pong
