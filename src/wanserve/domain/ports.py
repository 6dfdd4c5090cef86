"""Knows what the parts promise each other: the Protocols that `app.py` fills with implementations."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wanserve.domain.account import Account, Key, Limits
from wanserve.domain.catalog import Size
from wanserve.domain.errors import WanserveError
from wanserve.domain.generation import Generation
from wanserve.domain.search import Search
from wanserve.domain.task import Counted, Once, State, Task, Usage

Clock = Callable[[], int]
"""Milliseconds since 1970, UTC."""

Frame = memoryview
"""One picture: uint8, C-contiguous, shape (height, width, 3) RGB, or (height, width, 4) whose fourth byte is ignored."""

Report = Callable[[float], None]
"""Called by an engine at each of its steps with the fraction done, 0.0 to 1.0. Raises `Canceled` once a cancel was asked."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What an engine makes of a generation: exactly `generation.frames` frames, drawn as they are taken.

    A frame may share its memory with the next one: use it before taking another. Where `size` is given, the frames
    are of that width and height, and are scaled to the generation's as they are encoded. `notes` are plain sentences
    for the user about what was drawn otherwise than asked; the last of them may come with the last frame. `how` says
    for the file's metadata how it was made, with nothing of the prompt in it.
    """

    frames: Iterator[Frame]
    notes: Sequence[str] = ()
    profile: str = ""
    how: str = ""
    size: Size | None = None


class Engine(Protocol):
    """Turns a generation into frames. Built once in a worker's child process, in whose main thread all is called."""

    name: str

    def load(self, model: str) -> None:
        """Make ready for this model's generations; may take minutes, and may let go of the model before.

        Raises SetupError where this machine lacks something.
        """

    def generate(self, generation: Generation, report: Report) -> Clip:
        """Draw the generation. Raises EngineFailed, or Canceled from `report`; both may come while frames are taken."""

    def rest(self) -> None:
        """Let go of what the last generation left behind, however it ended. Called after each."""


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

    def lack(self) -> str:
        """What is lacking to store another video, in words; else empty."""


@dataclass(frozen=True, slots=True)
class Census:
    """How many tasks of one model are in one state; for PENDING also when the one that waits longest was submitted."""

    model: str
    state: State
    count: int
    oldest_ms: int | None = None


class TaskStore(Protocol):
    """The task table, which is the queue and the truth, with its ledger.

    Every method raises StoreUnavailable where the table cannot be read or written. A write has survived a power
    cut once it returns (for `add`: once its future is done).
    """

    def add(self, task: Task, max_queued: int, once: Once | Counted | None = None) -> Future[Task]:
        """Accept a PENDING task, unless its account has `max_queued` waiting for this model.

        The future is done when the row is on disk, and gives the task that stands: this one, or as it now is the
        one that an earlier submit with the same `once` brought. It fails with QueueFull, with StoreUnavailable, or
        with InvalidRequest where the key of `once` was used for something else, or for a task that is no longer
        known. An account's own limit, where it has one, stands before `max_queued`.
        """

    def repeat(self, account: str, once: Once | Counted, refusal: WanserveError) -> Future[Task]:
        """The task that an earlier submit with the same `once` brought, as `add` gives it; adds nothing.

        Where there was none the future fails with `refusal`.
        """

    def get(self, account: str, task_id: str) -> Task | None:
        """The task, if this account has it."""

    def find(self, task_id: str) -> Task | None:
        """The task, whichever account has it: for the sweeper and the server's owner, never for a door."""

    def search(self, account: str | None, search: Search) -> list[Task]:
        """What the search finds; of one account, or of all where it is None. Nothing, where `after` is not there.

        One account's are in the order of the times of their submits, all accounts' in the order of acceptance.
        """

    def count(self, account: str, search: Search) -> int:
        """How many of the account's tasks the search finds, with no regard to `after`, `skip` and `limit`."""

    def waiting(self, models: Collection[str], max_running: int | None) -> list[str]:
        """Those of these models that have a task which `claim` would take, in the order in which it would."""

    def claim(self, models: Collection[str], now_ms: int, lease_ms: int, max_running: int | None) -> Task | None:
        """Take the next waiting task of these models for one attempt until `lease_ms`, or None.

        First the account with the fewest RUNNING tasks; among those the one whose last claim is the longest ago; of
        several that had none, the one that came first; and of it the oldest task. An account with `max_running`
        RUNNING tasks of a model (its own limit first, where it has one) gets no more of it.
        """

    def renew(self, task: Task, lease_ms: int, progress: float) -> bool:
        """Extend the lease of `task.attempt` and note its progress; False where the attempt holds it no more.

        Progress that is less than what the table has is not noted, here as in `settle`.
        """

    def settle(self, task: Task, lease_before_ms: int | None = None) -> bool:
        """End the attempt `task.attempt`: write the moved task over the RUNNING row, with the ledger row of a success.

        False, and nothing written, where that attempt holds the task no more, or where `lease_before_ms` is given
        and its lease reaches that far.
        """

    def cancel(self, task: Task, states: Collection[State]) -> bool:
        """Write the canceled task over a row that is in one of these states; False where it no longer is."""

    def remove(self, account: str, task_id: str) -> bool:
        """Remove the task, in whichever state; its ledger row stays. False where this account has no such task."""

    def expired(self, now_ms: int) -> list[Task]:
        """The RUNNING tasks whose lease ends before `now_ms`."""

    def usage(self, account: str | None) -> list[Usage]:
        """The ledger, oldest first; of one account, or of all where it is None."""

    def forget(self, ended_before_ms: int, limit: int) -> list[Task]:
        """Remove the `limit` oldest tasks that ended before this time, and give them back; their ledger rows stay."""

    def forget_keys(self, used_before_ms: int, limit: int) -> int:
        """Remove at most `limit` idempotency keys that were first used before this time; how many there were."""

    def wait(self, seen: int, timeout_s: float) -> int:
        """The number of times that waiting tasks may have come or `wake` was called.

        Returns once it differs from `seen`, or after `timeout_s` seconds. The number is this process's own.
        """

    def wake(self) -> None:
        """Make every `wait` return now."""

    def census(self) -> list[Census]:
        """How many tasks there are of each model in each state."""

    def check_writable(self) -> None:
        """Write as much as a submit does, durably. Raises StoreUnavailable."""


class KeyStore(Protocol):
    """Accounts and their keys. What is written counts for the next read, from whichever process."""

    def find_key(self, sha256: str) -> Key | None:
        """The key with this hash, revoked or not, with its account's limits."""

    def add_key(self, key: Key) -> None:
        """Store a key, and its account where that is new. Raises InvalidRequest where the name is taken."""

    def update_key(self, key: Key) -> None:
        """Write the key's models and whether it is revoked over the row of its hash."""

    def all_keys(self) -> list[Key]:
        """Every key, oldest first."""

    def accounts(self) -> list[Account]:
        """Every account, oldest first."""

    def limit(self, account: str, limits: Limits) -> bool:
        """Write the account's limits; False where there is no such account."""
