"""Sends one message that only shows whether an endpoint can be reached."""

import asyncio
import uuid

from wanserve import __version__
from wanserve.domain.webhooks import Tried, WebhookEndpoint
from wanserve.webhooks.payload import ping_message
from wanserve.webhooks.sender import Sender


def ping(endpoint: WebhookEndpoint, now_ms: int, *, allow_private: bool) -> Tried:
    """Try once, from this process. Must not be called inside an event loop."""
    return asyncio.run(_ping(endpoint, now_ms, allow_private=allow_private))


async def _ping(endpoint: WebhookEndpoint, now_ms: int, *, allow_private: bool) -> Tried:
    sender = Sender(allow_private, f"wanserve/{__version__}")
    try:
        message = ping_message(f"msg_{uuid.uuid4().hex}", now_ms)
        return await sender.send(endpoint.url, message, endpoint.secrets(now_ms))
    finally:
        await sender.close()
