"""The link to a video where there is no request: as it is put into a webhook."""

import asyncio
from dataclasses import dataclass, field, replace

from tests.samples import VIDEO, new_task
from wanserve.blobs.links import LinkSigner
from wanserve.domain.blobs import LINK_SECONDS_MAX, LinkMethod
from wanserve.domain.task import Succeeded
from wanserve.http.files import BucketFiles, VideoLinks
from wanserve.http.origin import Origin
from wanserve.http.runners import on_event_loop

DAY_MS = 86_400_000
RUNNING = new_task().claimed("worker", 2000, 3000)
MADE = RUNNING.settled(Succeeded(VIDEO), 5000)


@dataclass
class Bucket:
    """Signs links by naming what it was asked."""

    asked: list[tuple[str, LinkMethod, int]] = field(default_factory=list)

    def link(self, key: str, method: LinkMethod, seconds: int) -> str:
        self.asked.append((key, method, seconds))
        return f"https://bucket.example/{key}"


def test_a_public_url_makes_the_same_link_as_a_request() -> None:
    links = VideoLinks(LinkSigner(b"secret"), Origin("https://video.example/under/"), DAY_MS)
    told = links.told_url(MADE)
    assert told == asyncio.run(links.video_url(MADE, {"type": "http", "scheme": "http", "headers": []}))
    assert (told or "").startswith(f"https://video.example/under/files/{VIDEO.key}?expires={(5000 + DAY_MS) // 1000}&")


def test_without_a_public_url_or_a_video_there_is_no_link() -> None:
    assert VideoLinks(LinkSigner(b"secret"), Origin(None), DAY_MS).told_url(MADE) is None
    assert VideoLinks(LinkSigner(b"secret"), Origin("https://video.example"), DAY_MS).told_url(RUNNING) is None


def test_a_bucket_signs_its_own_link() -> None:
    bucket = Bucket()
    files = BucketFiles(bucket, lambda: 5000, DAY_MS, on_event_loop)
    assert files.told_url(MADE) == f"https://bucket.example/{VIDEO.key}"
    assert files.told_url(RUNNING) is None
    assert replace(files, retention_ms=30 * DAY_MS).told_url(MADE)
    assert bucket.asked == [(VIDEO.key, "GET", 86_400), (VIDEO.key, "GET", LINK_SECONDS_MAX)]
