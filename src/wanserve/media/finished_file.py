"""Examines a finished MP4 that another server made: any codec that decodes, within limits, is kept as it is."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from wanserve.domain.errors import MediaDamaged, MediaFailed
from wanserve.domain.generation import Generation
from wanserve.media.errors import media_errors
from wanserve.media.probe import VideoFacts, facts_of, outermost_boxes
from wanserve.media.stills import Stills

MAX_PIXELS: Final = 4096 * 2304
"""The largest picture. A file that claims more could take all memory to decode."""

MAX_FRAMES: Final = 7200
"""The longest video: four minutes at 30 frames a second."""

_THREADS: Final = 2


def examine(path: Path, on_frame: Callable[[], None]) -> VideoFacts:
    """Decode the whole file; `on_frame` is called for each frame, and what it raises passes through.

    Raises MediaDamaged where the file is not an MP4, is cut short or has a frame that does not decode, MediaUnavailable
    where it cannot be read, and MediaFailed where it has no video, or a larger or longer one than the limits allow.
    """
    with media_errors("it does not decode", MediaDamaged):
        boxes = outermost_boxes(path)
        with _opened(path) as container:
            stream = _stream(container)
            frames = 0
            for frames, frame in enumerate(_frames(container, stream), start=1):
                _require_whole(frame, frames, stream)
                on_frame()
            if frames == 0:
                raise MediaDamaged("it has no frame")
            return facts_of(path, boxes, container, stream, frames)


def stills_of(path: Path, facts: VideoFacts, generation: Generation) -> Stills:
    """The stills of a file that was examined. Raises MediaFailed."""
    with media_errors("it does not decode", MediaDamaged), _opened(path) as container:
        stills = Stills(replace(generation, width=facts.width, height=facts.height, frames=facts.frames))
        for frame in _frames(container, _stream(container)):
            stills.add(frame)
        return stills


def differences(facts: VideoFacts, generation: Generation) -> list[str]:
    """What the file has otherwise than was asked, as notes for the user. A hundredth of a frame a second is no difference."""
    found = {
        "size": (f"{facts.width}x{facts.height}", f"{generation.width}x{generation.height}"),
        "number of frames": (str(facts.frames), str(generation.frames)),
        "frame rate": (f"{round(facts.fps, 2):g}", f"{generation.fps:g}"),
        "codec": (facts.codec, "h264"),
        "pixel format": (facts.pixel_format, "yuv420p"),
    }
    return [f"{name}: {actual} instead of {asked}" for name, (actual, asked) in found.items() if actual != asked]


def _require_whole(frame: VideoFrame, number: int, stream: VideoStream) -> None:
    """Raise MediaDamaged for a frame that is damaged, or not of the stream's size."""
    if frame.is_corrupt:
        raise MediaDamaged(f"frame {number} is damaged")
    if (frame.width, frame.height) != (stream.width, stream.height):
        raise MediaDamaged(f"frame {number} is {frame.width}x{frame.height}")


def _opened(path: Path) -> InputContainer:
    return av.open(str(path.absolute()), "r", format="mp4", metadata_errors="replace")


def _stream(container: InputContainer) -> VideoStream:
    """The video stream, if a video within the limits is in it. Raises MediaFailed."""
    if not container.streams.video:
        raise MediaFailed("it has no video stream")
    stream = container.streams.video[0]
    # None, against its type, where FFmpeg has no decoder for what the file names.
    if getattr(stream, "codec_context", None) is None:
        raise MediaFailed("its codec is unknown")
    if not 0 < stream.width * stream.height <= MAX_PIXELS:
        raise MediaFailed(f"its pictures are {stream.width}x{stream.height}")
    if stream.frames > MAX_FRAMES:
        raise MediaFailed(f"it has {stream.frames} frames")
    return stream


def _frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """Decode the frames, `MAX_FRAMES` at most. Raises MediaFailed where there are more."""
    context = stream.codec_context
    # FFmpeg reports more damage with threads for whole frames than with threads for slices; see media/probe.py.
    context.thread_type = ThreadType.FRAME
    context.thread_count = _THREADS
    for number, frame in enumerate(container.decode(stream)):
        if number >= MAX_FRAMES:
            raise MediaFailed(f"it has more than {MAX_FRAMES} frames")
        yield frame
