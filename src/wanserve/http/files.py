"""Hands out the stored files: to whoever has been let in, and videos behind signed links that expire."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from starlette.datastructures import Headers, QueryParams
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from wanserve.blobs.links import Links as Signer
from wanserve.domain.errors import BlobDamaged, InvalidRequest
from wanserve.domain.ports import BlobStore, Clock
from wanserve.domain.task import Task, Variant
from wanserve.http.routing import REQUEST_ID, ExactRoute
from wanserve.tasks import Tasks, file_key

PATH = "/files/"

MEDIA_TYPES: Final = {Variant.VIDEO: "video/mp4", Variant.THUMBNAIL: "image/webp", Variant.SPRITESHEET: "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Links:
    """Makes the links. `public_url` is their base, or None: then the address that the client itself used."""

    signer: Signer
    public_url: str | None
    retention_ms: int

    def video_url(self, task: Task, scope: Scope, headers: Headers) -> str | None:
        """The absolute link to the task's video, good until its retention ends; None where there is no video."""
        if task.video is None or task.ended_ms is None:
            return None
        base = self.public_url or f"{scope['scheme']}://{headers.get('host') or 'localhost'}"
        query = self.signer.query(task.video.key, (task.ended_ms + self.retention_ms) // 1000)
        return f"{base.rstrip('/')}{PATH}{task.video.key}?{query}"


@dataclass(frozen=True, slots=True)
class Shelf:
    """Sends stored files, with HEAD, Range and ETag."""

    blobs: BlobStore

    async def send(self, task: Task, variant: Variant, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a file of a task that has SUCCEEDED, or a range of it.

        Raises BlobNotFound, BlobDamaged, or InvalidRequest for a Range that is none.
        """
        key = file_key(task.id, task.attempt, variant)
        path = self.blobs.local_path(key)
        if variant is Variant.VIDEO and task.video and path.stat().st_size != task.video.size_bytes:
            raise BlobDamaged(f"the file {key} is not as long as when it was stored")
        # A key names one attempt's file, which never changes: its own name is the tag.
        tag = f'"{sha256(key.encode()).hexdigest()[:32]}"'
        headers = {"etag": tag, "cache-control": "private, max-age=86400", "x-request-id": scope[REQUEST_ID]}
        if tag in Headers(scope=scope).get("if-none-match", ""):
            await Response(status_code=304, headers=headers)(scope, receive, send)
            return

        async def in_shape(message: Message) -> None:
            if message.get("status") == 400:
                # The framework's own answer is in no dialect.
                raise InvalidRequest("Range", "must be a range of bytes, such as bytes=0-1023")
            await send(message)

        file = FileResponse(
            path,
            headers=headers,
            media_type=MEDIA_TYPES[variant],
            filename=f"{task.id}.{variant}",
            content_disposition_type="inline",
        )
        await file(scope, receive, in_shape)


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
        query = QueryParams(scope["query_string"])
        self.signer.verify(key, query.get("expires", ""), query.get("signature", ""), self.clock() // 1000)
        await self.shelf.send(self.tasks.owner(key), Variant.VIDEO, scope, receive, send)

    def route(self) -> Route:
        """Where it is found."""
        return ExactRoute(f"{PATH}{{key:path}}", self, methods=["GET", "HEAD"])
