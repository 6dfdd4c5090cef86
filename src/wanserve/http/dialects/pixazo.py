"""The document's own dialect: `/wan-video/v1/generateTextToVideoRequest` and its polling path.

Answers hold exactly the document's keys. Errors hold its `error` text and beside it the keys that an API gateway
(`statusCode`, `message`) and DashScope (`code`, `message`, `request_id`) send, so that a client which reads any one
of them is right.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import ClassVar, Final

from pydantic import BaseModel

from wanserve.domain.catalog import Size
from wanserve.domain.errors import (
    InvalidKey,
    InvalidRequest,
    MissingKey,
    ModelDenied,
    QueueFull,
    RateLimited,
    TaskNotFound,
    WanserveError,
)
from wanserve.domain.rules import VideoRequest
from wanserve.domain.task import State, Task
from wanserve.http.dialects import pixazo_about as about
from wanserve.http.dialects.base import (
    EndpointNotFound,
    Incoming,
    Json,
    MethodNotAllowed,
    Operation,
    Outgoing,
    Query,
    Refusal,
    Submit,
    read_json,
)

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
KEY_QUERY: Final = "subscription-key"

BEIJING: Final = datetime(1970, 1, 1, 8)  # noqa: DTZ001  # the document's times have no zone
"""The start of 1970 on the document's clock: its times carry no zone and are eight hours ahead of UTC."""

QUEUE_RETRY_SECONDS: Final = 15
"""The vendor's own advice for the time between two polls: sooner, a full queue is hardly shorter."""

_SIZE: Final = re.compile(r"([1-9]\d{0,4})\*([1-9]\d{0,4})", re.ASCII)

_FIELDS: Final = {
    "prompt": "input.prompt",
    "negative_prompt": "input.negative_prompt",
    "size": "parameters.size",
    "count": "parameters.n",
    "seed": "parameters.seed",
}
"""Where the document puts a VideoRequest's fields."""

_ERRORS: Final[dict[type[WanserveError], tuple[int, str, str]]] = {
    InvalidRequest: (400, "Invalid request parameters", "InvalidParameter"),
    MissingKey: (401, "Invalid or missing authentication", "InvalidApiKey"),
    InvalidKey: (401, "Invalid or missing authentication", "InvalidApiKey"),
    ModelDenied: (403, "Access denied for this operation", "Model.AccessDenied"),
    TaskNotFound: (404, "Task not found", "NotFound"),
    EndpointNotFound: (404, "Endpoint not found", "NotFound"),
    MethodNotAllowed: (404, "Endpoint not found", "NotFound"),
    RateLimited: (429, "Rate limit exceeded, please retry later", "Throttling.RateQuota"),
    QueueFull: (429, "Rate limit exceeded, please retry later", "Throttling.AllocationQuota"),
}
_BY_STATUS: Final = {
    403: (403, "Access denied for this operation", "AccessDenied"),
    404: (404, "Endpoint not found", "NotFound"),
}
"""For errors of parts that this dialect does not know, such as an expired link."""

_OURS: Final = (500, "An unexpected error occurred, please try again later", "InternalError")

_MESSAGES: Final[dict[type[WanserveError], str]] = {
    MissingKey: "Access denied due to missing subscription key."
    " Make sure to include subscription key when making requests to an API.",
    InvalidKey: "Access denied due to invalid subscription key."
    " Make sure to provide a valid key for an active subscription.",
    EndpointNotFound: "Resource not found",
    MethodNotAllowed: "Resource not found",
}
"""What a gateway says in `message`; every other error says its own line."""


class _Input(BaseModel):
    prompt: str
    negative_prompt: str | None = None


class _Parameters(BaseModel):
    size: str | None = None
    n: int | None = None
    seed: int | None = None
    prompt_extend: bool | None = None
    watermark: bool | None = None


class _SubmitBody(BaseModel):
    model: str
    input: _Input
    parameters: _Parameters | None = None


class _PollBody(BaseModel):
    task_id: str


class Pixazo:
    """The dialect of `wan-t2v-api.md`. Decisions where the document contradicts itself: docs/compatibility.md."""

    name: ClassVar[str] = "pixazo"
    prefixes: ClassVar[Sequence[str]] = ("/",)
    security: ClassVar[Mapping[str, Json]] = {
        "subscriptionKey": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
        "subscriptionKeyQuery": {"type": "apiKey", "in": "query", "name": KEY_QUERY},
    }

    def __init__(self) -> None:
        self.operations: Sequence[Operation] = (
            Submit("/wan-video/v1/generateTextToVideoRequest", read_submit, write_accepted, about.SUBMIT),
            Query("/wan-video-polling/getTextToVideoResult", read_poll, write_result, about.POLL),
        )

    def credential(self, incoming: Incoming) -> str | None:
        """The header first, as the gateway looks; then the query."""
        return incoming.headers.get(KEY_HEADER) or incoming.query.get(KEY_QUERY)

    def refuse(self, error: WanserveError, request_id: str) -> Refusal:
        """See Dialect."""
        status, text, code = _ERRORS.get(type(error)) or _BY_STATUS.get(error.status, _OURS)
        message = _MESSAGES.get(type(error), str(error)) if status < 500 else text
        headers = {}
        body: dict[str, object] = {"error": text, "statusCode": status, "message": message, "code": code}
        body["request_id"] = request_id
        match error:
            case InvalidRequest():
                body["message"] = f"{_FIELDS.get(error.field, error.field)}: {error.problem}"
            case TaskNotFound():
                body["output"] = {"task_id": error.task_id, "task_status": "UNKNOWN"}
            case RateLimited():
                headers["Retry-After"] = str(error.retry_after_s)
            case QueueFull():
                headers["Retry-After"] = str(QUEUE_RETRY_SECONDS)
            case _:
                pass
        return Refusal(status, body, headers)


def read_submit(incoming: Incoming) -> VideoRequest:
    """The document's request. Raises InvalidRequest."""
    body = read_json(incoming, _SubmitBody)
    parameters = body.parameters or _Parameters()
    return VideoRequest(
        model=body.model,
        prompt=body.input.prompt,
        negative_prompt=body.input.negative_prompt,
        size=None if parameters.size is None else read_size(parameters.size),
        count=parameters.n,
        seed=parameters.seed,
        prompt_extend=parameters.prompt_extend,
    )


def read_size(text: str) -> Size:
    """Width and height of "W*H". Raises InvalidRequest."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidRequest("size", 'must be "width*height", such as "1280*720"')
    return int(match[1]), int(match[2])


def read_poll(incoming: Incoming) -> str:
    """The id of the task that is asked for. Raises InvalidRequest."""
    task_id = read_json(incoming, _PollBody).task_id
    if not 0 < len(task_id) <= 128:
        raise InvalidRequest("task_id", "must be the id that the submit answered")
    return task_id


def write_accepted(task: Task, outgoing: Outgoing) -> Json:
    """The answer to a submit."""
    return {"request_id": outgoing.request_id, "output": {"task_id": task.id, "task_status": task.state}}


def write_result(task: Task, outgoing: Outgoing) -> Json:
    """The answer to a poll; `usage` and the video's keys only where there is a video."""
    output: dict[str, object] = {"task_id": task.id, "task_status": task.state, "submit_time": clock(task.submitted_ms)}
    if task.started_ms is not None:
        output["scheduled_time"] = clock(task.started_ms)
    if task.ended_ms is not None:
        output["end_time"] = clock(task.ended_ms)
    if task.failure is not None:
        output["code"] = "InternalError.Timeout" if task.failure.code == "stalled" else "InternalError.Algo"
        output["message"] = task.failure.message
    body: dict[str, object] = {"request_id": outgoing.request_id, "output": output}
    if task.state is State.SUCCEEDED:
        made = task.generation
        # Never empty: where nobody wrote the prompt out, the original is what was drawn.
        actual = (task.video and task.video.actual_prompt) or made.prompt
        output |= {"video_url": outgoing.video_url, "orig_prompt": made.prompt, "actual_prompt": actual}
        body["usage"] = {
            "video_duration": round(made.seconds),
            "video_ratio": f"{made.width}*{made.height}",
            "video_count": 1,
        }
    return body


@lru_cache(maxsize=4096)
def clock(time_ms: int) -> str:
    """Milliseconds since 1970, UTC, as the document writes a time: `2025-09-06 18:03:09.999`, eight hours ahead.

    Remembered, because a task is polled over and over.
    """
    return (BEIJING + timedelta(milliseconds=time_ms)).isoformat(" ", "milliseconds")
