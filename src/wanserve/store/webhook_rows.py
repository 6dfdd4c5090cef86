"""Converts webhook endpoints and deliveries to rows and back, for every SQL store."""

import json
from typing import Final

from wanserve.domain.webhooks import Delivery, DeliveryState, EventType, WebhookEndpoint
from wanserve.store.rows import Fetched

ENDPOINT_COLUMNS: Final = "id, account, url, events, secret, created_ms, old_secret, old_until_ms, disabled_ms, disabled_why, failing_since_ms"


def events_text(events: tuple[EventType, ...]) -> str:
    """The value of an endpoint's column `events`. The triggers look for an event's name in quotation marks in it."""
    return json.dumps(events)


def read_endpoint(row: Fetched) -> WebhookEndpoint:
    """The endpoint whose ENDPOINT_COLUMNS are in `row`."""
    endpoint_id, account, url, events, *rest = row
    return WebhookEndpoint(endpoint_id, account, url, tuple(EventType(name) for name in json.loads(events)), *rest)


DELIVERY_COLUMNS: Final = (
    "id, task_id, account, event, endpoint_id, url, destination, model, failure_code, failure_message, created_ms,"
    " state, tries, next_ms, tried_ms, status, error"
)


def read_delivery(row: Fetched) -> Delivery:
    """The delivery whose DELIVERY_COLUMNS are in `row`."""
    delivery_id, task_id, account, event, endpoint_id, url, destination, model, code, message, created_ms, *rest = row
    state, *last = rest
    return Delivery(
        delivery_id,
        task_id,
        account,
        EventType(event),
        endpoint_id,
        url,
        destination,
        model,
        code,
        message,
        created_ms,
        DeliveryState(state),
        *last,
    )
