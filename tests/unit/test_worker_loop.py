"""The worker's thread against a child that plays a script: whatever one attempt runs into, the next task is served."""

import threading
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from tests.samples import VIDEO
from wanserve.domain.account import Key
from wanserve.domain.catalog import MODELS
from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.rules import VideoRequest
from wanserve.domain.task import State, Task
from wanserve.store.memory import MemoryTasks
from wanserve.tasks import Policy, Tasks
from wanserve.worker.events import Cancel, Charge, Crashed, Done, Event, Generate, Loaded, Order, Progress
from wanserve.worker.loop import Worker
from wanserve.worker.supervisor import Supervisor

KEY = Key("ann", "ann", "00", 0)
CRASH = Crashed("worker_died", "killed", retryable=True)


class ScriptedChild(Supervisor):
    """A child without a process: `played` are its events, one a look; None is silence. Then it does what is asked."""

    def __init__(self, played: list[Event | Callable[[], Event | None] | None]) -> None:
        super().__init__(Charge("none", Path(), Path(), "error"))
        self.played = played
        self.orders: list[Order] = []
        self.loads: list[str] = []
        self.broken: set[str] = set()
        self.starts = 0
        self.kills = 0
        self._alive = False

    def start(self) -> None:
        self.starts += 1
        self._alive = True

    def load(self, model: str) -> None:
        self.loads.append(model)
        self.loading = model

    def running(self) -> bool:
        return self._alive

    def pause_s(self) -> float:
        return 0.0

    def send(self, order: Order) -> None:
        self.orders.append(order)

    def next_event(self, timeout_s: float) -> Event | None:
        if timeout_s == 0:
            return None
        if self.loading is not None:
            self.model, self.loading = self.loading, None
            if self.model in self.broken:
                self.close()
                return Crashed("setup", "it will not load", retryable=False)
            self.loaded = True
            return Loaded(self.model)
        if self.played:
            event = self.played.pop(0)
            return event() if callable(event) else event
        return Done(VIDEO)

    def kill(self) -> None:
        self.kills += 1
        self.close()

    def close(self) -> None:
        self._alive = self.loaded = False
        self.model = self.loading = None


class FaultyStore(MemoryTasks):
    """A store whose next calls of a method raise what is in `faults`."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: dict[str, list[Exception]] = {}

    def _trip(self, method: str) -> None:
        if self.faults.get(method):
            raise self.faults[method].pop(0)

    def claim(self, models: Collection[str], now_ms: int, lease_ms: int, max_running: int | None) -> Task | None:
        self._trip("claim")
        return super().claim(models, now_ms, lease_ms, max_running)

    def renew(self, task: Task, lease_ms: int, progress: float) -> bool:
        self._trip("renew")
        return super().renew(task, lease_ms, progress)


class Stage:
    """A worker with its store, run in a thread until the tasks have ended."""

    def __init__(
        self,
        *played: Event | Callable[[], Event | None] | None,
        lease_ms: int = 60_000,
        stall_s: float = 60,
        one_model: bool = False,
    ) -> None:
        ids = iter(range(100))
        self.now = 0
        self.store = FaultyStore()
        policy = Policy(lease_ms=lease_ms, max_attempts=2, run_length=2)
        self.tasks = Tasks(self.store, MODELS, lambda: self.now, lambda: str(next(ids)), lambda: 7, policy)
        self.child = ScriptedChild(list(played))
        self.worker = Worker(self.tasks, self.child, tuple(MODELS), stall_s=stall_s, drain_s=60, one_model=one_model)

    def submitted(self, model: str = "wan2.2-t2v-plus") -> str:
        return self.tasks.submit(KEY, VideoRequest(model, "a cat")).result(0).id

    def ended(self, *task_ids: str) -> list[Task]:
        """Run the worker until these tasks have ended."""
        thread = threading.Thread(target=self.worker.run)
        thread.start()
        seen = 0
        try:
            while not all(self.tasks.find(task_id).ended_ms is not None for task_id in task_ids):
                seen = self.store.wait(seen, 1)
        finally:
            self.worker.stop()
            thread.join(30)
        assert not thread.is_alive()
        return [self.tasks.find(task_id) for task_id in task_ids]


def test_it_orders_what_it_claimed_and_tells_how_it_went() -> None:
    stage = Stage(Progress(0.5), None, Done(VIDEO))
    (task,) = stage.ended(stage.submitted())
    assert (task.state, task.video) == (State.SUCCEEDED, VIDEO)
    assert stage.child.orders == [Generate(task.id, 1, task.generation)]


def test_a_crash_is_tried_again_by_a_fresh_child() -> None:
    stage = Stage(CRASH)
    (task,) = stage.ended(stage.submitted())
    assert (task.state, task.attempt, task.attempts_spent) == (State.SUCCEEDED, 2, 1)


def test_a_poison_task_fails_and_the_next_is_served() -> None:
    stage = Stage(CRASH, CRASH)
    poison, good = stage.ended(stage.submitted(), stage.submitted())
    assert (poison.state, good.state) == (State.FAILED, State.SUCCEEDED)
    assert poison.failure is not None
    assert poison.failure.code == "worker_died"


def test_a_silent_child_is_killed_and_its_task_tried_again() -> None:
    stage = Stage(*[None] * 1000, stall_s=0.0)
    stage.child.played.append(None)
    silent = stage.submitted()

    def speak() -> Event | None:
        stage.child.played.clear()
        return Done(VIDEO)

    stage.child.played[1] = speak
    (task,) = stage.ended(silent)
    assert (task.state, task.attempts_spent) == (State.SUCCEEDED, 1)
    assert stage.child.kills == 1


def test_a_table_that_cannot_be_read_is_waited_for() -> None:
    stage = Stage()
    stage.store.faults["claim"] = [StoreUnavailable("busy")]
    (task,) = stage.ended(stage.submitted())
    assert task.state is State.SUCCEEDED
    assert stage.child.kills == 0


def test_a_heartbeat_that_cannot_be_written_costs_nothing() -> None:
    stage = Stage(*[Progress(0.1)] * 5, lease_ms=0)
    stage.store.faults["renew"] = [StoreUnavailable("busy")] * 3
    (task,) = stage.ended(stage.submitted())
    assert (task.state, task.attempt) == (State.SUCCEEDED, 1)
    assert len(stage.store.faults["renew"]) < 3


def test_a_bug_costs_an_attempt_and_not_the_worker() -> None:
    def stumble() -> Event | None:
        raise ZeroDivisionError("a bug")

    stage = Stage(stumble)
    lost, good = stage.submitted(), stage.submitted()
    (served,) = stage.ended(good)
    assert served.state is State.SUCCEEDED
    assert stage.child.kills == 1
    assert stage.child.starts == 2
    assert stage.tasks.find(lost).state is State.RUNNING
    assert [task.id for task in stage.tasks.reclaim(every_lease=True)] == [lost]


@pytest.mark.parametrize("answer", [Crashed("canceled", "asked", retryable=False), Done(VIDEO)])
def test_a_canceled_attempt_stops_its_child_and_changes_nothing(answer: Event) -> None:
    stage = Stage(lease_ms=0)
    task_id = stage.submitted()

    def cancel() -> Event | None:
        stage.tasks.cancel("ann", task_id)
        return None

    stage.child.played[:] = [cancel, None, answer]
    canceled, good = stage.ended(task_id, stage.submitted())
    assert (canceled.state, good.state) == (State.CANCELED, State.SUCCEEDED)
    assert [type(order) for order in stage.child.orders] == [Generate, Cancel, Generate]
    assert [row.task_id for row in stage.tasks.usage(None)] == [good.id]


def test_a_video_that_comes_too_late_is_not_billed() -> None:
    stage = Stage()
    late_id = stage.submitted()

    def too_late() -> Event | None:
        stage.tasks.reclaim(every_lease=True)
        return Done(VIDEO)

    stage.child.played[:] = [too_late]
    (task,) = stage.ended(late_id)
    assert (task.state, task.attempt) == (State.SUCCEEDED, 2)
    assert len(stage.tasks.usage(None)) == 1


def test_a_crash_that_comes_too_late_changes_nothing() -> None:
    stage = Stage()
    late_id = stage.submitted()

    def too_late() -> Event | None:
        stage.tasks.cancel("ann", late_id)
        return CRASH

    stage.child.played[:] = [too_late]
    canceled, good = stage.ended(late_id, stage.submitted())
    assert (canceled.state, good.state) == (State.CANCELED, State.SUCCEEDED)


def test_a_device_that_holds_one_model_serves_the_waiting_tasks_in_runs() -> None:
    stage = Stage(one_model=True)
    small, large = "wanx2.1-t2v-turbo", "wan2.2-t2v-plus"
    submitted = [stage.submitted(model) for model in (small, large, small, large, small, small)]
    ended = stage.ended(*submitted)
    assert {task.state for task in ended} == {State.SUCCEEDED}
    # Runs of two, as the policy says: neither task by task nor one model until it has no more.
    assert stage.child.loads == [small, large, small]
    made = [order.generation.model for order in stage.child.orders if isinstance(order, Generate)]
    assert made == [small, small, large, large, small, small]


def test_a_run_goes_on_while_nobody_waits_for_another_model() -> None:
    stage = Stage(one_model=True)
    stage.ended(*[stage.submitted("wanx2.1-t2v-plus") for _ in range(5)])
    assert stage.child.loads == ["wanx2.1-t2v-plus"]


def test_a_model_that_does_not_load_costs_no_task_an_attempt_and_holds_up_no_other() -> None:
    stage = Stage(one_model=True)
    stage.child.broken = {"wan2.2-t2v-plus"}
    waits, served = stage.submitted("wan2.2-t2v-plus"), stage.submitted("wanx2.1-t2v-turbo")
    (task,) = stage.ended(served)
    assert task.state is State.SUCCEEDED
    waiting = stage.tasks.find(waits)
    assert (waiting.state, waiting.attempt) == (State.PENDING, 0)


def test_an_engine_that_holds_every_model_is_loaded_once() -> None:
    stage = Stage()
    stage.ended(*[stage.submitted(model) for model in MODELS])
    assert len(stage.child.loads) == 1
