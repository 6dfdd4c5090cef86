"""What is asked about the server's health: without a key, so it must cost little however often it is asked."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
from starlette.routing import Router

from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.worker import WorkerHealth, WorkerRow
from wanserve.http.health import Health
from wanserve.http.ops import Ops


@dataclass
class CountedSubmit:
    """A store and metrics that count how often they are asked; the store is held up until `go` is set."""

    writes: int = 0
    pages: int = 0
    error: str = ""
    go: threading.Event = field(default_factory=threading.Event)

    def check_writable(self) -> None:
        self.writes += 1
        self.go.wait(60)
        if self.error:
            raise StoreUnavailable(self.error)

    def page(self, *, ready: bool, workers_ready: bool) -> bytes:
        self.pages += 1
        return f"ready {ready} {workers_ready}".encode()


def routes(
    counted: CountedSubmit, workers: list[WorkerHealth], *, stopping: bool = False, store_s: float = 60
) -> Router:
    rows = [WorkerRow("id", "here", "a-host", "cpu", (), "animatic", health=health) for health in workers]
    threads = ThreadPoolExecutor(3)
    health = Health(
        "animatic", "why", lambda: rows, counted.check_writable, lambda: stopping, lambda: "off", threads, store_s
    )
    return Router(Ops(health, counted.page, {}, threads).routes())


def asked(router: Router, *paths: str) -> list[httpx.Response]:
    """The answers to these paths, all asked at once."""

    async def ask() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(router), base_url="http://test") as http:
            return list(await asyncio.gather(*[http.get(path) for path in paths]))

    return asyncio.run(ask())


WELL = WorkerHealth(loaded=True, problem=None)
ILL = WorkerHealth(loaded=True, problem="the disk is full", unloadable={"large": "no weights"})


def test_many_who_ask_share_one_write_and_one_page() -> None:
    counted = CountedSubmit()
    counted.go.set()
    answers = asked(routes(counted, [WELL]), *["/readyz", "/metrics"] * 50)
    assert {answer.status_code for answer in answers} == {200}
    assert (counted.writes, counted.pages) == (1, 1)


def test_a_write_that_hangs_is_told_and_not_joined_by_others() -> None:
    counted = CountedSubmit()
    (answer,) = asked(routes(counted, [WELL], store_s=0.01), "/readyz")
    assert (answer.status_code, answer.json()["store"]) == (503, "the task table took no write for 0.01 s")
    counted.go.set()
    assert counted.writes == 1


def test_no_answer_may_be_cached() -> None:
    counted = CountedSubmit()
    counted.go.set()
    paths = ["/", "/healthz", "/readyz", "/readyz/workers", "/metrics", "/openapi.json", "/docs"]
    answers = asked(routes(counted, [WELL]), *paths)
    assert {answer.headers.get("cache-control") for answer in answers} == {"no-store"}


def test_each_question_has_its_own_answer() -> None:
    counted = CountedSubmit()
    counted.go.set()
    ready, workers, page = asked(routes(counted, [ILL]), "/readyz", "/readyz/workers", "/metrics")
    assert ready.status_code == 200, "a worker in trouble sends no request elsewhere"
    assert workers.status_code == 503
    assert workers.json()["workers"] == [
        {
            "host": "a-host",
            "device": "cpu",
            "engine": "animatic",
            "loaded": True,
            "problem": "the disk is full",
            "unloadable": {"large": "no weights"},
            "upstreams": {},
        }
    ]
    assert page.text == "ready True False"
    assert asked(routes(counted, [ILL, WELL]), "/readyz/workers")[0].status_code == 200
    assert asked(routes(counted, []), "/readyz/workers")[0].status_code == 503


def test_a_store_that_takes_no_write_and_a_stop_are_told_apart() -> None:
    counted = CountedSubmit(error="the disk is full")
    counted.go.set()
    (full,) = asked(routes(counted, [WELL]), "/readyz")
    assert (full.status_code, full.json()) == (
        503,
        {"status": "not ready", "store": "the disk is full", "moderation": "off"},
    )
    counted.error = ""
    stopping, workers, page = asked(routes(counted, [WELL], stopping=True), "/readyz", "/readyz/workers", "/metrics")
    assert (stopping.status_code, stopping.json()) == (503, {"status": "stopping", "store": "ok", "moderation": "off"})
    assert workers.status_code == 503
    assert page.text == "ready False False"
