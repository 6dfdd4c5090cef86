"""A submit that is sent again with its Idempotency-Key makes no second task, whatever happened in between."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.server import SUBMIT, Server, running, start, wanserve

GOOD: dict[str, Any] = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}, "parameters": {"size": "640*480"}}
OTHER: dict[str, Any] = GOOD | {"input": {"prompt": "a dog"}}


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that makes nothing, and whose queue is full with five tasks of one model."""
    data = tmp_path_factory.mktemp("once") / "data"
    with running(data, "--no-worker", submit_rps="1000", max_queued="5") as started:
        yield started


def new_account(server: Server, name: str) -> str:
    """An account's first key."""
    made = wanserve("keys", "create", name, "--account", name, "--data-dir", str(server.data_dir))
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def submit(server: Server, once: str | bytes, body: Mapping[str, Any] = GOOD, key: str | None = None) -> httpx.Response:
    """One submit with an idempotency key."""
    headers = {b"Ocp-Apim-Subscription-Key": (key or server.key).encode()}
    headers[b"Idempotency-Key"] = once if isinstance(once, bytes) else once.encode()
    return server.http.post(server.url + SUBMIT, json=body, headers=headers)


def task_id(answer: httpx.Response) -> str:
    """The id of the task that a submit was answered with."""
    assert answer.status_code == 200, answer.text
    return str(answer.json()["output"]["task_id"])


def stored(server: Server) -> list[str]:
    """The ids of every task that the server knows."""
    listed = wanserve("tasks", "list", "--all", "--json", "--data-dir", str(server.data_dir))
    return [row["id"] for row in json.loads(listed.stdout)]


def test_the_same_key_and_body_give_the_same_task_and_another_account_its_own(idle: Server) -> None:
    mine, theirs = new_account(idle, "mine"), new_account(idle, "theirs")
    first = task_id(submit(idle, "order-1", key=mine))
    turned = dict(reversed(GOOD.items())) | {"unknown": 1}
    assert [task_id(submit(idle, "order-1", body, mine)) for body in (GOOD, turned, GOOD)] == [first] * 3
    assert task_id(submit(idle, "order-2", key=mine)) != first
    other = task_id(submit(idle, "order-1", key=theirs))
    assert other != first
    # Theirs may ask for something else under the same name, and it is none of mine.
    assert task_id(submit(idle, "order-1", key=mine)) == first
    assert stored(idle).count(first) == stored(idle).count(other) == 1


def test_the_same_key_with_another_body_is_refused_in_the_dialects_shape(idle: Server) -> None:
    key = new_account(idle, "changes")
    first = task_id(submit(idle, "order", key=key))
    before = stored(idle)
    refused = submit(idle, "order", OTHER, key)
    assert refused.status_code == 400
    body = refused.json()
    assert (body["error"], body["code"]) == ("Invalid request parameters", "InvalidParameter")
    assert body["message"] == "Idempotency-Key: order was used for another request: use a new key for each request"
    assert body["request_id"] == refused.headers["x-request-id"]
    assert stored(idle) == before
    assert task_id(submit(idle, "order", key=key)) == first


def test_twenty_submits_at_once_with_one_key_make_one_task(idle: Server) -> None:
    key = new_account(idle, "hurried")
    before = stored(idle)
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: submit(idle, "at once", key=key), range(20)))
    (only,) = {task_id(answer) for answer in answers}
    assert sorted(stored(idle)) == sorted([*before, only])


@pytest.mark.parametrize("once", [b"", b"x" * 256, "schlüssel".encode(), b"caf\xe9", b"a\tb"])
def test_what_is_no_key_is_refused_and_stores_nothing(idle: Server, once: bytes) -> None:
    before = stored(idle)
    refused = submit(idle, once)
    assert refused.status_code == 400
    assert refused.json()["message"] == "Idempotency-Key: must be 1 to 255 printable ASCII characters"
    assert stored(idle) == before


def test_the_longest_key_is_one(idle: Server) -> None:
    key = new_account(idle, "long")
    assert task_id(submit(idle, "x" * 255, key=key)) == task_id(submit(idle, "x" * 255, key=key))


def test_a_repeat_is_answered_though_the_queue_is_full(idle: Server) -> None:
    key = new_account(idle, "full")
    ids = [task_id(submit(idle, f"order-{number}", key=key)) for number in range(5)]
    assert submit(idle, "one more", key=key).status_code == 429
    assert [task_id(submit(idle, f"order-{number}", key=key)) for number in range(5)] == ids


def test_a_submit_that_was_refused_has_not_used_its_key_up(idle: Server) -> None:
    key = new_account(idle, "careless")
    assert submit(idle, "order", {"model": "wan9"}, key).status_code == 400
    first = task_id(submit(idle, "order", OTHER, key))
    for number in range(4):
        task_id(submit(idle, f"order-{number}", key=key))
    assert submit(idle, "refused", key=key).status_code == 429
    wanserve("tasks", "cancel", first, "--data-dir", str(idle.data_dir))
    task_id(submit(idle, "refused", OTHER, key))


def test_a_key_counts_after_a_restart_and_after_its_task_has_ended(tmp_path: Path) -> None:
    server = start(tmp_path / "data", drain_seconds="0")
    first = task_id(submit(server, "order"))
    assert server.stop() == 0
    with running(tmp_path / "data") as again:
        again.key = server.key
        assert task_id(submit(again, "order")) == first
        again.wait(first, "SUCCEEDED")
        repeated = submit(again, "order")
        assert task_id(repeated) == first
        assert repeated.json()["output"]["task_status"] == "SUCCEEDED"
        assert submit(again, "order", OTHER).status_code == 400
        assert stored(again) == [first]


@pytest.mark.thorough
def test_past_its_tasks_retention_a_key_neither_finds_it_nor_makes_another(tmp_path: Path) -> None:
    server = start(tmp_path / "data")
    first = task_id(submit(server, "order"))
    server.wait(first, "SUCCEEDED")
    assert server.stop() == 0
    with running(tmp_path / "data", "--no-worker", retention_hours="0.0001") as again:
        again.key = server.key
        refused = submit(again, "order")
        assert refused.status_code == 400
        assert "order was used for a task that no longer exists" in refused.json()["message"]
        assert submit(again, "order", OTHER).status_code == 400
        assert task_id(submit(again, "another")) != first
