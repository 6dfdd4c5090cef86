"""The worker: keeps a child ready, claims a task, runs an attempt of it. One thread for each device."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.worker import WorkerHealth
from wanserve.metrics import Metrics
from wanserve.tasks import ModelRun, Tasks
from wanserve.telemetry import bind_task_id
from wanserve.traces import NoTraces, Traces
from wanserve.worker.attempt import POLL_SECONDS, Attempt, Drain, Timeouts
from wanserve.worker.paces import Paces
from wanserve.worker.ports import Absent, Child, Claimed, Loading, NoRouter, Ready, Router, is_loaded
from wanserve.worker.protocol import Crashed, Loaded, Probe, Probed
from wanserve.worker.storage_health import StorageHealth

log = logging.getLogger(__name__)

IDLE_SECONDS: Final = 1.0
"""How long a worker without a task sleeps unless it is woken; other processes write tasks too."""

PROBE_SECONDS: Final = 60.0
"""How long the child may take to write a test file."""

TOO_SLOW: Final = f"no test file was stored within {PROBE_SECONDS:g} s"

AVOID_SECONDS: Final = 60.0
"""How long a model that did not load is not tried again while there are others to serve."""

UNRESPONSIVE_SECONDS: Final = 3.0
"""A child whose answer is overdue for longer gets no task."""

REPLACE_SECONDS: Final = 15.0
"""An idle child whose answer is overdue for longer is replaced: it has nothing to be busy with."""


@dataclass(slots=True)
class Worker:
    """Serves tasks of `models` until `stop` is called.

    `one_model`: the engine holds one model at a time, and changing it takes long. `load_s` and `drain_s` are seconds:
    how long a child may take to load a model, and a running attempt to end after `stop`. `storage_problem` tells why no
    video can be stored on this machine, or None. `paces` says how long attempts took on this device. `router` says what may be claimed where others make the videos.
    """

    id: str
    tasks: Tasks
    child: Child
    models: Sequence[str]
    timeouts: Timeouts
    drain_s: float
    load_s: float
    storage_problem: Callable[[], str | None]
    metrics: Metrics
    paces: Paces
    one_model: bool = False
    traces: Traces = field(default_factory=NoTraces)
    router: Router = field(default_factory=NoRouter)
    storage: StorageHealth = field(default_factory=StorageHealth, init=False)
    unloadable: dict[str, str] = field(default_factory=dict, init=False)
    """The models that did not load at the last try, each with the reason."""

    _drain: Drain = field(default_factory=Drain, init=False)
    _seen: int = field(default=0, init=False)
    _run: ModelRun = field(default=ModelRun(), init=False)
    _avoided_until_s: dict[str, float] = field(default_factory=dict, init=False)

    def stop(self) -> None:
        """Claim nothing more; a running attempt has `drain_s` seconds, then it is given back. May be called from any thread."""
        # A second call, also after `abort`, gives no more time.
        self._drain.until_s = min(self._drain.until_s, time.monotonic() + self.drain_s)
        self._drain.stopping.set()
        self.tasks.store.wake()

    def abort(self) -> None:
        """Give back a running attempt at once. May be called from any thread, after `stop`."""
        self._drain.until_s = 0.0

    def health(self) -> WorkerHealth:
        """The state of this worker. May be called from any thread."""
        upstreams = self.router.unavailable()
        return WorkerHealth(is_loaded(self.child.state), self._problem(), dict(self.unloadable), dict(upstreams))

    def _problem(self) -> str | None:
        """Why this worker makes no videos now; None where it does."""
        state = self.child.state
        if state.problem:
            return state.problem
        if not is_loaded(state):
            return "the engine is not loaded yet"
        if self.child.silent_s() > UNRESPONSIVE_SECONDS:
            return "the engine's process does not answer"
        return self.storage.problem or self.router.problem()

    def run(self) -> None:
        """Serve until stopped; the child has ended afterwards."""
        try:
            while not self._drain.stopping.is_set():
                self._serve_next()
        finally:
            self.child.close()

    def _serve_next(self) -> None:
        """Run one task, or wait once for a task or the engine. The outermost frame: no error leaves it."""
        try:
            if not self._child_ready() or not self._child_answers() or not self._can_store():
                return
            claimed = self.router.claim(self._served_now(), partial(self.tasks.claim, self.id))
            if claimed is None:
                self._seen = self.tasks.store.wait(self._seen, IDLE_SECONDS)
                return
            self._run = self._run.followed_by(claimed.task.generation.model)
            with bind_task_id(claimed.task.id):
                self._attempt(claimed)
        except StoreUnavailable as error:
            log.error("the worker waits for the task table: %s", error)
            self._drain.stopping.wait(IDLE_SECONDS)
        except Exception:
            log.exception("an unexpected error; a running attempt ends with its lease")
            self.child.kill()
            self._drain.stopping.wait(IDLE_SECONDS)

    def _served_now(self) -> Sequence[str]:
        state = self.child.state
        return [state.model] if self.one_model and isinstance(state, Ready) else self.models

    def _attempt(self, claimed: Claimed) -> None:
        task, outcome, begun_s = claimed.task, None, self.traces.now_s()
        attempt = Attempt(
            task,
            self.tasks,
            self.child,
            self.timeouts,
            self._drain,
            self.storage_problem,
            self.metrics,
            self.storage.waits,
            self.paces,
            claimed.upstream,
        )
        try:
            outcome = attempt.run()
        finally:
            self.router.ended(claimed, outcome, attempt.crash)
            problem = f"{attempt.crash.code}: {attempt.crash.message}" if attempt.crash else ""
            self.traces.attempted(task, self.traces.now_s() - begun_s, attempt.stage_times(), outcome, problem)
        died = isinstance(self.child.state, Absent)
        if attempt.machine_problem is None:
            self.storage.served()
        elif self.storage.failed(attempt.machine_problem, time.monotonic()):
            self.child.kill()
        self.metrics.attempt_ended(task, outcome, child_died=died)

    def _child_ready(self) -> bool:
        """Have a child that is ready for the model to serve next; False while there is none."""
        if isinstance(self.child.state, Absent):
            if self._drain.stopping.wait(self.child.pause_s()):
                return False
            self.child.start()
        if not isinstance(self.child.state, Loading):
            wanted = self._wanted()
            if self.child.state == Ready(wanted):
                return True
            self.child.load(wanted)
        self._wait_for_load()
        return False

    def _wait_for_load(self) -> None:
        loading = self.child.state
        assert isinstance(loading, Loading)
        event = self.child.next_event(POLL_SECONDS)
        if isinstance(event, Loaded):
            log.info("the engine is ready for %s", event.model)
            self.unloadable.pop(event.model, None)
        elif isinstance(event, Crashed):
            log.error("the engine did not load %s: %s", loading.model, event.message)
            self._avoid(loading.model, event.message)
            self.child.close()
        elif time.monotonic() - loading.since_s > self.load_s:
            problem = f"the engine did not load {loading.model} within {self.load_s:g} s"
            self.child.give_up(problem)
            log.error("%s", problem)
            self._avoid(loading.model, f"it did not load within {self.load_s:g} s")

    def _avoid(self, model: str, why: str) -> None:
        """Do not try a model that did not load again for a while; its tasks wait."""
        self.unloadable[model] = why
        self._avoided_until_s[model] = time.monotonic() + AVOID_SECONDS

    def _child_answers(self) -> bool:
        """Whether the idle child has answered lately; one that has not for long is replaced.

        A child that died while it was idle is noticed here too, and a new one loads before the next task comes.
        """
        self.child.next_event(0)
        self.child.ping()
        silent_s = self.child.silent_s()
        if silent_s <= UNRESPONSIVE_SECONDS:
            return not isinstance(self.child.state, Absent)
        if silent_s > REPLACE_SECONDS:
            self.child.give_up("the engine's process does not answer")
            log.error("the engine's process did not answer for %g s and is replaced", REPLACE_SECONDS)
        self._drain.stopping.wait(POLL_SECONDS)
        return False

    def _can_store(self) -> bool:
        """Whether a video could be stored: a task whose video could not be is better left waiting."""
        before = self.storage.problem
        if problem := self.storage_problem():
            self.storage.found(problem)
        elif before and not self.storage.pause_s(time.monotonic()):
            self._probe()
        if self.storage.problem and self.storage.problem != before:
            log.error("no task is claimed: %s", self.storage.problem)
        elif before and not self.storage.problem:
            log.info("tasks are claimed again")
        if self.storage.problem:
            self._drain.stopping.wait(IDLE_SECONDS)
        return not self.storage.problem

    def _probe(self) -> None:
        """Have the child write a test file: the limits of its process are the ones that count."""
        self.child.send(Probe())
        deadline = time.monotonic() + PROBE_SECONDS
        while not self._drain.stopping.is_set():
            event = self.child.next_event(POLL_SECONDS)
            if isinstance(event, Probed):
                self.storage.passed()
                return
            late = time.monotonic() > deadline
            if isinstance(event, Crashed) or late:
                problem = event.message if isinstance(event, Crashed) else TOO_SLOW
                if self.storage.failed(problem, time.monotonic()) or late:
                    self.child.kill()
                return

    def _wanted(self) -> str:
        """The model that the child should be ready for now."""
        state = self.child.state
        loaded = state.model if isinstance(state, Ready) else None
        if not self.one_model:
            return loaded or self.models[0]
        now = time.monotonic()
        usable = [model for model in self.models if self._avoided_until_s.get(model, now) <= now] or self.models
        return self.tasks.next_model(usable, self._run) or loaded or usable[0]
