"""A cancel frees the device, whenever it comes, and is never followed by a success."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator

import pytest

from tests.e2e.faults.harness import RENAMED, Rig, rig, until
from wanserve.core import Core, open_core
from wanserve.domain.errors import WrongState
from wanserve.settings import load

STEPS = {
    "renders": ["stand_in.frame 75"],
    "is read back": [r"^open \S+/scratch/\S+\.mp4 rb?$", r"^open \S+/scratch/\S+\.mp4 rb?$"],
    "is about to be stored": [RENAMED],
    "is stored": [RENAMED, "^call tell$"],
}
RACES = 20


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("cancel"), stall_seconds="20") as made:
        yield made


@pytest.fixture(scope="module")
def core(shared: Rig) -> Iterator[Core]:
    """The use cases in this process, as a command has them in its own: a start for each would be too slow to race."""
    with contextlib.closing(open_core(load({"data_dir": shared.data_dir}, environ={}))) as opened:
        yield opened


def assert_canceled(shared: Rig, task_id: str) -> None:
    assert shared.server.poll(task_id)["task_status"] == "CANCELED"
    assert shared.rows(f"SELECT * FROM ledger WHERE task_id = '{task_id}'") == []


def test_a_waiting_task_is_canceled_at_once_and_never_begun(shared: Rig, core: Core) -> None:
    (shared.engine / "go").unlink(missing_ok=True)
    held, waiting = shared.accept("hold"), shared.accept("never begun")
    shared.until_running(held)
    core.tasks.cancel("default", waiting)
    assert_canceled(shared, waiting)
    shared.release()
    shared.assert_made_once(held, shared.accept())
    assert_canceled(shared, waiting)
    assert "never begun" not in (shared.engine / "asked").read_text()


@pytest.mark.parametrize("when", STEPS)
def test_a_task_that_is_canceled_while_it_does_not_become_a_success(shared: Rig, core: Core, when: str) -> None:
    child = shared.server.child_pid()
    shared.arm("child", *STEPS[when], act="SIGSTOP")
    task_id = shared.accept()
    shared.until_stopped(child)
    core.tasks.cancel("default", task_id)
    assert_canceled(shared, task_id)
    os.kill(child, signal.SIGCONT)
    following = shared.accept()
    shared.assert_made_once(following)
    assert_canceled(shared, task_id)
    assert shared.server.child_pid() == child, "it need not be killed for that"


def test_a_running_task_that_is_canceled_stops_at_the_next_step_of_its_engine(shared: Rig, core: Core) -> None:
    (shared.engine / "go").unlink(missing_ok=True)
    task_id = shared.accept("hold")
    shared.until_running(task_id)
    child = shared.server.child_pid()
    core.tasks.cancel("default", task_id)
    # The engine would go on for ever.
    shared.assert_made_once(shared.accept())
    assert_canceled(shared, task_id)
    assert shared.server.child_pid() == child


def test_an_engine_that_does_not_hear_of_a_cancel_is_killed_and_the_next_task_made(shared: Rig, core: Core) -> None:
    task_id = shared.accept("hang")
    shared.until_running(task_id)
    child = shared.server.child_pid()
    core.tasks.cancel("default", task_id)
    shared.assert_made_once(shared.accept())
    assert_canceled(shared, task_id)
    assert shared.server.child_pid() != child


def test_of_many_cancels_near_the_end_each_leaves_a_success_or_none(shared: Rig, core: Core) -> None:
    chance = random.Random(7)
    began = time.monotonic()
    shared.assert_made_once(shared.accept())
    delay_s = time.monotonic() - began
    raced = []
    for _ in range(RACES):
        task_id = shared.accept()
        raced.append(task_id)
        # To be early or late by chance is what this is about; no event tells of "a little before the end". Who was
        # early comes later the next time, so the races gather where either side may win, on any machine.
        time.sleep(delay_s * chance.uniform(0.9, 1.1))
        try:
            core.tasks.cancel("default", task_id)
            delay_s *= 1.2
        except WrongState:
            delay_s /= 1.2
    until("the end of all", lambda: all(shared.row("ended_ms", task_id) for task_id in raced))
    states = {task_id: shared.row("state", task_id) for task_id in raced}
    assert set(states.values()) == {"SUCCEEDED", "CANCELED"}, "both sides have to win now and then"
    billed = [task_id for (task_id,) in shared.rows("SELECT task_id FROM ledger") if task_id in states]
    assert sorted(billed) == sorted(task_id for task_id, state in states.items() if state == "SUCCEEDED")
    shared.assert_swept()
    assert {task_id: shared.row("state", task_id) for task_id in raced} == states
