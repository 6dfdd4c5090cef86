"""Reads the answers and the events: pure functions, the same for both clients."""

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any, Final

from wanserve.client.errors import (
    InvalidKey,
    InvalidRequest,
    ModerationBlocked,
    NotFound,
    RateLimited,
    RequestRefused,
    ServerFailed,
    UnexpectedAnswer,
    WanError,
)
from wanserve.client.info import VideoInfo, VideoState

BUSY: Final = frozenset((429, 502, 503, 504))
"""The statuses after which the same request may succeed."""

POLL_SECONDS: Final = 2.0
"""The pause between two polls where the server gives no advice."""

POLL_SECONDS_MAX: Final = 60.0

AGAIN_SECONDS: Final = 2.0
"""When a stream that broke is opened again, where it does not say."""

EVENT_BYTES_MAX: Final = 1024 * 1024

_STATES: Final[Mapping[str, VideoState]] = {
    "queued": "pending",
    "in_progress": "running",
    "completed": "succeeded",
    "failed": "failed",
}
_EVENT_STATES: Final[Mapping[str, VideoState]] = {
    "pending": "pending",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "canceled",
}
_REFUSALS: Final[Mapping[int, type[RequestRefused]]] = {
    400: InvalidRequest,
    401: InvalidKey,
    404: NotFound,
    413: InvalidRequest,
    422: InvalidRequest,
    429: RateLimited,
}
MODERATION_BLOCKED: Final = "moderation_blocked"
"""The code of a text that the server's rules do not allow."""

_RECIPE: Final = (
    "model",
    "prompt",
    "size",
    "seconds",
    "negative_prompt",
    "seed",
    "prompt_extend",
    "watermark",
    "profile",
    "guidance_scale",
)
"""The fields of a video that are its recipe and have the same names in the settings of a create."""

_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer. The names of the headers are in small letters. An open stream has no content yet."""

    status: int
    headers: Mapping[str, str]
    content: bytes = b""

    @property
    def refused(self) -> bool:
        """Whether it is an error."""
        return not 200 <= self.status < 300

    @property
    def busy(self) -> bool:
        """Whether the same request may succeed later, and the server does not ask to leave it."""
        return self.status in BUSY and self.headers.get("x-should-retry") != "false"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list; `more` follow."""

    videos: tuple[VideoInfo, ...]
    more: bool


@dataclass(slots=True)
class EventReader:
    """Reads server-sent events as their bytes arrive.

    `last_id` is the id of the last event that was complete. A connection that broke is opened again after `again_s`.
    """

    last_id: str = ""
    again_s: float = AGAIN_SECONDS
    _rest: bytes = b""
    _id: str = ""
    _data: list[str] = field(default_factory=list)

    def restart(self) -> None:
        """Forget what was incomplete, for another connection."""
        self._rest, self._id, self._data = b"", "", []

    def feed(self, arrived: bytes) -> Iterator[str]:
        """The data of each event that is complete now. Raises UnexpectedAnswer for one that is too long to be true."""
        *lines, self._rest = (self._rest + arrived).split(b"\n")
        if len(self._rest) > EVENT_BYTES_MAX:
            raise UnexpectedAnswer("an event has no end")
        for raw in lines:
            line = raw.removesuffix(b"\r").decode("utf-8", "replace")
            name, _, text = line.partition(":")
            text = text.removeprefix(" ")
            if name == "id":
                self._id = text
            elif name == "data":
                self._data.append(text)
            elif name == "retry":
                self.again_s = min((_whole(text) or 0) / 1000, POLL_SECONDS_MAX)
            elif not line:
                data, self._data = "\n".join(self._data), []
                self.last_id = self._id or self.last_id
                if data:
                    yield data


def read_video(answer: Answer) -> VideoInfo:
    """The video of an answer about one. Raises RequestRefused, UnexpectedAnswer."""
    video = _video(_object(answer))
    step, _, steps = answer.headers.get("wanserve-step", "").partition("/")
    return replace(
        video,
        stage=answer.headers.get("wanserve-stage"),
        step=_whole(step),
        steps=_whole(steps),
        place=_whole(answer.headers.get("wanserve-place")),
        seconds_left=_seconds(answer.headers.get("wanserve-seconds-left")),
    )


def read_page(answer: Answer) -> Page:
    """The videos of a list. Raises RequestRefused, UnexpectedAnswer."""
    listed = _object(answer)
    videos = listed.get("data")
    if not isinstance(videos, list):
        raise UnexpectedAnswer("the answer is not a list of videos")
    found = tuple(_video(video) for video in videos)
    return Page(found, more=listed.get("has_more") is True and bool(found))


def read_deleted(answer: Answer) -> None:
    """Nothing, where the video was deleted. Raises RequestRefused, UnexpectedAnswer."""
    if _object(answer).get("deleted") is not True:
        raise UnexpectedAnswer("the answer does not say that the video was deleted")


def read_event(video: VideoInfo, data: str) -> VideoInfo | None:
    """The video after an event; None for an event that tells nothing of it. The progress never goes back.

    Raises UnexpectedAnswer.
    """
    told = _parse(data)
    if not isinstance(told, dict) or told.get("id") != video.id or str(told.get("state")) not in _EVENT_STATES:
        return None
    return replace(
        video,
        state=_EVENT_STATES[told["state"]],
        progress=max(video.progress, _fraction(told.get("fraction"), 1)),
        stage=told.get("stage"),
        step=told.get("step"),
        steps=told.get("steps"),
        place=told.get("place"),
        seconds_left=told.get("seconds_left"),
        error=_message(told.get("error")),
    )


def error_of(answer: Answer) -> WanError:
    """The error of an answer that is one."""
    try:
        told = json.loads(answer.content)
    except ValueError:
        told = None
    error = told.get("error") if isinstance(told, dict) else None
    kind = ServerFailed if answer.status >= 500 else _REFUSALS.get(answer.status, RequestRefused)
    if not isinstance(error, dict):
        return kind(answer.status, f"the server answered {answer.status}, and not as a wanserve does")
    message, code, param = (str(error.get(name) or "") for name in ("message", "code", "param"))
    if code == MODERATION_BLOCKED:
        kind = ModerationBlocked
    return kind(answer.status, message or f"the server answered {answer.status}", code, param)


def retry_after_s(answer: Answer) -> float | None:
    """When the server says that the request may be sent again, in seconds from now; None where it does not say."""
    advice = answer.headers.get("retry-after", "").strip()
    if (seconds := _seconds(advice)) is not None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(advice).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def poll_after_s(answer: Answer) -> float:
    """When to poll again, by the server's advice."""
    advised_ms = _seconds(answer.headers.get("openai-poll-after-ms"))
    return POLL_SECONDS if advised_ms is None else min(max(advised_ms / 1000, 0.1), POLL_SECONDS_MAX)


def total_bytes(answer: Answer, begin: int) -> int | None:
    """How long the file is that a download answers with; None where that is not known.

    Raises UnexpectedAnswer for a part that does not begin at `begin`.
    """
    if answer.status != 206:
        return _whole(answer.headers.get("content-length"))
    part = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    if part is None or int(part[1]) != begin:
        raise UnexpectedAnswer("the answer is another part of the file than was asked for")
    return int(part[2])


def _video(told: Any) -> VideoInfo:
    if not isinstance(told, dict) or not isinstance(told.get("id"), str) or str(told.get("status")) not in _STATES:
        raise UnexpectedAnswer("the answer is not about a video")
    error = told.get("error")
    canceled = isinstance(error, dict) and error.get("code") == "cancelled"
    state: VideoState = "canceled" if canceled else _STATES[told["status"]]
    return VideoInfo(
        id=told["id"],
        state=state,
        progress=_fraction(told.get("progress"), 100),
        url=told.get("url"),
        error=_message(error),
        recipe=_recipe(told),
    )


def _recipe(told: Mapping[str, Any]) -> Mapping[str, object]:
    recipe = {name: told[name] for name in _RECIPE if told.get(name) is not None}
    if told.get("num_inference_steps") is not None:
        recipe["steps"] = told["num_inference_steps"]
    if isinstance(loras := told.get("loras"), list):
        recipe["loras"] = {lora["name"]: lora["strength"] for lora in loras if isinstance(lora, dict)}
    # A length is a text in this API, and a number for those who call us.
    return recipe | {"seconds": int(recipe["seconds"])} if str(recipe.get("seconds")).isdigit() else recipe


def _object(answer: Answer) -> dict[str, Any]:
    if answer.refused:
        raise error_of(answer)
    told = _parse(answer.content)
    if not isinstance(told, dict):
        raise UnexpectedAnswer("the answer is not a JSON object")
    return told


def _parse(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UnexpectedAnswer("the answer is not JSON") from error


def _message(error: Any) -> str | None:
    return str(error.get("message") or error.get("code") or "") if isinstance(error, dict) else None


def _fraction(number: Any, whole: int) -> float:
    return min(max(number / whole, 0.0), 1.0) if isinstance(number, int | float) else 0.0


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() else None


def _seconds(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII) else None
