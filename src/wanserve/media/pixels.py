"""Copies pixels between the frames of an engine and FFmpeg's pictures, whose lines may be longer than their pixels."""

from typing import Final

from av.video.frame import VideoFrame

from wanserve.domain.errors import MediaFailed
from wanserve.domain.ports import Frame

FORMATS: Final = {3: "rgb24", 4: "rgb0"}
"""FFmpeg's names of the pixels of a frame, by their number of bytes."""


def require_pixels(frame: Frame, number: int) -> None:
    """Raise MediaFailed where the frame is not of three or four bytes a pixel; `number` names it in the error."""
    shape = frame.shape or ()
    if frame.format != "B" or not frame.c_contiguous or len(shape) != 3 or shape[2] not in FORMATS:
        raise MediaFailed(
            f"frame {number} is not C-contiguous uint8 of (height, width, 3 or 4):"
            f" its shape is {shape} and its format {frame.format}"
        )


def copy_frame(frame: Frame, picture: VideoFrame | None) -> VideoFrame:
    """Copy a frame of right shape into the picture, or into a new one where that has another size or format."""
    height, width, channels = frame.shape or ()
    asked = (width, height, FORMATS[channels])
    if picture is None or (picture.width, picture.height, picture.format.name) != asked:
        picture = VideoFrame(*asked)
    plane = picture.planes[0]
    source, target = frame.cast("B"), memoryview(plane)
    row_bytes, line_bytes = width * channels, plane.line_size
    if row_bytes == line_bytes:
        target[:] = source
        return picture
    for y in range(height):
        begin = y * line_bytes
        target[begin : begin + row_bytes] = source[y * row_bytes : (y + 1) * row_bytes]
    return picture


def frame_of(picture: VideoFrame) -> Frame:
    """A frame with a copy of the pixels of a picture in rgb24."""
    width, height, plane = picture.width, picture.height, picture.planes[0]
    source, row_bytes = memoryview(plane), width * 3
    if row_bytes == plane.line_size:
        pixels = bytes(source)
    else:
        pixels = b"".join(source[y * plane.line_size :][:row_bytes] for y in range(height))
    return memoryview(pixels).cast("B", (height, width, 3))
