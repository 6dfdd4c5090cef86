"""Look-ups in batches: what waits shares the next call, and each gets its own answer or error."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from wanserve.domain.errors import StoreUnavailable, TaskNotFound
from wanserve.http.lookups import AT_ONCE, MAX_BATCH, InBatches, OneByOne


@dataclass
class Store:
    """Answers with the text in capitals, once it is let. `calls` are the batches that it was asked."""

    calls: list[list[str]] = field(default_factory=list)
    let: threading.Event = field(default_factory=threading.Event)
    broken: bool = False

    def find_many(self, asked: Sequence[str]) -> list[str | Exception]:
        self.calls.append(list(asked))
        assert self.let.wait(60)
        if self.broken:
            raise StoreUnavailable("it is down")
        return [TaskNotFound(each) if each.startswith("no") else each.upper() for each in asked]


@pytest.fixture
def store() -> Store:
    return Store()


async def ask_all(lookup: InBatches[str, str], store: Store, asked: Sequence[str]) -> list[str | BaseException]:
    """Ask all at once, and let the store answer when all have asked."""
    asking = [asyncio.create_task(lookup(each)) for each in asked]
    # Each task runs up to its wait in its first turn of the loop.
    await asyncio.sleep(0)
    store.let.set()
    return await asyncio.gather(*asking, return_exceptions=True)


def test_what_waits_while_calls_are_under_way_shares_the_next_one(store: Store) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        names = [f"task {number}" for number in range(10)]
        answers = asyncio.run(ask_all(InBatches(store.find_many, threads), store, names))
    assert answers == [name.upper() for name in names]
    assert sorted(map(len, store.calls)) == sorted([1] * AT_ONCE + [10 - AT_ONCE])


def test_each_gets_its_own_error_and_the_others_their_answers(store: Store) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = asyncio.run(ask_all(InBatches(store.find_many, threads), store, ["a", "b", "none", "c", "not"]))
    assert [type(answer) for answer in answers] == [str, str, TaskNotFound, str, TaskNotFound]
    assert [str(answer) for answer in answers if isinstance(answer, str)] == ["A", "B", "C"]


def test_a_call_that_fails_fails_all_of_its_batch_and_later_ones_are_asked_again(store: Store) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:

        async def run() -> tuple[list[str | BaseException], str]:
            lookup: InBatches[str, str] = InBatches(store.find_many, threads)
            store.broken = True
            failed = await ask_all(lookup, store, list("abcdef"))
            store.broken = False
            return failed, await lookup("later")

        failed, later = asyncio.run(run())
    assert {type(each) for each in failed} == {StoreUnavailable}
    assert later == "LATER"


def test_a_client_that_went_away_holds_up_nobody(store: Store) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:

        async def run() -> list[str | BaseException]:
            lookup: InBatches[str, str] = InBatches(store.find_many, threads)
            gone = [asyncio.create_task(lookup(f"gone {number}")) for number in range(AT_ONCE + 1)]
            await asyncio.sleep(0)
            for each in gone:
                each.cancel()
            return await ask_all(lookup, store, ["here"])

        assert asyncio.run(run()) == ["HERE"]


def test_a_batch_has_an_end(store: Store) -> None:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        count = AT_ONCE + MAX_BATCH + 5
        answers = asyncio.run(ask_all(InBatches(store.find_many, threads), store, [str(n) for n in range(count)]))
    assert answers == [str(number) for number in range(count)]
    assert sorted(map(len, store.calls)) == sorted([*[1] * AT_ONCE, 5, MAX_BATCH])


def test_one_by_one_asks_at_once() -> None:
    assert asyncio.run(OneByOne(str.upper)("a")) == "A"
