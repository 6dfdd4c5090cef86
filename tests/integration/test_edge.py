"""The HTTP edge in this process, for what no test over the network can bring about at will."""

import asyncio
import json
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.samples import VIDEO
from wanserve.app import all_dialects, runners_of, streams_of
from wanserve.blobs.disk import DiskBlobs
from wanserve.blobs.links import LinkSigner
from wanserve.core import Core, open_core
from wanserve.domain.blobs import LocalFile
from wanserve.domain.errors import WanserveError
from wanserve.domain.rules import VideoRequest
from wanserve.http.body import MAX_DISCARDS, BodyBudget
from wanserve.http.dialects.base import Operation, Refusal
from wanserve.http.dialects.pixazo import Pixazo
from wanserve.http.endpoints import Endpoint
from wanserve.http.files import FileSender, SignedFileEndpoint, VideoLinks
from wanserve.http.middleware import ErrorMiddleware, application
from wanserve.http.origin import Origin
from wanserve.http.rates import Rates, TokenBuckets
from wanserve.http.runners import InThreads, Runners
from wanserve.settings import Settings

T = TypeVar("T")

SUBMIT = "/wan-video/v1/generateTextToVideoRequest"
DASH_SUBMIT = "/api/v1/services/aigc/video-generation/video-synthesis"
ENDPOINTS = [SUBMIT, "/wan-video-polling/getTextToVideoResult", DASH_SUBMIT, "/v1/videos", "/v1/videos/x/remix"]


@dataclass
class Client:
    """A client that sends its body in these chunks, and then nothing more."""

    chunks: Sequence[bytes] = ()
    taken: int = 0
    said: list[Message] = field(default_factory=list)
    silent: bool = False

    async def receive(self) -> Message:
        """The next chunk."""
        if self.taken == len(self.chunks):
            if self.silent:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}
        chunk = self.chunks[self.taken]
        self.taken += 1
        return {"type": "http.request", "body": chunk, "more_body": self.silent or self.taken < len(self.chunks)}

    async def send(self, message: Message) -> None:
        """Keep what is said."""
        self.said.append(message)

    @property
    def status(self) -> int:
        return int(self.said[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.said[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.said[1:])

    async def ask(self, app: ASGIApp, path: str, method: str = "POST", query: str = "", **headers: str) -> "Client":
        """Send one request."""
        scope = {
            "type": "http", "method": method, "path": path, "query_string": query.encode(), "scheme": "http",
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        await app(scope, self.receive, self.send)
        return self


async def advised() -> int:
    """The time between two polls that is recommended."""
    return 1000


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    opened = open_core(Settings(data_dir=tmp_path / "data"))
    yield opened
    opened.close()


def served(
    core: Core,
    bodies: BodyBudget,
    submit_rps: float = 1000,
    answers: Counter[tuple[str, int]] | None = None,
    runners: Runners | None = None,
) -> ASGIApp:
    dialects = all_dialects(1000)
    limiter = TokenBuckets(Rates(submit_rps, 1000), time.monotonic)
    signer, sender = LinkSigner(b"secret"), FileSender(DiskBlobs(Path("nowhere")))
    using = runners or runners_of(core)
    streams = streams_of(core, using, threading.Event())
    links = VideoLinks(signer, Origin(), 1000)
    endpoints = [
        Endpoint(one, each, core.tasks, core.webhooks, limiter, links, sender, bodies, using, advised, streams)
        for one in dialects
        for each in one.operations
    ]
    files = SignedFileEndpoint(signer, sender, lambda: 0, core.tasks, using.read)
    counted = Counter() if answers is None else answers
    return application(endpoints, [files.route()], dialects, lambda: "an-id", counted, Origin())


def key_headers(key: str) -> dict[str, str]:
    return {"ocp_apim_subscription_key": key, "authorization": f"Bearer {key}", "x_dashscope_async": "enable"}


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("credential", [{}, key_headers("sk-wrong")], ids=["no key", "wrong key"])
def test_without_a_key_the_answer_comes_before_the_body_and_nothing_is_kept(
    core: Core, path: str, credential: dict[str, str]
) -> None:
    bodies = BodyBudget()
    client = Client([b"x" * 1000] * 20, silent=True)
    heard_after: list[int] = []
    send = client.send

    async def noting(message: Message) -> None:
        heard_after.append(client.taken)
        await send(message)

    client.send = noting  # type: ignore[method-assign]
    asyncio.run(client.ask(served(core, bodies), path, content_length="100000", **credential))
    assert client.status == 401
    # Status and all but the last byte are out before anything is read; then what comes is thrown away.
    assert heard_after[:2] == [0, 0]
    assert client.taken == 20
    assert json.loads(client.body)
    assert bodies.used == 0


def test_few_refused_bodies_are_read_at_a_time_and_the_others_are_answered_all_the_same(core: Core) -> None:
    clients = [Client([b"x" * 1000], silent=True) for _ in range(MAX_DISCARDS + 8)]
    app = served(core, BodyBudget())

    async def crowd() -> None:
        await asyncio.gather(*(client.ask(app, SUBMIT, content_length="100000") for client in clients))

    asyncio.run(crowd())
    assert {client.status for client in clients} == {401}
    assert all(json.loads(client.body) for client in clients)
    assert sum(client.taken for client in clients) == MAX_DISCARDS


@pytest.mark.parametrize("path", [SUBMIT, DASH_SUBMIT, "/v1/videos"])
def test_bodies_in_flight_are_bounded_for_all_and_for_each_account(core: Core, path: str) -> None:
    bodies = BodyBudget(total=30_000, per_account=20_000)
    app = served(core, bodies)
    keys = {name: key_headers(core.keys.create(name, name)) for name in ("ann", "bob", "eve")}

    async def crowd() -> list[Client]:
        """Clients that have sent a part of their body and pause."""
        clients = [Client([b"x" * 10_000], silent=True) for _ in range(3)]
        waiting = [
            asyncio.create_task(client.ask(app, path, content_length="99999", **keys[name]))
            for client, name in zip(clients, ("ann", "ann", "bob"), strict=True)
        ]
        while bodies.used < 30_000:  # noqa: ASYNC110  # it is other coroutines of this loop that are waited for
            await asyncio.sleep(0)
        late = [
            await Client([b"x" * 5_000]).ask(app, path, content_length="5000", **keys[name]) for name in ("ann", "eve")
        ]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return late

    for refused in asyncio.run(crowd()):
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert refused.headers["content-type"] == "application/json"
    assert bodies.used == 0
    again = asyncio.run(Client([b"{}"]).ask(app, path, content_length="2", **keys["ann"]))
    assert again.status == 400
    assert bodies.used == 0


def test_a_query_is_refused_by_its_length_and_number_before_it_is_parsed(core: Core) -> None:
    app = served(core, BodyBudget())
    for path, method in ((SUBMIT, "POST"), ("/api/v1/tasks", "GET"), ("/v1/videos", "GET"), ("/files/x", "GET")):
        for query in ("a=" + "b" * 8200, "&".join("a=b" for _ in range(101))):
            said = asyncio.run(Client().ask(app, path, method, query))
            assert said.status == 400
            assert b"query" in said.body
        short = asyncio.run(Client().ask(app, path, method, "&".join("a=b" for _ in range(100))))
        assert short.status in (401, 403)


def test_a_submit_that_cannot_be_read_counts_as_one(core: Core) -> None:
    app = served(core, BodyBudget(), submit_rps=0.001)
    key = key_headers(core.keys.create("one", "ann"))
    statuses = [asyncio.run(Client([b"{"]).ask(app, SUBMIT, content_length="1", **key)).status for _ in range(2)]
    assert statuses == [400, 429]


def test_every_answer_is_counted_whatever_it_is(core: Core) -> None:
    answers: Counter[tuple[str, int]] = Counter()
    app = served(core, BodyBudget(), answers=answers)
    methods, paths = ["GET", "POST", "OPTIONS", "BREW"], [*ENDPOINTS, "/files/x", "/nothing", "", "*", "/\ud800"]
    for method in methods:
        for path in paths:
            asyncio.run(Client().ask(app, path, method))
    preflight = {"origin": "https://app.example", "access_control_request_method": "POST"}
    asyncio.run(Client().ask(app, SUBMIT, "OPTIONS", **preflight))
    asyncio.run(Client().ask(app, SUBMIT, "GET", host="a b"))
    assert answers.total() == len(methods) * len(paths) + 2
    assert {dialect for dialect, _ in answers} == {"pixazo", "dashscope", "openai", "wanserve"}
    assert all(status < 500 for _, status in answers)


class Broken:
    """A dialect that cannot even refuse."""

    name: ClassVar[str] = "broken"
    prefixes: ClassVar[Sequence[str]] = ("/",)

    def refuse(self, error: WanserveError, request_id: str, operation: Operation | None) -> Refusal:
        raise RuntimeError("a fault in the last handler")


def test_where_the_refusal_itself_fails_a_fixed_answer_goes_out_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("a fault")

    answers: Counter[tuple[str, int]] = Counter()
    app = ErrorMiddleware(nothing, [Broken()], lambda: "an-id", answers)  # type: ignore[list-item]  # it is broken
    with caplog.at_level(logging.ERROR):
        said = asyncio.run(Client().ask(app, "/x", "GET"))
    body: dict[str, Any] = json.loads(said.body)
    assert (said.status, body["code"], body["request_id"]) == (500, "InternalError", "an-id")
    assert said.headers["access-control-allow-origin"] == "*"
    assert said.headers["x-request-id"] == "an-id"
    assert answers == {("broken", 500): 1}
    assert "a fault in the last handler" in caplog.text


@dataclass(frozen=True)
class Vanishing(DiskBlobs):
    """A store whose file is deleted between the look-up and the opening."""

    def locate(self, key: str) -> LocalFile:
        found = super().locate(key)
        found.path.unlink()
        return found


@pytest.mark.parametrize("by", ["link", "content"])
def test_a_file_that_is_deleted_while_it_is_looked_up_is_404_in_shape(core: Core, tmp_path: Path, by: str) -> None:
    key = core.keys.create("one", "ann")
    task = core.tasks.submit(core.keys.owner(key), VideoRequest("wan2.2-t2v-plus", "a cat")).result()
    claimed = core.tasks.claim("worker", ["wan2.2-t2v-plus"])
    assert claimed is not None
    stored = f"videos/{task.id}/1.mp4"
    core.tasks.succeed(claimed, VIDEO.__class__(stored, 3, "animatic"))
    file = tmp_path / stored
    file.parent.mkdir(parents=True)
    file.write_bytes(b"mp4")
    dialects, signer, sender = (
        all_dialects(1000),
        LinkSigner(b"secret"),
        FileSender(Vanishing(tmp_path)),
    )
    limiter = TokenBuckets(Rates(1000, 1000), time.monotonic)
    links = VideoLinks(signer, Origin(), 1000)
    streams = streams_of(core, runners_of(core), threading.Event())
    endpoints = [
        Endpoint(
            one,
            each,
            core.tasks,
            core.webhooks,
            limiter,
            links,
            sender,
            BodyBudget(),
            runners_of(core),
            advised,
            streams,
        )
        for one in dialects
        for each in one.operations
    ]
    files = SignedFileEndpoint(signer, sender, lambda: 0, core.tasks, runners_of(core).read)
    app = application(endpoints, [files.route()], dialects, lambda: "an-id", Counter(), Origin())
    path, query = f"/v1/videos/video_{task.id.replace('-', '')}/content", ""
    if by == "link":
        path, query = f"/files/{stored}", signer.query(stored, 10**9)
    said = asyncio.run(Client().ask(app, path, "GET", query, **key_headers(key)))
    assert (said.status, said.headers["content-type"]) == (404, "application/json")


def test_a_proxy_with_tls_and_no_public_url_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def asked(public_url: str | None, **headers: str) -> int:
        caplog.clear()
        app = ErrorMiddleware(nothing, [Pixazo()], lambda: "an-id", Counter(), Origin(public_url))
        for _ in range(3):
            asyncio.run(Client().ask(app, "/x", "GET", **headers))
        return caplog.text.count("WANSERVE_PUBLIC_URL")

    assert asked(None, x_forwarded_proto="https") == 1
    assert asked(None, x_forwarded_proto="HTTPS, http") == 1
    assert asked(None, forwarded="for=1.2.3.4;proto=https") == 1
    assert asked(None, x_forwarded_proto="http") == 0
    assert asked("https://video.example", x_forwarded_proto="https") == 0


def test_cancels_and_deletes_do_not_wait_behind_lists(core: Core) -> None:
    """The only thread for lists is busy; all else is answered."""
    headers = key_headers(core.keys.create("ann", "ann"))
    key = core.keys.owner(headers["ocp_apim_subscription_key"])
    task = core.tasks.submit(key, VideoRequest("wan2.2-t2v-plus", "a cat")).result(10)
    busy = threading.Event()
    lists = ThreadPoolExecutor(1)
    held = lists.submit(busy.wait, 60)
    app = served(core, BodyBudget(), runners=replace(runners_of(core), list=InThreads(lists)))

    async def ask() -> list[int]:
        lists = [asyncio.create_task(Client([]).ask(app, "/v1/videos", "GET", **headers)) for _ in range(20)]
        canceled = await Client([b""]).ask(app, f"/api/v1/tasks/{task.id}/cancel", **headers)
        video = f"/v1/videos/video_{task.id.replace('-', '')}"
        deleted = await Client([]).ask(app, video, "DELETE", **headers)
        assert not any(each.done() for each in lists)
        busy.set()
        return [canceled.status, deleted.status, *[(await each).status for each in lists]]

    assert asyncio.run(ask()) == [200] * 22
    assert held.result(10)


def test_what_reads_the_table_for_a_file_or_a_refused_submit_runs_where_reads_run(core: Core) -> None:
    """On the event loop a table that does not answer would hold up every other request."""
    read: list[str] = []

    async def noted(call: Callable[[], T], /) -> T:
        read.append(str(getattr(call, "func", call)))
        return call()

    headers = key_headers(core.keys.create("ann", "ann"))
    app = served(core, BodyBudget(), submit_rps=0.001, runners=replace(runners_of(core), read=noted))
    signed = LinkSigner(b"secret").query("videos/none/1.mp4", 10**9)

    async def ask() -> list[int]:
        body = b'{"model": "wan2.2-t2v-plus", "prompt": "a cat"}'
        counted = {**headers, "x_stainless_retry_count": "1", "content_type": "application/json"}
        first = await Client([body]).ask(app, "/v1/videos", **counted)
        second = await Client([body]).ask(app, "/v1/videos", **counted)
        file = await Client().ask(app, "/files/videos/none/1.mp4", "GET", signed)
        return [first.status, second.status, file.status]

    assert asyncio.run(ask()) == [200, 429, 404]
    assert [sum(name in call for call in read) for name in ("submit", "note_refused", "owner_of_file")] == [1, 1, 1]
