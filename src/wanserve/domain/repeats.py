"""Remembers the tries of submits that were refused, so that their repeats are known to be new work."""

import threading
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from wanserve.domain.task import Counted

MOST_OF_AN_ACCOUNT: Final = 1000
"""Refusals that are remembered of one account; beyond it the oldest are forgotten."""


class _Refusal(NamedTuple):
    """Until when a refused try is remembered, and which earlier try it followed; see Counted."""

    until_ms: int
    follows: int | None


@dataclass(slots=True)
class Refusals:
    """The refused tries of the last minute, in this process. May be asked and told from any thread.

    A client that counts its tries sends a refused submit again with its count one higher, as it does after an answer
    that was lost. What it sends is the same in both cases; only the server knows which tries it refused. Two calls for
    the same may be exchanged: each needs a task, and it does not matter which of them gets which.
    """

    _by_account: defaultdict[str, OrderedDict[tuple[str, int, int], _Refusal]] = field(
        default_factory=lambda: defaultdict(OrderedDict), init=False
    )
    _count: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def note(self, account: str, once: Counted, until_ms: int) -> None:
        """Remember until then that this try was refused."""
        with self._lock:
            refused = self._by_account[account]
            self._count += 1
            refused[once.fingerprint, once.retries, self._count] = _Refusal(until_ms, once.follows)
            if len(refused) > MOST_OF_AN_ACCOUNT:
                refused.popitem(last=False)

    def follows(self, account: str, fingerprint: str, retries: int, now_ms: int) -> int | None:
        """Which earlier try the answer to try number `retries` may have been lost of; None: of none.

        It is the try before, unless that was refused: then what that one followed, and the refusal is forgotten, as
        one repeat follows one refusal.
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
