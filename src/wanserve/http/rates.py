"""Rate limits: how many requests a second an account may send, by token buckets."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from wanserve.domain.account import Key
from wanserve.domain.errors import RateLimited


class RequestKind(StrEnum):
    """Which of an account's rate limits a request counts towards."""

    SUBMIT = "submit"
    QUERY = "query"


class RateLimiter(Protocol):
    """Limits the requests of each account. Asynchronous, so that an implementation may ask a server that others share."""

    async def acquire(self, key: Key, kind: RequestKind) -> None:
        """Count one request of the key's account. Raises RateLimited."""


@dataclass(slots=True)
class TokenBucket:
    """Holds at most one second's worth of tokens, but at least one. `now_s` is a monotonic clock, in seconds."""

    tokens: float
    updated_s: float

    def take(self, rate: float, now_s: float) -> int:
        """Take a token, at `rate` tokens a second: returns 0, or in how many whole seconds there will be one."""
        capacity = max(1.0, rate)
        self.tokens = min(capacity, self.tokens + (now_s - self.updated_s) * rate)
        self.updated_s = now_s
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return 0
        return math.ceil((1.0 - self.tokens) / rate)


@dataclass(frozen=True, slots=True)
class Rates:
    """The server's rate limits, in requests a second; an account's own limits take precedence."""

    submit_rps: float
    query_rps: float

    def of(self, key: Key, kind: RequestKind) -> float:
        """How many requests of this kind the key's account may send a second."""
        if kind is RequestKind.SUBMIT:
            return key.limits.submit_rps or self.submit_rps
        return key.limits.query_rps or self.query_rps


@dataclass(slots=True)
class TokenBuckets:
    """A RateLimiter with a token bucket for each account and kind of request, in the memory of this process.

    Not thread-safe: for the event loop's thread only.
    """

    rates: Rates
    now_s: Callable[[], float]
    _buckets: dict[tuple[str, RequestKind], TokenBucket] = field(default_factory=dict, init=False)

    async def acquire(self, key: Key, kind: RequestKind) -> None:
        """See RateLimiter."""
        rate = self.rates.of(key, kind)
        now = self.now_s()
        bucket = self._buckets.get((key.account, kind))
        if bucket is None:
            # Bounded by the number of accounts: a request with an invalid key is refused before it is counted.
            bucket = self._buckets[(key.account, kind)] = TokenBucket(max(1.0, rate), now)
        if wait_s := bucket.take(rate, now):
            raise RateLimited(wait_s)
