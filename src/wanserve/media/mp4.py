"""Encodes frames as an MP4: H.264, BT.709, playable while it is downloaded. The same frames give the same bytes."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
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
from wanserve.domain.marks import WatermarkText
from wanserve.domain.ports import Clip, Frame
from wanserve.media.errors import media_errors
from wanserve.media.marks.watermark import Watermark
from wanserve.media.pixels import copy_frame, require_pixels

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

TAGS = frozenset({"title", "artist", "comment", "description", "synopsis", "copyright", "date", "keywords"})
"""The metadata tags that FFmpeg can write to an MP4, except `encoder`, which it sets itself."""

# Measured on flat cartoon art at 1920*1080, all at crf 20, on a slow and busy core, so that only the ratios are valid:
# CPU time of x264 alone for one frame, size of 40 frames, PSNR of the luma, wrong pixels in a night sky (bands).
#   plain ultrafast          9.6 ms   671 KB  58.6 dB  5.2 %
#   these options           12.5 ms   548 KB  58.5 dB  2.2 %
#   superfast               22.7 ms   341 KB  57.5 dB  1.9 %
#   veryfast                29.7 ms   138 KB  53.2 dB  3.2 %   (tune=animation: 30.9 ms, 121 KB, 52.9 dB, 5.1 %)
# A preview is drawn and encoded on the cores that also serve requests, so time matters more than a megabyte a clip. The
# fastest preset gets back what costs little: CABAC and the 8x8 transform (a fifth less size), deblocking (visible in
# photographic pictures), and aq-mode 3, which spends bits on dark gradients, where bands are visible.
QUALITY = {"preset": "ultrafast", "crf": "20", "x264-params": "cabac=1:8x8dct=1:deblock=0,0:aq-mode=3"}

# x264's output depends on its number of threads, so this is not a setting. Each thread encodes a frame of its own (with
# slices, PyAV's default, the threads share a picture), so that the next frame is drawn while the last one is encoded.
_THREADS = 2

# A key frame every two seconds: a player can seek in a clip without decoding all of it.
_KEY_FRAME_SECONDS = 2

OnPicture = Callable[[VideoFrame], None]
"""Called with each picture of a clip before it is encoded: yuv420p, BT.709, limited range. It must not change it."""


def write(
    path: Path,
    clip: Clip,
    generation: Generation,
    tags: Mapping[str, str],
    on_picture: OnPicture | None = None,
    watermark_text: WatermarkText = WatermarkText.CHINESE,
) -> None:
    """Encode the clip's frames, taken one by one, into an MP4 file at `path`. An existing file is replaced.

    The clip must have exactly `generation.frames` frames of the generation's size, or of `clip.size`, or of any size
    where `clip.scaled` is set, which are scaled to it. Each frame gets the watermark where `generation.watermark` is
    set. Of `tags`, those named in `TAGS` are written. Raises MediaFailed where the number or size of the frames is
    wrong, or the file cannot be written. What the iterator raises passes through unchanged. After any error there is no
    file at `path`.
    """
    with media_errors(f"cannot write {path.name}"):
        file = _UnbufferedFile(path, "wb")
    with ExitStack() as on_error:
        on_error.callback(_discard, file, path)
        size = None if clip.scaled else clip.size or (generation.width, generation.height)
        encoder = _Encoder(file, path, generation, size, tags, on_picture, watermark_text)
        for frame in clip.frames:
            encoder.add(frame)
        encoder.finish()
        on_error.pop_all()


def provenance(engine: str, generation: Generation, how: str = "", task_id: str = "") -> dict[str, str]:
    """The tags that say that the video is generated, not filmed, and by which engine; `how` adds details in words.

    `task_id` is the id of the task: players show it, and it stays in the file when FFmpeg encodes that again.

    The prompt is left out: somebody who shares a video may not want to share the prompt.
    """
    chosen = generation.chosen.description
    told = f"model {generation.model}, seed {generation.seed}{chosen and f', chosen ({chosen})'}"
    program = f"wanserve {wanserve.__version__}"
    origin = f"Generated video, not a recording. Made by {program} with the engine {engine}"
    return {
        "title": "Generated video",
        "artist": f"{program} ({engine})",
        "comment": f"{origin}.",
        "description": f"{origin}, {told}{how and f', {how}'}{task_id and f', id {task_id}'}.",
    }


def _discard(file: FileIO, path: Path) -> None:
    """Close and delete an unfinished file. An error here is ignored: the error that led here is the one to report."""
    # PyAV does nothing with a file that is closed already.
    with suppress(OSError):
        file.close()
    with suppress(OSError):
        path.unlink()


class _UnbufferedFile(FileIO):
    """An unbuffered file that always writes all the data. FFmpeg has a buffer of its own, and reads what it wrote."""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write all of the data. Raises OSError where the disk accepts only a part of it."""
        whole = remaining = memoryview(data)
        while remaining:
            remaining = remaining[super().write(remaining) :]
        return len(whole)


class _Encoder:
    """Encodes the frames of one clip into its file. Reuses one picture in FFmpeg's memory for all frames."""

    def __init__(
        self,
        file: FileIO,
        path: Path,
        generation: Generation,
        size: Size | None,
        tags: Mapping[str, str],
        on_picture: OnPicture | None,
        watermark_text: WatermarkText,
    ) -> None:
        self._file = file
        self._path = path
        self._generation = generation
        self._size = size
        self._on_picture = on_picture
        self._count = 0
        self._picture: VideoFrame | None = None
        self._reformatter = VideoReformatter()
        with media_errors(f"cannot write {path.name}"):
            # PyAV is given an open file, because it never closes a file of its own whose header it could not write.
            self._container = av.open(
                file,
                "w",
                format="mp4",
                options={"movflags": "+faststart"},
                metadata_errors="replace",
                # FFmpeg opens the same file once more, to move the pictures behind the index. Not a method of this
                # object: the reference cycle would keep the encoder's memory until the garbage collector runs.
                io_open=lambda *_: path.open("rb"),
            )
            self._container.metadata.update({name: text for name, text in tags.items() if name in TAGS})
            self._stream = self._container.add_stream("libx264", rate=generation.fps, options=dict(QUALITY))
            self._set_up_encoder()
            self._container.start_encoding()
            full_size = generation.width, generation.height
            self._watermark = Watermark(full_size, generation.fps, watermark_text) if generation.watermark else None

    def _set_up_encoder(self) -> None:
        """Set the encoder's size, rate, threads and colours."""
        generation = self._generation
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
        """Encode the next frame. The frame's memory may be reused once this returns."""
        self._require_right(frame)
        with media_errors(f"cannot write {self._path.name}"):
            self._picture = copy_frame(frame, self._picture)
            picture = self._with_watermark(self._picture)
            if self._on_picture:
                self._on_picture(picture)
            self._container.mux(self._stream.encode(picture))
        self._count += 1

    def finish(self) -> None:
        """Flush the encoder, write the index, and move it to the front of the file."""
        if self._count != self._generation.frames:
            raise MediaFailed(f"the engine gave {self._count} frames instead of {self._generation.frames}")
        with media_errors(f"cannot write {self._path.name}"):
            self._container.mux(self._stream.encode())
            self._container.close()
            self._file.close()

    def _require_right(self, frame: Frame) -> None:
        """Raise MediaFailed for a frame too many, or one of a wrong shape or size."""
        if self._count == self._generation.frames:
            raise MediaFailed(f"the engine gave more than {self._generation.frames} frames")
        require_pixels(frame, self._count)
        height, width, _ = frame.shape or ()
        if self._size and (width, height) != self._size:
            raise MediaFailed(f"frame {self._count} is {width}x{height} instead of {self._size[0]}x{self._size[1]}")

    def _with_watermark(self, picture: VideoFrame) -> VideoFrame:
        """Convert the picture for the encoder, and add the watermark where the generation asks for it."""
        # No variable may refer to the converted picture, or the watermark's filter has to copy it.
        return self._watermark.apply(self._convert(picture)) if self._watermark else self._convert(picture)

    def _convert(self, picture: VideoFrame) -> VideoFrame:
        """Convert the colours and the size, and set the time. In new memory, as the encoder keeps some pictures."""
        # AREA averages the four pixels that share one chroma sample: it is as fast as BILINEAR, and on the art its
        # error is at most 0.6 of 255, where that of BILINEAR is 12 and that of POINT 40: a fringe at saturated edges.
        # To enlarge a picture AREA would only repeat pixels; LANCZOS does not, and is sharper than BICUBIC.
        enlarges = picture.width < self._generation.width
        converted = self._reformatter.reformat(
            picture,
            width=self._generation.width,
            height=self._generation.height,
            format="yuv420p",
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            dst_colorspace=Colorspace.ITU709,
            interpolation=Interpolation.LANCZOS if enlarges else Interpolation.AREA,
            threads=_THREADS,
        )
        converted.pts = self._count
        converted.time_base = Fraction(1, self._generation.fps)
        return converted
