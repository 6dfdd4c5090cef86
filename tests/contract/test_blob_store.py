"""The contract of BlobStore, on each target that can be opened."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import s3
from wanserve.blobs.keys import OWNER
from wanserve.blobs.target import DiskTarget, S3Target, open_blobs
from wanserve.domain.blobs import BlobStore, Download, LocalFile, RemoteFile
from wanserve.domain.errors import BlobNotFound, BlobUnavailable, RemoteUnavailable

KEY = "videos/task-1/1.mp4"


def on_disk(folder: Path, patch: pytest.MonkeyPatch) -> BlobStore:
    return open_blobs(DiskTarget(folder / "blobs"))


def in_a_bucket(folder: Path, patch: pytest.MonkeyPatch) -> BlobStore:
    s3.server().bucket("contract").enter(patch)
    return open_blobs(S3Target("contract"))


def under_a_prefix(folder: Path, patch: pytest.MonkeyPatch) -> BlobStore:
    bucket = s3.server().bucket("contract")
    bucket.enter(patch)
    bucket.api.put_object(Bucket="contract", Key="of/another/program", Body=b"x")
    bucket.api.put_object(Bucket="contract", Key="of/oursandmore", Body=b"x")
    return open_blobs(S3Target("contract", "of/ours"))


TARGETS: dict[str, Callable[[Path, pytest.MonkeyPatch], BlobStore]] = {
    "disk": on_disk,
    "s3": in_a_bucket,
    "s3 with a prefix": under_a_prefix,
}


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.thorough] * (name != "disk")) for name in TARGETS])
def blobs(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    """Each blob store in turn, empty."""
    return TARGETS[request.param](tmp_path, monkeypatch)


def stored(blobs: BlobStore, folder: Path, key: str, content: bytes) -> None:
    source = folder / "source"
    source.write_bytes(content)
    blobs.put(key, source, Download("video/mp4", "one.mp4"))
    assert not source.exists(), "the store takes the file over"


def content(blobs: BlobStore, key: str) -> bytes:
    match blobs.locate(key):
        case LocalFile(path):
            return path.read_bytes()
        case RemoteFile() as file:
            return file.read(0, file.size_bytes)


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


def test_the_files_belong_to_the_first_database_that_asks(blobs: BlobStore, tmp_path: Path) -> None:
    assert [blobs.owner(name) for name in ("one", "another", "one")] == ["one"] * 3
    assert list(blobs.keys()) == [OWNER]
    blobs.delete(OWNER)
    assert blobs.owner("another") == "another"


def test_of_databases_that_ask_at_once_one_has_the_files(blobs: BlobStore) -> None:
    with ThreadPoolExecutor(8) as threads:
        owners = list(threads.map(blobs.owner, (f"database-{number}" for number in range(8))))
    assert len(set(owners)) == 1


def test_how_it_is_downloaded_need_not_be_known(blobs: BlobStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"one")
    blobs.put(KEY, source)
    assert content(blobs, KEY) == b"one"


def test_an_empty_file_is_a_file(blobs: BlobStore, tmp_path: Path) -> None:
    stored(blobs, tmp_path, KEY, b"")
    assert list(blobs.keys()) == [KEY]
    match blobs.locate(KEY):
        case LocalFile(path):
            assert path.stat().st_size == 0
        case RemoteFile() as file:
            assert file.size_bytes == 0


def test_deleting_what_is_not_there_is_no_error(blobs: BlobStore) -> None:
    blobs.delete(KEY)
    assert list(blobs.keys()) == []


def test_a_source_that_is_gone_is_told_and_stores_nothing(blobs: BlobStore, tmp_path: Path) -> None:
    with pytest.raises(BlobUnavailable) as refused:
        blobs.put(KEY, tmp_path / "gone")
    assert not isinstance(refused.value, RemoteUnavailable), "no later try can mend that"
    assert list(blobs.keys()) == []


@pytest.mark.parametrize("key", ["", "..", "../secret", "/etc/passwd", "videos//1.mp4", "videos/../../x", "a?b", "ä"])
def test_a_text_that_is_no_key_finds_nothing_and_stores_nothing(blobs: BlobStore, tmp_path: Path, key: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")
    with pytest.raises(BlobNotFound):
        blobs.locate(key)
    with pytest.raises(ValueError, match="not a key"):
        blobs.put(key, source)
    with pytest.raises(ValueError, match="not a key"):
        blobs.delete(key)
    assert source.exists()
    assert list(blobs.keys()) == []


def test_nothing_prevents_another_video_where_there_is_room(blobs: BlobStore) -> None:
    assert blobs.problem() is None
