"""A server whose videos are in a bucket: links straight to it or through the server, deletes, and a store that is down."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import s3
from tests.e2e.faults.harness import files_of, rig, until
from tests.e2e.server import Server, running, wanserve


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> s3.Bucket:
    made = s3.server().bucket("served")
    made.enter(monkeypatch)
    return made


def content(server: Server, task_id: str, method: str = "GET", **headers: str) -> httpx.Response:
    headers |= {"Authorization": f"Bearer {server.key}"}
    url = f"{server.url}/v1/videos/video_{task_id.replace('-', '')}/content"
    return server.http.request(method, url, headers=headers)


def test_links_lead_straight_to_the_bucket_and_a_delete_empties_it(bucket: s3.Bucket, tmp_path: Path) -> None:
    with running(tmp_path / "data", blob_url=f"{bucket.url}/of/ours") as server:
        task_id = server.submit()
        link = str(server.wait(task_id, "SUCCEEDED")["video_url"])
        assert link.startswith(f"{bucket.server.endpoint}/served/of/ours/videos/{task_id}/1.mp4?X-Amz-Algorithm=")
        video = server.http.get(link)
        assert (video.content[4:8], video.headers["content-type"]) == (b"ftyp", "video/mp4")
        assert video.headers["content-disposition"] == f'inline; filename="{task_id}.mp4"'
        assert bucket.keys() == sorted(f"of/ours/{key}" for key in files_of(task_id, 1))
        for method in ("GET", "HEAD"):
            sent = content(server, task_id, method)
            assert (sent.status_code, sent.headers["cache-control"]) == (302, "no-store")
            followed = server.http.request(method, sent.headers["location"])
            assert (followed.status_code, int(followed.headers["content-length"])) == (200, len(video.content))
        assert not list((tmp_path / "data" / "blobs").iterdir())
        gone = server.http.delete(
            f"{server.url}/v1/videos/video_{task_id.replace('-', '')}",
            headers={"Authorization": f"Bearer {server.key}"},
        )
        assert gone.status_code == 200
    # Each start looks once, and the second look deletes.
    with running(tmp_path / "data", "--no-worker", blob_url=f"{bucket.url}/of/ours"):
        until("the sweep", lambda: bucket.keys() == [])


def test_through_the_server_it_is_as_on_disk(bucket: s3.Bucket, tmp_path: Path) -> None:
    with running(tmp_path / "data", blob_url=bucket.url, blob_links="proxy") as server:
        task_id = server.submit()
        link = str(server.wait(task_id, "SUCCEEDED")["video_url"])
        assert link.startswith(f"{server.url}/files/videos/")
        video, asked = server.http.get(link), server.http.head(link)
        assert video.content[4:8] == b"ftyp"
        assert int(asked.headers["content-length"]) == len(video.content)
        assert video.headers["content-disposition"] == f'inline; filename="{task_id}.mp4"'
        part = server.http.get(link, headers={"Range": "bytes=4-7"})
        assert (part.status_code, part.content) == (206, b"ftyp")
        assert server.http.get(link, headers={"If-None-Match": video.headers["etag"]}).status_code == 304
        assert content(server, task_id).content == video.content


@pytest.fixture
def own() -> Iterator[s3.S3Server]:
    with s3.own_server() as started:
        yield started


def test_a_store_that_is_down_delays_the_end_and_the_video_is_drawn_once(
    own: s3.S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = own.bucket("outage")
    bucket.enter(monkeypatch)
    with rig(tmp_path, blob_url=bucket.url) as made:
        task_id = made.accept_held()
        own.stop()
        made.release()
        until("a try that failed", lambda: "is kept and stored again" in made.log())
        until("what health says", lambda: "cannot store" in made.readiness()[1])
        own.start()
        made.until_ended(task_id)
        assert (made.row("state", task_id), made.row("attempt", task_id)) == ("SUCCEEDED", 1)
        assert (made.engine / "asked").read_text().count("hold") == 1
        assert set(bucket.keys()) == files_of(task_id, 1)


def test_a_start_that_cannot_use_its_bucket_is_one_line(bucket: s3.Bucket, tmp_path: Path) -> None:
    done = wanserve("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), blob_url="s3://no-such-bucket")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "blob_url (WANSERVE_BLOB_URL)" in line
    assert "404 NoSuchBucket" in line
    findings = wanserve("doctor", "--data-dir", str(tmp_path / "data"), blob_url="s3://no-such-bucket")
    assert (findings.returncode, "MISSING bucket: blob_url" in findings.stdout) == (1, True)
