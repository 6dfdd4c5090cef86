"""Accounts, their keys, and their limits."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one account. None in a field: the server's setting applies."""

    submit_rps: float | None = None
    query_rps: float | None = None
    max_queued: int | None = None
    max_running: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account and its limits. `owner`: it is the server's owner, and its web page shows every account."""

    name: str
    created_ms: int
    limits: Limits = Limits()
    owner: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """An API key of one account. Only the SHA-256 of its text is stored, as 64 hex digits.

    `models` are the models that it may use, or None for all; `revoked_ms` is when it was revoked, or None. `limits` and
    `owner` are those of its account.
    """

    name: str
    account: str
    sha256: str
    created_ms: int
    models: frozenset[str] | None = None
    revoked_ms: int | None = None
    limits: Limits = Limits()
    owner: bool = False

    def may_use(self, model: str) -> bool:
        """Whether this key may use the model."""
        return self.models is None or model in self.models
