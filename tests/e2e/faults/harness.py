"""A server under test that meets a planned fault, is started again, and is asked afterwards what became of its tasks."""

import contextlib
import itertools
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests import postgres
from tests.e2e.server import SUBMIT, Server, start, wanserve

RENAMED = r"^os\.rename \S+/scratch/\S+\.mp4 \S+/blobs/"
"""The step at which a video comes to its place; its stills are there by then."""

SITE = Path(__file__).with_name("site")
NUMBERS = itertools.count()
"""Of the databases of this process."""

PATIENCE_SECONDS = 90
"""An upper bound of every wait; all of them end with what they wait for."""


def until(what: str, met: Callable[[], bool]) -> None:
    """Wait for something that no event tells of."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not met():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.02)


def files_of(task_id: object, attempt: object, scene: object = None) -> set[str]:
    """The keys of what an attempt stores: the video, its thumbnail, its sheet and the scene, where the task has one."""
    return {f"videos/{task_id}/{attempt}.{ending}" for ending in ("mp4", "webp", "jpg", *(("json",) if scene else ()))}


def process_state(pid: int) -> str:
    """The letter that Linux has for it: T is stopped, Z dead and not yet reaped, "" gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


@dataclass
class Rig:
    """One data directory and the servers that own it, one after another.

    `stand_in`: the fast engine of site/stand_in.py draws instead of the animatic one. `settings` are those of the server.
    """

    folder: Path
    settings: dict[str, str]
    stand_in: bool = True
    environ: dict[str, str] = field(default_factory=dict)
    log_file: Path | None = None
    server: Server = field(init=False)

    def __post_init__(self) -> None:
        self.engine.mkdir(parents=True)
        (self.engine / "weights").touch()

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def engine(self) -> Path:
        """The stand-in's own folder."""
        return self.folder / "engine"

    @property
    def plan(self) -> Path:
        return self.folder / "plan.json"

    def start(self, *arguments: str, ready: bool = True) -> None:
        """Start a server on the data directory."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (self.engine_environment() | self.environ).items():
                patch.setenv(name, value)
            self.server = start(self.data_dir, *arguments, ready=ready, log=self.log_file, **self.settings)

    def engine_environment(self) -> dict[str, str]:
        """The variables with which a process has the stand-in's engine, and meets planned faults."""
        path = os.pathsep.join(filter(None, [str(SITE), os.environ.get("PYTHONPATH")]))
        variables = {"PYTHONPATH": path, "FAULT": str(self.plan)}
        return variables | ({"FAULT_ENGINE": str(self.engine)} if self.stand_in else {})

    def restart(self, *arguments: str, ready: bool = True) -> None:
        """Start another server once this one is gone, which has to leave no child behind that still runs."""
        self.stop()
        until("the end of the child", lambda: all(process_state(child) in ("T", "t") for child in self.children()))
        self.start(*arguments, ready=ready)

    def stop(self) -> None:
        """End the server in peace where it still runs."""
        if self.server.process.poll() is None:
            assert self.server.stop() == 0, self.log()[-3000:]
        self.server.http.close()

    def kill(self) -> None:
        """SIGKILL the server."""
        self.server.stop(signal.SIGKILL)

    def arm(self, who: str, *steps: str, act: str = "SIGKILL") -> None:
        """Plan a fault: `who` (server or child) does `act` right before the last of the steps, which follow each other.

        A step is a regular expression over an event's text: "open PATH MODE", "os.rename FROM TO", "os.remove PATH",
        "pickle.find_class MODULE NAME" (a value that comes over the pipe), "sql STATEMENT", "^call FUNCTION" (the next
        one of that name, in the thread of the step before). `act` is a signal's name, or truncate (the file of the step).
        """
        written = self.plan.with_suffix(".new")
        written.write_text(json.dumps({"who": who, "steps": steps, "act": act}))
        written.replace(self.plan)

    def until_fired(self) -> None:
        """Wait until the planned fault has happened."""
        until("the planned fault", lambda: not self.plan.exists())

    def until_dead(self) -> None:
        """Wait until the planned fault has ended the server."""
        self.until_fired()
        assert self.server.process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
        self.server.http.close()

    def until_stopped(self, pid: int) -> None:
        """Wait until the planned fault has stopped this process."""
        self.until_fired()
        until(f"the stop of {pid}", lambda: process_state(pid) == "T")

    def hold(self) -> None:
        """Hold the tasks whose prompt begins with `hold`, as it is at first."""
        (self.engine / "go").unlink(missing_ok=True)

    def release(self) -> None:
        """Let the tasks go on whose prompt begins with `hold`."""
        (self.engine / "go").touch()

    def submit(self, prompt: str = "a cat", once: str | None = None, key: str | None = None) -> httpx.Response:
        """One submit, with `once` as its idempotency key."""
        headers = {"Ocp-Apim-Subscription-Key": key or self.server.key}
        body = {
            "model": "wan2.2-t2v-plus",
            "input": {"prompt": prompt},
            "parameters": {"size": "640*480", "prompt_extend": False},
        }
        if once is not None:
            headers["Idempotency-Key"] = once
        return self.server.http.post(self.server.url + SUBMIT, json=body, headers=headers)

    def accept_held(self, prompt: str = "hold", key: str | None = None) -> str:
        """Submit a task that the engine is at, until it is released; its id."""
        self.hold()
        task_id = self.accept(prompt, key)
        self.until_progress(task_id)
        return task_id

    def accept(self, prompt: str = "a cat", key: str | None = None) -> str:
        """Submit a task and return its id."""
        answer = self.submit(prompt, key=key)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["output"]["task_id"])

    def new_key(self, account: str) -> str:
        """A key of an account of this name."""
        return self.command("keys", "create", account, "--account", account).strip()

    def show(self, task_id: str) -> dict[str, object]:
        """All about a task, as `wanserve tasks show` tells it."""
        return dict(json.loads(self.command("tasks", "show", task_id, "--json")))

    def command(self, *arguments: str) -> str:
        """What a command prints that is run beside the server."""
        done = wanserve(*arguments, "--data-dir", str(self.data_dir), **self.database)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def database(self) -> dict[str, str]:
        """The setting of the database, where that is not the data directory's own."""
        return {name: url for name, url in self.settings.items() if name == "database_url"}

    def until_running(self, task_id: str) -> None:
        """Wait until an attempt at the task runs."""
        until(f"the start of {task_id}", lambda: self.row("state", task_id) == "RUNNING")

    def until_progress(self, task_id: str) -> None:
        """Wait until the engine has told of progress, which is once it works on the task."""
        until(f"progress of {task_id}", lambda: float(str(self.row("progress", task_id))) > 0)

    def until_ended(self, task_id: str) -> None:
        """Wait until the task has ended, however that is."""
        until(f"the end of {task_id}", lambda: self.row("ended_ms", task_id) is not None)

    def row(self, column: str, task_id: str) -> object:
        """One value of the task's row; a look at the table costs less than a command."""
        return self.rows(f"SELECT {column} FROM tasks WHERE id = '{task_id}'")[0][0]

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """The rows of a SELECT."""
        if self.database:
            return postgres.rows(self.database["database_url"], statement)
        with contextlib.closing(sqlite3.connect(f"file:{self.data_dir}/wanserve.db?mode=ro", uri=True)) as database:
            return list(database.execute(statement))

    def children(self) -> list[int]:
        """The worker's children of this rig's servers, whoever is their parent by now."""
        processes = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in processes if self._is_child(pid)]

    def _is_child(self, pid: int) -> bool:
        try:
            command, environ = (Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
        except OSError:
            return False
        return b"wanserve.worker.child" in command and f"FAULT={self.plan}".encode() in environ.split(b"\0")

    def files(self) -> list[str]:
        """The stored videos and stills by their keys."""
        blobs = self.data_dir / "blobs"
        # Unlike rglob, this passes over a folder that a sweep deletes meanwhile.
        return sorted(
            str(Path(folder, name).relative_to(blobs)) for folder, _, names in os.walk(blobs) for name in names
        )

    def readiness(self) -> tuple[int, str]:
        """The worse status of `/readyz` and `/readyz/workers`, and the texts of both."""
        answers = [self.server.http.get(self.server.url + path) for path in ("/readyz", "/readyz/workers")]
        return max(answer.status_code for answer in answers), "\n".join(answer.text for answer in answers)

    def until_ready(self) -> None:
        """Wait until requests would be accepted and tasks made."""
        until("readiness", self.server.ready)

    def log(self) -> str:
        """What the servers have logged."""
        return self.server.log.read_text()

    def log_of(self, task_id: str) -> str:
        """What the servers have logged about this task: others share the log, and their lines may be the same."""
        return "".join(line for line in self.log().splitlines(True) if f'"task": "{task_id}"' in line)

    def assert_made_once(self, *task_ids: str) -> None:
        """Wait until these tasks have SUCCEEDED; each has one ledger row, the file that it names, and its stills."""
        for task_id in task_ids:
            self.until_ended(task_id)
            assert self.row("state", task_id) == "SUCCEEDED", self.log()[-3000:]
        billed = [row[0] for row in self.rows("SELECT task_id FROM ledger")]
        assert sorted(task for task in billed if task in task_ids) == sorted(task_ids)
        stored = self.files()
        for task_id in task_ids:
            assert set(stored) >= files_of(task_id, self.row("attempt", task_id), self.row("scene", task_id))

    def assert_swept(self) -> None:
        """After one more start: the files of each video that is billed, and no other; no scratch, one child at most."""
        self.restart("--no-worker")
        made = self.rows("SELECT id, attempt, scene FROM tasks WHERE state = 'SUCCEEDED'")
        kept = sorted(key for task in made for key in files_of(*task))
        # What belongs to nobody goes with the second look.
        until("the sweep of what belongs to no task", lambda: self.files() == kept)
        assert sorted(self.rows("SELECT task_id FROM ledger")) == sorted((task,) for task, *_ in made)
        until("an empty scratch folder", lambda: list((self.data_dir / "scratch").iterdir()) == [])
        assert self.children() == []


@contextlib.contextmanager
def rig(
    folder: Path,
    *,
    stand_in: bool = True,
    environ: dict[str, str] | None = None,
    log_file: Path | None = None,
    store: str = "sqlite",
    **settings: str,
) -> Iterator[Rig]:
    """A rig with its first server, for the length of a block."""
    settings = {"submit_rps": "1000", "query_rps": "10000", **settings}
    if store == "postgres":
        settings["database_url"] = postgres.database(f"fault-{next(NUMBERS)}")
    made = Rig(folder, settings, stand_in=stand_in, environ=environ or {}, log_file=log_file)
    made.start()
    try:
        yield made
    finally:
        made.plan.unlink(missing_ok=True)
        for child in made.children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGCONT)
        made.server.process.send_signal(signal.SIGCONT)
        if made.server.process.poll() is None:
            made.server.stop(signal.SIGKILL)
        made.server.http.close()
