"""A server whose tasks are in PostgreSQL: the same answers, several processes on one database, and faults between them."""

import threading
from pathlib import Path

import psycopg
import pytest

from tests import postgres
from tests.e2e.faults.harness import rig, until
from tests.e2e.server import POLL, SUBMIT, running, wanserve


def test_a_video_is_made_and_every_command_works_beside_the_server(tmp_path: Path) -> None:
    url = postgres.database("one")
    with running(tmp_path / "data", database_url=url) as server:
        task_id = server.submit("two dogs")
        output = server.wait(task_id, "SUCCEEDED")
        assert server.http.get(str(output["video_url"])).content[4:8] == b"ftyp"
        beside = ("--data-dir", str(server.data_dir))
        assert task_id in wanserve("usage", "--json", *beside, database_url=url).stdout
        shown = wanserve("tasks", "show", task_id, *beside, database_url=url).stdout
        assert "state: SUCCEEDED" in shown
        made = wanserve("keys", "create", "second", "--account", "ann", *beside, database_url=url)
        assert server.post(POLL, {"task_id": task_id}, made.stdout.strip()).status_code == 404, "another account's"
        assert wanserve("keys", "revoke", "second", *beside, database_url=url).returncode == 0
        assert server.post(POLL, {"task_id": task_id}, made.stdout.strip()).status_code == 401
        backup = wanserve("backup", str(tmp_path / "copy"), *beside, database_url=url)
        assert (backup.returncode, "pg_dump" in backup.stderr) == (1, True)
    assert not (tmp_path / "data" / "wanserve.db").exists()


def test_what_is_submitted_to_one_process_is_made_by_another_and_told_by_both(tmp_path: Path) -> None:
    url = postgres.database("several")
    with (
        running(tmp_path / "api", "--no-worker", database_url=url) as api,
        running(tmp_path / "gpu", database_url=url) as gpu,
    ):
        gpu.key = api.key
        until("the worker's heartbeat", lambda: api.http.get(f"{api.url}/readyz/workers").status_code == 200)
        (worker,) = api.http.get(f"{api.url}/readyz/workers").json()["workers"]
        assert (worker["engine"], worker["loaded"]) == ("animatic", True)
        task_id = api.submit()
        assert api.wait(task_id, "SUCCEEDED")["task_id"] == gpu.poll(task_id)["task_id"] == task_id
        body = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}}
        ids = set()
        for server in (api, gpu):
            headers = {"Ocp-Apim-Subscription-Key": api.key, "Idempotency-Key": "once"}
            ids.add(server.http.post(server.url + SUBMIT, json=body, headers=headers).json()["output"]["task_id"])
        assert len(ids) == 1, "one key, one task, whichever process it is sent to"


def test_a_killed_server_loses_no_task(tmp_path: Path) -> None:
    with rig(tmp_path, database_url=postgres.database("killed")) as made:
        running_task, waiting = made.accept("hold"), made.accept("next")
        until("the start", lambda: made.server.poll(running_task)["task_status"] == "RUNNING")
        made.kill()
        made.release()
        made.start()
        for task_id in (running_task, waiting):
            made.server.wait(task_id, "SUCCEEDED")
        beside = ("--data-dir", str(made.data_dir))
        bills = wanserve("usage", "--json", *beside, database_url=made.settings["database_url"]).stdout
        assert (bills.count(running_task), bills.count(waiting)) == (1, 1)


def test_a_restart_of_postgresql_loses_nothing_and_is_told(tmp_path: Path) -> None:
    with rig(tmp_path, database_url=postgres.database("restarted")) as made:
        held = made.accept("hold")
        until("the start", lambda: made.server.poll(held)["task_status"] == "RUNNING")
        postgres.restart()
        # What comes while connections are lost is tried again, on new ones.
        later = made.accept("next")
        made.release()
        for task_id in (held, later):
            made.server.wait(task_id, "SUCCEEDED")
        assert "attempt 2 starts" not in made.log(), "the attempt that ran meanwhile was not lost"


def test_while_the_database_is_locked_health_says_so_and_afterwards_all_goes_on(tmp_path: Path) -> None:
    url = postgres.database("locked")
    with running(tmp_path / "data", "--no-worker", database_url=url) as server:
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE probe IN ACCESS EXCLUSIVE MODE")
            until("the answer", lambda: server.http.get(f"{server.url}/readyz").status_code == 503)
            assert server.http.get(f"{server.url}/healthz").status_code == 200
        until("the end of it", lambda: server.http.get(f"{server.url}/readyz").status_code == 200)


def test_a_command_does_not_change_the_schema_under_older_servers(tmp_path: Path) -> None:
    url = postgres.database("older")
    beside = ("--data-dir", str(tmp_path / "data"))
    assert wanserve("keys", "list", *beside, database_url=url).returncode == 0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO schema_version VALUES (9999)")
    newer = wanserve("serve", "--port", "0", *beside, database_url=url)
    assert (newer.returncode, "use a newer wanserve" in newer.stderr, newer.stderr.count("\n")) == (1, True, 1)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://user:a-secret@host/database", "must be postgresql://"),
        ("postgresql://user:a-secret@127.0.0.1:1/database", "Connection refused"),
        ("postgresql:///database?host=/nowhere&password=a-secret", "No such file"),
        ("postgresql://user:a-secret@127.0.0.1:99999/database", "invalid port number"),
        ("postgresql://user:a-secret@[::1/database", "]"),
    ],
)
def test_a_url_that_cannot_be_used_is_one_line_that_names_the_setting_and_no_password(
    tmp_path: Path, url: str, said: str
) -> None:
    failed = wanserve("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), database_url=url)
    assert (failed.returncode, failed.stderr.count("\n")) == (1, 1)
    assert "database_url" in failed.stderr
    assert said in failed.stderr
    assert "a-secret" not in failed.stderr


def test_two_servers_that_start_at_once_make_one_first_key(tmp_path: Path) -> None:
    url = postgres.database("first")
    servers: list[tuple[int, str]] = []

    def start(name: str) -> None:
        with running(tmp_path / name, "--no-worker", database_url=url) as server:
            servers.append((server.process.pid, server.log.read_text()))

    threads = [threading.Thread(target=start, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(servers) == 2
    assert sum("shown only now" in log for _, log in servers) == 1
    listed = wanserve("keys", "list", "--json", "--data-dir", str(tmp_path / "one"), database_url=url).stdout
    assert listed.count('"name"') == 1
