"""Replacing the index of an MP4: whatever its layout, each picture is found again; what is no whole MP4 is refused."""

import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import av
import pytest
from av.video.frame import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from tests.pictures import pictures_of
from wanserve.domain.errors import MediaDamaged
from wanserve.media.boxes import Part, joined, outermost, parts, read_index, replace_index

LONGER = Part(b"free", bytes(1000))
LAYOUTS = (
    "",
    "+faststart",
    "+frag_keyframe",
    "+frag_keyframe+empty_moov",
    "+frag_keyframe+empty_moov+default_base_moof",
    "+frag_keyframe+separate_moof",
    "+frag_keyframe+default_base_moof+empty_moov+global_sidx",
)


def video(movflags: str) -> bytes:
    """Twelve pictures that all differ, with a key frame every four, in a file of this layout."""
    with (
        tempfile.NamedTemporaryFile(suffix=".mp4") as file,
        av.open(file.name, "w", options={"movflags": movflags} if movflags else {}) as container,
    ):
        stream = container.add_stream("libx264", rate=30, options={"g": "4", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(12):
            picture = VideoFrame(64, 48, "yuv420p")
            for plane in picture.planes:
                plane.update(bytes([20 * number]) * plane.buffer_size)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
        container.close()
        return Path(file.name).read_bytes()


def replaced(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    target = BytesIO()
    replace_index(BytesIO(content), target, change)
    return target.getvalue()


def longer(index: bytes) -> bytes:
    return index + LONGER.raw


def within(content: bytes, path: tuple[bytes, ...], change: Callable[[Part], Part]) -> bytes:
    """The content of a box with the box at the end of the path changed."""
    first, *rest = path
    return joined(
        part
        if part.name != first
        else (Part(part.name, within(part.content, tuple(rest), change)) if rest else change(part))
        for part in parts(content)
    )


def with_long_offsets(content: bytes) -> bytes:
    """The same video whose offsets have eight bytes each, as in a file that may be larger than 4 GB."""

    def wider(part: Part) -> Part:
        (count,) = struct.unpack_from(">I", part.content, 4)
        offsets = struct.unpack_from(f">{count}I", part.content, 8)
        return Part(b"co64", part.content[:8] + struct.pack(f">{count}Q", *offsets))

    path = (b"trak", b"mdia", b"minf", b"stbl", b"stco")
    return replaced(content, lambda index: within(index, path, wider))


def with_long_headers(content: bytes) -> bytes:
    """The same video whose pictures and whose index have headers of sixteen bytes."""
    boxes = [(box.name, content[box.start + box.header : box.end]) for box in outermost(BytesIO(content))]
    # The empty box before the pictures gives way to their longer header, so the pictures stay where they are.
    assert (b"free", b"") in boxes
    return b"".join(
        struct.pack(">I4sQ", 1, name, 16 + len(body)) + body if name in (b"mdat", b"moov") else Part(name, body).raw
        for name, body in boxes
        if name != b"free"
    )


FILES = {name or "index last": video(name) for name in LAYOUTS}
FILES["long offsets"] = with_long_offsets(FILES["+faststart"])
FILES["long headers"] = with_long_headers(FILES["index last"])


@pytest.mark.parametrize("layout", FILES)
def test_every_picture_is_found_behind_a_longer_index(layout: str) -> None:
    before = FILES[layout]
    after = replaced(before, longer)
    assert pictures_of(after) == pictures_of(before)
    assert len(pictures_of(after)) == 12
    assert read_index(BytesIO(after)).endswith(LONGER.raw)


@pytest.mark.parametrize("layout", FILES)
def test_and_once_it_is_short_again(layout: str) -> None:
    before = FILES[layout]
    after = replaced(replaced(before, longer), lambda index: index.removesuffix(LONGER.raw))
    assert pictures_of(after) == pictures_of(before)


def test_an_index_before_the_pictures_stays_there() -> None:
    names = [box.name for box in outermost(BytesIO(replaced(FILES["+faststart"], longer)))]
    assert names.index(b"moov") < names.index(b"mdat")


def test_the_pictures_are_copied_byte_for_byte() -> None:
    def data(content: bytes) -> list[bytes]:
        return [content[box.start : box.end] for box in outermost(BytesIO(content)) if box.name == b"mdat"]

    for content in FILES.values():
        assert data(replaced(content, longer)) == data(content)


def test_an_offset_that_does_not_fit_is_told() -> None:
    def far(part: Part) -> Part:
        return Part(part.name, part.content[:8] + b"\xff" * (len(part.content) - 8))

    path = (b"trak", b"mdia", b"minf", b"stbl", b"stco")
    content = FILES["+faststart"]
    changed = b"".join(
        Part(b"moov", within(read_index(BytesIO(content)), path, far)).raw
        if box.name == b"moov"
        else content[box.start : box.end]
        for box in outermost(BytesIO(content))
    )
    with pytest.raises(MediaDamaged, match="a table of offsets cannot be used"):
        replaced(changed, longer)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no video at all",
        FILES["+faststart"][:-1],
        FILES["+faststart"] + b"more",
        FILES["+faststart"].replace(b"moov", b"mooo"),
        FILES["+faststart"] + Part(b"moov", b"").raw,
        struct.pack(">I4sQ", 1, b"moov", 3),
        Part(b"moov", b"\0\0\0\x20trak").raw,
    ],
)
def test_what_is_no_whole_mp4_is_refused(content: bytes) -> None:
    with pytest.raises(MediaDamaged):
        replaced(content, longer)


@given(st.sampled_from(sorted(FILES)), st.integers(0, 3000), st.binary(min_size=1, max_size=16))
def test_damage_anywhere_is_refused_or_copied_and_nothing_else(layout: str, place: int, damage: bytes) -> None:
    content = bytearray(FILES[layout])
    content[place : place + len(damage)] = damage
    with suppress(MediaDamaged):
        replaced(bytes(content), longer)
