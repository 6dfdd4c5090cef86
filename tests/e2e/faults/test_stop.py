"""A stop takes no longer than it may, whatever clients and disks do; a second signal means at once."""

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.harness import Rig, process_state, rig, until
from tests.e2e.server import Server

SECOND, DRAINED = 1.0, 4.0
"""What a stop may take after a second signal, and after the drain; see wanserve.machine.stop_signals."""


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Rig]:
    """A server whose running tasks have no time to end."""
    with rig(tmp_path, drain_seconds="0") as started:
        yield started


@contextlib.contextmanager
def reading_nothing(server: Server, task_id: str) -> Iterator[None]:
    """Clients that ask for the video and read no byte of it, and one that never ends its request."""
    host, port = server.url.removeprefix("http://").split(":")
    path = str(server.poll(task_id)["video_url"]).removeprefix(server.url)
    with contextlib.ExitStack() as open_:
        for number in range(4):
            client = open_.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            client.connect((host, int(port)))
            head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n"
            client.sendall(f"{head}{'' if number == 3 else chr(13) + chr(10)}".encode())
        yield


def large(made: Rig) -> str:
    """A task whose video is larger than what the kernel takes of it."""
    task_id = made.accept()
    made.assert_made_once(task_id)
    video = next((made.data_dir / "blobs").rglob("*.mp4"))
    with video.open("r+b") as file:
        file.truncate(50_000_000)
    with contextlib.closing(sqlite3.connect(made.data_dir / "wanserve.db")) as database, database:
        database.execute("UPDATE tasks SET video_bytes = 50000000")
    return task_id


def test_clients_that_read_nothing_hold_up_no_stop(made: Rig) -> None:
    with reading_nothing(made.server, large(made)):
        made.server.process.send_signal(signal.SIGTERM)
        assert made.server.process.wait(60) == 0
    # The lock went with the process, and nothing is left to mend.
    made.server.http.close()
    made.start()


def test_a_second_signal_ends_the_drain_and_gives_back_what_runs(tmp_path: Path) -> None:
    with rig(tmp_path, drain_seconds="3600") as made:
        task_id = large(made)
        held = made.accept("hold")
        made.until_running(held)
        with reading_nothing(made.server, task_id):
            made.server.process.send_signal(signal.SIGTERM)
            until("the drain", lambda: "stopping: " in made.log())
            made.server.process.send_signal(signal.SIGTERM)
            made.server.process.wait(60)
        assert made.row("attempts_spent", held) == 0
        made.server.http.close()
        made.release()
        made.start()
        made.assert_made_once(held)


def test_a_store_that_takes_no_write_holds_up_no_stop(made: Rig) -> None:
    """Another process holds the database; what ran is taken back by the next start."""
    held = made.accept("hold")
    made.until_running(held)
    with contextlib.closing(sqlite3.connect(made.data_dir / "wanserve.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        made.server.process.send_signal(signal.SIGTERM)
        made.server.process.wait(60)
        other.execute("ROLLBACK")
    made.server.http.close()
    made.release()
    made.start()
    made.assert_made_once(held)


def test_no_child_outlives_a_stop_that_is_forced(made: Rig) -> None:
    child = made.server.child_pid()
    held = made.accept("hold")
    made.until_running(held)
    os.kill(child, signal.SIGSTOP)
    for _ in range(3):
        made.server.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            made.server.process.wait(0.2)
    made.server.process.wait(60)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGCONT)
    until("the end of the child", lambda: process_state(child) in ("", "Z"))
    made.server.http.close()
    made.release()
    made.start()
    made.assert_made_once(held)
