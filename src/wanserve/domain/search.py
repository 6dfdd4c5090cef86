"""Knows how an account's tasks are looked through: which of them, in which order, and how many at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from wanserve.domain.task import State, Task


@dataclass(frozen=True, slots=True)
class Search:
    """Which tasks, newest first unless `oldest_first`. None stands for any.

    `since_ms` and `until_ms` bound the time of the submit, the latter exclusively; `ended_since_ms` leaves out what
    ended before. `after` is the id of the task behind which to begin; of the rest, `skip` are left out and at most
    `limit` are given.
    """

    states: Collection[State] = tuple(State)
    model: str | None = None
    task_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    ended_since_ms: int | None = None
    after: str | None = None
    oldest_first: bool = False
    skip: int = 0
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class Found:
    """One page of what a search finds; `total` is how many there are behind `search.after`, on all pages."""

    search: Search
    tasks: Sequence[Task]
    total: int

    @property
    def more(self) -> bool:
        """Whether there are pages after this one."""
        return self.search.skip + len(self.tasks) < self.total
