"""The errors of wanserve. Each class has its code, its HTTP status, and whether a retry may succeed.

WanserveError
├── InvalidRequest        400  a field breaks a rule
│   └── SizeNotMade       400  the model makes no videos of this size
├── ModerationBlocked     400  the server's rules do not allow one of the texts
├── ModerationUnavailable 503  the moderation endpoint gives no verdict, and the settings accept none without it
├── MissingKey            401  no credential was sent
├── InvalidKey            401  the credential is unknown or revoked
├── NotSignedIn           401  the browser has no valid session; only the web page meets this
├── SignInLinkInvalid     403  the sign-in link is unknown, used or expired; only the web page meets this
├── ModelDenied           403  the key may not use this model
├── ModelNotFound         404  there is no such model
├── TaskNotFound          404  unknown, another account's, or past its retention
├── WebhookNotFound       404  there is no such webhook, or it is another account's
├── WrongState            409  the task's state does not allow this
├── VideoNotReady         404  the task has made no video, or not yet
├── RateLimited           429  too many requests a second
├── QueueFull             429  too many tasks waiting
├── StoreUnavailable      503  the task table cannot be read or written
│   └── StoreUncertain    503  a write failed, and may have been stored all the same
├── BlobNotFound          404  no file is stored under this key
├── BlobDamaged           500  a stored file has changed
├── BlobUnavailable       503  a file cannot be stored or read
│   └── RemoteUnavailable 503  the file store on another machine does not answer, or refuses
├── MediaFailed                the video could not be encoded, or does not read back as asked
│   ├── MediaUnavailable       its file could not be written or read
│   ├── MediaDamaged           its file does not read back as it was written
│   └── MarksFailed            its files cannot be marked as generated
├── MachineFailed              a limit of this machine stopped a generation
├── EngineFailed               the engine cannot make this video
│   ├── EngineExhausted        out of memory or of a device: another attempt may succeed
│   └── UpstreamRefused        the upstream does not make this video
│       └── UpstreamTaskFailed it failed at this video: another attempt may succeed
├── UpstreamFailed             the server that was to make the video is broken or cannot be reached
│   ├── UpstreamDenied         it does not accept the key
│   ├── UpstreamForgot         it no longer has a task that it had accepted
│   └── UpstreamBusy           it takes no task now, and said when to ask again
├── Canceled                   a cancel was asked while the engine ran
│   └── Superseded             another attempt has the task
└── SetupError                 the settings or this machine do not allow what was asked
"""

from collections.abc import Sequence
from typing import ClassVar

from wanserve.domain.attempt import Fault


class WanserveError(Exception):
    """An error of wanserve. Its message is one clear line for the user."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    fault: ClassVar[Fault] = Fault.TASK
    """Whose fault it is when an attempt ends with this error."""

    said: str = ""
    """What another server said about it, for the user. It may repeat the prompt, and is never logged."""


class InvalidRequest(WanserveError):
    """A field of the request breaks a rule; nothing was stored."""

    code = "invalid_request"
    status = 400

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class SizeNotMade(InvalidRequest):
    """The model makes no videos of this size; `sizes` are those that it makes, width and height in pixels."""

    def __init__(self, model: str, sizes: Sequence[tuple[int, int]]) -> None:
        super().__init__("size", f"{model} makes {', '.join(f'{width}*{height}' for width, height in sizes)}")
        self.model = model
        self.sizes = sizes


class ModerationBlocked(WanserveError):
    """The server's rules do not allow the text of a field; nothing was stored. It does not say which words they are."""

    code = "moderation_blocked"
    status = 400

    def __init__(self, field: str, categories: Sequence[str] = ()) -> None:
        self.field = field
        self.categories = tuple(categories)
        because = f" ({', '.join(categories)})" if categories else ""
        self.problem = f"the rules of this server do not allow this text{because}"
        super().__init__(f"{field}: {self.problem}")


class ModerationUnavailable(WanserveError):
    """The moderation endpoint gives no verdict, and submits are refused until it does; nothing was stored."""

    code = "moderation_unavailable"
    status = 503
    retryable = True

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            f"The moderation of prompts is not available, so no video is accepted. Try again in {retry_after_s} seconds."
        )
        self.retry_after_s = retry_after_s


class MissingKey(WanserveError):
    """No credential was sent."""

    code = "missing_key"
    status = 401


class InvalidKey(WanserveError):
    """The credential is unknown or revoked."""

    code = "invalid_key"
    status = 401


class NotSignedIn(WanserveError):
    """The browser has no session, it has expired, or its key was revoked. Clients of the API never get this."""

    code = "not_signed_in"
    status = 401


class SignInLinkInvalid(WanserveError):
    """The sign-in link is unknown, was used, has expired, or its key was revoked. Clients of the API never get this."""

    code = "sign_in_link_invalid"
    status = 403


class ModelDenied(WanserveError):
    """The key is restricted to other models."""

    code = "model_denied"
    status = 403


class ModelNotFound(WanserveError):
    """There is no such model."""

    code = "model_not_found"
    status = 404


class TaskNotFound(WanserveError):
    """No such task for this account: unknown, another account's, or past its retention."""

    code = "task_not_found"
    status = 404

    def __init__(self, task_id: str) -> None:
        super().__init__(f"there is no task {task_id}")
        self.task_id = task_id


class WebhookNotFound(WanserveError):
    """There is no such webhook, or it is another account's."""

    code = "webhook_not_found"
    status = 404

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"there is no webhook {endpoint_id}")


class WrongState(WanserveError):
    """The task's state does not allow this."""

    code = "wrong_state"
    status = 409


class VideoNotReady(WanserveError):
    """The task has made no video, or not yet."""

    code = "video_not_ready"
    status = 404

    def __init__(self, task_id: str, state: str) -> None:
        super().__init__(f"task {task_id} is {state} and has no video")
        self.task_id = task_id
        self.state = state


class RateLimited(WanserveError):
    """The account sends more requests a second than its limit."""

    code = "rate_limited"
    status = 429
    retryable = True

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"Rate limit is exceeded. Try again in {retry_after_s} seconds.")
        self.retry_after_s = retry_after_s


class QueueFull(WanserveError):
    """The account has as many tasks waiting for this model as its limit allows."""

    code = "queue_full"
    status = 429
    retryable = True


class StoreUnavailable(WanserveError):
    """The task table cannot be read or written: disk full, locked, or gone."""

    code = "store_unavailable"
    status = 503
    retryable = True


class StoreUncertain(StoreUnavailable):
    """A write failed, and may have been stored all the same: a retry may store it twice."""

    code = "store_uncertain"
    retryable = False


class BlobNotFound(WanserveError):
    """No file is stored under this key."""

    code = "blob_not_found"
    status = 404


class BlobDamaged(WanserveError):
    """A stored file has changed: another program changed it, or its disk fails."""

    code = "blob_damaged"


class BlobUnavailable(WanserveError):
    """A file cannot be stored or read: disk full, read-only, or gone."""

    code = "blob_unavailable"
    status = 503
    retryable = True
    fault = Fault.MACHINE


class RemoteUnavailable(BlobUnavailable):
    """The file store on another machine does not answer, or refuses: another try, some seconds later, may succeed."""


class MediaFailed(WanserveError):
    """The video could not be encoded, or its file does not have the size and length that were asked for."""

    code = "media_failed"
    retryable = True


class MediaUnavailable(MediaFailed):
    """The video's file could not be written or read: disk full, read-only, gone, or a limit of open files."""

    code = "media_unavailable"
    fault = Fault.MACHINE


class MediaDamaged(MediaFailed):
    """The video's file does not read back as it was written: the disk or its driver fails."""

    code = "media_damaged"
    fault = Fault.MACHINE


class MarksFailed(MediaFailed):
    """The video's files cannot be marked as generated, or do not read back with their marks."""

    code = "marks_failed"
    fault = Fault.MACHINE


class MachineFailed(WanserveError):
    """A limit of this machine stopped the generation; the video itself can be made."""

    code = "machine_failed"
    retryable = True
    fault = Fault.MACHINE


class EngineFailed(WanserveError):
    """The engine cannot make this video, however often it is tried."""

    code = "engine_failed"


class EngineExhausted(EngineFailed):
    """The engine ran out of memory or of a device; another attempt may succeed."""

    code = "engine_exhausted"
    retryable = True


class UpstreamRefused(EngineFailed):
    """The upstream does not make this video, however often it is asked; `said` is its reason."""

    code = "upstream_refused"

    def __init__(self, problem: str, said: str = "") -> None:
        super().__init__(problem)
        self.said = said


class UpstreamTaskFailed(UpstreamRefused):
    """The upstream accepted the task and failed at it; another attempt may succeed."""

    code = "upstream_task_failed"
    retryable = True


class UpstreamFailed(WanserveError):
    """The upstream is broken, cannot be reached, or answers what its API does not have. Another one may do."""

    code = "upstream_failed"
    retryable = True
    fault = Fault.UPSTREAM

    def __init__(self, problem: str, said: str = "") -> None:
        super().__init__(problem)
        self.said = said


class UpstreamDenied(UpstreamFailed):
    """The upstream does not accept the key, or the account behind it."""

    code = "upstream_denied"


class UpstreamForgot(UpstreamFailed):
    """The upstream no longer has a task that it had accepted."""

    code = "upstream_forgot"


class UpstreamBusy(UpstreamFailed):
    """The upstream takes no task now. It may be asked again after `retry_after_s` seconds."""

    code = "upstream_busy"

    def __init__(self, problem: str, retry_after_s: float) -> None:
        super().__init__(problem)
        self.retry_after_s = retry_after_s


class Canceled(WanserveError):
    """The task was canceled. The report that an engine calls at each step raises it, so that the engine stops."""

    code = "canceled"


class Superseded(Canceled):
    """Another attempt has the task: this one stops, and leaves to the other what it has begun elsewhere."""


class SetupError(WanserveError):
    """The settings or this machine do not allow what was asked; the message says what to change."""

    code = "setup"
