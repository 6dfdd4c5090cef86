"""Answers of upstreams: what each status means, the texts of errors, and a task as both dialects tell about it."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, Protocol

import httpx

from wanserve.domain.errors import UpstreamBusy, UpstreamDenied, UpstreamFailed, UpstreamRefused
from wanserve.domain.generation import Generation
from wanserve.models.upstream import Upstream

BUSY_SECONDS: Final = 5.0
"""When an upstream that takes no task is asked again, where it does not say when."""

LONGEST_RETRY_SECONDS: Final = 300.0
"""An upstream that says that it takes tasks again later than this is asked after this time all the same."""

_DENIED: Final = frozenset({401, 402, 403})
_BUSY: Final = frozenset({429, 503})
_TEMPORARY: Final = frozenset({408, 425})
_NOT_THIS_API: Final = frozenset({404, 405, 406, 411, 415, 421, 426})
"""What a server answers that has another API at this address, or takes another form of it."""

_ACCOUNT_CODES: Final = (
    "arrearage",
    "insufficient_quota",
    "billing_",
    "accessdenied",
    "invalidapikey",
    "invalid_api_key",
)
"""How codes begin which say that the account may not ask, whatever the status is."""

_FINAL_CODES: Final = (
    "badrequest", "content_policy", "datainspection", "engine_failed", "invalid", "ipinfringement", "moderation",
    "unsupported", "upstream_refused",
)  # fmt: skip
"""How the codes begin with which a task fails that would fail again. Any other failure may pass."""


class Transient(Exception):
    """No usable answer, which may pass: the connection broke, a 5xx, or something that is not the API's JSON."""


class KeyTaken(Exception):
    """The idempotency key belongs to another request, or to a task that no longer exists."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def object(self) -> dict[str, object]:
        """The JSON object of the body. Raises Transient where there is none."""
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise Transient(f"its answer with HTTP status {self.status} is not a JSON object")
        return found


class RemoteState(Enum):
    """The state of a task at its upstream."""

    WAITING = auto()
    RUNNING = auto()
    DONE = auto()
    FAILED = auto()
    CANCELED = auto()
    UNKNOWN = auto()
    """The upstream has no such task, or no longer."""


ENDED_BADLY: Final = frozenset({RemoteState.FAILED, RemoteState.CANCELED, RemoteState.UNKNOWN})


@dataclass(frozen=True, slots=True)
class RemoteTask:
    """A task as its upstream tells about it.

    `progress` is 0.0 to 1.0, None where the upstream does not say. `code` and `message` say why it FAILED.
    `poll_after_s` is when the upstream wants to be asked again, in seconds. `video_url` is where the file is.
    """

    id: str
    state: RemoteState
    progress: float | None = None
    code: str = ""
    message: str = ""
    poll_after_s: float | None = None
    video_url: str | None = None
    actual_prompt: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether a failed task would fail again."""
        return self.code.lower().startswith(_FINAL_CODES)


class Codec(Protocol):
    """Requests and answers of one dialect for one upstream. Pure functions: nothing is sent."""

    def submit(self, generation: Generation, idempotency_key: str) -> httpx.Request:
        """The request that submits the generation."""

    def read_submitted(self, answer: Answer) -> RemoteTask:
        """The accepted task. Raises Transient."""

    def query(self, task_id: str) -> httpx.Request:
        """The request that polls a task."""

    def read_queried(self, answer: Answer) -> RemoteTask:
        """The polled task. Raises Transient."""

    def cancel(self, task_id: str) -> httpx.Request:
        """The request that cancels a task."""

    def content(self, task: RemoteTask) -> str:
        """The URL of a finished task's file. Raises Transient where the answer has none."""

    def checks(self) -> Sequence[httpx.Request]:
        """Requests that change nothing, of which every server with this API has at least one."""

    def read_check(self, answer: Answer) -> set[str] | None:
        """The upstream's models by name, None where the answer has none. Raises Transient where it is not of this API."""


def error_of(upstream: Upstream, answer: Answer) -> Exception | None:
    """The error that the status of an answer is; None where it is a success.

    UpstreamDenied, UpstreamBusy, UpstreamFailed, UpstreamRefused, KeyTaken or Transient.
    """
    status = answer.status
    if 200 <= status < 300:
        return None
    code, message = error_text(answer)
    said, problem = upstream.masked(message or code), f"it answered with HTTP status {status}"
    if status in _DENIED or code.lower().startswith(_ACCOUNT_CODES):
        return UpstreamDenied(f"{problem}: it does not accept the key, or the account has no right or no credit", said)
    if status in _BUSY:
        return UpstreamBusy(f"{problem}: it takes no request now", retry_after_s(answer))
    if status >= 500 or status in _TEMPORARY:
        return Transient(problem)
    if "idempoten" in f"{code} {message}".lower():
        return KeyTaken(problem)
    return _refusal(status, problem, said)


def _refusal(status: int, problem: str, said: str) -> Exception:
    """The error of a status that the same request would get again."""
    if status < 400:
        return UpstreamFailed(f"{problem}: set its url to the address that this leads to", said)
    if status in _NOT_THIS_API:
        return UpstreamFailed(f"{problem}: its url or its dialect is wrong, or it has no such model", said)
    return UpstreamRefused("the upstream refused the request", said)


def error_text(answer: Answer) -> tuple[str, str]:
    """Code and message of an error, in the form of either dialect or of FastAPI; empty where there is none."""
    try:
        body = answer.object()
    except Transient:
        return "", ""
    error = body.get("error")
    inner = error if isinstance(error, dict) else body
    message = inner.get("message") or inner.get("detail") or (error if isinstance(error, str) else "")
    return text(inner.get("code")) or text(inner.get("type")), text(message) or (json.dumps(message) if message else "")


def retry_after_s(answer: Answer) -> float:
    """The seconds of the Retry-After header, within bounds; a date counts as not given."""
    seconds = number(answer.headers.get("retry-after"))
    return BUSY_SECONDS if seconds is None else min(max(seconds, 0.0), LONGEST_RETRY_SECONDS)


def text(value: object) -> str:
    """The value if it is a text, else an empty one."""
    return value if isinstance(value, str) else ""


def number(value: object) -> float | None:
    """The value as a finite number, None where it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
