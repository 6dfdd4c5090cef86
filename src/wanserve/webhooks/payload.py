"""The body of a message: what it tells of a task that has ended. It has nothing of the prompt."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from uuid import UUID, uuid5

from wanserve.domain.task import State, Task
from wanserve.domain.webhooks import TEST_EVENT, Delivery, EventType

Format = Literal["standard", "cloudevents"]
"""The form of the body: that of Standard Webhooks, or that of CloudEvents 1.0 with DashScope's names."""

MESSAGE_CHARACTERS: Final = 1000
URL_CHARACTERS: Final = 6000
"""A failure's message is cut, and a longer link left out: a body stays under 20 KB, also where all of it is escaped."""

_STATES: Final[dict[EventType, State]] = {
    EventType.COMPLETED: State.SUCCEEDED,
    EventType.FAILED: State.FAILED,
    EventType.CANCELED: State.CANCELED,
}
_REQUEST_IDS: Final = UUID("5b0f7d56-6f4c-4f5e-9a43-5d6f6b7d0c11")
"""The name space of the request ids that CloudEvents carry: a message has the same one in every try."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message that is ready to be signed."""

    id: str
    body: bytes
    content_type: str = "application/json"


def message(delivery: Delivery, task: Task | None, url: str | None, form: Format) -> Message:
    """The message of a delivery. `task` is None where it was deleted since, `url` is the link to its video."""
    match form:
        case "standard":
            return Message(delivery.id, _json(_standard(delivery, task, url)))
        case "cloudevents":
            return Message(delivery.id, _json(_cloud_event(delivery, task)), "application/cloudevents+json")


def ping_message(message_id: str, now_ms: int) -> Message:
    """The message that only shows whether an endpoint can be reached."""
    return Message(message_id, _json({"type": TEST_EVENT, "timestamp": _iso(now_ms), "data": {}}))


def _standard(delivery: Delivery, task: Task | None, url: str | None) -> dict[str, object]:
    failed = delivery.event is EventType.FAILED
    error = {"code": delivery.failure_code, "message": (delivery.failure_message or "")[:MESSAGE_CHARACTERS]}
    return {
        "type": delivery.event,
        "timestamp": _iso(delivery.created_ms),
        "data": {
            "id": f"video_{delivery.task_id.replace('-', '')}",
            "task_id": delivery.task_id,
            "state": _STATES[delivery.event].lower(),
            "model": delivery.model,
            "created_at": None if task is None else task.submitted_ms // 1000,
            "completed_at": delivery.created_ms // 1000,
            "error": error if failed else None,
            "url": None if url is None or len(url) > URL_CHARACTERS else url,
        },
    }


def _cloud_event(delivery: Delivery, task: Task | None) -> dict[str, object]:
    """By DashScope's description of its events for EventBridge: the result itself is not in them."""
    return {
        "specversion": "1.0",
        "id": delivery.id,
        "source": "acs.dashscope",
        "type": "dashscope:System:AsyncTaskFinish",
        "time": _iso(delivery.created_ms),
        "datacontenttype": "application/json",
        "data": {
            "task_id": delivery.task_id,
            "task_status": _STATES[delivery.event].value,
            "start_time": _plain_time(delivery.created_ms if task is None else task.started_ms or task.submitted_ms),
            "end_time": _plain_time(delivery.created_ms),
            "region": "",
            "request_id": str(uuid5(_REQUEST_IDS, delivery.id)),
            "api_key_id": "",
            "user_api_unique_key": "",
            "contain_result": False,
        },
    }


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain_time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
