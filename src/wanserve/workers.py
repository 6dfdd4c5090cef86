"""The use case of the workers: who runs what, where, since when."""

from dataclasses import dataclass
from typing import Final

from wanserve.domain.ports import TaskStore
from wanserve.domain.search import Search
from wanserve.domain.task import State, Task
from wanserve.domain.worker import KEPT_SECONDS, SEEN_SECONDS, WorkerRow

MANY: Final = 1_000_000
"""More tasks than run at a time: one for each worker."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker with the task that it runs, or None. `lost`: its heartbeat is overdue."""

    row: WorkerRow
    task: Task | None
    lost: bool

    @property
    def name(self) -> str:
        """Its state in a word, or its problem."""
        return "lost" if self.lost else self.row.health.problem or ("busy" if self.task else "idle")


def worker_states(store: TaskStore) -> list[WorkerState]:
    """Every worker of the last day, sorted by id. Raises StoreUnavailable."""
    running = {task.worker_id: task for task in store.search(None, Search(frozenset({State.RUNNING}), limit=MANY))}
    alive = {row.id for row in store.workers(SEEN_SECONDS)}
    return [WorkerState(row, running.get(row.id), row.id not in alive) for row in store.workers(KEPT_SECONDS)]
