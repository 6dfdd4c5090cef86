"""The operations on webhooks, in the name space of OpenAI's dialect. They are not operations of OpenAI's."""

from collections.abc import Collection, Sequence
from typing import Final

from wanserve.domain.webhooks import WebhookEndpoint
from wanserve.http.dialects import openai_docs as docs
from wanserve.http.dialects.base import (
    AddWebhook,
    AnswerContext,
    DialectRequest,
    ListWebhooks,
    RemoveWebhook,
    WebhookOperation,
)
from wanserve.http.dialects.openai_models import (
    DeletedWebhook,
    NewWebhookObject,
    WebhookBody,
    WebhookList,
    WebhookObject,
)
from wanserve.http.dialects.reading import read_json

WEBHOOKS: Final = "/v1/webhooks"


def webhook_operations() -> tuple[WebhookOperation, ...]:
    """The operations."""
    return (
        AddWebhook(method="POST", path=WEBHOOKS, read=read_webhook, write=write_new_webhook, docs=docs.ADD_WEBHOOK),
        ListWebhooks(method="GET", path=WEBHOOKS, write=write_webhooks, docs=docs.LIST_WEBHOOKS),
        RemoveWebhook(
            method="DELETE",
            path=f"{WEBHOOKS}/{{webhook_id}}",
            read=read_webhook_id,
            write=write_removed_webhook,
            docs=docs.REMOVE_WEBHOOK,
        ),
    )


def read_webhook(request: DialectRequest) -> tuple[str, Collection[str] | None]:
    """The URL and the names of the events. Raises InvalidRequest."""
    body = read_json(request, WebhookBody)
    return body.url, body.events


def read_webhook_id(request: DialectRequest) -> str:
    """The id in the path."""
    return request.path_params["webhook_id"]


def write_new_webhook(endpoint: WebhookEndpoint, context: AnswerContext) -> NewWebhookObject:
    """A new webhook, with its secret."""
    return {**_webhook(endpoint), "secret": endpoint.secret}


def write_webhooks(endpoints: Sequence[WebhookEndpoint], task_secret: str, context: AnswerContext) -> WebhookList:
    """All webhooks of the account."""
    return {"object": "list", "data": [_webhook(each) for each in endpoints], "task_secret": task_secret}


def write_removed_webhook(endpoint_id: str, context: AnswerContext) -> DeletedWebhook:
    """The answer to a removal."""
    return {"id": endpoint_id, "object": "webhook.deleted", "deleted": True}


def _webhook(endpoint: WebhookEndpoint) -> WebhookObject:
    return {
        "id": endpoint.id,
        "object": "webhook",
        "url": endpoint.url,
        "events": [event.value for event in endpoint.events],
        "created_at": endpoint.created_ms // 1000,
        "disabled_reason": endpoint.disabled_why,
    }
