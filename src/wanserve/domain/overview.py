"""What the server's owner sees of all accounts at once: who waits, what ended lately, and what was used."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol

from wanserve.domain.task import State

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS


@dataclass(frozen=True, slots=True)
class Lane:
    """How many tasks of one account and model wait and run now."""

    account: str
    model: str
    waiting: int
    running: int


@dataclass(frozen=True, slots=True)
class EndedHour:
    """How many tasks ended in this state in the hour that began at `hour_ms`, in milliseconds since 1970."""

    hour_ms: int
    state: State
    count: int


@dataclass(frozen=True, slots=True)
class UsedDay:
    """How many videos an account was billed for on a day, and their length in seconds. `day` is in UTC: 2026-11-26."""

    day: str
    account: str
    videos: int
    seconds: float


class OverviewStore(Protocol):
    """Counts over the tasks and the ledger of all accounts: for the server's owner, never for an endpoint of a dialect.

    The store owns the clock. May be used from any thread. Raises StoreUnavailable.
    """

    def lanes(self) -> list[Lane]:
        """The lanes in which a task waits or runs, sorted by account and model."""

    def ended_by_hour(self, hours: int) -> list[EndedHour]:
        """How tasks ended in the present hour and those before it, `hours` in all, sorted by hour and state.

        An hour and state in which no task ended is left out. Tasks that were deleted are not counted.
        """

    def usage_by_day(self, days: int) -> list[UsedDay]:
        """What was used on the present day and those before it, `days` in all, sorted by day and account.

        Videos that were deleted are counted all the same.
        """


def first_period(now_ms: int, period_ms: int, periods: int) -> int:
    """When the first of so many periods begins, the last of which is the present one. In milliseconds since 1970."""
    return (now_ms // period_ms - periods + 1) * period_ms


def day_text(number: int) -> str:
    """The day that is so many days after 1 January 1970, as ISO text."""
    return (date(1970, 1, 1) + timedelta(number)).isoformat()
