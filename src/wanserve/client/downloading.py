"""The course of a download: into a file beside its place, from where a broken connection left off."""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wanserve.client import requests
from wanserve.client.answers import Answer, error_of, retry_after_s, total_bytes
from wanserve.client.errors import ServerUnreachable, WanError
from wanserve.client.flows import Close, Flow, NextBytes, OnDisk, Open, Pause, Retries


@dataclass(slots=True)
class _Download:
    """What has arrived: so many bytes of so many, of the file with this entity tag."""

    file: BinaryIO
    have: int = 0
    total: int | None = None
    etag: str = ""
    advised_s: float | None = None

    def begin(self, answer: Answer) -> None:
        """Take in the head of an answer, which is the whole file or what is missing of it."""
        self.total = total_bytes(answer, self.have)
        if answer.status != 206:
            self.have = 0
        self.etag = answer.headers.get("etag", "")

    def write(self, content: bytes) -> None:
        """Write what arrived."""
        self.file.seek(self.have)
        self.file.write(content)
        self.have += len(content)

    @property
    def resumable_from(self) -> int:
        """From where the file can be asked for: from its start where only a weak entity tag says which one it is."""
        return self.have if self.etag and not self.etag.startswith("W/") else 0


def downloading(video_id: str, to: Path, retries: Retries) -> Flow[Path]:
    """Download a video to a path, which has the whole video or stays as it was. What has arrived is in `PATH.part`.

    Raises RequestRefused, ServerUnreachable, OSError.
    """
    if to.is_dir():
        raise IsADirectoryError(f"Is a directory: '{to}'")
    part = to.with_name(f"{to.name}.part")
    file = yield OnDisk(lambda: part.open("wb"))
    try:
        yield from _fetch(video_id, _Download(file), retries)
        yield OnDisk(file.close)
        yield OnDisk(lambda: part.replace(to))
    finally:
        file.close()
        part.unlink(missing_ok=True)
    return to


def _fetch(video_id: str, download: _Download, retries: Retries) -> Flow[None]:
    course = retries.course()
    while True:
        before = download.have
        problem = yield from _try(video_id, download)
        retries.answered = retries.answered or problem is None
        if problem is None:
            yield OnDisk(lambda: download.file.truncate(download.have))
            return
        if download.have > before:
            course.succeeded()
        pause_s = course.pause_s(download.advised_s)
        if pause_s is None:
            raise problem
        yield Pause(pause_s)


def _try(video_id: str, download: _Download) -> Flow[WanError | None]:
    """Fetch what is missing; the problem where the connection broke or the server is busy. Raises RequestRefused."""
    download.advised_s = None
    begin = download.resumable_from
    try:
        answer: Answer = yield Open(requests.content(video_id, begin, download.etag))
        if answer.refused:
            if not answer.busy:
                raise error_of(answer)
            download.advised_s = retry_after_s(answer)
            return error_of(answer)
        download.have = begin
        download.begin(answer)
        while content := (yield NextBytes()):
            yield OnDisk(lambda arrived=content: download.write(arrived))  # type: ignore[misc]
    except ServerUnreachable as error:
        yield Close()
        return None if download.total == download.have else error
    yield Close()
    if download.total in (None, download.have):
        return None
    return ServerUnreachable(f"the connection ended after {download.have} of {download.total} bytes")
