"""Hands out the stored files: to whoever has been let in, and videos behind signed links that expire."""

import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wanserve.blobs.links import Links as Signer
from wanserve.domain.errors import BlobDamaged
from wanserve.domain.ports import BlobStore, Clock, LocalFile, RemoteFile
from wanserve.domain.task import Task, Variant
from wanserve.http.body import read_query
from wanserve.http.origin import Origin
from wanserve.http.responses import opened, send_file
from wanserve.http.routing import ExactRoute
from wanserve.tasks import Tasks, file_key

PATH = "/files/"

MEDIA_TYPES: Final = {Variant.VIDEO: "video/mp4", Variant.THUMBNAIL: "image/webp", Variant.SPRITESHEET: "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the links to videos; they begin with the `origin`."""

    signer: Signer
    origin: Origin
    retention_ms: int

    def video_url(self, task: Task, scope: Scope) -> str | None:
        """The absolute link to the task's video, good until its retention ends; None where there is no video."""
        if task.video is None or task.ended_ms is None:
            return None
        query = self.signer.query(task.video.key, (task.ended_ms + self.retention_ms) // 1000)
        return f"{self.origin.base(scope)}{PATH}{task.video.key}?{query}"


@dataclass(frozen=True, slots=True)
class Shelf:
    """Sends stored files, with HEAD, Range and ETag."""

    blobs: BlobStore

    async def send(self, task: Task, variant: Variant, scope: Scope, send: Send) -> None:
        """Send a file of a task that has SUCCEEDED, or what the request wants of it: see `send_file`.

        Raises BlobNotFound, BlobDamaged, RangeNotSatisfiable, PreconditionFailed.
        """
        key = file_key(task.id, task.attempt, variant)
        with opened(_local(self.blobs, key)) as descriptor:
            if variant is Variant.VIDEO and task.video and os.fstat(descriptor).st_size != task.video.size_bytes:
                raise BlobDamaged(f"the file {key} is not as long as when it was stored")
            # A key names one attempt's file, which never changes: its own name is the tag.
            tag = f'"{sha256(key.encode()).hexdigest()[:32]}"'
            headers = (
                ("cache-control", "private, max-age=86400"),
                ("content-disposition", f'inline; filename="{task.id}.{variant}"'),
            )
            await send_file(descriptor, tag, MEDIA_TYPES[variant], scope, send, headers)


@dataclass(frozen=True, slots=True)
class Files:
    """The ASGI application of `/files/{key}`: videos behind signed links that expire."""

    signer: Signer
    shelf: Shelf
    clock: Clock
    tasks: Tasks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the video. Raises LinkInvalid, LinkExpired, and what `Shelf.send` raises."""
        key = scope["path_params"]["key"]
        query = read_query(scope["query_string"])
        self.signer.verify(key, query.get("expires", ""), query.get("signature", ""), self.clock() // 1000)
        await self.shelf.send(self.tasks.owner_of_file(key), Variant.VIDEO, scope, send)

    def route(self) -> Route:
        """Where it is found."""
        return ExactRoute(f"{PATH}{{key:path}}", self, methods=["GET", "HEAD"])


def _local(blobs: BlobStore, key: str) -> Path:
    """Where the file lies on this machine. Raises BlobNotFound."""
    match blobs.locate(key):
        case LocalFile(path):
            return path
        case RemoteFile():
            raise NotImplementedError("this version keeps files on this machine only")
