"""Remembers which upstream has which task, also across restarts, so that it is asked again and not another one."""

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

KEPT_SECONDS: Final = 7 * 86_400
"""A note that is older is deleted at the next start: its task was ended meanwhile, by a cancel or on another machine."""


@dataclass(slots=True)
class Assignments:
    """The upstream of each task that one has, by name. A file for each task is in `folder`. Not thread-safe."""

    folder: Path
    _upstreams: dict[str, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for file in self.folder.iterdir():
                self._read(file)
        except OSError as error:
            log.error("the notes of which upstream has which task cannot be read: %s", error)

    def _read(self, file: Path) -> None:
        if time.time() - file.stat().st_mtime > KEPT_SECONDS:
            file.unlink(missing_ok=True)
        else:
            self._upstreams[file.name] = file.read_text(encoding="utf-8", errors="replace").strip()

    def get(self, task_id: str) -> str | None:
        """The upstream that has the task, None where none is known to."""
        return self._upstreams.get(task_id)

    def note(self, task_id: str, upstream: str) -> None:
        """Note that this upstream gets the task."""
        if self._upstreams.get(task_id) == upstream:
            return
        self._upstreams[task_id] = upstream
        try:
            (self.folder / task_id).write_text(upstream, encoding="utf-8")
        except OSError as error:
            # Only a restart would need it; then the upstream's task is not found again, and another is made.
            log.error("it was not noted which upstream has the task: %s", error)

    def forget(self, task_id: str) -> None:
        """Note that no upstream has the task any more."""
        if self._upstreams.pop(task_id, None) is None:
            return
        try:
            (self.folder / task_id).unlink(missing_ok=True)
        except OSError as error:
            log.error("a note of which upstream has a task was not deleted: %s", error)
