"""The document's own dialect: `/wan-video/v1/generateTextToVideoRequest` and its polling path.

Answers have exactly the document's keys. Errors have its `error` text, and also the keys of an API gateway (`statusCode`,
`message`) and of DashScope (`code`, `message`, `request_id`), so that a client may read any of them.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, NotRequired

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from wanserve.domain.catalogue import DOCUMENT_480P, MODELS
from wanserve.domain.errors import (
    InvalidKey,
    InvalidRequest,
    MissingKey,
    ModelDenied,
    ModerationBlocked,
    ModerationUnavailable,
    QueueFull,
    RateLimited,
    TaskNotFound,
    WanserveError,
)
from wanserve.domain.rules import VideoRequest
from wanserve.http.dialects import samples
from wanserve.http.dialects.base import (
    DialectRequest,
    Docs,
    EndpointNotFound,
    JsonObject,
    MethodNotAllowed,
    Operation,
    Query,
    Refusal,
    ServerBusy,
    Submit,
)
from wanserve.http.dialects.fields import size_field
from wanserve.http.dialects.reading import read_json
from wanserve.http.dialects.vendor import (
    FIELD_PATHS,
    SubmitBody,
    SubmitParameters,
    UnknownTask,
    Uuid,
    result_writer,
    retry_after,
    write_accepted,
)
from wanserve.http.ranges import PreconditionFailed, RangeNotSatisfiable

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
KEY_QUERY: Final = "subscription-key"

_ERRORS: Final[dict[type[WanserveError], tuple[int, str, str]]] = {
    InvalidRequest: (400, "Invalid request parameters", "InvalidParameter"),
    ModerationBlocked: (400, "Invalid request parameters", "DataInspectionFailed"),
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
    ModerationUnavailable: (503, "An unexpected error occurred, please try again later", "ModelUnavailable"),
}
_BY_STATUS: Final = {
    403: (403, "Access denied for this operation", "AccessDenied"),
    404: (404, "Endpoint not found", "NotFound"),
}
"""By status, for other errors, such as that of an expired link."""

_SERVER_ERROR: Final = (500, "An unexpected error occurred, please try again later", "InternalError")

_MESSAGES: Final[dict[type[WanserveError], str]] = {
    MissingKey: "Access denied due to missing subscription key."
    " Make sure to include subscription key when making requests to an API.",
    InvalidKey: "Access denied due to invalid subscription key."
    " Make sure to provide a valid key for an active subscription.",
    EndpointNotFound: "Resource not found",
    MethodNotAllowed: "Resource not found",
}
"""The gateway's texts for `message`. Other errors have their own message there."""


TASK_ID_CHARACTERS: Final = 128


class PixazoParameters(SubmitParameters):
    """The object `parameters` of a submit."""

    size: Annotated[str | None, size_field("*")] = None


class PixazoSubmit(SubmitBody):
    """The body of a submit."""

    model: Annotated[str, Field(json_schema_extra={"enum": list(MODELS)})]
    parameters: PixazoParameters | None = None


class PixazoPoll(BaseModel):
    """The body of a poll."""

    task_id: Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": TASK_ID_CHARACTERS})]


class PixazoError(TypedDict):
    """The answer to an error."""

    error: Annotated[str, Field(description="The document's text for the status.")]
    statusCode: int
    message: Annotated[str, Field(description="One line that names the field and the rule.")]
    code: Annotated[str, Field(description="DashScope's code for the case.")]
    request_id: Uuid
    output: NotRequired[Annotated[UnknownTask, Field(description="For an unknown task.")]]


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

    error_type: ClassVar[type] = PixazoError

    def __init__(self) -> None:
        self.operations: Sequence[Operation] = (
            Submit(
                method="POST",
                path="/wan-video/v1/generateTextToVideoRequest",
                read=read_submit,
                write=write_accepted,
                docs=Docs(
                    operation_id="generateTextToVideoRequest",
                    summary="Generate text to video request",
                    description="Accepts a task and answers its id; the video is made later. Sizes beyond the document's own"
                    f" ({DOCUMENT_480P[0]}*{DOCUMENT_480P[1]} included) are the vendor's.",
                    body=PixazoSubmit,
                    body_example={
                        "model": "wan2.2-t2v-plus",
                        "input": {"prompt": samples.PROMPT, "negative_prompt": "flowers, people, text"},
                        "parameters": {"size": "1920*1080"},
                    },
                    # The document lists 404 for this operation: a wrong method or path.
                    errors=[EndpointNotFound("there is no such path")],
                ),
            ),
            Query(
                method="POST",
                path="/wan-video-polling/getTextToVideoResult",
                read=read_poll,
                write=write_result,
                docs=Docs(
                    operation_id="getTextToVideoResult",
                    summary="Get text to video result",
                    description="The task's status, and once it has SUCCEEDED the link to its video.",
                    body=PixazoPoll,
                    body_example={"task_id": samples.TASK_ID},
                ),
            ),
        )

    def credential(self, request: DialectRequest) -> str | None:
        """The key in the header, else the one in the query: the gateway looks in this order."""
        return request.headers.get(KEY_HEADER) or request.query.get(KEY_QUERY)

    def refuse(self, error: WanserveError, request_id: str, operation: Operation | None) -> Refusal:
        """See Dialect."""
        status, text, code = _ERRORS.get(type(error)) or _fallback(error)
        told = status < 500 or isinstance(error, ModerationUnavailable)
        message = _MESSAGES.get(type(error), str(error)) if told else text
        body: PixazoError = {
            "error": text,
            "statusCode": status,
            "message": message,
            "code": code,
            "request_id": request_id,
        }
        if isinstance(error, InvalidRequest | ModerationBlocked):
            body["message"] = f"{FIELD_PATHS.get(error.field, error.field)}: {error.problem}"
        if isinstance(error, TaskNotFound):
            body["output"] = {"task_id": error.task_id, "task_status": "UNKNOWN"}
        return Refusal(status, body, retry_after(error))


def _fallback(error: WanserveError) -> tuple[int, str, str]:
    if isinstance(error, InvalidRequest):
        return _ERRORS[InvalidRequest]
    return _BY_STATUS.get(error.status, _SERVER_ERROR)


def read_submit(request: DialectRequest) -> VideoRequest:
    """Parse a submit. Raises InvalidRequest."""
    body = read_json(request, PixazoSubmit)
    return body.video_request(body.model)


def read_poll(request: DialectRequest) -> str:
    """Parse a poll; returns the id of the task. Raises InvalidRequest."""
    task_id = read_json(request, PixazoPoll).task_id
    if not 0 < len(task_id) <= TASK_ID_CHARACTERS:
        raise InvalidRequest("task_id", "must be the id that the submit answered")
    return task_id


write_result: Final = result_writer(always_actual_prompt=True)
"""The answer to a poll. The document has `actual_prompt` in each answer with a video."""
