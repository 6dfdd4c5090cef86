"""Where the finished files are by the settings: in a folder or a bucket, whose they are, and how much room there is."""

import shutil

from wanserve.blobs.keys import OWNER
from wanserve.blobs.target import BlobTarget, DiskTarget, S3Target, open_blobs, open_bucket
from wanserve.core import Core
from wanserve.domain.errors import BlobUnavailable, SetupError
from wanserve.overview import Room
from wanserve.settings import FILE_URL, Settings


def blob_target(settings: Settings) -> BlobTarget:
    """Where the settings say that finished files are."""
    if settings.blob_url is None or settings.blob_url.startswith(FILE_URL):
        return DiskTarget(settings.blobs_dir)
    bucket, _, prefix = settings.blob_url.removeprefix("s3://").strip("/").partition("/")
    return S3Target(bucket, prefix)


def check_blobs(target: BlobTarget) -> None:
    """Use a bucket once as serving will, before any task is taken. Raises SetupError with what the bucket said."""
    if isinstance(target, S3Target):
        open_bucket(target).check()


def require_own_blobs(settings: Settings, core: Core) -> None:
    """Raise SetupError where the files belong to another database: each of the two would delete those of the other.

    A data directory's own files are not looked at, as nobody shares them.
    """
    if settings.blob_url is None:
        return
    try:
        owner = open_blobs(blob_target(settings)).owner(core.database_id)
    except BlobUnavailable as error:
        raise SetupError(f"blob_url (WANSERVE_BLOB_URL): {error}") from error
    if owner != core.database_id:
        raise SetupError(
            f"blob_url (WANSERVE_BLOB_URL): the files at {settings.blob_url} belong to another database, and two would"
            f" delete each other's: name another place, such as {settings.blob_url.rstrip('/')}/NAME. Where the other"
            f" database is gone for good, delete {OWNER} there"
        )


def room_of(settings: Settings) -> Room | None:
    """The room on the disk of the files; None where they are on another machine."""
    if blob_target(settings).remote:
        return None
    disk = shutil.disk_usage(settings.blobs_dir)
    return Room(disk.total, disk.free)
