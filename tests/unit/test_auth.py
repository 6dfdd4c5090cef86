"""Rate limits: they are an account's, not a key's; a bucket fills with time and never beyond a second's worth."""

import asyncio
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanserve.domain.account import Limits
from wanserve.domain.errors import InvalidKey, RateLimited
from wanserve.http.rates import Rates, RequestKind, TokenBucket, TokenBuckets
from wanserve.keys import Keys
from wanserve.store.memory_keys import MemoryKeys


@dataclass
class Watch:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Edge:
    """The keys and a rate limiter, as an endpoint calls them."""

    keys: Keys
    limiter: TokenBuckets

    def admit(self, secret: str, kind: RequestKind) -> None:
        """Let one request in. Raises InvalidKey, RateLimited."""
        asyncio.run(self.limiter.acquire(self.keys.owner(secret), kind))


def new_edge(watch: Watch, submit_rps: float = 2, query_rps: float = 3) -> tuple[Edge, Keys]:
    secrets = iter(f"sk-{number}" for number in range(10))
    keys = Keys(MemoryKeys(lambda: 0), (), lambda: next(secrets))
    return Edge(keys, TokenBuckets(Rates(submit_rps, query_rps), watch)), keys


def admitted(edge: Edge, secret: str, kind: RequestKind, tries: int) -> int:
    """How many of the tries are let in."""
    passed = 0
    for _ in range(tries):
        try:
            edge.admit(secret, kind)
            passed += 1
        except RateLimited:
            pass
    return passed


def test_a_burst_of_one_second_passes_and_more_is_told_when_to_come_back() -> None:
    watch = Watch()
    edge, keys = new_edge(watch)
    secret = keys.create("one", "ann")
    assert admitted(edge, secret, RequestKind.SUBMIT, 5) == 2
    with pytest.raises(RateLimited) as limited:
        edge.admit(secret, RequestKind.SUBMIT)
    assert limited.value.retry_after_s == 1
    watch.now += limited.value.retry_after_s
    assert admitted(edge, secret, RequestKind.SUBMIT, 5) == 2


def test_submits_and_queries_have_their_own_rates() -> None:
    edge, keys = new_edge(Watch())
    secret = keys.create("one", "ann")
    assert admitted(edge, secret, RequestKind.SUBMIT, 9) == 2
    assert admitted(edge, secret, RequestKind.QUERY, 9) == 3


def test_two_keys_of_one_account_share_a_rate_and_two_accounts_do_not() -> None:
    edge, keys = new_edge(Watch())
    first, second, other = keys.create("one", "ann"), keys.create("two", "ann"), keys.create("three", "ben")
    assert admitted(edge, first, RequestKind.SUBMIT, 9) == 2
    assert admitted(edge, second, RequestKind.SUBMIT, 9) == 0
    assert admitted(edge, other, RequestKind.SUBMIT, 9) == 2


def test_an_accounts_own_limit_stands_before_the_servers() -> None:
    edge, keys = new_edge(Watch())
    secret = keys.create("one", "ann")
    store = keys.store
    assert isinstance(store, MemoryKeys)
    key = store.all_keys()[0]
    store._keys[key.sha256] = replace(key, limits=Limits(submit_rps=5, query_rps=1))
    assert admitted(edge, secret, RequestKind.SUBMIT, 9) == 5
    assert admitted(edge, secret, RequestKind.QUERY, 9) == 1


def test_a_wrong_key_takes_no_place_in_memory() -> None:
    edge, _ = new_edge(Watch())
    for number in range(100):
        with pytest.raises(InvalidKey):
            edge.admit(f"sk-wrong-{number}", RequestKind.QUERY)
    assert edge.limiter._buckets == {}


def test_a_slow_rate_lets_one_through_at_a_time() -> None:
    bucket = TokenBucket(tokens=1.0, updated_s=0.0)
    assert bucket.take(0.1, 0.0) == 0
    assert bucket.take(0.1, 0.0) == 10
    assert bucket.take(0.1, 9.0) == 1
    assert bucket.take(0.1, 10.5) == 0


@given(st.floats(0.01, 1000), st.lists(st.floats(0, 10), max_size=50))
def test_no_more_pass_than_the_rate_allows(rate: float, pauses: list[float]) -> None:
    bucket = TokenBucket(tokens=max(1.0, rate), updated_s=0.0)
    now, passed = 0.0, 0
    for pause in pauses:
        now += pause
        wait = bucket.take(rate, now)
        passed += wait == 0
        assert wait >= 0
    assert passed <= max(1.0, rate) + rate * now + 1e-6
