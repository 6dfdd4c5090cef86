"""Rate limits that hold across every server on one database."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from typing import Final

from wanserve.domain.account import Key
from wanserve.domain.errors import RateLimited
from wanserve.domain.ports import TokensAsked, TokensGranted, TokenStore
from wanserve.http.lookups import InBatches
from wanserve.http.rates import Rates, RequestKind

STOCK_SECONDS: Final = 0.1
"""A server takes up to so many seconds' worth of an account's tokens at once, so that not each poll asks the database."""

STOCK_KEPT_SECONDS: Final = 1.0
"""How long it keeps them; after that they are lost, and the bucket has long been filled again."""


@dataclass(slots=True)
class _Stock:
    """The tokens of one account and kind that this process has taken and not used."""

    tokens: int
    until_s: float


@dataclass(slots=True)
class SharedTokenBuckets:
    """A RateLimiter whose token buckets are in a TokenStore. For the event loop's thread only.

    `now_s` is a monotonic clock. The calls of the store run in threads of `executor`.
    """

    rates: Rates
    store: TokenStore
    executor: Executor
    now_s: Callable[[], float]
    _stocks: dict[tuple[str, RequestKind], _Stock] = field(default_factory=dict, init=False)
    _take: InBatches[TokensAsked, TokensGranted] = field(init=False)

    def __post_init__(self) -> None:
        # One at a time: what one call leaves in stock is there when the next one is answered.
        self._take = InBatches(self._take_all, self.executor, at_once=1)

    async def acquire(self, key: Key, kind: RequestKind) -> None:
        """See RateLimiter. Raises StoreUnavailable where the store cannot be asked."""
        name = key.account, kind
        if self._take_from_stock(name):
            return
        rate = self.rates.of(key, kind)
        granted = await self._take(TokensAsked(key.account, kind, 1, rate))
        if granted.tokens:
            self._put_by(name, granted.tokens - 1)
        elif not self._take_from_stock(name):
            raise RateLimited(max(1, granted.wait_s))

    def _take_from_stock(self, name: tuple[str, RequestKind]) -> bool:
        stock = self._stocks.get(name)
        if stock is None or stock.tokens == 0 or stock.until_s <= self.now_s():
            return False
        stock.tokens -= 1
        return True

    def _put_by(self, name: tuple[str, RequestKind], tokens: int) -> None:
        if not tokens:
            return
        now_s = self.now_s()
        stock = self._stocks.get(name)
        left = stock.tokens if stock is not None and stock.until_s > now_s else 0
        self._stocks[name] = _Stock(left + tokens, now_s + STOCK_KEPT_SECONDS)

    def _take_all(self, asked: Sequence[TokensAsked]) -> list[TokensGranted]:
        """Take a token for each of these, and a stock for each bucket, which the first that asked gets with its own."""
        together: dict[tuple[str, str], TokensAsked] = {}
        for each in asked:
            name = each.account, each.kind
            wanted = together[name].tokens if name in together else int(each.rate * STOCK_SECONDS)
            together[name] = replace(each, tokens=wanted + each.tokens)
        granted = dict(zip(together, self.store.take(list(together.values())), strict=True))
        waiting = Counter((each.account, each.kind) for each in asked)
        answers = []
        for each in asked:
            name = each.account, each.kind
            left = granted[name]
            waiting[name] -= 1
            given = max(min(1, left.tokens), left.tokens - waiting[name])
            granted[name] = replace(left, tokens=left.tokens - given)
            answers.append(replace(left, tokens=given))
        return answers
