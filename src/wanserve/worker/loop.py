"""The worker: claims a task, has its child make the video, keeps the lease, ends the attempt. One thread a device."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.task import Failure, Task
from wanserve.tasks import Run, Tasks
from wanserve.telemetry import about
from wanserve.worker.events import Cancel, Crashed, Done, Event, Generate, Loaded, Progress
from wanserve.worker.leases import Lease
from wanserve.worker.supervisor import Supervisor

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.1
"""How long one look at the child's pipe lasts while it works."""

IDLE_SECONDS: Final = 1.0
"""How long a worker with nothing to do sleeps unless it is woken; other processes write tasks too."""

AVOID_SECONDS: Final = 60.0
"""How long a model that did not load is left alone while there are others to serve."""


@dataclass(slots=True)
class Worker:
    """Serves tasks of `models` until `stop` is called.

    `one_model`: the engine holds one model at a time, and changing it is dear. `stall_s`, `drain_s` and `cancel_s`
    are seconds; the last is how long a child may take to its next step after a cancel, before it is killed.
    """

    tasks: Tasks
    child: Supervisor
    models: Sequence[str]
    stall_s: float
    drain_s: float
    cancel_s: float = 10.0
    one_model: bool = False
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _drained_by_s: float = field(default=float("inf"), init=False)
    _seen: int = field(default=0, init=False)
    _run: Run = field(default=Run(), init=False)
    _avoided_to_s: dict[str, float] = field(default_factory=dict, init=False)

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
            task = self.tasks.claim([self.child.model] if self.one_model and self.child.model else self.models)
            if task is None:
                self._idle()
                return
            self._run = self._run.followed_by(task.generation.model)
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
        """Have a child that is ready for the model to be served next; False while there is none."""
        if not self.child.running():
            if self._stopping.wait(self.child.pause_s()):
                return False
            self.child.start()
        if self.child.loading is None:
            wanted = self._wanted()
            if self.child.model == wanted:
                return True
            self.child.load(wanted)
        loading = self.child.loading
        event = self.child.next_event(POLL_SECONDS)
        if isinstance(event, Crashed):
            log.error("the engine did not load %s: %s", loading, event.message)
            self._avoided_to_s[loading or ""] = time.monotonic() + AVOID_SECONDS
            # It ends by itself. Given another order meanwhile, its end would be told as the reason.
            self.child.close()
        elif isinstance(event, Loaded):
            log.info("the engine is ready for %s", event.model)
        return False

    def _wanted(self) -> str:
        """The model that the child should be ready for now."""
        if not self.one_model:
            return self.child.model or self.models[0]
        now = time.monotonic()
        usable = [model for model in self.models if self._avoided_to_s.get(model, now) <= now] or self.models
        return self.tasks.next_model(usable, self._run) or self.child.model or usable[0]

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
            case Progress() | Loaded():
                return False
            case Done():
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
        deadline = time.monotonic() + self.cancel_s
        while self.child.running() and time.monotonic() < deadline:
            event = self.child.next_event(POLL_SECONDS)
            if isinstance(event, Crashed | Done):
                return
        self.child.kill()
