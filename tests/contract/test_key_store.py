"""The contract of KeyStore."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.stores import STORES, opened
from wanserve.domain.account import Account, Key, Limits
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.ports import KeyStore

HASH, OTHER = "ab" * 32, "cd" * 32


class Clock:
    """Goes on by a millisecond at each look."""

    def __init__(self) -> None:
        self.now_ms = 100

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


@pytest.fixture(params=STORES)
def keys(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyStore]:
    """Each store in turn, empty."""
    with opened(request.param, tmp_path, Clock()) as stores:
        yield stores.keys


def test_a_key_is_found_by_its_hash_with_the_time_that_the_store_wrote(keys: KeyStore) -> None:
    keys.add_key("one", "ann", HASH, ["m2", "m1"])
    assert keys.find_keys([HASH])[0] == Key("one", "ann", HASH, 101, frozenset({"m1", "m2"}))
    assert keys.find_keys([OTHER])[0] is None
    assert keys.accounts() == [Account("ann", 101)]


def test_a_name_is_taken_once_over_all_accounts(keys: KeyStore) -> None:
    keys.add_key("one", "ann", HASH, None)
    with pytest.raises(InvalidRequest, match="there is a key named one already"):
        keys.add_key("one", "ben", OTHER, None)
    assert [key.account for key in keys.all_keys()] == ["ann"]


def test_keys_and_accounts_come_oldest_first(keys: KeyStore) -> None:
    for number, (name, account) in enumerate((("z", "ben"), ("a", "ann"), ("m", "ben"))):
        keys.add_key(name, account, f"{number:064x}", None)
    assert [key.name for key in keys.all_keys()] == ["z", "a", "m"]
    assert [account.name for account in keys.accounts()] == ["ben", "ann"]


def test_a_key_may_be_restricted_to_models_to_none_and_to_all(keys: KeyStore) -> None:
    keys.add_key("one", "ann", HASH, None)
    for models in ({"small"}, set[str](), None):
        assert keys.restrict_key("one", models)
        found = keys.find_keys([HASH])[0]
        assert found is not None
        assert found.models == (None if models is None else frozenset(models))
    assert not keys.restrict_key("two", None)


def test_a_revoked_key_stays_known_with_the_time_of_the_first_revocation(keys: KeyStore) -> None:
    keys.add_key("one", "ann", HASH, None)
    assert keys.revoke_key("one")
    first = keys.find_keys([HASH])[0]
    assert first is not None
    assert first.revoked_ms is not None
    assert keys.revoke_key("one")
    assert keys.find_keys([HASH])[0] == first
    assert not keys.revoke_key("two")


def test_limits_are_the_accounts_and_come_with_each_of_its_keys(keys: KeyStore) -> None:
    keys.add_key("one", "ann", HASH, None)
    limits = Limits(submit_rps=0.5, query_rps=None, max_queued=3, max_running=1)
    assert keys.set_limits("ann", limits)
    keys.add_key("two", "ann", OTHER, None)
    assert [key.limits for key in keys.all_keys()] == [limits, limits]
    assert [account.limits for account in keys.accounts()] == [limits]
    assert not keys.set_limits("nobody", limits)
    assert keys.set_limits("ann", Limits())
    found = keys.find_keys([HASH])[0]
    assert found is not None
    assert found.limits == Limits()


def test_the_owner_is_an_account_and_each_of_its_keys_says_so(keys: KeyStore) -> None:
    for name, account, sha256 in (("one", "ann", HASH), ("two", "ann", OTHER), ("three", "ben", "ef" * 32)):
        keys.add_key(name, account, sha256, None)
    limits = Limits(max_queued=3)
    assert keys.set_limits("ann", limits)
    assert [account.owner for account in keys.accounts()] == [False, False]
    for owner in (True, False):
        assert keys.set_owner("ann", owner=owner)
        assert keys.set_owner("ann", owner=owner)
        assert [(each.name, each.limits, each.owner) for each in keys.accounts()] == [
            ("ann", limits, owner),
            ("ben", Limits(), False),
        ]
        assert [key.owner for key in keys.all_keys()] == [owner, owner, False]
        assert [key.owner for key in keys.find_keys([HASH, OTHER, "ef" * 32]) if key] == [owner, owner, False]
        assert not keys.set_owner("nobody", owner=owner)
