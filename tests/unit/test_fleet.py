"""The fleet: its workers are registered before they claim, say that they live, and are gone from the table at the end."""

import threading
from dataclasses import dataclass, field, replace

import pytest

from tests.unit.test_worker_loop import ScriptedChild
from wanserve.domain.account import Key
from wanserve.domain.catalogue import MODELS
from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.rules import VideoRequest
from wanserve.domain.task import State, Task
from wanserve.domain.worker import NEW, WorkerRow
from wanserve.fleet import Fleet, FleetMember
from wanserve.metrics import Metrics
from wanserve.store.memory import MemoryTasks
from wanserve.store.memory_times import MemoryTimes
from wanserve.tasks import Policy, Tasks
from wanserve.worker.attempt import Timeouts
from wanserve.worker.loop import Worker
from wanserve.worker.paces import Paces
from wanserve.worker.sweepers import LeaseSweeper, Sweepers

KEY = Key("ann", "ann", "00", 0)
MODEL = next(iter(MODELS))
PATIENCE_S = 60
"""How long a test waits for what happens in another thread; it happens at once unless the code is wrong."""


class Table(MemoryTasks):
    """A store whose workers' rows a test can wait for, and whose heartbeats it can let fail."""

    def __init__(self) -> None:
        super().__init__(lambda: 1000)
        self.saved: list[WorkerRow] = []
        self.changed = threading.Condition()
        self.errors: list[Exception] = []

    def save_worker(self, worker: WorkerRow) -> None:
        with self.changed:
            self.saved.append(worker)
            self.changed.notify_all()
            if self.errors:
                raise self.errors.pop(0)
        super().save_worker(worker)

    def until_saved(self, times: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.saved) >= times, PATIENCE_S)


@dataclass
class Scene:
    """A fleet of two workers on a store of its own."""

    store: Table = field(default_factory=Table)
    swept: threading.Event = field(default_factory=threading.Event)
    children: list[ScriptedChild] = field(default_factory=list)

    def __post_init__(self) -> None:
        ids = iter(range(1000))
        self.tasks = Tasks(self.store, lambda: MODELS, lambda: str(next(ids)), lambda: 7, Policy())
        self.fleet = Fleet(
            self.store,
            "here",
            [self._member("1", "gpu 0"), self._member("2", "gpu 1")],
            Sweepers(LeaseSweeper(self.tasks, Metrics()), [self.swept.set], check_s=PATIENCE_S),
            heartbeat_s=0.001,
        )

    def _member(self, worker_id: str, device: str) -> FleetMember:
        child = ScriptedChild([])
        self.children.append(child)
        worker = Worker(
            worker_id,
            self.tasks,
            child,
            [MODEL],
            Timeouts(60, 60),
            drain_s=60,
            load_s=60,
            storage_problem=lambda: None,
            metrics=Metrics(),
            paces=Paces(MemoryTimes(), device),
            one_model=True,
        )
        return FleetMember(worker, WorkerRow(worker_id, "here", "host", device, (), "wan", {MODEL: MODELS[MODEL]}))

    def submit(self) -> Task:
        return self.tasks.submit(KEY, VideoRequest(MODEL, "a cat")).result(0)

    def until_done(self, task: Task) -> None:
        seen = 0
        while self.tasks.find(task.id).state is not State.SUCCEEDED:
            seen = self.store.wait(seen, PATIENCE_S)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_workers_are_registered_before_they_claim_and_removed_at_the_end(scene: Scene) -> None:
    task = scene.submit()
    scene.fleet.start()
    assert [worker.id for worker in scene.store.saved[:2]] == ["1", "2"]
    assert [worker.health for worker in scene.store.saved[:2]] == [NEW, NEW]
    scene.until_done(task)
    assert scene.tasks.find(task.id).worker_id in {"1", "2"}
    scene.fleet.close()
    assert scene.store.workers(60) == []
    assert [child.state.problem for child in scene.children] == [None, None]


def test_heartbeats_tell_the_health_of_each_worker_as_it_is(scene: Scene) -> None:
    scene.fleet.start()
    scene.until_done(scene.submit())
    ready = [row.id for row in scene.fleet.rows() if row.health.loaded]
    assert ready, "one of them has made the video"
    before = len(scene.store.saved)
    scene.store.until_saved(before + 4)
    newest = {row.id: row for row in scene.store.saved[before:]}
    assert all(newest[worker_id].health.problem is None for worker_id in ready)
    scene.fleet.close()


@pytest.mark.parametrize("error", [StoreUnavailable("the disk is full"), ValueError("a bug")])
def test_a_heartbeat_that_fails_is_followed_by_another(
    scene: Scene, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    scene.fleet.start()
    with scene.store.changed:
        scene.store.errors.append(error)
        before = len(scene.store.saved)
    scene.store.until_saved(before + 4)
    scene.fleet.close()
    assert "heartbeat" in caplog.text


def test_a_table_that_cannot_be_written_at_the_end_is_told(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(installation: str) -> None:
        raise StoreUnavailable(f"no more of {installation}")

    scene.fleet.start()
    monkeypatch.setattr(scene.store, "remove_workers", fail)
    scene.fleet.close()
    assert "stay registered until their heartbeats are too old: no more of here" in caplog.text


def test_a_start_takes_back_what_its_former_self_ran_and_leaves_what_others_run(scene: Scene) -> None:
    tasks = [scene.submit(), scene.submit()]
    for worker_id, installation in (("old", "here"), ("other", "there")):
        scene.store.save_worker(WorkerRow(worker_id, installation, "host", "cpu", (), "animatic"))
        assert scene.tasks.claim(worker_id, [MODEL])
    scene.fleet.take_back()
    assert [scene.tasks.find(task.id).state for task in tasks] == [State.PENDING, State.RUNNING]
    assert [worker.id for worker in scene.store.workers(60)] == ["other"]
    assert scene.swept.is_set()
    scene.fleet.close()


def test_a_drained_fleet_claims_nothing_more(scene: Scene) -> None:
    scene.fleet.start()
    scene.until_done(scene.submit())
    scene.fleet.drain()
    scene.fleet.join_workers()
    late = scene.submit()
    scene.fleet.close()
    assert scene.tasks.find(late.id).state is State.PENDING


def test_an_abort_gives_a_running_task_back_at_once(scene: Scene) -> None:
    running, never = threading.Event(), threading.Event()

    def silent() -> None:
        running.set()
        never.wait(0.001)

    for child in scene.children:
        child.played = [silent] * 100_000  # silence, however often it is asked
    task = scene.submit()
    scene.fleet.start()
    assert running.wait(PATIENCE_S)
    scene.fleet.drain()
    scene.fleet.abort()
    scene.fleet.close()
    given_back = scene.tasks.find(task.id)
    assert (given_back.state, given_back.attempts_spent, given_back.losses) == (State.PENDING, 0, 0)


def test_the_registered_row_stays_as_it_was_while_the_health_changes(scene: Scene) -> None:
    member = scene.fleet.members[0]
    assert member.row() == member.registered
    member.worker.unloadable["large"] = "no weights"
    assert member.row() == replace(member.registered, health=member.worker.health())
    assert dict(member.row().health.unloadable) == {"large": "no weights"}
    scene.fleet.close()
