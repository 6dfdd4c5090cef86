"""The HTTP server with clients that take their time: each has its time, and its connection is closed after it."""

import asyncio
import gc
import resource
import socket
import subprocess
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from starlette.types import Message, Receive, Scope, Send

from wanserve.domain.errors import InvalidRequest, SetupError
from wanserve.http.dialects.pixazo import Pixazo
from wanserve.http.listener import (
    MAX_CONNECTIONS,
    RESERVED_FILES,
    ConnectionTimeouts,
    bind_socket,
    connection_limit,
    serve_app,
    start_listening,
)
from wanserve.http.middleware import ErrorMiddleware

SHORT = ConnectionTimeouts(head_s=1, unread_s=1)
NARROW = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 1024))
from wanserve.http.listener import connection_limit
print(connection_limit(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""
CHUNK = b"x" * 65536


class Generous:
    """An application that answers more than any buffer holds, and tells how far it is."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.ended = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        self.begun.set()
        try:
            for _ in range(1000):
                await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
        finally:
            self.ended.set()


@contextmanager
def listening(app: Generous) -> Iterator[tuple[str, int]]:
    """The application on a free port, in a thread, with little patience."""
    bound = bind_socket("127.0.0.1", 0, SHORT)
    start_listening(bound)
    address = bound.getsockname()
    done = threading.Event()

    async def until() -> float:
        await asyncio.to_thread(done.wait)
        return 10.0

    thread = threading.Thread(target=lambda: asyncio.run(serve_app(app, bound, until, SHORT)))
    thread.start()
    try:
        # The kernel accepts connections already, whether Granian runs yet or not.
        yield address
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: a"])
def test_a_head_that_does_not_come_ends_its_connection(sent: bytes) -> None:
    with listening(Generous()) as address, closing(socket.create_connection(address, timeout=20)) as client:
        client.sendall(sent)
        assert client.recv(1000) == b""


def test_a_client_that_reads_nothing_of_its_answer_is_let_go() -> None:
    app = Generous()
    with listening(app) as address, closing(socket.socket()) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(address)
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert app.begun.wait(30)
        assert app.ended.wait(60)


def test_of_two_sockets_that_are_bound_to_one_port_the_second_to_listen_is_told_plainly() -> None:
    with bind_socket("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with bind_socket("127.0.0.1", port) as second:
            assert start_listening(first) == f"http://127.0.0.1:{port}"
            with pytest.raises(SetupError, match=f"port {port} of 127.0.0.1 is taken"):
                start_listening(second)
        with pytest.raises(SetupError, match=f"port {port} of 127.0.0.1 is taken"):
            bind_socket("127.0.0.1", port)


def test_a_url_has_an_ipv6_address_in_brackets() -> None:
    with bind_socket("::1", 0) as bound:
        assert start_listening(bound) == f"http://[::1]:{bound.getsockname()[1]}"


def test_a_host_that_is_unknown_stops_the_start() -> None:
    with pytest.raises(SetupError, match=r"cannot listen at no\.such\.host\.invalid port 80"):
        bind_socket("no.such.host.invalid", 80)


def test_a_flood_of_connections_leaves_descriptors_for_all_else() -> None:
    """In a process of its own, whose limit is that of many shells and services."""
    told = subprocess.run(
        [sys.executable, "-c", NARROW],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == [str(1024 - RESERVED_FILES), "1024", "1024"]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = connection_limit()
    assert room == min(MAX_CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVED_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Body:
    """What a server gives an application to read with; a connection lives as long as this does."""

    async def __call__(self) -> Message:
        raise InvalidRequest("body", "did not come")


def test_a_refusal_holds_its_connection_no_longer_than_it_takes() -> None:
    """The collector of cycles may be minutes away on an idle server."""
    answers: list[Message] = []

    async def reading(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    async def send(message: Message) -> None:
        answers.append(message)

    gc.disable()
    try:
        body = Body()
        seen = weakref.ref(body)
        scope: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}
        asyncio.run(ErrorMiddleware(reading, [Pixazo()], lambda: "an-id", Counter())(scope, body, send))
        del body
        assert seen() is None
    finally:
        gc.enable()
    assert answers[0]["status"] == 400
