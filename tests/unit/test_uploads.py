"""Uploads: what is tried again, what is told meanwhile, and what ends it."""

import threading
from pathlib import Path

import pytest

from wanserve.blobs.disk import DiskBlobs
from wanserve.domain.blobs import Download
from wanserve.domain.errors import BlobUnavailable, Canceled, RemoteUnavailable
from wanserve.worker.uploads import Uploads

DOWNLOAD = Download("video/mp4", "one.mp4")


class Faulty(DiskBlobs):
    """Takes a file once its faults are used up."""

    def put(self, key: str, source: Path, download: Download | None = None) -> None:
        if FAULTS:
            raise FAULTS.pop(0)
        super().put(key, source, download)


FAULTS: list[Exception] = []


@pytest.fixture
def source(tmp_path: Path) -> Path:
    FAULTS.clear()
    file = tmp_path / "source"
    file.write_bytes(b"video")
    return file


def test_a_remote_store_is_tried_again_and_the_reason_is_told(source: Path, tmp_path: Path) -> None:
    told: list[str | None] = []
    FAULTS[:] = [RemoteUnavailable("down")]
    Uploads(Faulty(tmp_path / "blobs"), told.append, threading.Event()).put("a/b", source, DOWNLOAD)
    assert told == [None, "down"]
    assert (tmp_path / "blobs/a/b").read_bytes() == b"video"


def test_a_fault_of_this_machine_is_not_tried_again(source: Path, tmp_path: Path) -> None:
    FAULTS[:] = [BlobUnavailable("full")]
    with pytest.raises(BlobUnavailable, match="full"):
        Uploads(Faulty(tmp_path / "blobs"), lambda _: None, threading.Event()).put("a/b", source, DOWNLOAD)
    assert source.exists()


def test_after_its_time_it_gives_up_and_the_source_is_there(source: Path, tmp_path: Path) -> None:
    FAULTS[:] = [RemoteUnavailable("down")] * 5
    with pytest.raises(RemoteUnavailable):
        Uploads(Faulty(tmp_path / "blobs"), lambda _: None, threading.Event(), 0.0).put("a/b", source, DOWNLOAD)
    assert source.exists()
    assert len(FAULTS) == 4


def test_a_cancel_ends_it(source: Path, tmp_path: Path) -> None:
    canceled = threading.Event()
    FAULTS[:] = [RemoteUnavailable("down")] * 5

    def tell(problem: str | None) -> None:
        if problem:
            canceled.set()

    with pytest.raises(Canceled):
        Uploads(Faulty(tmp_path / "blobs"), tell, canceled).put("a/b", source, DOWNLOAD)
    assert len(FAULTS) == 4
