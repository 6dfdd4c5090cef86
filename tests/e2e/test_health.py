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

from tests.e2e.server import Server, running, wanserve


def until(
    server: Server, status: int, holds: Callable[[dict[str, object]], bool] = lambda _: True
) -> dict[str, object]:
    """Ask `/readyz` until it has this status and the body is as wished; the body."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = server.http.get(server.url + "/readyz")
        if answer.status_code == status and holds(answer.json()):
            return dict(answer.json())
    raise AssertionError(f"/readyz was not {status}: {answer.text}")


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
        assert problem(until(server, 503)) == "the engine's process does not answer"
        assert server.http.get(server.url + "/healthz").status_code == 200
        waiting = server.submit()
        server.wait(waiting, "SUCCEEDED")
        until(server, 200)
        assert not Path(f"/proc/{child}").exists()
        shown = wanserve("tasks", "show", waiting, "--data-dir", str(server.data_dir)).stdout
        assert "attempt: 1\n" in shown, "no attempt was given to a child that does not answer"


def test_a_task_table_that_takes_no_writes_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker") as server:
        with closing(sqlite3.connect(server.data_dir / "wanserve.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert "the task table took no write for" in str(until(server, 503)["store"])
            assert server.http.get(server.url + "/healthz").status_code == 200
            other.execute("ROLLBACK")
        assert until(server, 200)["store"] == "ok"


def test_when_every_attempt_fails_it_is_told_and_one_that_succeeds_ends_that(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        scratch = server.data_dir / "scratch"
        scratch.rmdir()
        failing = server.submit()
        assert server.wait(failing, "FAILED")["message"]
        assert problem(until(server, 503)) == "every attempt of the last minute failed"
        scratch.mkdir()
        server.wait(server.submit(), "SUCCEEDED")
        until(server, 200)


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
