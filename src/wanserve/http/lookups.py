"""Looks keys, tasks and rate limits up: each at once, or those that wait together in one call of the store."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
Asked_contra = TypeVar("Asked_contra", contravariant=True)
Answer_co = TypeVar("Answer_co", covariant=True)

Lookups = Callable[[Sequence[Asked]], Sequence[Answer | Exception]]
"""Looks many up in one call: an answer or an error for each. It may raise an error that all of them get."""

AT_ONCE: Final = 2
"""How many calls of one kind are under way at the same time: while one waits, another one's answers are handled."""

MAX_BATCH: Final = 256


class Lookup(Protocol[Asked_contra, Answer_co]):
    """Looks one thing up. Raises its error."""

    async def __call__(self, asked: Asked_contra, /) -> Answer_co:
        """The answer."""


@dataclass(frozen=True, slots=True)
class OneByOne(Generic[Asked, Answer]):
    """The Lookup on the event loop, for a store that answers in less time than a thread switch takes."""

    find: Callable[[Asked], Answer]

    async def __call__(self, asked: Asked, /) -> Answer:
        """See Lookup."""
        return self.find(asked)


@dataclass(slots=True)
class InBatches(Generic[Asked, Answer]):
    """The Lookup for a store whose calls take a round trip: what waits meanwhile shares the next one.

    The calls run in threads of `executor`, at most `at_once` at the same time. For the event loop's thread only.
    """

    find_many: Lookups[Asked, Answer]
    executor: Executor
    at_once: int = AT_ONCE
    _waiting: list[tuple[Asked, asyncio.Future[Answer]]] = field(default_factory=list, init=False)
    _under_way: int = field(default=0, init=False)

    async def __call__(self, asked: Asked, /) -> Answer:
        """See Lookup."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        self._send()
        return await answer

    def _send(self) -> None:
        """Start calls for what waits, as far as there may be more."""
        while self._waiting and self._under_way < self.at_once:
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            self._under_way += 1
            call = asyncio.get_running_loop().run_in_executor(
                self.executor, self.find_many, [each for each, _ in batch]
            )
            call.add_done_callback(partial(self._answer, batch))

    def _answer(
        self, batch: list[tuple[Asked, asyncio.Future[Answer]]], call: asyncio.Future[Sequence[Answer | Exception]]
    ) -> None:
        self._under_way -= 1
        error = call.exception()
        answers: Sequence[Answer | BaseException] = [error] * len(batch) if error is not None else call.result()
        for (_, future), answer in zip(batch, answers, strict=True):
            # A request whose client has gone away waits no longer.
            if future.done():
                continue
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        self._send()
