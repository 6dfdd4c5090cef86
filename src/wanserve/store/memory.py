"""The task table in memory: the same contract as the SQL stores, for tests."""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import replace

from wanserve.domain.errors import InvalidRequest, QueueFull, WanserveError
from wanserve.domain.idempotency import CountedSubmit, KeyedSubmit, SubmitIdentity
from wanserve.domain.marks import MadeFile
from wanserve.domain.ports import Clock, StateCount, TaskVersion
from wanserve.domain.progress import Heartbeat
from wanserve.domain.search import Search
from wanserve.domain.task import UNFINISHED, NewTask, Settlement, State, Succeeded, Task, Usage
from wanserve.domain.worker import WorkerRow
from wanserve.store.memory_search import fits, has_text
from wanserve.store.refusals import key_of_a_forgotten_task, key_of_another_request
from wanserve.store.wakeup import Wakeup
from wanserve.store.watches import Watches


class MemoryTasks:
    """The TaskStore in a dict, which keeps the order of acceptance."""

    heartbeat_seconds = 0.5

    def __init__(self, clock: Clock, on_end: Callable[[Task], None] = lambda _: None) -> None:
        """`on_end` gets each task that ends, before anybody can see its end: the webhooks' outbox."""
        self._clock = clock
        self._on_end = on_end
        self._tasks: dict[str, Task] = {}
        self._ledger: list[Usage] = []
        self._files: list[tuple[str, MadeFile]] = []
        self._keyed: dict[tuple[str, str], tuple[Task, KeyedSubmit]] = {}
        self._counted: dict[str, tuple[Task, CountedSubmit]] = {}
        self._served: dict[str, int] = {}
        self._workers: dict[str, WorkerRow] = {}
        self._lock = threading.RLock()
        self._wakeup = Wakeup()
        self._watches = Watches()

    def now_ms(self) -> int:
        """See TaskStore."""
        return self._clock()

    def add(self, new: NewTask, max_queued: int, identity: SubmitIdentity | None = None) -> Future[Task]:
        """See TaskStore."""
        added: Future[Task] = Future()
        try:
            with self._lock:
                earlier = self._earlier(new.account, identity)
                added.set_result(earlier or self._added(new.accepted(self._clock()), max_queued, identity))
        except (QueueFull, InvalidRequest) as error:
            added.set_exception(error)
        self._wakeup.wake()
        return added

    def find_earlier(self, account: str, identity: SubmitIdentity, refusal: WanserveError) -> Future[Task]:
        """See TaskStore."""
        found: Future[Task] = Future()
        try:
            with self._lock:
                earlier = self._earlier(account, identity)
        except InvalidRequest as error:
            found.set_exception(error)
            return found
        if earlier is None:
            found.set_exception(refusal)
        else:
            found.set_result(earlier)
        return found

    def get(self, account: str, task_id: str) -> Task | None:
        """See TaskStore."""
        task = self._tasks.get(task_id)
        return task if task and task.account == account else None

    def get_many(self, asked: Sequence[tuple[str, str]]) -> list[Task | None]:
        """See TaskStore."""
        return [self.get(*each) for each in asked]

    def find(self, task_id: str) -> Task | None:
        """See TaskStore."""
        return self._tasks.get(task_id)

    def changes(self, ids: Collection[str], accounts: Collection[str], ended_since_ms: int) -> list[TaskVersion]:
        """See TaskStore."""
        return [
            TaskVersion(task.id, task.account, task.changes, task.state not in UNFINISHED)
            for task in list(self._tasks.values())
            if task.id in ids or (task.account in accounts and not task.ended_before(ended_since_ms))
        ]

    def search(self, account: str | None, search: Search) -> list[Task]:
        """See TaskStore."""
        return self._found(account, search)[search.skip : search.skip + search.limit]

    def count(self, account: str, search: Search) -> int:
        """See TaskStore."""
        return len(self._found(account, replace(search, after=None)))

    def waiting(self, models: Collection[str], max_running: int | None) -> list[str]:
        """See TaskStore."""
        with self._lock:
            return list(dict.fromkeys(task.generation.model for task in self._queue(models, max_running)))

    def places(self, task_ids: Collection[str]) -> dict[str, int]:
        """See TaskStore."""
        return {task_id: place for task_id in task_ids if (place := self._place(task_id)) is not None}

    def next_place(self, account: str, model: str) -> int:
        """See TaskStore."""
        with self._lock:
            lanes = self._lanes(model)
        return _place_in_line(lanes, account, len(lanes[account]) + 1)

    def _place(self, task_id: str) -> int | None:
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None or task.state is not State.PENDING:
                return None
            lanes = self._lanes(task.generation.model)
        return _place_in_line(lanes, task.account, lanes[task.account].index(task_id) + 1)

    def _lanes(self, model: str) -> defaultdict[str, list[str]]:
        """The ids of the tasks that wait for the model, by account."""
        lanes: defaultdict[str, list[str]] = defaultdict(list)
        for task in self._tasks.values():
            if task.state is State.PENDING and task.generation.model == model:
                lanes[task.account].append(task.id)
        return lanes

    def claim(
        self, worker_id: str, models: Collection[str], lease_seconds: float, max_running: int | None
    ) -> Task | None:
        """See TaskStore."""
        with self._lock:
            queue = self._queue(models, max_running)
            if not queue:
                return None
            now_ms = self._clock()
            claimed = queue[0].claimed(worker_id, now_ms, now_ms + round(lease_seconds * 1000))
            self._served[claimed.account] = max(self._served.values()) + 1
            self._tasks[claimed.id] = claimed
            return claimed

    def renew(self, task: Task, lease_seconds: float, heartbeat: Heartbeat) -> bool:
        """See TaskStore."""
        with self._lock:
            held = self._held(task)
            if held:
                now_ms = self._clock()
                self._tasks[task.id] = held.renewed(heartbeat, now_ms, now_ms + round(lease_seconds * 1000))
        return held is not None

    def settle(self, task: Task, settlement: Settlement, *, expired_only: bool = False) -> bool:
        """See TaskStore."""
        with self._lock:
            held, now_ms = self._held(task), self._clock()
            if held is None or held.lease_until_ms is None or (expired_only and held.lease_until_ms >= now_ms):
                return False
            moved = held.settled(settlement, now_ms)
            if moved.ended_ms is not None:
                self._on_end(moved)
            self._tasks[task.id] = moved
            if moved.state is State.SUCCEEDED:
                self._ledger.append(moved.usage())
            if isinstance(settlement, Succeeded):
                self._files += [(sha256, _made(moved.usage(), file)) for file, sha256 in settlement.hashes.items()]
        self._wakeup.wake()
        return True

    def cancel(self, account: str, task_id: str, states: Collection[State]) -> Task | None:
        """See TaskStore."""
        with self._lock:
            held = self.get(account, task_id)
            if held is None or held.state not in states:
                return None
            canceled = held.canceled(self._clock())
            self._on_end(canceled)
            self._tasks[task_id] = canceled
        self._watches.tell(task_id)
        self._wakeup.wake()
        return canceled

    def note_freed(self, task: Task) -> bool:
        """See TaskStore."""
        with self._lock:
            held = self._tasks.get(task.id)
            if held is None or held.attempt != task.attempt or not held.device_busy:
                return False
            self._tasks[task.id] = held.freed()
        return True

    def remove(self, account: str, task_id: str) -> bool:
        """See TaskStore."""
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None or task.account != account:
                return False
            del self._tasks[task_id]
        self._watches.tell(task_id)
        return True

    def expired(self) -> list[Task]:
        """See TaskStore."""
        now_ms = self._clock()
        return [task for task in self._running() if task.lease_until_ms is not None and task.lease_until_ms < now_ms]

    def abandoned(self, installation: str) -> list[Task]:
        """See TaskStore."""
        own = {worker.id for worker in self._workers.values() if worker.installation == installation}
        return [task for task in self._running() if task.worker_id is None or task.worker_id in own]

    def made(self, sha256: str) -> list[MadeFile]:
        """See TaskStore."""
        found = [made for hash_, made in self._files if hash_ == sha256]
        return sorted(found, key=lambda made: (made.task_id, made.file))

    def usage(self, account: str | None) -> list[Usage]:
        """See TaskStore."""
        rows = [row for row in self._ledger if account in (None, row.account)]
        return sorted(rows, key=lambda row: (row.ended_ms, row.task_id))

    def forget(self, ended_before_ms: int, limit: int) -> list[Task]:
        """See TaskStore."""
        with self._lock:
            old = [task for task in self._tasks.values() if task.ended_before(ended_before_ms)]
            old = sorted(old, key=lambda task: task.ended_ms or 0)[:limit]
            for task in old:
                del self._tasks[task.id]
        return old

    def forget_keys(self, ttl_ms: int, limit: int) -> int:
        """See TaskStore."""
        with self._lock:
            before_ms = self._clock() - ttl_ms
            old = [name for name, (task, _) in self._keyed.items() if task.submitted_ms < before_ms][:limit]
            for name in old:
                del self._keyed[name]
        return len(old)

    def save_worker(self, worker: WorkerRow) -> None:
        """See TaskStore."""
        with self._lock:
            self._workers[worker.id] = replace(worker, seen_ms=self._clock())

    def remove_workers(self, installation: str) -> None:
        """See TaskStore."""
        with self._lock:
            busy = {task.worker_id for task in self._running()}
            self._workers = {
                worker.id: worker
                for worker in self._workers.values()
                if worker.installation != installation or worker.id in busy
            }

    def forget_workers(self, unseen_seconds: float) -> None:
        """See TaskStore."""
        before_ms = self._clock() - round(unseen_seconds * 1000)
        with self._lock:
            busy = {task.worker_id for task in self._running()}
            self._workers = {
                worker.id: worker
                for worker in self._workers.values()
                if worker.seen_ms >= before_ms or worker.id in busy
            }

    def workers(self, seen_within_seconds: float) -> list[WorkerRow]:
        """See TaskStore."""
        since_ms = self._clock() - round(seen_within_seconds * 1000)
        with self._lock:
            seen = [worker for worker in self._workers.values() if worker.seen_ms >= since_ms]
        return sorted(seen, key=lambda worker: worker.id)

    def wait(self, seen: int, timeout_s: float) -> int:
        """See TaskStore."""
        return self._wakeup.wait(seen, timeout_s)

    def wake(self) -> None:
        """See TaskStore."""
        self._wakeup.wake()

    def watch(self, task_id: str) -> AbstractContextManager[threading.Event]:
        """See TaskStore."""
        return self._watches.watch(task_id)

    def leads(self) -> bool:
        """See TaskStore. There is one process."""
        return True

    def state_counts(self) -> list[StateCount]:
        """See TaskStore."""
        groups: dict[tuple[str, State], list[int]] = {}
        with self._lock:
            for task in self._tasks.values():
                groups.setdefault((task.generation.model, task.state), []).append(task.submitted_ms)
        return [
            StateCount(model, state, len(times), min(times) if state is State.PENDING else None)
            for (model, state), times in sorted(groups.items())
        ]

    def check_writable(self) -> None:
        """See TaskStore. Memory is always writable."""

    def _earlier(self, account: str, identity: SubmitIdentity | None) -> Task | None:
        """The task, as it now is, of an earlier submit. Raises InvalidRequest."""
        if isinstance(identity, CountedSubmit):
            return self._by_count(account, identity)
        if identity is None or (account, identity.key) not in self._keyed:
            return None
        task, first = self._keyed[account, identity.key]
        if task.submitted_ms < self._clock() - identity.ttl_ms:
            return None
        if first.fingerprint != identity.fingerprint:
            raise key_of_another_request(identity)
        earlier = self._tasks.get(task.id)
        if earlier is None or earlier.ended_before(identity.kept_since_ms):
            raise key_of_a_forgotten_task(identity)
        return earlier

    def _by_count(self, account: str, submit: CountedSubmit) -> Task | None:
        if submit.follows is None:
            return None
        since_ms = self._clock() - submit.window_ms
        for task, earlier in self._counted.values():
            known = task.id in self._tasks and task.account == account and task.submitted_ms >= since_ms
            if known and earlier.followed_by(submit):
                self._counted[task.id] = task, submit
                return self._tasks[task.id]
        return None

    def _added(self, task: Task, max_queued: int, identity: SubmitIdentity | None) -> Task:
        model = task.generation.model
        if self._count(State.PENDING, task.account, model) >= max_queued:
            raise QueueFull(f"the queue for {model} is full: wait for a task to end")
        self._tasks[task.id] = task
        self._served.setdefault(task.account, 0)
        if isinstance(identity, KeyedSubmit):
            self._keyed[task.account, identity.key] = task, identity
        elif identity is not None:
            self._counted[task.id] = task, identity
        return task

    def _running(self) -> list[Task]:
        with self._lock:
            return [task for task in self._tasks.values() if task.state is State.RUNNING]

    def _found(self, account: str | None, search: Search) -> list[Task]:
        """The tasks on all pages of the search, in its order."""
        with self._lock:
            tasks = list(self._tasks.values())
        order = tasks if search.oldest_first else tasks[::-1]
        if search.after is not None:
            ids = [task.id for task in order]
            order = order[ids.index(search.after) + 1 :] if search.after in ids else []
        found = [task for task in order if account in (None, task.account) and fits(task, search)]
        return [task for task in found if has_text(task, search.text)]

    def _held(self, task: Task) -> Task | None:
        held = self._tasks.get(task.id)
        return held if held and held.attempt == task.attempt and held.state is State.RUNNING else None

    def _count(self, state: State, account: str, model: str | None = None) -> int:
        return sum(
            task.state is state and task.account == account and model in (None, task.generation.model)
            for task in self._tasks.values()
        )

    def _queue(self, models: Collection[str], max_running: int | None) -> list[Task]:
        """The tasks that may be claimed, the next one first."""
        allowed = [
            task
            for task in self._tasks.values()
            if task.state is State.PENDING and task.generation.model in models and self._may_run(task, max_running)
        ]
        # The sort is stable, and the dict is in order of acceptance.
        accounts = list(self._served)

        def turn(account: str) -> tuple[int, int, int]:
            return self._count(State.RUNNING, account), self._served[account], accounts.index(account)

        return sorted(allowed, key=lambda task: turn(task.account))

    def _may_run(self, task: Task, max_running: int | None) -> bool:
        running = self._count(State.RUNNING, task.account, task.generation.model)
        return max_running is None or running < max_running


def _place_in_line(lanes: Mapping[str, Sequence[str]], account: str, own: int) -> int:
    """The place in line of the task that has the place `own` among those of its account."""
    return own + sum(min(len(lane), own) for other, lane in lanes.items() if other != account)


def _made(usage: Usage, file: str) -> MadeFile:
    return MadeFile(usage.task_id, usage.account, file, usage.model, usage.engine, usage.ended_ms)
