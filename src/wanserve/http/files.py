"""Hands out the videos: behind signed links that expire, with HEAD, Range and ETag."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath

from starlette.datastructures import Headers, QueryParams
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from wanserve.blobs.links import Links as Signer
from wanserve.domain.errors import BlobDamaged, InvalidRequest
from wanserve.domain.ports import BlobStore, Clock
from wanserve.domain.task import Task
from wanserve.http.routing import REQUEST_ID, ExactRoute
from wanserve.tasks import Tasks

PATH = "/files/"


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
class Files:
    """The ASGI application of `/files/{key}`."""

    signer: Signer
    blobs: BlobStore
    clock: Clock
    tasks: Tasks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file or a range of it.

        Raises LinkInvalid, LinkExpired, BlobNotFound, BlobDamaged, or InvalidRequest for a Range that is none.
        """
        key = scope["path_params"]["key"]
        query = QueryParams(scope["query_string"])
        self.signer.verify(key, query.get("expires", ""), query.get("signature", ""), self.clock() // 1000)
        video, path = self.tasks.stored(key), self.blobs.local_path(key)
        if path.stat().st_size != video.size_bytes:
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
            media_type="video/mp4",
            filename=PurePosixPath(key).parts[1] + ".mp4",
            content_disposition_type="inline",
        )
        await file(scope, receive, in_shape)

    def route(self) -> Route:
        """Where it is found."""
        return ExactRoute(f"{PATH}{{key:path}}", self, methods=["GET", "HEAD"])
