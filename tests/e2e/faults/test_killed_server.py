"""SIGKILL of the server between any two of its steps, and a start on the same data: nothing accepted is lost or made twice."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.faults.harness import Rig, rig, until
from tests.thorough import all_but

COMMIT = "^sql COMMIT"
COMMITTED = "^call set_result$"
SUBMIT = "^sql INSERT INTO tasks"
CLAIM = "^sql .*SET state = 'RUNNING', attempt = attempt"
HEARTBEAT = "^sql UPDATE tasks SET lease_until_ms"
SETTLE = "^sql INSERT INTO ledger"
SWEEP = "^sql SELECT .* WHERE state = 'RUNNING' AND lease_until_ms <"

# Over a network each statement commits by itself, except for submits, which share a transaction.
CLAIM_FUNCTION = "^sql .*FROM claim_task"
CLAIM_READ = "^call read_task$"
SETTLE_STATEMENT = "^sql WITH settled"
WOKEN = "^call wake$"

POSTGRES_STEPS = {
    "before a submit is on disk": ([SUBMIT, COMMIT], {1}),
    # The worker is told by the commit itself, and may have claimed the task before the server dies.
    "once a submit is on disk and before its client hears of it": ([SUBMIT, COMMIT, COMMITTED], {1, 2}),
    "before a claim is on disk": ([SUBMIT, COMMIT, CLAIM_FUNCTION], {1}),
    "once a claim is on disk and before the child hears of it": ([SUBMIT, COMMIT, CLAIM_FUNCTION, CLAIM_READ], {2}),
    "at a heartbeat": ([HEARTBEAT], {2}),
    "as it looks for leases that ran out": ([HEARTBEAT, SWEEP], {2}),
    "before a success is on disk": ([SETTLE_STATEMENT], {2}),
    "once a success is on disk": ([SETTLE_STATEMENT, WOKEN], {1}),
}

STEPS = {
    "before a submit is on disk": ([SUBMIT, COMMIT], {1}),
    "once a submit is on disk and before its client hears of it": ([SUBMIT, COMMIT, COMMITTED], {1}),
    # An idle worker claims in vain every second: it is the claim after the submit that counts.
    "before a claim is on disk": ([SUBMIT, COMMIT, CLAIM, COMMIT], {1}),
    "once a claim is on disk and before the child hears of it": ([SUBMIT, COMMIT, CLAIM, COMMIT, COMMITTED], {2}),
    "at a heartbeat": ([HEARTBEAT], {2}),
    "as it looks for leases that ran out": ([HEARTBEAT, SWEEP], {2}),
    "before a success is on disk": ([SETTLE, COMMIT], {2}),
    "once a success is on disk": ([SETTLE, COMMIT, COMMITTED], {1}),
}

QUICK = {
    "once a submit is on disk and before its client hears of it",
    "once a claim is on disk and before the child hears of it",
    "before a success is on disk",
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, store: str) -> Iterator[Rig]:
    """One data directory for them all: what one death leaves, the next meets."""
    with rig(tmp_path_factory.mktemp("server"), store=store) as made:
        yield made


@pytest.mark.parametrize("when", all_but(QUICK, STEPS))
def test_a_server_that_is_killed_forgets_nothing_and_makes_nothing_twice(shared: Rig, when: str) -> None:
    steps, attempts = (POSTGRES_STEPS if shared.database else STEPS)[when]
    shared.hold()
    before = shared.rows("SELECT id FROM tasks")
    shared.arm("server", *steps)
    # At a heartbeat something has to run for a while; elsewhere nothing holds it up.
    prompt = "hold" if HEARTBEAT in steps else "a cat"
    answer = None
    with contextlib.suppress(httpx.TransportError):
        answer = shared.submit(prompt, once=when)
    assert answer is None or "a submit" not in when
    shared.until_dead()
    shared.release()
    shared.restart()
    # What a client does that was not answered.
    answer = shared.submit(prompt, once=when)
    task_id = answer.json()["output"]["task_id"]
    shared.assert_made_once(task_id)
    assert shared.row("attempt", task_id) in attempts
    assert set(shared.rows("SELECT id FROM tasks")) - set(before) == {(task_id,)}, "one submit, one task"
    assert len(shared.children()) == 1


def test_nothing_that_a_killed_server_left_outlasts_a_start(shared: Rig) -> None:
    shared.assert_made_once(shared.accept())
    shared.assert_swept()


@pytest.mark.thorough
@pytest.mark.parametrize(("ending", "left"), [("mp4", 3), ("webp", 2), ("jpg", 1)])
def test_a_server_that_is_killed_as_it_deletes_what_is_past_its_retention_deletes_it_at_the_next_start(
    tmp_path: Path, ending: str, left: int
) -> None:
    with rig(tmp_path) as made:
        task_id = made.accept()
        made.assert_made_once(task_id)
        made.stop()
        made.settings["retention_hours"] = "0.0001"
        made.arm("server", rf"^os\.remove \S+/blobs/\S+\.{ending} ")
        # It may be gone before it is seen to listen.
        with contextlib.suppress(AssertionError):
            made.start("--no-worker", ready=False)
        made.until_dead()
        assert len(made.files()) == left, "the row went first"
        made.start("--no-worker")
        until("the end of the files", lambda: made.files() == [])
        assert made.rows("SELECT task_id FROM ledger") == [(task_id,)]


@pytest.mark.thorough
def test_a_drain_that_is_killed_gives_back_at_the_next_start(tmp_path: Path, store: str) -> None:
    with rig(tmp_path, drain_seconds="0", store=store) as made:
        task_id = made.accept("hold")
        made.until_running(task_id)
        made.arm("server", *([SETTLE_STATEMENT] if made.database else ["^sql UPDATE tasks SET \\(", COMMIT]))
        made.server.process.terminate()
        made.until_dead()
        made.release()
        made.restart()
        made.assert_made_once(task_id)
        assert made.row("attempt", task_id) == 2
