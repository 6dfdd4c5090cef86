"""Ends what takes too long, where each thing has the same time: one timer for all of them."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Deadlines:
    """Gives each coroutine `seconds`. Lives on the event loop's thread only.

    As `asyncio.timeout`, which makes a timer for each and so costs a poll a seventh of its time.
    """

    seconds: float
    _due: dict[asyncio.Task[Any], float] = field(default_factory=dict, init=False)
    """When each task's time is over, the first one first."""

    _timing: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    """The loop on which a timer runs, perhaps for a task that is done by now."""

    _late: set[asyncio.Task[Any]] = field(default_factory=set, init=False)

    async def within(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine gives. Raises TimeoutError where it takes too long, and is then canceled."""
        task = asyncio.current_task()
        assert task is not None, "a coroutine is awaited by a task"
        loop, canceling = task.get_loop(), task.cancelling()
        if self._timing is not loop:
            self._timing = loop
            loop.call_later(self.seconds, self._look, loop)
        self._due[task] = loop.time() + self.seconds
        try:
            return await work
        except asyncio.CancelledError as error:
            # Another cancel may have come besides ours: then that one counts.
            if task in self._late and task.uncancel() <= canceling:
                raise TimeoutError from error
            raise
        finally:
            self._due.pop(task, None)
            self._late.discard(task)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel the tasks whose time is over, and look again when the next one's is."""
        now = loop.time()
        while self._due:
            task, due = next(iter(self._due.items()))
            if due > now:
                loop.call_at(due, self._look, loop)
                return
            del self._due[task]
            self._late.add(task)
            task.cancel()
        self._timing = None
