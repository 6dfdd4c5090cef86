"""The blob store in a bucket, on a real S3 server: links, large files, faults, lists of several pages, wrong set-ups."""

import contextlib
import os
import re
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests import needs, s3
from wanserve.blobs.s3 import PAGE_KEYS, PART_BYTES, S3Blobs
from wanserve.blobs.target import S3Target, open_bucket
from wanserve.domain.blobs import LINK_SECONDS_MAX, Download, LinkMethod
from wanserve.domain.errors import BlobNotFound, RemoteUnavailable, SetupError
from wanserve.storage import check_blobs

KEY = "videos/task-1/1.mp4"
CONTENT = bytes(range(256)) * 8
DOWNLOAD = Download("video/mp4", "task-1.mp4")


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> s3.Bucket:
    """An empty bucket that this process gets into."""
    made = s3.server().bucket("videos")
    made.enter(monkeypatch)
    return made


@pytest.fixture
def blobs(bucket: s3.Bucket) -> S3Blobs:
    return open_bucket(S3Target(bucket.name, "of/ours"))


def put(blobs: S3Blobs, folder: Path, key: str = KEY, content: bytes = CONTENT) -> None:
    source = folder / "source"
    source.write_bytes(content)
    blobs.put(key, source, DOWNLOAD)


def test_it_is_stored_under_its_prefix_with_its_type_and_name(
    bucket: s3.Bucket, blobs: S3Blobs, tmp_path: Path
) -> None:
    put(blobs, tmp_path)
    assert bucket.keys() == [f"of/ours/{KEY}"]
    found = bucket.api.head_object(Bucket=bucket.name, Key=f"of/ours/{KEY}")
    assert found["ContentType"] == "video/mp4"
    assert found["ContentDisposition"] == 'inline; filename="task-1.mp4"'
    assert found["CacheControl"] == "private, max-age=86400"


def test_ranges_of_it_are_read(blobs: S3Blobs, tmp_path: Path) -> None:
    put(blobs, tmp_path)
    file = blobs.locate(KEY)
    assert (file.size_bytes, file.read(0, 3), file.read(100, 2048)) == (2048, CONTENT[:3], CONTENT[100:])
    blobs.delete(KEY)
    with pytest.raises(BlobNotFound):
        file.read(0, 3)


def test_a_large_file_goes_in_parts_and_none_is_left_behind(bucket: s3.Bucket, blobs: S3Blobs, tmp_path: Path) -> None:
    content = os.urandom(2 * PART_BYTES + 1)
    put(blobs, tmp_path, content=content)
    file = blobs.locate(KEY)
    assert file.read(0, file.size_bytes) == content
    tag = bucket.api.head_object(Bucket=bucket.name, Key=f"of/ours/{KEY}")["ETag"]
    assert tag.endswith('-3"'), "S3's tag of a file that came in three parts"
    assert not bucket.api.list_multipart_uploads(Bucket=bucket.name).get("Uploads")


def test_a_large_file_that_breaks_off_is_not_there_and_its_source_is(
    bucket: s3.Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server loses every connection at the second part, as a network that breaks does."""
    with Cut(bucket.server.port, PART_BYTES + PART_BYTES // 2) as network:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{network.server_address[1]}")
        blobs = open_bucket(S3Target(bucket.name))
        with pytest.raises(RemoteUnavailable, match=f"cannot store {KEY}"):
            put(blobs, tmp_path, content=os.urandom(3 * PART_BYTES))
        network.shutdown()
    assert network.left <= 0
    assert (tmp_path / "source").stat().st_size == 3 * PART_BYTES
    assert bucket.keys() == []


def test_lists_of_several_pages_are_listed_whole_and_page_by_page(bucket: s3.Bucket, blobs: S3Blobs) -> None:
    keys = [f"videos/{number:05}/1.mp4" for number in range(PAGE_KEYS + 5)]
    for key in keys:
        bucket.api.put_object(Bucket=bucket.name, Key=f"of/ours/{key}", Body=b"x")
    bucket.api.put_object(Bucket=bucket.name, Key="of/ours/not a key", Body=b"x")
    listing = blobs.keys()
    first = [next(listing) for _ in range(3)]
    late = f"videos/{PAGE_KEYS + 1:05}/1.mp4"
    blobs.delete(late)
    seen = [*first, *listing]
    assert sorted(seen) == [key for key in keys if key != late], "the second page is read when it is needed"


# The links.


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("key", [KEY, "videos/A.b-c_d/2.webp"])
def test_it_is_what_amazons_own_client_signs_at_the_same_moment(
    bucket: s3.Bucket, blobs: S3Blobs, monkeypatch: pytest.MonkeyPatch, key: str, method: LinkMethod
) -> None:
    import botocore.auth

    ours = urlsplit(blobs.link(key, method, 1234))
    at = datetime.strptime(parse_qs(ours.query)["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: at)
    asked = {"GET": "get_object", "HEAD": "head_object"}[method], {"Bucket": bucket.name, "Key": f"of/ours/{key}"}
    theirs = urlsplit(bucket.api.generate_presigned_url(*asked, ExpiresIn=1234))
    assert ours._replace(query="") == theirs._replace(query="")
    assert parse_qs(ours.query) == parse_qs(theirs.query)
    signature = parse_qs(ours.query)["X-Amz-Signature"]
    assert len(signature[0]) == 64
    other = s3.client(bucket.server.endpoint, secret="another").generate_presigned_url(*asked, ExpiresIn=1234)
    assert signature != parse_qs(urlsplit(other).query)["X-Amz-Signature"]


def test_a_link_leads_to_the_bytes_by_get_and_range_and_head(blobs: S3Blobs, tmp_path: Path) -> None:
    put(blobs, tmp_path)
    link, head = blobs.link(KEY, "GET", 60), blobs.link(KEY, "HEAD", 60)
    with httpx.Client(trust_env=False) as http:
        whole = http.get(link)
        assert (whole.status_code, whole.content) == (200, CONTENT)
        assert whole.headers["content-type"] == "video/mp4"
        assert whole.headers["content-disposition"] == 'inline; filename="task-1.mp4"'
        part = http.get(link, headers={"Range": "bytes=3-9"})
        assert (part.status_code, part.content, part.headers["content-range"]) == (206, CONTENT[3:10], "bytes 3-9/2048")
        assert http.get(link, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
        asked = http.head(head)
        assert (asked.status_code, asked.headers["content-length"]) == (200, "2048")


def test_a_link_that_was_altered_expired_or_is_for_another_is_refused(
    blobs: S3Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(blobs, tmp_path)
    put(blobs, tmp_path, "videos/task-2/1.mp4", b"another")
    link, short = blobs.link(KEY, "GET", 60), blobs.link(KEY, "GET", 1)
    with httpx.Client(trust_env=False) as http:
        assert http.get(link).status_code == 200
        refused = {
            "another file": http.get(link.replace("task-1", "task-2")),
            "a longer life": http.get(link.replace("X-Amz-Expires=60", "X-Amz-Expires=600")),
            "a signature": http.get(re.sub("Signature=.", "Signature=g", link)),
            "another method": http.delete(link),
            "a write": http.put(link, content=b"x"),
            "HEAD with a link for GET": http.head(link),
            "no signature": http.get(link.partition("?")[0]),
        }
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not the secret")
        forged = open_bucket(S3Target("videos", "of/ours")).link(KEY, "GET", 60)
        refused["another secret"] = http.get(forged)
        for what, answer in refused.items():
            assert answer.status_code == 403, what
        until_refused(http, short)
        assert "expired" in http.get(short).text


def until_refused(http: httpx.Client, link: str) -> None:
    """Ask until the link's second is over."""
    while http.get(link).status_code == 200:
        pass


def test_no_link_lives_longer_than_s3_allows(blobs: S3Blobs) -> None:
    for asked, given in ((10 * LINK_SECONDS_MAX, LINK_SECONDS_MAX), (0, 1), (-5, 1)):
        assert parse_qs(urlsplit(blobs.link(KEY, "GET", asked)).query)["X-Amz-Expires"] == [str(given)]


class Relay(socketserver.BaseRequestHandler):
    """Passes on what it gets until the server's `left` is used up; then it loses this connection and every other."""

    def handle(self) -> None:
        """See Relay."""
        cut = self.server
        assert isinstance(cut, Cut)
        with socket.create_connection(("127.0.0.1", cut.to)) as upstream, contextlib.suppress(OSError):
            threading.Thread(target=copy, args=(upstream, self.request), daemon=True).start()
            while (data := self.request.recv(65536)) and cut.spend(len(data)):
                upstream.sendall(data)


class Cut(socketserver.ThreadingTCPServer):
    """A network that breaks after so many bytes, and stays broken."""

    daemon_threads = True

    def __init__(self, to: int, left: int) -> None:
        super().__init__(("127.0.0.1", 0), Relay)
        self.to, self.left = to, left
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def spend(self, size: int) -> bool:
        """Whether so many bytes still pass."""
        self.left -= size
        return self.left > 0


def copy(source: socket.socket, target: socket.socket) -> None:
    """Pass on what comes until one side has gone."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


# What is wrong is told in one line.


def refusal(bucket: str, prefix: str = "") -> str:
    with pytest.raises(SetupError) as refused:
        check_blobs(S3Target(bucket, prefix))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_bucket_that_can_be_used_passes_and_nothing_is_left_in_it(bucket: s3.Bucket) -> None:
    check_blobs(S3Target(bucket.name, "of/ours"))
    assert bucket.keys() == []


def test_a_bucket_that_is_not_there(bucket: s3.Bucket) -> None:
    said = refusal("no-such-bucket")
    assert said.startswith("blob_url (WANSERVE_BLOB_URL): the bucket no-such-bucket cannot be listed: 127.0.0.1:")
    assert said.endswith("404 NoSuchBucket: The specified bucket does not exist")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("READER", "cannot be written to: .* 403 AccessDenied"),
        ("WRITER", "cannot be listed: .* 403 AccessDenied"),
        ("NOBODY", "cannot be listed: .* 403 InvalidAccessKeyId"),
    ],
)
def test_a_key_that_may_not(bucket: s3.Bucket, monkeypatch: pytest.MonkeyPatch, name: str, says: str) -> None:
    bucket.enter(monkeypatch, name)
    said = refusal(bucket.name)
    assert re.search(says, said)
    assert name not in said
    assert bucket.keys() == []


def test_a_wrong_secret_is_told_and_not_shown(bucket: s3.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-wrong-secret")
    said = refusal(bucket.name)
    assert "403 SignatureDoesNotMatch" in said
    assert "a-wrong-secret" not in said


def test_a_server_that_is_not_there(bucket: s3.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = s3.free_ports(1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    assert refusal(bucket.name).endswith(f"cannot be listed: 127.0.0.1:{port}: Connection refused")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://no-such-host.invalid")
    assert "no-such-host.invalid: failed to lookup address" in refusal(bucket.name)


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT"])
@pytest.mark.parametrize("url", ["127.0.0.1:9000", "ftp://x", "http://", "http://me:my-secret@x", "", "http://x:99999"])
def test_an_endpoint_that_is_no_url(
    bucket: s3.Bucket, monkeypatch: pytest.MonkeyPatch, variable: str, url: str
) -> None:
    monkeypatch.setenv(variable, url)
    said = refusal(bucket.name)
    assert said.startswith(f"{variable}: must be http:// or https://")
    assert "my-secret" not in said


def test_a_variable_of_obstores_that_is_wrong(bucket: s3.Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "perhaps")
    assert "cannot be used" in refusal(bucket.name)


def test_a_certificate_that_nobody_trusts(bucket: s3.Bucket, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = tmp_path / "key", tmp_path / "certificate"
    subprocess.run(
        [
            needs.program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
            "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", files[0], "-out", files[1],
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[0])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=shake_hands, args=(listener, context), daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{listener.getsockname()[1]}")
        assert "its certificate is not trusted: " in refusal(bucket.name)


def shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Offer the certificate to whoever comes, until the listener is closed."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()


def test_what_goes_wrong_later_is_told_the_same_way(
    bucket: s3.Bucket, blobs: S3Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(blobs, tmp_path)
    file = blobs.locate(KEY)
    (port,) = s3.free_ports(1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    away = open_bucket(S3Target(bucket.name))
    calls: dict[str, Callable[[], object]] = {
        "cannot store": lambda: put(away, tmp_path),
        "cannot read": lambda: away.locate(KEY),
        "cannot delete": lambda: away.delete(KEY),
        "cannot list the files": lambda: list(away.keys()),
    }
    for what, call in calls.items():
        with pytest.raises(RemoteUnavailable, match=f"{what}.*127.0.0.1:{port}: Connection refused$"):
            call()
    assert (tmp_path / "source").read_bytes() == CONTENT
    assert file.read(0, 2) == CONTENT[:2], "the other one is still there"


def test_a_bucket_that_goes_away_is_not_taken_for_files_that_do(bucket: s3.Bucket, blobs: S3Blobs) -> None:
    """Its files may come back with it, and a sweep must not think that they were deleted."""
    gone = open_bucket(S3Target("gone"))
    with pytest.raises(RemoteUnavailable, match="404 NoSuchBucket"):
        list(gone.keys())
    with pytest.raises(RemoteUnavailable, match="404 NoSuchBucket"):
        gone.delete(KEY)
