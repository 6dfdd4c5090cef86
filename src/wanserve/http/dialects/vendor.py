"""What DashScope and the document, which re-wraps it, have in common: sizes, times, and how a task is told of."""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from pydantic import BaseModel, ConfigDict

from wanserve.domain.catalog import Size
from wanserve.domain.errors import InvalidRequest, QueueFull, RateLimited, WanserveError
from wanserve.domain.rules import VideoRequest
from wanserve.domain.task import Task
from wanserve.http.dialects.base import AnswerContext, JsonObject, ServerBusy
from wanserve.http.dialects.foreign_fields import NAMES, ExtensionFields, refuse_unsupported

BEIJING: Final = datetime(1970, 1, 1, 8)  # noqa: DTZ001  # the vendor's times have no zone
"""The start of 1970 on the vendor's clock: its times carry no zone and are eight hours ahead of UTC."""

QUEUE_RETRY_SECONDS: Final = 15
"""The vendor's own advice for the time between two polls: sooner, a full queue is hardly shorter."""

_SIZE: Final = re.compile(r"([1-9]\d{0,4})\*([1-9]\d{0,4})", re.ASCII)


SECONDS: Final = 5
"""The length of every video of these models: the vendor's page lists it as one that cannot be changed."""

IN_PARAMETERS: Final = {
    "size": "parameters.size",
    "seed": "parameters.seed",
    "seconds": "parameters.duration",
    "width": "parameters.width",
    "height": "parameters.height",
    "fps": "parameters.fps",
    "guidance_scale": "parameters.guidance_scale",
    **{field: f"parameters.{name}" for field, name in NAMES.items()},
}
"""Where a VideoRequest's fields stand, by their names here."""


class _Input(BaseModel):
    model_config = ConfigDict(extra="allow")

    prompt: str
    negative_prompt: str | None = None


class _Parameters(ExtensionFields):
    size: str | None = None
    duration: int | None = None
    n: int | None = None
    seed: int | None = None
    prompt_extend: bool | None = None
    watermark: bool | None = None


class SubmitBody(BaseModel):
    """The body of a submit."""

    model_config = ConfigDict(extra="allow")

    model: str
    input: _Input
    parameters: _Parameters | None = None

    def video_request(self, model: str) -> VideoRequest:
        """What is to be made, by the model of this name. Raises InvalidRequest for what asks for more than is made."""
        parameters = self.parameters or _Parameters()
        refuse_unsupported(self.model_extra, misplaced=_PARAMETERS | _INPUT)
        refuse_unsupported(self.input.model_extra, "input.", _PARAMETERS)
        refuse_unsupported(parameters.model_extra, "parameters.", _INPUT)
        if parameters.duration not in (None, SECONDS):
            raise InvalidRequest("seconds", f"must be {SECONDS}")
        video = VideoRequest(
            model=model,
            prompt=self.input.prompt,
            negative_prompt=self.input.negative_prompt,
            size=None if parameters.size is None else read_size(parameters.size),
            count=parameters.n,
            seed=parameters.seed,
            prompt_extend=parameters.prompt_extend,
            watermark=parameters.watermark,
        )
        return parameters.apply_to(video)


_INPUT: Final = frozenset(_Input.model_fields)
_PARAMETERS: Final = frozenset(_Parameters.model_fields) | {"seconds"}


def read_size(text: str) -> Size:
    """Width and height of "W*H". Raises InvalidRequest."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidRequest("size", 'must be "width*height", such as "1280*720"')
    return int(match[1]), int(match[2])


def write_accepted(task: Task, context: AnswerContext) -> JsonObject:
    """The answer to a submit."""
    return {"request_id": context.request_id, "output": {"task_id": task.id, "task_status": task.state}}


def output_of(task: Task) -> dict[str, object]:
    """What is told of a task, whichever its state."""
    output: dict[str, object] = {
        "task_id": task.id,
        "task_status": task.state,
        "submit_time": clock_text(task.submitted_ms),
    }
    if task.started_ms is not None:
        output["scheduled_time"] = clock_text(task.started_ms)
    if task.ended_ms is not None:
        output["end_time"] = clock_text(task.ended_ms)
    if task.failure is not None:
        output["code"] = "InternalError.Timeout" if task.failure.code == "stalled" else "InternalError.Algo"
        output["message"] = task.failure.message
    return output


def actual_prompt(task: Task) -> str:
    """What was drawn. Never empty: where nobody wrote the prompt out, it is the original."""
    return (task.video and task.video.actual_prompt) or task.generation.prompt


def usage_of(task: Task) -> dict[str, object]:
    """What a video counts for. Its "ratio" is its size."""
    made = task.generation
    return {
        "video_duration": round(made.seconds),
        "video_ratio": f"{made.width}*{made.height}",
        "video_count": 1,
    }


@lru_cache(maxsize=4096)
def clock_text(time_ms: int) -> str:
    """Milliseconds since 1970, UTC, as the vendor writes a time: `2025-09-06 18:03:09.999`, eight hours ahead.

    Remembered, because a task is polled over and over.
    """
    return (BEIJING + timedelta(milliseconds=time_ms)).isoformat(" ", "milliseconds")


def retry_after(error: WanserveError) -> dict[str, str]:
    """The header that says when to try again, where that helps."""
    match error:
        case RateLimited() | ServerBusy():
            return {"Retry-After": str(error.retry_after_s)}
        case QueueFull():
            return {"Retry-After": str(QUEUE_RETRY_SECONDS)}
        case _:
            return {}
