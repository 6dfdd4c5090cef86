"""OpenAI's dialect of videos, `/v1/videos`, as it stood in its OpenAPI document of August 2026, and `/v1/models`.

A video's id is its task's, in other letters: one task is seen through every dialect.
"""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from wanserve.domain.catalog import ModelCard, Size
from wanserve.domain.errors import (
    InvalidKey,
    InvalidRequest,
    MissingKey,
    ModelDenied,
    ModelNotFound,
    SizeNotMade,
    TaskNotFound,
    VideoNotReady,
    WanserveError,
)
from wanserve.domain.ports import Clock
from wanserve.domain.rules import RemixRequest, VideoRequest
from wanserve.domain.search import Found, Search
from wanserve.domain.task import Repeat, Sent, State, Task, Variant
from wanserve.http.dialects import openai_about as about
from wanserve.http.dialects.base import (
    AnswerContext,
    Catalogue,
    Content,
    Delete,
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
    Remix,
    Submit,
    UnsupportedParameter,
    bearer,
    idempotency_key,
    supported_sizes,
)
from wanserve.http.dialects.foreign_fields import NAMES, ExtensionFields, refuse_unsupported
from wanserve.http.dialects.forms import read_form_or_json
from wanserve.http.dialects.reading import read_fields
from wanserve.http.dialects.vendor import retry_after

VIDEOS: Final = "/v1/videos"
VIDEO: Final = f"{VIDEOS}/{{video_id}}"
ID_PREFIX: Final = "video_"
TRIES_HEADER: Final = "x-stainless-retry-count"
"""Sent by the vendor's own clients: how often they have sent this very request before."""

AZURE_HEADER: Final = "api-key"
"""Where clients of Azure's service have the key; its paths are in `OpenAI.mounts`."""

POLL_HEADER: Final = "openai-poll-after-ms"

_ID: Final = re.compile(rf"{ID_PREFIX}([0-9a-f]{{8}})([0-9a-f]{{4}})([0-9a-f]{{4}})([0-9a-f]{{4}})([0-9a-f]{{12}})")
_SIZE: Final = re.compile(r"([1-9]\d{0,4})[x*]([1-9]\d{0,4})", re.ASCII)
_SECONDS: Final = re.compile(r"[1-9]\d{0,3}", re.ASCII)

_STATUS: Final = {
    State.PENDING: "queued",
    State.RUNNING: "in_progress",
    State.SUCCEEDED: "completed",
    State.FAILED: "failed",
    # There is no canceled state upstream, and clients would wait for ever in one that they do not know.
    State.CANCELED: "failed",
}

_RELEASED_S: Final = {
    "wanx2.1-t2v-turbo": 1_740_441_600,
    "wanx2.1-t2v-plus": 1_740_441_600,
    "wan2.2-t2v-plus": 1_753_660_800,
}
"""When the open weights were published, in seconds since 1970: 25 February and 28 July 2025, by their READMEs."""

_ERRORS: Final[dict[type[WanserveError], tuple[int, str | None]]] = {
    MissingKey: (401, "invalid_api_key"),
    InvalidKey: (401, "invalid_api_key"),
    ModelDenied: (403, "model_denied"),
    ModelNotFound: (404, "model_not_found"),
    TaskNotFound: (404, "not_found"),
    # 409 and 5xx would be sent again by the vendor's clients.
    VideoNotReady: (404, "video_not_ready"),
    EndpointNotFound: (404, "unknown_url"),
    MethodNotAllowed: (405, "method_not_supported"),
    NotSupported: (400, "unsupported"),
}
"""Status and code."""


def _as_text(value: object) -> object:
    # Some clients send the number, which upstream refuses.
    return str(value) if type(value) is int else value


class _Create(ExtensionFields):
    prompt: str
    model: str | None = None
    seconds: Annotated[str | None, BeforeValidator(_as_text)] = None
    size: str | None = None
    n: int | None = None
    input_reference: object = None
    negative_prompt: str | None = None
    seed: int | None = None
    prompt_extend: bool | None = None
    watermark: bool | None = None


class _Remix(BaseModel):
    model_config = ConfigDict(extra="allow")

    prompt: str
    n: int | None = None


_ELSEWHERE: Final = frozenset(("input", "parameters", "duration"))
"""Where the other dialects have what stands at the top here."""

_OF_THE_FIRST: Final = _ELSEWHERE | frozenset(_Create.model_fields)
"""What a remix takes over from the first video."""


class _ListQuery(BaseModel):
    limit: Annotated[int, Field(ge=0, le=100)] = 20
    order: Literal["asc", "desc"] = "desc"
    after: str | None = None


class _ContentQuery(BaseModel):
    variant: Literal["video", "thumbnail", "spritesheet"] = "video"


class OpenAI:
    """The dialect of OpenAI's SDKs, of LiteLLM and of other open video servers.

    `default_model` stands where none is idempotency_key, and for the vendor's own models. `retention_ms` is how long a video
    is kept after its end; `poll_ms` what clients are told to wait between two looks.
    """

    name: ClassVar[str] = "openai"
    prefixes: ClassVar[Sequence[str]] = ("/v1", "/openai")
    mounts: ClassVar[Sequence[str]] = ("/v1", "/openai/v1", "/openai", "/openai/deployments/{deployment}")
    trailing_slash: ClassVar[bool] = True
    security: ClassVar[Mapping[str, JsonObject]] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "azureKey": {"type": "apiKey", "in": "header", "name": AZURE_HEADER},
    }

    def __init__(self, default_model: str, retention_ms: int, poll_ms: int) -> None:
        create = partial(read_create, default_model=default_model)
        video = partial(write_video, retention_ms=retention_ms)
        poll = ((POLL_HEADER, str(poll_ms)),)
        self.operations: Sequence[Operation] = (
            Submit(method="POST", path=VIDEOS, read=create, write=video, read_repeat=read_repeat, about=about.CREATE),
            Query(method="GET", path=VIDEO, read=read_id, write=video, headers=poll, about=about.RETRIEVE),
            List(
                method="GET",
                path=VIDEOS,
                read=read_list,
                write=partial(write_list, retention_ms=retention_ms),
                about=about.LIST,
            ),
            Delete(method="DELETE", path=VIDEO, read=read_id, write=write_deleted, about=about.DELETE),
            Content(method="GET", path=f"{VIDEO}/content", read=read_content, about=about.CONTENT),
            Remix(
                method="POST",
                path=f"{VIDEO}/remix",
                read=read_remix,
                write=video,
                read_repeat=read_repeat,
                about=about.REMIX,
            ),
            Catalogue(method="GET", path="/v1/models", read=read_no_model, write=write_models, about=about.MODELS_LIST),
            Catalogue(method="GET", path="/v1/models/{model}", read=read_model, write=write_model, about=about.MODEL),
            *about.unsupported_operations(VIDEOS, _CHARACTERS),
        )

    def credential(self, request: DialectRequest) -> str | None:
        """The bearer's key, else the one of Azure's header."""
        return bearer(request) or request.headers.get(AZURE_HEADER) or None

    def refuse(self, error: WanserveError, request_id: str, operation: Operation | None) -> Refusal:
        """See Dialect. The request's id is in a header, and nowhere else."""
        code: str | None
        param: str | None = None
        kind = "invalid_request_error"
        if isinstance(error, InvalidRequest):
            status, code, param = 400, _fault(error), NAMES.get(error.field, error.field)
        elif error.status == 429:
            status, code, kind = 429, "rate_limit_exceeded", "requests"
        elif type(error) in _ERRORS or error.status < 500:
            status, code = _ERRORS.get(type(error), (error.status, error.code))
        else:
            status, code, kind = error.status, "server_error", "server_error"
        if isinstance(error, NotSupported) and operation is not None and operation.path.startswith(_CHARACTERS):
            status = 404
        body = {"error": {"message": _message(error), "type": kind, "param": param, "code": code}}
        return Refusal(status, body, retry_after(error))


def _message(error: WanserveError) -> str:
    """The error's line, in this dialect's own words for a task."""
    match error:
        case SizeNotMade():
            return f"size: {supported_sizes(error, 'x')}"
        case InvalidRequest():
            return f"{NAMES.get(error.field, error.field)}: {error.problem}"
        case TaskNotFound():
            return f"Video with id '{video_id(error.task_id)}' not found."
        case VideoNotReady():
            return f"Video with id '{video_id(error.task_id)}' is {_STATUS[State(error.state)]}: it has no content."
        case _:
            return "The server had an error while processing your request." if error.status >= 500 else str(error)


_CHARACTERS: Final = f"{VIDEOS}/characters"


def _fault(error: InvalidRequest) -> str:
    match error:
        case FieldMissing():
            return "missing_required_parameter"
        case UnsupportedParameter():
            return "unsupported_parameter"
        case _:
            return "invalid_value"


def video_id(task_id: str) -> str:
    """A task's id as this dialect writes it."""
    return f"{ID_PREFIX}{task_id.replace('-', '')}" if not task_id.startswith(ID_PREFIX) else task_id


def task_id_of(text: str) -> str | None:
    """The task's id in a video's, or None where it is none."""
    match = _ID.fullmatch(text)
    return match and "-".join(match.groups())


def read_id(request: DialectRequest) -> str:
    """The id of the task in the path. Raises TaskNotFound for what can be no video's."""
    text = request.path_params["video_id"]
    task_id = task_id_of(text)
    if task_id is None:
        raise TaskNotFound(text)
    return task_id


def read_create(request: DialectRequest, default_model: str) -> VideoRequest:
    """What is to be made. Raises InvalidRequest."""
    asked = read_form_or_json(request, _Create)
    refuse_unsupported({**(asked.model_extra or {}), "input_reference": asked.input_reference}, misplaced=_ELSEWHERE)
    model = asked.model or request.path_params.get("deployment")
    video = VideoRequest(
        model=default_model if model is None or model.startswith("sora-") else model,
        prompt=asked.prompt,
        negative_prompt=asked.negative_prompt,
        size=None if asked.size is None else read_size(asked.size),
        seed=asked.seed,
        prompt_extend=asked.prompt_extend,
        watermark=asked.watermark,
        seconds=None if asked.seconds is None else read_seconds(asked.seconds),
        count=asked.n,
    )
    return asked.apply_to(video)


def read_size(text: str) -> Size:
    """Width and height of "WxH". Raises InvalidRequest."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidRequest("size", 'must be "widthxheight", such as "1280x720"')
    return int(match[1]), int(match[2])


def read_seconds(text: str) -> int:
    """A length, which this dialect writes as a text. Raises InvalidRequest."""
    if not _SECONDS.fullmatch(text):
        raise InvalidRequest("seconds", 'must be a whole number, such as "5"')
    return int(text)


def read_remix(request: DialectRequest) -> RemixRequest:
    """The task whose settings are taken over, and the new prompt. Raises InvalidRequest, TaskNotFound."""
    task_id, asked = read_id(request), read_form_or_json(request, _Remix)
    refuse_unsupported(asked.model_extra, misplaced=_OF_THE_FIRST)
    if asked.n not in (None, 1):
        raise InvalidRequest("count", "must be 1: one video a task")
    return RemixRequest(task_id, asked.prompt)


def read_repeat(request: DialectRequest) -> Repeat:
    """The client's own name for the submit; else what the vendor's clients tell of their tries."""
    tries = request.headers.get(TRIES_HEADER, "")
    return idempotency_key(request) or (Sent(int(tries[:9])) if tries.isascii() and tries.isdigit() else None)


def read_list(request: DialectRequest, clock: Clock) -> Search:  # it asks for no times
    """Which videos are asked for. Raises InvalidRequest."""
    asked = read_fields(request.query.multi_items(), _ListQuery)
    after = None if asked.after is None else task_id_of(asked.after)
    if asked.after is not None and after is None:
        raise InvalidRequest("after", "must be the id of a video")
    return Search(after=after, oldest_first=asked.order == "asc", limit=asked.limit)


def read_content(request: DialectRequest) -> tuple[str, Variant]:
    """Which file of which task. Raises InvalidRequest, TaskNotFound."""
    task_id = read_id(request)
    return task_id, Variant[read_fields(request.query.multi_items(), _ContentQuery).variant.upper()]


def read_model(request: DialectRequest) -> str:
    """The name of the model that is asked for."""
    return request.path_params["model"]


def read_no_model(request: DialectRequest) -> None:
    """All models are asked for."""
    return


def write_video(task: Task, context: AnswerContext, retention_ms: int) -> JsonObject:  # no link in this dialect
    """The answer about one video."""
    return _video(task, retention_ms)


def _video(task: Task, retention_ms: int) -> JsonObject:
    made, ended_ms = task.generation, task.ended_ms
    done_ms = ended_ms if task.state is State.SUCCEEDED else None
    return {
        "id": video_id(task.id),
        "object": "video",
        "model": made.model,
        "status": _STATUS[task.state],
        "progress": 100 if task.state is State.SUCCEEDED else min(99, int(task.progress * 100)),
        "created_at": task.submitted_ms // 1000,
        "completed_at": None if done_ms is None else done_ms // 1000,
        "expires_at": None if done_ms is None else (done_ms + retention_ms) // 1000,
        "prompt": made.prompt,
        "size": f"{made.width}x{made.height}",
        "seconds": str(round(made.seconds)),
        "remixed_from_video_id": task.remixed_from and video_id(task.remixed_from),
        "error": _failure(task),
    }


def _failure(task: Task) -> JsonObject | None:
    if task.state is State.CANCELED:
        return {"code": "cancelled", "message": "The video was canceled."}
    return None if task.failure is None else {"code": task.failure.code, "message": task.failure.message}


def write_list(found: Found, context: AnswerContext, retention_ms: int) -> JsonObject:
    """One page of videos."""
    videos = [_video(task, retention_ms) for task in found.tasks]
    return {
        "object": "list",
        "data": videos,
        "first_id": videos[0]["id"] if videos else None,
        "last_id": videos[-1]["id"] if videos else None,
        "has_more": found.more,
    }


def write_deleted(task_id: str, context: AnswerContext) -> JsonObject:
    """The answer to a delete."""
    return {"id": video_id(task_id), "object": "video.deleted", "deleted": True}


def write_models(cards: Sequence[ModelCard], context: AnswerContext) -> JsonObject:
    """All models."""
    return {"object": "list", "data": [_model(card) for card in cards]}


def write_model(cards: Sequence[ModelCard], context: AnswerContext) -> JsonObject:
    """The only one that was asked for."""
    return _model(cards[0])


def _model(card: ModelCard) -> JsonObject:
    return {"id": card.name, "object": "model", "created": _RELEASED_S.get(card.name, 0), "owned_by": "wan"}
