"""Sends stored files: to authenticated clients, and videos to clients with a signed link."""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wanserve.blobs.links import LinkSigner
from wanserve.domain.errors import BlobDamaged
from wanserve.domain.ports import BlobStore, Clock, LocalFile, RemoteFile
from wanserve.domain.task import Task, Variant
from wanserve.http.body import read_query
from wanserve.http.origin import Origin
from wanserve.http.responses import open_file, send_file
from wanserve.http.routing import ExactRoute
from wanserve.tasks import Tasks, file_key

PATH = "/files/"

MEDIA_TYPES: Final = {Variant.VIDEO: "video/mp4", Variant.THUMBNAIL: "image/webp", Variant.SPRITESHEET: "image/jpeg"}


@dataclass(frozen=True, slots=True)
class VideoLinks:
    """Makes the signed links to videos; they begin with the server's `origin`."""

    signer: LinkSigner
    origin: Origin
    retention_ms: int

    def video_url(self, task: Task, scope: Scope) -> str | None:
        """The absolute link to the task's video, valid until its retention ends; None where there is no video."""
        if task.video is None or task.ended_ms is None:
            return None
        query = self.signer.query(task.video.key, (task.ended_ms + self.retention_ms) // 1000)
        return f"{self.origin.base(scope)}{PATH}{task.video.key}?{query}"


@dataclass(frozen=True, slots=True)
class FileSender:
    """Sends the files of tasks from the blob store, with HEAD, Range and ETag."""

    blobs: BlobStore

    async def send(self, task: Task, variant: Variant, scope: Scope, send: Send) -> None:
        """Send one file of a task that has SUCCEEDED, or the part that the request asks for: see `send_file`.

        Raises BlobNotFound, BlobDamaged, RangeNotSatisfiable, PreconditionFailed.
        """
        key = file_key(task.id, task.attempt, variant)
        with open_file(_local_path(self.blobs, key)) as descriptor:
            if variant is Variant.VIDEO and task.video and os.fstat(descriptor).st_size != task.video.size_bytes:
                raise BlobDamaged(f"the file {key} is not as long as when it was stored")
            # The key is unique to the attempt and its file never changes, so a hash of the key is a strong entity tag.
            etag = f'"{sha256(key.encode()).hexdigest()[:32]}"'
            headers = (
                ("cache-control", "private, max-age=86400"),
                ("content-disposition", f'inline; filename="{task.id}.{variant}"'),
            )
            await send_file(descriptor, etag, MEDIA_TYPES[variant], scope, send, headers)


@dataclass(frozen=True, slots=True)
class SignedFileEndpoint:
    """The ASGI application of `/files/{key}`: videos behind signed links that expire."""

    signer: LinkSigner
    files: FileSender
    clock: Clock
    tasks: Tasks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the video. Raises LinkInvalid, LinkExpired, and what `FileSender.send` raises."""
        key = scope["path_params"]["key"]
        query = read_query(scope["query_string"])
        self.signer.verify(key, query.get("expires", ""), query.get("signature", ""), self.clock() // 1000)
        await self.files.send(self.tasks.owner_of_file(key), Variant.VIDEO, scope, send)

    def route(self) -> Route:
        """The route that leads here."""
        return ExactRoute(f"{PATH}{{key:path}}", self, methods=["GET", "HEAD"])


def _local_path(blobs: BlobStore, key: str) -> Path:
    """Where the file lies on this machine. Raises BlobNotFound."""
    match blobs.locate(key):
        case LocalFile(path):
            return path
        case RemoteFile():
            raise NotImplementedError("this version keeps files on this machine only")
