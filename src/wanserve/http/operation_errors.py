"""Which errors each operation can raise, as instances: from them the OpenAPI document gets its refusals."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from wanserve.blobs.links import LinkExpired, LinkInvalid
from wanserve.domain.catalogue import MODELS
from wanserve.domain.errors import (
    BlobDamaged,
    BlobNotFound,
    BlobUnavailable,
    InvalidKey,
    InvalidRequest,
    MissingKey,
    ModelDenied,
    ModerationBlocked,
    ModerationUnavailable,
    QueueFull,
    RateLimited,
    SizeNotMade,
    StoreUnavailable,
    TaskNotFound,
    VideoNotReady,
    WanserveError,
    WebhookNotFound,
    WrongState,
)
from wanserve.domain.task import State
from wanserve.http.dialects import samples
from wanserve.http.dialects.base import (
    AddWebhook,
    BodyTooLarge,
    CancelTask,
    Content,
    Delete,
    Events,
    FieldMissing,
    FindFile,
    NotSupported,
    Operation,
    Query,
    Remix,
    RemoveWebhook,
    ServerBusy,
    Submit,
    Unsupported,
)
from wanserve.http.endpoints import METHODS_WITHOUT_BODY
from wanserve.http.middleware import UnexpectedError
from wanserve.http.ranges import PreconditionFailed, RangeNotSatisfiable

_UNAUTHENTICATED: Final = (
    InvalidRequest("Host", "must be one host and port, such as video.example or [::1]:8000"),
    UnexpectedError("an unexpected error"),
    StoreUnavailable("the task table cannot be read"),
)
ALWAYS: Final = (
    *_UNAUTHENTICATED,
    MissingKey("no key was sent"),
    InvalidKey("the key is unknown or revoked"),
    RateLimited(1),
)
WITH_BODY: Final = (BodyTooLarge(), ServerBusy())
_CARD: Final = next(iter(MODELS.values()))
_SUBMIT: Final = (
    FieldMissing("prompt"),
    SizeNotMade(_CARD.name, _CARD.sizes),
    ModelDenied(f"this key may not use {_CARD.name}"),
    ModerationBlocked("prompt", ["violence"]),
    ModerationUnavailable(5),
    QueueFull(f"the queue for {_CARD.name} is full: wait for a task to end"),
)
_UNKNOWN: Final = TaskNotFound(samples.TASK_ID)
_NOT_READY: Final = VideoNotReady(samples.TASK_ID, State.RUNNING)
_FILE: Final = (
    BlobNotFound("there is no file 1.mp4"),
    BlobDamaged("the file 1.mp4 is not as long as when it was stored"),
    RangeNotSatisfiable(1_234_567),
    PreconditionFailed("If-Match: the file's tag is another"),
    BlobUnavailable("cannot read the file 1.mp4"),
)
BY_OPERATION: Final[Mapping[type[Operation], Sequence[WanserveError]]] = {
    Submit: _SUBMIT,
    Remix: (*_SUBMIT, _UNKNOWN, _NOT_READY),
    Query: (_UNKNOWN,),
    CancelTask: (_UNKNOWN, WrongState(f"task {samples.TASK_ID} is RUNNING and cannot become CANCELED")),
    Delete: (_UNKNOWN,),
    Events: (_UNKNOWN,),
    FindFile: (InvalidRequest("sha256", "must be the SHA-256 of a file, as 64 hex digits"),),
    AddWebhook: (InvalidRequest("url", "must begin with https://"),),
    RemoveWebhook: (WebhookNotFound(samples.WEBHOOK.id),),
    Content: (_UNKNOWN, _NOT_READY, *_FILE),
}
SIGNED_FILE: Final = (
    *_UNAUTHENTICATED,
    LinkInvalid("The link is not valid."),
    LinkExpired("The link has expired."),
    *_FILE,
)
"""The errors of a request for a signed link."""


def errors_of(operation: Operation) -> Iterator[WanserveError]:
    """An instance of each error that the operation can raise, except those that any code can raise by a bug."""
    yield from ALWAYS
    if operation.method not in METHODS_WITHOUT_BODY:
        yield from WITH_BODY
    yield from BY_OPERATION.get(type(operation), ())
    if isinstance(operation, Unsupported):
        yield NotSupported(operation.why)
    yield from operation.docs.errors
