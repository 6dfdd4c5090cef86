"""Makes the stills of a video: a thumbnail from its middle as WebP, and a sprite sheet of many frames as JPEG."""

import math
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from wanserve.domain.catalogue import Size
from wanserve.domain.generation import Generation
from wanserve.media.errors import media_errors

THUMBNAIL_SIDE: Final = 640
"""The longer side of the thumbnail, in pixels, unless the video is smaller."""

CELL_SIDE: Final = 320
"""The longer side of a picture on the sprite sheet, in pixels, unless the video is smaller."""

GRID: Final = 5
"""The number of rows and of columns of a sprite sheet. A clip with fewer frames than cells has a smaller grid."""

_WEBP = {"quality": "80", "compression_level": "4"}

# The quality, from 2, the best, to 31. The flag `qscale` reads it from each frame, and PyAV cannot set it there.
_JPEG = {"qmin": "4", "qmax": "4", "flags": "+bitexact"}


# FFmpeg's faster scalers tint greys a little green or blue: by 3 of 255, which is visible on a white background.
_SCALING = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class Stills:
    """The stills of one clip, made while its pictures are encoded. Keeps only the scaled pictures in memory."""

    def __init__(self, generation: Generation) -> None:
        size = generation.width, generation.height
        frames = generation.frames
        self._scaler = VideoReformatter()
        self._count = 0
        self._middle = frames // 2
        self._thumbnail_size = _fit(size, THUMBNAIL_SIDE)
        self._thumbnail: VideoFrame | None = None
        self._grid = min(GRID, math.isqrt(frames))
        cells = self._grid**2
        # The clip is divided into as many equal parts as there are cells; each cell shows the middle frame of its part.
        self._cells = {(2 * cell + 1) * frames // (2 * cells): cell for cell in range(cells)}
        self._cell_size = width, height = _fit(size, CELL_SIDE)
        self._sheet = VideoFrame(width * self._grid, height * self._grid, "yuv420p")

    def add(self, picture: VideoFrame) -> None:
        """Use the clip's next picture (yuv420p, BT.709, limited range) without changing it. Raises FFmpegError."""
        if self._count == self._middle:
            self._thumbnail = self._scale(picture, self._thumbnail_size, ColorRange.MPEG)
        cell = self._cells.get(self._count)
        if cell is not None:
            row, column = divmod(cell, self._grid)
            width, height = self._cell_size
            _paste(self._scale(picture, self._cell_size, ColorRange.JPEG), self._sheet, column * width, row * height)
        self._count += 1

    def write(self, thumbnail: Path, spritesheet: Path) -> None:
        """Encode both files, after all pictures of the clip were added. Raises MediaFailed."""
        assert self._thumbnail is not None, "all pictures were added"
        with media_errors(f"cannot write {thumbnail.name}"):
            thumbnail.write_bytes(_encode("libwebp", self._thumbnail, ColorRange.MPEG, _WEBP))
        with media_errors(f"cannot write {spritesheet.name}"):
            spritesheet.write_bytes(_encode("mjpeg", self._sheet, ColorRange.JPEG, _JPEG))

    def _scale(self, picture: VideoFrame, size: Size, colors: ColorRange) -> VideoFrame:
        """Scale the picture, and convert it to BT.601, which WebP (limited range) and JPEG (full range) use."""
        width, height = size
        return self._scaler.reformat(
            picture,
            width=width,
            height=height,
            format="yuv420p",
            src_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.MPEG,
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=colors,
            interpolation=_SCALING,
            threads=1,
        )


def _fit(size: Size, longest_side: int) -> Size:
    """Scale the size down to this longest side, in even numbers: one sample of colour covers two by two pixels."""
    scale = min(1.0, longest_side / max(size))
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return width, height


def _paste(picture: VideoFrame, sheet: VideoFrame, x: int, y: int) -> None:
    """Copy the picture into the sheet, row by row, with its upper left corner at x and y, which must be even."""
    for source, target in zip(picture.planes, sheet.planes, strict=True):
        # The planes of colour have half the width and height of the picture.
        left, top = x * source.width // picture.width, y * source.height // picture.height
        from_, to = memoryview(source), memoryview(target)
        for row in range(source.height):
            start = (top + row) * target.line_size + left
            begin = row * source.line_size
            to[start : start + source.width] = from_[begin : begin + source.width]


def _encode(codec: str, picture: VideoFrame, colors: ColorRange, options: Mapping[str, str]) -> bytes:
    """Encode the picture. Returns the content of the file."""
    context = CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext), "these codecs encode pictures"
    context.width = picture.width
    context.height = picture.height
    context.pix_fmt = "yuv420p"
    context.color_range = colors
    context.colorspace = Colorspace.ITU601
    context.time_base = Fraction(1, 1)
    # With more threads FFmpeg would split the picture into slices, and the bytes would depend on the machine.
    context.thread_count = 1
    context.options = dict(options)
    picture.pts = 0
    picture.time_base = context.time_base
    return b"".join(bytes(packet) for packet in [*context.encode(picture), *context.encode()])
