"""Knows the mark that says that a picture was made by a machine, "AI生成" at the bottom right, and how it comes onto one."""

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

LETTER: Final = 0.05
"""How high a Chinese letter is, in parts of the picture's shorter side: 24 pixels of 480, 54 of 1080."""

MARGIN: Final = 0.5
"""How far the mark's outline stays from the picture's edges, in letters."""

_UNITS = 1000
"""A letter's height in the units of the drawing."""

_PIXELS = "yuv420p"


class Watermark:
    """Puts the mark on the pictures of one clip, which are `size` large and come `fps` a second: yuv420p, BT.709, limited.

    Raises FFmpegError, or MediaFailed where the mark cannot be drawn.
    """

    def __init__(self, size: Size, fps: int) -> None:
        mark = _drawn(min(size) * LETTER)
        margin = round(min(size) * LETTER * MARGIN)
        # Even places: one sample of colour is as wide and as high as two of brightness.
        x, y = ((whole - part - margin) // 2 * 2 for whole, part in zip(size, (mark.width, mark.height), strict=True))
        self._graph = Graph()
        # A corner is too little to share among threads.
        self._graph.threads = 1
        self._pictures = self._graph.add("buffer", _source(size, _PIXELS, fps))
        marks = self._graph.add("buffer", _source((mark.width, mark.height), mark.format.name, fps))
        overlay = self._graph.add("overlay", f"x={x}:y={y}:format=yuv420")
        self._pictures.link_to(overlay, 0, 0)
        marks.link_to(overlay, 0, 1)
        overlay.link_to(self._graph.add("buffersink"))
        self._graph.configure()
        mark.pts = 0
        mark.time_base = Fraction(1, fps)
        marks.push(mark)
        # After its last picture the overlay goes on showing that, and no longer waits for another.
        marks.push(None)

    def put_on(self, picture: VideoFrame) -> VideoFrame:
        """The picture with the mark on it; the one that was given is used up.

        Its `pts` counts frames. A caller that still holds it has all of it copied, which takes thrice as long as the mark.
        """
        self._pictures.push(picture)
        del picture
        return self._graph.vpull()


def _source(size: Size, pixels: str, fps: int) -> str:
    """What comes into the graph, in the words of its filter `buffer`."""
    width, height = size
    return f"video_size={width}x{height}:pix_fmt={pixels}:time_base=1/{fps}:colorspace=bt709:range=tv"


def _drawn(letter: float) -> VideoFrame:
    """The mark with letters so many pixels high, in the encoder's colours and with its opacity: yuva420p."""
    svg = resources.files(__package__).joinpath("watermark.svg").read_bytes()
    engine = Engine(threads=0)
    picture = Picture(engine)
    if picture.load_data(svg, "svg", None, True) != Result.SUCCESS:
        raise MediaFailed("the watermark cannot be drawn")
    scale = letter / _UNITS
    _, *units = picture.get_size()
    width, height = (int(unit * scale) // 2 * 2 + 2 for unit in units)
    picture.scale(scale)
    canvas = SwCanvas(engine, EngineOption.NONE)
    try:
        # In memory this is R, G, B, A, and the colours are not yet faded by the opacity: so FFmpeg wants it.
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
