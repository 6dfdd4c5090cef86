"""Fields of other APIs that would change the video: each is either supported or refused by name, never ignored.

The supported ones are in `ExtensionFields`, the refused ones are listed here. A field that changes nothing is ignored.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from wanserve.domain.catalogue import TIERS
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.rules import VideoRequest
from wanserve.http.dialects.base import UnsupportedParameter
from wanserve.http.dialects.fields import WebhookUrl, one_of
from wanserve.http.dialects.loras import Loras, read_loras

# Without `audio_url` and `with_audio`: the vendor's SDK for Java and n8n send them for every model, and the vendor ignores
# them for these models, whose videos are silent.
_MEDIA: Final = [
    "audio",
    "audio_setting",
    "audio_urls",
    "character",
    "characters",
    "control_image",
    "control_video",
    "driving_audio_url",
    "end_frame",
    "end_image",
    "first_clip_url",
    "first_frame",
    "first_frame_image",
    "first_frame_url",
    "frame_images",
    "generate_audio",
    "head_frame",
    "image",
    "image_reference",
    "image_references",
    "image_url",
    "image_urls",
    "images",
    "img_url",
    "init_image",
    "input_audio",
    "input_image",
    "input_images",
    "input_reference",
    "input_references",
    "input_video",
    "last_clip_url",
    "last_frame",
    "last_frame_image",
    "last_frame_url",
    "mask",
    "mask_frame_id",
    "mask_image_url",
    "mask_type",
    "mask_url",
    "mask_video_url",
    "media",
    "media_url",
    "obj_or_bg",
    "ref_image",
    "ref_image_url",
    "ref_images",
    "ref_images_url",
    "ref_video",
    "reference",
    "reference_image",
    "reference_image_url",
    "reference_image_urls",
    "reference_images",
    "reference_url",
    "reference_urls",
    "reference_video",
    "reference_video_url",
    "reference_video_urls",
    "reference_voice",
    "sound",
    "start_frame",
    "start_image",
    "tail_frame",
    "tracking_mask_url",
    "video",
    "video_url",
    "video_urls",
    "videos",
    "voice",
]
_SAMPLING: Final = [
    "boundary_ratio",
    "cfg",
    "cfg_scale",
    "denoising_strength",
    "effect",
    "flow_shift",
    "frames",
    "guidance",
    "guidance_scale_2",
    "high_noise_guidance_scale",
    "inference_steps",
    "lora_path",
    "lora_scale",
    "low_noise_guidance_scale",
    "motion_score",
    "num_steps",
    "sample_guide_scale",
    "sample_shift",
    "sample_solver",
    "sample_steps",
    "sampler",
    "scheduler",
    "shift",
    "strength",
    "template",
    "true_cfg_scale",
]
_LENGTH_AND_SHAPE: Final = [
    "aspect",
    "aspect_ratio",
    "frame_rate",
    "framerate",
    "frames_per_second",
    "num_seconds",
    "output_resolution",
    "quality_tier",
    "ratio",
    "video_length",
    "video_size",
]
_COUNTS: Final = ["batch_size", "num_images", "num_outputs", "num_videos", "num_videos_per_prompt", "number_of_videos"]

_PROBLEMS: Final = {
    **dict.fromkeys(_MEDIA, "is not supported: these models make silent videos from text alone"),
    **dict.fromkeys(_SAMPLING, "is not supported: how a model is sampled is set on the server"),
    **dict.fromkeys(_LENGTH_AND_SHAPE, "is not supported: see which sizes and lengths the model makes"),
    **dict.fromkeys(_COUNTS, "must be 1: one video a task"),
    "shot_type": "must be single: these models make one shot",
}
"""The refused fields by name, with the message."""

_HARMLESS: Final = {**dict.fromkeys(_COUNTS, "1"), "shot_type": "single"}
"""Values of refused fields that ask for what is made anyway."""

_UNSET: Final = ("", "false", "none", "null", "[]", "{}")


_FIXED: Final = "Must be what the model is made with."
_CHOSEN: Final = "What the model is made with, or what its owner allows: see `choices` of GET /v1/models."
_Side = Annotated[
    int | None,
    Field(description="Width and height together are a size of the model.", json_schema_extra={"minimum": 1}),
]


class ExtensionFields(BaseModel):
    """The fields in which clients of other servers say size and sampling, and ours of a profile and of a webhook.

    `domain/rules.py` compares the former with the model and with what its owner allows.
    """

    model_config = ConfigDict(extra="allow")

    width: _Side = None
    height: _Side = None
    resolution: Annotated[str | None, one_of(TIERS, "The model's landscape size of this tier.")] = None
    num_frames: Annotated[int | None, Field(description="A length that the model makes, in frames.")] = None
    fps: Annotated[int | None, Field(description=_FIXED)] = None
    num_inference_steps: Annotated[int | None, Field(description=_CHOSEN)] = None
    steps: Annotated[int | None, Field(description="The same as num_inference_steps.")] = None
    guidance_scale: Annotated[float | None, Field(description=_CHOSEN)] = None
    profile: Annotated[str | None, Field(description=_CHOSEN)] = None
    loras: Loras = None
    lora: Annotated[Loras, Field(description="The same as loras, by vLLM-Omni's name.")] = None
    webhook_url: WebhookUrl = None

    def apply_to(self, request: VideoRequest) -> VideoRequest:
        """The request with these fields. Raises InvalidRequest where two of them contradict each other."""
        if None not in (self.steps, self.num_inference_steps) and self.steps != self.num_inference_steps:
            raise InvalidRequest("steps", "is another number than steps")
        return replace(
            request,
            width=self.width,
            height=self.height,
            tier=self.resolution,
            frames=self.num_frames,
            fps=self.fps,
            steps=self.steps if self.num_inference_steps is None else self.num_inference_steps,
            guidance_scale=self.guidance_scale,
            webhook_url=self.webhook_url,
            profile=self.profile,
            loras=read_loras(self.loras, self.lora),
        )


FIELD_NAMES: Final = {
    "tier": "resolution",
    "frames": "num_frames",
    "steps": "num_inference_steps",
    "count": "n",
}
"""The fields of VideoRequest that have another name in requests."""


def refuse_unsupported(fields: Mapping[str, object] | None, where: str = "", misplaced: Collection[str] = ()) -> None:
    """Raise UnsupportedParameter for a field that asks for something else than is made, or that is `misplaced`.

    `fields` are those that the dialect's own model does not have; `where` is their path, with a dot at its end.
    """
    for name, value in (fields or {}).items():
        if _unset(value) or (name in _HARMLESS and str(value) == _HARMLESS[name] and not isinstance(value, bool)):
            continue
        if name in _PROBLEMS:
            raise UnsupportedParameter(f"{where}{name}", _PROBLEMS[name])
        if name in misplaced:
            raise UnsupportedParameter(f"{where}{name}", "does not belong here: it would have no effect")


def _unset(value: object) -> bool:
    return value is None or value is False or (not isinstance(value, int) and str(value).lower() in _UNSET)
