"""The sessions of browsers in memory: the same contract as the SQL stores, for tests."""

from wanserve.domain.account import Key
from wanserve.domain.ports import Clock
from wanserve.store.memory_keys import MemoryKeys


class MemorySessions:
    """The SessionStore in a dict. `keys` are those that the sessions are of."""

    def __init__(self, keys: MemoryKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._sessions: dict[str, tuple[str, int]] = {}
        """The SHA-256 of the key, and when the session expires, by the session's own."""

    def add(self, sha256: str, key_sha256: str, seconds: float) -> None:
        """See SessionStore."""
        self._sessions.setdefault(sha256, (key_sha256, self._clock() + round(seconds * 1000)))

    def find(self, sha256: str) -> Key | None:
        """See SessionStore."""
        key_sha256, expires_ms = self._sessions.get(sha256, ("", 0))
        return self._keys.find_keys([key_sha256])[0] if expires_ms > self._clock() else None

    def remove(self, sha256: str) -> None:
        """See SessionStore."""
        self._sessions.pop(sha256, None)

    def forget_expired(self, limit: int) -> int:
        """See SessionStore."""
        now_ms = self._clock()
        ends = sorted((expires_ms, sha256) for sha256, (_, expires_ms) in list(self._sessions.items()))
        old = [sha256 for expires_ms, sha256 in ends if expires_ms <= now_ms][:limit]
        for sha256 in old:
            self.remove(sha256)
        return len(old)
