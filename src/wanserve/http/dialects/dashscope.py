"""The dialect of Alibaba's DashScope: `/api/v1/services/aigc/video-generation/video-synthesis` and `/api/v1/tasks`.

The document's API re-wraps this one: what the two have in common is in `vendor.py`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Final

from wanserve.domain.catalogue import DOCUMENT_480P
from wanserve.domain.errors import (
    InvalidKey,
    InvalidRequest,
    MissingKey,
    ModelDenied,
    ModerationBlocked,
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
from wanserve.http.dialects import samples
from wanserve.http.dialects.base import (
    AnswerContext,
    BodyTooLarge,
    CancelTask,
    DialectRequest,
    Docs,
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
from wanserve.http.dialects.dashscope_models import (
    ALIASES,
    NUMBERS,
    CancelAnswer,
    DashScopeError,
    DashScopeListQuery,
    DashScopeSubmit,
    ListAnswer,
    TaskRow,
    UnknownAnswer,
)
from wanserve.http.dialects.reading import read_fields, read_json
from wanserve.http.dialects.vendor import (
    BEIJING,
    FIELD_PATHS,
    result_writer,
    retry_after,
    task_output,
    write_accepted,
)

ASYNC_HEADER: Final = "X-DashScope-Async"
DAY: Final = timedelta(hours=24)
"""The period that a list covers at most, and by default."""

_TIME: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)", re.ASCII)


class AsyncRequired(WanserveError):
    """The header X-DashScope-Async is missing."""

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
_SERVER_ERROR: Final = (
    500,
    "InternalError",
    # Their spelling.
    "An internal error has occured, please try again later or contact service support.",
)
_BAD_BODY: Final = "Required body invalid, please check the request body format."
_INSPECTED: Final = "Input text data may contain inappropriate content."
_BAD_FIELD: Final = "Required parameter(s) missing or invalid, please check the request parameters."


class DashScope:
    """The dialect of the vendor's SDKs. docs/compatibility.md says what is left out, and why."""

    name: ClassVar[str] = "dashscope"
    prefixes: ClassVar[Sequence[str]] = ("/api/v1",)
    mounts: ClassVar[Sequence[str]] = ("/api/v1",)
    trailing_slash: ClassVar[bool] = True
    security: ClassVar[Mapping[str, JsonObject]] = {"bearer": {"type": "http", "scheme": "bearer"}}

    error_type: ClassVar[type] = DashScopeError

    def __init__(self) -> None:
        task_path = {"task_id": samples.TASK_ID}
        self.operations: Sequence[Operation] = (
            Submit(
                method="POST",
                path="/api/v1/services/aigc/video-generation/video-synthesis",
                read=read_submit,
                write=write_accepted,
                docs=_SUBMIT_DOCS,
            ),
            Query(
                method="GET",
                path="/api/v1/tasks/{task_id}",
                read=read_id,
                write=write_result,
                docs=Docs(
                    operation_id="dashscopeQuery",
                    summary="Query a task",
                    description="A task that is unknown, another account's or past its retention has the status UNKNOWN.",
                    path_examples=task_path,
                    other_answers=[UnknownAnswer],
                ),
            ),
            CancelTask(
                method="POST",
                path="/api/v1/tasks/{task_id}/cancel",
                read=read_id,
                write=write_canceled,
                states={State.PENDING},
                docs=Docs(
                    operation_id="dashscopeCancel",
                    summary="Cancel a task that is PENDING",
                    description="For a task that is not PENDING, or unknown, the answer is 400 UnsupportedOperation.",
                    path_examples=task_path,
                ),
            ),
            List(
                method="GET",
                path="/api/v1/tasks",
                read=read_list,
                write=write_list,
                docs=Docs(
                    operation_id="dashscopeList",
                    summary="List tasks",
                    description="Newest first; without times, those of the last 24 hours.",
                    query=DashScopeListQuery,
                ),
            ),
            Unsupported(
                method="POST",
                path="/api/v1/services/{service:path}",
                why="this server makes videos from text",
                docs=Docs(
                    operation_id="dashscopeOther",
                    summary="Any other of the vendor's services",
                    description="Not served: the answer is 400 InvalidParameter.",
                    path_examples={"service": "aigc/image2video/video-synthesis"},
                ),
            ),
        )

    def credential(self, request: DialectRequest) -> str | None:
        """The bearer token."""
        return bearer(request)

    def refuse(self, error: WanserveError, request_id: str, operation: Operation | None) -> Refusal:
        """See Dialect. To a query, an unknown task is not an error: the task has the status UNKNOWN."""
        if isinstance(error, TaskNotFound):
            if isinstance(operation, Query):
                unknown: UnknownAnswer = {
                    "request_id": request_id,
                    "output": {"task_id": error.task_id, "task_status": "UNKNOWN"},
                }
                return Refusal(200, unknown, {})
            # For a cancel, an unknown task is a task that is not PENDING.
            status, code, message = _ERRORS[WrongState]
        elif isinstance(error, InvalidRequest):
            status, (code, message) = 400, _code_and_message(error)
        elif isinstance(error, ModerationBlocked):
            status, code, message = (
                400,
                "DataInspectionFailed",
                f"{_INSPECTED} {FIELD_PATHS[error.field]}: {error.problem}",
            )
        elif isinstance(error, MethodNotAllowed):
            status, code, message = 400, "InvalidParameter", f"Request method '{error.method}' is not supported."
        else:
            status, code, message = _ERRORS.get(type(error)) or _BY_STATUS.get(error.status, _SERVER_ERROR)
        body: DashScopeError = {"code": code, "message": message, "request_id": request_id}
        return Refusal(status, body, retry_after(error))


def _code_and_message(error: InvalidRequest) -> tuple[str, str]:
    """Code and message for an invalid request: the vendor's text, then ours, which names the field and the rule."""
    match error:
        case BodyTooLarge():
            return "BadRequest.TooLarge", f"Payload Too Large: the body {error.problem}"
        case FieldMissing(field="model"):
            return "BadRequest.EmptyModel", 'Required parameter "model" missing from request.'
        case FieldMissing(field="input"):
            return "BadRequest.EmptyInput", "Required input parameter missing from request."
        case InvalidRequest(field="body"):
            return "InvalidParameter", f"{_BAD_BODY} It {error.problem}"
        case InvalidRequest(field="model"):
            return "InvalidParameter", f"Model not exist. model: {error.problem}"
        case _:
            made = (
                supported_sizes(error, "*", hidden=[DOCUMENT_480P]) if isinstance(error, SizeNotMade) else error.problem
            )
            return "InvalidParameter", f"{_BAD_FIELD} {FIELD_PATHS.get(error.field, error.field)}: {made}"


def read_submit(request: DialectRequest) -> VideoRequest:
    """Parse a submit. Raises InvalidRequest, AsyncRequired."""
    if request.headers.get(ASYNC_HEADER, "").lower() != "enable":
        raise AsyncRequired(f"{ASYNC_HEADER}: must be enable")
    body = read_json(request, DashScopeSubmit)
    video = body.video_request(model_name(body.model))
    if DOCUMENT_480P in (video.size, (video.width, video.height)):
        raise InvalidRequest("size", "640*480 is a size of the document's API, and not of this one")
    return video


def model_name(text: str) -> str:
    """The model's name in the catalogue; `text` may be an alias."""
    return ALIASES.get(text, text)


def read_id(request: DialectRequest) -> str:
    """The id of the task in the path."""
    return request.path_params["task_id"]


def read_list(request: DialectRequest, clock: Clock) -> Search:
    """Parse the query of a list; the default is the newest ten tasks of the last 24 hours. Raises InvalidRequest."""
    # An empty text counts as left out; an empty number is invalid.
    given = ((name, text) for name, text in request.query.multi_items() if text or name in NUMBERS)
    query = read_fields(given, DashScopeListQuery)
    page = Search(skip=(query.page_no - 1) * query.page_size, limit=query.page_size, counted=True)
    since_ms, until_ms = _window(query.start_time, query.end_time, clock())
    states = tuple(State) if query.status is None else _states(query.status)
    if query.task_id is not None:
        return replace(page, task_id=query.task_id)
    return replace(
        page,
        states=states,
        model=None if query.model_name is None else model_name(query.model_name),
        since_ms=since_ms,
        until_ms=until_ms,
    )


def _states(status: str) -> Sequence[State]:
    if status in {"UNKNOWN", "SUSPENDED"}:
        # States of the vendor's that none of our tasks can be in.
        return ()
    if status not in list(State):
        raise InvalidRequest("status", f"must be one of {', '.join(State)}, UNKNOWN")
    return (State(status),)


def _window(start: str | None, end: str | None, now_ms: int) -> tuple[int, int | None]:
    """The period of a list, in milliseconds since 1970. Raises InvalidRequest."""
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
        # Without a zone, like all times of the vendor.
        moment = datetime(*map(int, digits.groups())) if digits else None  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        moment = None
    if moment is None:
        raise InvalidRequest(field, "must be YYYYMMDDhhmmss, in UTC+8")
    return (moment - BEIJING) // timedelta(milliseconds=1)


def write_canceled(task: Task, context: AnswerContext) -> CancelAnswer:
    """The answer to a cancel."""
    return {"request_id": context.request_id}


write_result: Final = result_writer(always_actual_prompt=False)
"""The answer to a query."""


def write_list(found: Found, context: AnswerContext) -> ListAnswer:
    """The answer to a list: `data` as in the vendor's document, `tasks` as the vendor's newer SDK reads it."""
    search, total = found.search, found.total or 0
    return {
        "total": total,
        "data": [_row(task) for task in found.tasks],
        "tasks": [task_output(task) for task in found.tasks],
        "total_page": -(-total // search.limit),
        "page_no": search.skip // search.limit + 1,
        "page_size": search.limit,
        "request_id": context.request_id,
    }


def _row(task: Task) -> TaskRow:
    """One task in `data`. The account stands for the key and the caller, and the task for its submit: no more is stored."""
    model = task.generation.model
    row: TaskRow = {
        "api_key_id": task.account,
        "caller_parent_id": task.account,
        "caller_uid": task.account,
        "gmt_create": task.submitted_ms,
        "model_name": model,
        "region": "local",
        "request_id": task.id,
        "status": task.state,
        "task_id": task.id,
        "user_api_unique_key": f"apikey:v1:aigc:text2video:video-synthesis:{model}",
    }
    if task.started_ms is not None:
        row["start_time"] = task.started_ms
    if task.ended_ms is not None:
        row["end_time"] = task.ended_ms
    return row


_SUBMIT_DOCS: Final = Docs(
    operation_id="dashscopeSubmit",
    summary="Submit a text-to-video task",
    description="Accepts a task and answers its id; the video is made later. Fields that are not named here are ignored.",
    header_parameters=[
        {"name": ASYNC_HEADER, "in": "header", "required": True, "schema": {"type": "string", "enum": ["enable"]}}
    ],
    body=DashScopeSubmit,
    body_example={
        "model": "wan2.2-t2v-plus",
        "input": {"prompt": samples.PROMPT},
        "parameters": {"size": "832*480", "prompt_extend": True, "watermark": False},
    },
    errors=[AsyncRequired(f"{ASYNC_HEADER}: must be enable")],
)
