"""Sends stored files: to authenticated clients, and videos to clients with a signed link."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Final, assert_never

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from wanserve.blobs.links import LinkSigner
from wanserve.domain.blobs import (
    LINK_SECONDS_MAX,
    BlobLinks,
    BlobLocation,
    BlobStore,
    LinkMethod,
    LocalFile,
    RemoteFile,
)
from wanserve.domain.errors import BlobDamaged
from wanserve.domain.files import download_of, file_key
from wanserve.domain.ports import Clock
from wanserve.domain.task import Task, Variant
from wanserve.http.body import read_query
from wanserve.http.origin import Origin
from wanserve.http.responses import OpenFile, RemoteFileReader, open_file, send_file, send_redirect
from wanserve.http.routing import ExactRoute
from wanserve.http.runners import Runner, on_event_loop
from wanserve.tasks import Tasks

PATH = "/files/"

REDIRECT_SECONDS: Final = 3600
"""How long the link of a redirect works: a client follows it at once, and may ask for more ranges of the video later."""


@dataclass(frozen=True, slots=True)
class VideoLinks:
    """Makes the signed links to videos; they begin with the server's `origin`."""

    signer: LinkSigner
    origin: Origin
    retention_ms: int

    async def video_url(self, task: Task, scope: Scope) -> str | None:
        """The absolute link to the task's video, valid until its retention ends; None where there is no video."""
        return None if task.video is None else self._link(task, self.origin.base(scope))

    async def shared_url(self, task: Task, scope: Scope, until_ms: int) -> str | None:
        """The same link, valid until then at most."""
        return self._link(task, self.origin.base(scope), until_ms)

    def told_url(self, task: Task) -> str | None:
        """The same link where there is no request, as in webhooks; None also where no public URL is set."""
        base = self.origin.public_url
        return None if base is None else self._link(task, base.rstrip("/"))

    def _link(self, task: Task, base: str, until_ms: int | None = None) -> str | None:
        if task.video is None or task.ended_ms is None:
            return None
        kept_until_ms = task.ended_ms + self.retention_ms
        expires_ms = kept_until_ms if until_ms is None else min(until_ms, kept_until_ms)
        query = self.signer.query(task.video.key, expires_ms // 1000)
        return f"{base}{PATH}{task.video.key}?{query}"


@dataclass(frozen=True, slots=True)
class FileSender:
    """Sends the files of tasks from the blob store, with HEAD, Range and ETag.

    `run` calls the blob store: in threads where its files are on another machine.
    """

    blobs: BlobStore
    run: Runner = on_event_loop

    async def send(self, task: Task, variant: Variant, scope: Scope, send: Send) -> None:
        """Send one file of a task that has SUCCEEDED, or the part that the request asks for: see `send_file`.

        Raises BlobNotFound, BlobDamaged, BlobUnavailable, RangeNotSatisfiable, PreconditionFailed.
        """
        key = file_key(task.id, task.attempt, variant)
        location = await self.run(partial(self.blobs.locate, key))
        with self._opened(location) as file:
            if variant is Variant.VIDEO and task.video and file.size_bytes != task.video.size_bytes:
                raise BlobDamaged(f"the file {key} is not as long as when it was stored")
            # The key is unique to the attempt and its file never changes, so a hash of the key is a strong entity tag.
            # Only a preview changes, with its step.
            version = f"{key} {task.preview}" if variant is Variant.PREVIEW else key
            etag = f'"{sha256(version.encode()).hexdigest()[:32]}"'
            headers = download_of(task.id, variant).headers
            await send_file(file, etag, headers.pop("Content-Type"), scope, send, headers.items())

    def _opened(self, location: BlobLocation) -> AbstractContextManager[OpenFile]:
        match location:
            case LocalFile(path):
                return open_file(path)
            case RemoteFile():
                return nullcontext(RemoteFileReader(location, self.run))
            case _:
                assert_never(location)


@dataclass(frozen=True, slots=True)
class BucketFiles:
    """Leads clients straight to the files in a bucket, in place of VideoLinks and of FileSender.

    `clock` is the one by which the retention ends. `run` signs the links: in threads, as credentials may be fetched.
    """

    links: BlobLinks
    clock: Clock
    retention_ms: int
    run: Runner

    async def video_url(self, task: Task, scope: Scope) -> str | None:
        """A fresh link to the task's video; None where there is no video.

        It is valid until the retention ends, or for the seven days that S3 allows. Raises BlobUnavailable.
        """
        return None if task.video is None else await self._link(task, task.video.key, "GET", LINK_SECONDS_MAX)

    async def shared_url(self, task: Task, scope: Scope, until_ms: int) -> str | None:
        """The same link, valid until then at most."""
        seconds = min(LINK_SECONDS_MAX, (until_ms - self.clock()) // 1000)
        return None if task.video is None else await self._link(task, task.video.key, "GET", seconds)

    def told_url(self, task: Task) -> str | None:
        """The same link where there is no request, as in webhooks. It may block. Raises BlobUnavailable."""
        return None if task.video is None else self._signed(task, task.video.key, "GET", LINK_SECONDS_MAX)

    async def send(self, task: Task, variant: Variant, scope: Scope, send: Send) -> None:
        """Redirect to one file of a task that has SUCCEEDED; the bucket answers Range and conditions.

        Raises BlobUnavailable.
        """
        key = file_key(task.id, task.attempt, variant)
        # S3's signature is for one method only.
        url = await self._link(task, key, "HEAD" if scope["method"] == "HEAD" else "GET", REDIRECT_SECONDS)
        await send_redirect(send, url)

    async def _link(self, task: Task, key: str, method: LinkMethod, seconds: int) -> str:
        return await self.run(partial(self._signed, task, key, method, seconds))

    def _signed(self, task: Task, key: str, method: LinkMethod, seconds: int) -> str:
        kept_ms = (task.ended_ms or 0) + self.retention_ms - self.clock()
        return self.links.link(key, method, min(seconds, kept_ms // 1000))


@dataclass(frozen=True, slots=True)
class SignedFileEndpoint:
    """The ASGI application of `/files/{key}`: videos behind signed links that expire."""

    signer: LinkSigner
    files: FileSender | BucketFiles
    clock: Clock
    tasks: Tasks
    read: Runner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the video. Raises LinkInvalid, LinkExpired, and what `files.send` raises."""
        key = scope["path_params"]["key"]
        query = read_query(scope["query_string"])
        self.signer.verify(key, query.get("expires", ""), query.get("signature", ""), self.clock() // 1000)
        owner = await self.read(partial(self.tasks.owner_of_file, key))
        await self.files.send(owner, Variant.VIDEO, scope, send)

    def route(self) -> Route:
        """The route that leads here."""
        return ExactRoute(f"{PATH}{{key:path}}", self, methods=["GET", "HEAD"])
