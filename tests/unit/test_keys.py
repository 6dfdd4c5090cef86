"""Keys: made once, known by their hash only, restricted and revoked at once."""

from dataclasses import asdict, replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanserve.domain.account import Limits
from wanserve.domain.errors import InvalidKey, InvalidRequest, MissingKey
from wanserve.keys import Keys, fingerprint
from wanserve.store.memory_keys import MemoryKeys

MODELS = ("small", "large")


def new_keys() -> Keys:
    numbers = count(1)
    return Keys(MemoryKeys(lambda: 5), MODELS, lambda: f"sk-{next(numbers)}")


def test_a_key_is_its_owners_and_is_stored_as_a_hash() -> None:
    keys = new_keys()
    secret = keys.create("one", "ann")
    owner = keys.owner(secret)
    assert (owner.name, owner.account, owner.sha256) == ("one", "ann", fingerprint(secret))
    assert secret not in repr(keys.all())


def test_no_credential_and_a_wrong_one_are_told_apart() -> None:
    keys = new_keys()
    for nothing in (None, ""):
        with pytest.raises(MissingKey):
            keys.owner(nothing)
    with pytest.raises(InvalidKey):
        keys.owner("sk-wrong")


@given(st.text(min_size=1))
def test_no_text_passes_for_a_key_that_is_not_one(text: str) -> None:
    keys = new_keys()
    secret = keys.create("one", "ann")
    if text != secret:
        with pytest.raises(InvalidKey):
            keys.owner(text)


def test_half_a_surrogate_pair_is_a_wrong_key_and_no_fault() -> None:
    with pytest.raises(InvalidKey):
        new_keys().owner("\ud83d")


def test_a_revoked_key_counts_no_more_and_revoking_twice_is_no_error() -> None:
    keys = new_keys()
    secret = keys.create("one", "ann")
    keys.revoke("one")
    keys.revoke("one")
    with pytest.raises(InvalidKey):
        keys.owner(secret)
    assert keys.all()[0].revoked_ms == 5


def test_a_key_may_use_what_it_is_restricted_to() -> None:
    keys = new_keys()
    secret = keys.create("one", "ann", ["small"])
    assert [keys.owner(secret).may_use(model) for model in MODELS] == [True, False]
    keys.restrict("one", None)
    assert all(keys.owner(secret).may_use(model) for model in MODELS)
    keys.restrict("one", [])
    assert not any(keys.owner(secret).may_use(model) for model in MODELS)


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb", "a\x00"])
def test_a_name_must_be_one(name: str) -> None:
    with pytest.raises(InvalidRequest, match="name: must be 1 to 64 printable characters"):
        new_keys().create(name, "ann")
    with pytest.raises(InvalidRequest, match="account: must be 1 to 64 printable characters"):
        new_keys().create("one", name)


def test_a_name_is_taken_once_and_an_unknown_one_is_told() -> None:
    keys = new_keys()
    keys.create("one", "ann")
    with pytest.raises(InvalidRequest, match="there is a key named one already"):
        keys.create("one", "ben")
    for command in (keys.revoke, lambda name: keys.restrict(name, None)):
        with pytest.raises(InvalidRequest, match="there is no key named two"):
            command("two")


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="models: huge is not one of small, large"):
        new_keys().create("one", "ann", ["small", "huge"])


def test_an_accounts_limits_change_one_by_one_and_hold_for_its_keys() -> None:
    keys = new_keys()
    secret = keys.create("one", "ann")
    keys.create("other", "ben")
    keys.limit("ann", lambda limits: replace(limits, submit_rps=0.5, max_queued=3))
    changed = keys.limit("ann", lambda limits: replace(limits, max_running=2, max_queued=None))
    assert changed.limits == Limits(submit_rps=0.5, max_running=2)
    assert keys.owner(secret).limits == changed.limits
    assert [(account.name, account.limits) for account in keys.accounts()] == [
        ("ann", changed.limits),
        ("ben", Limits()),
    ]


@pytest.mark.parametrize("field", list(asdict(Limits())))
@pytest.mark.parametrize("wrong", [0, -1, 1_000_001, float("nan"), float("inf")])
def test_a_limit_must_be_one_and_a_wrong_one_changes_nothing(field: str, wrong: float) -> None:
    keys = new_keys()
    keys.create("one", "ann")
    with pytest.raises(InvalidRequest, match=f"{field}: must be more than 0 and at most 1000000"):
        keys.limit("ann", lambda limits: replace(limits, **{field: wrong}))  # type: ignore[arg-type]
    assert keys.accounts()[0].limits == Limits()


def test_an_account_that_is_not_there_is_told() -> None:
    with pytest.raises(InvalidRequest, match="account: there is no account ann"):
        new_keys().limit("ann", lambda limits: limits)
    for owner in (True, False):
        with pytest.raises(InvalidRequest, match="account: there is no account ann"):
            new_keys().set_owner("ann", owner=owner)


def test_an_account_becomes_the_servers_owner_and_is_so_no_more() -> None:
    keys = new_keys()
    secret = keys.create("one", "ann")
    assert not keys.owner(secret).owner
    keys.set_owner("ann", owner=True)
    assert keys.owner(secret).owner
    keys.set_owner("ann", owner=False)
    assert not keys.owner(secret).owner
