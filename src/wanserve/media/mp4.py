"""Knows how frames become an MP4: H.264, BT.709, playable before it is all there, same bytes for same frames."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from fractions import Fraction
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.codec.context import ThreadType
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter

import wanserve
from wanserve.domain.catalogue import Size
from wanserve.domain.errors import MediaFailed
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Clip, Frame
from wanserve.media.errors import media_errors
from wanserve.media.watermark import Watermark

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

TAGS = frozenset({"title", "artist", "comment", "description", "synopsis", "copyright", "date", "keywords"})
"""The tags that an MP4 keeps where every player looks. FFmpeg has no place for others, and `encoder` is its own."""

# Measured on flat cartoon art at 1920*1080, all at crf 20, on a slow and busy core of which only the ratios hold: CPU for
# one frame of x264 alone, size of 40 frames, PSNR of the luma, and how many pixels of a night sky are off (bands).
#   ultrafast as it comes    9.6 ms   671 KB  58.6 dB  5.2 %
#   this                    12.5 ms   548 KB  58.5 dB  2.2 %
#   superfast               22.7 ms   341 KB  57.5 dB  1.9 %
#   veryfast                29.7 ms   138 KB  53.2 dB  3.2 %   (tune=animation: 30.9 ms, 121 KB, 52.9 dB, 5.1 %)
# A preview is drawn and encoded on the cores that also serve requests, so time is dearer than a megabyte a clip. To the
# quickest preset are given back what costs little: CABAC and the 8x8 transform (a fifth off the size), deblocking (seen
# in photographic pictures), and aq-mode 3, which spends bits on dark gradients, where bands show.
_QUALITY = {"preset": "ultrafast", "crf": "20", "x264-params": "cabac=1:8x8dct=1:deblock=0,0:aq-mode=3"}

# x264's bytes depend on its number of threads, so this is no setting: two everywhere, each with a frame of its own
# (not slices, PyAV's default, which split every picture), so that the next frame is drawn while the last is encoded.
_THREADS = 2

# One key frame in so many seconds: a player can jump about in a clip without decoding all of it.
_KEY_FRAME_SECONDS = 2

_PIXELS = {3: "rgb24", 4: "rgb0"}

Show = Callable[[VideoFrame], None]
"""Is shown each picture of a clip right before it is encoded: yuv420p, BT.709, limited. It must leave it as it is."""


def write(path: Path, clip: Clip, generation: Generation, tags: Mapping[str, str], show: Show | None = None) -> None:
    """Encode the clip's frames, taken one by one, into an MP4 file at `path`; a file that stood there is replaced.

    Exactly `generation.frames` frames of the generation's size (or of `clip.size`, which are scaled to it) make
    `generation.seconds` of video, each with the mark where `generation.watermark` asks for it.
    Of `tags`, those named in `TAGS` are kept.
    Raises MediaFailed where the frames are not as many or not as large as that, or the file cannot be written.
    Whatever the iterator raises passes through unchanged. After any error there is no file at `path`.
    """
    with media_errors(f"cannot write {path.name}"):
        file = _File(path, "wb")
    try:
        video = _Video(file, path, generation, clip.size or (generation.width, generation.height), tags, show)
        for frame in clip.frames:
            video.add(frame)
        video.finish()
    except BaseException:
        # That this fails too is no news next to the error that led here. PyAV leaves a file that is closed alone.
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            path.unlink()
        raise


def provenance(engine: str, generation: Generation, how: str = "") -> dict[str, str]:
    """The tags that say what made the picture, and `how` in words, and that it was made, not filmed.

    The prompt is left out: whoever passes a video on need not pass on what they asked for.
    """
    program = f"wanserve {wanserve.__version__}"
    origin = f"Generated video, not a recording. Made by {program} with the engine {engine}"
    return {
        "title": "Generated video",
        "artist": f"{program} ({engine})",
        "comment": f"{origin}.",
        "description": f"{origin}, model {generation.model}, seed {generation.seed}{how and f', {how}'}.",
    }


class _File(FileIO):
    """A file that writes all it is given. Not buffered: FFmpeg has a buffer of its own, and reads what it has written."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of the data; raises OSError where the disk takes only a part."""
        whole = rest = memoryview(data)
        while rest:
            rest = rest[super().write(rest) :]
        return len(whole)


class _Video:
    """The file being written, its encoder and the one picture through which every frame goes."""

    def __init__(
        self, file: FileIO, path: Path, generation: Generation, size: Size, tags: Mapping[str, str], show: Show | None
    ) -> None:
        self._file = file
        self._path = path
        self._asked = generation
        self._size = size
        self._show = show
        self._count = 0
        self._pictures: dict[int, VideoFrame] = {}
        self._reformatter = VideoReformatter()
        with media_errors(f"cannot write {path.name}"):
            # The file is opened and closed here, as PyAV never closes one whose header it could not write.
            self._container = av.open(
                file,
                "w",
                format="mp4",
                options={"movflags": "+faststart"},
                metadata_errors="replace",
                # What FFmpeg opens is the same file once more, to move the pictures behind the index. No method of this
                # object: the circle would keep the encoder's memory until Python looks for circles.
                io_open=lambda *_: path.open("rb"),
            )
            self._container.metadata.update({name: text for name, text in tags.items() if name in TAGS})
            self._stream = self._container.add_stream("libx264", rate=generation.fps, options=dict(_QUALITY))
            self._set_up_encoder()
            self._container.start_encoding()
            whole = generation.width, generation.height
            self._mark = Watermark(whole, generation.fps) if generation.watermark else None

    def _set_up_encoder(self) -> None:
        """Tell the encoder what comes, how to share the work, and which colours these are."""
        generation = self._asked
        context = self._stream.codec_context
        context.width = generation.width
        context.height = generation.height
        context.pix_fmt = "yuv420p"
        context.time_base = Fraction(1, generation.fps)
        context.gop_size = _KEY_FRAME_SECONDS * generation.fps
        context.thread_count = _THREADS
        context.thread_type = ThreadType.FRAME
        context.color_range = ColorRange.MPEG
        context.colorspace = Colorspace.ITU709
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709

    def add(self, frame: Frame) -> None:
        """Encode the next frame; its memory is free again once this returns."""
        channels = self._channels(frame)
        with media_errors(f"cannot write {self._path.name}"):
            picture = self._marked(self._picture(frame, channels))
            if self._show:
                self._show(picture)
            self._container.mux(self._stream.encode(picture))
        self._count += 1

    def finish(self) -> None:
        """Drain the encoder and write the index, then move it to the front of the file."""
        if self._count != self._asked.frames:
            raise MediaFailed(f"the engine gave {self._count} frames instead of {self._asked.frames}")
        with media_errors(f"cannot write {self._path.name}"):
            self._container.mux(self._stream.encode())
            self._container.close()
            self._file.close()

    def _channels(self, frame: Frame) -> int:
        """How many bytes a pixel has. Raises MediaFailed unless this is one more of the frames asked for."""
        if self._count == self._asked.frames:
            raise MediaFailed(f"the engine gave more than {self._asked.frames} frames")
        shape = frame.shape or ()
        if frame.format != "B" or not frame.c_contiguous or len(shape) != 3 or shape[2] not in _PIXELS:
            raise MediaFailed(
                f"frame {self._count} is not C-contiguous uint8 of (height, width, 3 or 4):"
                f" its shape is {shape} and its format {frame.format}"
            )
        height, width, channels = shape
        if (width, height) != self._size:
            raise MediaFailed(f"frame {self._count} is {width}x{height} instead of {self._size[0]}x{self._size[1]}")
        return channels

    def _picture(self, frame: Frame, channels: int) -> VideoFrame:
        """The frame as FFmpeg's own: one copy of the bytes, into memory that serves every frame of the clip."""
        picture = self._pictures.get(channels)
        if picture is None:
            picture = VideoFrame(*self._size, _PIXELS[channels])
            self._pictures[channels] = picture
        plane = picture.planes[0]
        source, target = frame.cast("B"), memoryview(plane)
        row, line = self._size[0] * channels, plane.line_size
        if row == line:
            target[:] = source
        else:
            for y in range(self._size[1]):
                target[y * line : y * line + row] = source[y * row : (y + 1) * row]
        return picture

    def _marked(self, picture: VideoFrame) -> VideoFrame:
        """The picture as it is encoded, with the mark where one was asked for."""
        # Nothing here may name the converted picture, or the mark has to copy it.
        return self._mark.put_on(self._converted(picture)) if self._mark else self._converted(picture)

    def _converted(self, picture: VideoFrame) -> VideoFrame:
        """The picture in the encoder's colours and at its time, in memory of its own, as the encoder keeps some for a while."""
        # AREA averages the four pixels that share one chroma sample: as quick as BILINEAR, and off by at most 0.6 of
        # 255 on the art where BILINEAR is off by 12 and POINT by 40, which shows as a fringe at saturated edges.
        # It would only repeat pixels where a picture grows: LANCZOS does not, and is sharper than BICUBIC.
        grows = self._size != (self._asked.width, self._asked.height)
        converted = self._reformatter.reformat(
            picture,
            width=self._asked.width,
            height=self._asked.height,
            format="yuv420p",
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            dst_colorspace=Colorspace.ITU709,
            interpolation=Interpolation.LANCZOS if grows else Interpolation.AREA,
            threads=_THREADS,
        )
        converted.pts = self._count
        converted.time_base = Fraction(1, self._asked.fps)
        return converted
