"""A cancel frees the device, whenever it comes, and is never followed by a success."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.harness import RENAMED, Rig, rig, until
from tests.e2e.server import wanserve
from tests.thorough import all_but
from wanserve.core import Core, open_core
from wanserve.domain.errors import WrongState
from wanserve.settings import load

STEPS = {
    "renders": ["stand_in.frame 75"],
    "is read back": [r"^open \S+/scratch/\S+\.mp4 rb?$", r"^open \S+/scratch/\S+\.mp4 rb?$"],
    "is about to be stored": [RENAMED],
    "is stored": [RENAMED, "^call send$"],
}
RACES_OF_EACH = 5


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, store: str) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("cancel"), stall_seconds="20", store=store) as made:
        yield made


@pytest.fixture(scope="module")
def core(shared: Rig) -> Iterator[Core]:
    """The use cases in this process, as a command has them in its own: a start for each would be too slow to race."""
    with contextlib.closing(open_core(load({"data_dir": shared.data_dir, **shared.database}, environ={}))) as opened:
        yield opened


def assert_canceled(shared: Rig, task_id: str) -> None:
    assert shared.server.poll(task_id)["task_status"] == "CANCELED"
    assert shared.rows(f"SELECT * FROM ledger WHERE task_id = '{task_id}'") == []


def test_a_waiting_task_is_canceled_at_once_and_never_begun(shared: Rig, core: Core) -> None:
    held, waiting = shared.accept_held(), shared.accept("never begun")
    core.tasks.cancel("default", waiting)
    assert_canceled(shared, waiting)
    shared.release()
    shared.assert_made_once(held, shared.accept())
    assert_canceled(shared, waiting)
    assert "never begun" not in (shared.engine / "asked").read_text()


@pytest.mark.parametrize("when", all_but({"renders"}, STEPS))
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
    task_id = shared.accept_held()
    child = shared.server.child_pid()
    core.tasks.cancel("default", task_id)
    # The engine would go on for ever.
    shared.assert_made_once(shared.accept())
    assert_canceled(shared, task_id)
    assert shared.server.child_pid() == child


@pytest.mark.thorough
def test_an_engine_that_does_not_stop_at_a_cancel_is_killed_and_the_next_task_made(tmp_path: Path) -> None:
    with rig(tmp_path, stall_seconds="2") as made:
        task_id = made.accept("deaf")
        made.until_progress(task_id)
        child = made.server.child_pid()
        assert wanserve("tasks", "cancel", task_id, "--data-dir", str(made.data_dir)).returncode == 0
        made.assert_made_once(made.accept())
        assert_canceled(made, task_id)
        assert made.server.child_pid() != child


@pytest.mark.thorough
def test_of_many_cancels_near_the_end_each_leaves_a_success_or_none(shared: Rig, core: Core) -> None:
    """Each race begins at a step of the child; from there either side may win, and both are right."""
    child, raced = shared.server.child_pid(), []
    for steps in [["stand_in.frame 149"], [RENAMED], [RENAMED, "^call send$"]] * RACES_OF_EACH:
        shared.arm("child", *steps, act="SIGSTOP")
        raced.append(shared.accept())
        shared.until_stopped(child)
        os.kill(child, signal.SIGCONT)
        with contextlib.suppress(WrongState):
            core.tasks.cancel("default", raced[-1])
        until("the end of the attempt", lambda: shared.row("ended_ms", raced[-1]) is not None)
    states = {task_id: shared.row("state", task_id) for task_id in raced}
    assert set(states.values()) <= {"SUCCEEDED", "CANCELED"}
    billed = [task_id for (task_id,) in shared.rows("SELECT task_id FROM ledger") if task_id in states]
    assert sorted(billed) == sorted(task_id for task_id, state in states.items() if state == "SUCCEEDED")
    shared.assert_swept()
    assert {task_id: shared.row("state", task_id) for task_id in raced} == states
