"""A stored file is whole, durable and found; a key leads nowhere else."""

import errno
import os
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanserve.blobs.disk import DiskBlobs
from wanserve.domain.blobs import BlobStore
from wanserve.domain.errors import BlobNotFound, BlobUnavailable

KEY = "videos/task-1/2.mp4"

BAD_KEYS = [
    "", ".", "..", "/", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "a/./b", "a/..", "a b", "a\\b", "a\0b",
    "a\nb", "a\n", "é", "a~", "C:/x", "\ud83d",
]  # fmt: skip


@pytest.fixture
def blobs(tmp_path: Path) -> DiskBlobs:
    """An empty store, whose root is not there yet."""
    return DiskBlobs(tmp_path / "data" / "blobs")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file to be stored."""
    path = tmp_path / "made.mp4"
    path.write_bytes(b"the video")
    return path


def below(folder: Path) -> list[Path]:
    """Everything that lies under the folder."""
    return sorted(folder.rglob("*"))


def test_it_is_a_blob_store(blobs: DiskBlobs) -> None:
    """As the port promises; mypy checks the signatures."""
    store: BlobStore = blobs
    assert list(store.keys()) == []


def test_put_find_delete(blobs: DiskBlobs, source: Path, tmp_path: Path) -> None:
    """The file moves in, is found and listed, and leaves no empty folder behind."""
    blobs.put(KEY, source)
    assert not source.exists()
    assert blobs.locate(KEY).path.read_bytes() == b"the video"
    assert list(blobs.keys()) == [KEY]
    blobs.delete(KEY)
    assert list(blobs.keys()) == []
    assert below(tmp_path) == [blobs.root.parent, blobs.root]
    with pytest.raises(BlobNotFound, match=KEY):
        blobs.locate(KEY)
    blobs.delete(KEY)


def test_delete_keeps_the_neighbours(blobs: DiskBlobs, tmp_path: Path) -> None:
    """Only a folder that became empty goes."""
    keys = ["videos/a/1.mp4", "videos/a/2.mp4", "videos/b/1.mp4"]
    for key in keys:
        made = tmp_path / "made"
        made.write_text(key)
        blobs.put(key, made)
    blobs.delete(keys[0])
    assert sorted(blobs.keys()) == keys[1:]
    blobs.delete(keys[1])
    assert sorted(path.name for path in (blobs.root / "videos").iterdir()) == ["b"]


def test_put_replaces(blobs: DiskBlobs, source: Path, tmp_path: Path) -> None:
    """A second file under the key takes the place of the first."""
    blobs.put(KEY, source)
    second = tmp_path / "second"
    second.write_bytes(b"another")
    blobs.put(KEY, second)
    assert blobs.locate(KEY).path.read_bytes() == b"another"


@pytest.mark.parametrize("key", BAD_KEYS)
def test_bad_keys(blobs: DiskBlobs, source: Path, tmp_path: Path, key: str) -> None:
    """Reading finds nothing under them; writing is a mistake of the caller. Nothing is touched."""
    before = below(tmp_path)
    with pytest.raises(BlobNotFound):
        blobs.locate(key)
    with pytest.raises(ValueError, match="not a key"):
        blobs.put(key, source)
    with pytest.raises(ValueError, match="not a key"):
        blobs.delete(key)
    assert below(tmp_path) == before


@given(key=st.text(alphabet=st.sampled_from("a.~/_-\0é\n "), max_size=12))
def test_no_key_leads_out(key: str) -> None:
    """Whatever the key, the path is below the root or there is none."""
    root = Path("/nowhere/blobs")
    path = DiskBlobs(root)._path(key)
    assert path is None or (Path(os.path.normpath(path)) == path and root in path.parents)


@pytest.mark.parametrize("key", ["a" * 300, "/".join(["a" * 200] * 30)])
def test_a_key_too_long_for_the_disk(blobs: DiskBlobs, source: Path, key: str) -> None:
    """It is not found, and cannot be stored; neither is a crash."""
    with pytest.raises(BlobNotFound):
        blobs.locate(key)
    blobs.delete(key)
    with pytest.raises(BlobUnavailable, match="File name too long"):
        blobs.put(key, source)
    assert source.exists()


def test_a_folder_is_no_file(blobs: DiskBlobs, source: Path) -> None:
    """A key that is the beginning of another's, or goes on where a file lies."""
    blobs.put(KEY, source)
    for key in ("videos", "videos/task-1", f"{KEY}/x"):
        with pytest.raises(BlobNotFound):
            blobs.locate(key)
        blobs.delete(key)
    assert list(blobs.keys()) == [KEY]


def test_it_is_durable(blobs: DiskBlobs, source: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The file is synced before it takes its name, and every folder from its own up to the root after that."""
    synced: list[tuple[Path, bool]] = []
    target = blobs.root / KEY
    sync = os.fsync

    def recording(descriptor: int) -> None:
        stat = os.fstat(descriptor)
        folders = [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_file() or path.is_dir())]
        synced.extend((path, target.exists()) for path in folders if os.path.samestat(path.stat(), stat))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", recording)
    blobs.put(KEY, source)
    folders = [target.parent, target.parent.parent, blobs.root]
    assert synced == [(source, False), *((folder, True) for folder in folders)]


def test_a_disk_that_fails(blobs: DiskBlobs, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The source stays where it was, whichever sync fails."""
    sync = os.fsync
    for good in range(4):
        left = [good]

        def failing(descriptor: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.EIO, "Input/output error")
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", failing)
        with pytest.raises(BlobUnavailable, match=f"cannot store {KEY}: Input/output error"):
            blobs.put(KEY, source)
        assert source.read_bytes() == b"the video"
        assert list(blobs.keys()) == []


def test_a_root_that_cannot_be(tmp_path: Path, source: Path) -> None:
    """A file stands where the root should be."""
    (tmp_path / "blobs").write_text("in the way")
    blobs = DiskBlobs(tmp_path / "blobs")
    with pytest.raises(BlobUnavailable, match=f"cannot store {KEY}"):
        blobs.put(KEY, source)
    assert source.exists()
    assert list(blobs.keys()) == []
    with pytest.raises(BlobNotFound):
        blobs.locate(KEY)


def test_a_source_that_is_gone(blobs: DiskBlobs, source: Path) -> None:
    """There is nothing to take over."""
    source.unlink()
    with pytest.raises(BlobUnavailable, match="No such file"):
        blobs.put(KEY, source)


@pytest.fixture
def distant(tmp_path: Path) -> Iterator[Path]:
    """A file to be stored that lies on another file system than the store."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system here")
    path = memory / f"{tmp_path.parent.name}-{tmp_path.name}"
    path.write_bytes(b"the video")
    yield path
    path.unlink(missing_ok=True)


def test_from_another_file_system(blobs: DiskBlobs, distant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is copied under a name that is not listed, synced, and renamed; the source goes last."""
    synced: list[list[str]] = []
    sync = os.fsync

    def recording(descriptor: int) -> None:
        synced.append([path.name for path in below(blobs.root) if path.is_file()])
        assert list(blobs.keys()) in ([], [KEY])
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", recording)
    blobs.put(KEY, distant)
    assert not distant.exists()
    assert blobs.locate(KEY).path.read_bytes() == b"the video"
    assert synced == [[], ["2.mp4~"], ["2.mp4"], ["2.mp4"], ["2.mp4"]]


@pytest.mark.parametrize("good_syncs", range(5))
def test_a_copy_that_fails(blobs: DiskBlobs, distant: Path, monkeypatch: pytest.MonkeyPatch, good_syncs: int) -> None:
    """Nothing of it stays, and the source does."""
    left = [good_syncs]
    sync = os.fsync

    def failing(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.EIO, "Input/output error")
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(BlobUnavailable, match="Input/output error"):
        blobs.put(KEY, distant)
    assert distant.read_bytes() == b"the video"
    assert not [path for path in below(blobs.root) if path.is_file()]


def test_a_copy_to_a_full_disk(blobs: DiskBlobs, distant: Path) -> None:
    """A limit on the file's size stands in for the full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, hard))
    try:
        with pytest.raises(BlobUnavailable, match="File too large"):
            blobs.put(KEY, distant)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert distant.read_bytes() == b"the video"
    assert not [path for path in below(blobs.root) if path.is_file()]


def test_what_is_unfinished_is_not_listed(blobs: DiskBlobs, source: Path, tmp_path: Path) -> None:
    """A copy that a crash cut short is no stored file; deleting the key takes it along."""
    blobs.put(KEY, source)
    half = blobs.root / f"{KEY}~"
    half.write_bytes(b"the vi")
    assert list(blobs.keys()) == [KEY]
    blobs.delete(KEY)
    assert below(tmp_path) == [blobs.root.parent, blobs.root]


def test_deletes_do_not_disturb_puts(blobs: DiskBlobs, tmp_path: Path) -> None:
    """One attempt's file is deleted, and its folder with it, while the next one's comes in."""

    def come_and_go(attempt: int) -> None:
        key = f"videos/task/{attempt}.mp4"
        made = tmp_path / str(attempt)
        for _ in range(100):
            made.write_bytes(b"x")
            blobs.put(key, made)
            blobs.locate(key)
            blobs.delete(key)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(come_and_go, range(4)))
    assert list(blobs.keys()) == []
