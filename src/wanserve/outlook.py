"""The use case of what is to come of a task, also before it is submitted: stage, place in line, and seconds left."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from wanserve.domain.ports import TaskStore, TimesStore
from wanserve.domain.progress import Kind, Stage, StageTimes, kind_of, typical_s
from wanserve.domain.search import Search
from wanserve.domain.task import State, Task
from wanserve.domain.worker import SEEN_SECONDS, WorkerRow

CACHE_SECONDS: Final = 2.0
"""How long the workers, their running attempts and the times of earlier ones are used before they are read again."""

ANY: Final = ""
"""In place of a device, for the times on all of them: who will claim a waiting task is not known."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to come of a task that has not ended. `place` is 1 for the one that is claimed next, None while it runs.

    `seconds_left` is an estimate until its end; None where nothing like it was made lately.
    """

    stage: Stage
    step: int = 0
    steps: int = 0
    place: int | None = None
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class _Site:
    """What waiting tasks are estimated by: when each running attempt is to end, by model, and how long attempts took."""

    workers: Sequence[WorkerRow]
    running: Mapping[str, Sequence[int | None]]
    times: Mapping[Kind, Sequence[StageTimes]]


@dataclass(slots=True)
class Outlooks:
    """Estimates the outlook of tasks. `now_s` is a monotonic clock. Raises StoreUnavailable."""

    store: TaskStore
    times: TimesStore
    now_s: Callable[[], float]
    _read: tuple[float, _Site] | None = field(default=None, init=False)

    def of(self, task: Task) -> Outlook | None:
        """The outlook; None where the task has ended."""
        return self.of_many([task])[0]

    def of_many(self, tasks: Sequence[Task]) -> list[Outlook | None]:
        """The outlook of each task, with one look at the places of those that wait."""
        waiting = [task.id for task in tasks if task.state is State.PENDING]
        places = self.store.places(waiting) if waiting else {}
        return [self._of(task, places.get(task.id)) for task in tasks]

    def before(self, account: str, model: str, width: int, height: int, frames: int, pace: str = "") -> Outlook:
        """What would be to come of a task of this size and pace (see Kind) if the account submitted it now."""
        return self._waiting(Kind(model, width, height, frames, ANY, pace), self.store.next_place(account, model))

    def _of(self, task: Task, place: int | None) -> Outlook | None:
        match task.state:
            case State.RUNNING:
                left_ms = None if task.ends_ms is None else max(0, task.ends_ms - self.store.now_ms())
                seconds_left = None if left_ms is None else left_ms / 1000
                return Outlook(task.stage or Stage.TEXT, task.step, task.steps, seconds_left=seconds_left)
            case State.PENDING:
                return self._waiting(kind_of(task.generation, ANY), place)
            case _:
                return None

    def _waiting(self, kind: Kind, place: int | None) -> Outlook:
        model, site = kind.model, self._site()
        workers = [row for row in site.workers if model in row.models]
        # Whoever runs a task has loaded its model, also where its row does not say so yet.
        idle = not site.running.get(model)
        loads = place == 1 and idle and bool(workers) and not any(row.health.loaded for row in workers)
        typical = typical_s(site.times.get(kind, ()))
        left_s = None
        if place is not None and typical is not None and workers:
            left_s = self._starts_in_s(site.running.get(model, ()), place, len(workers), typical) + typical
        return Outlook(Stage.LOADING if loads else Stage.WAITING, place=place, seconds_left=left_s)

    def _starts_in_s(self, ends_ms: Sequence[int | None], place: int, workers: int, typical: float) -> float:
        """When the task of this place is claimed, where each task before it takes as long as is typical."""
        now_ms = self.store.now_ms()
        busy = [typical / 2 if ends is None else max(0.0, (ends - now_ms) / 1000) for ends in ends_ms]
        free = sorted(busy)[:workers] + [0.0] * (workers - len(busy))
        heapq.heapify(free)
        for _ in range(place - 1):
            heapq.heapreplace(free, free[0] + typical)
        return free[0]

    def _site(self) -> _Site:
        now_s = self.now_s()
        if self._read is None or now_s - self._read[0] >= CACHE_SECONDS:
            self._read = now_s, self._read_site()
        return self._read[1]

    def _read_site(self) -> _Site:
        running: defaultdict[str, list[int | None]] = defaultdict(list)
        for task in self.store.search(None, Search(frozenset({State.RUNNING}))):
            running[task.generation.model].append(task.ends_ms)
        times: defaultdict[Kind, list[StageTimes]] = defaultdict(list)
        for kind, took in self.times.all():
            times[replace(kind, device=ANY)].append(took)
        return _Site(self.store.workers(SEEN_SECONDS), running, times)
