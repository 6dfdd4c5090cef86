"""Takes back lost attempts; deletes old tasks, orphaned files and unfinished files.

Everything is taken back or deleted only when two sweeps in a row have found it. Items are handled one by one: an error
is logged, the next sweep tries again, and the other items are handled all the same.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

from wanserve.domain.blobs import BlobStore
from wanserve.domain.errors import WanserveError
from wanserve.domain.files import files_of
from wanserve.domain.task import Task
from wanserve.metrics import Metrics
from wanserve.sessions import Sessions
from wanserve.tasks import Tasks

T = TypeVar("T")

log = logging.getLogger(__name__)

LEASE_CHECK_SECONDS: Final = 2.0

FILES_EVERY: Final = 30
"""How many checks of the leases there are for one sweep of the files."""

READINGS_APART_SECONDS: Final = 45.0
"""The shortest time between two readings of the retention: a clock that is wrong for a moment deletes nothing."""

READINGS_PER_RETENTION: Final = 100
"""The time between two readings where the retention is less than an hour, as a share of the retention."""

KEYS_AT_ONCE: Final = 20_000
"""How many stored files one sweep looks at. Each costs a look at the task table."""

ORPHANS_MAX: Final = 10_000
"""How many orphans are remembered for the second look. Those beyond are found by a later pass."""


@dataclass(slots=True)
class LeaseSweeper:
    """Takes back the tasks of lost attempts."""

    tasks: Tasks
    metrics: Metrics
    _expired: set[tuple[str, int]] = field(default_factory=set, init=False)

    def take_back_abandoned(self, installation: str) -> None:
        """At a start: take back the tasks of this installation's former workers, none of which can be alive."""
        _each(self.tasks.store.abandoned(installation), self._take_back_at_start, "was not taken back")

    def sweep(self) -> None:
        """Take back the attempts whose lease had expired at the last check too.

        Where the clock is set forward or the machine was asleep, every lease expires at once. A worker that is alive
        has renewed its lease by the next check.
        """
        if not self.tasks.store.leads():
            # Another process sweeps. Should it end, this one begins with two looks of its own.
            self._expired = set()
            return
        expired = {(task.id, task.attempt): task for task in self.tasks.store.expired()}
        _each((expired[key] for key in expired.keys() & self._expired), self._take_back, "was not taken back")
        self._expired = set(expired)

    def _take_back_at_start(self, task: Task) -> None:
        if state := self.tasks.take_back(task, expired_only=False):
            log.info("task %s is %s: the server was stopped while it ran", task.id, state)

    def _take_back(self, task: Task) -> None:
        if state := self.tasks.take_back(task):
            log.warning("task %s is %s: the lease of attempt %d ran out", task.id, state, task.attempt)
            self.metrics.lease_lost()


@dataclass(slots=True)
class RetentionSweeper:
    """Deletes the tasks that are past their retention with their files, old idempotency keys, and expired sessions.

    `stopping` ends a long sweep early.
    """

    tasks: Tasks
    sessions: Sessions
    blobs: BlobStore
    stopping: threading.Event
    monotonic_s: Callable[[], float] = time.monotonic
    _reading: tuple[float, int] | None = field(default=None, init=False)
    """When the retention was last read, and before which time a task must have ended to be past it."""

    def sweep(self) -> None:
        """Sweep once: delete what the last sweep found too."""
        if not self.tasks.store.leads():
            self._reading = None
            return
        rows = self.tasks.forget_old_keys, self.tasks.forget_lost_workers, self.sessions.forget_expired
        for sweep in (self._sweep_old, *rows):
            if not self.stopping.is_set():
                _logged(sweep)

    def _sweep_old(self) -> None:
        """Delete, slice by slice, the tasks that were past their retention at the last reading too, and their files."""
        now_s, before_ms = self.monotonic_s(), self.tasks.kept_since_ms()
        if self._reading is None:
            self._reading = now_s, before_ms
            return
        read_s, read_before_ms = self._reading
        retention_s = self.tasks.policy.retention_ms / 1000
        if now_s - read_s < min(READINGS_APART_SECONDS, retention_s / READINGS_PER_RETENTION):
            return
        self._reading = now_s, before_ms
        while not self.stopping.is_set() and (old := self.tasks.forget_old(min(read_before_ms, before_ms))):
            for task in old:
                log.info("task %s is past its retention", task.id)
            # A file that cannot be deleted now is an orphan from here on, and is found as one later.
            _each((key for task in old if task.video for key in files_of(task)), self.blobs.delete, "was not deleted")


@dataclass(slots=True)
class OrphanSweeper:
    """Deletes the files that no task has.

    It goes through all stored files again and again: each sweep looks at the next `keys_at_once` of them, in the order
    in which they are listed, and the next sweep goes on behind them. What two passes in a row have found is deleted.
    `stopping` ends a sweep early.
    """

    tasks: Tasks
    blobs: BlobStore
    stopping: threading.Event
    keys_at_once: int = KEYS_AT_ONCE
    _listing: Iterator[str] | None = field(default=None, init=False)
    _found: set[str] = field(default_factory=set, init=False)
    _found_before: set[str] = field(default_factory=set, init=False)

    def sweep(self) -> None:
        """Look at the next files. A store that does not answer ends the pass, which then begins again."""
        if not self.tasks.store.leads():
            self._listing, self._found, self._found_before = None, set(), set()
            return
        listing = self._listing = self._listing or iter(self.blobs.keys())
        looked = 0
        try:
            # Each key was listed before its task is read: a file that is stored meanwhile has one by then.
            for key in islice(listing, self.keys_at_once):
                if self.stopping.is_set():
                    return
                looked += 1
                self._look(key)
        except WanserveError as error:
            log.error("the files were not looked through: %s", error)
            self._listing, self._found = None, set()
            return
        if looked < self.keys_at_once:
            self._listing, self._found, self._found_before = None, set(), self._found

    def _look(self, key: str) -> None:
        if not self.tasks.is_orphan(key):
            return
        if len(self._found) < ORPHANS_MAX:
            self._found.add(key)
        if key in self._found_before:
            _each([key], self._delete, "was not deleted")

    def _delete(self, key: str) -> None:
        log.info("file %s belongs to no task", key)
        self.blobs.delete(key)


@dataclass(slots=True)
class ScratchSweeper:
    """Deletes the unfinished files that killed child processes left on this machine."""

    tasks: Tasks
    scratch: Path
    _left_over: set[str] = field(default_factory=set, init=False)

    def sweep(self) -> None:
        """Sweep once: delete what the last sweep found too."""
        names = [path.name for path in self.scratch.iterdir()] if self.scratch.is_dir() else []
        found = {name for name in names if self.tasks.is_left_over(name)}
        _each(found & self._left_over, self._delete, "was not deleted")
        self._left_over = found

    def _delete(self, name: str) -> None:
        log.info("the unfinished file %s belongs to no running attempt", name)
        (self.scratch / name).unlink(missing_ok=True)


@dataclass(slots=True)
class Sweepers:
    """Runs the sweeps until `stop` is called, in a thread of their own. `files` are the sweeps that look at files."""

    leases: LeaseSweeper
    files: Sequence[Callable[[], None]]
    stopping: threading.Event = field(default_factory=threading.Event)
    check_s: float = LEASE_CHECK_SECONDS
    files_every: int = FILES_EVERY

    def run(self) -> None:
        """Sweep until stopped."""
        rounds = 0
        while not self.stopping.wait(self.check_s):
            rounds += 1
            _logged(self.leases.sweep)
            # Soon after the start, to delete what the first sweep has found.
            if rounds == 1 or rounds % self.files_every == 0:
                self.sweep_files()

    def sweep_files(self) -> None:
        """Run each sweep of files once."""
        for each in self.files:
            if not self.stopping.is_set():
                _logged(each)

    def stop(self) -> None:
        """Have `run` return soon."""
        self.stopping.set()


def _logged(sweep: Callable[[], None]) -> None:
    try:
        sweep()
    except Exception:
        # The outermost frame of this thread: a sweep that fails is run again.
        log.exception("a sweep failed")


def _each(items: Iterable[T], act: Callable[[T], None], failure: str) -> None:
    """Act on the items one by one: one that fails is logged, and the others are handled."""
    for item in items:
        try:
            act(item)
        except (WanserveError, OSError) as error:
            log.error("%s %s: %s", item.id if isinstance(item, Task) else item, failure, error)
