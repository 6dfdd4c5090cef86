"""Where the calls of a request run: each runner gives the result or the error of its call, in its own place."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from wanserve.domain.errors import StoreUnavailable
from wanserve.http.runners import InThreads, Runner, on_event_loop

RUNNERS = [on_event_loop, InThreads(), InThreads(ThreadPoolExecutor(1, "pool"))]


def fails() -> None:
    raise StoreUnavailable("gone")


@pytest.mark.parametrize("runner", RUNNERS)
def test_the_result_or_the_error_is_that_of_the_call(runner: Runner) -> None:
    async def run() -> None:
        assert await runner(lambda: 7) == 7
        with pytest.raises(StoreUnavailable):
            await runner(fails)

    asyncio.run(run())


def test_each_runs_where_it_says() -> None:
    async def run() -> None:
        here = threading.current_thread()
        assert await on_event_loop(threading.current_thread) is here
        assert await InThreads()(threading.current_thread) is not here
        named = await InThreads(ThreadPoolExecutor(1, "pool"))(threading.current_thread)
        assert named.name.startswith("pool")

    asyncio.run(run())


def test_while_a_thread_works_the_event_loop_goes_on() -> None:
    go = threading.Event()

    async def run() -> None:
        waiting = asyncio.ensure_future(InThreads()(lambda: go.wait(60)))
        await asyncio.sleep(0)
        go.set()
        assert await waiting

    asyncio.run(run())
