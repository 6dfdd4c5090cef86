"""The whole protocol between a worker and its child process: plain values, pickled over one pipe.

The parent sends commands: a ChildConfig once, then Load, Generate, Probe, Cancel and Ping. The child sends events:
Loaded, Progress, Storing, Done, Probed, Crashed, Pong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wanserve.blobs.target import BlobTarget
from wanserve.domain.attempt import NO_TIMINGS, Fault, Timings
from wanserve.domain.errors import EngineExhausted, MachineFailed, SetupError, WanserveError
from wanserve.domain.generation import Generation
from wanserve.domain.marks import Hashes, MarkSettings
from wanserve.domain.progress import Progress
from wanserve.domain.task import Video
from wanserve.models.sampling import WanModelCard
from wanserve.models.upstream import Upstream
from wanserve.prompts.chat import ChatEndpoint
from wanserve.telemetry import LogFormat


@dataclass(frozen=True, slots=True)
class ChildConfig:
    """The first message: which engine to build, and where finished and unfinished files go.

    `marks` says how the files are marked as generated. `cards` are the models with the settings in force, by name, for engines that sample; `llm` is the chat endpoint that
    extends short prompts, where there is one; `gpus` is how many make one video together. `upstreams` are the servers
    of the remote engine, by name. `preview_steps`: an engine that can shows a picture after every so many steps; 0:
    never.
    """

    engine: str
    blobs: BlobTarget
    scratch: Path
    log_level: str
    marks: MarkSettings
    cards: Mapping[str, WanModelCard] = field(default_factory=dict)
    llm: ChatEndpoint | None = None
    gpus: int = 1
    upstreams: Mapping[str, Upstream] = field(default_factory=dict)
    preview_steps: int = 0
    log_format: LogFormat = "auto"


@dataclass(frozen=True, slots=True)
class Load:
    """Load this model. Where it is loaded already, `Loaded` follows at once."""

    model: str


@dataclass(frozen=True, slots=True)
class Generate:
    """Make this video, encode it, read it back and store it under a name that holds the attempt.

    `upstream` is the server that is to make it, for the remote engine; None leaves the choice to the engine.
    """

    task_id: str
    attempt: int
    generation: Generation
    upstream: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """Write a file as large as a video, store it and delete it: `Probed` follows, or Crashed with the reason."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop the generation at the engine's next step. Without a generation nothing happens.

    `superseded`: another attempt has the task, and what was begun at an upstream is left to it.
    """

    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Ping:
    """Answer with `Pong`, at once, whatever the engine does."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The engine is ready for this model's videos."""

    model: str


@dataclass(frozen=True, slots=True)
class Storing:
    """The video is finished, and a file of it is sent to another machine. `problem`: why that was in vain so far."""

    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The video is stored. `hashes` are those of its files."""

    video: Video
    timings: Timings = NO_TIMINGS
    hashes: Hashes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Crashed:
    """A command failed: the code of an error class and one line for the user. The other fields are as on the class.

    `retry_after_s`: nothing was begun, as the upstream takes no task for so many seconds.
    """

    code: str
    message: str
    retryable: bool
    fault: Fault = Fault.TASK
    said: str = ""
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Probed:
    """The test file was written, stored and deleted again."""


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to Ping."""


RESTART_CODES: Final = frozenset({WanserveError.code, EngineExhausted.code, MachineFailed.code, SetupError.code})
"""The codes of a Crashed after which the child ends and a new one is started: its memory or state may be broken."""

Command = ChildConfig | Load | Generate | Probe | Cancel | Ping
Event = Loaded | Progress | Storing | Done | Probed | Crashed | Pong
