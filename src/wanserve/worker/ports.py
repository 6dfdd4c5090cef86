"""What the worker needs of its child process, and of whoever chooses the upstream for a task."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from wanserve.domain.attempt import Outcome
from wanserve.domain.task import Task
from wanserve.domain.worker import UpstreamUse
from wanserve.worker.protocol import Command, Crashed, Event


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no process. `problem`: why no engine is loaded, where one failed to load."""

    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Starting:
    """The process builds its engine, and was told to load no model yet."""

    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Loading:
    """The engine loads a model, since `since_s` by the monotonic clock.

    `had_model`: it was ready for another model before. `problem` is as in Absent, until this model is loaded.
    """

    model: str
    since_s: float
    had_model: bool = False
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is ready for this model's videos."""

    model: str
    problem: None = None


ChildState = Absent | Starting | Loading | Ready


def is_loaded(state: ChildState) -> bool:
    """Whether a model was loaded in this process; it stays so while the next one is loaded."""
    return isinstance(state, Ready) or (isinstance(state, Loading) and state.had_model)


class Child(Protocol):
    """One child process with one engine. The worker's thread calls it; `state` and `silent_s` may be read by any thread."""

    @property
    def state(self) -> ChildState:
        """What it is doing."""

    def pause_s(self) -> float:
        """How long to wait before `start`, in seconds: longer after each start that failed."""

    def start(self) -> None:
        """Start a process, which builds its engine; where it cannot, the next event is Crashed."""

    def load(self, model: str) -> None:
        """Have it load this model; Loaded or Crashed follows. The model before is unloaded."""

    def ping(self) -> None:
        """Ask a process that has sent nothing for a while whether it lives; whatever it sends next is the answer."""

    def silent_s(self) -> float:
        """For how many seconds the answer to `ping` is overdue; 0 where none is expected."""

    def send(self, command: Command) -> None:
        """Send a command. Where the process has ended, `next_event` returns a Crashed afterwards."""

    def next_event(self, timeout_s: float) -> Event | None:
        """What the process sends within `timeout_s` seconds, or None. Its death is a Crashed, once."""

    def give_up(self, problem: str) -> None:
        """Kill a process that is of no use any more, and keep the reason until another has loaded a model."""

    def kill(self) -> None:
        """End the process at once, whatever it does; also one that is stopped."""

    def close(self) -> None:
        """Let the process end by closing its pipe; kill it if it does not."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claimed task, and the upstream that is to make it; None where the engine makes it itself."""

    task: Task
    upstream: str | None = None


Claim = Callable[[Collection[str]], Task | None]
"""Claims the next task of these models, or returns None. Raises StoreUnavailable."""


class Router(Protocol):
    """Decides which tasks may be claimed now, and where they are made. May be used from any thread."""

    def claim(self, models: Collection[str], claim: Claim) -> Claimed | None:
        """Claim a task of those models that can be made now; None where there is none. Raises what `claim` raises."""

    def ended(self, claimed: Claimed, outcome: Outcome | None, crash: Crashed | None) -> None:
        """Note how an attempt ended; None: nobody knows. To be called once for each claim."""

    def problem(self) -> str | None:
        """Why no task is claimed now, None where nothing is known to prevent it."""

    def unavailable(self) -> Mapping[str, str]:
        """The upstreams that get no task now, each with the reason."""

    def use(self) -> Mapping[str, UpstreamUse]:
        """What each upstream does now."""


class NoRouter:
    """The Router of engines that make the videos themselves."""

    def claim(self, models: Collection[str], claim: Claim) -> Claimed | None:
        """See Router."""
        task = claim(models)
        return None if task is None else Claimed(task)

    def ended(self, claimed: Claimed, outcome: Outcome | None, crash: Crashed | None) -> None:
        """See Router."""

    def problem(self) -> str | None:
        """See Router."""
        return None

    def unavailable(self) -> Mapping[str, str]:
        """See Router."""
        return {}

    def use(self) -> Mapping[str, UpstreamUse]:
        """See Router."""
        return {}
