"""Makes a clip of more frames a second: the frames between the drawn ones are computed from the motion that they show.

By FFmpeg's filter `minterpolate`, on the CPU, from one frame to the next: it keeps four of them in memory. The same
frames give the same frames.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final

from av.error import BlockingIOError as NeedsMore
from av.error import EOFError as Ended
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from wanserve.domain.errors import MediaFailed
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Frame
from wanserve.media.errors import media_errors
from wanserve.media.pixels import copy_frame, frame_of, require_pixels

OPTIONS: Final = "mi_mode=mci:mc_mode=obmc:me_mode=bilat:scd=fdiff"
"""Motion compensation in overlapping blocks. At a cut, the nearer of the two drawn frames is repeated instead.

Chosen by `python -m bench interpolation`; docs/adr/0039-thirty-frames-a-second.md has what else was measured.
"""

AFTER_THE_END: Final = 4
"""How often the last frame is repeated behind the end: the filter makes the frames before it when it sees those after."""

_COLOURS: Final = "yuv444p"
_CONVERSION: Final = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_THREADS: Final = 2


def interpolate(
    frames: Iterator[Frame], drawn: Generation, output: Generation, tick: Callable[[], None]
) -> Iterator[Frame]:
    """Yield the `output.frames` frames at `output.fps` that lie in the `drawn.frames` frames at `drawn.fps`.

    A frame at the time of a drawn one is that one, unchanged, as is the first. `tick` is called before each frame; what
    it and the iterator raise passes through. Raises MediaFailed where the number, shape or size of the frames is wrong.
    """
    drawn_count = 0
    filtered: _Filter | None = None
    for frame in frames:
        if drawn_count == drawn.frames:
            raise MediaFailed(f"the engine gave more than {drawn.frames} frames")
        require_pixels(frame, drawn_count)
        filtered = filtered or _Filter(frame, drawn.fps, output)
        drawn_count += 1
        yield from filtered.add(frame, tick)
    if filtered is None or drawn_count != drawn.frames:
        raise MediaFailed(f"the engine gave {drawn_count} frames instead of {drawn.frames}")
    yield from filtered.finish(tick)


def how_interpolated(drawn: Generation, output: Generation) -> str:
    """What the file and its notes say of it."""
    return f"interpolated from {drawn.fps} to {output.fps} frames a second by FFmpeg's minterpolate"


class _Filter:
    """The filter for frames of one size, and the drawn frames that are frames of the output too."""

    def __init__(self, first: Frame, fps: int, output: Generation) -> None:
        height, width, _ = self._shape = first.shape or ()
        self._fps, self._output = fps, output
        self._exact: dict[int, Frame] = {}
        """By their numbers in the output."""
        self._taken = self._made = 0
        self._picture: VideoFrame | None = None
        self._to_yuv, self._to_rgb = VideoReformatter(), VideoReformatter()
        with media_errors("cannot interpolate"):
            self._graph = Graph()
            self._graph.threads = 1
            self._source = self._graph.add(
                "buffer",
                f"video_size={width}x{height}:pix_fmt={_COLOURS}:time_base=1/{fps}:frame_rate={fps}"
                ":colorspace=bt709:range=pc",
            )
            middle = self._graph.add("minterpolate", f"fps={output.fps}:{OPTIONS}")
            self._sink: FilterContext = self._graph.add("buffersink")
            self._source.link_to(middle)
            middle.link_to(self._sink)
            self._graph.configure()

    def add(self, frame: Frame, tick: Callable[[], None]) -> Iterator[Frame]:
        """Take the next drawn frame, and yield the frames that can be made now."""
        if frame.shape != self._shape:
            raise MediaFailed(f"frame {self._taken} is of another size than the first one")
        number, rest = divmod(self._taken * self._output.fps, self._fps)
        if not rest:
            # A copy: the frame may share its memory with the next one.
            self._exact[number] = memoryview(bytes(frame)).cast("B", self._shape)
        with media_errors("cannot interpolate"):
            self._picture = copy_frame(frame, self._picture)
        yield from self._push(tick)

    def finish(self, tick: Callable[[], None]) -> Iterator[Frame]:
        """Yield the frames before the last drawn one."""
        for _ in range(AFTER_THE_END):
            yield from self._push(tick)

    def _push(self, tick: Callable[[], None]) -> Iterator[Frame]:
        assert self._picture is not None, "a frame came first"
        with media_errors("cannot interpolate"):
            picture = self._to_yuv.reformat(
                self._picture,
                format=_COLOURS,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.JPEG,
                dst_colorspace=Colorspace.ITU709,
                interpolation=_CONVERSION,
                threads=_THREADS,
            )
            picture.pts, picture.time_base = self._taken, Fraction(1, self._fps)
            self._source.push(picture)
        self._taken += 1
        while self._made < self._output.frames and (frame := self._next(tick)) is not None:
            yield frame

    def _next(self, tick: Callable[[], None]) -> Frame | None:
        """The next frame; None where the filter needs more drawn frames first."""
        tick()
        with media_errors("cannot interpolate"):
            try:
                picture = self._graph.vpull()
            except (NeedsMore, Ended):
                return None
            if picture.pts != self._made:
                raise MediaFailed(f"the filter gave frame {picture.pts} instead of {self._made}")
            self._made += 1
            if (exact := self._exact.pop(self._made - 1, None)) is not None:
                return exact
            return frame_of(
                self._to_rgb.reformat(
                    picture,
                    format="rgb24",
                    src_color_range=ColorRange.JPEG,
                    src_colorspace=Colorspace.ITU709,
                    dst_color_range=ColorRange.JPEG,
                    interpolation=_CONVERSION,
                    threads=_THREADS,
                )
            )
