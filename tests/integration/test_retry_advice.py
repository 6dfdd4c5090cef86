"""Whether an error may be answered by another submit: not once a task was stored that it would make again."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp

from tests.samples import VIDEO
from wanserve.app import runners_of, streams_of
from wanserve.blobs.disk import DiskBlobs
from wanserve.blobs.links import LinkSigner
from wanserve.core import Core, open_core
from wanserve.domain.errors import StoreUncertain
from wanserve.domain.rules import VideoRequest
from wanserve.domain.search import Search
from wanserve.domain.task import State, Task
from wanserve.http.body import BodyBudget
from wanserve.http.dialects.base import AnswerContext, DialectRequest, JsonObject, Operation, Query, Remix, Submit
from wanserve.http.dialects.openai import OpenAI
from wanserve.http.dialects.pixazo import Pixazo
from wanserve.http.endpoints import Endpoint
from wanserve.http.files import FileSender, VideoLinks
from wanserve.http.middleware import application
from wanserve.http.origin import Origin
from wanserve.http.rates import Rates, TokenBuckets
from wanserve.settings import Settings

BODY = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}}


async def advised() -> int:
    """The time between two polls that is recommended."""
    return 1000


@pytest.fixture
def core(tmp_path: Path) -> Iterator[Core]:
    opened = open_core(Settings(data_dir=tmp_path / "data"))
    yield opened
    opened.close()


def fault(task: Task, context: AnswerContext) -> JsonObject:
    raise RuntimeError("a fault after the task was stored")


def broken_when_it_writes(operation: Operation) -> Operation:
    assert isinstance(operation, Submit | Query)
    return replace(operation, write=fault)


def served(core: Core, broken: Callable[[Operation], Operation]) -> ASGIApp:
    """The document's API with its operations broken."""
    dialect = Pixazo()
    limiter = TokenBuckets(Rates(1000, 1000), time.monotonic)
    links = VideoLinks(LinkSigner(b"secret"), Origin(), 1000)
    endpoints = [
        Endpoint(
            dialect,
            broken(operation),
            core.tasks,
            core.webhooks,
            limiter,
            links,
            FileSender(DiskBlobs(Path("nowhere"))),
            BodyBudget(),
            runners_of(core),
            advised,
            streams_of(core, runners_of(core), threading.Event()),
        )
        for operation in dialect.operations
    ]
    return application(endpoints, [], [dialect], lambda: "an-id", Counter(), Origin())


def posted(
    core: Core, operation: int, body: object, app: ASGIApp | None = None, once: str | None = None
) -> httpx.Response:
    """What the broken API answers to one POST with a new key."""
    path = Pixazo().operations[operation].path
    headers = {"Ocp-Apim-Subscription-Key": core.keys.create(f"key-{len(core.keys.all())}", "ann")}
    if once is not None:
        headers["Idempotency-Key"] = once

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app or served(core, broken_when_it_writes))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(path, json=body, headers=headers)

    return asyncio.run(post())


def test_a_fault_after_the_task_was_stored_says_not_to_submit_again(core: Core) -> None:
    answer = posted(core, 0, BODY)
    assert (answer.status_code, answer.headers["x-should-retry"]) == (500, "false")
    assert [task.state for task in core.tasks.search("ann", Search()).tasks] == [State.PENDING]


def test_with_an_idempotency_key_the_submit_may_be_sent_again(core: Core) -> None:
    answer = posted(core, 0, BODY, once="order")
    assert answer.status_code == 500
    assert "x-should-retry" not in answer.headers
    assert len(core.tasks.search("ann", Search()).tasks) == 1


def test_a_fault_of_a_poll_says_nothing_of_it(core: Core) -> None:
    task = core.tasks.submit(
        core.keys.owner(core.keys.create("other", "ann")), VideoRequest("wan2.2-t2v-plus", "a cat")
    ).result()
    poll = posted(core, 1, {"task_id": task.id})
    assert poll.status_code == 500
    assert "x-should-retry" not in poll.headers


def test_a_submit_that_was_refused_may_be_sent_again(core: Core) -> None:
    answer = posted(core, 0, BODY | {"model": "wan9"})
    assert answer.status_code == 400
    assert "x-should-retry" not in answer.headers
    assert core.tasks.search("ann", Search()).tasks == []


def test_a_commit_that_the_disk_may_have_taken_says_so_unless_the_submit_has_a_key(core: Core) -> None:
    def lose(request: DialectRequest) -> VideoRequest:
        raise StoreUncertain("a write to the task table may be lost")

    app = served(core, lambda operation: replace(operation, read=lose) if isinstance(operation, Submit) else operation)
    plain, named = posted(core, 0, BODY, app), posted(core, 0, BODY, app, once="order")
    assert (plain.status_code, plain.headers.get("x-should-retry")) == (500, "false")
    assert (named.status_code, named.headers.get("x-should-retry")) == (500, None)


def test_a_remix_whose_answer_is_lost_says_not_to_send_it_again_and_counts_as_a_submit(core: Core) -> None:
    text = core.keys.create("remixer", "ann")
    source = core.tasks.submit(core.keys.owner(text), VideoRequest("wan2.2-t2v-plus", "a cat")).result()
    claimed = core.tasks.claim("worker", ["wan2.2-t2v-plus"])
    assert claimed is not None
    core.tasks.succeed(claimed, VIDEO)
    dialect = OpenAI(1000)
    (remix,) = [operation for operation in dialect.operations if isinstance(operation, Remix)]
    broken = replace(remix, write=fault)
    endpoint = Endpoint(
        dialect,
        broken,
        core.tasks,
        core.webhooks,
        TokenBuckets(Rates(0.001, 1000), time.monotonic),
        VideoLinks(LinkSigner(b"secret"), Origin(), 1000),
        FileSender(DiskBlobs(Path("nowhere"))),
        BodyBudget(),
        runners_of(core),
        advised,
        streams_of(core, runners_of(core), threading.Event()),
    )
    app = application([endpoint], [], [dialect], lambda: "an-id", Counter(), Origin())
    path = remix.path.format(video_id=f"video_{source.id.replace('-', '')}")

    async def post() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.post(path, json={"prompt": "a dog"}, headers={"Authorization": f"Bearer {text}"})

    stored, refused = asyncio.run(post()), asyncio.run(post())
    assert (stored.status_code, stored.headers["x-should-retry"]) == (500, "false")
    assert core.tasks.search("ann", Search()).tasks[0].remixed_from == source.id
    assert refused.status_code == 429
    assert "x-should-retry" not in refused.headers
