"""A bare Starlette route that answers given bytes, on the very HTTP server that carries wanserve.

Run as `python -m bench.bare --answer FILE --port N`; the file holds the body to answer.
"""

import argparse
import asyncio
import signal
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bench.processes import HOST
from wanserve.http.listener import bind_socket, serve_app, start_listening

HEADERS = {"cache-control": "no-store", "x-request-id": "00000000-0000-4000-8000-000000000000"}
"""Like ours, so that both send as many bytes."""


def application(answer: bytes) -> ASGIApp:
    """POST to `/read` reads the request's body and answers, POST to `/unread` answers without; GET of `/` is empty."""

    async def read(request: Request) -> Response:
        await request.body()
        return Response(answer, headers=HEADERS, media_type="application/json")

    async def unread(request: Request) -> Response:  # noqa: ARG001  # Starlette sets the signature
        return Response(answer, headers=HEADERS, media_type="application/json")

    async def ready(request: Request) -> Response:  # noqa: ARG001
        return Response()

    posts = [Route("/read", read, methods=["POST"]), Route("/unread", unread, methods=["POST"])]
    return Starlette(routes=[*posts, Route("/", ready)])


async def serve(answer: bytes, port: int) -> None:
    """Serve until SIGTERM."""
    asked = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked.set)

    async def until() -> float:
        await asked.wait()
        return 0.0

    listening = bind_socket(HOST, port)
    start_listening(listening)
    await serve_app(application(answer), listening, until)


def main() -> None:
    """Serve as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--answer", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.answer.read_bytes(), arguments.port))


if __name__ == "__main__":
    main()
