"""How long the last attempts on a worker's device took, by which the end of the next one is estimated."""

import logging
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.ports import TimesStore
from wanserve.domain.progress import Kind, StageTimes, kind_of, last_times
from wanserve.domain.task import Task

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Paces:
    """The times of attempts on one device, also of those before a restart. One thread uses it."""

    store: TimesStore
    device: str
    _known: "defaultdict[Kind, deque[StageTimes]]" = field(default_factory=last_times, init=False)
    _read: bool = field(default=False, init=False)

    def earlier(self, task: Task, upstream: str | None) -> Sequence[StageTimes]:
        """The times of the last attempts at such tasks, newest last; `upstream` is who makes the video, where another does."""
        self._read_once()
        return list(self._known[self._kind(task, upstream)])

    def note(self, task: Task, upstream: str | None, times: StageTimes) -> None:
        """Keep the times of an attempt that made a video. What cannot be written is known until this process ends."""
        self._read_once()
        kind = self._kind(task, upstream)
        self._known[kind].append(times)
        try:
            self.store.note(kind, times)
        except StoreUnavailable as error:
            log.warning("how long an attempt took was not written: %s", error)

    def _kind(self, task: Task, upstream: str | None) -> Kind:
        kind = kind_of(task.generation, self.device)
        return kind if upstream is None else replace(kind, device=f"{self.device}, {upstream}")

    def _read_once(self) -> None:
        if self._read:
            return
        self._read = True
        try:
            for kind, times in self.store.all():
                self._known[kind].append(times)
        except StoreUnavailable as error:
            log.warning("how long earlier attempts took is not known: %s", error)
