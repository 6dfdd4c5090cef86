"""Sessions of browsers: begun by a key or by a link that is valid once, and ended with their key."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from threading import Barrier

import pytest

from wanserve.domain.account import Key
from wanserve.domain.errors import (
    InvalidKey,
    MissingKey,
    NotSignedIn,
    SignInLinkInvalid,
    StoreUnavailable,
    WanserveError,
)
from wanserve.keys import Keys, fingerprint
from wanserve.sessions import LINK_SECONDS, SESSION_SECONDS, SLICE, Sessions
from wanserve.store.memory_keys import MemoryKeys
from wanserve.store.memory_sessions import MemorySessions


class FailingSessions(MemorySessions):
    """A store that can be made to refuse writes."""

    failing = False

    def add(self, sha256: str, key_sha256: str, seconds: float) -> None:
        if self.failing:
            raise StoreUnavailable("the disk is full")
        super().add(sha256, key_sha256, seconds)


@dataclass
class Site:
    now_ms: int = 0
    now_s: float = 0.0
    keys: Keys = field(init=False)
    store: FailingSessions = field(init=False)
    sessions: Sessions = field(init=False)
    secret: str = field(init=False)

    def __post_init__(self) -> None:
        numbers = count(1)
        keys = MemoryKeys(lambda: self.now_ms)
        self.keys = Keys(keys, (), lambda: f"sk-{next(numbers)}")
        self.store = FailingSessions(keys, lambda: self.now_ms)
        self.sessions = Sessions(self.store, self.keys, lambda: f"token-{next(numbers)}", lambda: self.now_s)
        self.secret = self.keys.create("one", "ann")

    def link(self) -> str:
        return self.sessions.offer_link(fingerprint(self.secret))


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_session_is_its_keys(site: Site) -> None:
    other = site.keys.create("two", "ben")
    tokens = {"ann": site.sessions.begin(site.secret), "ben": site.sessions.begin(other)}
    for account, token in tokens.items():
        assert site.sessions.owner(token).account == account
    site.keys.set_owner("ann", owner=True)
    assert site.sessions.owner(tokens["ann"]).owner, "the key is as it is now"


def test_no_key_and_a_wrong_one_begin_nothing(site: Site) -> None:
    for nothing in (None, ""):
        with pytest.raises(MissingKey):
            site.sessions.begin(nothing)
    with pytest.raises(InvalidKey):
        site.sessions.begin("sk-wrong")
    site.keys.revoke("one")
    with pytest.raises(InvalidKey):
        site.sessions.begin(site.secret)


@pytest.mark.parametrize("token", [None, "", "unknown", "\ud83d", fingerprint("token-2")])
def test_without_the_token_of_a_session_nobody_is_signed_in(site: Site, token: str | None) -> None:
    assert site.sessions.begin(site.secret) == "token-2"
    with pytest.raises(NotSignedIn):
        site.sessions.owner(token)
    site.sessions.end(token)
    assert site.sessions.owner("token-2").name == "one"


def test_a_session_ends_when_it_is_ended_when_it_expires_and_with_its_key(site: Site) -> None:
    ended, expired = site.sessions.begin(site.secret), site.sessions.begin(site.secret)
    for _ in range(2):
        site.sessions.end(ended)
        with pytest.raises(NotSignedIn):
            site.sessions.owner(ended)
    site.now_ms = SESSION_SECONDS * 1000 - 1
    assert site.sessions.owner(expired).name == "one"
    revoked = site.sessions.begin(site.secret)
    site.now_ms += 1
    with pytest.raises(NotSignedIn):
        site.sessions.owner(expired)
    site.keys.revoke("one")
    with pytest.raises(NotSignedIn):
        site.sessions.owner(revoked)


def test_a_link_signs_in_once(site: Site) -> None:
    link = site.link()
    token = site.sessions.redeem(link)
    assert site.sessions.owner(token).name == "one"
    assert token != link
    for wrong in (link, token, fingerprint(link), "", "\ud83d"):
        with pytest.raises(SignInLinkInvalid):
            site.sessions.redeem(wrong)


def test_a_link_expires_and_the_others_stay_valid(site: Site) -> None:
    early = site.link()
    site.now_s = LINK_SECONDS - 1
    late = site.link()
    site.now_s = LINK_SECONDS
    with pytest.raises(SignInLinkInvalid):
        site.sessions.redeem(early)
    # A new one removes those that have expired, and no others.
    newest = site.link()
    for link in (late, newest):
        assert site.sessions.owner(site.sessions.redeem(link)).name == "one"


def test_a_link_of_a_revoked_or_unknown_key_signs_nobody_in(site: Site) -> None:
    links = [site.link(), site.sessions.offer_link("ef" * 32)]
    site.keys.revoke("one")
    for link in links:
        with pytest.raises(SignInLinkInvalid):
            site.sessions.redeem(link)


def test_a_link_whose_session_was_not_stored_may_be_tried_again(site: Site) -> None:
    link = site.link()
    site.store.failing = True
    with pytest.raises(StoreUnavailable):
        site.sessions.redeem(link)
    site.store.failing = False
    assert site.sessions.owner(site.sessions.redeem(link)).name == "one"
    with pytest.raises(SignInLinkInvalid):
        site.sessions.redeem(link)


def test_of_many_that_redeem_one_link_at_once_one_is_signed_in(site: Site) -> None:
    threads, link = 8, site.link()
    start = Barrier(threads)

    def redeem(_: int) -> Key | type[WanserveError]:
        start.wait(60)
        try:
            return site.sessions.owner(site.sessions.redeem(link))
        except SignInLinkInvalid as error:
            return type(error)

    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(redeem, range(threads)))
    assert sorted(answer is SignInLinkInvalid for answer in answers) == [False] + [True] * (threads - 1)


def test_no_token_is_stored_or_shown(site: Site) -> None:
    link, token = site.link(), site.sessions.begin(site.secret)
    kept = [*site.sessions._links, *site.store._sessions]
    assert {link, token}.isdisjoint(kept)
    assert {fingerprint(link), fingerprint(token)} == set(kept)
    assert link not in repr(site.sessions)
    assert fingerprint(link) not in repr(site.sessions)


def test_all_that_have_expired_are_forgotten(site: Site) -> None:
    for _ in range(SLICE + 1):
        site.sessions.begin(site.secret)
    site.now_ms = SESSION_SECONDS * 1000
    token = site.sessions.begin(site.secret)
    site.sessions.forget_expired()
    assert set(site.store._sessions) == {fingerprint(token)}
