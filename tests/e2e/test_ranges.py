"""Ranges and conditions over the network, wherever a file is served: RFC 9110, sections 13 and 14."""

import re
from collections.abc import Callable, Iterator
from email.utils import formatdate, parsedate_to_datetime

import pytest

from tests.e2e.raw import Said, ask
from tests.e2e.server import Server, running


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server with a video, and the targets of each kind of file that it serves."""
    with running(tmp_path_factory.mktemp("ranges") / "data", submit_rps="1000", query_rps="10000") as server:
        task_id = server.submit("a file")
        link = str(server.wait(task_id, "SUCCEEDED")["video_url"]).removeprefix(server.url)
        content = f"/v1/videos/video_{task_id.replace('-', '')}/content"
        yield server, {"link": link, "content": content, "static": "/docs/static/swagger-ui.css"}


@pytest.fixture(params=["link", "content", "static"])
def get(request: pytest.FixtureRequest, one: tuple[Server, dict[str, str]]) -> Callable[..., Said]:
    """Asks for one of the files with these headers."""
    server, targets = one

    def asked(*headers: tuple[str, str], method: str = "GET") -> Said:
        return ask(server, method, targets[request.param], ("Authorization", f"Bearer {server.key}"), *headers)

    return asked


@pytest.mark.parametrize(
    "wanted",
    [
        "lines=0-1", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "bytes=5-4", "bytes=0-1,x", "bytes=0-1,9-8", "bytes=--1",
        "bytes=+1-2", "bytes=1_0-20", "bytes=0x1-0x2", "bytes=1.0-2", "bytes=0-1;2-3", "bytes 0-1", "0-1", "bytes=,", "",
        "bytes=" + ",".join(f"{at}-{at}" for at in range(0, 400, 2)), "bytes=\xb2-3", "none", "bytes=0 -1",
    ],
)  # fmt: skip
def test_what_is_no_range_of_bytes_is_passed_over(get: Callable[..., Said], wanted: str) -> None:
    whole, said = get(), get(("Range", wanted))
    assert (said.status, said.body) == (200, whole.body)
    assert said.headers["content-length"] == str(len(whole.body))


@pytest.mark.parametrize(
    ("wanted", "begin", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=4-7", 4, 8),
        ("Bytes=4-7", 4, 8),
        ("bytes=-5", -5, None),
        ("bytes=10-", 10, None),
        ("bytes=10-99999999999999999999999999", 10, None),
        ("bytes=-99999999999999999999999999", 0, None),
        ("bytes=000000000000000000000000000001-02", 1, 3),
        ("bytes= 1-2", 1, 3),
        ("bytes=,1-2,", 1, 3),
        ("bytes=1-2,999999999-", 1, 3),
        ("bytes=1-5,3-9", 1, 10),
    ],
)
def test_one_range_is_sent_as_it_is(get: Callable[..., Said], wanted: str, begin: int, end: int | None) -> None:
    whole, said = get(), get(("Range", wanted))
    assert (said.status, said.body) == (206, whole.body[begin:end])
    size = len(whole.body)
    first = begin % size
    assert said.headers["content-range"] == f"bytes {first}-{first + len(said.body) - 1}/{size}"
    assert said.headers["etag"] == whole.headers["etag"]


def test_several_ranges_come_as_parts_each_with_its_place(get: Callable[..., Said]) -> None:
    whole, said = get(), get(("Range", "bytes=100-109,-3,0-4"))
    assert said.status == 206
    assert said.headers["content-length"] == str(len(said.body))
    assert "content-range" not in said.headers
    boundary = re.findall("^multipart/byteranges; boundary=(.+)$", said.headers["content-type"])[0].encode()
    size, found = len(whole.body), []
    start, *parts, end = said.body.split(b"--" + boundary)
    assert (start, end) == (b"", b"--\r\n")
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        place = re.findall(rb"Content-Range: bytes (\d+)-(\d+)/(\d+)", head)[0]
        assert content == whole.body[int(place[0]) : int(place[1]) + 1] + b"\r\n"
        assert f"Content-Type: {whole.headers['content-type']}".encode() in head
        found.append(tuple(map(int, place)))
    assert found == [(100, 109, size), (size - 3, size - 1, size), (0, 4, size)]


@pytest.mark.parametrize(
    "wanted", ["bytes=999999999-", "bytes=-0", "bytes=999999999-,-0", "bytes=99999999999999999999999999-"]
)
def test_ranges_outside_of_the_file_are_416_in_json_with_its_size(get: Callable[..., Said], wanted: str) -> None:
    size = len(get().body)
    said = get(("Range", wanted))
    assert said.status == 416
    assert said.headers["content-range"] == f"bytes */{size}"
    assert said.headers["content-type"] == "application/json"
    assert said.json
    # A range is for GET alone.
    assert get(("Range", wanted), method="HEAD").status == 200


def test_a_head_tells_the_whole_file_and_sends_nothing(get: Callable[..., Said]) -> None:
    whole, said = get(), get(("Range", "bytes=0-1"), method="HEAD")
    assert (said.status, said.body) == (200, b"")
    of_file = ("content-length", "content-type", "etag", "accept-ranges", "last-modified")
    assert [said.headers[name] for name in of_file] == [whole.headers[name] for name in of_file]


def test_a_version_that_the_client_has_is_not_sent_again(get: Callable[..., Said]) -> None:
    whole = get()
    tag, modified = whole.headers["etag"], whole.headers["last-modified"]
    before = formatdate(parsedate_to_datetime(modified).timestamp() - 1, usegmt=True)
    for had in (tag, f"W/{tag}", "*", f'"other", {tag}', f'"a,b" , W/{tag},"c"', f'W/"x",{tag}'):
        for method in ("GET", "HEAD"):
            said = get(("If-None-Match", had), ("Range", "bytes=0-1"), method=method)
            assert (said.status, said.body) == (304, b""), had
            assert said.headers["etag"] == tag
    for other in ('"other"', f"x{tag[1:-1]}", tag[1:-1], "", 'W/"*"', '"*"'):
        assert get(("If-None-Match", other)).status == 200, other
    assert get(("If-None-Match", '"other"'), ("If-None-Match", tag)).status == 304
    assert get(("If-Modified-Since", modified)).status == 304
    assert get(("If-Modified-Since", before)).status == 200
    assert get(("If-Modified-Since", "yesterday")).status == 200
    # The tag says more than the date.
    assert get(("If-None-Match", '"other"'), ("If-Modified-Since", modified)).status == 200


def test_a_range_of_another_version_is_the_whole_file(get: Callable[..., Said]) -> None:
    whole = get()
    tag, modified, part = whole.headers["etag"], whole.headers["last-modified"], ("Range", "bytes=1-2")
    for same in (tag, modified):
        assert get(part, ("If-Range", same)).status == 206
    for other in (f"W/{tag}", '"other"', "Mon, 01 Jan 2024 00:00:00 GMT", "*", "", tag[1:-1]):
        assert get(part, ("If-Range", other)).status == 200, other


def test_a_client_that_wants_another_version_is_told_so(get: Callable[..., Said]) -> None:
    whole = get()
    tag, modified = whole.headers["etag"], whole.headers["last-modified"]
    before = formatdate(parsedate_to_datetime(modified).timestamp() - 1, usegmt=True)
    for wanted in (tag, "*", f'"other",{tag}'):
        assert get(("If-Match", wanted)).status == 200
    for refused in (("If-Match", '"other"'), ("If-Match", f"W/{tag}"), ("If-Unmodified-Since", before)):
        said = get(refused)
        assert said.status == 412
        assert said.headers["content-type"] == "application/json"
    assert get(("If-Unmodified-Since", modified)).status == 200
