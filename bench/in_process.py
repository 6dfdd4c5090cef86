"""The CPU time of one request inside the ASGI application alone: no HTTP server, no socket, no second thread."""

import asyncio
import time
from pathlib import Path
from statistics import median
from typing import Any

from starlette.types import ASGIApp

from bench.samples import UNLIMITED
from wanserve.app import build
from wanserve.core import open_core
from wanserve.models.availability import find_availability
from wanserve.models.catalogue import Served
from wanserve.prompts.moderation import Moderation
from wanserve.settings import Settings

ROUNDS = 7
REQUESTS = 3000


def post_cpu_us(data_dir: Path, path: str, body: bytes, headers: dict[str, str]) -> float:
    """The microseconds of one POST that is answered with 200: the median of some rounds, after one that warms it up."""
    settings = Settings(data_dir=data_dir, query_rps=UNLIMITED)
    availability = find_availability(settings)
    core = open_core(settings, Served(availability.cards, frozenset({availability.engine})), owner=True)
    try:
        app = build(settings, core, availability, with_worker=False, moderation=Moderation()).app
        return asyncio.run(_measure(app, path, body, headers))
    finally:
        core.close()


async def _measure(app: ASGIApp, path: str, body: bytes, headers: dict[str, str]) -> float:
    sent = {"host": "127.0.0.1", "content-length": str(len(body)), **headers}
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "root_path": "",
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200, "each request is answered"

    rounds = []
    for _ in range(ROUNDS + 1):
        begun = time.process_time()
        for _ in range(REQUESTS):
            await app(dict(scope), receive, send)
        rounds.append((time.process_time() - begun) / REQUESTS * 1e6)
    return round(median(rounds[1:]), 1)
