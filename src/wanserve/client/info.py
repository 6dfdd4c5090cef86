"""What is known of a video: the fields that the synchronous and the asynchronous client's videos share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

VideoState = Literal["pending", "running", "succeeded", "failed", "canceled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """A video as the server told of it last.

    `progress` goes from 0.0 to 1.0. The stage has done `step` of its `steps`. `place` is the place in line, 1 for the
    next. `seconds_left` is an estimate until the end. All of these are None where they are not known.

    `url` is a link to the video that needs no key and works until the server deletes the video; None while there is
    no video, and in lists. `error` says why a video failed or was canceled. `recipe` are all settings that it is made
    with: the same settings, seed included, make the same video.
    """

    id: str
    state: VideoState
    progress: float = 0.0
    stage: str | None = None
    step: int | None = None
    steps: int | None = None
    place: int | None = None
    seconds_left: float | None = None
    url: str | None = None
    error: str | None = None
    recipe: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state not in ("pending", "running")


def facts_of(video: VideoInfo) -> dict[str, Any]:
    """The fields of a video by name, without those that a client's own class adds."""
    return {each.name: getattr(video, each.name) for each in fields(VideoInfo)}
