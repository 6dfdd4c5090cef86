"""What a dialect is: operations with a path each, that read a foreign request and write a foreign answer.

A dialect decides nothing and calls nothing: `http/doors.py` lets requests in, asks `tasks.py` and sends the answer.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol

from starlette.datastructures import Headers, QueryParams

from wanserve.domain.catalog import ModelCard, Size
from wanserve.domain.errors import InvalidRequest, SizeNotMade, WanserveError
from wanserve.domain.idempotency import Idempotency, IdempotencyKey
from wanserve.domain.ports import Clock
from wanserve.domain.rules import RemixRequest, VideoRequest
from wanserve.domain.search import Found, Search
from wanserve.domain.task import State, Task, Variant

Json = Mapping[str, Any]
"""A JSON object, ready to be written."""

ONCE_HEADER: Final = "Idempotency-Key"
"""The client's own name for a submit, in every dialect."""

MAX_BODY_BYTES: Final = 256 * 1024
"""Two prompts of a few hundred characters need a hundredth of it, even with every character escaped."""


class EndpointNotFound(WanserveError):
    """No such path."""

    code = "endpoint_not_found"
    status = 404


class MethodNotAllowed(WanserveError):
    """The path is there, but not with this method."""

    code = "method_not_allowed"
    status = 405

    def __init__(self, method: str, path: str, allowed: Sequence[str]) -> None:
        super().__init__(f"{method} is not for {path}, but {', '.join(allowed)}")
        self.method = method
        self.allowed = allowed


class NotSupported(WanserveError):
    """The dialect has this operation, and this server does not do it."""

    code = "unsupported"
    status = 400


class FieldMissing(InvalidRequest):
    """A field that must be there is not."""

    def __init__(self, field: str) -> None:
        super().__init__(field, "is required")


class UnsupportedParameter(InvalidRequest):
    """A field that would change the video, and that this server has no use for: not to be passed over in silence."""


class BodyTooLarge(InvalidRequest):
    """The body is longer than MAX_BODY_BYTES."""

    def __init__(self) -> None:
        super().__init__("body", f"must be at most {MAX_BODY_BYTES} bytes: it takes text only, no files")


class ServerBusy(WanserveError):
    """As many bytes of requests are in memory as may be."""

    code = "server_busy"
    status = 503
    retryable = True
    retry_after_s = 1

    def __init__(self) -> None:
        super().__init__("too many requests are being read at a time")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as a dialect sees it. `path` holds the path's variables; `body` is whole and within MAX_BODY_BYTES.

    The body is empty where it is not read yet, which is so until the key is known, or never will be.
    """

    headers: Headers
    query: QueryParams
    path: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What an answer needs besides the task: this request's own id, and the video's link where there is a video."""

    request_id: str
    video_url: str | None = None


def named(incoming: Incoming) -> Idempotency:
    """The name that the client gives its submit, where it gives one."""
    name = incoming.headers.get(ONCE_HEADER)
    return None if name is None else IdempotencyKey(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """What every operation has: where it is found, and what the OpenAPI document says of it.

    `headers` go out with each good answer. What reads a request may raise InvalidRequest, in the dialect's own names.
    """

    method: str
    path: str
    about: Json
    headers: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit(_Operation):
    """Submits what `read` gives."""

    read: Callable[[Incoming], VideoRequest]
    write: Callable[[Task, Outgoing], Json]
    repeat: Callable[[Incoming], Idempotency] = named


@dataclass(frozen=True, slots=True, kw_only=True)
class Remix(_Operation):
    """Submits another prompt for what a task was made with."""

    read: Callable[[Incoming], RemixRequest]
    write: Callable[[Task, Outgoing], Json]
    repeat: Callable[[Incoming], Idempotency] = named


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(_Operation):
    """Asks for one task: `read` gives its id."""

    read: Callable[[Incoming], str]
    write: Callable[[Task, Outgoing], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(_Operation):
    """Cancels a task that is in one of `states`: `read` gives its id."""

    read: Callable[[Incoming], str]
    write: Callable[[Task, Outgoing], Json]
    states: Collection[State]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(_Operation):
    """Forgets a task: `read` gives its id, `write` takes it."""

    read: Callable[[Incoming], str]
    write: Callable[[str, Outgoing], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class List(_Operation):
    """Looks through the account's tasks."""

    read: Callable[[Incoming, Clock], Search]
    write: Callable[[Found, Outgoing], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content(_Operation):
    """Sends one of a task's files: `read` gives the task's id, and which."""

    read: Callable[[Incoming], tuple[str, Variant]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue(_Operation):
    """Tells the models: `read` gives the name of the only one that is asked for, or None."""

    read: Callable[[Incoming], str | None]
    write: Callable[[Sequence[ModelCard], Outgoing], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported(_Operation):
    """What the dialect knows and this server does not do; `why` is the line for the user."""

    why: str


OnTask = Query | Submit | Remix | Cancel
"""What is answered with a task."""

OnAccount = List | Delete | Catalogue | Unsupported
"""What is answered otherwise, in JSON."""

Operation = OnTask | OnAccount | Content


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error on its way out: HTTP status, JSON body, and headers of its own."""

    status: int
    body: Json
    headers: Mapping[str, str]


class Dialect(Protocol):
    """One foreign wire format."""

    name: ClassVar[str]
    prefixes: ClassVar[Sequence[str]]
    """The paths that are this dialect's to refuse, where no operation has them."""

    mounts: ClassVar[Sequence[str]]
    """What the paths of the operations begin with: the first in the operations themselves, or any other in its place."""

    trailing_slash: ClassVar[bool]
    """Whether each path is as good with a slash at its end."""

    security: ClassVar[Mapping[str, Json]]
    """OpenAPI's security schemes by name: where the credential may stand."""

    operations: Sequence[Operation]

    def credential(self, incoming: Incoming) -> str | None:
        """The key's text as this dialect sends it, or None."""

    def refuse(self, error: WanserveError, request_id: str, operation: Operation | None) -> Refusal:
        """The error as this dialect says it; `operation` is None where no path of it was met."""


def require_plain(headers: Headers) -> None:
    """Raise InvalidRequest where the body is compressed: a small one may become a large one."""
    for name, value in headers.raw:
        if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise InvalidRequest("Content-Encoding", "must be left out: a body is read as it is, not compressed")


def bearer(incoming: Incoming) -> str | None:
    """The key of an `Authorization: Bearer` header."""
    scheme, _, key = incoming.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def sizes_made(error: SizeNotMade, between: str, but: Sequence[Size] = ()) -> str:
    """The sizes of the error, with `between` their numbers; some are not for the dialect that says it."""
    texts = [f"{width}{between}{height}" for width, height in error.sizes if (width, height) not in but]
    return f"{error.model} makes {', '.join(texts)}"
