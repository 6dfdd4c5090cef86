"""Draws the watermark on pictures: "AI生成", "AI-generated" or both, at the bottom right."""

from fractions import Fraction
from importlib import resources
from typing import Final

from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from thorvg_python.base import Colorspace as PixelOrder
from thorvg_python.base import EngineOption, Result
from thorvg_python.canvas.sw import SwCanvas
from thorvg_python.engine import Engine
from thorvg_python.paint.picture import Picture

from wanserve.domain.catalogue import Size
from wanserve.domain.errors import MediaFailed
from wanserve.domain.marks import WatermarkText

CHARACTER_HEIGHT: Final = 0.05
"""The least height of a tall letter, as a fraction of the picture's shorter side: 24 pixels of 480, 54 of 1080.

Source: GB 45438-2025, read in secondary sources.
"""

MARGIN: Final = 0.5
"""The distance of the watermark from the picture's edges, in heights of a character."""

_SVG_UNITS = 1000
"""The height of a tall letter in the units of the SVG files."""

_PIXEL_FORMAT = "yuv420p"


class Watermark:
    """Draws the watermark on the pictures of one clip: yuv420p, BT.709, limited range, `fps` pictures a second.

    Raises FFmpegError, or MediaFailed where the watermark cannot be drawn.
    """

    def __init__(self, size: Size, fps: int, text: WatermarkText = WatermarkText.CHINESE) -> None:
        mark = _draw_mark(text, min(size) * CHARACTER_HEIGHT)
        margin = round(min(size) * CHARACTER_HEIGHT * MARGIN)
        # Even coordinates: one sample of colour covers two by two pixels.
        x, y = ((whole - part - margin) // 2 * 2 for whole, part in zip(size, (mark.width, mark.height), strict=True))
        self._graph = Graph()
        # A corner of the picture is too little work for several threads.
        self._graph.threads = 1
        self._pictures = self._graph.add("buffer", _buffer_arguments(size, _PIXEL_FORMAT, fps))
        marks = self._graph.add("buffer", _buffer_arguments((mark.width, mark.height), mark.format.name, fps))
        overlay = self._graph.add("overlay", f"x={x}:y={y}:format=yuv420")
        self._pictures.link_to(overlay, 0, 0)
        marks.link_to(overlay, 0, 1)
        overlay.link_to(self._graph.add("buffersink"))
        self._graph.configure()
        mark.pts = 0
        mark.time_base = Fraction(1, fps)
        marks.push(mark)
        # End of this input: the filter repeats the mark for all pictures, and does not wait for another one.
        marks.push(None)

    def apply(self, picture: VideoFrame) -> VideoFrame:
        """Return the picture with the watermark. The picture that was given must not be used again.

        Its `pts` counts frames. If the caller still has a reference to it, FFmpeg copies the whole picture, which takes
        three times as long as drawing the watermark.
        """
        self._pictures.push(picture)
        del picture
        return self._graph.vpull()


def _buffer_arguments(size: Size, pixel_format: str, fps: int) -> str:
    """The arguments of FFmpeg's filter `buffer`, which takes pictures into the graph."""
    width, height = size
    return f"video_size={width}x{height}:pix_fmt={pixel_format}:time_base=1/{fps}:colorspace=bt709:range=tv"


def _draw_mark(text: WatermarkText, character_height: float) -> VideoFrame:
    """Draw the mark with characters of this height in pixels, in the encoder's colours and with opacity: yuva420p."""
    svg = resources.files(__package__).joinpath(f"watermark-{text}.svg").read_bytes()
    engine = Engine(threads=0)
    picture = Picture(engine)
    if picture.load_data(svg, "svg", None, True) != Result.SUCCESS:
        raise MediaFailed("the watermark cannot be drawn")
    scale = character_height / _SVG_UNITS
    _, *units = picture.get_size()
    width, height = (int(unit * scale) // 2 * 2 + 2 for unit in units)
    picture.scale(scale)
    canvas = SwCanvas(engine, EngineOption.NONE)
    try:
        # In memory this is R, G, B, A with straight alpha, as FFmpeg expects it: colours are not multiplied by opacity.
        canvas.set_target(width, height, cs=PixelOrder.ABGR8888S)
        canvas.add(picture)
        canvas.update()
        canvas.draw(clear=True)
        canvas.sync()
        pixels = VideoFrame.from_bytes(bytes(canvas.buffer_arr or b""), width, height, "rgba")
    finally:
        canvas.destroy()
    return VideoReformatter().reformat(
        pixels,
        format="yuva420p",
        src_color_range=ColorRange.JPEG,
        dst_color_range=ColorRange.MPEG,
        dst_colorspace=Colorspace.ITU709,
        threads=1,
    )
