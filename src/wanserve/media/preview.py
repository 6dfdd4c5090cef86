"""Encodes a small picture as PNG."""

from fractions import Fraction

from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from wanserve.domain.progress import Picture


def png(picture: Picture) -> bytes:
    """The content of the file. Raises FFmpegError."""
    frame = VideoFrame(picture.width, picture.height, "rgb24")
    plane = frame.planes[0]
    target, row_bytes = memoryview(plane), picture.width * 3
    for row in range(picture.height):
        start = row * plane.line_size
        target[start : start + row_bytes] = picture.rgb[row * row_bytes : (row + 1) * row_bytes]
    context = CodecContext.create("png", "w")
    assert isinstance(context, VideoCodecContext), "it encodes pictures"
    context.width, context.height, context.pix_fmt = picture.width, picture.height, "rgb24"
    context.time_base, context.thread_count = Fraction(1, 1), 1
    frame.pts, frame.time_base = 0, context.time_base
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode()])
