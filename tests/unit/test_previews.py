"""The previews of a running attempt: stored beside the engine, the newest in place of the one before, and never in its way."""

import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

import av
import pytest

from wanserve.blobs.disk import DiskBlobs
from wanserve.domain.blobs import Download
from wanserve.domain.errors import RemoteUnavailable
from wanserve.domain.files import file_key
from wanserve.domain.marks import DigitalSource, Origin
from wanserve.domain.progress import Picture
from wanserve.domain.task import Variant
from wanserve.media.preview import png
from wanserve.worker.previews import Previews

PATIENCE_S = 30
ORIGIN = Origin("task", "wanserve", "wan", "wan2.2-t2v-plus", DigitalSource.TRAINED, 0)
KEY = file_key("task", 1, Variant.PREVIEW)


def grey(level: int, width: int = 13, height: int = 7) -> Picture:
    return Picture(width, height, bytes([level, 0, 255 - level]) * (width * height))


@dataclass(frozen=True)
class Slow(DiskBlobs):
    """Stores a file once it is let go; then, where it is to fail, it does."""

    go: threading.Event = field(default_factory=threading.Event)
    fails: bool = False

    def put(self, key: str, source: Path, download: Download | None = None) -> None:
        assert self.go.wait(PATIENCE_S)
        if self.fails:
            raise RemoteUnavailable("away")
        super().put(key, source, download)


def rgb_of(content: bytes) -> Picture:
    """The picture in a PNG file."""
    decoder = av.codec.CodecContext.create("png", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    frame = decoder.decode(av.Packet(content))[0].reformat(format="rgb24")
    plane = frame.planes[0]
    rows = (bytes(plane)[row * plane.line_size :][: frame.width * 3] for row in range(frame.height))
    return Picture(frame.width, frame.height, b"".join(rows))


def wait(previews: Previews) -> None:
    thread = previews._thread
    assert thread is not None
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_the_newest_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    previews = Previews(DiskBlobs(tmp_path / "blobs"), tmp_path / "scratch", ORIGIN, 1)
    for step, level in ((5, 10), (10, 200)):
        previews.offer(step, grey(level))
        wait(previews)
        assert previews.stored == step
    assert rgb_of((tmp_path / "blobs" / KEY).read_bytes()) == grey(200)
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_slow_store_delays_nothing_and_gets_no_second_one_meanwhile(tmp_path: Path) -> None:
    blobs = Slow(tmp_path / "blobs")
    previews = Previews(blobs, tmp_path / "scratch", ORIGIN, 1)
    for step in (5, 10, 15):
        previews.offer(step, grey(step))
    assert previews.stored == 0
    blobs.go.set()
    wait(previews)
    assert previews.stored == 5


def test_one_that_cannot_be_stored_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blobs = Slow(tmp_path / "blobs", fails=True)
    blobs.go.set()
    previews = Previews(blobs, tmp_path / "scratch", ORIGIN, 1)
    with caplog.at_level("INFO"):
        previews.offer(5, grey(1))
        wait(previews)
    assert (previews.stored, "a preview was not stored: away" in caplog.text) == (0, True)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (240, 135)])
def test_a_png_has_every_pixel(size: tuple[int, int]) -> None:
    width, height = size
    picture = Picture(width, height, random.Random(1).randbytes(width * height * 3))
    assert rgb_of(png(picture)) == picture
