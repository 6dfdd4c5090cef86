"""Takes back what nobody holds any more: tasks whose lease ran out, videos past their retention, orphaned files.

Nothing is taken back or deleted on one reading: what is found must be found again by the next sweep. And each thing is
done for itself: one that fails is logged and found again, and holds up no other.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from wanserve.domain.errors import WanserveError
from wanserve.domain.ports import BlobStore
from wanserve.domain.task import Task
from wanserve.metrics import Meters
from wanserve.tasks import Tasks, files_of

T = TypeVar("T")

log = logging.getLogger(__name__)

LEASE_CHECK_SECONDS: Final = 2.0
FILES_EVERY: Final = 30
"""Files are swept at every so many lease checks."""

LOOKS_APART_SECONDS: Final = 45.0
"""The retention is read twice, at least so far apart: a clock that is wrong for a moment deletes nothing."""

LOOKS_A_RETENTION: Final = 100
"""With a retention of less than an hour the two readings are a hundredth of it apart."""


@dataclass(slots=True)
class Sweeper:
    """Sweeps until `stop` is called. Runs in a thread of the process that owns the data directory."""

    tasks: Tasks
    blobs: BlobStore
    scratch: Path
    meters: Meters
    check_s: float = LEASE_CHECK_SECONDS
    files_every: int = FILES_EVERY
    monotonic_s: Callable[[], float] = time.monotonic
    mend: Callable[[], None] = lambda: None
    """Called with each sweep of the files: puts back what else of the data directory has gone."""

    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _overdue: set[tuple[str, int]] = field(default_factory=set, init=False)
    _left_over: set[str] = field(default_factory=set, init=False)
    _orphans: set[str] = field(default_factory=set, init=False)
    _old: tuple[float, int] | None = field(default=None, init=False)
    """When the retention was last read, and before which time a task must have ended to be past it."""

    def start_afresh(self) -> None:
        """What holds at a start, when no worker of this data directory can be alive: take back all, then look around.

        What is left over is only looked at: the next sweep deletes it.
        """
        _each(self.tasks.running(), self._take_back_at_start, "was not taken back")
        self.sweep_files()

    def run(self) -> None:
        """Sweep until stopped."""
        rounds = 0
        while not self._stopping.wait(self.check_s):
            rounds += 1
            self._try(self.sweep_leases)
            # The first time soon: what a start has seen is looked at again.
            if rounds == 1 or rounds % self.files_every == 0:
                self.sweep_files()

    def stop(self) -> None:
        """End `run` soon."""
        self._stopping.set()

    def sweep_leases(self) -> None:
        """Take back what was overdue at the last look too.

        A clock that is set forward, or a machine that was asleep, makes every lease overdue at once: a worker that
        lives has renewed its own by the next look.
        """
        overdue = {(task.id, task.attempt): task for task in self.tasks.overdue()}
        _each((overdue[key] for key in overdue.keys() & self._overdue), self._take_back, "was not taken back")
        self._overdue = set(overdue)

    def sweep_files(self) -> None:
        """Delete what is past its retention, files that no task has, and what killed children left half made."""
        sweeps = (self.mend, self._sweep_old, self._sweep_scratch, self._sweep_orphans, self.tasks.forget_old_keys)
        for sweep in sweeps:
            if not self._stopping.is_set():
                self._try(sweep)

    def _try(self, sweep: Callable[[], None]) -> None:
        try:
            sweep()
        except Exception:
            # The outermost frame of this thread: a sweep that fails is tried again.
            log.exception("a sweep failed")

    def _take_back_at_start(self, task: Task) -> None:
        if taken := self.tasks.take_back(task, whatever_its_lease=True):
            log.info("task %s is %s: the server was stopped while it ran", taken.id, taken.state)

    def _take_back(self, task: Task) -> None:
        if taken := self.tasks.take_back(task):
            log.warning("task %s is %s: the lease of attempt %d ran out", taken.id, taken.state, taken.attempt)
            self.meters.lease_lost()

    def _sweep_old(self) -> None:
        """Delete the tasks that were past their retention at the look before too, and their files; in slices."""
        now_s, before_ms = self.monotonic_s(), self.tasks.kept_since()
        if self._old is None:
            self._old = now_s, before_ms
            return
        seen_s, seen_before_ms = self._old
        if now_s - seen_s < min(LOOKS_APART_SECONDS, self.tasks.policy.retention_ms / 1000 / LOOKS_A_RETENTION):
            return
        self._old = now_s, before_ms
        while not self._stopping.is_set() and (old := self.tasks.forget_old(min(seen_before_ms, before_ms))):
            for task in old:
                log.info("task %s is past its retention", task.id)
            # A file that cannot be deleted belongs to no task from here on, and is found as an orphan.
            _each((key for task in old if task.video for key in files_of(task)), self.blobs.delete, "was not deleted")

    def _sweep_scratch(self) -> None:
        names = [path.name for path in self.scratch.iterdir()] if self.scratch.is_dir() else []
        found = {name for name in names if self.tasks.is_left_over(name)}
        _each(found & self._left_over, self._delete_left_over, "was not deleted")
        self._left_over = found

    def _sweep_orphans(self) -> None:
        # Listed before the tasks are read: a file that is stored meanwhile is not in the list.
        found = {key for key in list(self.blobs.keys()) if self.tasks.is_orphan(key)}
        _each(found & self._orphans, self._delete_orphan, "was not deleted")
        self._orphans = found

    def _delete_left_over(self, name: str) -> None:
        log.info("file %s was left half made", name)
        (self.scratch / name).unlink(missing_ok=True)

    def _delete_orphan(self, key: str) -> None:
        log.info("file %s belongs to no task", key)
        self.blobs.delete(key)


def _each(items: Iterable[T], act: Callable[[T], None], what: str) -> None:
    """Act on each of the items for itself: one that fails is logged, and the others are done."""
    for item in items:
        try:
            act(item)
        except (WanserveError, OSError) as error:
            log.error("%s %s: %s", item.id if isinstance(item, Task) else item, what, error)
