"""Draws the watermark into a finished video that another server made: its pictures are encoded again, its sound is kept."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final

import av
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream

from wanserve.domain.errors import MediaFailed
from wanserve.domain.marks import WatermarkText
from wanserve.media.errors import media_errors
from wanserve.media.marks.watermark import Watermark
from wanserve.media.mp4 import QUALITY

_THREADS: Final = 2

REMADE: Final = "encoded again here, with the watermark"
"""The note on such a video."""


def draw_watermark(source: BinaryIO, target: Path, text: WatermarkText, on_frame: Callable[[], None]) -> None:
    """Write the video with the watermark on each of its pictures to `target`, at the same times.

    `on_frame` is called for each picture, and what it raises passes through. Raises MediaFailed.
    """
    with (
        media_errors(f"cannot draw the watermark on {target.name}"),
        av.open(source, "r", format="mp4", metadata_errors="replace") as reader,
        av.open(str(target.absolute()), "w", format="mp4", options={"movflags": "+faststart"}) as writer,
    ):
        writer.metadata.update(reader.metadata)
        pictures = reader.streams.video[0]
        encoder = _encoder(writer, pictures)
        others = {stream.index: writer.add_stream_from_template(stream) for stream in reader.streams.audio}
        drawn = _Drawing(pictures, text)
        for packet in reader.demux(pictures, *reader.streams.audio):
            if packet.stream.index in others:
                if packet.dts is not None:
                    packet.stream = others[packet.stream.index]
                    writer.mux(packet)
                continue
            for frame in packet.decode():
                assert isinstance(frame, VideoFrame), "it is of the video stream"
                on_frame()
                writer.mux(encoder.encode(drawn.on(frame)))
        writer.mux(encoder.encode())


def _encoder(writer: OutputContainer, pictures: VideoStream) -> VideoStream:
    if pictures.width % 2 or pictures.height % 2:
        raise MediaFailed(f"its pictures are {pictures.width}x{pictures.height}: H.264 wants even numbers")
    encoder = writer.add_stream("libx264", rate=pictures.average_rate, options=dict(QUALITY))
    context = encoder.codec_context
    context.width, context.height, context.pix_fmt = pictures.width, pictures.height, "yuv420p"
    context.time_base = pictures.time_base or Fraction(1, 90_000)
    context.thread_count = _THREADS
    context.color_range, context.colorspace = ColorRange.MPEG, Colorspace.ITU709
    return encoder


class _Drawing:
    """Draws the watermark on the pictures of one video."""

    def __init__(self, pictures: VideoStream, text: WatermarkText) -> None:
        fps = max(1, round(float(pictures.average_rate or 1)))
        self._watermark = Watermark((pictures.width, pictures.height), fps, text)
        self._count, self._tick = 0, Fraction(1, fps)
        self._reformatter = VideoReformatter()

    def on(self, frame: VideoFrame) -> VideoFrame:
        """The picture with the watermark, at the same time."""
        # The watermark's filter counts pictures: one that is shown for longer would be repeated.
        time, time_base = frame.pts, frame.time_base
        drawn = self._reformatter.reformat(
            frame, format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        drawn.pts, drawn.time_base = self._count, self._tick
        self._count += 1
        marked = self._watermark.apply(drawn)
        marked.pts, marked.time_base = time, time_base
        marked.pict_type = 0
        return marked
