"""The dialect of OpenAI's videos, `/v1/videos`, by its OpenAPI document of August 2026, and `/v1/models`.

A video's id is its task's id in another notation, so every task can be reached through every dialect.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar, Final

from wanserve.domain.catalogue import Size
from wanserve.domain.errors import (
    InvalidKey,
    InvalidRequest,
    MissingKey,
    ModelDenied,
    ModelNotFound,
    ModerationBlocked,
    ModerationUnavailable,
    SizeNotMade,
    TaskNotFound,
    VideoNotReady,
    WanserveError,
)
from wanserve.domain.idempotency import Idempotency, RetryCount
from wanserve.domain.ports import Clock
from wanserve.domain.rules import RemixRequest, VideoRequest
from wanserve.domain.search import Search
from wanserve.domain.task import UNFINISHED, State, Variant
from wanserve.http.dialects import openai_docs as docs
from wanserve.http.dialects.base import (
    CancelTask,
    Content,
    Delete,
    DialectRequest,
    EndpointNotFound,
    Events,
    FieldMissing,
    JsonObject,
    List,
    ListModels,
    MethodNotAllowed,
    NotSupported,
    Operation,
    Query,
    Refusal,
    Remix,
    Submit,
    Unsupported,
    UnsupportedParameter,
    bearer,
    idempotency_key,
    supported_sizes,
)
from wanserve.http.dialects.foreign_fields import FIELD_NAMES, refuse_unsupported
from wanserve.http.dialects.forms import read_form_or_json
from wanserve.http.dialects.openai_answers import (
    STATUS,
    VIDEOS,
    write_deleted,
    write_deleted_event,
    write_event,
    write_list,
    write_model,
    write_models,
    write_preview,
    write_video,
)
from wanserve.http.dialects.openai_models import (
    ID_PREFIX,
    ContentQuery,
    CreateBody,
    OpenAIError,
    OpenAIListQuery,
    RemixBody,
    video_id,
)
from wanserve.http.dialects.openai_provenance import PROVENANCE
from wanserve.http.dialects.openai_webhooks import webhook_operations
from wanserve.http.dialects.reading import read_fields
from wanserve.http.dialects.vendor import retry_after

VIDEO: Final = f"{VIDEOS}/{{video_id}}"
RETRY_COUNT_HEADER: Final = "x-stainless-retry-count"
"""Sent by the vendor's own clients: how often they have sent this request before."""

AZURE_HEADER: Final = "api-key"
"""The header with the key of Azure's clients; Azure's paths are in `OpenAI.mounts`."""

POLL_HEADER: Final = "openai-poll-after-ms"

VENDOR_MODELS: Final = "sora-"
"""How the names of the vendor's own models begin."""

_ID: Final = re.compile(rf"{ID_PREFIX}([0-9a-f]{{8}})([0-9a-f]{{4}})([0-9a-f]{{4}})([0-9a-f]{{4}})([0-9a-f]{{12}})")
_SIZE: Final = re.compile(r"([1-9]\d{0,4})[x*]([1-9]\d{0,4})", re.ASCII)
_SECONDS: Final = re.compile(r"[1-9]\d{0,3}", re.ASCII)


_ERRORS: Final[dict[type[WanserveError], tuple[int, str | None]]] = {
    MissingKey: (401, "invalid_api_key"),
    InvalidKey: (401, "invalid_api_key"),
    ModelDenied: (403, "model_denied"),
    ModelNotFound: (404, "model_not_found"),
    TaskNotFound: (404, "not_found"),
    # Not 409 or 5xx, after which the vendor's clients would retry.
    VideoNotReady: (404, "video_not_ready"),
    EndpointNotFound: (404, "unknown_url"),
    MethodNotAllowed: (405, "method_not_supported"),
    NotSupported: (400, "unsupported"),
}
"""Status and code."""


_OF_OTHER_DIALECTS: Final = frozenset(("input", "parameters", "duration"))
"""Fields of the other dialects: what they contain is at the top level here."""

_NOT_IN_REMIX: Final = _OF_OTHER_DIALECTS | frozenset(CreateBody.model_fields)
"""Fields that a remix takes from the first video, and may not have itself."""


class OpenAI:
    """The dialect of OpenAI's SDKs, of LiteLLM and of other open video servers.

    A request that names one of the vendor's own models gets the default model. `retention_ms` is how long a video is
    kept after it has ended.
    """

    name: ClassVar[str] = "openai"
    prefixes: ClassVar[Sequence[str]] = ("/v1", "/openai")
    mounts: ClassVar[Sequence[str]] = ("/v1", "/openai/v1", "/openai", "/openai/deployments/{deployment}")
    trailing_slash: ClassVar[bool] = True
    security: ClassVar[Mapping[str, JsonObject]] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "azureKey": {"type": "apiKey", "in": "header", "name": AZURE_HEADER},
    }

    error_type: ClassVar[type] = OpenAIError

    def __init__(self, retention_ms: int) -> None:
        video = partial(write_video, retention_ms=retention_ms)
        videos = partial(write_list, retention_ms=retention_ms)
        content = f"{VIDEO}/content"
        remix = f"{VIDEO}/remix"
        self.operations: Sequence[Operation] = (
            Submit(
                method="POST",
                path=VIDEOS,
                read=read_create,
                write=video,
                read_idempotency=read_idempotency,
                docs=docs.CREATE,
            ),
            Query(method="GET", path=VIDEO, read=read_id, write=video, poll_header=POLL_HEADER, docs=docs.RETRIEVE),
            List(method="GET", path=VIDEOS, read=read_list, write=videos, docs=docs.LIST),
            CancelTask(
                method="POST", path=f"{VIDEO}/cancel", read=read_id, write=video, states=UNFINISHED, docs=docs.CANCEL
            ),
            Delete(method="DELETE", path=VIDEO, read=read_id, write=write_deleted, docs=docs.DELETE),
            Content(method="GET", path=content, read=read_content, docs=docs.CONTENT),
            Remix(
                method="POST",
                path=remix,
                read=read_remix,
                write=video,
                read_idempotency=read_idempotency,
                docs=docs.REMIX,
            ),
            Events(
                method="GET",
                path=f"{VIDEO}/events",
                read=read_id,
                write=write_event,
                write_preview=write_preview,
                write_deleted=write_deleted_event,
                docs=docs.EVENTS,
            ),
            Events(
                method="GET",
                path="/v1/events",
                read=read_all_tasks,
                write=write_event,
                write_preview=write_preview,
                write_deleted=write_deleted_event,
                docs=docs.ALL_EVENTS,
            ),
            ListModels(method="GET", path="/v1/models", read=read_all_models, write=write_models, docs=docs.MODELS),
            ListModels(method="GET", path="/v1/models/{model}", read=read_model, write=write_model, docs=docs.MODEL),
            PROVENANCE,
            *webhook_operations(),
            *_unsupported(),
        )

    def credential(self, request: DialectRequest) -> str | None:
        """The bearer token, else the key in Azure's header."""
        return bearer(request) or request.headers.get(AZURE_HEADER) or None

    def refuse(self, error: WanserveError, request_id: str, operation: Operation | None) -> Refusal:
        """See Dialect. The body has no request id, which is in a header."""
        code: str | None
        param: str | None = None
        kind = "invalid_request_error"
        if isinstance(error, InvalidRequest):
            status, code, param = 400, _code(error), FIELD_NAMES.get(error.field, error.field)
        elif isinstance(error, ModerationBlocked):
            # The type that the vendor's videos and pictures have for what is the user's own fault.
            status, code, param, kind = 400, error.code, error.field, "video_generation_user_error"
        elif error.status == 429:
            status, code, kind = 429, "rate_limit_exceeded", "requests"
        elif type(error) in _ERRORS or error.status < 500:
            status, code = _ERRORS.get(type(error), (error.status, error.code))
        else:
            status, code, kind = error.status, "server_error", "server_error"
        if isinstance(error, NotSupported) and operation is not None and operation.path.startswith(_CHARACTERS):
            status = 404
        body: OpenAIError = {"error": {"message": _message(error), "type": kind, "param": param, "code": code}}
        return Refusal(status, body, retry_after(error))


def _message(error: WanserveError) -> str:
    """The message of an error, with this dialect's names for fields and tasks."""
    match error:
        case SizeNotMade():
            return f"size: {supported_sizes(error, 'x')}"
        case InvalidRequest():
            return f"{FIELD_NAMES.get(error.field, error.field)}: {error.problem}"
        case TaskNotFound():
            return f"Video with id '{video_id(error.task_id)}' not found."
        case VideoNotReady():
            return f"Video with id '{video_id(error.task_id)}' is {STATUS[State(error.state)]}: it has no content."
        case ModerationUnavailable():
            return str(error)
        case _:
            return "The server had an error while processing your request." if error.status >= 500 else str(error)


_CHARACTERS: Final = f"{VIDEOS}/characters"


def _code(error: InvalidRequest) -> str:
    match error:
        case FieldMissing():
            return "missing_required_parameter"
        case UnsupportedParameter():
            return "unsupported_parameter"
        case _:
            return "invalid_value"


def task_id_of(text: str) -> str | None:
    """The task's id of a video's id, or None where the text cannot be one."""
    match = _ID.fullmatch(text)
    return match and "-".join(match.groups())


def read_id(request: DialectRequest) -> str:
    """The id of the task in the path. Raises TaskNotFound for a text that cannot be a video's id."""
    text = request.path_params["video_id"]
    task_id = task_id_of(text)
    if task_id is None:
        raise TaskNotFound(text)
    return task_id


def read_create(request: DialectRequest) -> VideoRequest:
    """Parse a create. Raises InvalidRequest."""
    body = read_form_or_json(request, CreateBody)
    refuse_unsupported(
        {**(body.model_extra or {}), "input_reference": body.input_reference}, misplaced=_OF_OTHER_DIALECTS
    )
    model = body.model or request.path_params.get("deployment")
    video = VideoRequest(
        model=None if model is None or model.startswith(VENDOR_MODELS) else model,
        prompt=body.prompt,
        negative_prompt=body.negative_prompt,
        size=None if body.size is None else read_size(body.size),
        seed=body.seed,
        prompt_extend=body.prompt_extend,
        watermark=body.watermark,
        seconds=None if body.seconds is None else read_seconds(body.seconds),
        count=body.n,
    )
    return body.apply_to(video)


def read_size(text: str) -> Size:
    """Parse "WxH" into width and height. Raises InvalidRequest."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidRequest("size", 'must be "widthxheight", such as "1280x720"')
    return int(match[1]), int(match[2])


def read_seconds(text: str) -> int:
    """Parse a length, which is a text in this dialect. Raises InvalidRequest."""
    if not _SECONDS.fullmatch(text):
        raise InvalidRequest("seconds", 'must be a whole number, such as "5"')
    return int(text)


def read_remix(request: DialectRequest) -> RemixRequest:
    """Parse a remix: the id of the first video, and the new prompt. Raises InvalidRequest, TaskNotFound."""
    task_id, body = read_id(request), read_form_or_json(request, RemixBody)
    refuse_unsupported(body.model_extra, misplaced=_NOT_IN_REMIX)
    if body.n not in (None, 1):
        raise InvalidRequest("count", "must be 1: one video a task")
    return RemixRequest(task_id, body.prompt, body.webhook_url)


def read_idempotency(request: DialectRequest) -> Idempotency:
    """The idempotency key, else the retry count that the vendor's clients send."""
    tries = request.headers.get(RETRY_COUNT_HEADER, "")
    return idempotency_key(request) or (RetryCount(int(tries[:9])) if tries.isascii() and tries.isdigit() else None)


def read_list(request: DialectRequest, clock: Clock) -> Search:
    """Parse the query of a list. Raises InvalidRequest."""
    query = read_fields(request.query.multi_items(), OpenAIListQuery)
    after = None if query.after is None else task_id_of(query.after)
    if query.after is not None and after is None:
        raise InvalidRequest("after", "must be the id of a video")
    return Search(after=after, oldest_first=query.order == "asc", limit=query.limit)


def read_content(request: DialectRequest) -> tuple[str, Variant]:
    """The task's id and the file of it. Raises InvalidRequest, TaskNotFound."""
    task_id = read_id(request)
    return task_id, Variant[read_fields(request.query.multi_items(), ContentQuery).variant.upper()]


def read_model(request: DialectRequest) -> str:
    """The name of the model in the path."""
    return request.path_params["model"]


def read_all_models(request: DialectRequest) -> None:
    """None, for all models."""
    return


def read_all_tasks(request: DialectRequest) -> None:
    """None, for all tasks of the account."""
    return


def _unsupported() -> list[Unsupported]:
    """The vendor's operations on its videos that models which make videos from text alone cannot do."""
    no_edits = "this server makes videos from text: it does not edit or extend one"
    no_characters = "this server makes videos from text: it knows no characters"
    character = f"{_CHARACTERS}/{{character_id}}"
    return [
        Unsupported(method="POST", path=f"{VIDEOS}/edits", why=no_edits, docs=docs.unsupported("Edit")),
        Unsupported(method="POST", path=f"{VIDEOS}/extensions", why=no_edits, docs=docs.unsupported("Extend")),
        Unsupported(method="POST", path=_CHARACTERS, why=no_characters, docs=docs.unsupported("AddCharacter")),
        Unsupported(
            method="GET",
            path=character,
            why=no_characters,
            docs=docs.unsupported("Character", {"character_id": "char_1"}),
        ),
    ]
