"""What `wanserve watch` shows: the queue by model, and the workers with what they run."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from tests.samples import VIDEO, heartbeat
from tests.unit.test_outlook import MODEL, READY, Site
from wanserve.cli.watch import LATELY_SECONDS, View, drawn, view_of
from wanserve.domain.progress import Stage
from wanserve.domain.task import Succeeded


@pytest.fixture
def site() -> Site:
    return Site()


def shown(view: View) -> str:
    """The view as text."""
    text = StringIO()
    Console(file=text, width=200).print(drawn(view))
    return text.getvalue()


def test_where_nothing_is_there_it_says_so(site: Site) -> None:
    view = view_of(site.store, site.outlooks)
    assert view == View([], [])
    assert "nothing waits" in shown(view)
    assert "there is no worker" in shown(view)


def test_the_queue_is_counted_by_model_with_the_speed_of_the_last_hour(site: Site) -> None:
    for took_ms in (10_000, 20_000, 30_000):
        site.submit()
        task = site.claim()
        site.now += took_ms
        assert site.store.settle(task, Succeeded(VIDEO))
    site.submit()
    site.now += 7000
    site.submit()
    (row,) = view_of(site.store, site.outlooks).queue
    assert row == {"model": MODEL, "waiting": 2, "running": 0, "oldest_s": 7, "made": 3, "typical_s": 20.0}
    text = shown(view_of(site.store, site.outlooks))
    assert "7 s" in text
    assert "20.0 s" in text
    site.now += LATELY_SECONDS * 1000 + 1
    (row,) = view_of(site.store, site.outlooks).queue
    assert (row["waiting"], row["made"], row["typical_s"]) == (2, 0, None)


def test_a_worker_is_shown_with_its_task_its_stage_and_the_seconds_left(site: Site) -> None:
    site.worker(1)
    site.worker(2, replace(READY, problem="the disk is full"))
    site.submit()
    task = site.claim()
    assert site.store.renew(task, 60, replace(heartbeat(0.25, Stage.DENOISE, 12, 50), left_s=75.0))
    view = view_of(site.store, site.outlooks)
    busy, ill = view.workers
    assert (busy["state"], busy["task"], busy["model"]) == ("busy", task.id, MODEL)
    assert (busy["stage"], busy["step"], busy["steps"]) == ("denoise", 12, 50)
    assert (busy["progress"], busy["seconds_left"]) == (0.25, 75.0)
    assert (ill["state"], ill["task"], ill["stage"], ill["seconds_left"]) == ("the disk is full", None, None, None)
    line = next(line for line in shown(view).splitlines() if task.id in line)
    assert all(each in line for each in ("host", "busy", "denoise 12/50", "25%", "1:15 left"))
    (row,) = view.queue
    assert (row["running"], row["waiting"]) == (1, 0)
