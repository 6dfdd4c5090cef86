"""How the tasks of an account are searched: which of them, in which order, and how many at once."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from wanserve.domain.task import State, Task


@dataclass(frozen=True, slots=True)
class Search:
    """Which tasks, newest first unless `oldest_first`. None stands for any.

    `since_ms` and `until_ms` bound the time of the submit, the latter exclusively; `ended_since_ms` leaves out what
    ended before. `text` is to be in the prompt, ASCII letters in either case; "" is in every prompt. `after` is the id
    of the task behind which to begin; of the rest, `skip` are left out and at most `limit` are given. `counted` asks for
    the number of tasks on all pages too.
    """

    states: Collection[State] = tuple(State)
    model: str | None = None
    task_id: str | None = None
    seed: int | None = None
    text: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    ended_since_ms: int | None = None
    after: str | None = None
    oldest_first: bool = False
    skip: int = 0
    limit: int = 1000
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a search: its tasks, and whether there are more after them.

    `total` is the number of tasks on all pages, or None unless the search asked for it.
    """

    search: Search
    tasks: Sequence[Task]
    more: bool
    total: int | None = None
