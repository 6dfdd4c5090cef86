"""An installation moves from SQLite to PostgreSQL: its clients notice nothing."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from tests import postgres
from tests.e2e.server import POLL, SUBMIT, running, wanserve
from tests.samples import VIDEO, unaccepted
from wanserve.core import open_core
from wanserve.domain.generation import LoraUse
from wanserve.domain.progress import Stage, kind_of
from wanserve.domain.task import Succeeded
from wanserve.machine.clocks import now_ms
from wanserve.settings import Settings
from wanserve.store.postgres.database import PostgresDatabase
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.tasks import SqliteTasks
from wanserve.store.sqlite.times import SqliteTimes

TABLES = ("accounts", "keys", "tasks", "ledger", "idempotency_keys")


def migrate(data_dir: Path, url: str, *arguments: str) -> tuple[int, str, str]:
    """The exit status, stdout and stderr of `wanserve migrate`, with the password in the environment as owners have it."""
    done = wanserve("migrate", "--data-dir", str(data_dir), *arguments, database_url=url)
    return done.returncode, done.stdout, done.stderr


def verified(video: Path, data_dir: Path, url: str) -> tuple[str, bool, list[str]]:
    """The verdict of the database on a file, whether its signer is known there, and the tasks that made it."""
    (data_dir / "certificate.pem").unlink()
    found = json.loads(wanserve("verify", "--json", "--data-dir", str(data_dir), str(video), database_url=url).stdout)
    return found["verdict"], found["credentials"]["trusted"], [each["task_id"] for each in found["made_here"]]


def test_clients_notice_nothing_of_a_move(tmp_path: Path) -> None:
    data_dir, url = tmp_path / "data", postgres.database("moved")
    place = f"file://{tmp_path / 'videos'}"
    with running(data_dir, blob_url=place) as server:
        key = server.key
        headers = {"Ocp-Apim-Subscription-Key": key, "Idempotency-Key": "once"}
        body = {"model": "wan2.2-t2v-plus", "input": {"prompt": "eine Katze, 猫 🐈"}, "parameters": {"size": "640*480"}}
        made = str(server.http.post(server.url + SUBMIT, json=body, headers=headers).json()["output"]["task_id"])
        link = str(server.wait(made, "SUCCEEDED")["video_url"]).removeprefix(server.url)
        told = server.poll(made)
        (video := tmp_path / "made.mp4").write_bytes(server.http.get(server.url + link).content)
        second = wanserve("keys", "create", "two", "--account", "ann", "--data-dir", str(data_dir)).stdout.strip()
        wanserve("accounts", "set", "ann", "--max-queued", "7", "--owner", "--data-dir", str(data_dir))
        with closing(open_core(Settings(data_dir=data_dir))) as core:
            session = core.sessions.begin(key)
        wanserve("keys", "revoke", "two", "--data-dir", str(data_dir))
        assert wanserve("webhooks", "add", "https://a.invalid/", "--data-dir", str(data_dir)).returncode == 0
        hooks = wanserve("webhooks", "list", "--json", "--data-dir", str(data_dir)).stdout
        refused = migrate(data_dir, url)
        assert (refused[0], "another wanserve serves" in refused[2]) == (1, True), "nothing is moved under a server"
    with running(data_dir, "--no-worker", blob_url=place) as server:
        waiting = server.submit("for later", key=key)
    usage = wanserve("usage", "--json", "--data-dir", str(data_dir)).stdout
    status, out, problem = migrate(data_dir, url, "--json")
    assert (status, problem) == (0, "")
    rows = {row["table"]: row["rows"] for row in json.loads(out)}
    assert {table: rows[table] for table in TABLES} == dict(zip(TABLES, (2, 2, 2, 1, 1), strict=True))
    again = migrate(data_dir, url)
    assert (again[0], again[2].count("\n"), "is in use" in again[2]) == (1, 1, True)
    # The files belong to the database that was moved: another one is refused there.
    with running(data_dir, database_url=url, blob_url=place) as server:
        assert server.log.read_text().count("shown only now") == 1, "no key is made where there are some"
        assert server.key == key
        assert server.poll(made) | {"video_url": ""} == told | {"video_url": ""}
        assert server.http.get(server.url + link).content[4:8] == b"ftyp", "a link of before"
        once = server.http.post(server.url + SUBMIT, json=body, headers=headers).json()
        assert once["output"]["task_id"] == made, "an idempotency key of before"
        assert server.post(POLL, {"task_id": made}, second).status_code == 401, "a revoked key stays revoked"
        server.wait(waiting, "SUCCEEDED")
        later = server.submit()
        server.wait(later, "SUCCEEDED")
        beside = ("--data-dir", str(data_dir))
        accounts = json.loads(wanserve("accounts", "list", "--json", *beside, database_url=url).stdout)
        assert {"name": "ann", "max_queued": 7, "owner": True}.items() <= accounts[-1].items()
        with closing(open_core(Settings(data_dir=data_dir, database_url=SecretStr(url)))) as core:
            assert core.sessions.owner(session).name == "default", "who was signed in still is"
        assert wanserve("webhooks", "list", "--json", *beside, database_url=url).stdout == hooks
        billed = json.loads(wanserve("usage", "--json", *beside, database_url=url).stdout)
        assert billed[:1] == json.loads(usage)
        assert [row["task_id"] for row in billed] == [made, waiting, later], "the queue goes on in its order"
        assert verified(video, data_dir, url) == ("whole", True, [made]), "certificate and hashes were moved too"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--from", "postgresql://there/a"), "--from: must be sqlite:///FILE"),
        (("--from", "sqlite:///no/such.db"), "--from: there is no database /no/such.db"),
        (("--to", "mysql://there/a"), "--to: must be postgresql://"),
        (("--to", "postgresql://ann:secret@127.0.0.1:1/a"), "--to: the installation was not moved: connection"),
    ],
)
def test_what_cannot_be_moved_is_one_line_without_a_password(
    tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    wanserve("keys", "create", "one", "--data-dir", str(tmp_path))
    done = wanserve("migrate", "--data-dir", str(tmp_path), *arguments)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert named in done.stderr
    assert "secret" not in done.stderr


def broken_by(statement: str) -> Callable[[str], None]:
    """Prepares a target that alters what is copied to it."""

    def prepare(url: str) -> None:
        with closing(PostgresDatabase(url)):
            pass
        with psycopg.connect(url, autocommit=True) as target:
            target.execute(statement.encode())

    return prepare


LOSES_A_ROW = """
    CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
    CREATE TRIGGER loses BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION lose()
"""
ALTERS_A_TEXT = """
    CREATE FUNCTION alter_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.prompt := ''; RETURN NEW; END $$;
    CREATE TRIGGER alters BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION alter_it()
"""


@pytest.mark.parametrize(("statement", "named"), [(LOSES_A_ROW, "ledger.rows"), (ALTERS_A_TEXT, "tasks.prompt")])
def test_a_copy_that_differs_is_undone(tmp_path: Path, statement: str, named: str) -> None:
    url = postgres.database("differs")
    broken_by(statement)(url)
    with closing(Database(tmp_path / "wanserve.db")) as database:
        table = SqliteTasks(database, now_ms)
        task = table.add(unaccepted("one"), 10).result(10)
        claimed = table.claim("worker", [task.generation.model], 60, None)
        assert claimed is not None
        table.settle(claimed, Succeeded(VIDEO))
    status, _, problem = migrate(tmp_path, url)
    assert (status, named in problem) == (1, True)
    with psycopg.connect(url) as target:
        assert target.execute("SELECT count(*) FROM tasks").fetchone() == (0,)


def test_what_was_chosen_moves_with_the_task_the_ledger_and_the_times(tmp_path: Path) -> None:
    url, new = postgres.database("chosen"), unaccepted("one")
    loras = (LoraUse("sketch", 0.8),)
    with closing(Database(tmp_path / "wanserve.db")) as database:
        table = SqliteTasks(database, now_ms)
        table.add(replace(new, generation=replace(new.generation, steps=8, loras=loras)), 10).result(10)
        claimed = table.claim("worker", [new.generation.model], 60, None)
        assert claimed is not None
        table.settle(claimed, Succeeded(VIDEO))
        SqliteTimes(database, now_ms).note(kind_of(claimed.generation, "gpu"), {Stage.DENOISE: 2.0})
    assert migrate(tmp_path, url)[0] == 0
    chosen = {"profile": "", "steps": 8, "guidance_scale": None, "loras": [{"name": "sketch", "strength": 0.8}]}
    assert (
        json.loads(wanserve("tasks", "show", new.id, "--json", data_dir=str(tmp_path), database_url=url).stdout)[
            "chosen"
        ]
        == chosen
    )
    assert [
        row["chosen"]
        for row in json.loads(wanserve("usage", "--json", data_dir=str(tmp_path), database_url=url).stdout)
    ] == [chosen]
    with psycopg.connect(url) as target:
        assert target.execute("SELECT pace FROM stage_times").fetchall() == [("8 steps",)]
