"""The ports: the Protocols whose implementations app.py and core.py choose."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import NamedTuple, Protocol

from wanserve.domain.account import Account, Key, Limits
from wanserve.domain.catalogue import Size
from wanserve.domain.errors import WanserveError
from wanserve.domain.generation import Generation
from wanserve.domain.idempotency import CountedSubmit, SubmitIdentity
from wanserve.domain.marks import DigitalSource, MadeFile
from wanserve.domain.progress import Heartbeat, Kind, Progress, StageTimes
from wanserve.domain.search import Search
from wanserve.domain.task import NewTask, Settlement, State, Task, Usage
from wanserve.domain.worker import WorkerRow

Clock = Callable[[], int]
"""Milliseconds since 1970, UTC."""

Frame = memoryview
"""One picture: uint8, C-contiguous, shape (height, width, 3) RGB, or (height, width, 4) whose fourth byte is ignored."""

Report = Callable[[Progress], None]
"""Called by an engine at each of its steps. Raises `Canceled` once a cancel was asked."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What an engine makes of a generation: exactly `generation.frames` frames, drawn as they are taken.

    A frame may share its memory with the next one: use it before taking another. Where `size` is given, the frames
    are of that width and height, and are scaled to the generation's as they are encoded; where `scaled` is set, each
    frame may have another size, of the generation's shape. `notes` are plain sentences for the user about what was
    drawn otherwise than asked; the last of them may come with the last frame. `how` is what the file's metadata says of
    how it was made, without anything of the prompt. `scene` is what was understood of the prompt, as a JSON object; ""
    where the engine does not tell.
    """

    frames: Iterator[Frame]
    notes: Sequence[str] = ()
    profile: str = ""
    how: str = ""
    size: Size | None = None
    scaled: bool = False
    scene: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """For which attempt of which task a finished file is fetched, and from which upstream; None: the engine chooses."""

    task_id: str
    attempt: int
    upstream: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What an upstream told about a file: `notes` as in Clip, and the prompt that was drawn where that is not ours."""

    notes: Sequence[str] = ()
    actual_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class RemoteVideo:
    """What an engine has another server make of a generation: a finished file, made and downloaded by `fetch`.

    `fetch` writes the file to the path, which does not exist, and calls the `report` of the generation all the while.
    It raises EngineFailed, UpstreamFailed, MediaUnavailable, or Canceled from `report`. The file is not checked.
    """

    fetch: Callable[[Order, Path], Fetched]


class Engine(Protocol):
    """Makes videos of generations. Built once in a worker's child process, which calls it from its main thread only."""

    name: str
    digital_source: DigitalSource

    def load(self, model: str) -> None:
        """Load this model and unload the one before it. That may take minutes.

        Raises SetupError where something is missing on this machine.
        """

    def generate(self, generation: Generation, report: Report) -> Clip | RemoteVideo:
        """Draw the generation. Raises EngineFailed, or Canceled from `report`, here or while the result is taken."""

    def clean_up(self) -> None:
        """Release what the last generation left behind, however it ended. Called after each."""


@dataclass(frozen=True, slots=True)
class StateCount:
    """The number of tasks of one model in one state; for PENDING also when the oldest of them was submitted."""

    model: str
    state: State
    count: int
    oldest_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TokensAsked:
    """How many tokens are asked of the bucket of an account and a kind of request, which fills at `rate` a second."""

    account: str
    kind: str
    tokens: int
    rate: float


@dataclass(frozen=True, slots=True)
class TokensGranted:
    """How many tokens were taken, and in how many whole seconds there will be another one; 0: there is one left."""

    tokens: int
    wait_s: int


class Refusals(Protocol):
    """The refused submits of clients that count their retries; see RefusedSubmits. May be used from any thread."""

    def note(self, account: str, submit: CountedSubmit, until_ms: int) -> None:
        """Remember until then that this try was refused. It does not block."""

    def follows(self, account: str, fingerprint: str, retries: int, now_ms: int) -> int | None:
        """The number of the earlier try whose answer may have been lost before try number `retries`; None if none."""


class TokenStore(Protocol):
    """The token buckets of the rate limits, where several processes share them. A bucket holds one second's worth."""

    def take(self, asked: Sequence[TokensAsked]) -> list[TokensGranted]:
        """Take as many tokens as there are, at most as many as are asked for. No bucket is asked twice in one call.

        Raises StoreUnavailable.
        """


class TimesStore(Protocol):
    """How long the last attempts took. May be used from any thread. Raises StoreUnavailable."""

    def note(self, kind: Kind, times: StageTimes) -> None:
        """Keep the times of an attempt that made a video; of each kind the last KEPT_TIMES are kept."""

    def all(self) -> list[tuple[Kind, StageTimes]]:
        """Those of every kind, oldest first."""


class TaskVersion(NamedTuple):
    """How often a task has changed, and whether it has ended."""

    task_id: str
    account: str
    changes: int
    ended: bool


class TaskStore(Protocol):
    """The task table, which is the queue and the truth, with its ledger and its workers.

    The store owns the clock: callers hand in durations, and the store writes instants, in milliseconds since 1970.
    Every method raises StoreUnavailable where the table cannot be read or written. A write has survived a power
    cut once it returns (for `add`: once its future is done).
    """

    def now_ms(self) -> int:
        """The store's clock, in milliseconds since 1970, UTC. Cheap: it may be read for each request."""

    def add(self, new: NewTask, max_queued: int, identity: SubmitIdentity | None = None) -> Future[Task]:
        """Accept a task, unless `max_queued` tasks of its account and model are waiting.

        The future is done when the row is on disk, and gives the task: the new one, or as it now is the one that was
        accepted for an earlier submit with the same `identity`. It fails with QueueFull, with StoreUnavailable, or
        with InvalidRequest where the idempotency key was used for another request, or for a task that was deleted
        since. An account's own limit takes precedence over `max_queued`.
        """

    def find_earlier(self, account: str, identity: SubmitIdentity, refusal: WanserveError) -> Future[Task]:
        """The task that was accepted for an earlier submit with the same identity. Nothing is added.

        The future fails with `refusal` where there is none.
        """

    def get(self, account: str, task_id: str) -> Task | None:
        """The task of this account, or None."""

    def get_many(self, asked: Sequence[tuple[str, str]]) -> list[Task | None]:
        """For each account and task id the task of this account, or None."""

    def find(self, task_id: str) -> Task | None:
        """The task of any account: for the sweepers and the server's owner, never for an endpoint."""

    def changes(self, ids: Collection[str], accounts: Collection[str], ended_since_ms: int) -> list[TaskVersion]:
        """How often each task has changed that is named, or is of one of these accounts.

        Of the accounts' tasks those that had ended before this time are left out.
        """

    def search(self, account: str | None, search: Search) -> list[Task]:
        """The tasks that the search finds, of one account, or of all where it is None. None where `after` does not exist.

        Those of one account are in the order of their submits, those of all accounts in the order of acceptance.
        """

    def count(self, account: str, search: Search) -> int:
        """The number of the account's tasks that the search finds. Its `after`, `skip` and `limit` are ignored."""

    def waiting(self, models: Collection[str], max_running: int | None) -> list[str]:
        """The models among these that have a task for `claim`, in the order in which it would take their tasks."""

    def places(self, task_ids: Collection[str]) -> dict[str, int]:
        """The place in line of each PENDING task among those of its model, 1 for the next. Others are left out.

        Its account's own earlier tasks are before it, and of every other account at most as many as of its own up to
        itself: the accounts take turns.
        """

    def next_place(self, account: str, model: str) -> int:
        """The place in line that a task would get if the account submitted it now, whether or not its queue has room."""

    def claim(
        self, worker_id: str, models: Collection[str], lease_seconds: float, max_running: int | None
    ) -> Task | None:
        """Claim the next waiting task of these models, or None.

        The account with the fewest RUNNING tasks comes first; among equals the one whose last claim is the longest
        ago, or the oldest account where none had a claim. Its oldest task is claimed. An account with `max_running`
        RUNNING tasks of a model, or as many as its own limit allows, gets no further one of that model.
        """

    def renew(self, task: Task, lease_seconds: float, heartbeat: Heartbeat) -> bool:
        """The heartbeat of `task.attempt`: extend its lease and write how far it is. False where it has lost the task.

        Progress that is less than the stored one is ignored, here and in `settle`.
        """

    def settle(self, task: Task, settlement: Settlement, *, expired_only: bool = False) -> bool:
        """End the attempt `task.attempt` and change its task's state; a success adds its ledger row in the same transaction.

        With the row it adds the hashes of the files.

        Returns False, and writes nothing, where that attempt no longer holds the task, or with `expired_only` where
        its lease has not expired.
        """

    def cancel(self, account: str, task_id: str, states: Collection[State]) -> Task | None:
        """Cancel the task if it is in one of these states. Returns the canceled task, or None."""

    def note_freed(self, task: Task) -> bool:
        """Note that the worker of the canceled attempt `task.attempt` has stopped, by removing it from the task.

        False where the task is not canceled, has had another attempt, or is gone.
        """

    def remove(self, account: str, task_id: str) -> bool:
        """Delete the task, whatever its state; its ledger row stays. False where this account has no such task."""

    def expired(self) -> list[Task]:
        """The RUNNING tasks whose lease has expired."""

    def abandoned(self, installation: str) -> list[Task]:
        """The RUNNING tasks of this installation's workers, and those without a worker id."""

    def usage(self, account: str | None) -> list[Usage]:
        """The ledger, oldest first; of one account, or of all where it is None."""

    def made(self, sha256: str) -> list[MadeFile]:
        """The files with this hash that attempts of any account have made, while their ledger rows are there."""

    def forget(self, ended_before_ms: int, limit: int) -> list[Task]:
        """Delete the `limit` oldest tasks that ended before this time, and return them; their ledger rows stay."""

    def forget_keys(self, ttl_ms: int, limit: int) -> int:
        """Delete at most `limit` idempotency keys that were first used longer ago than this. Returns how many it deleted."""

    def save_worker(self, worker: WorkerRow) -> None:
        """The heartbeat of a worker: write its row, with `seen_ms` by the store's clock."""

    def remove_workers(self, installation: str) -> None:
        """Remove the rows of this installation's workers, except of those that still have a RUNNING task."""

    def forget_workers(self, unseen_seconds: float) -> None:
        """Remove the rows of the workers without a heartbeat for so long, except of those that have a RUNNING task."""

    def workers(self, seen_within_seconds: float) -> list[WorkerRow]:
        """The workers with a heartbeat within the last so many seconds, sorted by id."""

    def wait(self, seen: int, timeout_s: float) -> int:
        """Wait until a task may be waiting or `wake` is called, for at most `timeout_s` seconds. Returns a count of that.

        `seen` is the count that the last call returned: a higher count returns at once. The count is this process's own.
        """

    def wake(self) -> None:
        """Let every `wait` return."""

    heartbeat_seconds: float
    """How often an attempt's heartbeat is due: seldom where `watch` hears of the cancels of every process."""

    def watch(self, task_id: str) -> AbstractContextManager[Event]:
        """An event that is set once the task may have been canceled or deleted; the next heartbeat tells whether it was."""

    def leads(self) -> bool:
        """Whether this process is the one, of all that serve on the same table, that sweeps for all of them."""

    def state_counts(self) -> list[StateCount]:
        """The number of tasks of each model in each state."""

    def check_writable(self) -> None:
        """Write as much as a submit does, durably. Raises StoreUnavailable."""


class KeyStore(Protocol):
    """Accounts and their keys. A write is seen by the next read, in every process. The store owns the clock."""

    def find_keys(self, hashes: Sequence[str]) -> list[Key | None]:
        """For each SHA-256 the key that has it, revoked or not, with its account's limits and owner flag; or None."""

    def add_key(self, name: str, account: str, sha256: str, models: Collection[str] | None) -> None:
        """Store a key, and its account where that is new. Raises InvalidRequest where the name is taken."""

    def restrict_key(self, name: str, models: Collection[str] | None) -> bool:
        """Let the key use only these models, or all where it is None. False where there is no key of that name."""

    def revoke_key(self, name: str) -> bool:
        """Revoke the key; one that is revoked keeps its time. False where there is no key of that name."""

    def all_keys(self) -> list[Key]:
        """Every key, oldest first."""

    def accounts(self) -> list[Account]:
        """Every account, oldest first."""

    def set_limits(self, account: str, limits: Limits) -> bool:
        """Write the account's limits. False where there is no such account."""

    def set_owner(self, account: str, *, owner: bool) -> bool:
        """Write whether the account is the server's owner. False where there is no such account."""


class SessionStore(Protocol):
    """The sessions of browsers, each of one key. Tokens are known by their SHA-256 only. The store owns the clock.

    May be used from any thread. A write is seen by the next read, in every process. Raises StoreUnavailable.
    """

    def add(self, sha256: str, key_sha256: str, seconds: float) -> None:
        """Store a session of the key, valid for so many seconds. One that is there already stays as it is."""

    def find(self, sha256: str) -> Key | None:
        """The key of the session, revoked or not, with its account's limits and owner flag.

        None where the session is unknown or has expired.
        """

    def remove(self, sha256: str) -> None:
        """Remove the session; removing it twice is not an error."""

    def forget_expired(self, limit: int) -> int:
        """Delete at most `limit` sessions that have expired, the oldest first. Returns how many it deleted."""
