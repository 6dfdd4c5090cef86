"""The times of attempts in memory: for tests."""

from collections import defaultdict, deque
from dataclasses import dataclass, field

from wanserve.domain.progress import Kind, StageTimes, last_times


@dataclass(slots=True)
class MemoryTimes:
    """The TimesStore in a dict."""

    _known: "defaultdict[Kind, deque[StageTimes]]" = field(default_factory=last_times, init=False)

    def note(self, kind: Kind, times: StageTimes) -> None:
        """See TimesStore."""
        self._known[kind].append(times)

    def all(self) -> list[tuple[Kind, StageTimes]]:
        """See TimesStore."""
        return [(kind, times) for kind, kept in self._known.items() for times in kept]
