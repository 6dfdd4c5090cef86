"""The sentences and the examples of requests that the OpenAPI document has for OpenAI's dialect."""

from collections.abc import Mapping
from typing import Final

from wanserve.domain.errors import ModelNotFound
from wanserve.http.dialects import samples
from wanserve.http.dialects.base import Docs
from wanserve.http.dialects.forms import FORMS
from wanserve.http.dialects.openai_models import (
    ContentQuery,
    CreateBody,
    OpenAIListQuery,
    RemixBody,
    WebhookBody,
    video_id,
)

_JSON_OR_FORM: Final = ("application/json", *FORMS)
_VIDEO_PATH: Final = {"video_id": video_id(samples.TASK_ID)}

CREATE: Final = Docs(
    operation_id="openaiCreateVideo",
    summary="Create a video",
    description="Accepts a video and answers at once; it is made later.",
    body=CreateBody,
    body_example={
        "prompt": samples.PROMPT,
        "model": "wanx2.1-t2v-turbo",
        "size": "1280x720",
        "seconds": "5",
    },
    body_types=_JSON_OR_FORM,
)
RETRIEVE: Final = Docs(
    operation_id="openaiRetrieveVideo",
    summary="Retrieve a video",
    description="The header openai-poll-after-ms says when to poll again.",
    path_examples=_VIDEO_PATH,
)
_LAST_EVENT_ID: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The id of the last event that was received: the stream goes on after it.",
}
EVENTS: Final = Docs(
    operation_id="wanserveVideoEvents",
    summary="Be told what happens to a video",
    description="Server-sent events, at most two a second, until the video has ended. Not an operation of OpenAI's.",
    path_examples=_VIDEO_PATH,
    header_parameters=(_LAST_EVENT_ID,),
)
ALL_EVENTS: Final = Docs(
    operation_id="wanserveEvents",
    summary="Be told what happens to all videos",
    description="Server-sent events about the videos of the key's account. Not an operation of OpenAI's.",
    header_parameters=(_LAST_EVENT_ID,),
)
ADD_WEBHOOK: Final = Docs(
    operation_id="wanserveAddWebhook",
    summary="Have a URL told how videos end",
    description="Messages in the form of Standard Webhooks. Not an operation of OpenAI's.",
    body=WebhookBody,
    body_example={"url": "https://hooks.example/wan", "events": ["video.completed", "video.failed"]},
)
LIST_WEBHOOKS: Final = Docs(
    operation_id="wanserveListWebhooks",
    summary="List the webhooks",
    description="Those of the key's account, without their secrets. Not an operation of OpenAI's.",
)
REMOVE_WEBHOOK: Final = Docs(
    operation_id="wanserveRemoveWebhook",
    summary="Remove a webhook",
    description="What waits for it is not sent any more. Not an operation of OpenAI's.",
    path_examples={"webhook_id": samples.WEBHOOK.id},
)
LIST: Final = Docs(operation_id="openaiListVideos", summary="List videos", query=OpenAIListQuery)
DELETE: Final = Docs(
    operation_id="openaiDeleteVideo",
    summary="Delete a video",
    description="A video that is queued or in progress is canceled first.",
    path_examples=_VIDEO_PATH,
)
CANCEL: Final = Docs(
    operation_id="wanserveCancelVideo",
    summary="Cancel a video",
    description="One that is queued or in progress; a running engine stops at its next step. Not an operation of OpenAI's.",
    path_examples=_VIDEO_PATH,
)
CONTENT: Final = Docs(
    operation_id="openaiDownloadVideo",
    summary="Download a video, a picture of it or a sheet of pictures",
    description="HEAD, ranges and conditional requests are supported.",
    path_examples=_VIDEO_PATH,
    query=ContentQuery,
)
REMIX: Final = Docs(
    operation_id="openaiRemixVideo",
    summary="Make a video anew with another prompt",
    description="Model, size, length, seed and negative prompt are those of the first; the picture is made anew.",
    path_examples=_VIDEO_PATH,
    body=RemixBody,
    body_example={"prompt": "A puppy running in the moonlight"},
    body_types=_JSON_OR_FORM,
)
MODELS: Final = Docs(operation_id="openaiListModels", summary="List the models")
MODEL: Final = Docs(
    operation_id="openaiRetrieveModel",
    summary="Retrieve a model",
    path_examples={"model": "wan2.2-t2v-plus"},
    errors=[ModelNotFound("there is no model wan9")],
)


def unsupported(name: str, path_examples: Mapping[str, str] | None = None) -> Docs:
    """An operation of the vendor's that this server does not support."""
    return Docs(operation_id=f"openai{name}", summary="Not supported", path_examples=path_examples or {})
