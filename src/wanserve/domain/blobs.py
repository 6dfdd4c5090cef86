"""The ports of stored files: what a store of them does, how links lead to them, and the secret that signs links."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Protocol

LinkMethod = Literal["GET", "HEAD"]
"""The HTTP method that a link is for."""

LINK_SECONDS_MAX: Final = 7 * 86_400
"""The longest life of a link that S3's signatures (version 4) allow."""


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A stored file on this machine."""

    path: Path


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A stored file on another machine: its size, and the time of its last write in seconds since 1970.

    `read(begin, end)` gives the bytes from `begin` up to, and without, `end`. It takes a round trip over a network.
    Raises BlobNotFound where the file was deleted meanwhile, and BlobUnavailable.
    """

    size_bytes: int
    modified_s: int
    read: Callable[[int, int], bytes]


BlobLocation = LocalFile | RemoteFile


@dataclass(frozen=True, slots=True)
class Download:
    """How a file is sent to those who download it: its media type, and the name under which a browser saves it."""

    media_type: str
    filename: str
    cache: str = "private, max-age=86400"
    """The Cache-Control of an answer with it."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every answer with the file, beside those of its length and its validators."""
        return {
            "Content-Type": self.media_type,
            "Content-Disposition": f'inline; filename="{self.filename}"',
            "Cache-Control": self.cache,
        }


class BlobStore(Protocol):
    """Stored files by key, such as `videos/{task}/{attempt}.mp4`. A key is relative, with no `..` in it.

    Every method but `problem` may take a round trip over a network.
    """

    def put(self, key: str, source: Path, download: Download | None = None) -> None:
        """Store the file at `source` under `key`, and remove the source. The file survives a power cut once this returns.

        `download` is how a store that sends its files itself has to send this one. Raises BlobUnavailable, and leaves
        the source, where the file cannot be stored: RemoteUnavailable where a later try may succeed.
        """

    def locate(self, key: str) -> BlobLocation:
        """Where the file is. Raises BlobNotFound, BlobUnavailable."""

    def delete(self, key: str) -> None:
        """Delete the file. A file that does not exist is not an error. Raises BlobUnavailable."""

    def keys(self) -> Iterator[str]:
        """Every stored key, in any order, listed while they are taken. Raises BlobUnavailable."""

    def owner(self, database_id: str) -> str:
        """The id of the database that the files belong to: this one, where they belonged to none. Raises BlobUnavailable."""

    def problem(self) -> str | None:
        """Why another video cannot be stored now, as one line for the user; None where nothing is known to prevent it.

        Cheap: it is asked before each claim, and so goes over no network.
        """


class BlobLinks(Protocol):
    """Makes links that lead straight to the stored files, not through this server."""

    def link(self, key: str, method: LinkMethod, seconds: int) -> str:
        """A URL of the file that is good for this HTTP method and so many seconds, at most LINK_SECONDS_MAX.

        Whether there is such a file is not looked up. Raises BlobUnavailable where the link cannot be signed.
        """


class LinkSecret(Protocol):
    """The secret that signs links: the same in every process that makes or checks links to the same files."""

    def read(self) -> bytes:
        """The secret. The first call of all creates it. Raises SetupError."""

    def restore(self, secret: bytes) -> None:
        """Write the secret again where it was deleted: with a new secret no earlier link would work. Raises OSError."""
