"""A clock that is set back or forward an hour: everything is made once all the same, and nothing ends before it began."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.clock import Clock, compiled_clock
from tests.e2e.faults.harness import Rig, rig, until

HOUR_SECONDS = 3600


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled_clock(tmp_path_factory.mktemp("clock"))


@pytest.fixture
def clock(tmp_path: Path, library: Path) -> Clock:
    return Clock(tmp_path, library)


@pytest.fixture
def made(tmp_path: Path, clock: Clock) -> Iterator[Rig]:
    """A server whose clock can be set."""
    with rig(tmp_path / "rig", environ=clock.environ, lease_seconds="4") as server:
        yield server


def assert_in_order(made: Rig, *task_ids: str) -> None:
    """The times that a client is told follow each other, and the link is good."""
    for task_id in task_ids:
        told = made.server.poll(task_id)
        assert str(told["submit_time"]) <= str(told["scheduled_time"]) <= str(told["end_time"]), told
        assert made.server.http.get(str(told["video_url"])).status_code == 200


def lease_until_ms(made: Rig, task_id: str) -> int:
    """Until when the task's attempt has it."""
    lease = made.row("lease_until_ms", task_id)
    assert lease is not None, "the task was taken from an attempt that lives"
    return int(str(lease))


@pytest.mark.parametrize("ahead_s", [-HOUR_SECONDS, HOUR_SECONDS])
def test_a_clock_that_is_set_costs_nobody_an_attempt(made: Rig, clock: Clock, ahead_s: int) -> None:
    held, waiting = made.accept("hold"), made.accept()
    made.until_running(held)
    clock.set(ahead_s)
    late = made.accept()
    shifted_ms = int(str(made.row("submitted_ms", late)))
    assert abs(shifted_ms - int(str(made.row("submitted_ms", held))) - ahead_s * 1000) < 600_000, "the clock was set"
    # Its lease is renewed by the new clock, until the sweep has looked at it twice and more.
    until(
        "the end of two sweeps",
        lambda: shifted_ms + 10_000 < lease_until_ms(made, held) < shifted_ms + 600_000,
    )
    made.release()
    made.assert_made_once(held, waiting, late)
    assert [made.row("attempt", task_id) for task_id in (held, waiting, late)] == [1, 1, 1]
    assert_in_order(made, held, waiting, late)
    made.assert_swept()


@pytest.mark.parametrize("ahead_s", [-HOUR_SECONDS, HOUR_SECONDS])
def test_a_clock_that_is_set_between_two_starts_loses_nothing(made: Rig, clock: Clock, ahead_s: int) -> None:
    held, waiting = made.accept("hold"), made.accept()
    made.until_running(held)
    made.kill()
    clock.set(ahead_s)
    made.release()
    made.restart()
    made.assert_made_once(held, waiting, made.accept())
    assert made.row("attempt", held) == 2
    assert_in_order(made, held, waiting)
    made.assert_swept()
