"""Fields of other models and servers that would change the video: honoured, or refused by name, never passed over.

Those that a model of ours can honour are in `ExtensionFields`; the rest is listed here. What changes nothing stays ignored.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from pydantic import BaseModel, ConfigDict

from wanserve.domain.rules import VideoRequest
from wanserve.http.dialects.base import UnsupportedParameter

# Not `audio_url` and `with_audio`: the vendor's SDK for Java and n8n send them for every model, and the vendor passes them
# over for these, whose videos are silent.
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
    "lora",
    "lora_path",
    "lora_scale",
    "loras",
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
    "steps",
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

_WHY: Final = {
    **dict.fromkeys(_MEDIA, "is not supported: these models make silent videos from text alone"),
    **dict.fromkeys(_SAMPLING, "is not supported: how a model is sampled is set on the server"),
    **dict.fromkeys(_LENGTH_AND_SHAPE, "is not supported: see which sizes and lengths the model makes"),
    **dict.fromkeys(_COUNTS, "must be 1: one video a task"),
    "shot_type": "must be single: these models make one shot",
}
"""Names that are known of other models' APIs, with what to say of them."""

_AS_MADE: Final = {**dict.fromkeys(_COUNTS, "1"), "shot_type": "single"}
"""Values that ask for what is made anyway."""

_UNSET: Final = ("", "false", "none", "null", "[]", "{}")


class ExtensionFields(BaseModel):
    """What other servers' clients say of size and sampling. It is held against what the model makes."""

    model_config = ConfigDict(extra="allow")

    width: int | None = None
    height: int | None = None
    resolution: str | None = None
    num_frames: int | None = None
    fps: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None

    def apply_to(self, request: VideoRequest) -> VideoRequest:
        """The request with these."""
        return replace(
            request,
            width=self.width,
            height=self.height,
            tier=self.resolution,
            frames=self.num_frames,
            fps=self.fps,
            steps=self.num_inference_steps,
            guidance_scale=self.guidance_scale,
        )


NAMES: Final = {
    "tier": "resolution",
    "frames": "num_frames",
    "steps": "num_inference_steps",
    "count": "n",
}
"""Where a client's name is another than VideoRequest's."""


def refuse_unsupported(fields: Mapping[str, object] | None, where: str = "", misplaced: Collection[str] = ()) -> None:
    """Raise UnsupportedParameter for a field that asks for what is not made, or that is `misplaced` here.

    `fields` are those that the dialect itself has no place for; `where` is the path to them, with a dot at its end.
    """
    for name, value in (fields or {}).items():
        if _unset(value) or (name in _AS_MADE and str(value) == _AS_MADE[name] and not isinstance(value, bool)):
            continue
        if name in _WHY:
            raise UnsupportedParameter(f"{where}{name}", _WHY[name])
        if name in misplaced:
            raise UnsupportedParameter(f"{where}{name}", "does not belong here: it would have no effect")


def _unset(value: object) -> bool:
    return value is None or value is False or (not isinstance(value, int) and str(value).lower() in _UNSET)
