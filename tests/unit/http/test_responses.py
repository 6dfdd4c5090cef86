"""Answers: JSON that nobody caches, and files with their conditions and ranges, as bytes on the wire."""

import asyncio
import os
import re
from email import message_from_bytes
from pathlib import Path

import pytest
from starlette.types import Message, Scope

from wanserve.domain.errors import BlobNotFound
from wanserve.http.ranges import PreconditionFailed, RangeNotSatisfiable
from wanserve.http.responses import CHUNK_BYTES, open_file, send_file, send_json

CONTENT = bytes(range(256)) * 4
ETAG = '"a-tag"'


class Sent:
    """What was sent: the status, the headers by name, and the body."""

    def __init__(self, messages: list[Message]) -> None:
        start, *bodies = messages
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.names = [name.decode() for name, _ in start["headers"]]
        self.body = b"".join(body.get("body", b"") for body in bodies)
        self.parts = len(bodies)
        self.complete = not bodies[-1].get("more_body", False)


def fetched(file: Path, method: str = "GET", **headers: str) -> Sent:
    messages: list[Message] = []
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {"type": "http", "method": method, "headers": raw}

    async def send(message: Message) -> None:
        messages.append(message)

    async def run() -> None:
        with open_file(file) as descriptor:
            await send_file(descriptor, ETAG, "video/mp4", scope, send, [("X-More", "yes")])

    asyncio.run(run())
    return Sent(messages)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    path.write_bytes(CONTENT)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


def test_json_has_its_length_and_is_not_cached() -> None:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    asyncio.run(send_json(send, 404, {"text": "猫", "none": None}, [("Retry-After", "5")]))
    sent = Sent(messages)
    assert (sent.status, sent.body.decode()) == (404, '{"text":"猫","none":null}')
    assert sent.headers == {
        "content-type": "application/json",
        "content-length": str(len(sent.body)),
        "cache-control": "no-store",
        "retry-after": "5",
    }


def test_a_whole_file_comes_with_what_a_player_needs(file: Path) -> None:
    sent = fetched(file)
    assert (sent.status, sent.body, sent.complete) == (200, CONTENT, True)
    assert sent.headers["content-length"] == str(len(CONTENT))
    assert sent.headers["etag"] == ETAG
    assert sent.headers["last-modified"] == "Sun, 09 Sep 2001 01:46:40 GMT"
    assert sent.headers["accept-ranges"] == "bytes"
    assert sent.headers["x-more"] == "yes"
    assert len(sent.names) == len(set(sent.names))


def test_head_has_the_headers_of_the_whole_file_and_no_body(file: Path) -> None:
    whole, head = fetched(file), fetched(file, "HEAD", range="bytes=0-9")
    assert (head.status, head.body, head.complete) == (200, b"", True)
    assert head.headers == whole.headers


def test_a_large_file_is_sent_in_chunks(tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    large.write_bytes(os.urandom(3 * CHUNK_BYTES + 1))
    sent = fetched(large)
    assert sent.body == large.read_bytes()
    assert sent.parts >= 4


@pytest.mark.parametrize(("asked", "first", "end"), [("0-9", 0, 10), ("1000-", 1000, 1024), ("-24", 1000, 1024)])
def test_one_range_is_a_part_with_its_place(file: Path, asked: str, first: int, end: int) -> None:
    sent = fetched(file, range=f"bytes={asked}")
    assert (sent.status, sent.body) == (206, CONTENT[first:end])
    assert sent.headers["content-range"] == f"bytes {first}-{end - 1}/1024"
    assert sent.headers["content-length"] == str(end - first)


def test_several_ranges_are_a_message_of_several_parts(file: Path) -> None:
    sent = fetched(file, range="bytes=0-3, 100-103, -2")
    assert sent.status == 206
    assert sent.headers["content-length"] == str(len(sent.body))
    kind = sent.headers["content-type"]
    assert re.fullmatch(r"multipart/byteranges; boundary=\S+", kind)
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + sent.body)
    parts = message.get_payload()
    assert isinstance(parts, list)
    found = [(part["Content-Range"], part["Content-Type"]) for part in parts]  # type: ignore[index]
    places = ["bytes 0-3/1024", "bytes 100-103/1024", "bytes 1022-1023/1024"]
    assert found == [(place, "video/mp4") for place in places]


def test_conditions_come_before_ranges(file: Path) -> None:
    unchanged = fetched(file, if_none_match=ETAG, range="bytes=0-9")
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert "content-length" not in unchanged.headers
    assert unchanged.headers["etag"] == ETAG
    with pytest.raises(PreconditionFailed):
        fetched(file, if_match='"other"', range="bytes=0-9")
    with pytest.raises(RangeNotSatisfiable):
        fetched(file, range="bytes=5000-")


def test_a_file_that_is_deleted_once_it_is_open_is_sent_whole(file: Path) -> None:
    with open_file(file) as descriptor:
        file.unlink()
        assert os.pread(descriptor.descriptor, 4, 0) == CONTENT[:4]
    with pytest.raises(BlobNotFound), open_file(file):
        pass


def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    fifo = tmp_path / "folder"
    fifo.mkdir()
    for path in (fifo, fifo / "nothing", tmp_path / "none" / "nothing"):
        with pytest.raises(BlobNotFound), open_file(path):
            pass
