"""Which blob store to open, as a value that can be sent to another process."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, assert_never

from wanserve.blobs.disk import DiskBlobs
from wanserve.domain.blobs import BlobStore
from wanserve.domain.errors import SetupError

if TYPE_CHECKING:
    from wanserve.blobs.s3 import S3Blobs


@dataclass(frozen=True, slots=True)
class DiskTarget:
    """Files in a folder of this machine."""

    root: Path
    remote: ClassVar[bool] = False
    """Whether the files are on another machine: then storing one can take long."""


@dataclass(frozen=True, slots=True)
class S3Target:
    """Files in a bucket, with `prefix` before their keys. Where it is, and its keys, are in the process's environment."""

    bucket: str
    prefix: str = ""
    remote: ClassVar[bool] = True


BlobTarget = DiskTarget | S3Target


def open_blobs(target: BlobTarget) -> BlobStore:
    """The blob store of the target. Raises SetupError."""
    match target:
        case DiskTarget(root):
            return DiskBlobs(root)
        case S3Target():
            return open_bucket(target)
        case _:
            assert_never(target)


def open_bucket(target: S3Target) -> "S3Blobs":
    """The blob store of a bucket, which makes links too. Nothing is asked of it yet. Raises SetupError."""
    # Imported here, because obstore is an extra, and takes longer to import than most commands take to run.
    try:
        from wanserve.blobs.s3 import S3Blobs  # noqa: PLC0415
    except ImportError as error:
        raise SetupError(f"blob_url: {error.name} is not installed: pip install 'wanserve[s3]'") from None
    return S3Blobs.opened(target.bucket, target.prefix)
