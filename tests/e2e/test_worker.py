"""The worker and its child, really killed: what was accepted is made once, and the server answers all the while."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import POLL, WANSERVE, Server, environment, running, start, wanserve


def until_progress(server: Server, task_id: str) -> None:
    """Wait until the child has told of progress, which is once it renders."""
    while True:
        shown = json.loads(wanserve("tasks", "show", task_id, "--json", "--data-dir", str(server.data_dir)).stdout)
        assert shown["state"] in ("PENDING", "RUNNING"), shown
        if shown["progress"] > 0:
            return


def ledger(server: Server) -> list[str]:
    """The ids of the tasks that were billed."""
    usage = wanserve("usage", "--json", "--data-dir", str(server.data_dir))
    return [row["task_id"] for row in json.loads(usage.stdout)]


def files(server: Server) -> list[str]:
    """The stored videos and stills."""
    blobs = server.data_dir / "blobs"
    return sorted(str(path.relative_to(blobs)) for path in blobs.rglob("*") if path.is_file())


def test_a_child_that_is_killed_while_it_renders_is_replaced_and_the_video_is_made_once(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        task_id = server.submit(size="1920*1080")
        until_progress(server, task_id)
        os.kill(server.child_pid(), signal.SIGKILL)
        server.wait(task_id, "SUCCEEDED")
        assert ledger(server) == [task_id]
        assert files(server) == [f"videos/{task_id}/2.{ending}" for ending in ("jpg", "mp4", "webp")]
        assert "killed by SIGKILL" in server.log.read_text()


def test_a_server_that_is_killed_forgets_nothing_and_leaves_no_child(tmp_path: Path) -> None:
    server = start(tmp_path / "data")
    running_id, waiting_id = server.submit(size="1920*1080"), server.submit()
    until_progress(server, running_id)
    child = server.child_pid()
    server.stop(signal.SIGKILL)
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        time.sleep(0.01)
    with running(tmp_path / "data") as again:
        again.key = server.key
        for task_id in (running_id, waiting_id):
            again.wait(task_id, "SUCCEEDED")
        assert sorted(ledger(again)) == sorted([running_id, waiting_id])
        assert len(files(again)) == 2 * 3
        assert list((again.data_dir / "scratch").iterdir()) == []


def test_sigterm_lets_what_runs_end_and_begins_nothing_new(tmp_path: Path) -> None:
    server = start(tmp_path / "data", drain_seconds="300")
    first, second = server.submit(size="1920*1080"), server.submit()
    until_progress(server, first)
    assert server.stop() == 0
    with running(tmp_path / "data", "--no-worker") as again:
        again.key = server.key
        assert again.poll(first)["task_status"] == "SUCCEEDED"
        assert again.poll(second)["task_status"] == "PENDING"


def test_past_the_drain_time_what_runs_is_given_back_and_the_attempt_does_not_count(tmp_path: Path) -> None:
    server = start(tmp_path / "data", drain_seconds="0")
    task_id = server.submit(size="1920*1080")
    until_progress(server, task_id)
    assert server.stop() == 0
    shown = json.loads(wanserve("tasks", "show", task_id, "--json", "--data-dir", str(server.data_dir)).stdout)
    assert (shown["state"], shown["attempt"], shown["attempts_spent"]) == ("PENDING", 1, 0)


def test_a_running_task_that_is_canceled_frees_the_child_for_the_next(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        task_id = server.submit(size="1920*1080")
        until_progress(server, task_id)
        child = server.child_pid()
        assert wanserve("tasks", "cancel", task_id, "--data-dir", str(server.data_dir)).returncode == 0
        assert server.poll(task_id)["task_status"] == "CANCELED"
        following = server.submit()
        server.wait(following, "SUCCEEDED")
        assert server.child_pid() == child
        assert ledger(server) == [following]
        assert server.poll(task_id)["task_status"] == "CANCELED"


def test_the_server_answers_while_its_child_renders_and_stops_meanwhile(tmp_path: Path) -> None:
    with running(tmp_path / "data", lease_seconds="2", stall_seconds="2", submit_rps="100") as server:
        task_id = server.submit(size="1920*1080")
        until_progress(server, task_id)
        # A stopped child stands for any that hangs: the server must neither wait for it nor for its lease.
        child = server.child_pid()
        os.kill(child, signal.SIGSTOP)
        for _ in range(50):
            assert server.http.get(server.url + "/healthz").status_code == 200
            assert server.post(POLL, {"task_id": task_id}).status_code == 200
        server.wait(task_id, "SUCCEEDED")
        assert ledger(server) == [task_id]
        assert not Path(f"/proc/{child}").exists()
        assert "reported nothing for 2 s" in server.log.read_text()


def test_a_second_server_on_the_same_data_directory_says_so_and_exits_1(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker") as server:
        second = wanserve("serve", "--port", "0", "--data-dir", str(server.data_dir))
        assert second.returncode == 1
        assert (
            second.stderr
            == f"wanserve: another wanserve serves {server.data_dir}: stop it, or give another --data-dir\n"
        )


def test_a_taken_port_is_said_plainly(server: Server, tmp_path: Path) -> None:
    port = server.url.rsplit(":", maxsplit=1)[1]
    second = wanserve("serve", "--port", port, "--data-dir", str(tmp_path / "data"))
    assert second.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_newer_schema_stops_the_start_and_is_left_as_it_was(tmp_path: Path) -> None:
    wanserve("keys", "list", "--data-dir", str(tmp_path))
    with sqlite3.connect(tmp_path / "wanserve.db") as database:
        database.execute("PRAGMA user_version = 999")
    for command in (["serve", "--port", "0"], ["usage"]):
        refused = wanserve(*command, "--data-dir", str(tmp_path))
        assert refused.returncode == 1
        assert "schema 999" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_what_the_retention_has_passed_is_unknown_and_its_file_is_swept(tmp_path: Path) -> None:
    server = start(tmp_path / "data")
    task_id = server.submit()
    link = str(server.wait(task_id, "SUCCEEDED")["video_url"])
    assert server.stop() == 0
    with running(tmp_path / "data", "--no-worker", retention_hours="0.0001") as again:
        again.key = server.key
        assert again.post(POLL, {"task_id": task_id}).status_code == 404
        assert files(again) == []
        assert ledger(again) == [task_id]
        assert again.http.get(link.replace(server.url, again.url)).status_code == 404


def test_a_key_is_told_at_the_first_start_only(tmp_path: Path) -> None:
    for told in (1, 1):
        with running(tmp_path / "data", "--no-worker") as server:
            assert server.log.read_text().count("shown only now: sk-") == told


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM]])
def test_ctrl_c_and_a_second_signal_end_the_server_cleanly(tmp_path: Path, signals: list[signal.Signals]) -> None:
    server = start(tmp_path / "data", drain_seconds="600")
    if len(signals) == 2:
        until_progress(server, server.submit(size="1920*1080"))
    for number in signals:
        server.process.send_signal(number)
        time.sleep(0.2)
    server.http.close()
    assert server.process.wait(30) == 0


def test_the_whole_group_may_get_ctrl_c(tmp_path: Path) -> None:
    """As in a terminal: whoever of them gets the signal, none prints a trace."""
    process = subprocess.Popen(
        [WANSERVE, "serve", "--port", "0", "--data-dir", str(tmp_path / "data")],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    while "listening" not in (line := process.stderr.readline()):
        pass
    url = json.loads(line)["message"].split()[-1]
    with httpx.Client(transport=httpx.HTTPTransport(retries=10), trust_env=False) as client:
        assert client.get(f"{url}/healthz").status_code == 200
    # Now, while the child still imports.
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in said
