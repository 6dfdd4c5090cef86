"""The use cases of browsers' sessions: sign in by a key or by a link, find who is signed in, sign out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from wanserve.domain.account import Key
from wanserve.domain.errors import NotSignedIn, SignInLinkInvalid, StoreUnavailable
from wanserve.domain.ports import SessionStore
from wanserve.keys import Keys, fingerprint

SESSION_SECONDS: Final = 30 * 24 * 3600
"""How long a session is valid."""

LINK_SECONDS: Final = 15 * 60
"""How long a sign-in link is valid."""

SLICE: Final = 200
"""One write removes at most this many sessions, so that submits wait behind it for some milliseconds only."""


@dataclass(frozen=True, slots=True)
class _Link:
    """What a sign-in link is worth: a session of this key, until this reading of the clock."""

    key_sha256: str
    until_s: float


@dataclass(slots=True)
class Sessions:
    """The sessions of browsers. Its methods may be called from any thread, and raise StoreUnavailable.

    `new_secret` gives the text of a fresh token, with at least 192 random bits: so tokens need no slow hash, and looking
    one up by its hash reveals nothing of it. `now_s` is a monotonic clock, for the sign-in links; the store owns the
    clock of the sessions.
    """

    store: SessionStore
    keys: Keys
    new_secret: Callable[[], str]
    now_s: Callable[[], float]
    _links: dict[str, _Link] = field(default_factory=dict, init=False, repr=False)
    """The links that are valid, by the SHA-256 of their tokens. They end with this process."""

    def begin(self, credential: str | None) -> str:
        """Begin a session of the key that was sent, and return its token. Raises MissingKey, InvalidKey."""
        return self._begin(self.keys.owner(credential).sha256)

    def owner(self, token: str | None) -> Key:
        """The key of the session, as it is now.

        Raises NotSignedIn where there is no token, it is unknown or expired, or its key was revoked.
        """
        key = self.store.find(fingerprint(token)) if token else None
        if key is None or key.revoked_ms is not None:
            raise NotSignedIn("this browser is not signed in")
        return key

    def end(self, token: str | None) -> None:
        """End the session; ending one that there is not is no error."""
        if token:
            self.store.remove(fingerprint(token))

    def offer_link(self, key_sha256: str) -> str:
        """The token of a new sign-in link for the key. It is valid once, for LINK_SECONDS, and in this process only."""
        now_s = self.now_s()
        for sha256, link in list(self._links.items()):
            if link.until_s <= now_s:
                self._links.pop(sha256, None)
        token = self.new_secret()
        self._links[fingerprint(token)] = _Link(key_sha256, now_s + LINK_SECONDS)
        return token

    def redeem(self, link: str) -> str:
        """Begin a session by a sign-in link, and return its token.

        Raises SignInLinkInvalid where the link is unknown, was used, has expired, or its key was revoked. A link whose
        session could not be stored may be tried again: nobody has the token of a session that was stored all the same.
        """
        sha256 = fingerprint(link)
        # The pop decides between threads that redeem one link at once: only one of them gets it.
        offered = self._links.pop(sha256, None)
        if offered is None or offered.until_s <= self.now_s():
            raise SignInLinkInvalid("this sign-in link was used or has expired")
        try:
            (key,) = self.keys.store.find_keys([offered.key_sha256])
            if key is not None and key.revoked_ms is None:
                return self._begin(key.sha256)
        except StoreUnavailable:
            self._links[sha256] = offered
            raise
        raise SignInLinkInvalid("the key of this sign-in link was revoked")

    def forget_expired(self) -> None:
        """Remove the sessions that have expired, slice by slice."""
        while self.store.forget_expired(SLICE) == SLICE:
            pass

    def _begin(self, key_sha256: str) -> str:
        token = self.new_secret()
        self.store.add(fingerprint(token), key_sha256, SESSION_SECONDS)
        return token
