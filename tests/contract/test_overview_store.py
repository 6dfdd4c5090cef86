"""The contract of OverviewStore."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.contract.stores import STORES, opened
from tests.samples import VIDEO, unaccepted
from wanserve.domain.overview import DAY_MS, HOUR_MS, EndedHour, Lane, OverviewStore, UsedDay
from wanserve.domain.ports import TaskStore
from wanserve.domain.task import UNFINISHED, Failed, Failure, Requeued, Settlement, State, Succeeded, Task

MODELS = ("small", "large")
NOON_MS = 20_783 * DAY_MS + 12 * HOUR_MS
"""Noon of 26 November 2026, UTC."""

FAILED = Failed(Failure("engine_failed", "it would not"))


@dataclass
class Site:
    """A store on a clock that the test moves."""

    tasks: TaskStore
    overview: OverviewStore
    clock: "Clock"

    def submit(self, account: str = "ann", model: str = "small") -> Task:
        return self.tasks.add(unaccepted(account, model), 100).result(10)

    def claim(self, *models: str) -> Task:
        task = self.tasks.claim("worker", models or MODELS, 10_000, None)
        assert task is not None
        return task

    def end(self, settlement: Settlement, account: str = "ann", at_ms: int | None = None) -> Task:
        """A task that ended so, at this time."""
        self.clock.now_ms = self.clock.now_ms if at_ms is None else at_ms
        self.submit(account)
        task = self.claim()
        assert self.tasks.settle(task, settlement)
        return task


@dataclass
class Clock:
    """Stands still until the test moves it."""

    now_ms: int = NOON_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture(params=STORES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Each store in turn, empty."""
    clock = Clock()
    with opened(request.param, tmp_path, clock) as stores:
        yield Site(stores.tasks, stores.overview, clock)


def test_of_an_empty_table_there_is_nothing_to_tell(site: Site) -> None:
    assert site.overview.lanes() == []
    assert site.overview.ended_by_hour(24) == []
    assert site.overview.usage_by_day(30) == []


def test_lanes_are_those_in_which_a_task_waits_or_runs(site: Site) -> None:
    canceled = site.submit("ben", "large")
    for account, model, tasks in (("ben", "small", 1), ("Zoe", "small", 1), ("ann", "small", 3), ("ann", "large", 1)):
        for _ in range(tasks):
            site.submit(account, model)
    assert site.tasks.cancel("ben", canceled.id, UNFINISHED)
    assert site.overview.lanes() == [
        Lane("Zoe", "small", 1, 0),
        Lane("ann", "large", 1, 0),
        Lane("ann", "small", 3, 0),
        Lane("ben", "small", 1, 0),
    ]
    running = [site.claim("small") for _ in range(3)]
    assert [task.account for task in running] == ["ben", "Zoe", "ann"]
    ann = [Lane("ann", "large", 1, 0), Lane("ann", "small", 2, 1)]
    assert site.overview.lanes() == [Lane("Zoe", "small", 0, 1), *ann, Lane("ben", "small", 0, 1)]
    assert site.tasks.settle(running[0], Succeeded(VIDEO))
    assert site.tasks.settle(running[1], FAILED)
    assert site.overview.lanes() == ann
    assert site.tasks.settle(running[2], Requeued())
    assert site.overview.lanes() == [Lane("ann", "large", 1, 0), Lane("ann", "small", 3, 0)]
    for task in running:
        site.tasks.remove(task.account, task.id)
    assert site.overview.lanes() == [Lane("ann", "large", 1, 0), Lane("ann", "small", 2, 0)]


def test_ends_are_counted_by_the_hour_and_state(site: Site) -> None:
    before, first, last = NOON_MS - HOUR_MS - 1, NOON_MS - HOUR_MS, NOON_MS - 1
    for at_ms, account, settlement in (
        (before, "ann", FAILED),
        (first, "ann", Succeeded(VIDEO)),
        (last, "ben", Succeeded(VIDEO)),
        (last, "ben", FAILED),
        (NOON_MS, "ann", Succeeded(VIDEO)),
    ):
        site.end(settlement, account, at_ms)
    waiting, running = site.submit(), site.claim()
    assert running.id == waiting.id
    assert site.tasks.cancel("ann", site.submit().id, UNFINISHED)
    site.clock.now_ms = NOON_MS + HOUR_MS - 1
    present = [EndedHour(NOON_MS, State.CANCELED, 1), EndedHour(NOON_MS, State.SUCCEEDED, 1)]
    earlier = [EndedHour(first, State.FAILED, 1), EndedHour(first, State.SUCCEEDED, 2)]
    assert site.overview.ended_by_hour(1) == present
    assert site.overview.ended_by_hour(2) == [*earlier, *present]
    assert site.overview.ended_by_hour(3) == [EndedHour(first - HOUR_MS, State.FAILED, 1), *earlier, *present]
    assert site.overview.ended_by_hour(10_000) == site.overview.ended_by_hour(3)
    site.clock.now_ms += 1
    assert site.overview.ended_by_hour(1) == []
    assert site.overview.ended_by_hour(2) == present


def test_a_deleted_task_is_counted_no_more_and_its_use_still_is(site: Site) -> None:
    kept, removed = site.end(Succeeded(VIDEO)), site.end(Succeeded(VIDEO))
    assert site.tasks.remove("ann", removed.id)
    assert site.overview.ended_by_hour(1) == [EndedHour(NOON_MS, State.SUCCEEDED, 1)]
    assert [used.videos for used in site.overview.usage_by_day(1)] == [2]
    assert [task.id for task in site.tasks.forget(NOON_MS + 1, 10)] == [kept.id]
    assert site.overview.ended_by_hour(1) == []
    assert [used.videos for used in site.overview.usage_by_day(1)] == [2]


def test_use_is_told_by_the_day_and_account(site: Site) -> None:
    midnight = NOON_MS - 12 * HOUR_MS
    seconds = unaccepted().generation.seconds
    for at_ms, account, settlement in (
        (midnight - DAY_MS - 1, "ann", Succeeded(VIDEO)),
        (midnight - 1, "ben", Succeeded(replace(VIDEO, engine="wan"))),
        (midnight, "ben", Succeeded(VIDEO)),
        (midnight, "Zoe", Succeeded(VIDEO)),
        (midnight, "ann", FAILED),
        (NOON_MS, "ben", Succeeded(VIDEO)),
    ):
        site.end(settlement, account, at_ms)
    today = [UsedDay("2026-11-26", "Zoe", 1, seconds), UsedDay("2026-11-26", "ben", 2, 2 * seconds)]
    yesterday = UsedDay("2026-11-25", "ben", 1, seconds)
    assert site.overview.usage_by_day(1) == today
    assert site.overview.usage_by_day(2) == [yesterday, *today]
    assert site.overview.usage_by_day(30) == [UsedDay("2026-11-24", "ann", 1, seconds), yesterday, *today]
    site.clock.now_ms = midnight + DAY_MS
    assert site.overview.usage_by_day(1) == []
    assert site.overview.usage_by_day(2) == today
