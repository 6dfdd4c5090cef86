"""A coroutine that is run from synchronous code: its result, its errors, its deadline, and how it is stopped."""

import asyncio

import pytest

from wanserve.machine.coroutines import DeadlineExceeded, run_coroutine


async def ends(value: int) -> int:
    await asyncio.sleep(0)
    return value


async def fails() -> None:
    raise ZeroDivisionError


class Endless:
    """Waits until it is stopped, and notes that it was."""

    stopped = False

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped = True


def test_the_result_is_the_coroutines() -> None:
    ticks: list[None] = []
    assert run_coroutine(ends(3), lambda: ticks.append(None), 60, 0.01) == 3
    assert ticks


def test_an_error_passes_through() -> None:
    with pytest.raises(ZeroDivisionError):
        run_coroutine(fails(), lambda: None, 60, 0.01)


def test_it_ends_at_its_deadline() -> None:
    work = Endless()
    with pytest.raises(DeadlineExceeded):
        run_coroutine(work.run(), lambda: None, 0.05, 0.01)
    assert work.stopped


def test_a_tick_that_raises_stops_it() -> None:
    work, ticks = Endless(), iter(range(3))

    def tick() -> None:
        if next(ticks) == 2:
            raise KeyError("stop")

    with pytest.raises(KeyError):
        run_coroutine(work.run(), tick, float("inf"), 0.01)
    assert work.stopped
