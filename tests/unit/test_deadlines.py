"""One timer ends what takes too long, and nothing else."""

import asyncio

import pytest

from wanserve.http.deadlines import Deadlines


async def never() -> None:
    await asyncio.Event().wait()


def test_what_takes_too_long_is_canceled_and_what_does_not_is_left() -> None:
    deadlines = Deadlines(0.01)

    async def quick(number: int) -> int:
        await asyncio.sleep(0)
        return number

    async def main() -> list[object]:
        slow = [deadlines.within(never()) for _ in range(3)]
        told: list[object] = list(await asyncio.gather(*slow, deadlines.within(quick(7)), return_exceptions=True))
        # Whose time is over is free to go on.
        await asyncio.sleep(0)
        return told

    told = asyncio.run(main())
    assert [type(one) for one in told] == [TimeoutError] * 3 + [int]
    # On another loop, and after the first timer has run.
    assert asyncio.run(deadlines.within(quick(8))) == 8
    with pytest.raises(TimeoutError):
        asyncio.run(deadlines.within(never()))


def test_a_cancel_from_elsewhere_is_one() -> None:
    deadlines = Deadlines(60)

    async def main() -> None:
        begun = asyncio.Event()

        async def work() -> None:
            begun.set()
            await never()

        task = asyncio.create_task(deadlines.within(work()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_what_is_raised_passes_through() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(Deadlines(60).within(fail()))
