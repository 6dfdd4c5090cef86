"""Engines that fail in every way: the task ends with a clear reason, and what comes after it is made."""

from collections.abc import Iterator

import pytest

from tests.e2e.faults.harness import Rig, rig, until
from tests.e2e.server import wanserve
from tests.thorough import all_but

FAILURES = {
    "engine-failed": ("engine_failed", "this prompt cannot be drawn", 1),
    "exhausted": ("engine_exhausted", "the device ran out of memory", 3),
    "out-of-memory": ("engine_exhausted", "the engine ran out of memory", 3),
    "divides-by-zero": ("internal_error", "the engine stopped at an unexpected error", 3),
    "hang": ("stalled", "the engine reported no progress for 2 s", 3),
    "poison": ("worker_died", "the worker's process ended: killed by SIGKILL", 10),
    "too-few": ("media_failed", "the engine gave 149 frames instead of 150", 3),
    "too-many": ("media_failed", "the engine gave more than 150 frames", 3),
    "too-small": ("media_failed", "frame 0 is 640x240 instead of 640x480", 3),
    "wrong-type": ("media_failed", "frame 0 is not C-contiguous uint8", 3),
}
"""The failure's code, the beginning of its message, and how many attempts it takes."""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """One server for them all, and a second account's key in it."""
    with rig(tmp_path_factory.mktemp("engines"), stall_seconds="2") as made:
        yield made


@pytest.fixture(scope="module")
def other_key(shared: Rig) -> str:
    return shared.new_key("other")


@pytest.mark.parametrize("word", all_but({"engine-failed", "exhausted"}, FAILURES))
def test_an_engine_that_fails_fails_its_task_with_a_clear_reason_and_makes_the_next(shared: Rig, word: str) -> None:
    code, message, attempts = FAILURES[word]
    task_id = shared.accept(f"{word} please")
    told = shared.server.wait(task_id, "FAILED")
    assert str(told["message"]).startswith(message)
    assert "\n" not in str(told["message"])
    assert told["code"] == ("InternalError.Timeout" if word == "hang" else "InternalError.Algo")
    assert "video_url" not in told
    shown = shared.show(task_id)
    assert shown["failure"] == {"code": code, "message": told["message"]}
    # Who kills a process is not known, so that only counts as a loss, of which a task may have more.
    counted = "losses" if word == "poison" else "attempts_spent"
    assert (shown["attempt"], shown[counted]) == (attempts, attempts)
    for_people = wanserve("tasks", "show", task_id, "--data-dir", str(shared.data_dir))
    assert message in for_people.stdout
    assert "Traceback" not in for_people.stdout + for_people.stderr + str(told)
    assert shared.rows(f"SELECT * FROM ledger WHERE task_id = '{task_id}'") == []
    shared.assert_made_once(shared.accept())


@pytest.mark.parametrize("word", all_but({"divides-by-zero"}, ["poison", "too-few", "exhausted", "divides-by-zero"]))
def test_between_the_attempts_of_a_bad_task_others_are_made_at_their_first(
    shared: Rig, other_key: str, word: str
) -> None:
    # All wait before the first is begun.
    shared.accept_held("hold", other_key)
    bad = shared.accept(f"{word} pill")
    others = [shared.accept(f"beside {word} {number}", other_key) for number in range(3)]
    shared.release()
    shared.server.wait(bad, "FAILED")
    until("the others' end", lambda: all(shared.row("ended_ms", other) for other in others))
    assert [(shared.row("state", other), shared.row("attempt", other)) for other in others] == [("SUCCEEDED", 1)] * 3
    asked = (shared.engine / "asked").read_text().splitlines()
    turns = [line.split()[0] for line in asked if line == f"{word} pill" or line.startswith(f"beside {word}")]
    assert turns[:4] == [word, "beside", word, "beside"]


def test_an_engine_that_recovers_makes_the_video_at_its_next_attempt(shared: Rig) -> None:
    task_id = shared.accept("faint-once and then draw")
    shared.assert_made_once(task_id)
    assert (shared.row("attempt", task_id), shared.row("attempts_spent", task_id)) == (2, 1)


def test_a_file_that_is_damaged_between_encoder_and_read_back_is_made_again(shared: Rig) -> None:
    scratch = r"^open \S+/scratch/\S+\.mp4 rb?$"
    shared.arm("child", scratch, scratch, act="truncate")
    task_id = shared.accept()
    shared.assert_made_once(task_id)
    assert (shared.row("attempt", task_id), shared.row("attempts_spent", task_id)) == (2, 0)
    assert "attempt 1 does not count" in shared.log_of(task_id), "the disk is to blame"


def test_what_bad_engines_left_does_not_outlast_a_start(shared: Rig) -> None:
    shared.assert_made_once(shared.accept())
    shared.assert_swept()
