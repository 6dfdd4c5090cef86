"""The owner's overview in memory: the same contract as the SQL stores, for tests."""

import sys
from collections import Counter, defaultdict
from collections.abc import Collection
from operator import attrgetter

from wanserve.domain.overview import DAY_MS, HOUR_MS, EndedHour, Lane, UsedDay, day_text, first_period
from wanserve.domain.search import Search
from wanserve.domain.task import UNFINISHED, State, Task
from wanserve.store.memory import MemoryTasks


class MemoryOverview:
    """The OverviewStore of the tasks in memory."""

    def __init__(self, tasks: MemoryTasks) -> None:
        self._tasks = tasks

    def lanes(self) -> list[Lane]:
        """See OverviewStore."""
        counts: defaultdict[tuple[str, str], Counter[State]] = defaultdict(Counter)
        for task in self._of(UNFINISHED):
            counts[task.account, task.generation.model][task.state] += 1
        return [Lane(*lane, states[State.PENDING], states[State.RUNNING]) for lane, states in sorted(counts.items())]

    def ended_by_hour(self, hours: int) -> list[EndedHour]:
        """See OverviewStore."""
        since_ms = first_period(self._tasks.now_ms(), HOUR_MS, hours)
        counts: Counter[tuple[int, State]] = Counter()
        for task in self._of(set(State) - UNFINISHED):
            if task.ended_ms is not None and task.ended_ms >= since_ms:
                counts[task.ended_ms // HOUR_MS * HOUR_MS, task.state] += 1
        ended = (EndedHour(*at, count) for at, count in counts.items())
        return sorted(ended, key=attrgetter("hour_ms", "state"))

    def usage_by_day(self, days: int) -> list[UsedDay]:
        """See OverviewStore."""
        since_ms = first_period(self._tasks.now_ms(), DAY_MS, days)
        lengths: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        for row in self._tasks.usage(None):
            if row.ended_ms >= since_ms:
                lengths[day_text(row.ended_ms // DAY_MS), row.account].append(row.seconds)
        return [UsedDay(*at, len(seconds), sum(seconds)) for at, seconds in sorted(lengths.items())]

    def _of(self, states: Collection[State]) -> list[Task]:
        """The tasks of all accounts in these states."""
        return self._tasks.search(None, Search(states, limit=sys.maxsize))
