"""Encodes a small picture as PNG; and as a program, the first picture of a video: `python -m wanserve.media.preview FILE`."""

import sys
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from wanserve.domain.progress import Picture

SIDE: Final = 480
"""The longer side of a video's first picture, in pixels, unless the video is smaller."""


def png(picture: Picture) -> bytes:
    """The content of the file. Raises FFmpegError."""
    frame = VideoFrame(picture.width, picture.height, "rgb24")
    plane = frame.planes[0]
    target, row_bytes = memoryview(plane), picture.width * 3
    for row in range(picture.height):
        start = row * plane.line_size
        target[start : start + row_bytes] = picture.rgb[row * row_bytes : (row + 1) * row_bytes]
    return _encode(frame)


def first_picture(video: Path) -> bytes:
    """The first picture of the video, as PNG. Raises FFmpegError, OSError; StopIteration where there is none."""
    with av.open(str(video)) as container:
        frame = next(container.decode(video=0))
    scale = min(1.0, SIDE / max(frame.width, frame.height))
    return _encode(
        frame.reformat(max(1, round(frame.width * scale)), max(1, round(frame.height * scale)), format="rgb24")
    )


def _encode(frame: VideoFrame) -> bytes:
    context = CodecContext.create("png", "w")
    assert isinstance(context, VideoCodecContext), "it encodes pictures"
    context.width, context.height, context.pix_fmt = frame.width, frame.height, "rgb24"
    context.time_base, context.thread_count = Fraction(1, 1), 1
    frame.pts, frame.time_base = 0, context.time_base
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode()])


if __name__ == "__main__":
    sys.stdout.buffer.write(first_picture(Path(sys.argv[1])))
