"""Signs links to files, and checks them: whether this server gave them out, and whether they have expired."""

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

from wanserve.domain.errors import WanserveError

# Seconds in at most so many digits: enough for 30 million years, and no text becomes a number that takes long to read.
_EXPIRY = re.compile(r"[0-9]{1,15}", re.ASCII)


class LinkInvalid(WanserveError):
    """The link was not given out by this server, or was altered."""

    code = "link_invalid"
    status = 403


class LinkExpired(WanserveError):
    """The link was good once."""

    code = "link_expired"
    status = 403


@dataclass(frozen=True, slots=True)
class LinkSigner:
    """Signs links with one secret; whoever has the same secret can check them."""

    secret: bytes = field(repr=False)

    def query(self, key: str, expires_s: int) -> str:
        """The query that makes a link to `key` good until `expires_s`, in seconds since 1970."""
        return f"expires={expires_s}&signature={self._signature(key, str(expires_s))}"

    def verify(self, key: str, expires_text: str, signature_text: str, now_s: int) -> None:
        """Return where the link is good at `now_s`, in seconds since 1970. Raises LinkInvalid, LinkExpired.

        The texts are as the client sent them: any text at all may come.
        """
        # The texts themselves are signed and compared, so that none of the other ways to write a number or to end a
        # base64 text passes. Bytes, as compare_digest takes no text beyond ASCII.
        expected = self._signature(key, expires_text).encode()
        if not hmac.compare_digest(expected, signature_text.encode("utf-8", "surrogatepass")):
            raise LinkInvalid("The link is not valid.")
        if not _EXPIRY.fullmatch(expires_text):
            raise LinkInvalid("The link is not valid.")
        if now_s >= int(expires_text):
            raise LinkExpired("The link has expired.")

    def _signature(self, key: str, expires_text: str) -> str:
        # With the length of the first text before it, no two pairs make one message.
        message = f"wanserve file\n{len(expires_text)}\n{expires_text}\n{key}"
        digest = hmac.digest(self.secret, message.encode("utf-8", "surrogatepass"), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode()
