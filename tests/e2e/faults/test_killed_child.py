"""SIGKILL of the worker's child between any two of its steps: each video is made all the same, and once."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.harness import RENAMED, Rig, process_state, rig
from tests.thorough import all_but

SCRATCH = r"^open \S+/scratch/\S+\.mp4"

STEPS = {
    "before it renders": ["stand_in.generate"],
    "as it opens the file that it encodes into": [f"{SCRATCH} wb"],
    "in the middle of its frames": ["stand_in.frame 75"],
    "as the encoder moves its index": [f"{SCRATCH} rb?$"],
    "as it writes the thumbnail": [r"^open \S+/scratch/\S+\.webp w"],
    "as it writes the sheet": [r"^open \S+/scratch/\S+\.jpg w"],
    "as the file is read back": [f"{SCRATCH} rb?$", f"{SCRATCH} rb?$"],
    "once one of the stills is stored": [r"^os\.rename \S+/scratch/\S+\.jpg \S+/blobs/"],
    "before the file is synced": [f"{SCRATCH} None"],
    "before the file is stored": [RENAMED],
    "once the file is stored and before its folders are synced": [RENAMED, r"^open \S+/blobs/videos/\S+ None"],
    "before it tells that it is done": [RENAMED, "^call send$"],
}

QUICK = {"in the middle of its frames", "before the file is stored", "before it tells that it is done"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One server for them all: each fault costs it a child and nothing else."""
    with rig(tmp_path_factory.mktemp("child")) as made:
        yield made


@pytest.mark.parametrize("when", all_but(QUICK, STEPS))
def test_a_child_that_is_killed_is_replaced_and_the_video_is_made_once(shared: Rig, when: str) -> None:
    shared.arm("child", *STEPS[when])
    task_id = shared.accept()
    shared.assert_made_once(task_id)
    assert not shared.plan.exists()
    counts = [shared.row(column, task_id) for column in ("attempt", "attempts_spent", "losses")]
    assert counts == [2, 0, 1]
    assert f"{task_id} is PENDING" not in shared.log(), "its death is seen at once, not when its lease runs out"


def test_a_child_that_is_killed_once_it_has_told_has_made_the_video(shared: Rig) -> None:
    shared.arm("child", RENAMED, "^call send$", "^call next_job$")
    task_id = shared.accept()
    shared.assert_made_once(task_id)
    shared.until_fired()
    assert shared.row("attempt", task_id) == 1
    following = shared.accept()
    shared.assert_made_once(following)
    assert shared.row("attempt", following) == 1


@pytest.mark.thorough
def test_a_child_that_is_killed_while_it_loads_costs_no_attempt(shared: Rig) -> None:
    shared.arm("child", r"^open \S+/weights ")
    os.kill(shared.server.child_pid(), signal.SIGKILL)
    shared.until_fired()
    task_id = shared.accept()
    shared.assert_made_once(task_id)
    assert shared.row("attempt", task_id) == 1


def test_nothing_that_a_killed_child_left_outlasts_a_sweep(shared: Rig) -> None:
    shared.assert_made_once(shared.accept())
    shared.assert_swept()


@pytest.mark.thorough
def test_the_animatic_engine_may_be_killed_while_it_loads_and_while_it_draws(tmp_path: Path) -> None:
    with rig(tmp_path, stand_in=False) as made:
        made.arm("child", r"^open \S+\.xz ")
        child = made.server.child_pid()
        os.kill(child, signal.SIGKILL)
        made.until_fired()
        made.until_ready()
        made.arm("child", f"{SCRATCH} wb", "^call __next__$")
        task_id = made.accept("a cat on a beach")
        made.assert_made_once(task_id)
        assert not made.plan.exists(), "it was killed as it drew a frame"
        assert made.row("attempt", task_id) == 2
        assert process_state(child) == ""
        made.assert_swept()
