"""Reads an MP4 back from the disk, to its last frame, so that no damaged file becomes the video of a task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.stream import VideoStream

from wanserve.domain.errors import MediaDamaged, MediaFailed
from wanserve.domain.generation import Generation
from wanserve.media.boxes import outermost
from wanserve.media.errors import media_errors


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a file contains. `frames` were all decoded. `faststart`: the index comes before the pictures."""

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

    Raises MediaDamaged where it is not an MP4, is cut short, has other bytes after its end, or has a frame that does
    not decode; MediaUnavailable where it cannot be read; MediaFailed where it has no video.
    """
    with media_errors(f"{path.name} cannot be read back", MediaDamaged):
        boxes = outermost_boxes(path)
        with av.open(str(path.absolute()), "r", format="mp4", metadata_errors="replace") as container:
            if not container.streams.video:
                raise MediaFailed(f"{path.name} has no video stream")
            stream = container.streams.video[0]
            return facts_of(path, boxes, container, stream, _count_frames(container, stream, path))


def facts_of(
    path: Path, boxes: Sequence[str], container: InputContainer, stream: VideoStream, frames: int
) -> VideoFacts:
    """What an opened file contains, with the names of its outermost boxes and the number of frames that were decoded."""
    return VideoFacts(
        width=stream.width,
        height=stream.height,
        frames=frames,
        fps=float(stream.average_rate or 0),
        seconds=float((stream.duration or 0) * (stream.time_base or 0)),
        codec=stream.codec_context.name,
        pixel_format=stream.pix_fmt or "",
        faststart=boxes.index("moov") < boxes.index("mdat"),
        tags=dict(container.metadata),
        bytes=path.stat().st_size,
    )


def check(path: Path, generation: Generation, tags: Mapping[str, str] | None = None) -> VideoFacts:
    """Read the file back and compare it with the generation and with the metadata tags that it was given.

    Raises MediaFailed, which names each difference.
    """
    facts = read(path)
    found = {
        "size": (f"{facts.width}x{facts.height}", f"{generation.width}x{generation.height}"),
        "frames": (facts.frames, generation.frames),
        "frames a second": (facts.fps, float(generation.fps)),
        # To the millisecond: a track counts time in ticks of its own, and the clip's end may lie between two ticks.
        "seconds": (round(facts.seconds, 3), round(generation.seconds, 3)),
        "codec": (facts.codec, "h264"),
        "pixel format": (facts.pixel_format, "yuv420p"),
        "index before the pictures": (facts.faststart, True),
        **{f"tag {name}": (facts.tags.get(name, ""), text) for name, text in (tags or {}).items()},
    }
    wrong = [
        f"{name} {actual} instead of {expected}" for name, (actual, expected) in found.items() if actual != expected
    ]
    if wrong:
        raise MediaFailed(f"{path.name} is not what was requested: {', '.join(wrong)}")
    return facts


def _count_frames(container: InputContainer, stream: VideoStream, path: Path) -> int:
    """Decode and count the frames. Raises MediaDamaged at the first one that is damaged or of another size.

    All frames are decoded: at 1920*1080 this takes a quarter of the time that encoding took, and nothing less finds
    damage in the middle of the file.
    """
    context = stream.codec_context
    # FFmpeg conceals what it cannot read and marks the frame as corrupt: of 40 files with 64 bytes overwritten, 36 are
    # found in this way (the others contain another, valid picture). With threads on slices, PyAV's default, 30 are.
    context.thread_type = ThreadType.FRAME
    # Each thread keeps frames of its own in memory, and FFmpeg's default is a thread for every core.
    context.thread_count = 2
    packets = frames = 0
    for packet in container.demux(stream):
        # No unit of H.264 ends in a zero byte. Zeros may still decode, to a frame whose lower part is an old picture.
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


def outermost_boxes(path: Path) -> list[str]:
    """The names of the file's outermost boxes, in order. Raises MediaDamaged where ftyp, moov or mdat is missing.

    FFmpeg plays a file whose end is missing, or is zeros after a power cut, as far as it can. This function does not
    accept it: the boxes must fill the file to its last byte.
    """
    with path.open("rb") as file:
        try:
            names = [box.name.decode("latin-1") for box in outermost(file)]
        except MediaDamaged as error:
            raise MediaDamaged(f"{path.name} is damaged: {error}") from error
        size = file.seek(0, 2)
    missing = [name for name in ("ftyp", "moov", "mdat") if name not in names]
    if missing:
        raise MediaDamaged(f"{path.name} ({size} bytes) is not an MP4 video: it has no {', '.join(missing)}")
    return names
