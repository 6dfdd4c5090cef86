"""Knows one child process from the parent's side: starts it, talks with it, and notices when it is gone."""

import logging
import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Final

from wanserve.domain.attempt import Fault
from wanserve.machine.gpus import VISIBLE
from wanserve.worker.protocol import UNSOUND, Charge, Crashed, Event, Load, Loaded, Order, Ping, Pong

log = logging.getLogger(__name__)

DIED: Final = "worker_died"
END_SECONDS: Final = 5.0
"""How long a child may take to end after its pipe was closed, before it is killed."""

RESTART_SECONDS: Final = (0.0, 0.5, 2.0, 8.0, 30.0)
"""The pause before each restart since an engine last loaded, so that a broken set-up does not spin."""


FROM_OUTSIDE: Final = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGPWR}
"""Signals by which somebody else ends a process: an operator, or a system that is out of memory."""

LIMITS: Final = {signal.SIGXFSZ, signal.SIGXCPU, signal.SIGBUS}
"""Signals by which the system stops a process at a limit, or at a disk that fails under a mapped file."""

PING_SECONDS: Final = 1.0
"""How long a child may send nothing before it is asked whether it lives."""


class Supervisor:
    """One child process with one engine. Not thread-safe: the worker's thread owns it.

    What tells how it is (`loaded`, `problem`, `silent_s`) may be read by all.
    """

    def __init__(self, charge: Charge) -> None:
        self._charge = charge
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Connection[Order, Event] | None = None
        self._failures = 0
        self._heard_at = 0.0
        self._asked_at: float | None = None
        self._load_began = 0.0
        self.model: str | None = None
        """What this child is ready to make videos of."""

        self.loading: str | None = None
        """What it is getting ready for meanwhile."""

        self.loaded = False
        """Whether a model was loaded in this child; it stays so while the next one is."""

        self.problem: str | None = None
        """Why no engine is loaded, where it failed to."""

    @property
    def pid(self) -> int | None:
        """The child's process id while there is one."""
        return self._process.pid if self._process else None

    def pause_s(self) -> float:
        """How long to wait before `start`, in seconds: longer after each start that failed."""
        return RESTART_SECONDS[min(self._failures, len(RESTART_SECONDS) - 1)]

    def start(self) -> None:
        """Start a child, which builds its engine; where it cannot, Crashed comes."""
        ours, theirs = Pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wanserve.worker.child", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env=self._environment(),
            # Out of the terminal's group, whose Ctrl-C would meet the child before it can say that it ignores it.
            process_group=0,
            stdin=subprocess.DEVNULL,
        )
        # Only the child holds its end now: when it dies, our end reads EOF; when we die, its end does.
        theirs.close()
        self._pipe = ours
        self._heard_at, self._asked_at = time.monotonic(), None
        ours.send(self._charge)

    def _environment(self) -> dict[str, str] | None:
        return {**os.environ, VISIBLE: ",".join(self._charge.devices)} if self._charge.devices else None

    def running(self) -> bool:
        """Whether there is a child that was not seen to die."""
        return self._pipe is not None

    def load(self, model: str) -> None:
        """Have the child make ready for this model; Loaded or Crashed comes. The model before is ready no more."""
        self.model, self.loading = None, model
        self._load_began = time.monotonic()
        self.send(Load(model))

    def loading_s(self) -> float:
        """For how many seconds the child has been getting ready for its next model; 0 while it does not."""
        return 0.0 if self.loading is None else time.monotonic() - self._load_began

    def ask(self) -> None:
        """Ask a child that has sent nothing for a while whether it lives; what it sends next is the answer."""
        if self._asked_at is None and self.running() and time.monotonic() - self._heard_at >= PING_SECONDS:
            self._asked_at = time.monotonic()
            self.send(Ping())

    def silent_s(self) -> float:
        """For how many seconds the child has owed an answer to `ask`; 0 while it owes none."""
        asked_at = self._asked_at
        return 0.0 if asked_at is None else time.monotonic() - asked_at

    def send(self, order: Order) -> None:
        """Give an order. A child that is gone takes none; `next_event` then tells."""
        if self._pipe is None:
            return
        try:
            self._pipe.send(order)
        except OSError:
            log.warning("the worker's child took no order: it is gone")

    def next_event(self, timeout_s: float) -> Event | None:
        """What the child sends within `timeout_s` seconds, or None. Its death is a Crashed, told once."""
        if self._pipe is None:
            return None
        try:
            if not self._pipe.poll(timeout_s):
                return None
            event = self._pipe.recv()
        except (EOFError, OSError):
            event = self._buried()
        self._heard_at, self._asked_at = time.monotonic(), None
        if isinstance(event, Pong):
            return None
        if isinstance(event, Loaded):
            self._failures, self.problem = 0, None
            self.model, self.loading, self.loaded = event.model, None, True
        elif isinstance(event, Crashed) and self.model is None:
            self.problem, self.loading, self.loaded = event.message, None, False
        if isinstance(event, Crashed) and event.code in UNSOUND:
            # It ends by itself, a little later: an order that it is given meanwhile would be lost with it.
            self._reap()
        return event

    def give_up(self, problem: str) -> None:
        """End a child that is of no use any more, and remember why until another has loaded."""
        self.kill()
        self.problem = problem

    def kill(self) -> None:
        """End the child at once, whatever it does; also one that is stopped."""
        if self._process:
            self._process.kill()
        self._reap()

    def close(self) -> None:
        """Let the child end by closing its pipe; kill it if it does not."""
        if self._pipe:
            self._pipe.close()
            self._pipe = None
        self._reap()

    def _buried(self) -> Crashed:
        code = self._reap()
        status = _in_words(code)
        log.error("the worker's child died: %s", status)
        return Crashed(DIED, f"the worker's process ended: {status}", retryable=True, fault=_fault(code))

    def _reap(self) -> int | None:
        """Wait for the process and forget it; its exit status, or the negative number of the signal that ended it."""
        process, self._process = self._process, None
        if self._pipe:
            self._pipe.close()
            self._pipe = None
        if process is None:
            return None
        self._failures += not self.loaded
        self.model, self.loading, self.loaded, self._asked_at = None, None, False, None
        try:
            return process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _in_words(code: int | None) -> str:
    if code is None:
        return "it was not there"
    return f"exit status {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def _fault(code: int | None) -> Fault:
    """Whose fault it is that a process ended by itself or by a signal while it made a video."""
    if code is None or -code in FROM_OUTSIDE:
        return Fault.WORKER
    # An exit, an abort or a segmentation fault is the engine's, at this very task.
    return Fault.MACHINE if -code in LIMITS else Fault.TASK
