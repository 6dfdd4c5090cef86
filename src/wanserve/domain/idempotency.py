"""How a submit that arrives twice is recognised: by the client's idempotency key, or by its count of retries."""

import threading
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Final, NamedTuple

REMEMBERED_PER_ACCOUNT: Final = 1000
"""How many refusals are remembered for one account; the oldest are forgotten first."""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """The client's own name for a submit: two submits with the same key are one."""

    value: str


@dataclass(frozen=True, slots=True)
class RetryCount:
    """How often the client has sent this submit before: 0 for the first try."""

    retries: int


Idempotency = IdempotencyKey | RetryCount | None
"""What a client sends to mark a submit as a repetition; None: it sends nothing."""


@dataclass(frozen=True, slots=True)
class KeyedSubmit:
    """A submit with an idempotency key. `fingerprint` is the SHA-256 of the request.

    The key is valid for `ttl_ms` milliseconds after its first use. A task that ended before `kept_since_ms`
    (milliseconds since 1970) is past its retention: the key does not return it.
    """

    key: str
    fingerprint: str
    ttl_ms: int
    kept_since_ms: int = 0

    @property
    def may_repeat(self) -> bool:
        """Whether it may be the repetition of one that was accepted."""
        return True


@dataclass(frozen=True, slots=True)
class CountedSubmit:
    """A submit whose client counts its retries. `fingerprint` is the SHA-256 of the request.

    The task that was returned to this account's try number `follows` of the same request, within the last
    `window_ms` milliseconds, is the task of this try, number `retries`, and of no other try that follows the same
    number: a client counts the retries of each call anew, so two calls with equal requests look alike, and each must
    get a task of its own. `follows` is None where no earlier try of this call can have been given a task.
    """

    fingerprint: str
    retries: int
    window_ms: int
    follows: int | None

    @property
    def may_repeat(self) -> bool:
        """Whether it may be the repetition of one that was accepted."""
        return self.follows is not None

    def followed_by(self, other: "CountedSubmit") -> bool:
        """Whether the other can be a later try of the same call."""
        return self.fingerprint == other.fingerprint and self.retries == other.follows


SubmitIdentity = KeyedSubmit | CountedSubmit
"""By what a store recognises that it has accepted a submit before."""


class _Refusal(NamedTuple):
    """Until when a refused try is remembered, and which earlier try it followed; see CountedSubmit."""

    until_ms: int
    follows: int | None


@dataclass(slots=True)
class RefusedSubmits:
    """The refused tries of the last minute, in this process. May be used from any thread.

    A client that counts its retries sends a refused submit again with its count one higher, as it does after an answer
    that was lost. Both requests are equal; only the server knows which tries it refused. Two calls with the same
    request may be exchanged: each needs a task, and it does not matter which of them gets which.
    """

    _by_account: defaultdict[str, OrderedDict[tuple[str, int, int], _Refusal]] = field(
        default_factory=lambda: defaultdict(OrderedDict), init=False
    )
    _count: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def note(self, account: str, submit: CountedSubmit, until_ms: int) -> None:
        """Remember until then that this try was refused."""
        with self._lock:
            refused = self._by_account[account]
            self._count += 1
            refused[submit.fingerprint, submit.retries, self._count] = _Refusal(until_ms, submit.follows)
            if len(refused) > REMEMBERED_PER_ACCOUNT:
                refused.popitem(last=False)

    def follows(self, account: str, fingerprint: str, retries: int, now_ms: int) -> int | None:
        """The number of the earlier try whose answer may have been lost before try number `retries`; None if none.

        It is the try before, unless that was refused: then it is what the refused one followed. The refusal is
        forgotten, as one repetition follows one refusal.
        """
        if retries == 0:
            return None
        with self._lock:
            refused = self._by_account.get(account, OrderedDict())
            while refused and next(iter(refused.values())).until_ms < now_ms:
                refused.popitem(last=False)
            found = next((name for name in refused if name[:2] == (fingerprint, retries - 1)), None)
            follows = retries - 1 if found is None else refused.pop(found).follows
            if not refused:
                self._by_account.pop(account, None)
            return follows
