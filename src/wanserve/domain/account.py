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
    """An account and its limits."""

    name: str
    created_ms: int
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Key:
    """An API key of one account. Only the SHA-256 of its text is stored, as 64 hex digits.

    `models` are the models that it may use, or None for all; `revoked_ms` is when it was revoked, or None.
    """

    name: str
    account: str
    sha256: str
    created_ms: int
    models: frozenset[str] | None = None
    revoked_ms: int | None = None
    limits: Limits = Limits()

    def may_use(self, model: str) -> bool:
        """Whether this key may use the model."""
        return self.models is None or model in self.models
