"""Which blob store to open, as a value that can be sent to another process."""

from dataclasses import dataclass
from pathlib import Path

from wanserve.blobs.disk import DiskBlobs
from wanserve.domain.ports import BlobStore


@dataclass(frozen=True, slots=True)
class DiskTarget:
    """Files in a folder of this machine."""

    root: Path


BlobTarget = DiskTarget


def open_blobs(target: BlobTarget) -> BlobStore:
    """The blob store of the target."""
    return DiskBlobs(target.root)
