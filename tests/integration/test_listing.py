"""Pages and totals over many periods of ten minutes: the SQLite store finds what its twin in memory finds."""

import random
from pathlib import Path

from tests.samples import VIDEO, new_task, unaccepted
from wanserve.domain.search import Search
from wanserve.domain.task import Failed, Failure, Requeued, Settlement, State, Succeeded
from wanserve.machine.clocks import now_ms
from wanserve.store.memory import MemoryTasks
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.tasks import SqliteTasks

MINUTE_MS = 60_000
MODELS = ("small", "large")


def test_pages_and_totals_over_many_periods_are_exact(tmp_path: Path) -> None:
    drawn = random.Random(3)
    database = Database(tmp_path / "tasks.db")
    now = 0

    def clock() -> int:
        return now

    ours, twin = SqliteTasks(database, clock), MemoryTasks(clock)
    for number in range(150):
        now = number * 4 * MINUTE_MS
        new = unaccepted(drawn.choice(("ann", "ben")), drawn.choice(MODELS))
        assert ours.add(new, 1000).result(10) == twin.add(new, 1000).result(10)
    for _ in range(100):
        now = 0
        claimed = ours.claim("worker", MODELS, 1, None)
        assert claimed == twin.claim("worker", MODELS, 1, None)
        assert claimed is not None
        now = claimed.submitted_ms + drawn.randrange(60) * MINUTE_MS
        ends: list[Settlement] = [Succeeded(VIDEO), Failed(Failure("broken", "it broke")), Requeued()]
        settlement = drawn.choice(ends)
        assert ours.settle(claimed, settlement)
        assert twin.settle(claimed, settlement)

    def time() -> int | None:
        return drawn.choice((None, drawn.randrange(600 * MINUTE_MS)))

    for _ in range(300):
        search = Search(
            states=drawn.choice((tuple(State), drawn.sample(list(State), drawn.randint(0, 4)))),
            model=drawn.choice((None, *MODELS)),
            since_ms=time(),
            until_ms=time(),
            ended_since_ms=time(),
            oldest_first=drawn.random() < 0.5,
            skip=drawn.choice((0, drawn.randrange(80))),
            limit=drawn.randrange(40),
        )
        assert ours.search("ann", search) == twin.search("ann", search), search
        assert ours.count("ann", search) == twin.count("ann", search), search
    database.close()


SINCE = ("losses", "worker_id", "stage", "step", "steps", "ends_ms", "preview", "webhook_url", "scene", "chosen")
"""The columns that tasks have got since the counts, without the last, which counts changes."""


def test_the_migration_counts_what_was_there(tmp_path: Path) -> None:
    """A database of the schema before has the same lists and totals after the counts were added."""
    import sqlite3

    from wanserve.store.rows import TASK_COLUMNS, life_row, new_row
    from wanserve.store.sqlite.migrate import migrate, migrations

    path = tmp_path / "tasks.db"
    before = sqlite3.connect(path, isolation_level=None)
    migrate(before, {number: steps for number, steps in migrations().items() if number < 5})
    tasks = [new_task("ann", submitted_ms=number * 7 * MINUTE_MS) for number in range(30)]
    names = TASK_COLUMNS.split(", ")[:-1]
    added_since = [names.index(name) for name in SINCE]
    columns = ", ".join(name for at, name in enumerate(names) if at not in added_since)
    columns = columns.replace("lease_until_ms", "lease_ms")
    for task in tasks:
        marks = ", ".join("?" for _ in columns.split(","))
        before.execute(
            f"INSERT INTO tasks ({columns}) VALUES ({marks})",
            [value for at, value in enumerate((*new_row(task), *life_row(task))) if at not in added_since],
        )
    before.execute("INSERT INTO submits VALUES ('ann', 'mine', 'same', ?, 5)", (tasks[0].id,))
    before.close()
    database = Database(path)
    store = SqliteTasks(database, now_ms)
    assert store.count("ann", Search()) == 30
    assert [task.id for task in store.search("ann", Search())] == [task.id for task in reversed(tasks)]
    assert [(row.state, row.count) for row in store.state_counts()] == [(State.PENDING, 30)]
    assert database.read("SELECT * FROM idempotency_keys", ()) == [("ann", "mine", "same", tasks[0].id, 5)]
    database.close()
