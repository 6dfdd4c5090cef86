"""Knows a task's life: its states, the one table of allowed moves, and what each move changes."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from wanserve.domain.attempt import Fault
from wanserve.domain.errors import WrongState
from wanserve.domain.generation import Generation


class State(StrEnum):
    """Where a task is in its life."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"


NEXT: dict[State, frozenset[State]] = {
    State.PENDING: frozenset({State.RUNNING, State.CANCELED}),
    State.RUNNING: frozenset({State.PENDING, State.SUCCEEDED, State.FAILED, State.CANCELED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELED: frozenset(),
}
"""The only moves there are. RUNNING to PENDING is a lost, crashed or drained attempt that may be tried again."""

LIVE = frozenset(state for state, following in NEXT.items() if following)
"""The states from which a task can still move."""


class Variant(StrEnum):
    """The files that an attempt makes, each by the ending of its name: the video, one picture of it, and a sheet of many."""

    VIDEO = "mp4"
    THUMBNAIL = "webp"
    SPRITESHEET = "jpg"


@dataclass(frozen=True, slots=True)
class Video:
    """A finished video: the blob's key, its size in bytes, the engine that made it, and what the engine noted.

    `profile` is what the engine traded for speed or memory, "" where it has no such choice; `actual_prompt` is what
    was drawn where that is not the task's own prompt.
    """

    key: str
    size_bytes: int
    engine: str
    notes: tuple[str, ...] = ()
    profile: str = ""
    actual_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """A submit that its client has given a name: under the same name it is the same submit."""

    name: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A submit of a client that counts its tries: it was sent `retries` times before."""

    retries: int


Repeat = Named | Sent | None
"""How a submit that comes twice is known to be one; None: it is not."""


@dataclass(frozen=True, slots=True)
class Once:
    """Makes a submit repeatable by the account's own `key` for it; `fingerprint` is the SHA-256 of what was asked.

    A use of the key before `since_ms` is forgotten. `kept_since_ms`: a task that ended before is no longer known.
    """

    key: str
    fingerprint: str
    since_ms: int
    kept_since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Counted:
    """Makes a submit repeatable by its count of tries; `fingerprint` is the SHA-256 of what was asked.

    The task that this account's try number `follows` of the same was answered with since `since_ms` is the task of
    this try, number `retries`, and of no other that follows the same number: a client counts the tries of each call
    anew, so two calls for the same look alike, and each must get a task of its own. Where `follows` is None, no
    earlier try of this call can have been answered with a task.
    """

    fingerprint: str
    retries: int
    since_ms: int
    follows: int | None

    def followed_by(self, other: "Counted") -> bool:
        """Whether the other can be a later try of the same call."""
        return self.fingerprint == other.fingerprint and self.retries == other.follows


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed: the code of an error class and one clear line for the user."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Usage:
    """A ledger row: one video that was made, for whom, and how long it plays."""

    task_id: str
    account: str
    model: str
    width: int
    height: int
    seconds: float
    engine: str
    ended_ms: int


@dataclass(frozen=True, slots=True)
class Task:
    """One accepted generation and its life. Times are milliseconds since 1970, UTC.

    `attempt` counts the claims and is the fence: a write by an older attempt changes nothing. `attempts_spent`
    counts the attempts that ended badly by the task's own fault, `losses` those that its machine or its worker lost; a
    drained one is neither. `progress` is 0.0 to 1.0: how far the attempt that came furthest has come. `remixed_from`
    is the id of the task that this one was made after.
    """

    id: str
    account: str
    generation: Generation
    submitted_ms: int
    state: State = State.PENDING
    attempt: int = 0
    attempts_spent: int = 0
    progress: float = 0.0
    started_ms: int | None = None
    ended_ms: int | None = None
    lease_ms: int | None = None
    video: Video | None = None
    failure: Failure | None = None
    remixed_from: str | None = None
    losses: int = 0

    def claimed(self, now_ms: int, lease_ms: int) -> "Task":
        """The task as its next attempt has it, until `lease_ms`. Raises WrongState unless it is PENDING."""
        self._require(State.RUNNING)
        return replace(
            self,
            state=State.RUNNING,
            attempt=self.attempt + 1,
            started_ms=max(now_ms, self.submitted_ms),
            lease_ms=lease_ms,
        )

    def succeeded(self, now_ms: int, video: Video) -> "Task":
        """The task with its video made. Raises WrongState unless it is RUNNING."""
        self._require(State.SUCCEEDED)
        return replace(
            self, state=State.SUCCEEDED, progress=1.0, ended_ms=self._end(now_ms), lease_ms=None, video=video
        )

    def failed(self, now_ms: int, failure: Failure, fault: Fault = Fault.TASK) -> "Task":
        """The task given up after an attempt that ended by this fault. Raises WrongState unless it is RUNNING."""
        self._require(State.FAILED)
        counted = self._counting(fault)
        return replace(counted, state=State.FAILED, ended_ms=self._end(now_ms), lease_ms=None, failure=failure)

    def canceled(self, now_ms: int) -> "Task":
        """The task canceled. Raises WrongState where it has ended."""
        self._require(State.CANCELED)
        return replace(self, state=State.CANCELED, ended_ms=self._end(now_ms), lease_ms=None)

    def requeued(self, fault: Fault | None = None) -> "Task":
        """The task waiting again, in its old place, after an attempt that ended by this fault; None: by nobody's.

        Raises WrongState unless it is RUNNING.
        """
        self._require(State.PENDING)
        return replace(self._counting(fault), state=State.PENDING, started_ms=None, lease_ms=None)

    def ended_before(self, time_ms: int) -> bool:
        """Whether it ended before this time; false while it has not ended."""
        return self.ended_ms is not None and self.ended_ms < time_ms

    def usage(self) -> Usage:
        """The ledger row of a task that has SUCCEEDED. Raises WrongState for any other."""
        if self.video is None or self.ended_ms is None:
            raise WrongState(f"task {self.id} is {self.state} and has made no video")
        made = self.generation
        return Usage(
            self.id, self.account, made.model, made.width, made.height, made.seconds, self.video.engine, self.ended_ms
        )

    def _counting(self, fault: Fault | None) -> "Task":
        match fault:
            case None:
                return self
            case Fault.TASK:
                return replace(self, attempts_spent=self.attempts_spent + 1)
            case Fault.MACHINE | Fault.WORKER:
                return replace(self, losses=self.losses + 1)
            case _:
                assert_never(fault)

    def _end(self, now_ms: int) -> int:
        # A clock may be set back: nothing ends before it began.
        return max(now_ms, self.started_ms or self.submitted_ms)

    def _require(self, state: State) -> None:
        if state not in NEXT[self.state]:
            raise WrongState(f"task {self.id} is {self.state} and cannot become {state}")
