"""Adds the tasks of many submits in one transaction: a thread takes all that wait, so that they share the round trips."""

import logging
import queue
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from wanserve.domain.errors import InvalidRequest, QueueFull, StoreUnavailable, WanserveError
from wanserve.domain.idempotency import CountedSubmit, KeyedSubmit
from wanserve.domain.ports import Clock
from wanserve.domain.task import NewTask, Task
from wanserve.store.listing import PERIOD_MS
from wanserve.store.postgres import statements as sql
from wanserve.store.postgres.database import PostgresDatabase
from wanserve.store.postgres.listener import Connection
from wanserve.store.refusals import key_of_a_forgotten_task, key_of_another_request
from wanserve.store.rows import Row, new_row, read_task
from wanserve.store.submits import PendingSubmit

log = logging.getLogger(__name__)

MAX_GROUP: Final = 256
"""The most submits in one transaction."""


@dataclass(slots=True)
class Submitter:
    """Runs the submits of this process, all that wait in one transaction. Every future gets a result in the end."""

    database: PostgresDatabase
    clock: Clock | None
    _waiting: "queue.SimpleQueue[tuple[PendingSubmit, Future[Task]] | None]" = field(
        default_factory=queue.SimpleQueue, init=False
    )
    _thread: threading.Thread = field(init=False)
    _queueing: threading.Lock = field(default_factory=threading.Lock, init=False)
    _closed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name="store-submits", daemon=True)
        self._thread.start()

    def submit(self, pending: PendingSubmit) -> Future[Task]:
        """Queue a submit. Its future has the task once that is stored, or the error."""
        outcome: Future[Task] = Future()
        with self._queueing:
            if not self._closed:
                self._waiting.put((pending, outcome))
                return outcome
        outcome.set_exception(StoreUnavailable("the store is closed"))
        return outcome

    def close(self) -> None:
        """Finish the queued submits and end the thread. Later submits are refused."""
        with self._queueing:
            self._closed = True
            self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            group, closing = [first], False
            while len(group) < MAX_GROUP and not closing:
                try:
                    following = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    closing = True
                else:
                    group.append(following)
            self._serve(group)
            if closing:
                return

    def _serve(self, taken: list[tuple[PendingSubmit, Future[Task]]]) -> None:
        # A submit whose client went away while it was queued is dropped. The others cannot be canceled from here on.
        group = [(pending, future) for pending, future in taken if future.set_running_or_notify_cancel()]
        answers: Sequence[Task | Exception]
        try:
            submits = [pending for pending, _ in group]
            answers = self.database.transact(lambda connection: add_all(connection, submits, self.clock))
        except WanserveError as error:
            answers = [error] * len(group)
        except Exception as error:
            log.exception("an unexpected error in a group of %d submits", len(group))
            answers = [StoreUnavailable(f"the task table cannot be written: {type(error).__name__}")] * len(group)
        for (_, future), answer in zip(group, answers, strict=True):
            with suppress(InvalidStateError):
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)


def add_all(connection: Connection, submits: Sequence[PendingSubmit], clock: Clock | None) -> list[Task | Exception]:
    """Add the tasks that are new and fit into their queues. Returns for each submit its task, or the error."""
    batch = _Batch(connection, submits, clock)
    answers = [batch.take(submit) for submit in submits]
    batch.write()
    return answers


class _Batch:
    """The state of one transaction. It reads all that it needs in a few round trips, then decides, then writes."""

    def __init__(self, connection: Connection, submits: Sequence[PendingSubmit], clock: Clock | None) -> None:
        self.connection = connection
        row = connection.execute(sql.NOW, {"now_ms": None if clock is None else clock()}).fetchone()
        assert row is not None, "a function has a value"
        self.now_ms: int = row[0]
        accounts = {"accounts": sorted({submit.account for submit in submits})}
        # Sorted, here and below: two transactions that lock the same rows never wait for each other.
        new = {"accounts": sorted({each.account for each in submits if isinstance(each.new, NewTask)})}
        with connection.pipeline():
            connection.execute(sql.ADD_ACCOUNTS, new | {"now_ms": self.now_ms})
            locked = connection.execute(sql.LOCK_ACCOUNTS, accounts)
            waiting = connection.execute(sql.WAITING_COUNTS, accounts)
            keyed = connection.execute(sql.FIND_KEYED, _keys_of(submits))
        self.limits: dict[str, int | None] = dict(locked.fetchall())
        self.waiting = Counter({(account, model): tasks for account, model, tasks in waiting.fetchall()})
        self.known = {(account, key): kept for account, key, *kept in keyed.fetchall()}
        self.earlier = self._tasks([task_id for _, task_id, _ in self.known.values()])
        self.tasks: list[Task] = []
        self.keyed: dict[tuple[str, str], tuple[KeyedSubmit, Task]] = {}
        self.counted: list[tuple[CountedSubmit, Task]] = []

    def take(self, submit: PendingSubmit) -> Task | Exception:
        identity = submit.identity
        earlier: Task | InvalidRequest | None = None
        if isinstance(identity, KeyedSubmit):
            earlier = self._by_key(submit.account, identity)
        elif identity is not None and identity.follows is not None:
            earlier = self._by_count(submit.account, identity)
        if earlier is not None:
            return earlier
        if isinstance(submit.new, WanserveError):
            return submit.new
        task = submit.new.accepted(self.now_ms)
        lane = task.account, task.generation.model
        own = self.limits.get(task.account)
        if self.waiting[lane] >= (submit.max_queued if own is None else own):
            return QueueFull(f"the queue for {task.generation.model} is full: wait for a task to end")
        self.waiting[lane] += 1
        self.tasks.append(task)
        if isinstance(identity, KeyedSubmit):
            self.keyed[task.account, identity.key] = identity, task
        elif identity is not None:
            self.counted.append((identity, task))
        return task

    def write(self) -> None:
        keyed = [_keyed_row(*each) for each in self.keyed.values()]
        counted = [_counted_row(*each) for each in self.counted]
        writes = [*_task_writes(self.tasks), (sql.KEEP_KEYED, keyed), (sql.KEEP_COUNTED, counted)]
        with self.connection.pipeline(), self.connection.cursor() as cursor:
            for statement, rows in writes:
                if rows:
                    cursor.executemany(statement, rows)
            if self.tasks:
                cursor.execute(sql.NOTIFY)

    def _by_key(self, account: str, submit: KeyedSubmit) -> Task | InvalidRequest | None:
        """The task of an earlier submit with this key, or the error where the key was used for another request."""
        if (account, submit.key) in self.keyed:
            first, added = self.keyed[account, submit.key]
            return added if first.fingerprint == submit.fingerprint else key_of_another_request(submit)
        if (account, submit.key) not in self.known:
            return None
        fingerprint, task_id, created_ms = self.known[account, submit.key]
        if created_ms < self.now_ms - submit.ttl_ms:
            return None
        if fingerprint != submit.fingerprint:
            return key_of_another_request(submit)
        task = self.earlier.get(task_id)
        return key_of_a_forgotten_task(submit) if task is None or task.ended_before(submit.kept_since_ms) else task

    def _by_count(self, account: str, submit: CountedSubmit) -> Task | None:
        """The task of the try before this one. This try has it from now on."""
        for number, (earlier, task) in enumerate(self.counted):
            if task.account == account and earlier.followed_by(submit):
                self.counted[number] = submit, task
                return task
        values = {
            "retries": submit.retries,
            "account": account,
            "fingerprint": submit.fingerprint,
            "follows": submit.follows,
            "since_ms": self.now_ms - submit.window_ms,
        }
        row = self.connection.execute(sql.TAKE_COUNTED, values).fetchone()
        return None if row is None else self._tasks([row[0]]).get(row[0])

    def _tasks(self, ids: list[str]) -> dict[str, Task]:
        if not ids:
            return {}
        rows = self.connection.execute(sql.FIND_TASKS, {"ids": ids}).fetchall()
        return {task.id: task for task in map(read_task, rows)}


def _keys_of(submits: Sequence[PendingSubmit]) -> dict[str, list[str]]:
    keyed = [(submit.account, submit.identity.key) for submit in submits if isinstance(submit.identity, KeyedSubmit)]
    return {"accounts": [account for account, _ in keyed], "keys": [key for _, key in keyed]}


def _task_writes(tasks: Sequence[Task]) -> list[tuple[str, Sequence[Row]]]:
    """The rows of new tasks, and of what is counted of them, each with its statement."""
    periods = Counter((task.account, task.submitted_ms // PERIOD_MS, task.generation.model) for task in tasks)
    accounts = Counter(task.account for task in tasks)
    return [
        (sql.ADD_TASK, [new_row(task) for task in tasks]),
        (sql.COUNT_ACCOUNT, [(count, account) for account, count in sorted(accounts.items())]),
        (sql.COUNT_LANE, [(account, model, count) for (account, _, model), count in sorted(periods.items())]),
        (sql.COUNT_PERIOD, [(*period, count) for period, count in sorted(periods.items())]),
    ]


def _keyed_row(submit: KeyedSubmit, task: Task) -> Row:
    return task.account, submit.key, submit.fingerprint, task.id, task.submitted_ms


def _counted_row(submit: CountedSubmit, task: Task) -> Row:
    return task.id, task.account, submit.fingerprint, submit.retries, task.submitted_ms
