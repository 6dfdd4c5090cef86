"""OpenAI's SDK downloads a video that is in a bucket: it follows the redirect, and keeps its key from the bucket."""

from pathlib import Path

import pytest

from tests import s3
from tests.clients.clients import program, run
from tests.clients.views import assert_video, video_id
from tests.e2e.server import running

DOWNLOAD = """
import sys
from openai import OpenAI

content = OpenAI().videos.download_content(sys.argv[1])
content.write_to_file("video")
"""


@pytest.mark.parametrize("client", ["openai2", "openai3"])
@pytest.mark.parametrize("links", ["direct", "proxy"])
def test_the_content_of_a_video_in_a_bucket_is_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str, links: str
) -> None:
    """A bucket refuses a request with a signature in its URL and a key in its headers, so the client sends none."""
    bucket = s3.server().bucket("downloads")
    bucket.enter(monkeypatch)
    with running(tmp_path / "data", blob_url=bucket.url, blob_links=links) as server:
        task_id = server.submit()
        server.wait(task_id, "SUCCEEDED")
        done = run([program(client), "-c", DOWNLOAD, video_id(task_id)], server, tmp_path)
    assert done.returncode == 0, done.stderr
    assert_video(tmp_path / "video", 640, 480)
