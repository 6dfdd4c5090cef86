"""Looks at the task table for all open event streams together, and tells each of them which of its tasks have changed."""

import asyncio
import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.ports import TaskStore
from wanserve.domain.task import UNFINISHED, State, Task
from wanserve.http.runners import Runner

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.2
"""The pause between two looks at the table."""

APART_SECONDS: Final = 0.5
"""The shortest time between two events about one task. Its end is told at once."""

PLACES_SECONDS: Final = 3.0
"""How often the places of waiting tasks are read: they change although nothing happens to the tasks themselves."""

PLACES_AT_ONCE: Final = 50
"""For how many tasks in one call."""

OVERLAP_MS: Final = 5000
"""How long a task that has ended is still looked for: its end may be written a moment after its time."""


@dataclass(eq=False, slots=True)
class Watch:
    """What one stream is to be told: of one task, or of all tasks of the account where `task_id` is None.

    `news` are the tasks that have changed since the stream took them, by their ids, each as it now is; None: it was
    deleted. So a stream that is slow holds no more than one entry for each task.
    """

    account: str
    task_id: str | None
    since_ms: int
    """When it was opened: of what had ended by then it is not told."""

    news: dict[str, Task | None] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self) -> dict[str, Task | None]:
        """The news, which are then taken."""
        self.arrived.clear()
        taken, self.news = self.news, {}
        return taken


@dataclass(slots=True)
class _Seen:
    """A task as the streams were last told of it."""

    account: str
    changes: int
    told_s: float
    task: Task
    place: int | None = None


@dataclass(slots=True)
class Feed:
    """Looks while there is a stream. For the event loop's thread only; `read` runs the looks.

    Once `stopping` is set, every stream is woken: clients go on at the next server.
    """

    store: TaskStore
    read: Runner
    stopping: threading.Event
    _watches: set[Watch] = field(default_factory=set, init=False)
    _seen: dict[str, _Seen] = field(default_factory=dict, init=False)
    _looking: asyncio.Task[None] | None = field(default=None, init=False)
    _since_ms: int = field(default=0, init=False)
    _places_s: float = field(default=0.0, init=False)

    @contextmanager
    def watch(self, account: str, task_id: str | None) -> Iterator[Watch]:
        """The news from now on."""
        watch = Watch(account, task_id, self.store.now_ms())
        self._watches.add(watch)
        if self._looking is None:
            self._since_ms = self.store.now_ms() - OVERLAP_MS
            self._looking = asyncio.create_task(self._look_on())
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    def note(self, task: Task) -> None:
        """Note that a stream was just told of this task as it is."""
        if task.id not in self._seen:
            self._seen[task.id] = _Seen(task.account, task.changes, 0.0, task)

    def note_place(self, task_id: str, place: int | None) -> None:
        """Note the place that a stream was just told."""
        if task_id in self._seen:
            self._seen[task_id].place = place

    async def _look_on(self) -> None:
        """Look again and again until no stream is left."""
        try:
            while self._watches and not self.stopping.is_set():
                await self._look_once()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._seen.clear()
            self._looking = None
            for watch in self._watches:
                watch.arrived.set()

    async def _look_once(self) -> None:
        try:
            with suppress(StoreUnavailable):
                await self._look()
        except Exception:
            # The outermost frame of a look: the next one may succeed.
            log.exception("a look for the event streams failed")

    async def _look(self) -> None:
        ids = {watch.task_id for watch in self._watches if watch.task_id is not None}
        accounts = {watch.account for watch in self._watches if watch.task_id is None}
        now_ms = self.store.now_ms()
        found = await self.read(partial(self.store.changes, ids, accounts, self._since_ms))
        self._since_ms = now_ms - OVERLAP_MS
        now_s = asyncio.get_running_loop().time()
        due = [
            (account, task_id)
            for task_id, account, changes, ended in found
            if (seen := self._seen.get(task_id)) is None
            or (seen.changes != changes and (ended or now_s - seen.told_s >= APART_SECONDS))
        ]
        due += self._gone({each.task_id for each in found})
        if due:
            tasks = await self.read(partial(self.store.get_many, due))
            for (account, task_id), task in zip(due, tasks, strict=True):
                self._tell(account, task_id, task, now_s)
        if now_s - self._places_s >= PLACES_SECONDS:
            self._places_s = now_s
            await self._look_at_places()

    def _gone(self, found: set[str]) -> Iterable[tuple[str, str]]:
        """What was unfinished and is not found any more: deleted, or its end is longer ago. What had ended is forgotten."""
        gone = [task_id for task_id in self._seen if task_id not in found]
        for task_id in gone:
            seen = self._seen.pop(task_id)
            if seen.task.state in UNFINISHED:
                yield seen.account, task_id

    async def _look_at_places(self) -> None:
        """Tell again of waiting tasks whose place has changed."""
        waiting = [task_id for task_id, seen in self._seen.items() if seen.task.state is State.PENDING]
        for begin in range(0, len(waiting), PLACES_AT_ONCE):
            places = await self.read(partial(self.store.places, waiting[begin : begin + PLACES_AT_ONCE]))
            # Where reads run on the event loop, requests need not wait for all of them.
            await asyncio.sleep(0)
            for task_id, place in places.items():
                seen = self._seen.get(task_id)
                if seen is not None and place != seen.place:
                    seen.place = place
                    self._deliver(seen.account, task_id, seen.task)

    def _tell(self, account: str, task_id: str, task: Task | None, now_s: float) -> None:
        if task is None:
            self._seen.pop(task_id, None)
        else:
            before = self._seen.get(task_id)
            self._seen[task_id] = _Seen(account, task.changes, now_s, task, None if before is None else before.place)
        self._deliver(account, task_id, task)

    def _deliver(self, account: str, task_id: str, task: Task | None) -> None:
        for watch in self._watches:
            of_account = watch.task_id is None and watch.account == account
            if watch.task_id == task_id or (of_account and not (task and task.ended_before(watch.since_ms))):
                watch.news[task_id] = task
                watch.arrived.set()
