"""What DashScope and the document's dialect, which re-wraps it, have in common: the submit, times, and tasks in answers."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from wanserve.domain.catalogue import Size
from wanserve.domain.errors import InvalidRequest, ModerationUnavailable, QueueFull, RateLimited, WanserveError
from wanserve.domain.rules import VideoRequest
from wanserve.domain.task import State, Task
from wanserve.http.dialects.base import AnswerContext, ServerBusy
from wanserve.http.dialects.fields import Count, NegativePrompt, Prompt, PromptExtend, Seed, Watermark, one_of
from wanserve.http.dialects.foreign_fields import FIELD_NAMES, ExtensionFields, refuse_unsupported

BEIJING: Final = datetime(1970, 1, 1, 8)  # noqa: DTZ001  # the vendor's times have no zone
"""The start of 1970 on the vendor's clock: its times carry no zone and are eight hours ahead of UTC."""

QUEUE_RETRY_SECONDS: Final = 15
"""When to try again where the queue is full: the vendor's own advice for the time between two polls."""

SECONDS: Final = 5
"""The length of every video of these models, which the vendor's page says cannot be changed."""

FIELD_PATHS: Final = {
    "prompt": "input.prompt",
    "negative_prompt": "input.negative_prompt",
    "size": "parameters.size",
    "seed": "parameters.seed",
    "seconds": "parameters.duration",
    "width": "parameters.width",
    "height": "parameters.height",
    "fps": "parameters.fps",
    "guidance_scale": "parameters.guidance_scale",
    "profile": "parameters.profile",
    "loras": "parameters.loras",
    "webhook_url": "parameters.webhook_url",
    **{field: f"parameters.{name}" for field, name in FIELD_NAMES.items()},
}
"""The path of each of VideoRequest's fields in the body."""

_SIZE: Final = re.compile(r"([1-9]\d{0,4})\*([1-9]\d{0,4})", re.ASCII)

Time = Annotated[str, Field(description="UTC+8, without a zone.", examples=["2025-09-06 18:03:09.999"])]
Uuid = Annotated[str, Field(json_schema_extra={"format": "uuid"})]


class SubmitInput(BaseModel):
    """The object `input` of a submit."""

    model_config = ConfigDict(extra="allow")

    prompt: Prompt
    negative_prompt: NegativePrompt = None


class SubmitParameters(ExtensionFields):
    """The object `parameters` of a submit."""

    size: str | None = None
    duration: Annotated[int | None, one_of([SECONDS], "Seconds.")] = None
    n: Count = None
    seed: Seed = None
    prompt_extend: PromptExtend = None
    watermark: Watermark = None


class SubmitBody(BaseModel):
    """The body of a submit. Each dialect has its own models and sizes."""

    model_config = ConfigDict(extra="allow")

    model: str
    input: SubmitInput
    parameters: SubmitParameters | None = None

    def video_request(self, model: str) -> VideoRequest:
        """The request for a video by the model of this name. Raises InvalidRequest for fields that are not supported."""
        parameters = self.parameters or SubmitParameters()
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


_INPUT: Final = frozenset(SubmitInput.model_fields)
_PARAMETERS: Final = frozenset(SubmitParameters.model_fields) | {"seconds"}


def read_size(text: str) -> Size:
    """Parse "W*H" into width and height. Raises InvalidRequest."""
    match = _SIZE.fullmatch(text)
    if match is None:
        raise InvalidRequest("size", 'must be "width*height", such as "1280*720"')
    return int(match[1]), int(match[2])


class AcceptedOutput(TypedDict):
    """The object `output` of the answer to a submit."""

    task_id: Uuid
    task_status: State


class AcceptedAnswer(TypedDict):
    """The answer to a submit."""

    request_id: Uuid
    output: AcceptedOutput


def write_accepted(task: Task, context: AnswerContext) -> AcceptedAnswer:
    """The answer to a submit."""
    return {"request_id": context.request_id, "output": {"task_id": task.id, "task_status": task.state}}


class TaskOutput(TypedDict):
    """A task in an answer."""

    task_id: Uuid
    task_status: State
    submit_time: Time
    scheduled_time: NotRequired[Time]
    end_time: NotRequired[Time]
    code: NotRequired[Annotated[str, Field(description="Why it FAILED.")]]
    message: NotRequired[str]


class ResultOutput(TaskOutput):
    """A task in the answer to a poll. The last three are there once it has SUCCEEDED."""

    video_url: NotRequired[Annotated[str, Field(json_schema_extra={"format": "uri"})]]
    orig_prompt: NotRequired[str]
    actual_prompt: NotRequired[Annotated[str, Field(description="The prompt that the video was made from.")]]


class UsageAnswer(TypedDict):
    """What a video counts for."""

    video_duration: Annotated[int, Field(description="Seconds.")]
    video_ratio: Annotated[str, Field(description="The size, in spite of its name.")]
    video_count: int


class ResultAnswer(TypedDict):
    """The answer to a poll; `usage` is there once the task has SUCCEEDED."""

    request_id: Uuid
    output: ResultOutput
    usage: NotRequired[UsageAnswer]


class UnknownTask(TypedDict):
    """A task that is unknown, another account's, or past its retention."""

    task_id: Annotated[str, Field(description="The id that the request has, whatever it is.")]
    task_status: Literal["UNKNOWN"]


def task_output(task: Task) -> ResultOutput:
    """The fields that every answer about a task has, in each state."""
    output: ResultOutput = {
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


def result_writer(*, always_actual_prompt: bool) -> Callable[[Task, AnswerContext], ResultAnswer]:
    """A writer of answers to polls.

    Without `always_actual_prompt`, an answer has `actual_prompt` only where the request allowed the prompt to be rewritten.
    """

    def write_result(task: Task, context: AnswerContext) -> ResultAnswer:
        output = task_output(task)
        answer: ResultAnswer = {"request_id": context.request_id, "output": output}
        if task.state is State.SUCCEEDED:
            made = task.generation
            assert context.video_url is not None, "a task that has SUCCEEDED has a video"
            output["video_url"] = context.video_url
            output["orig_prompt"] = made.prompt
            if always_actual_prompt or made.prompt_extend:
                # The original where nobody has rewritten it: never empty.
                output["actual_prompt"] = (task.video and task.video.actual_prompt) or made.prompt
            answer["usage"] = {
                "video_duration": round(made.seconds),
                "video_ratio": f"{made.width}*{made.height}",
                "video_count": 1,
            }
        return answer

    return write_result


@lru_cache(maxsize=4096)
def clock_text(time_ms: int) -> str:
    """Format milliseconds since 1970 as the vendor writes a time: `2025-09-06 18:03:09.999`, in UTC+8.

    Cached, because a task is polled over and over.
    """
    return (BEIJING + timedelta(milliseconds=time_ms)).isoformat(" ", "milliseconds")


def retry_after(error: WanserveError) -> dict[str, str]:
    """The Retry-After header, for errors after which a retry helps."""
    match error:
        case RateLimited() | ServerBusy() | ModerationUnavailable():
            return {"Retry-After": str(error.retry_after_s)}
        case QueueFull():
            return {"Retry-After": str(QUEUE_RETRY_SECONDS)}
        case _:
            return {}
