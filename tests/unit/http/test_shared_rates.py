"""Rate limits across servers: a small stock saves questions, and nobody takes more than there is."""

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from wanserve.domain.account import Key, Limits
from wanserve.domain.errors import RateLimited, StoreUnavailable
from wanserve.domain.ports import TokensAsked, TokensGranted
from wanserve.http.rates import Rates, RequestKind
from wanserve.http.shared_rates import STOCK_KEPT_SECONDS, SharedTokenBuckets


@dataclass
class Tokens:
    """A TokenStore with this many tokens in each bucket, which do not come again."""

    left: dict[str, int]
    asked: list[list[TokensAsked]] = field(default_factory=list)
    down: bool = False

    def take(self, asked: Sequence[TokensAsked]) -> list[TokensGranted]:
        assert len({(each.account, each.kind) for each in asked}) == len(asked), "no bucket twice"
        self.asked.append(list(asked))
        if self.down:
            raise StoreUnavailable("it is down")
        answers = []
        for each in asked:
            taken = min(each.tokens, self.left[each.account])
            self.left[each.account] -= taken
            answers.append(TokensGranted(taken, 0 if self.left[each.account] else 3))
        return answers


@dataclass
class Watch:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def key(account: str, **limits: float) -> Key:
    return Key("name", account, "hash", 0, limits=Limits(query_rps=limits.get("query_rps")))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def buckets(tokens: Tokens, threads: ThreadPoolExecutor, watch: Watch | None = None) -> SharedTokenBuckets:
    return SharedTokenBuckets(Rates(10, 100), tokens, threads, watch or Watch())


async def admitted(limiter: SharedTokenBuckets, *accounts: str) -> list[bool | int]:
    """For each request, which all come at once: True, or in how many seconds to come back."""

    async def ask(account: str) -> bool | int:
        try:
            await limiter.acquire(key(account), RequestKind.QUERY)
        except RateLimited as limited:
            return limited.retry_after_s
        return True

    return await asyncio.gather(*(ask(account) for account in accounts))


def test_as_many_pass_as_there_are_tokens_and_the_others_are_told_when_to_come_back(
    threads: ThreadPoolExecutor,
) -> None:
    tokens = Tokens({"ann": 5, "ben": 1})
    said = asyncio.run(admitted(buckets(tokens, threads), *["ann"] * 8, "ben", "ben"))
    assert sorted(map(int, said[:8])) == [1] * 5 + [3] * 3
    assert sorted(map(int, said[8:])) == [1, 3]


def test_a_stock_saves_questions_until_it_is_used_or_too_old(threads: ThreadPoolExecutor) -> None:
    tokens, watch = Tokens({"ann": 1000}), Watch()
    limiter = buckets(tokens, threads, watch)

    async def one_by_one(count: int) -> None:
        for _ in range(count):
            assert await admitted(limiter, "ann") == [True]

    asyncio.run(one_by_one(11))
    assert [asked[0].tokens for asked in tokens.asked] == [11], "its own, and a tenth of a second's worth"
    asyncio.run(one_by_one(1))
    assert len(tokens.asked) == 2
    watch.now_s += STOCK_KEPT_SECONDS
    asyncio.run(one_by_one(1))
    assert len(tokens.asked) == 3, "the stock was too old"


def test_a_slow_rate_has_no_stock(threads: ThreadPoolExecutor) -> None:
    tokens = Tokens({"ann": 5})
    limiter = buckets(tokens, threads)

    async def ask() -> None:
        for _ in range(2):
            await limiter.acquire(key("ann", query_rps=1.0), RequestKind.QUERY)

    asyncio.run(ask())
    assert [(asked[0].tokens, asked[0].rate) for asked in tokens.asked] == [(1, 1.0), (1, 1.0)]


def test_where_the_store_is_down_no_request_passes_and_none_hangs(threads: ThreadPoolExecutor) -> None:
    tokens = Tokens({"ann": 5}, down=True)
    limiter = buckets(tokens, threads)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            asyncio.run(limiter.acquire(key("ann"), RequestKind.SUBMIT))
    tokens.down = False
    assert asyncio.run(admitted(limiter, "ann")) == [True]
