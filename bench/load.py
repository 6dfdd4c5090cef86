"""The load: sends ready-made requests over keep-alive connections, from a process of its own, and counts the answers.

One thread and one epoll, nothing parsed but where an answer ends, so that it is much faster than any server measured.
"""

import json
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from bench.processes import HOST, environment

SILENCE_SECONDS: Final = 10.0
"""A server that answers nothing for so long is broken."""

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """What to send: connection i sends `requests[i % len(requests)]` again and again.

    Ends after `seconds`, or after `count` answers if they come sooner. The requests are latin-1 text.
    """

    port: int
    requests: Sequence[str]
    connections: int
    seconds: float
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """How many 200s came, in how many seconds."""

    count: int
    seconds: float

    @property
    def per_second(self) -> float:
        """The rate."""
        return round(self.count / self.seconds, 1)


def drive(load: Load) -> Answered:
    """Send the load from another process, and wait until it ends. Raises CalledProcessError where an answer is no 200."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(asdict(load)),
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=load.seconds + 60,
    )
    return Answered(**json.loads(done.stdout))


def post(path: str, body: bytes, headers: dict[str, str]) -> str:
    """A whole POST of JSON, as bytes in latin-1."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {HOST}", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items())])
    return f"{head}\r\n\r\n" + body.decode("latin-1")


def get(path: str, headers: dict[str, str]) -> str:
    """A whole GET."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {HOST}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines) + "\r\n\r\n"


def answer_end(received: bytes) -> int | None:
    """Where the answer ends that `received` begins with, or None while its head is not whole.

    Raises RuntimeError where it is no 200, or does not tell its length.
    """
    head_end = received.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    length = _LENGTH.search(received, 0, head_end + 2)
    if not received.startswith(b"HTTP/1.1 200 ") or length is None:
        raise RuntimeError(f"not the answer that was expected: {received[:500]!r}")
    return head_end + 4 + int(length[1])


def send(load: Load) -> Answered:
    """Send the load from this process. Raises RuntimeError where an answer is no 200, or none comes any more."""
    requests = [text.encode("latin-1") for text in load.requests]
    poller = select.epoll()
    lanes: dict[int, tuple[socket.socket, bytes]] = {}
    for index in range(load.connections):
        connection = socket.create_connection((HOST, load.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poller.register(connection, select.EPOLLIN)
        lanes[connection.fileno()] = connection, requests[index % len(requests)]
    try:
        return _pump(poller, lanes, load)
    finally:
        for connection, _ in lanes.values():
            connection.close()


def _pump(poller: select.epoll, lanes: dict[int, tuple[socket.socket, bytes]], load: Load) -> Answered:
    most = sys.maxsize if load.count is None else load.count
    begun: dict[int, bytes] = {}
    count = 0
    start = time.perf_counter()
    for connection, request in lanes.values():
        connection.sendall(request)
    while count < most and time.perf_counter() - start < load.seconds:
        ready = poller.poll(SILENCE_SECONDS)
        if not ready:
            raise RuntimeError(f"no answer for {SILENCE_SECONDS:g} s")
        for descriptor, _ in ready:
            connection, request = lanes[descriptor]
            piece = connection.recv(65536)
            if not piece:
                raise RuntimeError("the server closed a connection")
            received = begun.pop(descriptor, b"") + piece
            end = answer_end(received)
            if end is None or len(received) < end:
                begun[descriptor] = received
                continue
            count += 1
            connection.sendall(request)
    return Answered(count, time.perf_counter() - start)


if __name__ == "__main__":
    print(json.dumps(asdict(send(Load(**json.load(sys.stdin))))))
