"""What docs/operating.md promises the server's owner: backup and restore, upgrade, and that a failed one harms nothing."""

import shutil
import signal
import sqlite3
import stat
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

import wanserve as package
from tests.e2e.faults.harness import PATIENCE_SECONDS, rig, until
from tests.e2e.server import POLL, WANSERVE, Server, running, wanserve
from wanserve.store.sqlite.migrate import migrations

SOUND = "CREATE TABLE colours (name TEXT) STRICT;\n"
BROKEN = "CREATE TABLE shapes (name TEXT) STRICT;\nINSERT INTO nowhere VALUES (1);\n"
SCHEMA = max(migrations())
"""What this version brings; the next one's migrations follow it."""

MANY = "100000"
"""A limit that no test meets."""


def dump(database: Path) -> list[str]:
    """All that the database holds, as SQL, with the version of its schema."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return [*connection.iterdump(), str(schema(database))]


def schema(database: Path) -> int:
    """The version of the database's schema."""
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def restore(backup: Path, old: Path, new: Path) -> None:
    """Make a data directory of a backup, as docs/operating.md says."""
    new.mkdir(mode=0o700)
    shutil.copy(backup, new / "wanserve.db")
    shutil.copytree(old / "blobs", new / "blobs")
    shutil.copy(old / "link-secret", new / "link-secret")


def next_version(folder: Path, *steps: str) -> str:
    """The command of a version that brings these migrations besides ours."""
    shutil.copytree(Path(package.__file__).parent, folder / "wanserve", ignore=shutil.ignore_patterns("__pycache__"))
    for number, sql in enumerate(steps, SCHEMA + 1):
        (folder / "wanserve" / "store" / "sqlite" / "migrations" / f"{number:04}_next.sql").write_text(sql)
    runs = f'{sys.executable} -c "import sys; from wanserve.cli import main; sys.exit(main())"'
    return script(folder / "next", f'PYTHONPATH={folder} exec {runs} "$@"')


def script(file: Path, line: str) -> str:
    """A command of one line of shell.

    It counts no lines for the coverage: it may run another program than ours, and have no room for the figures.
    """
    file.write_text(f"#!/bin/sh\nunset COVERAGE_PROCESS_START COVERAGE_PROCESS_CONFIG\n{line}\n")
    file.chmod(0o700)
    return str(file)


def test_a_backup_of_a_busy_server_brings_back_every_task_that_was_accepted_before_it(tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    with rig(tmp_path / "old", drain_seconds="0", max_queued=MANY) as made:
        finished = made.accept("a red car")
        link = str(made.server.wait(finished, "SUCCEEDED")["video_url"])
        video = made.server.http.get(link).content
        rendering, waiting = made.accept_held(), made.accept()
        key, url = made.server.key, made.server.url
        later = submits_during_backup(made.server, copy)
    assert later
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(file.name for file in tmp_path.iterdir() if file.name.startswith("copy")) == ["copy.db"]
    restore(copy, made.data_dir, tmp_path / "new")
    with running(tmp_path / "new", drain_seconds="0", submit_rps=MANY, query_rps=MANY, max_queued=MANY) as server:
        server.key = key
        assert server.poll(finished)["task_status"] == "SUCCEEDED"
        assert server.http.get(link.replace(url, server.url)).content == video
        for task_id in (rendering, waiting):
            server.wait(task_id, "SUCCEEDED")
        # Of those that were accepted meanwhile, the first so many are there: the copy is of one moment.
        known = [server.post(POLL, {"task_id": task_id}).status_code for task_id in later]
        assert known == sorted(known)
        assert set(known) <= {200, 404}


def submits_during_backup(server: Server, copy: Path) -> list[str]:
    """Back the server's database up while one submit follows the other; the ids that were accepted meanwhile."""
    ids: list[str] = []
    begun, done = threading.Event(), threading.Event()

    def submit() -> None:
        while not done.is_set():
            ids.append(server.submit())
            begun.set()

    thread = threading.Thread(target=submit)
    thread.start()
    try:
        assert begun.wait(30)
        backup = wanserve("backup", str(copy), "--data-dir", str(server.data_dir))
    finally:
        done.set()
        thread.join()
    assert (backup.returncode, backup.stdout, backup.stderr) == (0, f"{copy}\n", "")
    return ids


def test_a_backup_changes_nothing_of_its_source_not_even_an_older_schema(tmp_path: Path) -> None:
    data, program = tmp_path / "data", next_version(tmp_path / "package", SOUND)
    assert wanserve("keys", "create", "one", "--data-dir", str(data)).returncode == 0
    before = dump(data / "wanserve.db")
    done = wanserve("backup", str(tmp_path / "copy.db"), "--data-dir", str(data), program=program)
    assert done.returncode == 0, done.stderr
    assert dump(data / "wanserve.db") == dump(tmp_path / "copy.db") == before


def test_a_backup_never_takes_the_place_of_a_file(tmp_path: Path) -> None:
    data, taken = ("--data-dir", str(tmp_path / "data")), tmp_path / "taken"
    assert wanserve("keys", "list", *data).returncode == 0
    taken.write_text("mine")
    done = wanserve("backup", str(taken), *data)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"wanserve: {taken} exists already: a backup never replaces a file\n"
    assert taken.read_text() == "mine"
    # A link to a disk that is not there is somebody's too, and seen only as the copy gets its name.
    link = tmp_path / "link"
    link.symlink_to("/nowhere/copy.db")
    assert "exists already" in wanserve("backup", str(link), *data).stderr
    assert link.is_symlink()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data", "link", "taken"]


def test_a_backup_that_cannot_be_made_is_one_clear_line_and_leaves_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"

    def refused(file: Path, program: str = WANSERVE) -> str:
        done = wanserve("backup", str(file), "--data-dir", str(data), program=program)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith("wanserve: ")
        assert done.stderr.count("\n") == 1
        return done.stderr

    assert f"there is no database {data}/wanserve.db to back up" in refused(tmp_path / "x.db")
    assert not data.exists()
    wanserve("keys", "list", "--data-dir", str(data))
    assert "No such file or directory" in refused(tmp_path / "no" / "x.db")
    # A shell that lets no file grow beyond some kilobytes stands for a disk that is full.
    narrow = script(tmp_path / "narrow", f'ulimit -f 16; exec {WANSERVE} "$@"')
    assert f"the backup {tmp_path}/x.db cannot be made: " in refused(tmp_path / "x.db", narrow)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data", "narrow"]


def test_a_damaged_database_is_not_taken_for_a_backup(tmp_path: Path) -> None:
    data = tmp_path / "data"
    wanserve("keys", "create", "one", "--data-dir", str(data))
    with closing(sqlite3.connect(data / "wanserve.db")) as database:
        root, size = database.execute(
            "SELECT rootpage, (SELECT page_size FROM pragma_page_size) FROM sqlite_schema WHERE name = 'keys'"
        ).fetchone()
    with (data / "wanserve.db").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    done = wanserve("backup", str(tmp_path / "copy.db"), "--data-dir", str(data))
    assert done.returncode == 1
    assert "is damaged, and no backup was made" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["data"]


def test_a_server_that_drains_still_answers_and_accepts(tmp_path: Path) -> None:
    with rig(tmp_path, drain_seconds="300") as made:
        link = str(made.server.wait(made.accept(), "SUCCEEDED")["video_url"])
        rendering = made.accept_held()
        made.server.process.send_signal(signal.SIGTERM)
        until("the drain", lambda: "stopping: " in made.log())
        assert made.server.poll(rendering)["task_status"] == "RUNNING"
        assert made.server.http.get(link).status_code == 200
        accepted = made.accept()
        made.release()
        assert made.server.process.wait(PATIENCE_SECONDS) == 0
        assert (made.row("state", rendering), made.row("state", accepted)) == ("SUCCEEDED", "PENDING")


def test_the_next_version_migrates_at_its_start_and_tasks_and_keys_survive(tmp_path: Path) -> None:
    data, program = tmp_path / "data", next_version(tmp_path / "package", SOUND)
    with running(data, "--no-worker") as server:
        waiting, key = server.submit(), server.key
    with running(data, program=program) as server:
        server.key = key
        assert schema(data / "wanserve.db") == SCHEMA + 1
        server.wait(waiting, "SUCCEEDED")
    # And back is refused: what this version would do to a newer database nobody knows.
    refused = wanserve("keys", "list", "--data-dir", str(data))
    assert f"the database has schema {SCHEMA + 1}" in refused.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["keys", "list"]])
def test_a_failed_migration_leaves_the_database_as_it_was_and_the_old_version_starts_on_it(
    tmp_path: Path, command: list[str]
) -> None:
    data, program = tmp_path / "data", next_version(tmp_path / "package", SOUND, BROKEN)
    with running(data, "--no-worker") as server:
        waiting, key = server.submit(), server.key
    before = dump(data / "wanserve.db")
    failed = wanserve(*command, "--data-dir", str(data), program=program)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == (
        f"wanserve: migration {SCHEMA + 2} failed and nothing was changed: no such table: nowhere\n"
    )
    assert dump(data / "wanserve.db") == before
    with running(data, "--no-worker") as server:
        server.key = key
        assert server.poll(waiting)["task_status"] == "PENDING"


def test_a_command_of_the_next_version_migrates_only_what_nobody_serves(tmp_path: Path) -> None:
    data, program = tmp_path / "data", next_version(tmp_path / "package", SOUND)
    with running(data, "--no-worker") as server:
        refused = wanserve("keys", "list", "--data-dir", str(data), program=program)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert refused.stderr == (
            f"wanserve: the database in {data} needs to be migrated, and a wanserve that may be older serves it:"
            " start that server again with this version first\n"
        )
        assert schema(data / "wanserve.db") == SCHEMA
        assert server.poll(server.submit())["task_status"] == "PENDING"
        assert wanserve("keys", "list", "--data-dir", str(data)).returncode == 0
    assert wanserve("keys", "list", "--data-dir", str(data), program=program).returncode == 0
    assert schema(data / "wanserve.db") == SCHEMA + 1
