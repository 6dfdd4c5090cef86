"""The child process seen from the parent: starts it, talks with it, and notices when it has ended."""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Final

from wanserve.domain.attempt import Fault
from wanserve.worker.ports import Absent, ChildState, Loading, Ready, Starting, is_loaded
from wanserve.worker.protocol import RESTART_CODES, ChildConfig, Command, Crashed, Event, Load, Loaded, Ping, Pong

log = logging.getLogger(__name__)

DIED: Final = "worker_died"
END_SECONDS: Final = 5.0
"""How long a child may take to end after its pipe was closed, before it is killed."""

RESTART_SECONDS: Final = (0.0, 0.5, 2.0, 8.0, 30.0)
"""The pause before each restart since a model was last loaded, so that a broken set-up does not restart in a loop."""

FROM_OUTSIDE: Final = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPWR}
"""Signals by which somebody else ends a process: an operator, or a system that is out of memory."""

LIMITS: Final = {signal.SIGXFSZ, signal.SIGXCPU, signal.SIGBUS}
"""Signals by which the system stops a process at a limit, or at a disk that fails under a mapped file."""

PING_SECONDS: Final = 1.0
"""How long a child may send nothing before it is asked whether it lives."""


class Supervisor:
    """The Child of a real process. Not thread-safe: the worker's thread owns it.

    `environment` is that of the process, with the variables that say which GPUs it may see.
    """

    def __init__(self, config: ChildConfig, environment: Mapping[str, str]) -> None:
        self._config = config
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection[Command, Event] | None = None
        self._failures = 0
        self._heard_at = 0.0
        self._pinged_at: float | None = None
        self._state: ChildState = Absent()

    @property
    def state(self) -> ChildState:
        """See Child."""
        return self._state

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return self._process.pid if self._process else None

    def pause_s(self) -> float:
        """See Child."""
        return RESTART_SECONDS[min(self._failures, len(RESTART_SECONDS) - 1)]

    def start(self) -> None:
        """See Child."""
        ours, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wanserve.worker.child", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=self._environment,
            # Out of the terminal's process group: Ctrl-C would reach the child before it can ignore it.
            process_group=0,
            stdin=subprocess.DEVNULL,
        )
        # Only the child holds its end now: when it dies, our end reads EOF; when we die, its end does.
        theirs.close()
        self._pipe = ours
        self._heard_at, self._pinged_at = time.monotonic(), None
        self._state = Starting(self._state.problem)
        ours.send(self._config)

    def load(self, model: str) -> None:
        """See Child."""
        self._state = Loading(model, time.monotonic(), is_loaded(self._state), self._state.problem)
        self.send(Load(model))

    def ping(self) -> None:
        """See Child."""
        if self._pinged_at is None and self._pipe and time.monotonic() - self._heard_at >= PING_SECONDS:
            self._pinged_at = time.monotonic()
            self.send(Ping())

    def silent_s(self) -> float:
        """See Child."""
        pinged_at = self._pinged_at
        return 0.0 if pinged_at is None else time.monotonic() - pinged_at

    def send(self, command: Command) -> None:
        """See Child."""
        if self._pipe is None:
            return
        try:
            self._pipe.send(command)
        except OSError:
            log.warning("a command was not sent: the engine's process has ended")

    def next_event(self, timeout_s: float) -> Event | None:
        """See Child."""
        if self._pipe is None:
            return None
        try:
            if not self._pipe.poll(timeout_s):
                return None
            event = self._pipe.recv()
        except (EOFError, OSError):
            event = self._death()
        self._heard_at, self._pinged_at = time.monotonic(), None
        match event:
            case Pong():
                return None
            case Loaded(model):
                self._failures = 0
                self._state = Ready(model)
            case Crashed():
                self._note_crash(event)
            case _:
                pass
        return event

    def _note_crash(self, crash: Crashed) -> None:
        if not isinstance(self._state, Ready):
            self._state = (Absent if isinstance(self._state, Absent) else Starting)(crash.message)
        if crash.code in RESTART_CODES:
            # It ends by itself, a little later: a command that it is sent meanwhile would be lost with it.
            self._reap()

    def give_up(self, problem: str) -> None:
        """See Child."""
        self.kill()
        self._state = Absent(problem)

    def kill(self) -> None:
        """See Child."""
        if self._process:
            self._process.kill()
        self._reap()

    def close(self) -> None:
        """See Child."""
        if self._pipe:
            self._pipe.close()
            self._pipe = None
        self._reap()

    def _death(self) -> Crashed:
        """The event of a process that has ended by itself."""
        code = self._reap()
        status = _status_text(code)
        log.error("the engine's process died: %s", status)
        return Crashed(DIED, f"the worker's process ended: {status}", retryable=True, fault=_fault(code))

    def _reap(self) -> int | None:
        """Wait for the process and forget it; its exit status, or the negative number of the signal that ended it."""
        process, self._process = self._process, None
        if self._pipe:
            self._pipe.close()
            self._pipe = None
        if process is None:
            return None
        self._failures += not is_loaded(self._state)
        self._state, self._pinged_at = Absent(self._state.problem), None
        try:
            return process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _status_text(code: int | None) -> str:
    if code is None:
        return "it was not there"
    return f"exit status {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _fault(code: int | None) -> Fault:
    """Whose fault it is that a process ended by itself or by a signal while it made a video."""
    if code is None or -code in FROM_OUTSIDE:
        return Fault.WORKER
    # An exit, an abort or a segmentation fault is the engine's, on this very task.
    return Fault.MACHINE if -code in LIMITS else Fault.TASK
