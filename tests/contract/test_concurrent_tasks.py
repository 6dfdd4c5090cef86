"""The contract of TaskStore under threads that submit, claim, renew, cancel and settle at once.

Nothing is asserted about who is faster. Whatever the order was, it must be one in which every limit held, no attempt was
handed out twice, and the ledger has a row for each success and for nothing else.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from tests.contract.stores import STORES, opened
from tests.samples import VIDEO, heartbeat, unaccepted
from wanserve.domain.attempt import Fault
from wanserve.domain.errors import QueueFull
from wanserve.domain.idempotency import KeyedSubmit
from wanserve.domain.ports import TaskStore
from wanserve.domain.search import Search
from wanserve.domain.task import UNFINISHED, Failed, Failure, Requeued, Settlement, State, Succeeded, Task
from wanserve.machine.clocks import now_ms

ACCOUNTS = ("ann", "ben", "cyd")
MODELS = ("small", "large")
SUBMITS = 40
"""Of each submitting thread."""

MAX_QUEUED = 12
MAX_RUNNING = 2
LEASE_SECONDS = 60.0
JOIN_SECONDS = 120.0


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TaskStore]:
    """Each store in turn, empty."""
    with opened(request.param, tmp_path, now_ms) as stores:
        yield stores.tasks


@dataclass
class History:
    """What the threads did and were told. The lists are appended to by all of them."""

    accepted: list[Task] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    claimed: list[Task] = field(default_factory=list)
    ended: list[tuple[str, int, str]] = field(default_factory=list)
    canceled: list[Task] = field(default_factory=list)
    too_many: list[str] = field(default_factory=list)
    submitting: threading.Event = field(default_factory=threading.Event)


def submit(store: TaskStore, history: History, seed: int) -> None:
    """Fill the queues beyond their limit, some submits twice under one key."""
    drawn = random.Random(seed)
    for number in range(SUBMITS):
        new = unaccepted(drawn.choice(ACCOUNTS), drawn.choice(MODELS))
        key = KeyedSubmit(f"{seed}-{number}", "same", 60_000) if number % 3 == 0 else None
        added = [store.add(new, MAX_QUEUED, key) for _ in range(2 if key else 1)]
        tasks = {one.result(60).id for one in added if not isinstance(one.exception(60), QueueFull)}
        assert len(tasks) <= 1, "one key, one task"
        if tasks:
            history.accepted.append(new.accepted(0))
        else:
            history.refused.append(new.id)


def work(store: TaskStore, history: History, seed: int) -> None:
    """Claim a few tasks and then end their attempts, until nothing is left that could be claimed."""
    drawn = random.Random(seed)
    while True:
        done = history.submitting.is_set()
        held = [task for _ in range(3) if (task := store.claim(f"worker-{seed}", MODELS, LEASE_SECONDS, MAX_RUNNING))]
        if not held and done and not store.search(None, Search(UNFINISHED, limit=1)):
            return
        for task in held:
            history.claimed.append(task)
            check_running(store, history, task)
        for task in held:
            store.renew(task, LEASE_SECONDS, heartbeat(drawn.random()))
            ends: list[Settlement] = [Succeeded(VIDEO), Failed(Failure("broken", "it broke")), Requeued(Fault.TASK)]
            settlement = drawn.choice(ends)
            if store.settle(task, settlement):
                history.ended.append((task.id, task.attempt, type(settlement).__name__))
            assert not store.settle(task, Succeeded(VIDEO)), "an attempt ends once"


def check_running(store: TaskStore, history: History, task: Task) -> None:
    """Note where an account runs more of a model than its limit. One SELECT is one moment of the table."""
    running = store.search(task.account, Search((State.RUNNING,), model=task.generation.model))
    if len(running) > MAX_RUNNING:
        history.too_many.append(f"{task.account} runs {len(running)} of {task.generation.model}")


def cancel(store: TaskStore, history: History, seed: int) -> None:
    """Cancel now one task and now another."""
    drawn = random.Random(seed)
    while not history.submitting.is_set():
        live = store.search(None, Search(UNFINISHED))
        if live and (canceled := store.cancel((one := drawn.choice(live)).account, one.id, UNFINISHED)):
            history.canceled.append(canceled)
            # Not all of them: the workers want some too.
            history.submitting.wait(0.01)


def run_all(*bodies: Callable[[], None]) -> None:
    """Run them in threads of their own. Raises what the first of them raised."""
    with ThreadPoolExecutor(len(bodies)) as threads:
        for running in [threads.submit(body) for body in bodies]:
            running.result(JOIN_SECONDS)


@pytest.mark.parametrize("seed", [1, 2])
def test_limits_fences_and_the_ledger_hold_under_threads(store: TaskStore, seed: int) -> None:
    history = History()

    def submit_all() -> None:
        try:
            run_all(*(partial(submit, store, history, seed * 100 + number) for number in range(3)))
        finally:
            history.submitting.set()

    workers = [partial(work, store, history, seed * 1000 + number) for number in range(3)]
    run_all(submit_all, *workers, partial(cancel, store, history, seed))
    assert history.too_many == []
    attempts = Counter((task.id, task.attempt) for task in history.claimed)
    assert set(attempts.values()) <= {1}, "no attempt was handed out twice"
    assert {task.id for task in history.claimed} <= {task.id for task in history.accepted}
    assert not {task.id for task in history.accepted} & set(history.refused)
    known = {task.id: task for task in store.search(None, Search())}
    assert set(known) == {task.id for task in history.accepted}
    assert all(task.state not in UNFINISHED for task in known.values())
    ends = Counter(task_id for task_id, _, end in history.ended if end != "Requeued")
    assert set(ends.values()) <= {1}
    assert not set(ends) & {task.id for task in history.canceled}
    succeeded = {task_id for task_id, _, end in history.ended if end == "Succeeded"}
    assert succeeded == {task.id for task in known.values() if task.state is State.SUCCEEDED}
    assert Counter(row.task_id for row in store.usage(None)) == Counter(succeeded)
    counted = {(row.model, row.state): row.count for row in store.state_counts()}
    assert counted == Counter((task.generation.model, task.state) for task in known.values())


def test_a_queue_takes_no_more_than_its_limit_from_many_threads(store: TaskStore) -> None:
    history = History()
    run_all(*(partial(submit, store, history, number) for number in range(4)))
    waiting = Counter((task.account, task.generation.model) for task in store.search(None, Search()))
    assert set(waiting) == {(account, model) for account in ACCOUNTS for model in MODELS}
    assert set(waiting.values()) == {MAX_QUEUED}
    assert len(history.accepted) == MAX_QUEUED * len(ACCOUNTS) * len(MODELS)
