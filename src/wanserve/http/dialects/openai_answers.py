"""Writes the answers of OpenAI's dialect, and the data of its events."""

from collections.abc import Sequence
from typing import Final

from wanserve.domain.catalogue import NO_CHOICES, ModelCard
from wanserve.domain.generation import Chosen
from wanserve.domain.search import Found
from wanserve.domain.task import State, Task
from wanserve.http.dialects.base import AnswerContext
from wanserve.http.dialects.openai_models import (
    ChoicesObject,
    ChosenFields,
    DeletedVideo,
    ModelList,
    ModelObject,
    VideoError,
    VideoEvent,
    VideoEventState,
    VideoList,
    VideoObject,
    VideoPreview,
    VideoStatus,
    video_id,
)
from wanserve.outlook import Outlook

VIDEOS: Final = "/v1/videos"

STATUS: Final[dict[State, VideoStatus]] = {
    State.PENDING: "queued",
    State.RUNNING: "in_progress",
    State.SUCCEEDED: "completed",
    State.FAILED: "failed",
    # OpenAI has no canceled state, and a client would poll for ever on a state that it does not know.
    State.CANCELED: "failed",
}

_EVENT_STATES: Final[dict[State, VideoEventState]] = {
    State.PENDING: "pending",
    State.RUNNING: "running",
    State.SUCCEEDED: "succeeded",
    State.FAILED: "failed",
    State.CANCELED: "canceled",
}

_RELEASED_S: Final = {
    "wanx2.1-t2v-turbo": 1_740_441_600,
    "wanx2.1-t2v-plus": 1_740_441_600,
    "wan2.2-t2v-plus": 1_753_660_800,
}
"""When the open weights were published, in seconds since 1970: 25 February and 28 July 2025, by their READMEs."""


def write_video(task: Task, context: AnswerContext, retention_ms: int) -> VideoObject:
    """The answer about one video, with the link to it where there is one. The vendor's answers have no link."""
    return {**_video(task, retention_ms), "url": context.video_url}


def _video(task: Task, retention_ms: int) -> VideoObject:
    made, ended_ms = task.generation, task.ended_ms
    done_ms = ended_ms if task.state is State.SUCCEEDED else None
    video: VideoObject = {
        "id": video_id(task.id),
        "object": "video",
        "model": made.model,
        "status": STATUS[task.state],
        "progress": 100 if task.state is State.SUCCEEDED else min(99, int(task.progress * 100)),
        "created_at": task.submitted_ms // 1000,
        "completed_at": None if done_ms is None else done_ms // 1000,
        "expires_at": None if done_ms is None else (done_ms + retention_ms) // 1000,
        "prompt": made.prompt,
        "size": f"{made.width}x{made.height}",
        "seconds": str(round(made.seconds)),
        "remixed_from_video_id": None if task.remixed_from is None else video_id(task.remixed_from),
        "error": _video_error(task),
        "negative_prompt": made.negative_prompt,
        "seed": made.seed,
        "prompt_extend": made.prompt_extend,
        "watermark": made.watermark,
    }
    return {**video, **_chosen(made.chosen)}


def _chosen(chosen: Chosen) -> ChosenFields:
    """What the request chose; a field is left out where it chose nothing."""
    told: ChosenFields = {}
    if chosen.profile:
        told["profile"] = chosen.profile
    if chosen.steps is not None:
        told["num_inference_steps"] = chosen.steps
    if chosen.guidance_scale is not None:
        told["guidance_scale"] = chosen.guidance_scale
    if chosen.loras:
        told["loras"] = [{"name": lora.name, "strength": lora.strength} for lora in chosen.loras]
    return told


def _video_error(task: Task) -> VideoError | None:
    if task.state is State.CANCELED:
        return {"code": "cancelled", "message": "The video was canceled."}
    return None if task.failure is None else {"code": task.failure.code, "message": task.failure.message}


def write_list(found: Found, context: AnswerContext, retention_ms: int) -> VideoList:
    """One page of videos."""
    videos = [_video(task, retention_ms) for task in found.tasks]
    return {
        "object": "list",
        "data": videos,
        "first_id": videos[0]["id"] if videos else None,
        "last_id": videos[-1]["id"] if videos else None,
        "has_more": found.more,
    }


def write_deleted(task_id: str, context: AnswerContext) -> DeletedVideo:
    """The answer to a delete."""
    return {"id": video_id(task_id), "object": "video.deleted", "deleted": True}


def write_event(task: Task, outlook: Outlook | None) -> VideoEvent:
    """The data of an event about a video."""
    event: VideoEvent = {
        "id": video_id(task.id),
        "state": _EVENT_STATES[task.state],
        "stage": None,
        "step": None,
        "steps": None,
        "fraction": round(task.progress, 3),
        "place": None,
        "seconds_left": None,
        "preview_step": task.preview or None,
        "error": _video_error(task),
    }
    if outlook is None:
        return event
    event["stage"], event["place"] = outlook.stage.value, outlook.place
    if outlook.steps:
        event["step"], event["steps"] = outlook.step, outlook.steps
    if outlook.seconds_left is not None:
        event["seconds_left"] = round(outlook.seconds_left, 1)
    return event


def write_preview(task: Task) -> VideoPreview:
    """The data of an event about a new picture of a video that is being made."""
    name = video_id(task.id)
    return {"id": name, "step": task.preview, "url": f"{VIDEOS}/{name}/content?variant=preview"}


def write_deleted_event(task_id: str) -> DeletedVideo:
    """The data of the last event about a video that was deleted."""
    return {"id": video_id(task_id), "object": "video.deleted", "deleted": True}


def write_models(cards: Sequence[ModelCard], context: AnswerContext) -> ModelList:
    """All models."""
    return {"object": "list", "data": [_model(card) for card in cards]}


def write_model(cards: Sequence[ModelCard], context: AnswerContext) -> ModelObject:
    """The one model that was requested."""
    return _model(cards[0])


def _model(card: ModelCard) -> ModelObject:
    released_s = _RELEASED_S.get(card.name, 0)
    model: ModelObject = {"id": card.name, "object": "model", "created": released_s, "owned_by": "wan"}
    return model if card.choices == NO_CHOICES else {**model, "choices": _choices(card)}


def _choices(card: ModelCard) -> ChoicesObject:
    choices = card.choices
    return {
        "profiles": list(dict.fromkeys((card.profile, *choices.profiles))) if choices.profiles else [],
        "num_inference_steps": choices.steps and list(choices.steps),
        "guidance_scale": choices.guidance_scale and list(choices.guidance_scale),
        "loras": [
            {"name": lora.name, "strength": lora.strength, "lowest": lora.strengths[0], "highest": lora.strengths[1]}
            for lora in choices.loras
        ],
        "max_loras": choices.max_loras,
    }
