"""The use case of the server's owner: what runs where, who waits, what ended lately, and what was used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wanserve.domain.overview import EndedHour, Lane, OverviewStore, UsedDay
from wanserve.domain.progress import Stage
from wanserve.domain.search import Search
from wanserve.domain.task import State
from wanserve.domain.worker import SEEN_SECONDS, WorkerRow
from wanserve.tasks import Tasks

HOURS: Final = 24
DAYS: Final = 30
"""How far back the counts of ended tasks and of use go."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many bytes the disk has, and how many of them are free."""

    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Running:
    """What a worker runs now, without anything of the prompt."""

    account: str
    model: str
    stage: Stage | None
    step: int
    steps: int
    progress: float


@dataclass(frozen=True, slots=True)
class Site:
    """Everything at one time. `room` is None where the files are on another machine. `running` is by the worker's id."""

    now_ms: int
    workers: Sequence[WorkerRow]
    running: Mapping[str, Running]
    lanes: Sequence[Lane]
    ended: Sequence[EndedHour]
    used: Sequence[UsedDay]
    room: Room | None


@dataclass(frozen=True, slots=True)
class Overview:
    """Looks at all accounts. Only for the server's owner: whoever calls it has checked that."""

    tasks: Tasks
    store: OverviewStore
    room: Callable[[], Room | None]

    def now(self) -> Site:
        """The site as it is. Raises StoreUnavailable."""
        running = self.tasks.store.search(None, Search((State.RUNNING,)))
        return Site(
            self.tasks.store.now_ms(),
            self.tasks.store.workers(SEEN_SECONDS),
            {
                task.worker_id: Running(
                    task.account, task.generation.model, task.stage, task.step, task.steps, task.progress
                )
                for task in running
                if task.worker_id is not None
            },
            self.store.lanes(),
            self.store.ended_by_hour(HOURS),
            self.store.usage_by_day(DAYS),
            self.room(),
        )
