"""Two API servers and three workers on one database and one store of files, as on five machines."""

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import postgres, s3
from tests.e2e.faults.clock import Clock, compiled_clock
from tests.e2e.faults.harness import until
from tests.e2e.server import POLL, SUBMIT, Server, running, start, wanserve
from tests.soak import fleet

RATES = {"submit_rps": "1000", "query_rps": "10000"}
SETTINGS = {**RATES, "lease_seconds": "4"}


@dataclass
class Machines:
    """The servers and the workers. `settings` are what all of them share."""

    folder: Path
    settings: dict[str, str]
    apis: list[Server]
    workers: list[Server]

    def command(self, *arguments: str) -> str:
        """What a command prints that is run on one of the machines."""
        done = wanserve(*arguments, "--data-dir", str(self.folder / "api-0"), **self.settings)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def registered(self) -> list[dict[str, object]]:
        """`wanserve workers list --json`."""
        return list(json.loads(self.command("workers", "list", "--json")))


@pytest.fixture
def shared(tmp_path: Path) -> dict[str, str]:
    """The settings of all machines: a database and a store of files."""
    url = postgres.database(tmp_path.name.replace("[", "").replace("]", ""))
    return {"database_url": url, "blob_url": (tmp_path / "files").as_uri(), **SETTINGS}


@pytest.fixture
def machines(tmp_path: Path, shared: dict[str, str]) -> Iterator[Machines]:
    with ExitStack() as stack:
        apis = [
            stack.enter_context(running(tmp_path / f"api-{n}", "--no-worker", ready=True, **shared)) for n in range(2)
        ]
        apis[1].key = apis[0].key
        workers = [
            stack.enter_context(running(tmp_path / f"gpu-{n}", command="worker", ready=True, **shared))
            for n in range(3)
        ]
        made = Machines(tmp_path, shared, apis, workers)
        until("three heartbeats", lambda: [row["state"] for row in made.registered()].count("idle") == 3)
        yield made


def test_what_is_submitted_to_one_is_polled_at_the_other_and_its_link_works_at_both(machines: Machines) -> None:
    one, other = machines.apis
    ids = [one.submit(f"number {number}") for number in range(6)]
    for task_id in ids:
        told = other.wait(task_id, "SUCCEEDED")
        link = str(told["video_url"])
        assert link.startswith(other.url)
        videos = [other.http.get(at).content for at in (link, link.replace(other.url, one.url))]
        assert videos[0] == videos[1] != b""
    shown = [json.loads(machines.command("tasks", "show", task_id, "--json")) for task_id in ids]
    assert {task["worker_id"] for task in shown} <= {row["id"] for row in machines.registered()}
    pages = [worker.http.get(f"{worker.url}/metrics").text for worker in machines.workers]
    made = [
        line for page in pages for line in page.splitlines() if line.startswith('wanserve_attempts_total{end="made"')
    ]
    assert sum(float(line.split()[-1]) for line in made) == len(ids)
    assert all(worker.post(SUBMIT, {}).status_code == 404 for worker in machines.workers), "a worker takes no tasks"


def test_the_workers_are_listed_with_what_they_run_and_a_lost_one_is_called_lost(machines: Machines) -> None:
    assert {(row["engine"], row["task"]) for row in machines.registered()} == {("animatic", None)}
    assert machines.command("workers", "list").count("animatic") == 3
    task_id = machines.apis[0].submit("a long film", size="1920*1080")
    until("the start", lambda: task_id in [row["task"] for row in machines.registered()])
    (busy,) = [row for row in machines.registered() if row["task"] == task_id]
    assert (busy["state"], busy["since"] is not None) == ("busy", True)
    (killed,) = [worker for worker in machines.workers if task_id in worker.log.read_text()]
    killed.stop(signal.SIGKILL)
    until("the loss", lambda: next(row for row in machines.registered() if row["id"] == busy["id"])["state"] == "lost")
    machines.apis[1].wait(task_id, "SUCCEEDED")


def test_a_cancel_at_one_machine_frees_the_worker_of_another_at_once(machines: Machines) -> None:
    one, other = machines.apis
    task_id = one.submit("a long film", size="1920*1080")
    until("the start", lambda: other.poll(task_id)["task_status"] == "RUNNING")
    assert machines.command("tasks", "cancel", task_id) == f"{task_id} is canceled\n"
    until("the end of the attempt", lambda: all(row["state"] == "idle" for row in machines.registered()))
    assert sum("attempt 1 stops: canceled" in worker.log.read_text() for worker in machines.workers) == 1


def test_whoever_signs_in_to_the_studio_of_one_server_is_signed_in_at_all(
    tmp_path: Path, shared: dict[str, str]
) -> None:
    with ExitStack() as stack:
        one, other = (
            stack.enter_context(running(tmp_path / f"api-{n}", "--no-worker", ready=True, **shared)) for n in range(2)
        )
        task_id = other.submit("a cat in the studio", key=one.key)
        # As behind a load balancer: a browser sees one address.
        host = {"host": "studio.example"}
        answer = one.http.post(f"{one.url}/sign-in", data={"key": one.key}, headers=host)
        (cookie,) = answer.headers.get_list("set-cookie")
        session = {**host, "cookie": cookie.partition(";")[0]}
        for server in (one, other):
            page = server.http.get(f"{server.url}/", headers=session)
            assert (page.status_code, "a cat in the studio" in page.text, task_id in page.text) == (200, True, True)
        token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        assert one.http.post(f"{one.url}/sign-out", data={"csrf_token": token}, headers=session).status_code == 303
        assert other.http.get(f"{other.url}/", headers=session).headers["location"] == "sign-in"


@pytest.mark.parametrize("links", ["direct", "proxy"])
def test_over_a_bucket_every_server_has_every_video(
    tmp_path: Path, shared: dict[str, str], monkeypatch: pytest.MonkeyPatch, links: str
) -> None:
    bucket = s3.server().bucket("shared")
    bucket.enter(monkeypatch)
    over = {**shared, "blob_url": bucket.url, "blob_links": links}
    with (
        running(tmp_path / "a", "--no-worker", ready=True, **over) as one,
        running(tmp_path / "b", "--no-worker", ready=True, **over) as other,
        running(tmp_path / "gpu", command="worker", ready=True, **over),
    ):
        other.key = one.key
        task_id = one.submit()
        urls = [str(server.wait(task_id, "SUCCEEDED")["video_url"]) for server in (other, one)]
        if links == "proxy":
            urls.append(urls[0].replace(other.url, one.url))
        videos = {one.http.get(url).content for url in urls}
        assert len(videos) == 1
        assert videos.pop()[4:8] == b"ftyp"


def test_rate_limits_and_idempotency_keys_hold_across_servers(tmp_path: Path, shared: dict[str, str]) -> None:
    slow = {**shared, "submit_rps": "0.001"}
    with (
        running(tmp_path / "a", "--no-worker", ready=True, **slow) as one,
        running(tmp_path / "b", "--no-worker", ready=True, **slow) as other,
    ):
        body = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}}
        headers = {"Ocp-Apim-Subscription-Key": one.key, "Idempotency-Key": "once"}
        first = one.http.post(one.url + SUBMIT, json=body, headers=headers)
        second = other.http.post(other.url + SUBMIT, json=body, headers=headers)
        assert (first.status_code, second.status_code) == (200, 429), "one bucket, which holds one token"
        wanserve("accounts", "set", "default", "--submit-rps", "1000", "--data-dir", str(tmp_path / "a"), **slow)
        third = other.http.post(other.url + SUBMIT, json=body, headers=headers)
        assert third.json()["output"]["task_id"] == first.json()["output"]["task_id"]


def test_two_servers_that_start_at_once_make_one_key_and_one_link_secret(
    tmp_path: Path, shared: dict[str, str]
) -> None:
    servers: list[Server] = []
    starts = [
        threading.Thread(
            target=lambda n=n: servers.append(start(tmp_path / f"api-{n}", "--no-worker", ready=True, **shared))
        )
        for n in range(2)
    ]
    for thread in starts:
        thread.start()
    for thread in starts:
        thread.join()
    try:
        keys = [server.key for server in servers if server.key]
        assert len(keys) == 1
        assert all(server.post(POLL, {"task_id": "none"}, keys[0]).status_code == 404 for server in servers)
    finally:
        for server in servers:
            server.stop()


@pytest.mark.parametrize("ahead_s", [-60, 60])
def test_a_machine_whose_clock_differs_by_a_minute_changes_nothing(
    tmp_path: Path, shared: dict[str, str], monkeypatch: pytest.MonkeyPatch, ahead_s: int
) -> None:
    clock = Clock(tmp_path, compiled_clock(tmp_path))
    clock.set(ahead_s)
    with running(tmp_path / "right", "--no-worker", ready=True, **shared) as right, ExitStack() as stack:
        for name, value in clock.environ.items():
            monkeypatch.setenv(name, value)
        wrong = stack.enter_context(running(tmp_path / "wrong", "--no-worker", ready=True, **shared))
        stack.enter_context(running(tmp_path / "gpu", command="worker", ready=True, **shared))
        wrong.key = right.key
        task_id = wrong.submit()
        told = right.wait(task_id, "SUCCEEDED")
        assert str(told["submit_time"]) <= str(told["scheduled_time"]) <= str(told["end_time"])
        assert {key: wrong.poll(task_id)[key] for key in ("submit_time", "end_time")} == {
            key: told[key] for key in ("submit_time", "end_time")
        }
        assert right.http.get(str(wrong.poll(task_id)["video_url"]).replace(wrong.url, right.url)).status_code == 200
        logs = [server.log.read_text() for server in (right, wrong)] + [(tmp_path / "gpu.log").read_text()]
        assert "the lease of attempt" not in "".join(logs)


def test_the_tasks_of_a_machine_that_dies_whole_are_made_by_others_and_another_server_sweeps(
    machines: Machines,
) -> None:
    """The first API server leads, as it was the first to ask; it dies with a worker in the same instant."""
    dead, left = machines.apis
    task_ids = [dead.submit(f"a long film, {number}", size="832*480") for number in range(6)]
    until("three attempts", lambda: sum(row["task"] is not None for row in machines.registered()) == 3)
    for process in (dead, machines.workers[0]):
        process.stop(signal.SIGKILL)
    for task_id in task_ids:
        left.wait(task_id, "SUCCEEDED")
    billed = machines.command("usage", "--json")
    assert [billed.count(task_id) for task_id in task_ids] == [1] * 6
    logs = "".join(server.log.read_text() for server in (left, *machines.workers[1:]))
    assert logs.count("the lease of attempt 1 ran out") == 1, "one of those that are left took it back, once"


def test_a_short_soak_of_all_loses_nothing_makes_nothing_twice_and_leaves_nothing(tmp_path: Path) -> None:
    told = fleet.soak(tmp_path, tasks=16, seed=7)
    assert told.wrong == [], told
    assert told.troubles.total() > 0


def test_a_worker_without_a_shared_database_or_store_says_what_is_missing(tmp_path: Path) -> None:
    alone = wanserve("worker", "--data-dir", str(tmp_path / "a"))
    assert (alone.returncode, "WANSERVE_DATABASE_URL is not set" in alone.stderr) == (1, True)
    url = postgres.database("no_files")
    apart = wanserve("worker", "--data-dir", str(tmp_path / "b"), database_url=url)
    assert (apart.returncode, apart.stderr.count("\n"), "WANSERVE_BLOB_URL is not set" in apart.stderr) == (1, 1, True)
