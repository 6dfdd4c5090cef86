"""Processes that stop and wake up too late: what they still do changes nothing, and their files are swept."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.e2e.faults.harness import RENAMED, Rig, process_state, rig, until

ZOMBIES = {
    "while it renders": ["stand_in.frame 75"],
    "before it stores the file": [RENAMED],
    "once the file is stored": [RENAMED, r"^open \S+/blobs/videos/\S+ None"],
    "before it tells that it is done": [RENAMED, "^call send$"],
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, store: str) -> Iterator[Rig]:
    """A server whose leases are the shortest there are."""
    with rig(tmp_path_factory.mktemp("zombies"), lease_seconds="2", store=store) as made:
        yield made


@contextlib.contextmanager
def kept_asleep(stopped: int) -> Iterator[None]:
    """Keep Linux from waking a stopped child whose server dies.

    It sends SIGHUP and SIGCONT to a group of processes that has lost its last tie to its session. That would hide what a
    process does that sleeps for another reason, such as a disk that does not answer; a companion in the group is a tie.
    """
    companion = subprocess.Popen(["sleep", "infinity"], process_group=stopped)
    try:
        yield
    finally:
        companion.kill()
        companion.wait()


@pytest.mark.parametrize("when", ZOMBIES)
def test_a_child_that_wakes_up_after_its_server_was_killed_changes_nothing(shared: Rig, when: str) -> None:
    zombie = shared.server.child_pid()
    shared.arm("child", *ZOMBIES[when], act="SIGSTOP")
    task_id = shared.accept()
    shared.until_stopped(zombie)
    with kept_asleep(zombie):
        shared.kill()
        shared.restart()
        shared.assert_made_once(task_id)
        before = shared.rows(f"SELECT * FROM tasks WHERE id = '{task_id}'")
        os.kill(zombie, signal.SIGCONT)
        until("the zombie's end", lambda: process_state(zombie) in ("", "Z"))
    shared.assert_swept()
    assert shared.rows(f"SELECT * FROM tasks WHERE id = '{task_id}'") == before
    assert shared.files().count(f"videos/{task_id}/2.mp4") == 1
    shared.restart()


def test_a_server_that_wakes_up_to_a_cancel_makes_no_success_of_it(shared: Rig) -> None:
    # Right as the child's word comes that the video is stored; the table is free for others.
    shared.arm("server", r"^pickle\.find_class wanserve\.worker\.protocol Done", act="SIGSTOP")
    task_id = shared.accept()
    shared.until_stopped(shared.server.process.pid)
    assert shared.files().count(f"videos/{task_id}/1.mp4") == 1
    shared.command("tasks", "cancel", task_id)
    shared.server.process.send_signal(signal.SIGCONT)
    until("the late end of the attempt", lambda: "ended too late and changes nothing" in shared.log_of(task_id))
    following = shared.accept()
    shared.assert_made_once(following)
    assert shared.server.poll(task_id)["task_status"] == "CANCELED"
    assert shared.rows(f"SELECT * FROM ledger WHERE task_id = '{task_id}'") == []
    shared.assert_swept()
    shared.restart()


def test_a_server_that_wakes_up_after_its_leases_ran_out_makes_each_video_once(shared: Rig) -> None:
    """A laptop that was closed: all sleep together, and nobody else has taken what they hold."""
    (shared.engine / "go").unlink(missing_ok=True)
    task_id = shared.accept("hold")
    shared.until_running(task_id)
    child = shared.server.child_pid()
    os.kill(child, signal.SIGSTOP)
    shared.server.process.send_signal(signal.SIGSTOP)
    until("the end of the lease", lambda: int(str(shared.row("lease_until_ms", task_id))) < time.time_ns() // 1_000_000)
    shared.server.process.send_signal(signal.SIGCONT)
    os.kill(child, signal.SIGCONT)
    shared.release()
    shared.assert_made_once(task_id)
    shared.assert_swept()
    shared.restart()


def test_a_child_that_sleeps_past_its_lease_and_not_past_the_stall_limit_is_waited_for(shared: Rig) -> None:
    (shared.engine / "go").unlink(missing_ok=True)
    task_id = shared.accept("hold")
    shared.until_running(task_id)
    child = shared.server.child_pid()
    lease_until_ms = int(str(shared.row("lease_until_ms", task_id)))
    os.kill(child, signal.SIGSTOP)
    until("a renewed lease", lambda: int(str(shared.row("lease_until_ms", task_id))) > lease_until_ms + 3000)
    os.kill(child, signal.SIGCONT)
    shared.release()
    shared.assert_made_once(task_id)
    assert shared.row("attempt", task_id) == 1
    assert shared.server.child_pid() == child
