"""The worker: claims a task, has its child make the video, keeps the lease, ends the attempt. One thread a device."""

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Final, assert_never

from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.task import Failure, Task
from wanserve.tasks import Tasks
from wanserve.telemetry import about
from wanserve.worker.events import Cancel, Crashed, Done, Event, Generate, Progress
from wanserve.worker.leases import Lease
from wanserve.worker.supervisor import Supervisor

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.1
"""How long one look at the child's pipe lasts while it works."""

IDLE_SECONDS: Final = 1.0
"""How long a worker with nothing to do sleeps unless it is woken; other processes write tasks too."""

CANCEL_SECONDS: Final = 10.0
"""How long a child may take to its next step after a cancel, before it is killed."""


@dataclass(slots=True)
class Worker:
    """Serves tasks until `stop` is called. `stall_s` and `drain_s` are seconds."""

    tasks: Tasks
    child: Supervisor
    stall_s: float
    drain_s: float
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _drained_by_s: float = field(default=float("inf"), init=False)
    _seen: int = field(default=0, init=False)

    def stop(self) -> None:
        """Claim nothing more; what runs has `drain_s` seconds, then it is given back. Callable from any thread."""
        self._drained_by_s = time.monotonic() + self.drain_s
        self._stopping.set()
        self.tasks.store.wake()

    def hurry(self) -> None:
        """Give back at once what still runs. Callable from any thread, after `stop`."""
        self._drained_by_s = 0.0

    def run(self) -> None:
        """Serve until stopped; the child is gone afterwards."""
        try:
            while not self._stopping.is_set():
                self._serve_next()
        finally:
            self.child.close()

    def _serve_next(self) -> None:
        """One task, or one wait for a task or for the engine: the outermost frame, from which nothing escapes."""
        try:
            if not self._child_ready():
                return
            task = self.tasks.claim(tuple(self.tasks.models))
            if task is None:
                self._idle()
                return
            with about(task.id):
                self._attempt(task)
        except StoreUnavailable as error:
            log.error("the worker waits for the task table: %s", error)
            self._stopping.wait(IDLE_SECONDS)
        except Exception:
            log.exception("an unexpected error; an attempt that ran is left to its lease")
            self.child.kill()
            self._stopping.wait(IDLE_SECONDS)

    def _child_ready(self) -> bool:
        """Have a child with its engine loaded; False while it is not."""
        if not self.child.running():
            if self._stopping.wait(self.child.pause_s()):
                return False
            self.child.start()
        if self.child.loaded:
            return True
        event = self.child.next_event(POLL_SECONDS)
        if isinstance(event, Crashed):
            log.error("the engine did not load: %s", event.message)
        return self.child.loaded

    def _idle(self) -> None:
        # A child that dies while idle is seen here, and a fresh one loads before the next task comes.
        self.child.next_event(0)
        self._seen = self.tasks.store.wait(self._seen, IDLE_SECONDS)

    def _attempt(self, task: Task) -> None:
        log.info("attempt %d starts: %s", task.attempt, task.generation.model)
        lease = Lease(time.monotonic(), self.tasks.policy.lease_ms / 1000, self.stall_s)
        self.child.send(Generate(task.id, task.attempt, task.generation))
        while True:
            event = self.child.next_event(POLL_SECONDS)
            now = time.monotonic()
            if event and self._ended(task, event):
                return
            if isinstance(event, Progress):
                lease.hear(event.fraction, now)
            if lease.stalled(now):
                self.child.kill()
                self._lose(task, Crashed("stalled", f"the engine reported nothing for {self.stall_s:g} s", True))
                return
            if now > self._drained_by_s:
                self.child.kill()
                log.info("attempt %d given back: the worker stops", task.attempt)
                self.tasks.give_back(task)
                return
            if lease.due(now) and not self._renewed(task, lease.progress):
                log.info("attempt %d stops: canceled, or its lease was lost", task.attempt)
                self._silence()
                return

    def _renewed(self, task: Task, progress: float) -> bool:
        try:
            return self.tasks.renew(task, progress)
        except StoreUnavailable as error:
            # The lease may outlast the trouble. If it does not, a later heartbeat finds the task gone.
            log.error("a heartbeat was not written: %s", error)
            return True

    def _ended(self, task: Task, event: Event) -> bool:
        """Whether the event ends the attempt; its end is then written."""
        match event:
            case Progress():
                return False
            case Done():
                if event.video is None:
                    return False
                if self.tasks.succeed(task, event.video):
                    log.info("attempt %d made %s", task.attempt, event.video.key)
                else:
                    log.warning("attempt %d came too late and changes nothing", task.attempt)
            case Crashed():
                self._lose(task, event)
            case _:
                assert_never(event)
        return True

    def _lose(self, task: Task, crash: Crashed) -> None:
        log.error("attempt %d lost: %s: %s", task.attempt, crash.code, crash.message)
        failure = Failure(crash.code, crash.message)
        if not self.tasks.fail(task, failure, retryable=crash.retryable):
            log.warning("attempt %d was no longer ours to lose", task.attempt)

    def _silence(self) -> None:
        """Have the child stop what it makes; a child that does not is killed."""
        self.child.send(Cancel())
        deadline = time.monotonic() + CANCEL_SECONDS
        while self.child.running() and time.monotonic() < deadline:
            event = self.child.next_event(POLL_SECONDS)
            if isinstance(event, Crashed | Done):
                return
        self.child.kill()
