"""A blob store in a bucket of S3, or of any server that speaks its protocol, by obstore.

Where the bucket is and how to get in comes from the AWS_* variables of the environment, which obstore reads itself.
Every method but `link` with fixed credentials goes over the network: none may be called on the event loop.
"""

import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import S3Store

from wanserve.blobs.keys import OWNER, parts_of, require_key
from wanserve.blobs.s3_errors import is_missing_bucket, reason
from wanserve.domain.blobs import LINK_SECONDS_MAX, Download, LinkMethod, RemoteFile
from wanserve.domain.errors import BlobNotFound, BlobUnavailable, RemoteUnavailable, SetupError, WanserveError
from wanserve.domain.files import file_key
from wanserve.machine.environment import process_environment
from wanserve.machine.urls import is_url

PART_BYTES: Final = 8 * 1024 * 1024
"""A file that is larger is sent in parts of this size, which S3 joins at the end: no half of a file is ever seen."""

PARTS_AT_ONCE: Final = 2
"""More of them would each be too slow for REQUEST_SECONDS on a slow line; both fit in memory."""

REQUEST_SECONDS: Final = 120
"""How long one request may take, with one part in it."""

CONNECT_SECONDS: Final = 5
RETRIES: Final = 2
"""How often obstore tries a request again by itself. Whoever stores a video tries on for minutes: see worker/uploads.py."""

PAGE_KEYS: Final = 1000
"""How many keys are listed with one request."""

ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
"""The variables that name another server than Amazon's."""


@dataclass(frozen=True, slots=True)
class S3Blobs:
    """Files in a bucket, named by their keys after a prefix. A `BlobStore` that any number of machines may share.

    It is `BlobLinks` too. `place` is the bucket's name for error messages.
    """

    place: str
    _store: S3Store = field(repr=False)

    @classmethod
    def opened(cls, bucket: str, prefix: str) -> "S3Blobs":
        """The store of this bucket; `prefix` is a key, or empty. Nothing is asked of the bucket yet. Raises SetupError."""
        _require_endpoint()
        with _bucket_errors(f"the bucket {bucket} cannot be used", SetupError):
            store = S3Store(
                bucket,
                prefix=prefix or None,
                # Its keys are deleted one by one, which every server knows how to do.
                disable_bulk_delete=True,
                client_options={
                    # Plain HTTP is used only where the endpoint says so.
                    "allow_http": True,
                    "connect_timeout": timedelta(seconds=CONNECT_SECONDS),
                    "timeout": timedelta(seconds=REQUEST_SECONDS),
                },
                retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=REQUEST_SECONDS)},
            )
        return cls(bucket, store)

    def put(self, key: str, source: Path, download: Download | None = None) -> None:
        """See BlobStore. S3 promises that a file survives once it has answered, and shows none before it is whole.

        Raises ValueError where `key` is not a valid key, and RemoteUnavailable.
        """
        require_key(key)
        if not source.is_file():
            raise BlobUnavailable(f"cannot store {key}: its file is gone")
        with _bucket_errors(f"cannot store {key}"):
            obstore.put(
                self._store,
                key,
                source,
                attributes=download.headers if download else None,
                chunk_size=PART_BYTES,
                max_concurrency=PARTS_AT_ONCE,
            )
            source.unlink()

    def locate(self, key: str) -> RemoteFile:
        """See BlobStore. Raises BlobNotFound, also where `key` is not a valid key, and RemoteUnavailable."""
        if parts_of(key) is None:
            raise BlobNotFound(f"no file is stored as {key!r}")
        with _bucket_errors(f"cannot read {key}"), _missing(key):
            found = obstore.head(self._store, key)
        return RemoteFile(found["size"], int(found["last_modified"].timestamp()), partial(self._read, key))

    def _read(self, key: str, begin: int, end: int) -> bytes:
        with _bucket_errors(f"cannot read {key}"), _missing(key):
            return obstore.get_range(self._store, key, start=begin, end=end).to_bytes()

    def delete(self, key: str) -> None:
        """See BlobStore. Raises ValueError where `key` is not a valid key, and RemoteUnavailable."""
        require_key(key)
        with _bucket_errors(f"cannot delete {key}"):
            try:
                obstore.delete(self._store, key)
            except FileNotFoundError as error:
                if is_missing_bucket(error):
                    raise

    def keys(self) -> Iterator[str]:
        """See BlobStore: listed in pages of PAGE_KEYS; what others keep in the bucket under no valid key is left out."""
        with _bucket_errors("cannot list the files"):
            for page in obstore.list(self._store, chunk_size=PAGE_KEYS):
                yield from (found["path"] for found in page if parts_of(found["path"]) is not None)

    def owner(self, database_id: str) -> str:
        """See BlobStore."""
        with _bucket_errors(f"cannot use {OWNER}"):
            with suppress(AlreadyExistsError):
                obstore.put(self._store, OWNER, database_id.encode(), mode="create")
            return obstore.get(self._store, OWNER).bytes().to_bytes().decode("ascii", "replace").strip()

    def problem(self) -> None:
        """See BlobStore: nothing is known of a bucket without asking it."""

    def link(self, key: str, method: LinkMethod, seconds: int) -> str:
        """See BlobLinks. The signature names the method: a link for GET is refused for HEAD."""
        require_key(key)
        lasts = timedelta(seconds=max(1, min(seconds, LINK_SECONDS_MAX)))
        with _bucket_errors(f"cannot sign a link to {key}"):
            return obstore.sign(self._store, method, key, lasts)

    def check(self) -> None:
        """List, write, read and delete in the bucket, as serving will. Raises SetupError with what the bucket said."""
        # One that a killed start leaves behind belongs to no task, so the sweeper deletes it.
        key = file_key(str(uuid.uuid4()), 0)
        with _setup_errors(f"the bucket {self.place} cannot be listed"):
            next(iter(obstore.list(self._store, chunk_size=1)), None)
        with _setup_errors(f"the bucket {self.place} cannot be written to"):
            obstore.put(self._store, key, b"wanserve")
        try:
            with _setup_errors(f"the bucket {self.place} cannot be read"):
                obstore.get(self._store, key).bytes()
        finally:
            with _setup_errors(f"files in the bucket {self.place} cannot be deleted"):
                obstore.delete(self._store, key)


@contextmanager
def _bucket_errors(what: str, kind: type[WanserveError] = RemoteUnavailable) -> Iterator[None]:
    """Turn the errors of obstore and of the network into one of ours, with what the other side said."""
    try:
        yield
    except (BaseError, OSError, ValueError) as error:
        raise kind(f"{what}: {reason(error)}") from error


@contextmanager
def _missing(key: str) -> Iterator[None]:
    """Turn the error of a file that is not there into BlobNotFound. A HEAD cannot tell that the whole bucket is gone."""
    try:
        yield
    except FileNotFoundError as error:
        if is_missing_bucket(error):
            raise
        raise BlobNotFound(f"no file is stored as {key!r}") from error


def _setup_errors(what: str) -> AbstractContextManager[None]:
    return _bucket_errors(f"blob_url (WANSERVE_BLOB_URL): {what}", SetupError)


def _require_endpoint() -> None:
    """Raise SetupError where a variable names an endpoint that is no URL: obstore would stop the process at it."""
    for name in ENDPOINTS:
        url = process_environment().get(name)
        if url is not None and (not is_url(url) or "?" in url):
            raise SetupError(
                f"{name}: must be http:// or https:// with a host, without a user name, such as http://127.0.0.1:9000;"
                " unset it for Amazon's own"
            )
