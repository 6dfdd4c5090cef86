"""Knows what an MP4 on disk really holds: reads it back to the last frame, so that no broken file is called done."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.stream import VideoStream

from wanserve.domain.errors import MediaDamaged, MediaFailed
from wanserve.domain.generation import Generation
from wanserve.media.errors import media_errors

_HEADER = 8
"""Bytes of a box's header: its size, itself included, and its name."""

_LONG_HEADER = 16
"""The same where the size does not fit in four bytes."""


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a file holds. `frames` were all decoded; `faststart` says that the index stands before the pictures."""

    width: int
    height: int
    frames: int
    fps: float
    seconds: float
    codec: str
    pixel_format: str
    faststart: bool
    tags: Mapping[str, str]
    bytes: int


def read(path: Path) -> VideoFacts:
    """Read the file and decode every frame of it.

    Raises MediaDamaged where it is no MP4, cut short, followed by anything that is no part of it, or holds a frame
    that does not decode; MediaUnavailable where it cannot be read; MediaFailed where it holds no video.
    """
    with media_errors(f"{path.name} cannot be read back", MediaDamaged):
        boxes = _boxes(path)
        with av.open(str(path.absolute()), "r", format="mp4", metadata_errors="replace") as container:
            if not container.streams.video:
                raise MediaFailed(f"{path.name} holds no video")
            stream = container.streams.video[0]
            return VideoFacts(
                width=stream.width,
                height=stream.height,
                frames=_decoded(container, stream, path),
                fps=float(stream.average_rate or 0),
                seconds=float((stream.duration or 0) * (stream.time_base or 0)),
                codec=stream.codec_context.name,
                pixel_format=stream.pix_fmt or "",
                faststart=boxes.index("moov") < boxes.index("mdat"),
                tags=dict(container.metadata),
                bytes=path.stat().st_size,
            )


def check(path: Path, generation: Generation) -> VideoFacts:
    """Read the file back and compare it with what was asked. Raises MediaFailed naming each thing that differs."""
    facts = read(path)
    found = {
        "size": (f"{facts.width}x{facts.height}", f"{generation.width}x{generation.height}"),
        "frames": (facts.frames, generation.frames),
        "frames a second": (facts.fps, float(generation.fps)),
        # To the millisecond: a track counts time in ticks of its own, which need not meet the clip's end exactly.
        "seconds": (round(facts.seconds, 3), round(generation.seconds, 3)),
        "codec": (facts.codec, "h264"),
        "pixel format": (facts.pixel_format, "yuv420p"),
        "index before the pictures": (facts.faststart, True),
    }
    wrong = [f"{name} {is_} instead of {asked}" for name, (is_, asked) in found.items() if is_ != asked]
    if wrong:
        raise MediaFailed(f"{path.name} is not what was asked: {', '.join(wrong)}")
    return facts


def _decoded(container: InputContainer, stream: VideoStream, path: Path) -> int:
    """How many frames decode. Raises MediaDamaged at the first that is damaged or of another size.

    All of them are decoded: at 1920*1080 that costs a quarter of what making the file did, and nothing less sees damage
    in the middle of it.
    """
    context = stream.codec_context
    # FFmpeg paints over what it cannot read and says so on the frame: of 40 files with 64 bytes overwritten, 36 are
    # told so (what the others hold is another, valid picture). With threads on slices, PyAV's default, only 30 are.
    context.thread_type = ThreadType.FRAME
    # Each thread holds frames of its own, and FFmpeg would start one for every core.
    context.thread_count = 2
    packets = frames = 0
    for packet in container.demux(stream):
        # No unit of H.264 ends in a zero byte, but zeros may well decode: to a frame whose lower part is stale.
        if packet.size and context.name == "h264" and memoryview(packet)[-1] == 0:
            raise MediaDamaged(f"{path.name}: the data of frame {packets} ends in zeros")
        packets += packet.size > 0
        for frame in packet.decode():
            if frame.is_corrupt:
                raise MediaDamaged(f"{path.name}: frame {frames} is damaged")
            if (frame.width, frame.height) != (stream.width, stream.height):
                raise MediaDamaged(f"{path.name}: frame {frames} is {frame.width}x{frame.height}")
            frames += 1
    if frames != packets:
        raise MediaDamaged(f"{path.name}: only {frames} of {packets} frames decode")
    return frames


def _boxes(path: Path) -> list[str]:
    """The names of the file's outermost boxes, in order; "ftyp", "moov" and "mdat" are among them.

    FFmpeg plays a file whose end is missing, or is zeros after a power cut, as far as it goes. This does not:
    the boxes must fill the file to its last byte.
    """
    size = path.stat().st_size
    names = []
    with path.open("rb") as file:
        position = 0
        while position < size:
            name, length = _box(file)
            if length < _HEADER or position + length > size:
                raise MediaDamaged(f"{path.name} is damaged: no whole MP4 box at byte {position} of {size}")
            names.append(name)
            position += length
            file.seek(position)
    missing = [name for name in ("ftyp", "moov", "mdat") if name not in names]
    if missing:
        raise MediaDamaged(f"{path.name} is no MP4 video of {size} bytes: it has no {', '.join(missing)}")
    return names


def _box(file: BinaryIO) -> tuple[str, int]:
    """The name and the whole length in bytes of the box that starts here; length 0 where there is none."""
    header = file.read(_HEADER)
    length = int.from_bytes(header[:4]) if len(header) == _HEADER else 0
    if length == 1:
        length = max(int.from_bytes(file.read(_LONG_HEADER - _HEADER)), _LONG_HEADER)
    return header[4:].decode("latin-1"), length
