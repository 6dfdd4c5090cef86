"""The requests and answers of OpenAI's dialect, as types."""

from typing import Annotated, Final, Literal, NotRequired

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from wanserve.domain.catalogue import MODELS
from wanserve.domain.webhooks import EventType
from wanserve.http.dialects.fields import (
    Count,
    NegativePrompt,
    Prompt,
    PromptExtend,
    Seed,
    Watermark,
    WebhookUrl,
    one_of,
    size_field,
)
from wanserve.http.dialects.foreign_fields import ExtensionFields

ID_PREFIX: Final = "video_"
_LENGTHS: Final = sorted({str(seconds) for card in MODELS.values() for seconds in card.lengths})


def video_id(task_id: str) -> str:
    """The video's id of a task's id."""
    return f"{ID_PREFIX}{task_id.replace('-', '')}" if not task_id.startswith(ID_PREFIX) else task_id


def _as_text(value: object) -> object:
    # Some clients send a number, which the vendor refuses.
    return str(value) if type(value) is int else value


class CreateBody(ExtensionFields):
    """The body of a create."""

    prompt: Prompt
    model: Annotated[
        str | None,
        Field(
            description=f"One of {', '.join(MODELS)}. Without it, or with one of the vendor's: the server's default."
        ),
    ] = None
    seconds: Annotated[str | None, BeforeValidator(_as_text), one_of(_LENGTHS)] = None
    size: Annotated[str | None, size_field("x")] = None
    n: Count = None
    input_reference: Annotated[object, Field(description="Refused: these models take text alone.")] = None
    negative_prompt: NegativePrompt = None
    seed: Seed = None
    prompt_extend: PromptExtend = None
    watermark: Watermark = None


class RemixBody(BaseModel):
    """The body of a remix."""

    model_config = ConfigDict(extra="allow")

    prompt: Prompt
    n: Count = None
    webhook_url: WebhookUrl = None


class OpenAIListQuery(BaseModel):
    """The query of a list."""

    limit: Annotated[int, Field(ge=0, le=100, description="Videos on a page.")] = 20
    order: Annotated[Literal["asc", "desc"], Field(description="By the time of the submit.")] = "desc"
    after: Annotated[str | None, Field(description="The last video of the page before.")] = None


class ContentQuery(BaseModel):
    """The query of a download."""

    variant: Annotated[
        Literal["video", "thumbnail", "spritesheet", "preview", "scene"],
        Field(description="MP4, WebP, JPEG; PNG, of a video that is being made; JSON, what was understood."),
    ] = "video"


VideoStatus = Literal["queued", "in_progress", "completed", "failed"]
UnixSeconds = Annotated[int, Field(description="Seconds since 1970.")]


class VideoError(TypedDict):
    """Why a video failed."""

    code: str
    message: str


class LoraObject(TypedDict):
    """A LoRA that a video is made with."""

    name: str
    strength: float


class ChosenFields(TypedDict):
    """What the request chose of how the model is sampled; each is left out where it chose nothing."""

    profile: NotRequired[Annotated[str, Field(description="Where the request chose one.")]]
    num_inference_steps: NotRequired[Annotated[int, Field(description="Where the request chose them.")]]
    guidance_scale: NotRequired[Annotated[float, Field(description="Where the request chose one.")]]
    loras: NotRequired[Annotated[list[LoraObject], Field(description="Where the request named any.")]]


class VideoObject(ChosenFields):
    """A video."""

    id: str
    object: Literal["video"]
    model: Annotated[str, Field(description="The model that makes it, which may be another than was requested.")]
    status: VideoStatus
    progress: Annotated[int, Field(ge=0, le=100, description="Never decreases.")]
    created_at: UnixSeconds
    completed_at: UnixSeconds | None
    expires_at: UnixSeconds | None
    prompt: str
    size: str
    seconds: Annotated[str, Field(description="How long it plays.")]
    remixed_from_video_id: str | None
    error: VideoError | None
    negative_prompt: str
    seed: Annotated[int, Field(description="With it the same settings make the same video.")]
    prompt_extend: bool
    watermark: bool
    url: NotRequired[Annotated[str | None, Field(description="The link to the video. Not in lists.")]]


VideoEventState = Literal["pending", "running", "succeeded", "failed", "canceled"]


class VideoEvent(TypedDict):
    """What happened to a video. `place` is its place in line, 1 for the next; `seconds_left` is an estimate."""

    id: str
    state: VideoEventState
    stage: Literal["waiting", "loading", "text", "denoise", "decode", "encode", "store"] | None
    step: int | None
    steps: int | None
    fraction: Annotated[float, Field(description="How much of it is done, 0.0 to 1.0.")]
    place: int | None
    seconds_left: float | None
    preview_step: Annotated[int | None, Field(description="The step of the newest picture: content?variant=preview.")]
    error: VideoError | None


class VideoPreview(TypedDict):
    """A new picture of a video that is being made: after which step, and its path."""

    id: str
    step: int
    url: str


class VideoList(TypedDict):
    """A page of videos."""

    object: Literal["list"]
    data: list[VideoObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class DeletedVideo(TypedDict):
    """The answer to a delete."""

    id: str
    object: Literal["video.deleted"]
    deleted: Literal[True]


class LoraChoiceObject(LoraObject):
    """A LoRA that a request may name, with the strength that it has where the request names none."""

    lowest: float
    highest: float


class ChoicesObject(TypedDict):
    """What a request may choose of how the model is sampled. Null, or an empty list: nothing of it."""

    profiles: Annotated[list[str], Field(description="The first is what the model is made with.")]
    num_inference_steps: Annotated[list[int] | None, Field(description="The least and the most.")]
    guidance_scale: Annotated[list[float] | None, Field(description="The least and the most.")]
    loras: list[LoraChoiceObject]
    max_loras: int


class ModelObject(TypedDict):
    """A model."""

    id: str
    object: Literal["model"]
    created: UnixSeconds
    owned_by: str
    choices: NotRequired[Annotated[ChoicesObject, Field(description="Where the owner allows any.")]]


class ModelList(TypedDict):
    """The models that this key may use."""

    object: Literal["list"]
    data: list[ModelObject]


WebhookEvent = Literal["video.completed", "video.failed", "video.canceled"]


class WebhookBody(BaseModel):
    """The body of a new webhook."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(description="https://, and no private address, unless the server allows it.")]
    events: Annotated[list[str] | None, Field(description=f"Some of {', '.join(EventType)}. Left out: all.")] = None


class WebhookObject(TypedDict):
    """A URL that is told how videos end. `disabled_reason` is null while it is."""

    id: str
    object: Literal["webhook"]
    url: str
    events: list[WebhookEvent]
    created_at: UnixSeconds
    disabled_reason: str | None


class NewWebhookObject(WebhookObject):
    """A webhook with the secret that signs its messages, which is told only once."""

    secret: str


class WebhookList(TypedDict):
    """The webhooks of the account. `task_secret` signs the messages to the `webhook_url` of single videos."""

    object: Literal["list"]
    data: list[WebhookObject]
    task_secret: str


class DeletedWebhook(TypedDict):
    """The answer to the removal of a webhook."""

    id: str
    object: Literal["webhook.deleted"]
    deleted: Literal[True]


class ErrorObject(TypedDict):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class OpenAIError(TypedDict):
    """The answer to an error."""

    error: ErrorObject
