"""The times of attempts in memory: for tests."""

from collections import defaultdict, deque
from dataclasses import dataclass, field

from wanserve.domain.progress import KEPT_TIMES, Kind, StageTimes


def _last_times() -> "defaultdict[Kind, deque[StageTimes]]":
    return defaultdict(lambda: deque(maxlen=KEPT_TIMES))


@dataclass(slots=True)
class MemoryTimes:
    """The TimesStore in a dict."""

    _known: "defaultdict[Kind, deque[StageTimes]]" = field(default_factory=_last_times, init=False)

    def note(self, kind: Kind, times: StageTimes) -> None:
        """See TimesStore."""
        self._known[kind].append(times)

    def all(self) -> list[tuple[Kind, StageTimes]]:
        """See TimesStore."""
        return [(kind, times) for kind, kept in self._known.items() for times in kept]
