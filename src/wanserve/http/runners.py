"""Where the calls of a request run: on the event loop, or in a thread. app.py chooses for each kind of call."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from wanserve.domain.account import Key
from wanserve.domain.task import Task
from wanserve.http.lookups import Lookup
from wanserve.outlook import Outlook

T = TypeVar("T")

CACHE_SECONDS: Final = 1.0


class Runner(Protocol):
    """Runs a blocking call and gives its result. Raises what the call raises."""

    async def __call__(self, call: Callable[[], T], /) -> T:
        """Run the call."""


@dataclass(frozen=True, slots=True)
class Runners:
    """`key` finds the key of a credential, and `task` the task of an account and an id. Both are in nearly every request.

    `outlook` estimates what is to come of a task, which is in every poll of one that has not ended.

    `read` runs other short reads, and the part of a submit before its write; `write` runs cancels and deletes, `list`
    reads pages and totals.
    """

    key: Lookup[str | None, Key]
    task: Lookup[tuple[str, str], Task]
    outlook: Lookup[Task, Outlook | None]
    read: Runner
    write: Runner
    list: Runner


async def on_event_loop(call: Callable[[], T], /) -> T:
    """The Runner of calls that take less than a thread switch."""
    return call()


@dataclass(frozen=True, slots=True)
class InThreads:
    """The Runner that uses an executor's threads; None: the event loop's own."""

    executor: Executor | None = None

    async def __call__(self, call: Callable[[], T], /) -> T:
        """Run the call in one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self.executor, call)


@dataclass(slots=True)
class Cached(Generic[T]):
    """A call whose result is used for a second, so that not every request waits for a thread. `now_s` is a monotonic clock."""

    runner: Runner
    call: Callable[[], T]
    now_s: Callable[[], float]
    _result: tuple[float, T] | None = field(default=None, init=False)

    async def __call__(self) -> T:
        """The result."""
        if self._result is None or self.now_s() - self._result[0] >= CACHE_SECONDS:
            self._result = self.now_s(), await self.runner(self.call)
        return self._result[1]
