"""Runs one attempt: has the child make the video, keeps the lease, and writes how it ended."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, assert_never

from wanserve.domain.attempt import End, Fault
from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.task import Failure, Task
from wanserve.metrics import Meters
from wanserve.tasks import Tasks
from wanserve.worker.leases import Lease
from wanserve.worker.protocol import Cancel, Crashed, Done, Event, Generate, Loaded, Pong, Probed, Progress
from wanserve.worker.supervisor import Supervisor

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.1
"""How long one look at the child's pipe lasts while it works."""

RETRY_SECONDS: Final = 1.0
"""The pause before an end that the table did not take is written again."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an attempt waits for its child, in seconds.

    `stall_s`: without progress, before the child is killed. `cancel_s`: to the engine's next step after a cancel.
    """

    stall_s: float
    cancel_s: float


@dataclass(slots=True)
class Drain:
    """Whether the worker stops, and until when what runs may end. May be asked and told from any thread."""

    stopping: threading.Event = field(default_factory=threading.Event)
    by_s: float = float("inf")

    def over(self) -> bool:
        """Whether what still runs is to be given back."""
        return time.monotonic() > self.by_s


@dataclass(slots=True)
class Attempt:
    """The run of one claimed task. `lack` tells what this machine lacks to store a video, in words; else empty.

    `machine_fault` is set where the attempt was lost by the machine's fault: what was wrong.
    """

    task: Task
    tasks: Tasks
    child: Supervisor
    patience: Patience
    drain: Drain
    lack: Callable[[], str]
    meters: Meters
    machine_fault: str = field(default="", init=False)

    def run(self) -> End:
        """Make the video and write how that ended. Raises StoreUnavailable where nothing could be written to the last."""
        task = self.task
        log.info("attempt %d starts: %s", task.attempt, task.generation.model)
        lease = Lease(time.monotonic(), self.tasks.policy.lease_ms / 1000, self.patience.stall_s)
        self.meters.started(task)
        self.child.send(Generate(task.id, task.attempt, task.generation))
        while True:
            self.child.ask()
            event = self.child.next_event(POLL_SECONDS)
            end = self._end_by(event) if event else None
            if isinstance(event, Progress):
                lease.hear(event.fraction, time.monotonic())
            end = end or self._end_by_time(lease)
            if end:
                return end

    def _end_by_time(self, lease: Lease) -> End | None:
        """End the attempt where its time has come: a stall, a stop of the worker, or the loss of the lease."""
        now = time.monotonic()
        if lease.stalled(now):
            self.child.kill()
            return self._lose(Crashed("stalled", f"the engine reported nothing for {self.patience.stall_s:g} s", True))
        if self.drain.over():
            self.child.kill()
            log.info("attempt %d given back: the worker stops", self.task.attempt)
            self._written(lambda: self.tasks.give_back(self.task))
            return End.GIVEN_BACK
        if lease.due(now) and not self._renewed(lease.progress):
            log.info("attempt %d stops: canceled, or its lease was lost", self.task.attempt)
            self._silence()
            return End.CANCELED
        return None

    def _end_by(self, event: Event) -> End | None:
        """The end that the event brings, which is then written."""
        match event:
            case Progress() | Loaded() | Probed() | Pong():
                return None
            case Done():
                if not self._written(lambda: self.tasks.succeed(self.task, event.video)):
                    log.warning("attempt %d came too late and changes nothing", self.task.attempt)
                    return End.LATE
                log.info("attempt %d made %s", self.task.attempt, event.video.key)
                self.meters.made(self.task, event.video, event.spent)
                return End.MADE
            case Crashed():
                return self._lose(event)
            case _:
                assert_never(event)

    def _lose(self, crash: Crashed) -> End:
        log.error("attempt %d lost: %s: %s", self.task.attempt, crash.code, crash.message)
        fault = crash.fault
        lack = self.lack() if crash.retryable else ""
        if lack or fault is Fault.MACHINE:
            fault, self.machine_fault = Fault.MACHINE, lack or crash.message
            log.error("attempt %d does not count: %s", self.task.attempt, self.machine_fault)
        failure = Failure(crash.code, crash.message)
        if not self._written(lambda: self.tasks.fail(self.task, failure, retryable=crash.retryable, fault=fault)):
            log.warning("attempt %d was already superseded", self.task.attempt)
            return End.LATE
        return End.LOST

    def _renewed(self, progress: float) -> bool:
        try:
            return self.tasks.renew(self.task, progress)
        except StoreUnavailable as error:
            # The lease may outlast the trouble. If it does not, a later heartbeat finds the task gone.
            log.error("a heartbeat was not written: %s", error)
            return True

    def _written(self, write: Callable[[], bool]) -> bool:
        """Write the end of the attempt, as often as it takes: the table may come back, and the video may not.

        Raises StoreUnavailable where the worker has to stop meanwhile; the lease then brings the task back.
        """
        while True:
            try:
                return write()
            except StoreUnavailable as error:
                log.error("the end of attempt %d was not written: %s", self.task.attempt, error)
                if self.drain.over() or self.drain.stopping.wait(RETRY_SECONDS):
                    return write()

    def _silence(self) -> None:
        """Have the child stop what it makes; a child that does not is killed."""
        self.child.send(Cancel())
        deadline = time.monotonic() + self.patience.cancel_s
        while self.child.running() and time.monotonic() < deadline:
            event = self.child.next_event(POLL_SECONDS)
            if isinstance(event, Crashed | Done):
                return
        self.child.kill()
