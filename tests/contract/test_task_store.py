"""The contract of TaskStore: one state machine, run on the SQLite store and on its in-memory twin alike."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from tests.contract.stores import STORES, opened, postgres_stores
from tests.samples import VIDEO, unaccepted
from wanserve.domain.attempt import Fault
from wanserve.domain.catalogue import MODELS as CATALOGUE
from wanserve.domain.errors import InvalidRequest, QueueFull, TaskNotFound
from wanserve.domain.generation import NOTHING_CHOSEN, Chosen, LoraUse
from wanserve.domain.idempotency import CountedSubmit, KeyedSubmit, SubmitIdentity
from wanserve.domain.marks import MadeFile
from wanserve.domain.ports import TaskStore, TaskVersion
from wanserve.domain.progress import Heartbeat, Progress, Stage
from wanserve.domain.search import Search
from wanserve.domain.task import UNFINISHED, Failed, Failure, NewTask, Requeued, Settlement, State, Succeeded, Task
from wanserve.domain.worker import NEW, WorkerHealth, WorkerRow
from wanserve.machine.clocks import now_ms
from wanserve.store.memory import MemoryTasks
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.tasks import SqliteTasks

ACCOUNTS = ("ann", "ben", "cyd")
MODELS = ("small", "large")
MAX_QUEUED = 4
MAX_RUNNING = 2
TICK_MS = 100_000
"""So long that a run reaches over some of the periods of ten minutes by which lists and totals are found."""

LEASE_MS = 10 * TICK_MS
TTL_MS = 30 * TICK_MS
WORKERS = ("first", "second")
INSTALLATIONS = ("here", "there")
CARD = next(iter(CATALOGUE.values()))
REFUSAL = TaskNotFound("nobody's")
FAILURE = Failure("engine_failed", "it would not")


TIMES = st.none() | st.integers(0, 50 * TICK_MS)
searches = st.builds(
    Search,
    states=st.sets(st.sampled_from(State)),
    model=st.none() | st.sampled_from(MODELS),
    text=st.sampled_from((None, None, "", "KITTEN", "dog")),
    since_ms=TIMES,
    until_ms=TIMES,
    ended_since_ms=TIMES,
    oldest_first=st.booleans(),
    skip=st.integers(0, 3),
    limit=st.integers(0, 5),
)


class TaskStoreContract(RuleBasedStateMachine):
    """Submits, claims, heartbeats, ends and cancels at random; after each step the table must be explicable.

    `attempts` holds claimed tasks as their worker knows them, however stale they have become.
    """

    store: TaskStore
    attempts = Bundle("attempts")

    @initialize()
    def open_store(self) -> None:
        self.now = 1000
        self.told: dict[str, Task] = {}
        self.order: list[str] = []
        self.served: dict[str, int] = {}
        self.came: list[str] = []
        self.named: dict[tuple[str, str], tuple[str, str, int]] = {}
        self.workers: dict[str, WorkerRow] = {}
        self.counted: dict[str, tuple[str, str, int, int]] = {}
        """By task: its account, what was asked, the try that it was last handed out by, and when it was submitted."""

    @rule(account=st.sampled_from(ACCOUNTS), model=st.sampled_from(MODELS))
    def submit(self, account: str, model: str) -> None:
        self.tick()
        new = unaccepted(account, model)
        waiting = [other for other in self.of(State.PENDING, account) if other.generation.model == model]
        place = self.store.next_place(account, model)
        added = self.store.add(new, MAX_QUEUED)
        if len(waiting) >= MAX_QUEUED:
            assert isinstance(failure(added), QueueFull)
        else:
            assert added.result(10) == new.accepted(self.now)
            self.accepted(new.accepted(self.now))
            assert self.store.places([new.id]) == {new.id: place}

    @rule(
        account=st.sampled_from(ACCOUNTS),
        model=st.sampled_from(MODELS),
        name=st.sampled_from(("one", "two")),
        asked=st.sampled_from(("cat", "dog")),
        admitted=st.booleans(),
        kept_ms=st.integers(0, 20 * TICK_MS),
    )
    def submit_with_key(self, account: str, model: str, name: str, asked: str, admitted: bool, kept_ms: int) -> None:
        self.tick()
        new = unaccepted(account, model)
        keyed = KeyedSubmit(name, asked, TTL_MS, self.now - kept_ms)
        task_id, first_asked, at = self.named.get((account, name), ("", "", -2 * TTL_MS))
        added = self.add_or_find(new, keyed, admitted)
        if at >= self.now - TTL_MS:
            known = self.told.get(task_id)
            if first_asked == asked and known is not None and not known.ended_before(keyed.kept_since_ms):
                assert added.result(10) == known
            else:
                assert isinstance(failure(added), InvalidRequest)
        elif self.is_new(added, new, admitted):
            self.named[account, name] = new.id, asked, self.now

    @rule(
        account=st.sampled_from(ACCOUNTS[:2]),
        asked=st.sampled_from(("cat", "dog")),
        retries=st.integers(0, 2),
        follows=st.none() | st.integers(0, 2),
        admitted=st.booleans(),
    )
    def submit_counted(self, account: str, asked: str, retries: int, follows: int | None, admitted: bool) -> None:
        self.tick()
        new = unaccepted(account, "small")
        fitting = [
            earlier
            for earlier, (whose, what, number, at) in self.counted.items()
            if (whose, what, number) == (account, asked, follows) and at >= self.now - TTL_MS and earlier in self.told
        ]
        added = self.add_or_find(new, CountedSubmit(asked, retries, TTL_MS, follows), admitted)
        if fitting:
            assert added.result(10) == self.told[fitting[0]]
            self.counted[fitting[0]] = account, asked, retries, self.counted[fitting[0]][3]
        elif self.is_new(added, new, admitted):
            self.counted[new.id] = account, asked, retries, self.now

    def add_or_find(self, new: NewTask, identity: SubmitIdentity, admitted: bool) -> Future[Task]:
        if admitted:
            return self.store.add(new, MAX_QUEUED, identity)
        return self.store.find_earlier(new.account, identity, REFUSAL)

    def is_new(self, added: Future[Task], new: NewTask, admitted: bool) -> bool:
        """Whether the submit, which repeats none, was accepted; it must be unless it was refused or its queue is full."""
        waiting = [
            other for other in self.of(State.PENDING, new.account) if other.generation.model == new.generation.model
        ]
        if not admitted:
            assert failure(added) is REFUSAL
        elif len(waiting) >= MAX_QUEUED:
            assert isinstance(failure(added), QueueFull)
        else:
            assert added.result(10) == new.accepted(self.now)
            self.accepted(new.accepted(self.now))
            return True
        return False

    @rule(target=attempts, worker_id=st.sampled_from(WORKERS), models=st.sets(st.sampled_from(MODELS), min_size=1))
    def claim(self, worker_id: str, models: set[str]) -> Task | MultipleResults[Task]:
        now = self.tick()
        assert self.store.waiting(models, MAX_RUNNING) == self.models_in_order(models)
        assert self.store.places([*self.told, "no-such-task"]) == self.places()
        versions = {
            TaskVersion(task.id, task.account, task.changes, task.state not in UNFINISHED)
            for task in self.told.values()
        }
        assert set(self.store.changes(self.told, [], now)) == versions
        assert set(self.store.changes([], ACCOUNTS, 0)) == versions
        claimed = self.store.claim(worker_id, models, LEASE_MS / 1000, MAX_RUNNING)
        expected = self.next_of(models)
        if claimed is None:
            assert expected is None
            return multiple()
        assert expected is not None
        assert claimed == expected.claimed(worker_id, now, now + LEASE_MS)
        self.told[claimed.id] = claimed
        self.served[claimed.account] = self.now
        return claimed

    def places(self) -> dict[str, int]:
        """The place in line of every task that waits."""
        places: dict[str, int] = {}
        for model in MODELS:
            lanes: dict[str, list[Task]] = {}
            for task in self.of(State.PENDING):
                if task.generation.model == model:
                    lanes.setdefault(task.account, []).append(task)
            for account, lane in lanes.items():
                others = [len(other) for name, other in lanes.items() if name != account]
                for own, task in enumerate(lane, 1):
                    places[task.id] = own + sum(min(own, length) for length in others)
        return places

    @rule(
        attempt=attempts,
        progress=st.builds(Progress, st.floats(0, 1), st.sampled_from(Stage), st.integers(0, 50), st.just(50)),
        left_s=st.none() | st.floats(0, 100_000),
    )
    def renew(self, attempt: Task, progress: Progress, left_s: float | None) -> None:
        now, heartbeat = self.tick(), Heartbeat(progress, left_s)
        held = self.held(attempt)
        assert self.store.renew(attempt, LEASE_MS / 1000, heartbeat) == (held is not None)
        if held:
            self.told[held.id] = held.renewed(heartbeat, now, now + LEASE_MS)

    @rule(attempt=attempts)
    def succeed(self, attempt: Task) -> None:
        self.settle(attempt, Succeeded(VIDEO))

    @rule(attempt=attempts, fault=st.sampled_from(Fault))
    def fail(self, attempt: Task, fault: Fault) -> None:
        self.settle(attempt, Failed(FAILURE, fault))

    @rule(attempt=consumes(attempts), fault=st.none() | st.sampled_from(Fault))
    def requeue(self, attempt: Task, fault: Fault | None) -> None:
        self.settle(attempt, Requeued(fault))

    @rule(ticks=st.integers(0, 20))
    def take_back(self, ticks: int) -> None:
        self.now += ticks * TICK_MS
        running = self.of(State.RUNNING)
        lost = [task for task in running if task.lease_until_ms is not None and task.lease_until_ms < self.now]
        assert {task.id for task in self.store.expired()} == {task.id for task in lost}
        for task in running:
            expired = task in lost
            assert self.store.settle(task, Requeued(Fault.WORKER), expired_only=True) == expired
            assert not self.store.settle(task, Requeued(Fault.WORKER), expired_only=True)
            if expired:
                self.told[task.id] = task.settled(Requeued(Fault.WORKER), self.now)

    @rule(
        worker_id=st.sampled_from(WORKERS),
        installation=st.sampled_from(INSTALLATIONS),
        health=st.sampled_from([NEW, WorkerHealth(True, None), WorkerHealth(True, "no room", {CARD.name: "damaged"})]),
    )
    def register(self, worker_id: str, installation: str, health: WorkerHealth) -> None:
        worker = WorkerRow(worker_id, installation, "host", "gpu 0,1", ("0", "1"), "wan", {CARD.name: CARD}, health)
        self.store.save_worker(worker)
        self.workers[worker_id] = replace(worker, seen_ms=self.now)

    @rule(installation=st.sampled_from(INSTALLATIONS))
    def remove_workers(self, installation: str) -> None:
        self.store.remove_workers(installation)
        busy = {task.worker_id for task in self.of(State.RUNNING)}
        for worker in list(self.workers.values()):
            if worker.installation == installation and worker.id not in busy:
                del self.workers[worker.id]

    @invariant()
    def workers_are_as_they_were_seen(self) -> None:
        recent = [worker for worker in self.workers.values() if worker.seen_ms >= self.now - 3 * TICK_MS]
        assert self.store.workers(3 * TICK_MS / 1000) == sorted(recent, key=lambda worker: worker.id)
        for installation in INSTALLATIONS:
            own = {worker.id for worker in self.workers.values() if worker.installation == installation}
            ran = {task.id for task in self.of(State.RUNNING) if task.worker_id in own}
            assert {task.id for task in self.store.abandoned(installation)} == ran

    @rule(
        number=st.integers(0),
        account=st.sampled_from(ACCOUNTS),
        states=st.sampled_from((UNFINISHED, {State.PENDING})),
    )
    def cancel(self, number: int, account: str, states: set[State]) -> None:
        if not self.order:
            return
        task = self.told[self.order[number % len(self.order)]]
        now = self.tick()
        canceled = self.store.cancel(account, task.id, states)
        if account != task.account or task.state not in states:
            assert canceled is None
            return
        assert canceled == task.canceled(now)
        self.told[task.id] = canceled

    @rule(number=st.integers(0), account=st.sampled_from(ACCOUNTS))
    def remove(self, number: int, account: str) -> None:
        if not self.order:
            return
        task = self.told[self.order[number % len(self.order)]]
        assert self.store.remove(account, task.id) == (account == task.account)
        if account == task.account:
            del self.told[task.id]
            self.order.remove(task.id)

    @rule(ago=st.integers(0, 5 * TICK_MS), limit=st.integers(1, 3))
    def forget(self, ago: int, limit: int) -> None:
        before = self.now - ago
        old = {task.id: task for task in self.told.values() if task.ended_before(before)}
        gone = {task.id: task for task in self.store.forget(before, limit)}
        assert gone.items() <= old.items()
        assert len(gone) == min(limit, len(old))
        ends = sorted(task.ended_ms or 0 for task in old.values())
        assert sorted(task.ended_ms or 0 for task in gone.values()) == ends[:limit]
        for task_id in gone:
            del self.told[task_id]
            self.order.remove(task_id)

    @rule(limit=st.integers(1, 2))
    def forget_keys(self, limit: int) -> None:
        old = [name for name, (_, _, at) in self.named.items() if at < self.now - TTL_MS]
        assert self.store.forget_keys(TTL_MS, limit) == min(limit, len(old))
        for name in sorted(old, key=lambda name: self.named[name][2])[:limit]:
            del self.named[name]

    @invariant()
    def every_task_is_as_it_was_told(self) -> None:
        for task in self.told.values():
            assert self.store.get(task.account, task.id) == task
            assert self.store.find(task.id) == task
            assert all(self.store.get(other, task.id) is None for other in ACCOUNTS if other != task.account)

    @invariant()
    def the_newest_come_first(self) -> None:
        newest = [self.told[task_id] for task_id in reversed(self.order)]
        assert self.store.search(None, Search(limit=3)) == newest[:3]
        anns = [task for task in newest if task.account == "ann" and task.state is State.PENDING]
        assert self.store.search("ann", Search([State.PENDING])) == anns

    @rule(search=searches, account=st.sampled_from((*ACCOUNTS, None)), behind=st.none() | st.integers(0))
    def search(self, search: Search, account: str | None, behind: int | None) -> None:
        if behind is not None and self.order:
            search = replace(search, after=self.order[behind % len(self.order)])
        ids = self.order if search.oldest_first else self.order[::-1]
        if search.after is not None:
            ids = ids[ids.index(search.after) + 1 :]
        fitting = [task for task in (self.told[task_id] for task_id in ids) if fits(task, account, search)]
        assert self.store.search(account, search) == fitting[search.skip : search.skip + search.limit]
        if account is not None:
            everywhere = [task for task in self.told.values() if fits(task, account, search)]
            assert self.store.count(account, search) == len(everywhere)

    @invariant()
    def the_counts_are_of_all(self) -> None:
        counts = {(row.model, row.state): row for row in self.store.state_counts()}
        assert sum(row.count for row in counts.values()) == len(self.told)
        for (model, state), row in counts.items():
            times = [task.submitted_ms for task in self.of(state) if task.generation.model == model]
            assert (row.count, row.oldest_ms) == (len(times), min(times) if state is State.PENDING else None)

    @invariant()
    def each_success_is_billed_once(self) -> None:
        billed = [row.task_id for row in self.store.usage(None)]
        assert len(billed) == len(set(billed))
        succeeded = {task.id for task in self.of(State.SUCCEEDED)}
        assert succeeded <= set(billed)
        for account in ACCOUNTS:
            assert [row for row in self.store.usage(None) if row.account == account] == self.store.usage(account)

    def accepted(self, task: Task) -> None:
        self.told[task.id] = task
        self.order.append(task.id)
        if task.account not in self.came:
            self.came.append(task.account)

    def settle(self, attempt: Task, settlement: Settlement) -> None:
        now, held = self.tick(), self.held(attempt)
        bills = len(self.store.usage(None))
        assert self.store.settle(attempt, settlement) == (held is not None)
        billed = held is not None and isinstance(settlement, Succeeded)
        assert len(self.store.usage(None)) - bills == billed
        if held:
            moved = attempt.settled(settlement, now)
            progress, changes = max(held.progress, moved.progress), held.changes + 1
            self.told[moved.id] = replace(moved, progress=progress, changes=changes)

    def held(self, attempt: Task) -> Task | None:
        """The task as the table has it, where this attempt still holds it."""
        task = self.told.get(attempt.id)
        return task if task and task.state is State.RUNNING and task.attempt == attempt.attempt else None

    def of(self, state: State, account: str | None = None) -> list[Task]:
        tasks = (self.told[task_id] for task_id in self.order)
        return [task for task in tasks if task.state is state and account in (None, task.account)]

    def next_of(self, models: set[str]) -> Task | None:
        """The fair choice: the account with the fewest running, then the longest unserved; no lane over its limit."""

        def lane(task: Task) -> int:
            running = self.of(State.RUNNING, task.account)
            return sum(other.generation.model == task.generation.model for other in running)

        free = [task for task in self.of(State.PENDING) if task.generation.model in models and lane(task) < MAX_RUNNING]
        return min(free, key=self.turn, default=None)

    def turn(self, task: Task) -> tuple[int, int, int, int]:
        """By this the tasks are served."""
        running = len(self.of(State.RUNNING, task.account))
        return running, self.served.get(task.account, 0), self.came.index(task.account), self.order.index(task.id)

    def models_in_order(self, models: set[str]) -> list[str]:
        """The models in the order in which claims without a limit on running tasks would come to them."""
        first = {model: self.next_of({model}) for model in models}
        there = {model: task for model, task in first.items() if task is not None}
        return sorted(there, key=lambda model: self.turn(there[model]))

    def tick(self) -> int:
        self.now += TICK_MS
        return self.now


def fits(task: Task, account: str | None, search: Search) -> bool:
    """Whether the search finds the task; the same said again in other words."""
    if account not in (None, task.account) or task.state not in search.states:
        return False
    if search.model is not None and task.generation.model != search.model:
        return False
    if search.text == "dog":  # Every prompt here is of a kitten.
        return False
    if search.since_ms is not None and search.since_ms > task.submitted_ms:
        return False
    if search.until_ms is not None and search.until_ms <= task.submitted_ms:
        return False
    ended_ms = float("inf") if task.ended_ms is None else task.ended_ms
    return ended_ms >= (search.ended_since_ms or 0)


def failure(added: Future[Task]) -> BaseException | None:
    return added.exception(timeout=10)


class MemoryContract(TaskStoreContract):
    @initialize()
    def open_store(self) -> None:
        super().open_store()
        self.store = MemoryTasks(lambda: self.now)


class SqliteContract(TaskStoreContract):
    @initialize()
    def open_store(self) -> None:
        super().open_store()
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(Path(self.folder.name) / "tasks.db")
        self.store = SqliteTasks(self.database, lambda: self.now)

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()


class PostgresContract(TaskStoreContract):
    @initialize()
    def open_store(self) -> None:
        super().open_store()
        self.opened = postgres_stores(lambda: self.now)
        self.store = self.opened.__enter__().tasks

    def teardown(self) -> None:
        if hasattr(self, "opened"):
            self.opened.__exit__(None, None, None)


PROFILE = settings(max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TestMemory = MemoryContract.TestCase
TestMemory.settings = PROFILE
TestSqlite = SqliteContract.TestCase
TestSqlite.settings = PROFILE
TestPostgres = pytest.mark.thorough(PostgresContract.TestCase)
TestPostgres.settings = PROFILE


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TaskStore]:
    """Each store in turn, empty."""
    with opened(request.param, tmp_path, now_ms) as stores:
        yield stores.tasks


def test_an_account_at_its_running_limit_waits_and_does_not_hold_up_others(store: TaskStore) -> None:
    anns = [unaccepted("ann", "small") for _ in range(3)]
    large, ben = unaccepted("ann", "large"), unaccepted("ben", "small")
    for task in (*anns, large, ben):
        assert failure(store.add(task, 10)) is None

    def claimed(max_running: int | None) -> str | None:
        task = store.claim("worker", MODELS, 10, max_running)
        return task.id if task else None

    assert [claimed(1), claimed(1), claimed(1)] == [anns[0].id, ben.id, large.id]
    assert claimed(1) is None
    assert claimed(2) == anns[1].id
    assert claimed(None) == anns[2].id


def test_the_place_before_a_submit_is_the_one_after_it(store: TaskStore) -> None:
    def submit(account: str, model: str = "small") -> int:
        new, place = unaccepted(account, model), store.next_place(account, model)
        assert failure(store.add(new, 10)) is None
        assert store.places([new.id]) == {new.id: place}
        return place

    assert [submit("ann") for _ in range(3)] == [1, 2, 3]
    assert [submit("ben") for _ in range(2)] == [2, 4]
    assert submit("cyd", "large") == 1, "those of another model are not before it"
    assert [submit("cyd") for _ in range(4)] == [3, 6, 8, 9], "of each other account at most as many as of its own"
    assert store.claim("worker", ["small"], 60, None) is not None
    assert store.next_place("dan", "small") == 4, "what runs waits no more"
    assert store.next_place("dan", "unknown") == 1
    assert store.next_place("dan", "\ud800") == 1


def test_a_wait_ends_at_a_wake_and_never_misses_one(store: TaskStore) -> None:
    seen = store.wait(0, 0)
    assert failure(store.add(unaccepted(), 10)) is None
    after_add = store.wait(seen, 60)
    assert after_add != seen
    store.wake()
    assert store.wait(after_add, 60) != after_add


def test_who_runs_a_task_is_told_of_its_cancel_and_its_deletion(store: TaskStore) -> None:
    ends: list[Callable[[str], object]] = [
        lambda task_id: store.cancel("ann", task_id, UNFINISHED),
        lambda task_id: store.remove("ann", task_id),
    ]
    for end in ends:
        new = unaccepted()
        assert failure(store.add(new, 10)) is None
        assert store.claim("worker", [new.generation.model], 60, None)
        with store.watch(new.id) as told, store.watch("another") as other:
            assert not told.is_set()
            end(new.id)
            assert told.wait(60)
            assert not other.is_set()


def test_of_a_canceled_attempt_it_is_known_when_its_worker_has_stopped(store: TaskStore) -> None:
    waits, runs = unaccepted(), unaccepted()
    for new in (waits, runs):
        assert failure(store.add(new, 10)) is None
    attempt = store.claim("worker", [waits.generation.model], 60, None)
    assert attempt is not None
    other = runs if attempt.id == waits.id else waits
    assert not store.note_freed(attempt), "it runs"
    for new in (waits, runs):
        assert store.cancel("ann", new.id, UNFINISHED)
    canceled = store.get("ann", attempt.id)
    assert canceled is not None
    assert canceled.device_busy
    assert not store.note_freed(replace(attempt, attempt=attempt.attempt + 1)), "another attempt"
    assert store.note_freed(attempt)
    assert not store.note_freed(attempt), "it is known already"
    freed, untouched = store.get("ann", attempt.id), store.get("ann", other.id)
    assert freed == canceled.freed()
    assert untouched is not None
    assert not untouched.device_busy
    assert store.remove("ann", attempt.id)
    assert not store.note_freed(attempt), "it is gone"


def test_a_worker_is_forgotten_after_its_last_heartbeat_unless_it_has_a_task(store: TaskStore) -> None:
    for name in ("idle", "busy"):
        store.save_worker(WorkerRow(name, "here", "host", "cpu", (), "animatic"))
    new = unaccepted()
    assert failure(store.add(new, 10)) is None
    assert store.claim("busy", [new.generation.model], 60, None)
    store.forget_workers(3600)
    assert [worker.id for worker in store.workers(3600)] == ["busy", "idle"]
    store.forget_workers(-3600)
    assert [worker.id for worker in store.workers(3600)] == ["busy"]


@pytest.mark.parametrize("text", ["a\0b", "a\ud800b"])
def test_an_end_is_written_whatever_text_others_gave_for_it(store: TaskStore, text: str) -> None:
    """An upstream's prompt, a library's message or the name of a file may be no text that a database holds."""
    ends = (
        Failed(Failure("broken", text)),
        Succeeded(replace(VIDEO, notes=(text,), profile=text, actual_prompt=text, scene=text)),
    )
    for end in ends:
        new = unaccepted()
        assert failure(store.add(new, 10)) is None
        claimed = store.claim("worker", [new.generation.model], 60, None)
        assert claimed is not None
        assert store.settle(claimed, end)
        ended = store.find(new.id)
        assert ended is not None
        told = ended.failure.message if ended.failure else ended.video and ended.video.actual_prompt
        assert told == "a\N{REPLACEMENT CHARACTER}b"


def succeed_one(store: TaskStore, account: str, hashes: Mapping[str, str]) -> Task:
    store.add(unaccepted(account), 10).result()
    task = store.claim("worker", ["wan2.2-t2v-plus"], 60, None)
    assert task is not None
    assert store.settle(task, Succeeded(VIDEO, hashes))
    return task


def test_the_files_of_a_video_are_found_by_their_hashes_for_as_long_as_its_ledger_row_lives(store: TaskStore) -> None:
    one, two, unknown = "1" * 64, "2" * 64, "3" * 64
    first = succeed_one(store, "ann", {"mp4": one, "webp": two})
    second = succeed_one(store, "ben", {"mp4": one})
    bare = succeed_one(store, "ann", {})
    ended = {row.task_id: row.ended_ms for row in store.usage(None)}
    assert set(ended) == {first.id, second.id, bare.id}

    def row(task: Task, file: str) -> MadeFile:
        return MadeFile(task.id, task.account, file, "wan2.2-t2v-plus", "animatic", ended[task.id])

    assert store.made(one) == sorted([row(first, "mp4"), row(second, "mp4")], key=lambda made: made.task_id)
    assert store.made(two) == [row(first, "webp")]
    assert store.made(unknown) == store.made("") == []
    assert store.remove("ann", first.id)
    assert store.made(two) == [row(first, "webp")], "the task is gone, and not what was billed"


def test_an_attempt_that_came_too_late_leaves_no_hash(store: TaskStore) -> None:
    task = succeed_one(store, "ann", {"mp4": "1" * 64})
    assert not store.settle(task, Succeeded(VIDEO, {"mp4": "2" * 64}))
    assert store.made("2" * 64) == []


def test_what_a_request_chose_is_kept_with_the_task_and_in_the_ledger(store: TaskStore) -> None:
    plain, new = unaccepted("ann", "small"), unaccepted("ann", "small")
    loras = (LoraUse("sketch", 0.8), LoraUse("ink", -1.0))
    choosing = replace(
        new, generation=replace(new.generation, profile="fast", steps=8, guidance_scale=2.5, loras=loras)
    )
    for each in (plain, choosing):
        assert store.add(each, 10, None).result(5).generation == each.generation
        found = store.get("ann", each.id)
        assert found is not None
        assert found.generation == each.generation
        claimed = store.claim("first", ["small"], 60, None)
        assert claimed is not None
        assert claimed.generation == each.generation
        assert store.settle(claimed, Succeeded(VIDEO))
    assert {task.id: task.generation for task in store.search("ann", Search())} == {
        each.id: each.generation for each in (plain, choosing)
    }
    assert {row.task_id: row.chosen for row in store.usage("ann")} == {
        plain.id: NOTHING_CHOSEN,
        choosing.id: Chosen("fast", 8, 2.5, loras),
    }


def test_an_id_that_no_text_can_be_is_unknown(store: TaskStore) -> None:
    """Half a surrogate pair can be signed and searched for, and written nowhere."""
    assert failure(store.add(unaccepted(), 10)) is None
    assert store.get("ann", "\ud800") is None
    assert store.find("\ud800") is None
    known = store.search("ann", Search())[0]
    # One bad id in a look-up of many spoils nobody's answer.
    asked = [("ann", known.id), ("ann", "\ud800"), ("ben", known.id), ("ann", "a\0b"), ("ann", known.id)]
    assert store.get_many(asked) == [known, None, None, None, known]
    assert store.get_many([]) == []
    search = Search(task_id="\ud800")
    assert (store.search("ann", search), store.count("ann", search)) == ([], 0)
