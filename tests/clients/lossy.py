"""A network that carries a request to the server and loses the answer."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from tests.e2e.server import Server

CLOSED = b"Connection: close\r\n"


@dataclass(slots=True)
class Lossy:
    """Hands on each connection's only request; the first answer that is due is dropped with its connection."""

    listening: socket.socket
    to: tuple[str, int]
    requests: list[bytes] = field(default_factory=list)

    def serve(self) -> None:
        """Until the listening socket is shut."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listening.accept()
                with client:
                    self.carry(client)

    def carry(self, client: socket.socket) -> None:
        """One request there, and its answer back or not."""
        head, _, body = received(client).partition(b"\r\n\r\n")
        self.requests.append(head)
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        with socket.create_connection(self.to, timeout=60) as server:
            server.sendall(b"\r\n".join(lines) + b"\r\n" + CLOSED + b"\r\n" + body)
            answer = b"".join(iter(lambda: server.recv(65536), b""))
        if len(self.requests) > 1:
            client.sendall(answer)


def received(client: socket.socket) -> bytes:
    """A whole request, by its Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += client.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += client.recv(65536)
    return head + b"\r\n\r\n" + body


@contextlib.contextmanager
def lossy(server: Server) -> Iterator[tuple[Server, list[bytes]]]:
    """The server as it is seen through such a network, and the heads of the requests that came through."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        network = Lossy(listening, (host, int(port)))
        thread = threading.Thread(target=network.serve)
        thread.start()
        try:
            yield replace(server, url=f"http://127.0.0.1:{listening.getsockname()[1]}"), network.requests
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
