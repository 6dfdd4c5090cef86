"""The contract of BlobStore, on each target that can be opened."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wanserve.blobs.target import DiskTarget, open_blobs
from wanserve.domain.errors import BlobNotFound
from wanserve.domain.ports import BlobStore, LocalFile

KEY = "videos/task-1/1.mp4"

TARGETS: dict[str, Callable[[Path], BlobStore]] = {"disk": lambda folder: open_blobs(DiskTarget(folder / "blobs"))}


@pytest.fixture(params=TARGETS)
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """Each blob store in turn, empty."""
    return TARGETS[request.param](tmp_path)


def stored(blobs: BlobStore, folder: Path, key: str, content: bytes) -> None:
    source = folder / "source"
    source.write_bytes(content)
    blobs.put(key, source)
    assert not source.exists(), "the store takes the file over"


def content(blobs: BlobStore, key: str) -> bytes:
    match blobs.locate(key):
        case LocalFile(path):
            return path.read_bytes()
        case other:
            raise AssertionError(f"{other} is not on this machine")


def test_what_was_put_is_found_and_listed_until_it_is_deleted(blobs: BlobStore, tmp_path: Path) -> None:
    stored(blobs, tmp_path, KEY, b"one")
    stored(blobs, tmp_path, "videos/task-2/1.mp4", b"two")
    assert content(blobs, KEY) == b"one"
    assert sorted(blobs.keys()) == [KEY, "videos/task-2/1.mp4"]
    blobs.delete(KEY)
    with pytest.raises(BlobNotFound):
        blobs.locate(KEY)
    assert list(blobs.keys()) == ["videos/task-2/1.mp4"]


def test_a_later_file_takes_the_place_of_an_earlier_one(blobs: BlobStore, tmp_path: Path) -> None:
    stored(blobs, tmp_path, KEY, b"one")
    stored(blobs, tmp_path, KEY, b"another")
    assert content(blobs, KEY) == b"another"


def test_deleting_what_is_not_there_is_no_error(blobs: BlobStore) -> None:
    blobs.delete(KEY)
    assert list(blobs.keys()) == []


@pytest.mark.parametrize("key", ["", "..", "../secret", "/etc/passwd", "videos//1.mp4", "videos/../../x"])
def test_a_text_that_is_no_key_finds_nothing_and_stores_nothing(blobs: BlobStore, tmp_path: Path, key: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(BlobNotFound):
        blobs.locate(key)
    with pytest.raises(ValueError, match="not a key"):
        blobs.put(key, source)
    assert source.exists()


def test_nothing_prevents_another_video_on_a_disk_with_room(blobs: BlobStore) -> None:
    assert blobs.problem() is None
