"""Runs one coroutine from synchronous code, so that it can be stopped at any await and ends at a deadline."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class DeadlineExceeded(Exception):
    """The coroutine did not end in time, and was stopped."""


def run_coroutine(work: Coroutine[Any, Any, T], tick: Callable[[], None], timeout_s: float, tick_s: float) -> T:
    """Run the coroutine in an event loop of its own and return its result.

    Calls `tick` at once and then about every `tick_s` seconds; where it raises, the coroutine is canceled and the error
    passes through. Raises DeadlineExceeded after `timeout_s` seconds, and what the coroutine raises. Must not be called
    inside an event loop.
    """
    # Not asyncio.run, which waits at its end for a DNS look-up that has not ended.
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_ticking(work, tick, timeout_s, tick_s))
    finally:
        loop.run_until_complete(_close_generators())
        loop.close()


async def _close_generators() -> None:
    """Close the async generators that an error has left open, and wait for those that are being closed already."""
    await asyncio.get_running_loop().shutdown_asyncgens()
    # A generator that is garbage is closed by a task, which begins in the next round of the loop.
    await asyncio.sleep(0)
    closing = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*closing, return_exceptions=True)


async def _ticking(work: Coroutine[Any, Any, T], tick: Callable[[], None], timeout_s: float, tick_s: float) -> T:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + timeout_s
    try:
        while not task.done():
            tick()
            left = ends_at - loop.time()
            if left <= 0:
                raise DeadlineExceeded
            await asyncio.wait({task}, timeout=min(left, tick_s))
        return task.result()
    finally:
        # Closes a connection without waiting for the other side.
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
