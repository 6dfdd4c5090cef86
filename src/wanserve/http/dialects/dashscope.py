"""Alibaba's own dialect, DashScope: `/api/v1/services/aigc/video-generation/video-synthesis` and `/api/v1/tasks`.

The document's API is a re-wrap of this one: what the two have in common is in `vendor.py`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Final

from pydantic import BaseModel, Field

from wanserve.domain.catalog import DOCUMENT_480P
from wanserve.domain.errors import (
    InvalidKey,
    InvalidRequest,
    MissingKey,
    ModelDenied,
    QueueFull,
    RateLimited,
    SizeNotMade,
    TaskNotFound,
    WanserveError,
    WrongState,
)
from wanserve.domain.ports import Clock
from wanserve.domain.rules import VideoRequest
from wanserve.domain.search import Found, Search
from wanserve.domain.task import State, Task
from wanserve.http.dialects import dashscope_about as about
from wanserve.http.dialects.base import (
    AnswerContext,
    BodyTooLarge,
    Cancel,
    DialectRequest,
    EndpointNotFound,
    FieldMissing,
    JsonObject,
    List,
    MethodNotAllowed,
    NotSupported,
    Operation,
    Query,
    Refusal,
    Submit,
    Unsupported,
    bearer,
    supported_sizes,
)
from wanserve.http.dialects.reading import read_fields, read_json
from wanserve.http.dialects.vendor import (
    BEIJING,
    IN_PARAMETERS,
    SubmitBody,
    actual_prompt,
    output_of,
    retry_after,
    usage_of,
    write_accepted,
)

ASYNC_HEADER: Final = "X-DashScope-Async"
ALIASES: Final = {"wan2.1-t2v-turbo": "wanx2.1-t2v-turbo", "wan2.1-t2v-plus": "wanx2.1-t2v-plus"}
"""The names of the same models on the vendor's international site."""

DAY: Final = timedelta(hours=24)
"""A list covers at most so much, and so much where no times are given."""

PAGE_MAX: Final = 100
_NUMBERS: Final = ("page_no", "page_size")
_TIME: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)

_FIELDS: Final = {
    **IN_PARAMETERS,
    "prompt": "input.prompt",
    "negative_prompt": "input.negative_prompt",
}
"""Where this dialect puts a VideoRequest's fields."""


class AsyncRequired(WanserveError):
    """The submit does not say that it wants a task and no video."""

    code = "async_required"
    status = 403


_ERRORS: Final[dict[type[WanserveError], tuple[int, str, str]]] = {
    MissingKey: (401, "InvalidApiKey", "No API-key provided."),
    InvalidKey: (401, "InvalidApiKey", "Invalid API-key provided."),
    AsyncRequired: (403, "AccessDenied", "current user api does not support synchronous calls."),
    ModelDenied: (403, "Model.AccessDenied", "Model access denied."),
    EndpointNotFound: (404, "NotFound", "Request path not found."),
    NotSupported: (400, "InvalidParameter", "url error, please check url！"),  # noqa: RUF001  # the vendor's own text
    WrongState: (
        400,
        "UnsupportedOperation",
        "Failed to cancel the task, please confirm if the task is in PENDING status.",
    ),
    RateLimited: (429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later."),
    QueueFull: (429, "Throttling.AllocationQuota", "Allocated quota exceeded, please increase your quota limit."),
}
_BY_STATUS: Final = {
    404: _ERRORS[EndpointNotFound],
    503: (503, "ModelUnavailable", "Model is unavailable, please try again later."),
}
_OURS: Final = (
    500,
    "InternalError",
    # Their spelling.
    "An internal error has occured, please try again later or contact service support.",
)
_BODY: Final = "Required body invalid, please check the request body format."
_FIELD: Final = "Required parameter(s) missing or invalid, please check the request parameters."


class _ListQuery(BaseModel):
    task_id: str | None = None
    start_time: str | None = None
    end_time: str | None = None
    model_name: str | None = None
    status: str | None = None
    page_no: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 10


class DashScope:
    """The dialect of the vendor's SDKs. What it leaves out, and why: docs/compatibility.md."""

    name: ClassVar[str] = "dashscope"
    prefixes: ClassVar[Sequence[str]] = ("/api/v1",)
    mounts: ClassVar[Sequence[str]] = ("/api/v1",)
    trailing_slash: ClassVar[bool] = True
    security: ClassVar[Mapping[str, JsonObject]] = {"bearer": {"type": "http", "scheme": "bearer"}}

    def __init__(self) -> None:
        self.operations: Sequence[Operation] = (
            Submit(
                method="POST",
                path="/api/v1/services/aigc/video-generation/video-synthesis",
                read=read_submit,
                write=write_accepted,
                about=about.SUBMIT,
            ),
            Query(method="GET", path="/api/v1/tasks/{task_id}", read=read_id, write=write_result, about=about.QUERY),
            Cancel(
                method="POST",
                path="/api/v1/tasks/{task_id}/cancel",
                read=read_id,
                write=write_canceled,
                states={State.PENDING},
                about=about.CANCEL,
            ),
            List(method="GET", path="/api/v1/tasks", read=read_list, write=write_list, about=about.LIST),
            Unsupported(
                method="POST",
                path="/api/v1/services/{service:path}",
                why="this server makes videos from text",
                about=about.OTHER_SERVICE,
            ),
        )

    def credential(self, request: DialectRequest) -> str | None:
        """The bearer's key."""
        return bearer(request)

    def refuse(self, error: WanserveError, request_id: str, operation: Operation | None) -> Refusal:
        """See Dialect. A task that is unknown is no error to a query: it has the status UNKNOWN."""
        if isinstance(error, TaskNotFound):
            if isinstance(operation, Query):
                unknown = {"task_id": error.task_id, "task_status": "UNKNOWN"}
                return Refusal(200, {"request_id": request_id, "output": unknown}, {})
            # A cancel says the same of whatever does not wait.
            status, code, message = _ERRORS[WrongState]
        elif isinstance(error, InvalidRequest):
            status, (code, message) = 400, _fault(error)
        elif isinstance(error, MethodNotAllowed):
            status, code, message = 400, "InvalidParameter", f"Request method '{error.method}' is not supported."
        else:
            status, code, message = _ERRORS.get(type(error)) or _BY_STATUS.get(error.status, _OURS)
        body = {"code": code, "message": message, "request_id": request_id}
        return Refusal(status, body, retry_after(error))


def _fault(error: InvalidRequest) -> tuple[str, str]:
    """Code and message of a request that breaks a rule: the vendor's text, then ours, which names field and rule."""
    match error:
        case BodyTooLarge():
            return "BadRequest.TooLarge", f"Payload Too Large: the body {error.problem}"
        case FieldMissing(field="model"):
            return "BadRequest.EmptyModel", 'Required parameter "model" missing from request.'
        case FieldMissing(field="input"):
            return "BadRequest.EmptyInput", "Required input parameter missing from request."
        case InvalidRequest(field="body"):
            return "InvalidParameter", f"{_BODY} It {error.problem}"
        case InvalidRequest(field="model"):
            return "InvalidParameter", f"Model not exist. model: {error.problem}"
        case _:
            made = (
                supported_sizes(error, "*", hidden=[DOCUMENT_480P]) if isinstance(error, SizeNotMade) else error.problem
            )
            return "InvalidParameter", f"{_FIELD} {_FIELDS.get(error.field, error.field)}: {made}"


def read_submit(request: DialectRequest) -> VideoRequest:
    """What is to be made. Raises InvalidRequest, AsyncRequired."""
    if request.headers.get(ASYNC_HEADER, "").lower() != "enable":
        raise AsyncRequired(f"{ASYNC_HEADER}: must be enable")
    body = read_json(request, SubmitBody)
    video = body.video_request(model_name(body.model))
    if DOCUMENT_480P in (video.size, (video.width, video.height)):
        raise InvalidRequest("size", "640*480 is a size of another API than this")
    return video


def model_name(text: str) -> str:
    """The model's name in the catalogue, by whichever of the vendor's names."""
    return ALIASES.get(text, text)


def read_id(request: DialectRequest) -> str:
    """The id of the task in the path."""
    return request.path_params["task_id"]


def read_list(request: DialectRequest, clock: Clock) -> Search:
    """Which tasks are asked for: by default the newest ten of the last 24 hours. Raises InvalidRequest."""
    # An empty text is what was left out; an empty number is none.
    given = ((name, text) for name, text in request.query.multi_items() if text or name in _NUMBERS)
    asked = read_fields(given, _ListQuery)
    page = Search(skip=(asked.page_no - 1) * asked.page_size, limit=asked.page_size, counted=True)
    since_ms, until_ms = _window(asked.start_time, asked.end_time, clock())
    states = tuple(State) if asked.status is None else _states(asked.status)
    if asked.task_id is not None:
        return replace(page, task_id=asked.task_id)
    return replace(
        page,
        states=states,
        model=None if asked.model_name is None else model_name(asked.model_name),
        since_ms=since_ms,
        until_ms=until_ms,
    )


def _states(status: str) -> Sequence[State]:
    if status in {"UNKNOWN", "SUSPENDED"}:
        # States of the vendor's that no task of ours is in.
        return ()
    if status not in list(State):
        raise InvalidRequest("status", f"must be one of {', '.join(State)}, UNKNOWN")
    return (State(status),)


def _window(start: str | None, end: str | None, now_ms: int) -> tuple[int, int | None]:
    """From when, and until when, in milliseconds since 1970."""
    day_ms = round(DAY.total_seconds() * 1000)
    since = None if start is None else _time_ms("start_time", start)
    until = None if end is None else _time_ms("end_time", end)
    if since is None:
        return (until if until is not None else now_ms) - day_ms, until
    if until is None:
        return since, since + day_ms
    if not 0 <= until - since <= day_ms:
        raise InvalidRequest("end_time", "must be at most 24 hours after start_time, and not before it")
    return since, until


def _time_ms(field: str, text: str) -> int:
    digits = _TIME.fullmatch(text)
    try:
        # Without a zone, as all times of the vendor's.
        moment = datetime(*map(int, digits.groups())) if digits else None  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        moment = None
    if moment is None:
        raise InvalidRequest(field, "must be YYYYMMDDhhmmss, in UTC+8")
    return (moment - BEIJING) // timedelta(milliseconds=1)


def write_canceled(task: Task, context: AnswerContext) -> JsonObject:  # the vendor says nothing of the task
    """The answer to a cancel."""
    return {"request_id": context.request_id}


def write_result(task: Task, context: AnswerContext) -> JsonObject:
    """The answer to a query; `usage` and the video's keys only where there is a video."""
    output = output_of(task)
    body: dict[str, object] = {"request_id": context.request_id, "output": output}
    if task.state is State.SUCCEEDED:
        output |= {"video_url": context.video_url, "orig_prompt": task.generation.prompt}
        if task.generation.prompt_extend:
            output["actual_prompt"] = actual_prompt(task)
        body["usage"] = usage_of(task)
    return body


def write_list(found: Found, context: AnswerContext) -> JsonObject:
    """The answer to a list: `data` as the vendor's page has it, `tasks` as its newer SDK reads it."""
    search, total = found.search, found.total or 0
    return {
        "total": total,
        "data": [_row(task) for task in found.tasks],
        "tasks": [output_of(task) for task in found.tasks],
        "total_page": -(-total // search.limit),
        "page_no": search.skip // search.limit + 1,
        "page_size": search.limit,
        "request_id": context.request_id,
    }


def _row(task: Task) -> dict[str, object]:
    """One task in `data`. What the vendor tells of a key and a caller is here the account: no more is kept of them."""
    model = task.generation.model
    row = {
        "api_key_id": task.account,
        "caller_parent_id": task.account,
        "caller_uid": task.account,
        "gmt_create": task.submitted_ms,
        "model_name": model,
        "region": "local",
        # The submit's own is not kept.
        "request_id": task.id,
        "start_time": task.started_ms,
        "end_time": task.ended_ms,
        "status": task.state,
        "task_id": task.id,
        "user_api_unique_key": f"apikey:v1:aigc:text2video:video-synthesis:{model}",
    }
    return {name: value for name, value in row.items() if value is not None}
