"""A disk that is full or takes no writes: tasks wait with a clear reason, and all are made once it has space again."""

import contextlib
import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.harness import RENAMED, Rig, rig, until
from tests.e2e.server import wanserve

SIZE = 128_000_000
"""Twice what must be free for a task to be begun."""


def mount(*arguments: str) -> None:
    """Run mount as root; skip the test where that is not permitted."""
    command = ["mount", *arguments] if os.geteuid() == 0 else ["sudo", "-n", "mount", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"{error.filename} is not there")
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")


@contextlib.contextmanager
def small_disk(folder: Path, *options: str) -> Iterator[Path]:
    """A file system of its own in the folder, with these options of mount's."""
    folder.mkdir(exist_ok=True)
    mount("-t", "tmpfs", "-o", ",".join([f"size={SIZE}", f"uid={os.geteuid()}", *options]), "none", str(folder))
    try:
        yield folder
    finally:
        command = ["umount", "--lazy", str(folder)]
        subprocess.run(command if os.geteuid() == 0 else ["sudo", "-n", *command], timeout=30, check=True)


@contextlib.contextmanager
def filled(disk: Path, leave: int = 0) -> Iterator[Callable[[], None]]:
    """Leave so many bytes free for the length of a block; what is handed out takes what has come free since."""
    ballast = disk / "ballast"

    def fill() -> None:
        while (free := free_bytes(disk) - leave) > 0:
            # Fails, and takes nothing, where the server was faster with a part of it.
            with ballast.open("ab") as file, contextlib.suppress(OSError):
                os.posix_fallocate(file.fileno(), file.tell(), free)

    try:
        fill()
        yield fill
    finally:
        ballast.unlink()


def free_bytes(disk: Path) -> int:
    space = os.statvfs(disk)
    return space.f_bavail * space.f_frsize


@pytest.fixture(scope="module")
def on_small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A server whose data lie on a small disk."""
    folder = tmp_path_factory.mktemp("disk")
    # Not on the small disk: there the line that a test waits for would sometimes find no room.
    with small_disk(folder / "small") as disk, rig(disk / "rig", log_file=folder / "server.log") as made:
        yield made
        made.kill()


def assert_whole(made: Rig) -> None:
    with contextlib.closing(sqlite3.connect(made.data_dir / "wanserve.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def empty_write_ahead_log(made: Rig) -> None:
    """Give back the room that SQLite holds for writes to come, and in which heartbeats would go on for minutes."""
    with contextlib.closing(sqlite3.connect(made.data_dir / "wanserve.db")) as database:
        until("an empty log", lambda: database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)


def disk_of(made: Rig) -> Path:
    return made.folder.parent


def test_with_too_little_room_tasks_are_accepted_and_wait(on_small_disk: Rig) -> None:
    with filled(disk_of(on_small_disk), leave=32_000_000):
        until("the reason", lambda: "MB free" in on_small_disk.readiness()[1])
        assert on_small_disk.readiness()[0] == 503
        task_id = on_small_disk.accept()
        # By the time that a second submit is seen to wait, the first would have been claimed.
        assert on_small_disk.row("state", on_small_disk.accept()) == "PENDING"
        assert on_small_disk.row("state", task_id) == "PENDING"
        assert on_small_disk.row("attempt", task_id) == 0
    on_small_disk.until_ready()
    on_small_disk.assert_made_once(task_id)
    assert on_small_disk.row("attempt", task_id) == 1


def test_a_submit_that_cannot_be_stored_says_so_and_leaves_nothing(on_small_disk: Rig) -> None:
    before = on_small_disk.rows("SELECT count(*) FROM tasks")
    with filled(disk_of(on_small_disk)):
        # What a full disk still takes is what its files have been given before; long prompts use that up.
        for number in range(500):
            refused = on_small_disk.submit("x" * 800, once=f"full {number}")
            if refused.status_code != 200:
                break
        assert refused.status_code in (500, 503), refused.text
        assert refused.json()["code"] == "InternalError"
        assert refused.json()["request_id"]
        assert "Traceback" not in refused.text
        assert on_small_disk.rows("SELECT count(*) FROM tasks") == [(int(str(before[0][0])) + number,)]
        # What was found out less than a second ago is still told.
        until("the reason", lambda: on_small_disk.readiness()[0] == 503)
        made = on_small_disk.rows("SELECT id FROM tasks WHERE state = 'SUCCEEDED'")[0][0]
        polled = on_small_disk.server.poll(str(made))
        assert polled["task_status"] == "SUCCEEDED", "what was made is still told"
    on_small_disk.until_ready()
    again = on_small_disk.submit("x" * 800, once=f"full {number}")
    assert again.status_code == 200
    on_small_disk.assert_made_once(again.json()["output"]["task_id"])
    assert_whole(on_small_disk)
    # The rest need not be made: they were accepted, and that is all.
    for (task_id,) in on_small_disk.rows("SELECT id FROM tasks WHERE state IN ('PENDING', 'RUNNING')"):
        wanserve("tasks", "cancel", str(task_id), "--data-dir", str(on_small_disk.data_dir))


def test_a_disk_that_fills_while_a_video_is_made_costs_no_attempt(on_small_disk: Rig) -> None:
    task_id = on_small_disk.accept("hold")
    on_small_disk.until_running(task_id)
    with filled(disk_of(on_small_disk)):
        on_small_disk.release()
        until("the loss of the attempt", lambda: "attempt 1 does not count" in on_small_disk.log_of(task_id))
    on_small_disk.assert_made_once(task_id)
    assert (on_small_disk.row("attempt", task_id), on_small_disk.row("attempts_spent", task_id)) == (2, 0)
    assert_whole(on_small_disk)


def test_a_disk_that_fills_before_a_success_is_written_loses_no_video(on_small_disk: Rig) -> None:
    """The end of the attempt is written again until the table takes it."""
    child = on_small_disk.server.child_pid()
    on_small_disk.arm("child", RENAMED, "^call send$", act="SIGSTOP")
    task_id = on_small_disk.accept()
    on_small_disk.until_stopped(child)
    empty_write_ahead_log(on_small_disk)
    failed_before = on_small_disk.log().count("a heartbeat was not written")

    def heartbeat_fails() -> bool:
        # The sweep may have made room.
        fill()
        return on_small_disk.log().count("a heartbeat was not written") > failed_before

    with filled(disk_of(on_small_disk)) as fill:
        until("a write that fails", heartbeat_fails)
        os.kill(child, signal.SIGCONT)
        until(
            "the end that is not written",
            lambda: "the end of attempt 1 was not written" in on_small_disk.log_of(task_id),
        )
    on_small_disk.assert_made_once(task_id)
    assert on_small_disk.row("attempt", task_id) == 1
    assert_whole(on_small_disk)


def test_a_data_directory_that_takes_no_writes_stops_the_start_in_one_line(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as disk:
        wanserve("keys", "list", "--data-dir", str(disk / "data"))
        mount("-o", "remount,ro", str(disk))
        for data_dir in (disk / "data", disk / "new"):
            refused = wanserve("serve", "--port", "0", "--data-dir", str(data_dir))
            assert refused.returncode == 1
            assert refused.stderr.startswith("wanserve: "), refused.stderr
            assert refused.stderr.count("\n") == 1, refused.stderr
            assert str(data_dir) in refused.stderr


def test_a_disk_of_videos_that_turns_read_only_is_told_and_all_goes_on_once_it_is_not(tmp_path: Path) -> None:
    """The videos are on a disk of their own: Linux leaves no disk read-only that has files open for writing."""
    (tmp_path / "rig" / "data").mkdir(parents=True)
    with small_disk(tmp_path / "rig" / "data" / "blobs") as disk, rig(tmp_path / "rig", lease_seconds="2") as made:
        done = made.accept()
        made.assert_made_once(done)
        mount("-o", "remount,ro", str(disk))
        until("unreadiness", lambda: made.readiness()[0] == 503)
        assert "cannot be written to" in made.readiness()[1]
        task_id = made.accept()
        assert made.server.poll(done)["task_status"] == "SUCCEEDED"
        assert made.row("state", task_id) == "PENDING"
        mount("-o", "remount,rw", str(disk))
        made.until_ready()
        made.assert_made_once(task_id)
        assert made.row("attempt", task_id) == 1
        made.assert_swept()
