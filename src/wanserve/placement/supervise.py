"""Runs `wanserve worker --ray`: checks what was given, keeps a session with Ray, and connects again when it is lost."""

import logging
import socket
import subprocess
import sys
import threading
import time
import uuid
from contextlib import closing
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Final

from wanserve.core import open_core
from wanserve.domain.errors import SetupError
from wanserve.machine.stop_signals import StopSignals, handle_signals
from wanserve.placement.controller import GRACE_SECONDS
from wanserve.placement.messages import Abort, Alive, Begin, Drain, Finished, Order, RayOptions, Refused, Report
from wanserve.server import require_shared
from wanserve.settings import Settings

log = logging.getLogger(__name__)

RECONNECT_SECONDS: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""The pause before each further session since the last one that looked at the cluster."""

SILENT_SECONDS: Final = 60.0
"""How long a session may say nothing before it is ended: Ray's calls may hang while its head is away."""

ANSWER_SECONDS: Final = 5.0
"""How long the head's port may take to accept a connection."""


def work_on_ray(settings: Settings, options: RayOptions) -> None:
    """Keep workers on a Ray cluster until SIGTERM or SIGINT, then drain and remove them; see StopSignals.

    Returns too once another controller was started. Raises SetupError where the settings, the database or the cluster
    are wrong, before any task is taken. A cluster that is lost later is waited for.
    """
    require_shared(settings)
    settings = _with_gpus(settings, options)
    if find_spec("ray") is None:
        raise SetupError("--ray: ray is not installed: pip install 'wanserve[ray]'")
    _require_answer(options.address)
    # Only looks whether the database is there and has the schema of this version.
    open_core(settings).close()
    controller = RayController(Begin(settings, options, uuid.uuid4().hex))
    limit_s = settings.drain_seconds + 2 * GRACE_SECONDS
    with handle_signals(StopSignals(limit_s, controller.drain, controller.abort)):
        controller.run()


def _with_gpus(settings: Settings, options: RayOptions) -> Settings:
    """The settings, with all GPUs of a worker on one video unless the owner says otherwise. Raises SetupError."""
    if options.replicas < 0:
        raise SetupError("--replicas: must be 0 or more")
    if options.gpus_per_worker < 0:
        raise SetupError("--gpus-per-worker: must be 0 or more")
    if "gpus_per_video" not in settings.model_fields_set:
        return settings.model_copy(update={"gpus_per_video": max(1, options.gpus_per_worker)})
    if options.gpus_per_worker % settings.gpus_per_video:
        raise SetupError(
            f"--gpus-per-worker: {options.gpus_per_worker} is no multiple of gpus_per_video"
            f" (WANSERVE_GPUS_PER_VIDEO), which is {settings.gpus_per_video}"
        )
    return settings


def _require_answer(address: str) -> None:
    """Raise SetupError where nobody listens."""
    host, colon, port = address.rpartition(":")
    if address != "auto" and (not colon or not port.isdecimal() or "/" in host):
        raise SetupError("--ray: must be HOST:PORT of the cluster's head, or auto")
    if problem := _problem_at(address):
        raise SetupError(f"--ray: {address}: {problem}")


def _problem_at(address: str) -> str | None:
    """Why nobody can be reached there, or None. Ray itself takes over a minute to say so."""
    if address == "auto":
        return None
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        return getattr(error, "strerror", None) or str(error)
    return None


@dataclass(slots=True)
class RayController:
    """Keeps a session. `drain` and `abort` may be called from any thread."""

    begin: Begin
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _pipe: "Connection[Order, Report] | None" = field(default=None, init=False)
    _connected: bool = field(default=False, init=False)
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _failures: int = field(default=0, init=False)

    def drain(self) -> None:
        """Drain and remove the workers, and end."""
        self._stopping.set()
        self._send(Drain())

    def abort(self) -> None:
        """Remove the workers at once, and end."""
        self._send(Abort())

    def run(self) -> None:
        """Keep a session until the workers have ended. Raises SetupError where the first one is refused."""
        while not self._stopping.is_set():
            end = self._session()
            if isinstance(end, Finished):
                log.info("another controller has taken over" if end.replaced else "all workers have ended")
                return
            problem = end.problem if end else "the session has ended"
            if not self._connected:
                raise SetupError(f"--ray: {self.begin.options.address}: {problem}")
            pause_s = RECONNECT_SECONDS[min(self._failures, len(RECONNECT_SECONDS) - 1)]
            self._failures += 1
            log.error("Ray is lost: %s; the next try is in %g seconds", problem, pause_s)
            self._stopping.wait(pause_s)

    def _session(self) -> Finished | Refused | None:
        """Run a session to its end. Returns how it ended; None where it said nothing."""
        if problem := _problem_at(self.begin.options.address):
            return Refused(problem)
        ours, theirs = Pipe()
        command = [sys.executable, "-m", "wanserve.placement.session", str(theirs.fileno())]
        # Out of the terminal's process group, so that only this process has the signals.
        process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], process_group=0, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        theirs.close()
        with closing(ours):
            ours.send(replace(self.begin, takes_over=not self._connected))
            with self._lock:
                self._pipe = ours
            if self._stopping.is_set():
                self._send(Drain())
            try:
                return self._listen(ours)
            finally:
                with self._lock:
                    self._pipe = None
                process.kill()
                process.wait()

    def _listen(self, pipe: "Connection[Order, Report]") -> Finished | Refused | None:
        heard_at = time.monotonic()
        while pipe.poll(SILENT_SECONDS):
            try:
                report = pipe.recv()
            except (EOFError, OSError):
                return None
            if not isinstance(report, Alive):
                return report
            if not self._connected:
                log.info("connected to Ray at %s after %.1f s", self.begin.options.address, time.monotonic() - heard_at)
            self._connected, self._failures = True, 0
        return Refused(f"no answer within {SILENT_SECONDS:g} seconds")

    def _send(self, order: Order) -> None:
        with self._lock:
            if self._pipe is None:
                return
            try:
                self._pipe.send(order)
            except OSError:
                log.warning("an order was not sent: the session with Ray has ended")
