"""The page of the server's owner: devices, queues, what ended lately, disk and use, each chart as a table too."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from wanserve.domain.overview import DAY_MS, HOUR_MS, EndedHour, UsedDay, day_text
from wanserve.domain.task import State
from wanserve.http.dialects.base import EndpointNotFound
from wanserve.http.runners import Runners
from wanserve.overview import DAYS, HOURS, Overview
from wanserve.studio.rendering import Pages
from wanserve.studio.visit import Visit

ENDS: Final = (State.SUCCEEDED, State.FAILED, State.CANCELED)

ACCOUNTS_SHOWN: Final = 6
"""How many accounts have a colour of their own in the chart of use; the others are one."""

CHART_HEIGHT: Final = 10.0
GAP: Final = 0.2
"""Between two columns."""

OTHERS: Final = ""
"""The name of all other accounts together."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A column of a chart: its label, and the values of its parts from below."""

    label: str
    values: Sequence[int]

    @property
    def total(self) -> int:
        """The height of the column."""
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class Rect:
    """A part of a column as it is drawn, in units of CHART_HEIGHT and of one for each column."""

    part: int
    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns side by side. `parts` are the names of what each is made of, and `total` has their sums over all columns."""

    parts: Sequence[str]
    bars: Sequence[Bar]

    @property
    def highest(self) -> int:
        """The height of the highest column, at least 1."""
        return max(1, *(bar.total for bar in self.bars))

    def rects(self) -> Iterator[Rect]:
        """The parts of all columns, each upon the one before it."""
        for x, bar in enumerate(self.bars):
            y = CHART_HEIGHT
            for part, value in enumerate(bar.values):
                height = CHART_HEIGHT * value / self.highest
                y -= height
                if value:
                    yield Rect(part, x + GAP / 2, round(y, 3), round(height, 3))

    @property
    def totals(self) -> list[int]:
        """The sum of each part over all columns."""
        return [sum(bar.values[part] for bar in self.bars) for part in range(len(self.parts))]


@dataclass(frozen=True, slots=True)
class Serving:
    """Shows the page to accounts that the owner has named."""

    overview: Overview
    runners: Runners
    pages: Pages

    async def show(self, visit: Visit) -> Response:
        """The page. Raises EndpointNotFound for other accounts: for them there is no such page."""
        if not visit.signed_in.owner:
            raise EndpointNotFound(f"there is no {visit.path}")
        site = await self.runners.list(self.overview.now)
        template = "_server.html" if visit.partial else "server.html"
        return self.pages.page(
            template,
            visit,
            site=site,
            ended=ended_chart(site.ended, site.now_ms),
            used=used_chart(site.used, site.now_ms),
        )


def ended_chart(ended: Sequence[EndedHour], now_ms: int) -> Chart:
    """The tasks that ended in each of the last hours, by their states."""
    counts: defaultdict[int, dict[State, int]] = defaultdict(dict)
    for each in ended:
        counts[each.hour_ms][each.state] = each.count
    hours = [(now_ms // HOUR_MS - back) * HOUR_MS for back in reversed(range(HOURS))]
    return Chart(
        [f"state.{state}" for state in ENDS],
        [Bar(_hour(hour), [counts[hour].get(state, 0) for state in ENDS]) for hour in hours],
    )


def used_chart(used: Sequence[UsedDay], now_ms: int) -> Chart:
    """The seconds of video that were made on each of the last days, by account, those with the most first."""
    sums: defaultdict[str, float] = defaultdict(float)
    for each in used:
        sums[each.account] += each.seconds
    most = sorted(sums, key=lambda account: (-sums[account], account))
    shown = most[:ACCOUNTS_SHOWN]
    parts = [*shown, *([OTHERS] if len(most) > len(shown) else [])]
    seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
    for each in used:
        seconds[each.day, each.account if each.account in shown else OTHERS] += each.seconds
    days = [day_text(now_ms // DAY_MS - back) for back in reversed(range(DAYS))]
    return Chart(parts, [Bar(day, [round(seconds[day, part]) for part in parts]) for day in days])


def _hour(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%H:00")
