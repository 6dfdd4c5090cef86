"""What a dialect is: operations with a path each, that read a foreign request and write a foreign answer.

A dialect decides nothing and calls nothing: `http/api.py` lets requests in, asks `tasks.py` and sends the answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol, TypeVar

import pydantic_core
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers, QueryParams

from wanserve.domain.errors import InvalidRequest, WanserveError
from wanserve.domain.rules import VideoRequest
from wanserve.domain.task import Task

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


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as a dialect sees it. `body` is whole and within MAX_BODY_BYTES; `path` holds the path's variables."""

    headers: Headers
    query: QueryParams
    path: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What an answer needs besides the task: this request's own id, and the video's link where there is a video."""

    request_id: str
    video_url: str | None = None


@dataclass(frozen=True, slots=True)
class Submit:
    """An operation that submits: `read` may raise InvalidRequest, in the dialect's own field names."""

    path: str
    read: Callable[[Incoming], VideoRequest]
    write: Callable[[Task, Outgoing], Json]
    about: Json
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Query:
    """An operation that asks for one task: `read` gives its id."""

    path: str
    read: Callable[[Incoming], str]
    write: Callable[[Task, Outgoing], Json]
    about: Json
    method: str = "POST"


Operation = Submit | Query


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

    security: ClassVar[Mapping[str, Json]]
    """OpenAPI's security schemes by name: where the credential may stand."""

    operations: Sequence[Operation]

    def credential(self, incoming: Incoming) -> str | None:
        """The key's text as this dialect sends it, or None."""

    def refuse(self, error: WanserveError, request_id: str) -> Refusal:
        """The error as this dialect says it."""


Body = TypeVar("Body", bound=BaseModel)


def read_json(incoming: Incoming, shape: type[Body]) -> Body:
    """The body as `shape`, types unbent. Raises InvalidRequest that names the field by its path in the body."""
    try:
        # Two steps, so that NaN, half surrogates and bytes that are no UTF-8 are refused wherever they stand.
        return shape.model_validate(pydantic_core.from_json(incoming.body, allow_inf_nan=False), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"]) or "body"
        raise InvalidRequest(path, _RULES.get(first["type"], first["msg"])) from error
    except ValueError as error:
        raise InvalidRequest("body", f"must be JSON: {error}") from error


_RULES: Final = {
    "missing": "is required",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "bool_type": "must be true or false",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
}
