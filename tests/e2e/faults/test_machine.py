"""Faults of the machine that no free byte tells of: no accepted task pays for them, and all are made once they pass."""

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.harness import Rig, rig, until
from tests.e2e.faults.test_disk import small_disk

TASKS = 5


def until_attempt(made: Rig, task_id: str, attempt: int) -> None:
    """Wait until the attempt of this number runs."""
    until("the next attempt", lambda: made.row("attempt", task_id) == attempt)


def assert_all_made(made: Rig, task_ids: list[str]) -> None:
    """All are made once, and none of them has spent an attempt."""
    made.assert_made_once(*task_ids)
    assert {made.row("attempts_spent", task_id) for task_id in task_ids} == {0}


@contextlib.contextmanager
def no_inodes(disk: Path) -> Iterator[list[Path]]:
    """Use up the disk's inodes by files, which are handed out, and give them back; its bytes stay free."""
    folder = disk / "inodes"
    folder.mkdir()
    used = []
    try:
        with contextlib.suppress(OSError):
            for number in range(10_000):
                used.append(folder / str(number))
                used[-1].touch()
        yield used
    finally:
        for path in used:
            path.unlink(missing_ok=True)


def test_a_disk_without_inodes_costs_no_task_an_attempt(tmp_path: Path) -> None:
    with (
        small_disk(tmp_path / "small", "nr_inodes=400") as disk,
        rig(disk / "rig", log_file=tmp_path / "server.log") as made,
    ):
        held = made.accept_held()
        with no_inodes(disk) as used:
            used.pop(0).unlink()
            made.release()
            task_ids = [held, *[made.accept() for _ in range(TASKS)]]
            until("the loss of the attempt", lambda: "attempt 1 does not count" in made.log_of(held))
            until("the reason", lambda: "room for" in made.readiness()[1])
            assert [made.row("attempt", task_id) for task_id in task_ids] == [1, *[0] * TASKS]
        assert_all_made(made, task_ids)
        made.kill()


def test_a_child_that_may_open_no_more_files_costs_no_task_an_attempt(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        held = made.accept_held()
        child = made.server.child_pid()
        files = len(list(Path(f"/proc/{child}/fd").iterdir()))
        resource.prlimit(child, resource.RLIMIT_NOFILE, (files, files))
        made.release()
        task_ids = [held, *[made.accept() for _ in range(TASKS)]]
        assert_all_made(made, task_ids)
        assert "Too many open files" in made.log()
        assert made.row("losses", held) == 1


def test_a_child_whose_files_may_not_grow_costs_no_task_an_attempt(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        held = made.accept_held()
        resource.prlimit(made.server.child_pid(), resource.RLIMIT_FSIZE, (100, 100))
        made.release()
        task_ids = [held, *[made.accept() for _ in range(TASKS)]]
        assert_all_made(made, task_ids)
        assert made.row("losses", held) == 1


@pytest.mark.parametrize("gone", ["scratch", "blobs"])
def test_a_folder_that_something_else_takes_the_place_of_is_waited_for(tmp_path: Path, gone: str) -> None:
    with rig(tmp_path) as made:
        held = made.accept_held()
        folder = made.data_dir / gone
        for left in sorted(folder.rglob("*"), reverse=True):
            left.unlink() if left.is_file() else left.rmdir()
        folder.rmdir()
        folder.write_bytes(b"no folder")
        made.release()
        task_ids = [held, *[made.accept() for _ in range(TASKS)]]
        until("the loss of the attempt", lambda: "attempt 1 does not count" in made.log_of(held))
        assert [made.row("attempt", task_id) for task_id in task_ids] == [1, *[0] * TASKS]
        assert made.readiness()[0] == 503
        folder.unlink()
        assert_all_made(made, task_ids)


def test_a_child_that_is_ended_from_outside_again_and_again_costs_no_task_an_attempt(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        held = made.accept("hold")
        for attempt in range(1, 6):
            until_attempt(made, held, attempt)
            os.kill(made.server.child_pid(), signal.SIGKILL)
        made.release()
        made.assert_made_once(held)
        assert (made.row("attempts_spent", held), made.row("losses", held)) == (0, 5)


def test_a_server_that_is_killed_again_and_again_costs_no_task_an_attempt(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        held = made.accept("hold")
        for attempt in range(1, 5):
            until_attempt(made, held, attempt)
            made.kill()
            made.start()
        made.release()
        made.assert_made_once(held)
        assert (made.row("attempts_spent", held), made.row("losses", held)) == (0, 4)
