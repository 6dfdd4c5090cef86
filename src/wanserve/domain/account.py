"""Knows who may ask: accounts, the keys that they own, and what each is allowed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one account may do; `None` in a field means the server's own setting holds."""

    submit_rps: float | None = None
    query_rps: float | None = None
    max_queued: int | None = None
    max_running: int | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """One of the server's clients, with what it may do."""

    name: str
    created_ms: int
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Key:
    """A secret of one account, known only by the SHA-256 of its text (64 hex digits).

    `models` is what it may use, or None for all; `revoked_ms` is set once it counts no more.
    """

    name: str
    account: str
    sha256: str
    created_ms: int
    models: frozenset[str] | None = None
    revoked_ms: int | None = None
    limits: Limits = Limits()

    def may_use(self, model: str) -> bool:
        """Whether this key is entitled to the model."""
        return self.models is None or model in self.models
