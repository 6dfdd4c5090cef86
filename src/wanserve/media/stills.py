"""Knows the still pictures that go with a video: one from its middle as WebP, and a sheet of many as JPEG."""

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
"""The longer side of the one picture, in pixels, unless the video is smaller."""

CELL_SIDE: Final = 320
"""The longer side of a picture on the sheet, unless the video is smaller."""

GRID: Final = 5
"""So many rows, and as many columns, has a sheet of a clip that has a frame for each cell; others have fewer."""

_WEBP = {"quality": "80", "compression_level": "4"}

# From 2, the best, to 31. Its flag `qscale` would look at each frame for it, where PyAV has no place to say it.
_JPEG = {"qmin": "4", "qmax": "4", "flags": "+bitexact"}


# On its quicker ways FFmpeg leaves greys a little green or blue: off by 3 of 255, which shows on a white ground.
_SCALING = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


class Stills:
    """The stills of one clip, taken as its pictures pass by: yuv420p, BT.709, limited. Only small ones are kept."""

    def __init__(self, generation: Generation) -> None:
        size = generation.width, generation.height
        frames = generation.frames
        self._scaler = VideoReformatter()
        self._seen = 0
        self._middle = frames // 2
        self._thumbnail_size = _fitted(size, THUMBNAIL_SIDE)
        self._thumbnail: VideoFrame | None = None
        self._grid = min(GRID, math.isqrt(frames))
        cells = self._grid**2
        # The middle frame of each of so many equal parts of the clip.
        self._cells = {(2 * cell + 1) * frames // (2 * cells): cell for cell in range(cells)}
        self._cell_size = width, height = _fitted(size, CELL_SIDE)
        self._sheet = VideoFrame(width * self._grid, height * self._grid, "yuv420p")

    def see(self, picture: VideoFrame) -> None:
        """Take what is wanted of the clip's next picture, which stays as it is. Raises FFmpegError."""
        if self._seen == self._middle:
            self._thumbnail = self._scaled(picture, self._thumbnail_size, ColorRange.MPEG)
        cell = self._cells.get(self._seen)
        if cell is not None:
            row, column = divmod(cell, self._grid)
            width, height = self._cell_size
            _paste(self._scaled(picture, self._cell_size, ColorRange.JPEG), self._sheet, column * width, row * height)
        self._seen += 1

    def write(self, thumbnail: Path, spritesheet: Path) -> None:
        """Encode both, once all pictures of the clip were seen. Raises MediaFailed."""
        assert self._thumbnail is not None, "all pictures were seen"
        with media_errors(f"cannot write {thumbnail.name}"):
            thumbnail.write_bytes(_encoded("libwebp", self._thumbnail, ColorRange.MPEG, _WEBP))
        with media_errors(f"cannot write {spritesheet.name}"):
            spritesheet.write_bytes(_encoded("mjpeg", self._sheet, ColorRange.JPEG, _JPEG))

    def _scaled(self, picture: VideoFrame, size: Size, colors: ColorRange) -> VideoFrame:
        """The picture made small, in BT.601 as both WebP and JPEG have it: the one limited, the other in the full range."""
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


def _fitted(size: Size, longer: int) -> Size:
    """The size with its longer side at most so long, in even numbers, as one sample of colour serves two by two pixels."""
    scale = min(1.0, longer / max(size))
    width, height = (max(2, round(side * scale / 2) * 2) for side in size)
    return width, height


def _paste(picture: VideoFrame, sheet: VideoFrame, x: int, y: int) -> None:
    """Copy the picture into the sheet, row by row; its upper left corner comes to x and y, which are even."""
    for source, target in zip(picture.planes, sheet.planes, strict=True):
        # The planes of colour are half as wide and as high as the picture.
        left, top = x * source.width // picture.width, y * source.height // picture.height
        pixels, paper = memoryview(source), memoryview(target)
        for row in range(source.height):
            start = (top + row) * target.line_size + left
            begin = row * source.line_size
            paper[start : start + source.width] = pixels[begin : begin + source.width]


def _encoded(codec: str, picture: VideoFrame, colors: ColorRange, options: Mapping[str, str]) -> bytes:
    """The picture as the whole file that the codec makes of it."""
    context = CodecContext.create(codec, "w")
    assert isinstance(context, VideoCodecContext), "these codecs are of pictures"
    context.width = picture.width
    context.height = picture.height
    context.pix_fmt = "yuv420p"
    context.color_range = colors
    context.colorspace = Colorspace.ITU601
    context.time_base = Fraction(1, 1)
    # With more of them FFmpeg would cut the picture into as many slices, and the bytes would depend on the machine.
    context.thread_count = 1
    context.options = dict(options)
    picture.pts = 0
    picture.time_base = context.time_base
    return b"".join(bytes(packet) for packet in [*context.encode(picture), *context.encode()])
