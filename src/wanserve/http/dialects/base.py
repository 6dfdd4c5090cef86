"""The interface of a dialect: operations, each with a path, a parser of its requests and a writer of its answers.

A dialect decides nothing and calls nothing: `http/endpoints.py` calls the use cases in `tasks.py`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol

from pydantic import BaseModel
from starlette.datastructures import Headers, QueryParams

from wanserve.domain.catalogue import ModelCard, Size
from wanserve.domain.errors import InvalidRequest, SizeNotMade, WanserveError
from wanserve.domain.idempotency import Idempotency, IdempotencyKey
from wanserve.domain.marks import MadeFile
from wanserve.domain.ports import Clock
from wanserve.domain.rules import RemixRequest, VideoRequest
from wanserve.domain.search import Found, Search
from wanserve.domain.task import State, Task, Variant
from wanserve.domain.webhooks import WebhookEndpoint
from wanserve.outlook import Outlook

JsonObject = Mapping[str, object]
"""A JSON object that can be serialized."""

IDEMPOTENCY_HEADER: Final = "Idempotency-Key"
"""The header with which a client makes a submit idempotent, in every dialect."""

MAX_BODY_BYTES: Final = 256 * 1024
"""A hundred times what two prompts of full length need, even with every character escaped."""


class EndpointNotFound(WanserveError):
    """No such path."""

    code = "endpoint_not_found"
    status = 404


class MethodNotAllowed(WanserveError):
    """The path exists, but not with this method."""

    code = "method_not_allowed"
    status = 405

    def __init__(self, method: str, path: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{method} is not for {path}, but {', '.join(allowed)}")
        self.method = method
        self.allowed = allowed


class NotSupported(WanserveError):
    """The API has this operation, but this server does not support it."""

    code = "unsupported"
    status = 400


class FieldMissing(InvalidRequest):
    """A required field is missing."""

    def __init__(self, field: str) -> None:
        super().__init__(field, "is required")


class UnsupportedParameter(InvalidRequest):
    """A field that this server does not support, and that would change the video: ignoring it would mislead the client."""


class BodyTooLarge(InvalidRequest):
    """The body is too long."""

    def __init__(self) -> None:
        super().__init__("body", f"must be at most {MAX_BODY_BYTES} bytes: it takes text only, no files")


class ServerBusy(WanserveError):
    """The memory for request bodies is used up."""

    code = "server_busy"
    status = 503
    retryable = True
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("too many requests are being read at a time")


@dataclass(frozen=True, slots=True)
class DialectRequest:
    """A request as a dialect sees it. `body` is complete and at most MAX_BODY_BYTES long.

    The body is empty until the key is authenticated, and for methods that have none.
    """

    headers: Headers
    query: QueryParams
    path_params: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class AnswerContext:
    """What an answer contains besides the task: the id of this request, and the link to the video where there is one."""

    request_id: str
    video_url: str | None = None


def idempotency_key(request: DialectRequest) -> Idempotency:
    """The idempotency key of a submit, or None."""
    name = request.headers.get(IDEMPOTENCY_HEADER)
    return None if name is None else IdempotencyKey(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Docs:
    """The part of an operation's documentation that the OpenAPI document cannot derive from its functions.

    `body` and `query` are the models by which `read` parses the request; `body_types` the media types of the body.
    `errors` are those that this operation can raise and others of its kind cannot. `other_answers` are types of answers
    with the status 200 that `refuse` writes.
    """

    operation_id: str
    summary: str
    description: str = ""
    path_examples: Mapping[str, str] = field(default_factory=dict)
    header_parameters: Sequence[JsonObject] = ()
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    body_example: JsonObject = field(default_factory=dict)
    body_types: Sequence[str] = ("application/json",)
    errors: Sequence[WanserveError] = ()
    other_answers: Sequence[type] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """What every operation has. `read` may raise InvalidRequest."""

    method: str
    path: str
    docs: Docs


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit(_Operation):
    """Submits the request that `read` returns."""

    read: Callable[[DialectRequest], VideoRequest]
    write: Callable[[Task, AnswerContext], JsonObject]
    read_idempotency: Callable[[DialectRequest], Idempotency] = idempotency_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Remix(_Operation):
    """Submits a new prompt with the settings of an earlier task."""

    read: Callable[[DialectRequest], RemixRequest]
    write: Callable[[Task, AnswerContext], JsonObject]
    read_idempotency: Callable[[DialectRequest], Idempotency] = idempotency_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(_Operation):
    """Gets one task, whose id `read` returns. `poll_header` recommends the milliseconds to the next poll."""

    read: Callable[[DialectRequest], str]
    write: Callable[[Task, AnswerContext], JsonObject]
    poll_header: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Events(_Operation):
    """Streams what happens to the task whose id `read` returns, or to all tasks of the account where that is None."""

    read: Callable[[DialectRequest], str | None]
    write: Callable[[Task, Outlook | None], JsonObject]
    write_preview: Callable[[Task], JsonObject]
    write_deleted: Callable[[str], JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelTask(_Operation):
    """Cancels the task whose id `read` returns, if it is in one of `states`."""

    read: Callable[[DialectRequest], str]
    write: Callable[[Task, AnswerContext], JsonObject]
    states: Collection[State]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(_Operation):
    """Deletes the task whose id `read` returns; `write` gets the id."""

    read: Callable[[DialectRequest], str]
    write: Callable[[str, AnswerContext], JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class List(_Operation):
    """Lists the tasks of the account."""

    read: Callable[[DialectRequest, Clock], Search]
    write: Callable[[Found, AnswerContext], JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content(_Operation):
    """Sends a file of a task: `read` returns the task's id and which file."""

    read: Callable[[DialectRequest], tuple[str, Variant]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListModels(_Operation):
    """Lists the models: `read` returns the name of the one requested, or None for all."""

    read: Callable[[DialectRequest], str | None]
    write: Callable[[Sequence[ModelCard], AnswerContext], JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddWebhook(_Operation):
    """Adds a webhook of the account: `read` returns its URL and the names of its events, None for all."""

    read: Callable[[DialectRequest], tuple[str, Collection[str] | None]]
    write: Callable[[WebhookEndpoint, AnswerContext], JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWebhooks(_Operation):
    """Lists the webhooks of the account; `write` also gets the secret of the messages to the URLs of single tasks."""

    write: Callable[[Sequence[WebhookEndpoint], str, AnswerContext], JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveWebhook(_Operation):
    """Removes the webhook whose id `read` returns; `write` gets the id."""

    read: Callable[[DialectRequest], str]
    write: Callable[[str, AnswerContext], JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindFile(_Operation):
    """Finds the tasks that made a file: `read` returns the file's SHA-256 as the client sent it."""

    read: Callable[[DialectRequest], str]
    write: Callable[[Sequence[MadeFile], AnswerContext], JsonObject]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported(_Operation):
    """An operation of the API that this server does not support; `why` is the message for the user."""

    why: str


TaskOperation = Query | Submit | Remix | CancelTask
"""Operations whose answer is about one task."""

WebhookOperation = AddWebhook | ListWebhooks | RemoveWebhook
"""Operations on the account's webhooks."""

AccountOperation = List | Delete | ListModels | FindFile | WebhookOperation | Unsupported
"""The other operations that answer with JSON."""

Operation = TaskOperation | AccountOperation | Content | Events


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to an error: HTTP status, JSON body and additional headers."""

    status: int
    body: JsonObject
    headers: Mapping[str, str]


class Dialect(Protocol):
    """One foreign wire format."""

    name: ClassVar[str]
    prefixes: ClassVar[Sequence[str]]
    """Errors of paths below these are answered in this dialect, also where there is no such operation."""

    mounts: ClassVar[Sequence[str]]
    """The prefixes under which each operation is served. The operations' own paths begin with the first."""

    trailing_slash: ClassVar[bool]
    """Whether each path is also served with a slash at its end."""

    security: ClassVar[Mapping[str, JsonObject]]
    """OpenAPI's security schemes by name: the places of the credential."""

    operations: Sequence[Operation]

    error_type: ClassVar[type]
    """The type of the body of each refusal."""

    def credential(self, request: DialectRequest) -> str | None:
        """The credential of the request, or None."""

    def refuse(self, error: WanserveError, request_id: str, operation: Operation | None) -> Refusal:
        """The answer to an error; `operation` is None where the path belongs to none."""


def require_uncompressed(headers: Headers) -> None:
    """Raise InvalidRequest where the body is compressed: a small one may expand to a large one."""
    for name, value in headers.raw:
        if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise InvalidRequest("Content-Encoding", "must be left out: a body is read as it is, not compressed")


def bearer(request: DialectRequest) -> str | None:
    """The credential of an `Authorization: Bearer` header, or None."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def supported_sizes(error: SizeNotMade, separator: str, hidden: Sequence[Size] = ()) -> str:
    """The message with the sizes that the model makes, without those that the dialect does not have (`hidden`)."""
    texts = [f"{width}{separator}{height}" for width, height in error.sizes if (width, height) not in hidden]
    return f"{error.model} makes {', '.join(texts)}"
