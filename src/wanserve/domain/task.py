"""A task: its states, the table of allowed transitions, and what each transition changes."""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import assert_never

from wanserve.domain.attempt import Fault
from wanserve.domain.errors import WrongState
from wanserve.domain.generation import NOTHING_CHOSEN, Chosen, Generation
from wanserve.domain.marks import Hashes
from wanserve.domain.progress import Heartbeat, Stage


class State(StrEnum):
    """The state of a task."""

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
"""The allowed transitions. RUNNING to PENDING: the attempt was lost, crashed or given back, and may be tried again."""

UNFINISHED = frozenset(state for state, following in NEXT.items() if following)
"""The states of a task that has not ended."""


class Variant(StrEnum):
    """The files that an attempt makes, with the endings of their names: the video, one picture of it, a sheet of many.

    PREVIEW is a small picture of a video that is being made; later ones replace it. SCENE is what the engine understood
    of the prompt; only the preview engine makes one.
    """

    VIDEO = "mp4"
    THUMBNAIL = "webp"
    SPRITESHEET = "jpg"
    PREVIEW = "png"
    SCENE = "json"

    @property
    def media_type(self) -> str:
        """The media type of the file."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    Variant.VIDEO: "video/mp4",
    Variant.THUMBNAIL: "image/webp",
    Variant.SPRITESHEET: "image/jpeg",
    Variant.PREVIEW: "image/png",
    Variant.SCENE: "application/json",
}


@dataclass(frozen=True, slots=True)
class Video:
    """A finished video: the key of its blob, its size in bytes, the engine that made it, and the engine's notes.

    `profile` is what the engine traded for speed or memory, "" where it has no such choice. `actual_prompt` is the prompt
    that was drawn, where that is not the task's own. `scene` is what the engine understood of it, as a JSON object; ""
    where it does not tell.
    """

    key: str
    size_bytes: int
    engine: str
    notes: tuple[str, ...] = ()
    profile: str = ""
    actual_prompt: str | None = None
    scene: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task failed: the code of an error class and one clear line for the user."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The attempt has stored its video. `hashes` are those of its files."""

    video: Video
    hashes: Hashes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed, and the task is not tried again."""

    failure: Failure
    fault: Fault = Fault.TASK


@dataclass(frozen=True, slots=True)
class Requeued:
    """The attempt ended without a video, and the task waits again. `fault` is None where the worker gave it back."""

    fault: Fault | None = None


Settlement = Succeeded | Failed | Requeued
"""How an attempt ends, and so what becomes of its task."""


@dataclass(frozen=True, slots=True)
class Usage:
    """A row of the ledger: one video, its account, its length, and what its request chose."""

    task_id: str
    account: str
    model: str
    width: int
    height: int
    seconds: float
    engine: str
    ended_ms: int
    chosen: Chosen = NOTHING_CHOSEN


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that was checked and is not yet accepted: the store sets the time."""

    id: str
    account: str
    generation: Generation
    remixed_from: str | None = None
    webhook_url: str | None = None

    def accepted(self, now_ms: int) -> "Task":
        """The task, accepted at this time."""
        return Task(
            self.id,
            self.account,
            self.generation,
            now_ms,
            remixed_from=self.remixed_from,
            webhook_url=self.webhook_url,
        )


@dataclass(frozen=True, slots=True)
class Task:
    """One accepted generation and its state. Times are milliseconds since 1970, UTC, by the store's clock.

    `attempt` counts the claims and is the fencing token: a write by an older attempt changes nothing.
    `attempts_spent` counts the attempts that failed by the task's own fault, `losses` those that failed by the fault of
    the machine, the worker or an upstream; one that a stopping worker gave back counts as neither. `progress` is 0.0 to 1.0, of
    the attempt that came furthest. `stage`, `step` and `steps` are those of the running attempt at its last heartbeat
    (see Progress), `ends_ms` is when it then expected to end, and `preview` the step of its newest preview. `changes`
    counts what happened to the task. `worker_id` is the worker of the newest attempt, which holds the task until
    `lease_until_ms`; once it has stopped for a cancel it is None. `remixed_from` is the id of the task whose settings
    this one took over. `webhook_url` is told of its end.
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
    lease_until_ms: int | None = None
    video: Video | None = None
    failure: Failure | None = None
    remixed_from: str | None = None
    losses: int = 0
    worker_id: str | None = None
    stage: Stage | None = None
    step: int = 0
    steps: int = 0
    ends_ms: int | None = None
    preview: int = 0
    changes: int = 0
    webhook_url: str | None = None

    def claimed(self, worker_id: str, now_ms: int, lease_until_ms: int) -> "Task":
        """The task, claimed for its next attempt. Raises WrongState unless it is PENDING."""
        self._require(State.RUNNING)
        return replace(
            self,
            state=State.RUNNING,
            attempt=self.attempt + 1,
            started_ms=max(now_ms, self.submitted_ms),
            lease_until_ms=lease_until_ms,
            worker_id=worker_id,
            changes=self.changes + 1,
        )

    def renewed(self, heartbeat: Heartbeat, now_ms: int, lease_until_ms: int) -> "Task":
        """The task after a heartbeat of its attempt. Its progress never goes back."""
        progress, left_ms = heartbeat.progress, heartbeat.left_ms
        return replace(
            self,
            lease_until_ms=lease_until_ms,
            progress=max(self.progress, progress.fraction),
            stage=progress.stage,
            step=progress.step,
            steps=progress.steps,
            ends_ms=None if left_ms is None else now_ms + left_ms,
            preview=progress.preview,
            changes=self.changes + 1,
        )

    def settled(self, settlement: Settlement, now_ms: int) -> "Task":
        """The task after its attempt has ended. Raises WrongState unless it is RUNNING."""
        match settlement:
            case Succeeded(video=video):
                return replace(self._ended(State.SUCCEEDED, now_ms), progress=1.0, video=_storable_video(video))
            case Failed(failure, fault):
                told = Failure(storable(failure.code), storable(failure.message))
                return replace(_counting(self._ended(State.FAILED, now_ms), fault), failure=told)
            case Requeued(fault):
                self._require(State.PENDING)
                waits = replace(_counting(self, fault), state=State.PENDING, started_ms=None)
                return _without_attempt(waits)
            case _:
                assert_never(settlement)

    def canceled(self, now_ms: int) -> "Task":
        """The task, canceled. Raises WrongState where it has ended."""
        return self._ended(State.CANCELED, now_ms)

    @property
    def device_busy(self) -> bool:
        """Whether the task was canceled while it ran, and its worker has not stopped yet, as far as is known."""
        # One that waits again after a lost attempt still names that attempt's worker, and has not started.
        return self.state is State.CANCELED and self.started_ms is not None and self.worker_id is not None

    def freed(self) -> "Task":
        """The canceled task, whose worker has stopped. Raises WrongState for any other."""
        if self.state is not State.CANCELED:
            raise WrongState(f"task {self.id} is {self.state} and was not canceled")
        # Not counted as a change: streams tell of an end once.
        return replace(self, worker_id=None)

    def ended_before(self, time_ms: int) -> bool:
        """Whether it ended before this time. False while it has not ended."""
        return self.ended_ms is not None and self.ended_ms < time_ms

    def usage(self) -> Usage:
        """The ledger row of a task that has SUCCEEDED. Raises WrongState for any other."""
        if self.video is None or self.ended_ms is None:
            raise WrongState(f"task {self.id} is {self.state} and has made no video")
        made = self.generation
        size, engine = (made.width, made.height), self.video.engine
        return Usage(self.id, self.account, made.model, *size, made.seconds, engine, self.ended_ms, made.chosen)

    def _ended(self, state: State, now_ms: int) -> "Task":
        self._require(state)
        # The clock may be set back, but no task may end before it began.
        ended_ms = max(now_ms, self.started_ms or self.submitted_ms)
        return _without_attempt(replace(self, state=state, ended_ms=ended_ms))

    def _require(self, state: State) -> None:
        if state not in NEXT[self.state]:
            raise WrongState(f"task {self.id} is {self.state} and cannot become {state}")


def _without_attempt(task: Task) -> Task:
    """The task, whose attempt has just ended."""
    changes = task.changes + 1
    return replace(task, lease_until_ms=None, stage=None, step=0, steps=0, ends_ms=None, preview=0, changes=changes)


def _counting(task: Task, fault: Fault | None) -> Task:
    """The task with one more attempt counted that ended by this fault."""
    match fault:
        case None:
            return task
        case Fault.TASK:
            return replace(task, attempts_spent=task.attempts_spent + 1)
        case Fault.MACHINE | Fault.WORKER | Fault.UPSTREAM:
            return replace(task, losses=task.losses + 1)
        case _:
            assert_never(fault)


def storable(text: str) -> str:
    """The text with U+FFFD for what not every store can hold: U+0000, and half of a surrogate pair.

    For texts that others wrote: upstreams, chat endpoints, libraries, names of files. The end of an attempt must be
    written whatever they say. What clients send is refused instead.
    """
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _storable_video(video: Video) -> Video:
    prompt = video.actual_prompt
    return replace(
        video,
        notes=tuple(map(storable, video.notes)),
        profile=storable(video.profile),
        actual_prompt=None if prompt is None else storable(prompt),
        scene=storable(video.scene),
    )
