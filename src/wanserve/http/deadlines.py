"""Cancels coroutines that take longer than a fixed time, with one timer for all of them."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Deadlines:
    """Gives each coroutine `seconds`. Not thread-safe: for the event loop's thread only.

    It does what `asyncio.timeout` does, which creates a timer for each call and so makes a poll a seventh slower.
    """

    seconds: float
    _due: dict[asyncio.Task[object], float] = field(default_factory=dict, init=False)
    """The deadline of each task, in the order of the deadlines."""

    _timer_loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    """The event loop on which the timer is set; it may be set for a task that is done by now."""

    _overdue: set[asyncio.Task[object]] = field(default_factory=set, init=False)

    async def within(self, work: Coroutine[object, None, T]) -> T:
        """Await the coroutine. Raises TimeoutError where it takes too long; it is canceled then."""
        task = asyncio.current_task()
        assert task is not None, "a coroutine is awaited by a task"
        loop, cancel_requests = task.get_loop(), task.cancelling()
        if self._timer_loop is not loop:
            self._timer_loop = loop
            loop.call_later(self.seconds, self._cancel_overdue, loop)
        self._due[task] = loop.time() + self.seconds
        try:
            return await work
        except asyncio.CancelledError as error:
            # If somebody else has canceled the task as well, that cancel must not be swallowed.
            if task in self._overdue and task.uncancel() <= cancel_requests:
                raise TimeoutError from error
            raise
        finally:
            self._due.pop(task, None)
            self._overdue.discard(task)

    def _cancel_overdue(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel the tasks whose deadline has passed, and set the timer to the next deadline."""
        now = loop.time()
        while self._due:
            task, due = next(iter(self._due.items()))
            if due > now:
                loop.call_at(due, self._cancel_overdue, loop)
                return
            del self._due[task]
            self._overdue.add(task)
            task.cancel()
        self._timer_loop = None
