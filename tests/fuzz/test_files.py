"""Anything at all into the readers of files: what a file says, or a clear refusal; never a fault of ours, never a hang."""

from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.fuzz.asgi import hammer
from tests.marks import MARKS
from tests.unit.media.marks.pictures import write_pictures
from tests.unit.media.test_boxes import FILES
from wanserve.domain.errors import MediaDamaged
from wanserve.domain.marks import AigcLabel, DigitalSource, Origin
from wanserve.domain.task import Variant
from wanserve.media.marks.inspection import inspect
from wanserve.media.marks.marker import MARKED, Marker
from wanserve.media.marks.mp4_label import write_label

LONGEST = 20_000


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """One whole file of each kind, with all marks."""
    folder = tmp_path_factory.mktemp("marked")
    files = write_pictures(folder)
    files[Variant.VIDEO] = folder / "video.mp4"
    files[Variant.VIDEO].write_bytes(FILES["+faststart"])
    Marker.by(MARKS).mark(files, Origin("task", "wanserve", "wan", "a model", DigitalSource.TRAINED, 0))
    return [files[kind].read_bytes() for kind in MARKED]


def damaged(whole: list[bytes]) -> st.SearchStrategy[bytes]:
    """A file with a part replaced, left out or said twice; or only its beginning."""

    def damage(drawn: tuple[int, int, int, bytes, bool]) -> bytes:
        which, at, length, put, twice = drawn
        content = whole[which]
        at %= len(content)
        return content[:at] + put + (content[at : at + length] if twice else b"") + content[at + length :]

    parts = st.tuples(
        st.integers(0, len(whole) - 1),
        st.integers(0, LONGEST),
        st.integers(0, 64),
        st.binary(max_size=16),
        st.booleans(),
    )
    return parts.map(damage)


def test_any_file_is_told_or_refused(marked: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "file"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = inspect(path, MARKS.certificate.chain)
        assert len(found.sha256) == 64

    hammer(damaged(marked) | st.binary(max_size=2000), check)


def test_any_file_of_another_server_is_labelled_or_refused(marked: list[bytes]) -> None:
    def check(content: bytes) -> None:
        with suppress(MediaDamaged):
            write_label(BytesIO(content), BytesIO(), AigcLabel(producer="wanserve"))

    hammer(damaged([marked[0], *FILES.values()]) | st.binary(max_size=2000), check)
