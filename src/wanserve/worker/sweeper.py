"""Takes back what nobody holds any more: tasks whose lease ran out, videos past their retention, orphaned files."""

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wanserve.domain.ports import BlobStore
from wanserve.metrics import Meters
from wanserve.tasks import Tasks, files_of

log = logging.getLogger(__name__)

LEASE_CHECK_SECONDS: Final = 2.0
FILES_EVERY: Final = 30
"""Files are swept at every so many lease checks."""


@dataclass(slots=True)
class Sweeper:
    """Sweeps until `stop` is called. Runs in a thread of the process that owns the data directory."""

    tasks: Tasks
    blobs: BlobStore
    scratch: Path
    meters: Meters
    check_s: float = LEASE_CHECK_SECONDS
    files_every: int = FILES_EVERY
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _overdue: set[tuple[str, int]] = field(default_factory=set, init=False)

    def start_afresh(self) -> None:
        """What holds at a start, when no worker of this data directory can be alive: take back all, then sweep."""
        for task in self.tasks.running():
            if taken := self.tasks.take_back(task, whatever_its_lease=True):
                log.info("task %s is %s: the server was stopped while it ran", taken.id, taken.state)
        self.sweep_files()

    def run(self) -> None:
        """Sweep until stopped."""
        rounds = 0
        while not self._stopping.wait(self.check_s):
            rounds += 1
            try:
                self.sweep_leases()
                if rounds % self.files_every == 0:
                    self.sweep_files()
            except Exception:
                # The outermost frame of this thread: a sweep that fails is tried again.
                log.exception("the sweep failed")

    def stop(self) -> None:
        """End `run` soon."""
        self._stopping.set()

    def sweep_leases(self) -> None:
        """Take back what was overdue at the last look too.

        A clock that is set forward, or a machine that was asleep, makes every lease overdue at once: a worker that
        lives has renewed its own by the next look.
        """
        overdue = {(task.id, task.attempt): task for task in self.tasks.overdue()}
        for task in (overdue[key] for key in overdue.keys() & self._overdue):
            if taken := self.tasks.take_back(task):
                log.warning("task %s is %s: the lease of attempt %d ran out", taken.id, taken.state, taken.attempt)
                self.meters.lease_lost()
        self._overdue = set(overdue)

    def sweep_files(self) -> None:
        """Delete the files of tasks past their retention, files that no task has, and what killed children left half made."""
        for task in self.tasks.forget_old():
            log.info("task %s is past its retention", task.id)
            if task.video:
                for key in files_of(task):
                    self.blobs.delete(key)
        for left in list(self.scratch.iterdir()):
            if self.tasks.is_left_over(left.name):
                log.info("file %s was left half made", left.name)
                left.unlink(missing_ok=True)
        # Listed before the tasks are read: a file that is stored meanwhile is not in the list.
        for key in list(self.blobs.keys()):
            if self.tasks.is_orphan(key):
                log.info("file %s belongs to no task", key)
                self.blobs.delete(key)
