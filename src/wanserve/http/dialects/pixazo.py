"""The document's own dialect: `/wan-video/v1/generateTextToVideoRequest` and its polling path.

Answers hold exactly the document's keys. Errors hold its `error` text and beside it the keys that an API gateway
(`statusCode`, `message`) and DashScope (`code`, `message`, `request_id`) send, so that a client which reads any one
of them is right.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel

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
    AnswerContext,
    DialectRequest,
    EndpointNotFound,
    JsonObject,
    MethodNotAllowed,
    Operation,
    Query,
    Refusal,
    ServerBusy,
    Submit,
)
from wanserve.http.dialects.reading import read_json
from wanserve.http.dialects.vendor import (
    IN_PARAMETERS,
    SubmitBody,
    actual_prompt,
    output_of,
    retry_after,
    usage_of,
    write_accepted,
)
from wanserve.http.ranges import PreconditionFailed, RangeNotSatisfiable

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
KEY_QUERY: Final = "subscription-key"

_FIELDS: Final = {
    **IN_PARAMETERS,
    "prompt": "input.prompt",
    "negative_prompt": "input.negative_prompt",
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
    RangeNotSatisfiable: (416, "Invalid request parameters", "InvalidParameter"),
    PreconditionFailed: (412, "Invalid request parameters", "InvalidParameter"),
    ServerBusy: (503, "An unexpected error occurred, please try again later", "ModelUnavailable"),
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


class _PollBody(BaseModel):
    task_id: str


class Pixazo:
    """The dialect of `wan-t2v-api.md`. Decisions where the document contradicts itself: docs/compatibility.md."""

    name: ClassVar[str] = "pixazo"
    prefixes: ClassVar[Sequence[str]] = ("/",)
    mounts: ClassVar[Sequence[str]] = ("",)
    trailing_slash: ClassVar[bool] = False
    security: ClassVar[Mapping[str, JsonObject]] = {
        "subscriptionKey": {"type": "apiKey", "in": "header", "name": KEY_HEADER},
        "subscriptionKeyQuery": {"type": "apiKey", "in": "query", "name": KEY_QUERY},
    }

    def __init__(self) -> None:
        self.operations: Sequence[Operation] = (
            Submit(
                method="POST",
                path="/wan-video/v1/generateTextToVideoRequest",
                read=read_submit,
                write=write_accepted,
                about=about.SUBMIT,
            ),
            Query(
                method="POST",
                path="/wan-video-polling/getTextToVideoResult",
                read=read_poll,
                write=write_result,
                about=about.POLL,
            ),
        )

    def credential(self, request: DialectRequest) -> str | None:
        """The header first, as the gateway looks; then the query."""
        return request.headers.get(KEY_HEADER) or request.query.get(KEY_QUERY)

    def refuse(self, error: WanserveError, request_id: str, operation: Operation | None) -> Refusal:
        """See Dialect. Both of this dialect's operations refuse alike."""
        status, text, code = _ERRORS.get(type(error)) or _by_kind(error)
        message = _MESSAGES.get(type(error), str(error)) if status < 500 else text
        body: dict[str, object] = {"error": text, "statusCode": status, "message": message, "code": code}
        body["request_id"] = request_id
        if isinstance(error, InvalidRequest):
            body["message"] = f"{_FIELDS.get(error.field, error.field)}: {error.problem}"
        if isinstance(error, TaskNotFound):
            body["output"] = {"task_id": error.task_id, "task_status": "UNKNOWN"}
        return Refusal(status, body, retry_after(error))


def _by_kind(error: WanserveError) -> tuple[int, str, str]:
    if isinstance(error, InvalidRequest):
        return _ERRORS[InvalidRequest]
    return _BY_STATUS.get(error.status, _OURS)


def read_submit(request: DialectRequest) -> VideoRequest:
    """The document's request. Raises InvalidRequest."""
    body = read_json(request, SubmitBody)
    return body.video_request(body.model)


def read_poll(request: DialectRequest) -> str:
    """The id of the task that is asked for. Raises InvalidRequest."""
    task_id = read_json(request, _PollBody).task_id
    if not 0 < len(task_id) <= 128:
        raise InvalidRequest("task_id", "must be the id that the submit answered")
    return task_id


def write_result(task: Task, context: AnswerContext) -> JsonObject:
    """The answer to a poll; `usage` and the video's keys only where there is a video."""
    output = output_of(task)
    body: dict[str, object] = {"request_id": context.request_id, "output": output}
    if task.state is State.SUCCEEDED:
        # The document has the prompt that was drawn in every such answer.
        output |= {
            "video_url": context.video_url,
            "orig_prompt": task.generation.prompt,
            "actual_prompt": actual_prompt(task),
        }
        body["usage"] = usage_of(task)
    return body
