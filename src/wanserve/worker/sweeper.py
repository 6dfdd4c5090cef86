"""Takes back what nobody holds any more: tasks whose lease ran out, videos past their retention, orphaned files."""

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wanserve.domain.ports import BlobStore
from wanserve.tasks import Tasks

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
    check_s: float = LEASE_CHECK_SECONDS
    files_every: int = FILES_EVERY
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)

    def start_afresh(self) -> None:
        """What holds at a start, when no worker of this data directory can be alive: take back all, clear the scratch."""
        for task in self.tasks.reclaim(every_lease=True):
            log.info("task %s is %s again: the server was stopped while it ran", task.id, task.state)
        for left in self.scratch.iterdir():
            left.unlink()
        self.sweep_files()

    def run(self) -> None:
        """Sweep until stopped."""
        rounds = 0
        while not self._stopping.wait(self.check_s):
            rounds += 1
            try:
                for task in self.tasks.reclaim():
                    log.warning("task %s is %s: the lease of attempt %d ran out", task.id, task.state, task.attempt)
                if rounds % self.files_every == 0:
                    self.sweep_files()
            except Exception:
                # The outermost frame of this thread: a sweep that fails is tried again.
                log.exception("the sweep failed")

    def stop(self) -> None:
        """End `run` soon."""
        self._stopping.set()

    def sweep_files(self) -> None:
        """Delete the files of tasks past their retention, and files that no task has."""
        for task in self.tasks.forget_old():
            log.info("task %s is past its retention", task.id)
            if task.video:
                self.blobs.delete(task.video.key)
        # Listed before the tasks are read: a file that is stored meanwhile is not in the list.
        for key in list(self.blobs.keys()):
            if self.tasks.is_orphan(key):
                log.info("file %s belongs to no task", key)
                self.blobs.delete(key)
