"""Health that tells the truth: 503 while no task would be made, and 200 again once it would; and the metrics."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.faults.harness import rig
from tests.e2e.server import SUBMIT, Server, running, wanserve
from tests.thorough import all_but

READY, WORKERS = "/readyz", "/readyz/workers"
BODY = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}}


def until(
    server: Server,
    path: str,
    status: int,
    holds: Callable[[dict[str, object]], bool] = lambda _: True,
) -> dict[str, object]:
    """Ask the path until it has this status and the body is as wished; the body."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = server.http.get(server.url + path)
        if answer.status_code == status and holds(answer.json()):
            return dict(answer.json())
        time.sleep(0.02)
    raise AssertionError(f"{path} was not {status}: {answer.text}")


def problem(body: dict[str, object]) -> object:
    """What the only worker complains of."""
    workers = body["workers"]
    assert isinstance(workers, list)
    return workers[0]["problem"]


@pytest.mark.thorough
def test_a_child_that_does_not_answer_is_told_and_replaced(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        child = server.child_pid()
        os.kill(child, signal.SIGSTOP)
        assert problem(until(server, WORKERS, 503)) == "the engine's process does not answer"
        assert server.http.get(server.url + "/healthz").status_code == 200
        waiting = server.submit()
        server.wait(waiting, "SUCCEEDED")
        until(server, WORKERS, 200)
        assert not Path(f"/proc/{child}").exists()
        shown = wanserve("tasks", "show", waiting, "--data-dir", str(server.data_dir)).stdout
        assert "attempt: 1\n" in shown, "no attempt was given to a child that does not answer"


def test_a_task_table_that_takes_no_writes_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker") as server:
        with closing(sqlite3.connect(server.data_dir / "wanserve.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert "the task table took no write for" in str(until(server, READY, 503)["store"])
            assert server.http.get(server.url + "/healthz").status_code == 200
            other.execute("ROLLBACK")
        assert until(server, READY, 200)["store"] == "ok"


def test_tasks_that_fail_by_their_own_fault_send_no_request_elsewhere(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        for _ in range(3):
            made.server.wait(made.accept("engine-failed"), "FAILED")
            assert made.readiness()[0] == 200


@pytest.mark.parametrize("gone", all_but({"scratch blobs"}, ["scratch", "blobs", "scratch blobs"]))
def test_folders_of_the_data_directory_that_are_gone_are_made_again(tmp_path: Path, gone: str) -> None:
    with rig(tmp_path) as made:
        for name in gone.split():
            (made.data_dir / name).rmdir()
        task_id = made.accept()
        made.assert_made_once(task_id)
        assert made.row("attempts_spent", task_id) == 0
        assert made.readiness()[0] == 200


@pytest.mark.parametrize("name", all_but({"wanserve.db"}, ["wanserve.db", "wanserve.db-wal", "lock"]))
def test_a_database_that_is_taken_away_is_told_and_nothing_is_accepted_into_it(tmp_path: Path, name: str) -> None:
    with running(tmp_path / "data", "--no-worker") as server:
        accepted = server.submit()
        kept = tmp_path / "kept"
        os.link(server.data_dir / name, kept)
        (server.data_dir / name).unlink()
        assert f"{name} was removed or replaced" in str(until(server, READY, 503)["store"])
        assert server.post(SUBMIT, BODY).status_code == 500
        assert server.poll(accepted)["task_status"] == "PENDING"
        kept.replace(server.data_dir / name)
        until(server, READY, 200)
        server.submit()


def test_a_server_that_stops_says_so_while_it_still_answers(tmp_path: Path) -> None:
    with rig(tmp_path, drain_seconds="60") as made:
        task_id = made.accept("hold")
        made.until_running(task_id)
        made.server.process.send_signal(signal.SIGTERM)
        assert until(made.server, READY, 503)["status"] == "stopping"
        assert until(made.server, WORKERS, 503)["status"] == "stopping"
        assert made.server.http.get(made.server.url + "/healthz").status_code == 200
        assert made.server.poll(task_id)["task_status"] == "RUNNING"
        made.release()
        assert made.server.process.wait(60) == 0
        assert made.row("state", task_id) == "SUCCEEDED"


def test_a_server_without_workers_accepts_requests_and_says_that_it_makes_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker") as server:
        assert until(server, READY, 200)["status"] == "ready"
        assert until(server, WORKERS, 503)["status"] == "there is no worker"


def test_the_metrics_tell_what_was_done_and_nothing_of_whom(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        made = server.submit("a secret kitten")
        server.wait(made, "SUCCEEDED")
        assert server.post("/wan-video-polling/getTextToVideoResult", {"task_id": "none"}).status_code == 404
        page = ""
        # Counted just after the table tells of it.
        while 'end="made"' not in page:
            answer = server.http.get(server.url + "/metrics")
            assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            page = answer.text
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    model = "wan2.2-t2v-plus"
    assert found["wanserve_tasks", "SUCCEEDED", model] == 1
    assert found["wanserve_ready",] == found["wanserve_workers_ready",] == 1
    assert found["wanserve_attempts_total", "made", model] == 1
    assert found["wanserve_stored_bytes_total", model] > 1000
    assert found["wanserve_generation_seconds_count", model] == 1
    assert min(found[f"wanserve_{part}_seconds_sum", model] for part in ("generation", "encode", "store")) > 0
    assert found["wanserve_http_answers_total", "404", "pixazo"] == 1
    assert found["wanserve_http_answers_total", "200", "pixazo"] > 1
    assert found["wanserve_http_answers_total", "200", "wanserve"] >= 1
    assert "kitten" not in page
    assert made not in page
    assert server.key not in page
