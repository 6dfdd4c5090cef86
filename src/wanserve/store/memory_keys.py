"""The accounts and keys in memory: the same contract as the SQL stores, for tests."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from wanserve.domain.account import Account, Key, Limits
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.ports import Clock


class MemoryKeys:
    """The KeyStore in a dict."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self._limits: dict[str, Limits] = {}
        self._owners: set[str] = set()

    def find_keys(self, hashes: Sequence[str]) -> list[Key | None]:
        """See KeyStore."""
        found = [self._keys.get(sha256) for sha256 in hashes]
        return [key and self._with_account(key) for key in found]

    def add_key(self, name: str, account: str, sha256: str, models: Collection[str] | None) -> None:
        """See KeyStore."""
        if self._named(name):
            raise InvalidRequest("name", f"there is a key named {name} already")
        allowed = None if models is None else frozenset(models)
        self._keys[sha256] = Key(name, account, sha256, self._clock(), allowed)

    def restrict_key(self, name: str, models: Collection[str] | None) -> bool:
        """See KeyStore."""
        key = self._named(name)
        if key:
            self._keys[key.sha256] = replace(key, models=None if models is None else frozenset(models))
        return key is not None

    def revoke_key(self, name: str) -> bool:
        """See KeyStore."""
        key = self._named(name)
        if key:
            revoked_ms = self._clock() if key.revoked_ms is None else key.revoked_ms
            self._keys[key.sha256] = replace(key, revoked_ms=revoked_ms)
        return key is not None

    def all_keys(self) -> list[Key]:
        """See KeyStore."""
        return sorted(map(self._with_account, self._keys.values()), key=lambda key: (key.created_ms, key.name))

    def accounts(self) -> list[Account]:
        """See KeyStore."""
        oldest = {key.account: key for key in reversed(self.all_keys())}
        found = [Account(name, key.created_ms, key.limits, key.owner) for name, key in oldest.items()]
        return sorted(found, key=lambda account: (account.created_ms, account.name))

    def set_limits(self, account: str, limits: Limits) -> bool:
        """See KeyStore."""
        known = self._has(account)
        if known:
            self._limits[account] = limits
        return known

    def set_owner(self, account: str, *, owner: bool) -> bool:
        """See KeyStore."""
        if owner and self._has(account):
            self._owners.add(account)
        elif not owner:
            self._owners.discard(account)
        return self._has(account)

    def _has(self, account: str) -> bool:
        return any(key.account == account for key in self._keys.values())

    def _with_account(self, key: Key) -> Key:
        """The key with what comes from its account."""
        limits = self._limits.get(key.account, key.limits)
        return replace(key, limits=limits, owner=key.account in self._owners)

    def _named(self, name: str) -> Key | None:
        return next((key for key in self._keys.values() if key.name == name), None)
