"""Sends one message to one URL: one try, which ends within its time whatever the receiver does."""

import asyncio
import logging
import re
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

import httpx

from wanserve.domain.errors import InvalidRequest
from wanserve.domain.webhooks import Address, Tried, checked_url, signed_headers
from wanserve.webhooks.addresses import PrivateAddress, Resolve, checked_addresses, resolve
from wanserve.webhooks.payload import Message

TRY_SECONDS: Final = 15.0
"""How long a try may take, from the look-up of the host to the end of the answer."""

CONNECT_SHARE: Final = 1 / 3
"""The part of a try's time that connecting to one address may take: then the next one is tried."""

ANSWER_BYTES: Final = 4096
ANSWER_SECONDS: Final = 1.0
"""How much of an answer's body is read, and for how long. Nothing in it matters; a receiver may want to finish it."""

ADDRESSES_MAX: Final = 4
"""How many addresses of a host are tried, in the order of the resolver, until one can be connected to."""

PORTS: Final = {"https": 443, "http": 80}


def _seconds() -> int:
    return int(time.time())


@dataclass(slots=True)
class Sender:
    """Sends messages. Use it in one event loop, and close it there.

    Each try has a connection of its own: one that was opened for another host at the same address was checked with that
    host's certificate. `clock` gives the seconds since 1970 of the timestamps.
    """

    allow_private: bool
    user_agent: str
    try_s: float = TRY_SECONDS
    look_up: Resolve = resolve
    clock: Callable[[], int] = _seconds
    tls: ssl.SSLContext = field(default_factory=httpx.create_ssl_context)
    _client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        # It logs the URL of every request, whose query may have a secret of the receiver.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._client = httpx.AsyncClient(
            verify=self.tls,
            # No proxy of the environment: it would connect where this process must not.
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(None, connect=self.try_s * CONNECT_SHARE),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )

    async def close(self) -> None:
        """Close what is open."""
        await self._client.aclose()

    async def send(self, url: str, message: Message, secrets: Sequence[str]) -> Tried:
        """Try once. Everything that goes wrong at the receiver is in the result."""
        try:
            async with asyncio.timeout(self.try_s):
                return await self._try(url, message, secrets)
        except TimeoutError:
            return Tried(None, f"no answer within {self.try_s:g} seconds")
        except InvalidRequest as error:
            # The rules may have changed since the URL was stored.
            return Tried(None, f"the URL {error.problem}")
        except PrivateAddress as error:
            return Tried(None, str(error))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # The text of the library may have the URL in it.
            return Tried(None, f"the receiver cannot be reached: {type(error).__name__}{_tls_reason(error)}")
        except (OSError, ssl.SSLError) as error:
            return Tried(None, str(error) or type(error).__name__)

    async def _try(self, url: str, message: Message, secrets: Sequence[str]) -> Tried:
        parts = urlsplit(checked_url("url", url, allow_private=self.allow_private))
        host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
        addresses = await checked_addresses(host, port, self.look_up, allow_private=self.allow_private)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        headers = signed_headers(secrets, message.id, self.clock(), message.body) | {
            "host": parts.netloc,
            "user-agent": self.user_agent,
            "content-type": message.content_type,
        }
        refused: httpx.TransportError | None = None
        for address in addresses[:ADDRESSES_MAX]:
            # To exactly the address that was checked; the certificate must be the host's.
            request = self._client.build_request(
                "POST",
                f"{parts.scheme}://{_literal(address)}:{port}{target}",
                content=message.body,
                headers=headers,
                extensions={"sni_hostname": host},
            )
            try:
                return await self._answer(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                refused = error
        assert refused is not None, "there is at least one address"
        raise refused

    async def _answer(self, request: httpx.Request) -> Tried:
        answer = await self._client.send(request, stream=True)
        try:
            with suppress(TimeoutError, httpx.HTTPError):
                async with asyncio.timeout(ANSWER_SECONDS):
                    await _read_some(answer)
        finally:
            await answer.aclose()
        return _judged(answer, self.clock())


async def _read_some(answer: httpx.Response) -> None:
    size = 0
    async for chunk in answer.aiter_raw():
        size += len(chunk)
        if size >= ANSWER_BYTES:
            return


def _judged(answer: httpx.Response, now_s: int) -> Tried:
    status = answer.status_code
    if answer.is_success:
        return Tried(status)
    if 300 <= status < 400:
        return Tried(status, f"the receiver answered {status}: redirects are not followed")
    return Tried(status, f"the receiver answered {status}", retry_after_s(answer.headers.get("retry-after"), now_s))


def retry_after_s(text: str | None, now_s: int) -> float | None:
    """The seconds that a Retry-After header asks for, which has a number or a date; None where it has neither."""
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text.strip()):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_s)
    except (ValueError, OverflowError):
        return None


def _literal(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


def _tls_reason(error: Exception) -> str:
    """What TLS said, which has no more of the URL than its host; or nothing."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f" ({cause.verify_message})"
        cause = cause.__cause__ or cause.__context__
    return ""
