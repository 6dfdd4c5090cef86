"""Authentication: turns the credential of a request into the API key that it belongs to."""

from dataclasses import dataclass

from wanserve.domain.account import Key
from wanserve.keys import Keys


@dataclass(frozen=True, slots=True)
class Authenticator:
    """Finds the key of a credential in the key store."""

    keys: Keys

    def authenticate(self, credential: str | None) -> Key:
        """The key of this credential. Raises MissingKey or InvalidKey."""
        return self.keys.owner(credential)
