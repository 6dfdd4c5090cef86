"""The worker's thread against a child that plays a script: whatever one attempt runs into, the next task is served."""

import threading
import time
from collections.abc import Callable, Collection

import pytest

from tests.samples import VIDEO
from wanserve.domain.account import Key
from wanserve.domain.attempt import Fault, Outcome
from wanserve.domain.catalogue import MODELS
from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.ports import Clock
from wanserve.domain.progress import Heartbeat, Progress, Stage
from wanserve.domain.rules import VideoRequest
from wanserve.domain.task import Settlement, State, Task
from wanserve.domain.worker import UpstreamUse
from wanserve.metrics import Metrics
from wanserve.store.memory import MemoryTasks
from wanserve.store.memory_times import MemoryTimes
from wanserve.tasks import Policy, Tasks
from wanserve.worker import attempt, loop
from wanserve.worker.attempt import Timeouts
from wanserve.worker.loop import Worker
from wanserve.worker.paces import Paces
from wanserve.worker.ports import Absent, ChildState, Claim, Claimed, Loading, Ready, Starting
from wanserve.worker.protocol import (
    Cancel,
    Command,
    Crashed,
    Done,
    Event,
    Generate,
    Loaded,
    Probe,
    Probed,
)
from wanserve.worker.storage_health import PAUSES_SECONDS, RESTART_AT, StorageHealth

KEY = Key("ann", "ann", "00", 0)
CRASH = Crashed("worker_died", "killed", retryable=True)
BROKEN = Crashed("engine_failed", "it cannot", retryable=False)


class Impatient(threading.Event):
    """Waits for no time at all."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


class ScriptedChild:
    """A Child without a process: `played` are its events, one a look; None is silence. Then it does what is asked."""

    def __init__(self, played: list[Event | Callable[[], Event | None] | None]) -> None:
        self.played = played
        self.state: ChildState = Absent()
        self.commands: list[Command] = []
        self.loads: list[str] = []
        self.broken: set[str] = set()
        self.hanging: set[str] = set()
        self.silences: list[float] = []
        self.starts = 0
        self.kills = 0

    def start(self) -> None:
        self.starts += 1
        self.state = Starting()

    def load(self, model: str) -> None:
        self.loads.append(model)
        self.state = Loading(model, time.monotonic())

    def ping(self) -> None:
        pass

    def silent_s(self) -> float:
        return self.silences.pop(0) if self.silences else 0.0

    def pause_s(self) -> float:
        return 0.0

    def send(self, command: Command) -> None:
        self.commands.append(command)

    def next_event(self, timeout_s: float) -> Event | None:
        if timeout_s == 0:
            return None
        if isinstance(self.state, Loading):
            model = self.state.model
            if model in self.hanging:
                return None
            if model in self.broken:
                self.close()
                return Crashed("setup", "it will not load", retryable=False)
            self.state = Ready(model)
            return Loaded(model)
        if self.played:
            event = self.played.pop(0)
            return event() if callable(event) else event
        return Probed() if isinstance(self.commands[-1], Probe) else Done(VIDEO)

    def give_up(self, problem: str) -> None:
        self.kill()
        self.state = Absent(problem)

    def kill(self) -> None:
        self.kills += 1
        self.close()

    def close(self) -> None:
        self.state = Absent()


class FaultyStore(MemoryTasks):
    """A store whose next calls of a method raise what is in `faults`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.faults: dict[str, list[Exception]] = {}

    def _trip(self, method: str) -> None:
        if self.faults.get(method):
            raise self.faults[method].pop(0)

    def claim(
        self, worker_id: str, models: Collection[str], lease_seconds: float, max_running: int | None
    ) -> Task | None:
        self._trip("claim")
        return super().claim(worker_id, models, lease_seconds, max_running)

    def renew(self, task: Task, lease_seconds: float, heartbeat: Heartbeat) -> bool:
        self._trip("renew")
        return super().renew(task, lease_seconds, heartbeat)

    def find(self, task_id: str) -> Task | None:
        self._trip("find")
        return super().find(task_id)

    def settle(self, task: Task, settlement: Settlement, *, expired_only: bool = False) -> bool:
        self._trip("settle")
        return super().settle(task, settlement, expired_only=expired_only)


class Scene:
    """A worker with its store, run in a thread until the tasks have ended."""

    def __init__(
        self,
        *played: Event | Callable[[], Event | None] | None,
        lease_seconds: float = 60.0,
        stall_s: float = 60,
        one_model: bool = False,
    ) -> None:
        ids = iter(range(100))
        self.now = 0
        self.store = FaultyStore(lambda: self.now)
        policy = Policy(lease_seconds=lease_seconds, max_attempts=2, run_length=2)
        self.tasks = Tasks(self.store, lambda: MODELS, lambda: str(next(ids)), lambda: 7, policy)
        self.child = ScriptedChild(list(played))
        self.storage_problem: str | None = None
        self.times = MemoryTimes()
        self.worker = Worker(
            "worker",
            self.tasks,
            self.child,
            tuple(MODELS),
            Timeouts(stall_s, cancel_s=10),
            drain_s=60,
            load_s=60,
            storage_problem=lambda: self.storage_problem,
            metrics=Metrics(),
            paces=Paces(self.times, "cpu"),
            one_model=one_model,
        )

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
    stage = Scene(Progress(0.5, Stage.DENOISE), None, Done(VIDEO))
    (task,) = stage.ended(stage.submitted())
    assert (task.state, task.video) == (State.SUCCEEDED, VIDEO)
    assert stage.child.commands == [Generate(task.id, 1, task.generation)]


def test_a_crash_is_tried_again_by_a_fresh_child() -> None:
    stage = Scene(CRASH)
    (task,) = stage.ended(stage.submitted())
    assert (task.state, task.attempt, task.attempts_spent) == (State.SUCCEEDED, 2, 1)


def test_a_poison_task_fails_and_the_next_is_served() -> None:
    stage = Scene(CRASH, CRASH)
    poison, good = stage.ended(stage.submitted(), stage.submitted())
    assert (poison.state, good.state) == (State.FAILED, State.SUCCEEDED)
    assert poison.failure is not None
    assert poison.failure.code == "worker_died"


def test_a_silent_child_is_killed_and_its_task_tried_again() -> None:
    stage = Scene(*[None] * 1000, stall_s=0.0)
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
    stage = Scene()
    stage.store.faults["claim"] = [StoreUnavailable("busy")]
    (task,) = stage.ended(stage.submitted())
    assert task.state is State.SUCCEEDED
    assert stage.child.kills == 0


def test_a_heartbeat_that_cannot_be_written_costs_nothing() -> None:
    stage = Scene(*[Progress(0.1, Stage.DENOISE)] * 5, lease_seconds=0)
    stage.store.faults["renew"] = [StoreUnavailable("busy")] * 3
    (task,) = stage.ended(stage.submitted())
    assert (task.state, task.attempt) == (State.SUCCEEDED, 1)
    assert len(stage.store.faults["renew"]) < 3


def test_a_bug_costs_an_attempt_and_not_the_worker() -> None:
    def stumble() -> Event | None:
        raise ZeroDivisionError("a bug")

    stage = Scene(stumble)
    lost, good = stage.submitted(), stage.submitted()
    (served,) = stage.ended(good)
    assert served.state is State.SUCCEEDED
    assert stage.child.kills == 1
    assert stage.child.starts == 2
    assert stage.tasks.find(lost).state is State.RUNNING
    assert [task.id for task in stage.tasks.unfinished()] == [lost]


@pytest.mark.parametrize("answer", [Crashed("canceled", "asked", retryable=False), Done(VIDEO)])
def test_a_canceled_attempt_stops_its_child_and_changes_nothing(answer: Event) -> None:
    stage = Scene(lease_seconds=0)
    task_id = stage.submitted()

    def cancel() -> Event | None:
        stage.tasks.cancel("ann", task_id)
        return None

    stage.child.played[:] = [cancel, None, answer]
    canceled, good = stage.ended(task_id, stage.submitted())
    assert (canceled.state, good.state) == (State.CANCELED, State.SUCCEEDED)
    assert canceled.started_ms is not None
    assert not canceled.device_busy, "its worker, which served another task since, has noted that it stopped"
    assert [type(order) for order in stage.child.commands] == [Generate, Cancel, Generate]
    assert [row.task_id for row in stage.tasks.usage(None)] == [good.id]


def test_a_video_that_comes_too_late_is_not_billed() -> None:
    stage = Scene()
    late_id = stage.submitted()

    def too_late() -> Event | None:
        stage.tasks.take_back(stage.tasks.find(late_id), expired_only=False)
        return Done(VIDEO)

    stage.child.played[:] = [too_late]
    (task,) = stage.ended(late_id)
    assert (task.state, task.attempt) == (State.SUCCEEDED, 2)
    assert len(stage.tasks.usage(None)) == 1


def test_a_crash_that_comes_too_late_changes_nothing() -> None:
    stage = Scene()
    late_id = stage.submitted()

    def too_late() -> Event | None:
        stage.tasks.cancel("ann", late_id)
        return CRASH

    stage.child.played[:] = [too_late]
    canceled, good = stage.ended(late_id, stage.submitted())
    assert (canceled.state, good.state) == (State.CANCELED, State.SUCCEEDED)


def test_a_device_that_holds_one_model_serves_the_waiting_tasks_in_runs() -> None:
    stage = Scene(one_model=True)
    small, large = "wanx2.1-t2v-turbo", "wan2.2-t2v-plus"
    submitted = [stage.submitted(model) for model in (small, large, small, large, small, small)]
    ended = stage.ended(*submitted)
    assert {task.state for task in ended} == {State.SUCCEEDED}
    # Runs of two, as the policy says: neither task by task nor one model until it has no more.
    assert stage.child.loads == [small, large, small]
    made = [order.generation.model for order in stage.child.commands if isinstance(order, Generate)]
    assert made == [small, small, large, large, small, small]


def test_a_run_goes_on_while_nobody_waits_for_another_model() -> None:
    stage = Scene(one_model=True)
    stage.ended(*[stage.submitted("wanx2.1-t2v-plus") for _ in range(5)])
    assert stage.child.loads == ["wanx2.1-t2v-plus"]


def test_a_model_that_does_not_load_costs_no_task_an_attempt_and_holds_up_no_other() -> None:
    stage = Scene(one_model=True)
    stage.child.broken = {"wan2.2-t2v-plus"}
    waits, served = stage.submitted("wan2.2-t2v-plus"), stage.submitted("wanx2.1-t2v-turbo")
    (task,) = stage.ended(served)
    assert task.state is State.SUCCEEDED
    waiting = stage.tasks.find(waits)
    assert (waiting.state, waiting.attempt) == (State.PENDING, 0)


def test_an_engine_that_holds_every_model_is_loaded_once() -> None:
    stage = Scene()
    stage.ended(*[stage.submitted(model) for model in MODELS])
    assert len(stage.child.loads) == 1


@pytest.mark.parametrize(("event", "state"), [(Done(VIDEO), State.SUCCEEDED), (BROKEN, State.FAILED)])
def test_an_end_that_cannot_be_written_is_written_again(
    event: Event, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "RETRY_SECONDS", 0.01)
    stage = Scene(event)
    stage.store.faults["settle"] = [StoreUnavailable("full")] * 3
    (task,) = stage.ended(stage.submitted())
    assert (task.state, task.attempt) == (state, 1)
    assert stage.store.faults["settle"] == []


def test_a_worker_that_has_to_stop_leaves_an_end_that_cannot_be_written_to_the_lease() -> None:
    stage = Scene()
    task_id = stage.submitted()

    def stop() -> Event | None:
        stage.worker.stop()
        return Done(VIDEO)

    stage.child.played[:] = [stop]
    stage.store.faults["settle"] = [StoreUnavailable("full")] * 2
    stage.worker.run()
    assert stage.tasks.find(task_id).state is State.RUNNING


def test_without_room_no_task_is_claimed_and_it_tells_why() -> None:
    stage = Scene()
    stage.storage_problem = "the disk is full"
    waiting = stage.submitted()
    seen = []

    def look_and_mend() -> str | None:
        seen.append(stage.tasks.find(waiting).state)
        told, stage.storage_problem = stage.storage_problem, None if len(seen) > 2 else stage.storage_problem
        return told

    stage.worker.storage_problem = look_and_mend
    stage.worker._drain.stopping = Impatient()
    (task,) = stage.ended(waiting)
    assert task.state is State.SUCCEEDED
    assert seen[:3] == [State.PENDING] * 3
    assert [type(order) for order in stage.child.commands] == [Probe, Generate], (
        "and the room was tried before the claim"
    )
    assert stage.worker.health().problem == "the engine is not loaded yet"


def test_an_attempt_that_is_lost_for_want_of_room_does_not_count() -> None:
    stage = Scene()
    task_id = stage.submitted()

    def fill() -> Event | None:
        stage.storage_problem = "the disk is full"
        return Crashed("media_failed", "no space left on device", retryable=True)

    def look() -> str | None:
        told, stage.storage_problem = stage.storage_problem, None
        return told

    stage.child.played[:] = [fill]
    stage.worker.storage_problem = look
    (task,) = stage.ended(task_id)
    assert (task.state, task.attempt, task.attempts_spent, task.losses) == (State.SUCCEEDED, 2, 0, 1)


MACHINE = Crashed("media_unavailable", "no file can be made", retryable=True, fault=Fault.MACHINE)


def test_after_a_fault_of_the_machine_nothing_is_claimed_until_a_probe_was_written() -> None:
    stage = Scene(MACHINE, MACHINE, MACHINE, MACHINE)
    stage.worker._drain.stopping = Impatient()
    stage.worker.storage = NoPauses()
    told = []

    def full() -> Event | None:
        told.append(stage.worker.health().problem)
        return MACHINE

    stage.child.played[1] = full
    first, second = stage.ended(stage.submitted(), stage.submitted())
    assert (first.state, first.attempt, first.attempts_spent) == (State.SUCCEEDED, 2, 0)
    assert (second.state, second.attempt) == (State.SUCCEEDED, 1)
    made = [type(order) for order in stage.child.commands]
    assert made == [Generate, Probe, Probe, Probe, Probe, Generate, Generate]
    assert told == ["no file can be made"]
    assert stage.child.kills == 1, "the fault may be in the process itself"
    assert stage.worker.health().problem == "the engine is not loaded yet"


def test_a_task_that_only_ever_meets_faults_of_the_machine_ends_all_the_same() -> None:
    stage = Scene(*[event for _ in range(10) for event in (MACHINE, Probed())])
    stage.worker._drain.stopping = Impatient()
    stage.worker.storage = NoPauses()
    (task,) = stage.ended(stage.submitted())
    assert (task.state, task.attempts_spent, task.losses) == (State.FAILED, 0, 10)


def test_a_worker_that_is_ended_from_outside_costs_no_attempt() -> None:
    killed = Crashed("worker_died", "killed by SIGKILL", retryable=True, fault=Fault.WORKER)
    stage = Scene(killed, killed, killed)
    (task,) = stage.ended(stage.submitted())
    assert (task.state, task.attempt, task.attempts_spent, task.losses) == (State.SUCCEEDED, 4, 0, 3)
    assert all(isinstance(order, Generate) for order in stage.child.commands)


class NoPauses(StorageHealth):
    """Is tried again at once."""

    def pause_s(self, now_s: float) -> float:
        return 0.0


def test_the_pauses_grow_until_an_attempt_ends_otherwise() -> None:
    machine = StorageHealth()
    pauses = []
    for _ in range(9):
        machine.failed("full", 100.0)
        pauses.append(machine.pause_s(100.0))
        machine.passed()
    assert pauses == [*PAUSES_SECONDS, *PAUSES_SECONDS[-1:] * 2]
    assert machine.faults > RESTART_AT
    machine.served()
    machine.failed("full", 100.0)
    assert (machine.pause_s(100.0), machine.pause_s(100.5), machine.pause_s(200.0)) == (1.0, 0.5, 0.0)


def test_a_model_that_does_not_load_in_its_time_costs_the_child_and_no_task() -> None:
    stage = Scene(one_model=True)
    stage.worker.load_s = 0.0
    stage.child.hanging.add("wanx2.1-t2v-turbo")
    hangs, good = stage.submitted("wanx2.1-t2v-turbo"), stage.submitted()
    (served,) = stage.ended(good)
    assert served.state is State.SUCCEEDED
    assert stage.child.kills == 1
    assert stage.tasks.find(hangs).attempt == 0


def test_a_child_that_owes_an_answer_gets_no_task_and_is_replaced_in_the_end() -> None:
    stage = Scene()
    stage.worker._drain.stopping = Impatient()
    stage.child.silences = [loop.UNRESPONSIVE_SECONDS + 1] * 3 + [loop.REPLACE_SECONDS + 1]
    (task,) = stage.ended(stage.submitted())
    assert (task.state, task.attempt) == (State.SUCCEEDED, 1)
    assert (stage.child.kills, stage.child.starts) == (1, 2)


def test_what_is_wrong_is_told_in_words() -> None:
    stage = Scene()
    told = []
    stage.child.state = Ready("any")
    told.append(stage.worker.health().problem)
    stage.worker.storage.found("the disk is full")
    told.append(stage.worker.health().problem)
    stage.child.silences = [loop.UNRESPONSIVE_SECONDS + 1]
    told.append(stage.worker.health().problem)
    stage.child.state = Absent("no GPU")
    told.append(stage.worker.health().problem)
    assert told == [None, "the disk is full", "the engine's process does not answer", "no GPU"]


def test_tasks_that_fail_by_their_own_fault_say_nothing_of_the_worker() -> None:
    stage = Scene(BROKEN, BROKEN, BROKEN)
    told = []

    def look() -> Event | None:
        told.append(stage.worker.health().problem)
        return BROKEN

    stage.child.played.append(look)
    stage.ended(*[stage.submitted() for _ in range(4)])
    assert told == [None]


def test_a_model_that_does_not_load_is_told_by_name_until_it_does() -> None:
    stage = Scene(one_model=True)
    stage.child.broken = {"wan2.2-t2v-plus"}
    waits, served = stage.submitted("wan2.2-t2v-plus"), stage.submitted("wanx2.1-t2v-turbo")
    stage.ended(served)
    assert stage.worker.unloadable == {"wan2.2-t2v-plus": "it will not load"}
    again = Scene(one_model=True)
    again.worker.unloadable["wan2.2-t2v-plus"] = "it would not load"
    again.ended(again.submitted("wan2.2-t2v-plus"))
    assert again.worker.unloadable == {}
    assert stage.tasks.find(waits).state is State.PENDING


def test_a_stop_that_is_said_again_gives_no_more_time() -> None:
    stage = Scene()
    stage.worker.stop()
    stage.worker.abort()
    stage.worker.stop()
    assert stage.worker._drain.is_over()


LOST = Crashed("upstream_failed", "it broke", retryable=True, fault=Fault.UPSTREAM)
BUSY = Crashed("upstream_busy", "it is busy", retryable=True, fault=Fault.UPSTREAM, retry_after_s=3.0)


class ScriptedRouter:
    """A Router that sends everything to one upstream, and notes how each attempt ended."""

    def __init__(self) -> None:
        self.ends: list[tuple[Claimed, Outcome | None, Crashed | None]] = []
        self.open = True
        self.trouble: str | None = None

    def claim(self, models: Collection[str], claim: Claim) -> Claimed | None:
        task = claim(models) if self.open else None
        return None if task is None else Claimed(task, "there")

    def ended(self, claimed: Claimed, outcome: Outcome | None, crash: Crashed | None) -> None:
        self.ends.append((claimed, outcome, crash))

    def problem(self) -> str | None:
        return self.trouble

    def unavailable(self) -> dict[str, str]:
        return {"there": self.trouble} if self.trouble else {}

    def use(self) -> dict[str, UpstreamUse]:
        return {}


def routed(
    *played: Event | Callable[[], Event | None] | None, lease_seconds: float = 60.0
) -> tuple[Scene, ScriptedRouter]:
    stage, router = Scene(*played, lease_seconds=lease_seconds), ScriptedRouter()
    stage.worker.router = router
    return stage, router


def test_the_chosen_upstream_travels_to_the_child_and_hears_of_the_end() -> None:
    stage, router = routed()
    (task,) = stage.ended(stage.submitted())
    assert stage.child.commands == [Generate(task.id, 1, task.generation, "there")]
    ((claimed, outcome, crash),) = router.ends
    assert (claimed.task.id, claimed.upstream, outcome, crash) == (task.id, "there", Outcome.MADE, None)


def test_a_fault_of_an_upstream_spends_no_attempt_and_does_not_stop_the_worker() -> None:
    stage, router = routed(*[LOST] * 4)
    (task,) = stage.ended(stage.submitted())
    assert (task.state, task.attempts_spent, task.losses) == (State.SUCCEEDED, 0, 4)
    assert [crash for _, _, crash in router.ends] == [LOST] * 4 + [None]
    assert stage.worker.storage.problem is None
    assert not any(isinstance(command, Probe) for command in stage.child.commands)


def test_a_busy_upstream_costs_nothing_however_often() -> None:
    stage, router = routed(*[BUSY] * 20)
    (task,) = stage.ended(stage.submitted())
    assert (task.state, task.attempts_spent, task.losses, task.attempt) == (State.SUCCEEDED, 0, 0, 21)
    assert [outcome for _, outcome, _ in router.ends] == [Outcome.GIVEN_BACK] * 20 + [Outcome.MADE]


def test_what_an_upstream_said_is_told_to_the_user_and_not_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    stage, _ = routed(Crashed("upstream_refused", "the upstream refused", retryable=False, said="no cats"))
    with caplog.at_level("DEBUG"):
        (task,) = stage.ended(stage.submitted())
    assert task.failure is not None
    assert task.failure.message == "the upstream refused: no cats"
    assert "the upstream refused" in caplog.text
    assert "no cats" not in caplog.text


def test_the_router_hears_of_an_attempt_that_ended_by_a_bug() -> None:
    def stumble() -> Event | None:
        raise ZeroDivisionError("a bug")

    stage, router = routed(stumble)
    stage.submitted()
    stage.ended(stage.submitted())
    assert [(outcome, crash) for _, outcome, crash in router.ends] == [(None, None), (Outcome.MADE, None)]


def test_without_an_open_upstream_nothing_is_claimed_and_health_says_why() -> None:
    stage, router = routed()
    waits = stage.submitted()
    router.open, router.trouble = False, "upstream there is out: it broke"
    stage.child.state = Ready("wan2.2-t2v-plus")
    health = stage.worker.health()
    assert health.problem == "upstream there is out: it broke"
    assert health.upstreams == {"there": "upstream there is out: it broke"}
    stage.worker._serve_next()
    assert stage.tasks.find(waits).state is State.PENDING
    router.open = True
    (task,) = stage.ended(waits)
    assert task.state is State.SUCCEEDED


@pytest.mark.parametrize("how", ["cancel", "delete", "take back", "unreadable"])
def test_a_stop_says_whether_another_attempt_has_the_task(how: str) -> None:
    stage = Scene(lease_seconds=0)
    task_id = stage.submitted()

    def lose() -> Event | None:
        if how == "cancel":
            stage.tasks.cancel("ann", task_id)
        elif how == "delete":
            stage.tasks.delete("ann", task_id)
        else:
            stage.tasks.take_back(stage.tasks.find(task_id), expired_only=False)
        if how == "unreadable":
            stage.store.faults["find"] = [StoreUnavailable("gone")]
        return None

    stage.child.played[:] = [lose, None, Crashed("canceled", "asked", retryable=False)]
    stage.ended(stage.submitted())
    (cancel,) = (command for command in stage.child.commands if isinstance(command, Cancel))
    assert cancel.superseded is (how in ("take back", "unreadable"))
