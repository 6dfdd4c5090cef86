"""The contract of SessionStore."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.stores import STORES, opened
from wanserve.domain.account import Key, Limits
from wanserve.domain.ports import KeyStore, SessionStore

KEY, OTHER = "ab" * 32, "cd" * 32
FIRST, SECOND, THIRD = (letter * 64 for letter in "123")


@dataclass
class Clock:
    """Stands still until the test moves it."""

    now_ms: int = 1000

    def __call__(self) -> int:
        return self.now_ms


@dataclass
class Site:
    """A store with two keys."""

    keys: KeyStore
    sessions: SessionStore
    clock: Clock


@pytest.fixture(params=STORES)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Each store in turn."""
    clock = Clock()
    with opened(request.param, tmp_path, clock) as stores:
        stores.keys.add_key("one", "ann", KEY, ["m"])
        stores.keys.add_key("two", "ben", OTHER, None)
        yield Site(stores.keys, stores.sessions, clock)


def test_a_session_is_of_its_key_and_nobody_has_an_unknown_one(site: Site) -> None:
    site.sessions.add(FIRST, KEY, 60)
    site.sessions.add(SECOND, OTHER, 60)
    assert site.sessions.find(FIRST) == Key("one", "ann", KEY, 1000, frozenset({"m"}))
    assert site.sessions.find(SECOND) == Key("two", "ben", OTHER, 1000)
    assert site.sessions.find(THIRD) is None
    assert site.sessions.find(KEY) is None


def test_a_session_of_a_key_that_there_is_not_is_nobodys(site: Site) -> None:
    site.sessions.add(FIRST, "ef" * 32, 60)
    assert site.sessions.find(FIRST) is None


def test_a_key_comes_as_it_is_now(site: Site) -> None:
    site.sessions.add(FIRST, KEY, 60)
    site.keys.set_limits("ann", Limits(max_queued=3))
    site.keys.set_owner("ann", owner=True)
    site.keys.restrict_key("one", None)
    assert site.sessions.find(FIRST) == Key("one", "ann", KEY, 1000, None, None, Limits(max_queued=3), owner=True)
    site.clock.now_ms = 5000
    site.keys.revoke_key("one")
    found = site.sessions.find(FIRST)
    assert found is not None
    assert found.revoked_ms == 5000


def test_a_session_expires_by_the_clock_of_the_store(site: Site) -> None:
    site.sessions.add(FIRST, KEY, 1.5)
    site.clock.now_ms = 2499
    assert site.sessions.find(FIRST) is not None
    site.clock.now_ms = 2500
    assert site.sessions.find(FIRST) is None


def test_a_session_that_is_there_already_stays_as_it_is(site: Site) -> None:
    site.sessions.add(FIRST, KEY, 60)
    site.sessions.add(FIRST, OTHER, 600)
    assert site.sessions.find(FIRST) == Key("one", "ann", KEY, 1000, frozenset({"m"}))
    site.clock.now_ms += 60_000
    assert site.sessions.find(FIRST) is None


def test_a_removed_session_is_gone_and_removing_it_twice_is_no_error(site: Site) -> None:
    for session in (FIRST, SECOND):
        site.sessions.add(session, KEY, 60)
    for _ in range(2):
        site.sessions.remove(FIRST)
        assert site.sessions.find(FIRST) is None
    assert site.sessions.find(SECOND) is not None


def test_expired_sessions_are_forgotten_the_oldest_first_and_a_few_at_a_time(site: Site) -> None:
    for session, seconds in ((FIRST, 20), (SECOND, 10), (THIRD, 30)):
        site.sessions.add(session, KEY, seconds)
    assert site.sessions.forget_expired(10) == 0
    site.clock.now_ms += 20_000
    assert site.sessions.forget_expired(1) == 1
    # With the clock set back, those that are left are valid again.
    site.clock.now_ms -= 20_000
    assert [site.sessions.find(session) is not None for session in (FIRST, SECOND, THIRD)] == [True, False, True]
    site.clock.now_ms += 20_000
    assert [site.sessions.forget_expired(10) for _ in range(2)] == [1, 0]
    assert site.sessions.find(THIRD) is not None


def test_threads_add_find_and_remove_sessions_at_once(site: Site) -> None:
    def live(number: int) -> list[bool]:
        session = f"{number:064x}"
        site.sessions.add(session, KEY, 60)
        found = [site.sessions.find(session) is not None]
        site.sessions.remove(session)
        return [*found, site.sessions.find(session) is not None]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(live, range(20))) == [[True, False]] * 20
