"""Recognises submits that arrive twice: by the client's idempotency key, or by its count of retries."""

import json
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Final, assert_never

from wanserve.domain.errors import InvalidRequest, StoreUncertain
from wanserve.domain.idempotency import (
    CountedSubmit,
    Idempotency,
    IdempotencyKey,
    KeyedSubmit,
    RetryCount,
    SubmitIdentity,
)
from wanserve.domain.ports import Clock, Refusals
from wanserve.domain.rules import SubmitRequest
from wanserve.domain.task import Task

IDEMPOTENCY_KEY_CHARACTERS: Final = 255

RETRIES_MAX: Final = 1_000_000
"""A client that claims to have retried more often is treated as one that does not count its retries."""

_LATER: Final = frozenset(("webhook_url", "profile", "loras"))
"""The fields of a request that earlier versions did not have."""


@dataclass(frozen=True, slots=True)
class Repeats:
    """Tells which submits may be repetitions, and remembers those that were refused.

    `kept_since_ms` gives the time before which ended tasks are past their retention. `ttl_ms` and `window_ms` are those
    of KeyedSubmit and CountedSubmit.
    """

    refused: Refusals
    now_ms: Clock
    kept_since_ms: Clock
    ttl_ms: int
    window_ms: int

    def identity(self, account: str, request: SubmitRequest, idempotency: Idempotency) -> SubmitIdentity | None:
        """By what the store recognises this submit. Raises InvalidRequest for an idempotency key that is none."""
        match idempotency:
            case None:
                return None
            case IdempotencyKey(value):
                if not 0 < len(value) <= IDEMPOTENCY_KEY_CHARACTERS or not value.isascii() or not value.isprintable():
                    problem = f"must be 1 to {IDEMPOTENCY_KEY_CHARACTERS} printable ASCII characters"
                    raise InvalidRequest("Idempotency-Key", problem)
                return KeyedSubmit(value, fingerprint(request), self.ttl_ms, self.kept_since_ms())
            case RetryCount(retries):
                if retries > RETRIES_MAX:
                    return None
                same = fingerprint(request)
                follows = self.refused.follows(account, same, retries, self.now_ms())
                return CountedSubmit(same, retries, self.window_ms, follows)
            case _:
                assert_never(idempotency)

    def note_refused(self, account: str, request: SubmitRequest, idempotency: Idempotency) -> None:
        """Remember that a submit was refused: its repetition is new work, not an earlier task's."""
        identity = self.identity(account, request, idempotency) if isinstance(idempotency, RetryCount) else None
        if isinstance(identity, CountedSubmit):
            self._note(account, identity)

    def note_if_refused(self, account: str, submit: CountedSubmit, added: Future[Task]) -> None:
        """Remember a try that stored nothing, also one whose client went away before it was written."""
        error = None if added.cancelled() else added.exception()
        if added.cancelled() or (error is not None and not isinstance(error, StoreUncertain)):
            self._note(account, submit)

    def _note(self, account: str, submit: CountedSubmit) -> None:
        self.refused.note(account, submit, self.now_ms() + self.window_ms)


def fingerprint(request: SubmitRequest) -> str:
    """The SHA-256 of the request as it was sent, before any default is filled in, as 64 hex digits."""
    # Without the later fields where they are not sent: the fingerprints of earlier versions are stored.
    sent = {name: value for name, value in asdict(request).items() if name not in _LATER or value not in (None, ())}
    return sha256(json.dumps([sent, None]).encode()).hexdigest()
