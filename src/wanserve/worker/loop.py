"""The worker: keeps a child ready, claims a task, runs an attempt of it. One thread for each device."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.task import Task
from wanserve.metrics import Meters
from wanserve.tasks import Run, Tasks
from wanserve.telemetry import about
from wanserve.worker.attempt import POLL_SECONDS, Attempt, Drain, Patience
from wanserve.worker.disk_probe import Machine
from wanserve.worker.protocol import Crashed, Loaded, Probe, Probed
from wanserve.worker.supervisor import Supervisor

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 1.0
"""How long a worker with nothing to do sleeps unless it is woken; other processes write tasks too."""

PROBE_SECONDS: Final = 60.0
"""How long the child may take to write a probe."""

TOO_SLOW: Final = f"the disk took no file as large as a video within {PROBE_SECONDS:g} s"

AVOID_SECONDS: Final = 60.0
"""How long a model that did not load is left alone while there are others to serve."""

UNWELL_SECONDS: Final = 3.0
"""How long a child may owe an answer before it counts as one that does not answer, and gets no task."""

GONE_SECONDS: Final = 15.0
"""How long an idle child may owe an answer before it is replaced: there is nothing that it could be busy with."""


@dataclass(slots=True)
class Worker:
    """Serves tasks of `models` until `stop` is called.

    `one_model`: the engine holds one model at a time, and changing it is dear. `load_s` and `drain_s` are seconds: how
    long a child may take to load a model, and what runs to end after `stop`. `lack` tells what this machine lacks to
    store a video, in words; else empty.
    """

    tasks: Tasks
    child: Supervisor
    models: Sequence[str]
    patience: Patience
    drain_s: float
    load_s: float
    lack: Callable[[], str]
    meters: Meters
    one_model: bool = False
    machine: Machine = field(default_factory=Machine, init=False)
    unloadable: dict[str, str] = field(default_factory=dict, init=False)
    """The models that did not load at the last try, each with the reason."""

    _drain: Drain = field(default_factory=Drain, init=False)
    _seen: int = field(default=0, init=False)
    _run: Run = field(default=Run(), init=False)
    _avoided_to_s: dict[str, float] = field(default_factory=dict, init=False)

    def stop(self) -> None:
        """Claim nothing more; what runs has `drain_s` seconds, then it is given back. Callable from any thread."""
        # Whoever says so again, or after a `hurry`, gives no more time.
        self._drain.by_s = min(self._drain.by_s, time.monotonic() + self.drain_s)
        self._drain.stopping.set()
        self.tasks.store.wake()

    def hurry(self) -> None:
        """Give back at once what still runs. Callable from any thread, after `stop`."""
        self._drain.by_s = 0.0

    def trouble(self) -> str:
        """Why this worker makes no videos now, in words; else empty. Callable from any thread."""
        if self.child.problem:
            return self.child.problem
        if not self.child.loaded:
            return "the engine is not loaded yet"
        if self.child.silent_s() > UNWELL_SECONDS:
            return "the engine's process does not answer"
        return self.machine.problem

    def run(self) -> None:
        """Serve until stopped; the child is gone afterwards."""
        try:
            while not self._drain.stopping.is_set():
                self._serve_next()
        finally:
            self.child.close()

    def _serve_next(self) -> None:
        """One task, or one wait for a task or for the engine: the outermost frame, from which nothing escapes."""
        try:
            if not self._child_ready() or not self._child_answers() or not self._can_store():
                return
            task = self.tasks.claim([self.child.model] if self.one_model and self.child.model else self.models)
            if task is None:
                self._seen = self.tasks.store.wait(self._seen, IDLE_SECONDS)
                return
            self._run = self._run.followed_by(task.generation.model)
            with about(task.id):
                self._attempt(task)
        except StoreUnavailable as error:
            log.error("the worker waits for the task table: %s", error)
            self._drain.stopping.wait(IDLE_SECONDS)
        except Exception:
            log.exception("an unexpected error; an attempt that ran is left to its lease")
            self.child.kill()
            self._drain.stopping.wait(IDLE_SECONDS)

    def _attempt(self, task: Task) -> None:
        attempt = Attempt(task, self.tasks, self.child, self.patience, self._drain, self.lack, self.meters)
        end = attempt.run()
        died = not self.child.running()
        if not attempt.machine_fault:
            self.machine.served()
        elif self.machine.failed(attempt.machine_fault, time.monotonic()):
            self.child.kill()
        self.meters.ended(task, end, child_died=died)

    def _child_ready(self) -> bool:
        """Have a child that is ready for the model to be served next; False while there is none."""
        if not self.child.running():
            if self._drain.stopping.wait(self.child.pause_s()):
                return False
            self.child.start()
        if self.child.loading is None:
            wanted = self._wanted()
            if self.child.model == wanted:
                return True
            self.child.load(wanted)
        self._hear_loading(self.child.loading or "")
        return False

    def _hear_loading(self, model: str) -> None:
        event = self.child.next_event(POLL_SECONDS)
        if isinstance(event, Loaded):
            log.info("the engine is ready for %s", event.model)
            self.unloadable.pop(event.model, None)
        elif isinstance(event, Crashed):
            log.error("the engine did not load %s: %s", model, event.message)
            self._avoid(model, event.message)
            self.child.close()
        elif self.child.loading_s() > self.load_s:
            self.child.give_up(f"the engine did not load {model} within {self.load_s:g} s")
            log.error("%s", self.child.problem)
            self._avoid(model, f"it did not load within {self.load_s:g} s")

    def _avoid(self, model: str, why: str) -> None:
        """Leave a model that did not load alone for a while; its tasks wait."""
        self.unloadable[model] = why
        self._avoided_to_s[model] = time.monotonic() + AVOID_SECONDS

    def _child_answers(self) -> bool:
        """Whether the idle child has answered lately; one that has not for long is replaced.

        One that died while it was idle is seen here too, and a fresh one loads before the next task comes.
        """
        self.child.next_event(0)
        self.child.ask()
        silent_s = self.child.silent_s()
        if silent_s <= UNWELL_SECONDS:
            return self.child.running()
        if silent_s > GONE_SECONDS:
            self.child.give_up("the engine's process does not answer")
            log.error("the engine's process did not answer for %g s and is replaced", GONE_SECONDS)
        self._drain.stopping.wait(POLL_SECONDS)
        return False

    def _can_store(self) -> bool:
        """Whether a video could be stored: a task whose video could not is better left waiting."""
        known = self.machine.problem
        if lack := self.lack():
            self.machine.lacks(lack)
        elif known and not self.machine.pause_s(time.monotonic()):
            self._probe()
        if self.machine.problem != known:
            log.error("no task is claimed: %s", self.machine.problem) if self.machine.problem else log.info(
                "tasks are claimed again"
            )
        if self.machine.problem:
            self._drain.stopping.wait(IDLE_SECONDS)
        return not self.machine.problem

    def _probe(self) -> None:
        """Have the child write a probe, as the limits that hold for it are the ones that count."""
        self.child.send(Probe())
        deadline = time.monotonic() + PROBE_SECONDS
        while not self._drain.stopping.is_set():
            event = self.child.next_event(POLL_SECONDS)
            if isinstance(event, Probed):
                self.machine.probed()
                return
            late = time.monotonic() > deadline
            if isinstance(event, Crashed) or late:
                problem = event.message if isinstance(event, Crashed) else TOO_SLOW
                if self.machine.failed(problem, time.monotonic()) or late:
                    self.child.kill()
                return

    def _wanted(self) -> str:
        """The model that the child should be ready for now."""
        if not self.one_model:
            return self.child.model or self.models[0]
        now = time.monotonic()
        usable = [model for model in self.models if self._avoided_to_s.get(model, now) <= now] or self.models
        return self.tasks.next_model(usable, self._run) or self.child.model or usable[0]
