"""Begins in every Python process of a server under test, and has one of them meet the fault that is planned.

Python's audit events tell of each file that is opened, renamed or removed, of each value that comes over a pipe, and
of each database connection, which then tells of its statements right before they run. So a process is killed at
an exact point, and nothing of the product is altered. `FAULT` names the file of the plan (see harness.py); the process that
carries it out takes the file away, so a plan happens once, also across restarts.
"""

import contextlib
import importlib
import json
import os
import re
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

TOLD = {"open", "os.rename", "os.remove", "pickle.find_class", "stand_in.generate", "stand_in.frame"}


def _who() -> str:
    started_as = sys.orig_argv
    if "wanserve.worker.child" in started_as:
        return "child"
    return "server" if "serve" in started_as[2:3] else "other"


class Saboteur:
    """Follows the steps of the plan in this process, and acts once the last of them is there."""

    def __init__(self, plan: str, who: str) -> None:
        self._plan = Path(plan)
        self._who = who
        self._read: tuple[int, int] | None = None
        self._steps: list[str] = []
        self._act = ""
        self._lock = threading.Lock()
        # Of each thread: what a look itself does is not to be heard, and what another thread does meanwhile is.
        self._here = threading.local()

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """Hear one audit event; there are hundreds a second."""
        if event == "sqlite3.connect/handle" and self._who == "server":
            connection = arguments[0]
            assert isinstance(connection, sqlite3.Connection)
            sys.setprofile(lambda *_: self._listen_to(connection))
        elif event in TOLD:
            self._hear(" ".join(map(str, (event, *arguments[:2]))), arguments)

    def _listen_to(self, connection: sqlite3.Connection) -> None:
        # The event comes a little before the connection can be used: the first thing that this thread calls with it
        # may well be soon enough.
        with contextlib.suppress(sqlite3.ProgrammingError):
            connection.set_trace_callback(self.on_statement)
            sys.setprofile(None)

    def on_statement(self, statement: str) -> None:
        """Hear a statement that is about to run."""
        self._hear(f"sql {' '.join(statement.split())}")

    def _on_call(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            self._hear(f"call {frame.f_code.co_name}")

    def _hear(self, told: str, arguments: tuple[object, ...] = ()) -> None:
        if getattr(self._here, "looks", False):
            return
        self._here.looks = True
        try:
            with self._lock:
                due = self._follow(told)
        finally:
            self._here.looks = False
        if due:
            self._do(arguments)

    def _follow(self, told: str) -> bool:
        """Whether this was the last step of the plan."""
        self._look()
        if not self._steps or not re.search(self._steps[0], told):
            return False
        del self._steps[0]
        follows = self._steps[0] if self._steps else ""
        # Only this thread's calls are told, and only from here on: all of them would take half of the time.
        sys.setprofile(self._on_call if follows.startswith("^call ") else None)
        return not self._steps and self._taken()

    def _look(self) -> None:
        """Read the plan where it is new."""
        try:
            now = self._plan.stat()
        except FileNotFoundError:
            self._steps = []
            return
        if self._read == (now.st_ino, now.st_mtime_ns):
            return
        self._read = now.st_ino, now.st_mtime_ns
        plan = json.loads(self._plan.read_text(encoding="utf-8"))
        self._steps, self._act = (plan["steps"] if plan["who"] == self._who else []), plan["act"]

    def _taken(self) -> bool:
        try:
            self._plan.unlink()
        except FileNotFoundError:
            return False
        return True

    def _do(self, arguments: tuple[object, ...]) -> None:
        if self._act == "truncate":
            path = Path(str(arguments[0]))
            os.truncate(path, path.stat().st_size // 2)
        elif self._act == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            # To this thread, which then takes no step more; another one might take the signal a little later.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def _listen_to_psycopg(saboteur: Saboteur) -> None:
    """Hear each statement right before it is sent: psycopg, unlike sqlite3, tells nobody."""
    cursor = importlib.import_module("psycopg").Cursor

    def told(method: Callable[..., object]) -> Callable[..., object]:
        def run(self: object, query: str | bytes, *arguments: object, **options: object) -> object:
            saboteur.on_statement(query if isinstance(query, str) else query.decode())
            return method(self, query, *arguments, **options)

        return run

    cursor.execute, cursor.executemany = told(cursor.execute), told(cursor.executemany)


if "FAULT" in os.environ and _who() != "other":
    _saboteur = Saboteur(os.environ["FAULT"], _who())
    sys.addaudithook(_saboteur.audit)
    if "WANSERVE_DATABASE_URL" in os.environ and _who() == "server":
        _listen_to_psycopg(_saboteur)
if "FAULT_ENGINE" in os.environ and _who() == "child":
    sys.modules["wanserve.engine.animatic.engine"] = importlib.import_module("stand_in")
