"""Who asks: a credential becomes a Key, and an account keeps to its rate."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from wanserve.domain.account import Key
from wanserve.domain.errors import RateLimited
from wanserve.keys import Keys


class Kind(StrEnum):
    """What a request counts as for its rate."""

    SUBMIT = "submit"
    QUERY = "query"


@dataclass(slots=True)
class Bucket:
    """A token bucket: holds one second's worth of tokens, and at least one. `now_s` is a monotonic clock, in seconds."""

    tokens: float
    at_s: float

    def take(self, rate: float, now_s: float) -> int:
        """Take a token at `rate` tokens a second: 0, or in how many whole seconds one will be there."""
        most = max(1.0, rate)
        self.tokens = min(most, self.tokens + (now_s - self.at_s) * rate)
        self.at_s = now_s
        if self.tokens >= 1.0:
            self.tokens -= 1.0
            return 0
        return math.ceil((1.0 - self.tokens) / rate)


@dataclass(slots=True)
class Gate:
    """Lets requests in. Rates are requests a second for each account; an account's own limit comes first.

    Lives on the event loop's thread only; the buckets are this process's own.
    """

    keys: Keys
    submit_rps: float
    query_rps: float
    now_s: Callable[[], float]
    _buckets: dict[tuple[str, Kind], Bucket] = field(default_factory=dict, init=False)

    def identify(self, credential: str | None) -> Key:
        """Whose credential this is. Raises MissingKey or InvalidKey."""
        return self.keys.owner(credential)

    def limit(self, key: Key, kind: Kind) -> None:
        """Count one request of the key's account. Raises RateLimited."""
        rate = self._rate(key, kind)
        now = self.now_s()
        bucket = self._buckets.get((key.account, kind))
        if bucket is None:
            # One entry for each account that has a key, and so bounded: a wrong key never comes this far.
            bucket = self._buckets[(key.account, kind)] = Bucket(max(1.0, rate), now)
        if wait_s := bucket.take(rate, now):
            raise RateLimited(wait_s)

    def _rate(self, key: Key, kind: Kind) -> float:
        if kind is Kind.SUBMIT:
            return key.limits.submit_rps or self.submit_rps
        return key.limits.query_rps or self.query_rps
