"""The use cases of keys: create, restrict, revoke and list them, and find the key of a credential."""

import hmac
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Final

from wanserve.domain.account import Account, Key, Limits
from wanserve.domain.errors import InvalidKey, InvalidRequest, MissingKey, WanserveError
from wanserve.domain.ports import KeyStore

NAME_CHARACTERS: Final = 64
LIMIT_MAX: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Keys:
    """What can be done with keys. `new_secret` gives a fresh key's text; `models` are the names that are served."""

    store: KeyStore
    models: Collection[str]
    new_secret: Callable[[], str]

    def create(self, name: str, account: str, models: Collection[str] | None = None) -> str:
        """Create a key and return its text, which is stored nowhere.

        Raises InvalidRequest where the name is taken or not valid, or a model is unknown.
        """
        for field, text in (("name", name), ("account", account)):
            if not text.strip() or len(text) > NAME_CHARACTERS or not text.isprintable():
                raise InvalidRequest(field, f"must be 1 to {NAME_CHARACTERS} printable characters")
        secret = self.new_secret()
        self.store.add_key(name, account, fingerprint(secret), self._known(models))
        return secret

    def restrict(self, name: str, models: Collection[str] | None) -> None:
        """Let the key use only these models, or all where it is None. Raises InvalidRequest."""
        if not self.store.restrict_key(name, self._known(models)):
            raise InvalidRequest("name", f"there is no key named {name}")

    def revoke(self, name: str) -> None:
        """Revoke the key; revoking it twice is not an error. Raises InvalidRequest where no key has the name."""
        if not self.store.revoke_key(name):
            raise InvalidRequest("name", f"there is no key named {name}")

    def accounts(self) -> list[Account]:
        """Every account, oldest first."""
        return self.store.accounts()

    def limit(self, account: str, change: Callable[[Limits], Limits]) -> Account:
        """Change an account's limits. Returns the changed account.

        Raises InvalidRequest where there is no such account, or a limit is out of range.
        """
        known = next((each for each in self.store.accounts() if each.name == account), None)
        if known is None:
            raise InvalidRequest("account", f"there is no account {account}")
        limits = change(known.limits)
        for field, limit in asdict(limits).items():
            if limit is not None and not 0 < limit <= LIMIT_MAX:
                raise InvalidRequest(field, f"must be more than 0 and at most {LIMIT_MAX}")
        self.store.set_limits(account, limits)
        return replace(known, limits=limits)

    def set_owner(self, account: str, *, owner: bool) -> None:
        """Say whether the account is the server's owner, whose web page shows every account. Raises InvalidRequest."""
        if not self.store.set_owner(account, owner=owner):
            raise InvalidRequest("account", f"there is no account {account}")

    def all(self) -> list[Key]:
        """Every key, oldest first."""
        return self.store.all_keys()

    def owner(self, credential: str | None) -> Key:
        """The key that a client sent. Raises MissingKey or InvalidKey."""
        (answer,) = self.owners([credential])
        if isinstance(answer, WanserveError):
            raise answer
        return answer

    def owners(self, credentials: Sequence[str | None]) -> list[Key | WanserveError]:
        """For each credential its key, or the error that `owner` raises, in one look-up."""
        sent = [fingerprint(credential or "") for credential in credentials]
        found = zip(credentials, sent, self.store.find_keys(sent), strict=True)
        return [_judged(*each) for each in found]

    def _known(self, models: Collection[str] | None) -> Collection[str] | None:
        for model in models or ():
            if model not in self.models:
                raise InvalidRequest("models", f"{model} is not one of {', '.join(self.models)}")
        return models


def _judged(credential: str | None, sent: str, key: Key | None) -> Key | WanserveError:
    if not credential:
        return MissingKey("no key was sent")
    # The look-up is by hash, so its time reveals nothing of a key's text. The comparison guards against a change of that.
    if key is None or key.revoked_ms is not None or not hmac.compare_digest(key.sha256, sent):
        return InvalidKey("the key is unknown or revoked")
    return key


def fingerprint(secret: str) -> str:
    """The SHA-256 of a key's text, as 64 hex digits. A key has 192 random bits, so it needs no slow hash."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
