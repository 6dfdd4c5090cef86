"""A server whose videos are in a bucket: links straight to it or through the server, deletes, and a store that is down."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import s3
from tests.e2e.faults.harness import files_of, rig, until
from tests.e2e.server import Server, running, wanserve
from wanserve.blobs.keys import OWNER


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
        assert bucket.keys() == sorted(f"of/ours/{key}" for key in (OWNER, *files_of(task_id, 1, scene=True)))
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
        until("the sweep", lambda: bucket.keys() == [f"of/ours/{OWNER}"])


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
        assert set(bucket.keys()) == {OWNER, *files_of(task_id, 1)}


def test_neither_a_cancel_nor_a_stop_waits_for_a_store_that_is_down(
    own: s3.S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = own.bucket("outage")
    bucket.enter(monkeypatch)
    with rig(tmp_path, blob_url=bucket.url, drain_seconds="1") as made:

        def finished_during_an_outage() -> str:
            task_id, tries = made.accept_held(), made.log().count("is kept and stored again")
            own.stop()
            made.release()
            until("a try that failed", lambda: made.log().count("is kept and stored again") > tries)
            return task_id

        canceled = finished_during_an_outage()
        made.command("tasks", "cancel", canceled)
        until("its end", lambda: "attempt 1 stops: canceled" in made.log_of(canceled))
        own.start()
        kept = finished_during_an_outage()
        made.stop()
        assert made.row("state", kept) == "PENDING", "it is given back"
        own.start()
        made.start()
        made.until_ended(kept)
        assert (made.row("state", canceled), made.row("state", kept)) == ("CANCELED", "SUCCEEDED")
        assert set(bucket.keys()) == {OWNER, *files_of(kept, made.row("attempt", kept))}


def test_what_the_retention_has_passed_leaves_the_bucket(bucket: s3.Bucket, tmp_path: Path) -> None:
    with rig(tmp_path, blob_url=bucket.url) as made:
        task_id = made.accept()
        made.server.wait(task_id, "SUCCEEDED")
        made.settings["retention_hours"] = "0.0001"
        made.restart("--no-worker")
        until("the end of its files", lambda: bucket.keys() == [OWNER])
        assert made.rows("SELECT task_id FROM ledger") == [(task_id,)]


def test_without_credentials_a_start_is_one_line(
    bucket: s3.Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    done = wanserve("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), blob_url=bucket.url)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, line.startswith("wanserve: blob_url (WANSERVE_BLOB_URL): ")) == (1, True)
    assert "AWS_ACCESS_KEY_ID" in line


def test_a_start_that_cannot_use_its_bucket_is_one_line(bucket: s3.Bucket, tmp_path: Path) -> None:
    done = wanserve("serve", "--port", "0", "--data-dir", str(tmp_path / "data"), blob_url="s3://no-such-bucket")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "blob_url (WANSERVE_BLOB_URL)" in line
    assert "404 NoSuchBucket" in line
    findings = wanserve("doctor", "--data-dir", str(tmp_path / "data"), blob_url="s3://no-such-bucket")
    assert (findings.returncode, "MISSING bucket: blob_url" in findings.stdout) == (1, True)


@pytest.mark.parametrize("kind", ["bucket", "folder"])
def test_another_databases_files_are_left_alone(bucket: s3.Bucket, tmp_path: Path, kind: str) -> None:
    """Each of two databases would take the videos of the other for files that no task has, and delete them."""
    place = bucket.url if kind == "bucket" else f"file://{tmp_path / 'shared'}"
    for _ in range(2):
        with running(tmp_path / "ours", "--no-worker", blob_url=place):
            pass
    done = wanserve("serve", "--port", "0", "--data-dir", str(tmp_path / "theirs"), blob_url=place)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, "blob_url (WANSERVE_BLOB_URL): the files at" in line) == (1, True)
    assert f"name another place, such as {place}/NAME" in line
    with running(tmp_path / "theirs", "--no-worker", blob_url=f"{place}/theirs"):
        pass


def test_the_studio_shows_what_is_in_the_bucket_without_leading_there(bucket: s3.Bucket, tmp_path: Path) -> None:
    with running(tmp_path / "data", blob_url=bucket.url) as server:
        task_id = server.submit()
        server.wait(task_id, "SUCCEEDED")
        with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as browser:
            assert browser.post("/sign-in", data={"key": server.key}).status_code == 303
            # A page may load nothing of another host, so no answer leads to one.
            for name, begin in (("video.mp4", b"ftyp"), ("thumbnail.webp", b"RIFF"), ("sheet.jpg", b"\xff\xd8")):
                file = browser.get(f"/studio/tasks/{task_id}/{name}")
                assert (file.status_code, begin in file.content[:16]) == (200, True)
            part = browser.get(f"/studio/tasks/{task_id}/video.mp4", headers={"Range": "bytes=4-7"})
            assert (part.status_code, part.content) == (206, b"ftyp")
            page = browser.get(f"/video?id={task_id}").text
            token = re.search(r'name="csrf_token" value="(\w+)"', page)
            assert token
            shared = browser.post(
                f"/studio/tasks/{task_id}/share",
                data={"hours": "1", "csrf_token": token[1]},
                headers={"hx-request": "true"},
            )
            # Whoever gets the link has no session, and comes straight to the bucket.
            link = re.search(r'value="(http[^"]+)"', shared.text)
            assert link
            assert html.unescape(link[1]).startswith(f"{bucket.server.endpoint}/{bucket.name}/videos/{task_id}/1.mp4?")
            assert server.http.get(html.unescape(link[1])).content[4:8] == b"ftyp"
