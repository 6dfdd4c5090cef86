"""Runs one attempt: has the child make the video, renews the lease, and writes how the attempt ended."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, assert_never

from wanserve.domain.attempt import Fault, Outcome
from wanserve.domain.errors import BlobUnavailable, StoreUnavailable
from wanserve.domain.progress import Heartbeat, Progress, StageTimes, Stopwatch
from wanserve.domain.task import Failure, State, Task
from wanserve.metrics import Metrics
from wanserve.tasks import Tasks
from wanserve.worker.leases import STORE_SECONDS, Lease
from wanserve.worker.paces import Paces
from wanserve.worker.ports import Absent, Child
from wanserve.worker.protocol import Cancel, Crashed, Done, Event, Generate, Loaded, Pong, Probed, Storing

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 0.1
"""How long one read of the child's pipe waits while the child works."""

RETRY_SECONDS: Final = 1.0
"""The pause before an end that could not be written is written again."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long an attempt waits for its child, in seconds.

    `stall_s`: without progress, before the child is killed. `cancel_s`: for the engine's next step after a cancel.
    """

    stall_s: float
    cancel_s: float


@dataclass(slots=True)
class Drain:
    """Whether the worker stops, and until when a running attempt may end. May be used from any thread."""

    stopping: threading.Event = field(default_factory=threading.Event)
    until_s: float = float("inf")

    def is_over(self) -> bool:
        """Whether a running attempt is to be given back."""
        return time.monotonic() > self.until_s


@dataclass(slots=True)
class Attempt:
    """The run of one claimed task. `storage_problem` tells why no video can be stored on this machine, or None.

    `upstream` is the server that is to make the video, where the engine does not. `note_storing` is called with the
    reason while the finished video waits for a store on another machine, and with None once it is stored.
    `paces` says how long earlier attempts took. `machine_problem` is set where the attempt failed by the machine's fault:
    what was wrong. `crash` is how the child failed, where it did.
    """

    task: Task
    tasks: Tasks
    child: Child
    timeouts: Timeouts
    drain: Drain
    storage_problem: Callable[[], str | None]
    metrics: Metrics
    note_storing: Callable[[str | None], None]
    paces: Paces
    upstream: str | None = None
    machine_problem: str | None = field(default=None, init=False)
    crash: Crashed | None = field(default=None, init=False)
    _watch: Stopwatch = field(init=False)

    def stage_times(self) -> StageTimes:
        """How long the stages took, once `run` has returned or raised."""
        return self._watch.times(time.monotonic())

    def run(self) -> Outcome:
        """Make the video and write how that ended. Raises StoreUnavailable where the end could not be written."""
        task = self.task
        where = f" at upstream {self.upstream}" if self.upstream else ""
        log.info("attempt %d starts: %s%s", task.attempt, task.generation.model, where)
        store, policy = self.tasks.store, self.tasks.policy
        lease = Lease(time.monotonic(), policy.lease_seconds, self.timeouts.stall_s, store.heartbeat_seconds)
        self._watch = Stopwatch(time.monotonic(), self.paces.earlier(task, self.upstream))
        self.metrics.attempt_started(task)
        self.child.send(Generate(task.id, task.attempt, task.generation, self.upstream))
        with store.watch(task.id) as told:
            while True:
                self.child.ping()
                event = self.child.next_event(POLL_SECONDS)
                outcome = self._settle(event) if event else None
                self._note_progress(event, lease)
                outcome = outcome or self._check_time(lease, told)
                if outcome:
                    return outcome

    def _note_progress(self, event: Event | None, lease: Lease) -> None:
        match event:
            case Progress():
                lease.progressed(event, time.monotonic())
                self._watch.note(event, time.monotonic())
            case Storing(problem):
                lease.stores(time.monotonic())
                self.note_storing(problem)
            case Done():
                self.note_storing(None)
            case _:
                pass

    def _check_time(self, lease: Lease, told: threading.Event) -> Outcome | None:
        """End the attempt where its time is over: a stall, a stop of the worker, or a lost lease."""
        now = time.monotonic()
        if lease.stalled(now):
            self.child.kill()
            return self._fail(self._stall(lease))
        if self.drain.is_over():
            self.child.kill()
            return self._give_back("the worker stops")
        if not lease.due(now, told=told.is_set()):
            return None
        # Cleared before the heartbeat: what is told while it is written makes the next one due.
        told.clear()
        if not self._renew(Heartbeat(lease.progress, self._watch.left_s(now))):
            log.info("attempt %d stops: canceled, or its lease was lost", self.task.attempt)
            self._stop_child()
            self._note_freed()
            return Outcome.CANCELED
        return None

    def _give_back(self, why: str) -> Outcome:
        log.info("attempt %d given back: %s", self.task.attempt, why)
        self._write(lambda: self.tasks.give_back(self.task))
        return Outcome.GIVEN_BACK

    def _stall(self, lease: Lease) -> Crashed:
        if lease.storing:
            slow = f"the file store took no file within {STORE_SECONDS:g} s"
            return Crashed(BlobUnavailable.code, slow, BlobUnavailable.retryable, BlobUnavailable.fault)
        stall = f"the engine reported no progress for {self.timeouts.stall_s:g} s"
        return Crashed("stalled", stall, retryable=True)

    def _settle(self, event: Event) -> Outcome | None:
        """Write the end of the attempt, where the event is one."""
        match event:
            case Progress() | Storing() | Loaded() | Probed() | Pong():
                return None
            case Done():
                if not self._write(lambda: self.tasks.succeed(self.task, event.video, event.hashes)):
                    log.warning("attempt %d ended too late and changes nothing", self.task.attempt)
                    return Outcome.LATE
                log.info("attempt %d made %s", self.task.attempt, event.video.key)
                ended_s = time.monotonic()
                times = self._watch.times(ended_s)
                self.metrics.video_made(self.task, event.video, event.timings)
                self.metrics.stages_timed(self.task, times, self._watch.error(ended_s))
                self.paces.note(self.task, self.upstream, times)
                return Outcome.MADE
            case Crashed():
                return self._fail(event)
            case _:
                assert_never(event)

    def _fail(self, crash: Crashed) -> Outcome:
        self.crash = crash
        if crash.retry_after_s is not None:
            return self._give_back(f"{crash.code}: {crash.message}")
        log.error("attempt %d failed: %s: %s", self.task.attempt, crash.code, crash.message)
        fault = crash.fault
        storage_problem = self.storage_problem() if crash.retryable else None
        if storage_problem or fault is Fault.MACHINE:
            fault, self.machine_problem = Fault.MACHINE, storage_problem or crash.message
            log.error("attempt %d does not count: %s", self.task.attempt, self.machine_problem)
        failure = Failure(crash.code, f"{crash.message}: {crash.said}" if crash.said else crash.message)
        if not self._write(lambda: self.tasks.fail(self.task, failure, retryable=crash.retryable, fault=fault)):
            log.warning("attempt %d was already superseded", self.task.attempt)
            return Outcome.LATE
        return Outcome.LOST

    def _renew(self, heartbeat: Heartbeat) -> bool:
        try:
            return self.tasks.renew(self.task, heartbeat)
        except StoreUnavailable as error:
            # The lease may outlast the trouble. If it does not, a later heartbeat finds that the task is lost.
            log.error("a heartbeat was not written: %s", error)
            return True

    def _write(self, write: Callable[[], bool]) -> bool:
        """Write the end of the attempt, again and again: the table may come back, and the video may not.

        Raises StoreUnavailable where the worker has to stop meanwhile; when the lease runs out the task is taken back.
        """
        while True:
            try:
                return write()
            except StoreUnavailable as error:
                log.error("the end of attempt %d was not written: %s", self.task.attempt, error)
                if self.drain.is_over() or self.drain.stopping.wait(RETRY_SECONDS):
                    return write()

    def _stop_child(self) -> None:
        """Have the child stop its generation; a child that does not is killed."""
        self.child.send(Cancel(superseded=self._is_superseded()))
        deadline = time.monotonic() + self.timeouts.cancel_s
        while not isinstance(self.child.state, Absent) and time.monotonic() < deadline:
            event = self.child.next_event(POLL_SECONDS)
            if isinstance(event, Crashed | Done):
                return
        self.child.kill()

    def _note_freed(self) -> None:
        """Tell whoever canceled the task that the device is free."""
        try:
            self.tasks.note_freed(self.task)
        except StoreUnavailable as error:
            log.error("that the device is free again was not written: %s", error)

    def _is_superseded(self) -> bool:
        """Whether the task goes on without this attempt: it was neither canceled nor deleted."""
        try:
            task = self.tasks.store.find(self.task.id)
        except StoreUnavailable:
            return True
        return task is not None and task.state is not State.CANCELED
