"""The in-memory twin of the SQL stores: the same contract with no file, for tests and for trying things out."""

import threading
from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import replace

from wanserve.domain.account import Account, Key, Limits
from wanserve.domain.errors import InvalidRequest, QueueFull, WanserveError
from wanserve.domain.ports import Census
from wanserve.domain.search import Search
from wanserve.domain.task import Counted, Once, State, Task, Usage
from wanserve.store.sqlite.submits import gone, used
from wanserve.store.wakeup import Wakeup


class MemoryKeys:
    """The KeyStore in a dict."""

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self._limits: dict[str, Limits] = {}

    def find_key(self, sha256: str) -> Key | None:
        """See KeyStore."""
        key = self._keys.get(sha256)
        return key and replace(key, limits=self._limits.get(key.account, key.limits))

    def add_key(self, key: Key) -> None:
        """See KeyStore."""
        if any(other.name == key.name for other in self._keys.values()):
            raise InvalidRequest("name", f"there is a key named {key.name} already")
        self._keys[key.sha256] = key

    def update_key(self, key: Key) -> None:
        """See KeyStore."""
        self._keys[key.sha256] = replace(self._keys[key.sha256], models=key.models, revoked_ms=key.revoked_ms)

    def all_keys(self) -> list[Key]:
        """See KeyStore."""
        return sorted(self._keys.values(), key=lambda key: (key.created_ms, key.name))

    def accounts(self) -> list[Account]:
        """See KeyStore."""
        oldest = {key.account: key.created_ms for key in reversed(self.all_keys())}
        found = [Account(name, created_ms, self._limits.get(name, Limits())) for name, created_ms in oldest.items()]
        return sorted(found, key=lambda account: (account.created_ms, account.name))

    def limit(self, account: str, limits: Limits) -> bool:
        """See KeyStore."""
        known = any(key.account == account for key in self._keys.values())
        if known:
            self._limits[account] = limits
        return known


class MemoryTasks:
    """The TaskStore in a dict, which keeps the order of acceptance."""

    def __init__(self) -> None:
        self._tasks: dict[str, Task] = {}
        self._ledger: list[Usage] = []
        self._keyed: dict[tuple[str, str], tuple[Task, Once]] = {}
        self._counted: dict[str, tuple[Task, Counted]] = {}
        self._served: dict[str, int] = {}
        self._lock = threading.RLock()
        self._wakeup = Wakeup()

    def add(self, task: Task, max_queued: int, once: Once | Counted | None = None) -> Future[Task]:
        """See TaskStore."""
        added: Future[Task] = Future()
        try:
            with self._lock:
                added.set_result(self._earlier(task.account, once) or self._added(task, max_queued, once))
        except (QueueFull, InvalidRequest) as error:
            added.set_exception(error)
        self._wakeup.wake()
        return added

    def repeat(self, account: str, once: Once | Counted, refusal: WanserveError) -> Future[Task]:
        """See TaskStore."""
        repeated: Future[Task] = Future()
        try:
            with self._lock:
                earlier = self._earlier(account, once)
        except InvalidRequest as error:
            repeated.set_exception(error)
            return repeated
        if earlier is None:
            repeated.set_exception(refusal)
        else:
            repeated.set_result(earlier)
        return repeated

    def get(self, account: str, task_id: str) -> Task | None:
        """See TaskStore."""
        task = self._tasks.get(task_id)
        return task if task and task.account == account else None

    def find(self, task_id: str) -> Task | None:
        """See TaskStore."""
        return self._tasks.get(task_id)

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

    def claim(self, models: Collection[str], now_ms: int, lease_ms: int, max_running: int | None) -> Task | None:
        """See TaskStore."""
        with self._lock:
            queue = self._queue(models, max_running)
            if not queue:
                return None
            claimed = queue[0].claimed(now_ms, lease_ms)
            self._served[claimed.account] = max(self._served.values()) + 1
            self._tasks[claimed.id] = claimed
            return claimed

    def renew(self, task: Task, lease_ms: int, progress: float) -> bool:
        """See TaskStore."""
        with self._lock:
            held = self._held(task)
            if held:
                self._tasks[task.id] = replace(held, lease_ms=lease_ms, progress=max(held.progress, progress))
        return held is not None

    def settle(self, task: Task, lease_before_ms: int | None = None) -> bool:
        """See TaskStore."""
        with self._lock:
            held = self._held(task)
            if held is None or held.lease_ms is None:
                return False
            if lease_before_ms is not None and held.lease_ms >= lease_before_ms:
                return False
            self._tasks[task.id] = replace(task, progress=max(held.progress, task.progress))
            if task.state is State.SUCCEEDED:
                self._ledger.append(task.usage())
        self._wakeup.wake()
        return True

    def cancel(self, task: Task, states: Collection[State]) -> bool:
        """See TaskStore."""
        with self._lock:
            held = self.get(task.account, task.id)
            if held is None or held.state not in states or task.ended_ms is None:
                return False
            self._tasks[task.id] = held.canceled(task.ended_ms)
        return True

    def remove(self, account: str, task_id: str) -> bool:
        """See TaskStore."""
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None or task.account != account:
                return False
            del self._tasks[task_id]
            return True

    def expired(self, now_ms: int) -> list[Task]:
        """See TaskStore."""
        with self._lock:
            return [
                task
                for task in self._tasks.values()
                if task.state is State.RUNNING and task.lease_ms is not None and task.lease_ms < now_ms
            ]

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

    def forget_keys(self, used_before_ms: int, limit: int) -> int:
        """See TaskStore."""
        with self._lock:
            old = [name for name, (task, _) in self._keyed.items() if task.submitted_ms < used_before_ms][:limit]
            for name in old:
                del self._keyed[name]
        return len(old)

    def wait(self, seen: int, timeout_s: float) -> int:
        """See TaskStore."""
        return self._wakeup.wait(seen, timeout_s)

    def wake(self) -> None:
        """See TaskStore."""
        self._wakeup.wake()

    def census(self) -> list[Census]:
        """See TaskStore."""
        groups: dict[tuple[str, State], list[int]] = {}
        with self._lock:
            for task in self._tasks.values():
                groups.setdefault((task.generation.model, task.state), []).append(task.submitted_ms)
        return [
            Census(model, state, len(times), min(times) if state is State.PENDING else None)
            for (model, state), times in sorted(groups.items())
        ]

    def check_writable(self) -> None:
        """See TaskStore. Memory always is."""

    def _earlier(self, account: str, once: Once | Counted | None) -> Task | None:
        """The task as it now is that an earlier submit brought. Raises InvalidRequest."""
        if isinstance(once, Counted):
            return self._by_count(account, once)
        if once is None or (account, once.key) not in self._keyed:
            return None
        brought, first = self._keyed[account, once.key]
        if brought.submitted_ms < once.since_ms:
            return None
        if first.fingerprint != once.fingerprint:
            raise used(once)
        earlier = self._tasks.get(brought.id)
        if earlier is None or earlier.ended_before(once.kept_since_ms):
            raise gone(once)
        return earlier

    def _by_count(self, account: str, once: Counted) -> Task | None:
        if once.follows is None:
            return None
        for task, earlier in self._counted.values():
            known = task.id in self._tasks and task.account == account and task.submitted_ms >= once.since_ms
            if known and earlier.followed_by(once):
                self._counted[task.id] = task, once
                return self._tasks[task.id]
        return None

    def _added(self, task: Task, max_queued: int, once: Once | Counted | None) -> Task:
        model = task.generation.model
        if self._count(State.PENDING, task.account, model) >= max_queued:
            raise QueueFull(f"the queue for {model} is full: wait for a task to end")
        self._tasks[task.id] = task
        self._served.setdefault(task.account, 0)
        if isinstance(once, Once):
            self._keyed[task.account, once.key] = task, once
        elif once is not None:
            self._counted[task.id] = task, once
        return task

    def _found(self, account: str | None, search: Search) -> list[Task]:
        """What the search finds on all its pages, in its order."""
        with self._lock:
            tasks = list(self._tasks.values())
        order = tasks if search.oldest_first else tasks[::-1]
        if search.after is not None:
            ids = [task.id for task in order]
            order = order[ids.index(search.after) + 1 :] if search.after in ids else []
        return [task for task in order if account in (None, task.account) and _fits(task, search)]

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
        # A sort keeps the order of equals, and the dict is in order of acceptance.
        accounts = list(self._served)

        def turn(account: str) -> tuple[int, int, int]:
            return self._count(State.RUNNING, account), self._served[account], accounts.index(account)

        return sorted(allowed, key=lambda task: turn(task.account))

    def _may_run(self, task: Task, max_running: int | None) -> bool:
        running = self._count(State.RUNNING, task.account, task.generation.model)
        return max_running is None or running < max_running


def _fits(task: Task, search: Search) -> bool:
    return (
        task.state in search.states
        and search.model in (None, task.generation.model)
        and search.task_id in (None, task.id)
        and (search.since_ms is None or task.submitted_ms >= search.since_ms)
        and (search.until_ms is None or task.submitted_ms < search.until_ms)
        and (search.ended_since_ms is None or task.ended_ms is None or task.ended_ms >= search.ended_since_ms)
    )
