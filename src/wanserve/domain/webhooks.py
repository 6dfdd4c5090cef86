"""A webhook: who wants to be told of which event, the messages that wait to be sent, their signatures and their retries.

The form is that of Standard Webhooks (https://www.standardwebhooks.com), version 1.
"""

import base64
import hmac
import re
import socket
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final
from urllib.parse import urlsplit

from wanserve.domain.errors import InvalidRequest

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how every secret begins, and none itself
SECRET_BYTES: Final = 32
URL_CHARACTERS: Final = 2000
ENDPOINTS_MAX: Final = 16
"""How many endpoints an account may have: each of them gets a row for each video."""

ROTATION_MS: Final = 24 * 3600 * 1000
"""How long both secrets sign after a rotation."""

RETRY_SECONDS: Final = (5, 30, 120, 600, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600, 8 * 3600)
"""The pauses between two tries of a delivery, without their jitter: 24 hours in all."""

JITTER: Final = 0.2
"""By how much of itself a pause may be longer or shorter, so that what failed together is not tried again together."""

RETRY_AFTER_SECONDS_MAX: Final = 4 * 3600
"""A receiver that asks for a longer pause gets this one."""

FAILING_MS_MAX: Final = 3 * 24 * 3600 * 1000
"""An endpoint at which nothing but failures happened for so long is disabled."""

GONE: Final = 410
"""The status by which a receiver says that it wants no more messages."""

_URL: Final = re.compile(r"[!-~]+")
_NOT_IN_URLS: Final = frozenset('\\"<>^`{|}')
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_EMBEDS_IPV4: Final = IPv6Network("64:ff9b::/96")
"""NAT64's prefix: the last 32 bits are an IPv4 address that a translator connects to."""

Address = IPv4Address | IPv6Address


class EventType(StrEnum):
    """What a webhook can tell: how a video has ended."""

    COMPLETED = "video.completed"
    FAILED = "video.failed"
    CANCELED = "video.canceled"


TEST_EVENT: Final = "webhook.test"
"""The type of the message that `wanserve webhooks test` sends."""


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """A URL of an account that is told of some events. Times are milliseconds since 1970, UTC.

    After a rotation `old_secret` also signs, until `old_until_ms`. `disabled_ms` is since when it is told nothing, and
    `disabled_why` the reason. `failing_since_ms` is the first of the failures since its last success.
    """

    id: str
    account: str
    url: str
    events: tuple[EventType, ...]
    secret: str = field(repr=False)
    created_ms: int
    old_secret: str | None = field(default=None, repr=False)
    old_until_ms: int | None = None
    disabled_ms: int | None = None
    disabled_why: str | None = None
    failing_since_ms: int | None = None

    def secrets(self, now_ms: int) -> tuple[str, ...]:
        """The secrets that sign at this time."""
        return signing_secrets(self.secret, self.old_secret, self.old_until_ms, now_ms=now_ms)


def signing_secrets(secret: str, old_secret: str | None, old_until_ms: int | None, *, now_ms: int) -> tuple[str, ...]:
    """The secrets that sign at this time: the present one, and the one before it until its time is over."""
    if old_secret is None or (old_until_ms or 0) <= now_ms:
        return (secret,)
    return secret, old_secret


class DeliveryState(StrEnum):
    """The state of a delivery. A pending one is tried until it is delivered or its tries are used up."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the outbox: one message to one URL about the end of one task. Times are milliseconds since 1970, UTC.

    `id` is the id of the message, the same in every try. `endpoint_id` is None where the URL came with the task; then
    `url` is that one. `destination` is what shares its tries: an endpoint, or an account's URLs on one host. `model`,
    `failure_code` and `failure_message` are the task's, for when the task itself is gone. `status` and `error` are of
    the last try.
    """

    id: str
    task_id: str
    account: str
    event: EventType
    endpoint_id: str | None
    url: str | None
    destination: str
    model: str
    failure_code: str | None
    failure_message: str | None
    created_ms: int
    state: DeliveryState = DeliveryState.PENDING
    tries: int = 0
    next_ms: int | None = None
    tried_ms: int | None = None
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Tried:
    """How a try ended: the receiver's status, or why there is none, and the pause that the receiver asked for."""

    status: int | None
    error: str | None = None
    retry_after_s: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver has the message."""
        return self.error is None

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more messages."""
        return self.status == GONE


def pause_ms(tries: int, chance: float, retry_after_s: float | None) -> int | None:
    """The pause before the next try after `tries` failed ones, or None where they are used up.

    `chance` is a random number from 0 to 1. A receiver's Retry-After makes a pause longer, never shorter.
    """
    if tries > len(RETRY_SECONDS):
        return None
    planned_s = RETRY_SECONDS[tries - 1] * (1 - JITTER + 2 * JITTER * chance)
    return round(1000 * max(planned_s, min(retry_after_s or 0.0, RETRY_AFTER_SECONDS_MAX)))


def has_failed_for_long(failing_since_ms: int | None, now_ms: int) -> bool:
    """Whether an endpoint has failed for so long that it is to be disabled."""
    return failing_since_ms is not None and now_ms - failing_since_ms >= FAILING_MS_MAX


def secret_text(random: bytes) -> str:
    """The text of a secret with these random bytes."""
    return SECRET_PREFIX + base64.b64encode(random).decode()


def signature(secret: str, message_id: str, timestamp_s: int, body: bytes) -> str:
    """One signature of a message. Raises ValueError where the secret is not one."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        raise ValueError("the secret of a webhook is damaged") from None
    signed = hmac.digest(key, f"{message_id}.{timestamp_s}.".encode() + body, sha256)
    return f"v1,{base64.b64encode(signed).decode()}"


def signed_headers(secrets: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers that sign a message, with one signature for each secret."""
    signatures = [signature(secret, message_id, timestamp_s, body) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(signatures),
    }


def read_events(names: Collection[str] | None) -> tuple[EventType, ...]:
    """The events of these names, in the order of their declaration; all of them where None. Raises InvalidRequest."""
    if names is None:
        return tuple(EventType)
    known = [event.value for event in EventType]
    for name in names:
        if name not in known:
            raise InvalidRequest("events", f"{name[:50]!r} is not one of {', '.join(known)}")
    if not names:
        raise InvalidRequest("events", "must name at least one event, or be left out for all")
    return tuple(event for event in EventType if event.value in names)


def checked_url(field: str, url: str, *, allow_private: bool) -> str:
    """The URL, with a path. Raises InvalidRequest with the field and the rule where messages may not be sent there.

    A name is not resolved here: what it leads to is checked before each try.
    """
    if len(url) > URL_CHARACTERS:
        raise InvalidRequest(field, f"must be at most {URL_CHARACTERS} characters long")
    if not _URL.fullmatch(url) or _NOT_IN_URLS & set(url):
        raise InvalidRequest(field, "must be a URL of ASCII characters without blanks")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidRequest(field, "must be a URL with a host, and perhaps a port from 1 to 65535") from None
    _check_scheme(field, parts.scheme, allow_private=allow_private)
    if "@" in parts.netloc:
        raise InvalidRequest(field, "must have no user name and no password")
    if "#" in url:
        raise InvalidRequest(field, "must have no fragment (#)")
    _check_host(field, parts.netloc, port, allow_private=allow_private)
    return url if parts.path else parts._replace(path="/").geturl()


def _check_scheme(field: str, scheme: str, *, allow_private: bool) -> None:
    if scheme not in ("https", "http"):
        raise InvalidRequest(field, "must begin with https://")
    if scheme == "http" and not allow_private:
        raise InvalidRequest(field, "must begin with https://, as this server does not allow http://")


def _check_host(field: str, netloc: str, port: int | None, *, allow_private: bool) -> None:
    host = re.sub(r":\d*$", "", netloc)
    if not _HOST.fullmatch(host) or port == 0:
        raise InvalidRequest(field, "must be a URL with a host, and perhaps a port from 1 to 65535")
    if allow_private:
        return
    literal = literal_address(host.strip("[]"))
    local = host.rstrip(".").lower()
    if local == "localhost" or local.endswith(".localhost") or (literal is not None and not is_public(literal)):
        raise InvalidRequest(field, "must not be a private or local address")


def literal_address(host: str) -> Address | None:
    """The address that a host spells out, also as C libraries read it (`0x7f.1`, `2130706433`, `0177.0.0.1`); or None."""
    with suppress(ValueError):
        return ip_address(host)
    try:
        return IPv4Address(socket.inet_aton(host.rstrip(".")))
    except (OSError, UnicodeEncodeError):
        return None


def is_public(address: Address) -> bool:
    """Whether this is an address of the public Internet, also where an IPv6 address stands for an IPv4 address."""
    if isinstance(address, IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour
        if address in _EMBEDS_IPV4:
            embedded = IPv4Address(int(address) & 0xFFFF_FFFF)
        if embedded is not None:
            return is_public(embedded)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
