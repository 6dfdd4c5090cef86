"""Where the calls of a request run: on the event loop, or in a thread. app.py chooses for each kind of call."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol, TypeVar

T = TypeVar("T")


class Runner(Protocol):
    """Runs a blocking call and gives its result. Raises what the call raises."""

    async def __call__(self, call: Callable[[], T], /) -> T:
        """Run the call."""


@dataclass(frozen=True, slots=True)
class Runners:
    """`read` runs look-ups of one key or task, `write` cancels and deletes, `list` reads pages and totals."""

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
