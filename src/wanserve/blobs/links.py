"""Signs links to files, and checks the signature and the expiry of links."""

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from wanserve.domain.errors import WanserveError

# At most so many digits of seconds: enough for 30 million years, and few enough to parse at once.
_EXPIRY = re.compile(r"[0-9]{1,15}", re.ASCII)


class LinkInvalid(WanserveError):
    """The link was not made by this server, or was altered."""

    code = "link_invalid"
    status = 403


class LinkExpired(WanserveError):
    """The link has expired."""

    code = "link_expired"
    status = 403


@dataclass(frozen=True, slots=True)
class LinkSigner:
    """Signs and checks links with one secret."""

    secret: bytes = field(repr=False)

    def query(self, key: str, expires_s: int) -> str:
        """The query of a link to `key` that is valid until `expires_s`, in seconds since 1970."""
        return f"expires={expires_s}&signature={self._signature(key, str(expires_s))}"

    def verify(self, key: str, expires_text: str, signature_text: str, now_s: int) -> None:
        """Check that the link is valid at `now_s`, in seconds since 1970. Raises LinkInvalid, LinkExpired.

        The texts are as the client sent them, and may be any text.
        """
        # The texts themselves are signed and compared, so that no other notation of the same number or signature passes.
        # As bytes, because compare_digest takes no text beyond ASCII.
        expected = self._signature(key, expires_text).encode()
        if not hmac.compare_digest(expected, signature_text.encode("utf-8", "surrogatepass")):
            raise LinkInvalid("The link is not valid.")
        if not _EXPIRY.fullmatch(expires_text):
            raise LinkInvalid("The link is not valid.")
        if now_s >= int(expires_text):
            raise LinkExpired("The link has expired.")

    def _signature(self, key: str, expires_text: str) -> str:
        # The length of the first text is part of the message, so that no two pairs of texts give the same message.
        message = f"wanserve file\n{len(expires_text)}\n{expires_text}\n{key}"
        digest = hmac.digest(self.secret, message.encode("utf-8", "surrogatepass"), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode()
