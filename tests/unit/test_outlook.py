"""What is to come of a task: its stage, its place in line, and the seconds that are left."""

from dataclasses import dataclass, field, replace

import pytest

from tests.samples import VIDEO, heartbeat, new_generation, unaccepted
from wanserve.domain.catalogue import MODELS
from wanserve.domain.progress import Kind, Stage, kind_of
from wanserve.domain.task import State, Succeeded, Task
from wanserve.domain.worker import WorkerHealth, WorkerRow
from wanserve.outlook import CACHE_SECONDS, Outlook, Outlooks
from wanserve.store.memory import MemoryTasks
from wanserve.store.memory_times import MemoryTimes

MODEL = "wan2.2-t2v-plus"
READY = WorkerHealth(loaded=True, problem=None)


@dataclass
class Site:
    now: int = 1_000_000
    now_s: float = 0.0
    times: MemoryTimes = field(default_factory=MemoryTimes)
    store: MemoryTasks = field(init=False)
    outlooks: Outlooks = field(init=False)

    def __post_init__(self) -> None:
        self.store = MemoryTasks(lambda: self.now)
        self.outlooks = Outlooks(self.store, self.times, lambda: self.now_s)

    def worker(self, number: int = 1, health: WorkerHealth = READY) -> None:
        self.store.save_worker(
            WorkerRow(f"w{number}", "here", "host", "cpu", (), "wan", {MODEL: MODELS[MODEL]}, health)
        )

    def took(self, seconds: float, device: str = "host, gpu 0") -> None:
        self.times.note(kind_of(new_generation(MODEL), device), {Stage.DENOISE: seconds})

    def submit(self, account: str = "ann") -> Task:
        return self.store.add(unaccepted(account, MODEL), 100).result(0)

    def claim(self) -> Task:
        task = self.store.claim("w1", [MODEL], 60, None)
        assert task is not None
        return task

    def outlook(self, task: Task) -> Outlook:
        now = self.store.find(task.id)
        assert now is not None
        found = self.outlooks.of(now)
        assert found is not None
        return found


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_running_task_tells_what_its_worker_wrote(site: Site) -> None:
    site.submit()
    task = site.claim()
    assert site.outlook(task) == Outlook(Stage.TEXT)
    beat = replace(heartbeat(0.5, Stage.DENOISE, 3, 6), left_s=12.5)
    assert site.store.renew(task, 60, beat)
    site.now += 2500
    assert site.outlook(task) == Outlook(Stage.DENOISE, 3, 6, seconds_left=10.0)
    site.now += 60_000
    assert site.outlook(task).seconds_left == 0.0
    assert site.store.settle(task, Succeeded(VIDEO))
    ended = site.store.find(task.id)
    assert ended is not None
    assert (ended.state, site.outlooks.of(ended)) == (State.SUCCEEDED, None)


def test_where_nothing_like_it_was_made_nothing_is_guessed(site: Site) -> None:
    site.worker()
    task = site.submit()
    assert site.outlook(task) == Outlook(Stage.WAITING, place=1)
    site.times.note(Kind(MODEL, 832, 480, 81, "host"), {Stage.DENOISE: 5.0})
    site.now_s += CACHE_SECONDS
    assert site.outlook(task).seconds_left is None, "another size takes another time"


def test_a_task_waits_for_those_before_it(site: Site) -> None:
    site.worker()
    for seconds in (9.0, 10.0, 99.0):
        site.took(seconds, device=f"another for {seconds}")
    tasks = [site.submit() for _ in range(3)]
    assert [site.outlook(task).place for task in tasks] == [1, 2, 3]
    assert [site.outlook(task).seconds_left for task in tasks] == [10.0, 20.0, 30.0]
    running = site.claim()
    assert site.store.renew(running, 60, replace(heartbeat(), left_s=4.0))
    site.now_s += CACHE_SECONDS
    assert [site.outlook(task).seconds_left for task in tasks] == [4.0, 14.0, 24.0]
    site.worker(2)
    site.now_s += CACHE_SECONDS
    assert [site.outlook(task).seconds_left for task in tasks[1:]] == [10.0, 14.0]


def test_accounts_take_turns(site: Site) -> None:
    first, *others = [site.submit("ann") for _ in range(5)]
    last = site.submit("ben")
    assert site.outlook(last).place == 2
    assert site.outlook(first).place == 2, "at the latest"
    assert site.outlook(others[-1]).place == 6


def test_before_a_submit_the_outlook_is_the_one_after_it(site: Site) -> None:
    def submit(account: str) -> Outlook:
        made = new_generation(MODEL)
        before = site.outlooks.before(account, MODEL, made.width, made.height, made.frames)
        assert site.outlook(site.submit(account)) == before
        return before

    assert submit("ann") == Outlook(Stage.WAITING, place=1), "there is no worker, and nothing was made"
    site.worker(health=WorkerHealth(loaded=False, problem="the engine is not loaded yet"))
    site.took(10.0)
    site.now_s += CACHE_SECONDS
    assert submit("ben") == Outlook(Stage.WAITING, place=2, seconds_left=20.0)
    assert submit("ann") == Outlook(Stage.WAITING, place=3, seconds_left=30.0)
    running = site.claim()
    assert site.store.renew(running, 60, replace(heartbeat(), left_s=4.0))
    site.now_s += CACHE_SECONDS
    assert submit("cyd") == Outlook(Stage.WAITING, place=3, seconds_left=34.0)


def test_before_a_submit_it_is_told_that_its_model_loads(site: Site) -> None:
    site.worker(health=WorkerHealth(loaded=False, problem="the engine is not loaded yet"))
    site.took(10.0)
    size = (64, 64, 6)
    assert site.outlooks.before("ann", MODEL, *size) == Outlook(Stage.LOADING, place=1, seconds_left=10.0)
    assert site.outlooks.before("ann", MODEL, 832, 480, 81) == Outlook(Stage.LOADING, place=1), (
        "nothing like it was made"
    )
    site.submit("ben")
    assert site.outlooks.before("ann", MODEL, *size) == Outlook(Stage.WAITING, place=2, seconds_left=20.0)


def test_the_next_task_is_told_that_its_model_loads(site: Site) -> None:
    site.worker(health=WorkerHealth(loaded=False, problem="the engine is not loaded yet"))
    first, second = site.submit(), site.submit()
    assert [site.outlook(task).stage for task in (first, second)] == [Stage.LOADING, Stage.WAITING]
    site.worker()
    site.now_s += CACHE_SECONDS
    assert site.outlook(first).stage is Stage.WAITING


def test_without_a_worker_nobody_knows(site: Site) -> None:
    site.took(10.0)
    assert site.outlook(site.submit()) == Outlook(Stage.WAITING, place=1)


def test_what_is_chosen_that_changes_the_time_is_estimated_by_its_like_alone(site: Site) -> None:
    site.worker()
    site.took(40.0)
    site.times.note(Kind(MODEL, 64, 64, 6, "host", "8 steps"), {Stage.DENOISE: 5.0})
    assert site.outlooks.before("ann", MODEL, 64, 64, 6).seconds_left == 40.0
    assert site.outlooks.before("ann", MODEL, 64, 64, 6, "8 steps").seconds_left == 5.0
    assert site.outlooks.before("ann", MODEL, 64, 64, 6, "fast").seconds_left is None
    new = unaccepted("ann", MODEL)
    task = site.store.add(replace(new, generation=replace(new.generation, steps=8)), 100).result(0)
    assert site.outlook(task).seconds_left == 5.0
