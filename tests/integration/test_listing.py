"""Pages and totals over many periods of ten minutes: the SQLite store finds what its twin in memory finds."""

import random
from pathlib import Path

from tests.samples import VIDEO, new_task
from wanserve.domain.search import Search
from wanserve.domain.task import Failure, State
from wanserve.store.memory import MemoryTasks
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.tasks import SqliteTasks

MINUTE_MS = 60_000
MODELS = ("small", "large")


def test_pages_and_totals_over_many_periods_are_exact(tmp_path: Path) -> None:
    drawn = random.Random(3)
    database = Database(tmp_path / "tasks.db")
    ours, twin = SqliteTasks(database), MemoryTasks()
    # Added all at once, so that they share commits.
    added = [
        store.add(task, 1000)
        for task in (
            new_task(drawn.choice(("ann", "ben")), drawn.choice(MODELS), number * 4 * MINUTE_MS)
            for number in range(150)
        )
        for store in (ours, twin)
    ]
    for one in added:
        one.result(10)
    for _ in range(100):
        claimed = ours.claim(MODELS, 0, 1, None)
        assert claimed == twin.claim(MODELS, 0, 1, None)
        assert claimed is not None
        end_ms = claimed.submitted_ms + drawn.randrange(60) * MINUTE_MS
        moved = drawn.choice(
            [
                claimed.succeeded(end_ms, VIDEO),
                claimed.failed(end_ms, Failure("broken", "it broke")),
                claimed.requeued(),
            ]
        )
        assert ours.settle(moved) == twin.settle(moved) is True

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


def test_the_migration_counts_what_was_there(tmp_path: Path) -> None:
    """A database of the schema before has the same lists and totals after the counts were added."""
    import sqlite3

    from wanserve.store.rows import TASK_COLUMNS, life_row, new_row
    from wanserve.store.sqlite.migrate import migrate, migrations

    path = tmp_path / "tasks.db"
    before = sqlite3.connect(path, isolation_level=None)
    migrate(before, {number: steps for number, steps in migrations().items() if number < 5})
    tasks = [new_task("ann", submitted_ms=number * 7 * MINUTE_MS) for number in range(30)]
    columns = TASK_COLUMNS.replace("losses, ", "")
    for task in tasks:
        life = [value for position, value in enumerate(life_row(task)) if position != 3]
        marks = ", ".join("?" for _ in columns.split(","))
        before.execute(f"INSERT INTO tasks ({columns}) VALUES ({marks})", (*new_row(task), *life))
    before.execute("INSERT INTO submits VALUES ('ann', 'mine', 'same', ?, 5)", (tasks[0].id,))
    before.close()
    database = Database(path)
    store = SqliteTasks(database)
    assert store.count("ann", Search()) == 30
    assert [task.id for task in store.search("ann", Search())] == [task.id for task in reversed(tasks)]
    assert [(row.state, row.count) for row in store.census()] == [(State.PENDING, 30)]
    assert database.read("SELECT * FROM idempotency_keys", ()) == [("ann", "mine", "same", tasks[0].id, 5)]
    database.close()
