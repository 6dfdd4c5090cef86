"""The worker and its child, really killed: what was accepted is made once, and the server answers all the while."""

import json
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.e2e.faults.harness import PATIENCE_SECONDS, files_of, process_state, rig, until
from tests.e2e.server import POLL, WANSERVE, Server, environment, running, start, wanserve


def test_a_child_that_is_killed_while_it_renders_is_replaced_and_the_video_is_made_once(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        task_id = made.accept_held()
        os.kill(made.server.child_pid(), signal.SIGKILL)
        made.release()
        made.assert_made_once(task_id)
        assert set(made.files()) == files_of(task_id, 2)
        assert "killed by SIGKILL" in made.log()


def test_a_server_that_is_killed_forgets_nothing_and_leaves_no_child(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        running_id, waiting_id = made.accept_held(), made.accept()
        child = made.server.child_pid()
        made.kill()
        until("the end of the child", lambda: process_state(child) in ("", "Z"))
        made.release()
        made.restart()
        made.assert_made_once(running_id, waiting_id)
        made.assert_swept()


def test_sigterm_lets_what_runs_end_and_begins_nothing_new(tmp_path: Path) -> None:
    with rig(tmp_path, drain_seconds="300") as made:
        first, second = made.accept_held(), made.accept()
        made.server.process.send_signal(signal.SIGTERM)
        until("the drain", lambda: "stopping: " in made.log())
        made.release()
        assert made.server.process.wait(PATIENCE_SECONDS) == 0
        assert (made.row("state", first), made.row("state", second)) == ("SUCCEEDED", "PENDING")


def test_past_the_drain_time_what_runs_is_given_back_and_the_attempt_does_not_count(tmp_path: Path) -> None:
    with rig(tmp_path, drain_seconds="0") as made:
        task_id = made.accept_held()
        assert made.server.stop() == 0
        assert [made.row(name, task_id) for name in ("state", "attempt", "attempts_spent")] == ["PENDING", 1, 0]


def test_a_running_task_that_is_canceled_frees_the_child_for_the_next(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        task_id = made.accept_held()
        child = made.server.child_pid()
        assert wanserve("tasks", "cancel", task_id, "--data-dir", str(made.data_dir)).returncode == 0
        assert made.server.poll(task_id)["task_status"] == "CANCELED"
        # The engine would go on for ever.
        following = made.accept()
        made.assert_made_once(following)
        assert made.server.child_pid() == child
        assert made.rows("SELECT task_id FROM ledger") == [(following,)]
        assert made.server.poll(task_id)["task_status"] == "CANCELED"


@pytest.mark.thorough
def test_the_server_answers_while_its_child_renders_and_stops_meanwhile(tmp_path: Path) -> None:
    with rig(tmp_path, lease_seconds="2", stall_seconds="2") as made:
        task_id = made.accept_held()
        # A stopped child stands for any that hangs: the server must neither wait for it nor for its lease.
        child = made.server.child_pid()
        os.kill(child, signal.SIGSTOP)
        for _ in range(50):
            assert made.server.http.get(made.server.url + "/healthz").status_code == 200
            assert made.server.post(POLL, {"task_id": task_id}).status_code == 200
        made.release()
        made.assert_made_once(task_id)
        assert not Path(f"/proc/{child}").exists()
        assert "reported no progress for 2 s" in made.log()


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


@pytest.mark.thorough
def test_what_the_retention_has_passed_is_unknown_and_its_file_is_swept(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        task_id = made.accept()
        link = str(made.server.wait(task_id, "SUCCEEDED")["video_url"])
        url, key = made.server.url, made.server.key
        made.settings["retention_hours"] = "0.0001"
        made.restart("--no-worker")
        assert made.server.post(POLL, {"task_id": task_id}, key).status_code == 404
        until("the end of its files", lambda: made.files() == [])
        assert made.rows("SELECT task_id FROM ledger") == [(task_id,)]
        assert made.server.http.get(link.replace(url, made.server.url)).status_code == 404


def test_a_key_is_told_at_the_first_start_only(tmp_path: Path) -> None:
    for told in (1, 1):
        with running(tmp_path / "data", "--no-worker") as server:
            assert server.log.read_text().count("shown only now: sk-") == told


def test_ctrl_c_ends_the_server_cleanly(tmp_path: Path) -> None:
    server = start(tmp_path / "data", "--no-worker", drain_seconds="600")
    assert server.stop(signal.SIGINT) == 0


def test_a_second_signal_ends_the_drain(tmp_path: Path) -> None:
    with rig(tmp_path, drain_seconds="600") as made:
        made.accept_held()
        made.server.process.send_signal(signal.SIGTERM)
        until("the drain", lambda: "stopping: " in made.log())
        assert made.server.stop() == 0


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
