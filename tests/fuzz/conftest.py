"""The application that every parser's test asks."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.fuzz.asgi import FILE, Application
from tests.fuzz.budget import FRESH_SECONDS, SEED
from wanserve.app import build
from wanserve.blobs.links import LinkSigner
from wanserve.core import open_core
from wanserve.domain.files import file_key
from wanserve.domain.rules import VideoRequest
from wanserve.domain.task import Video
from wanserve.models.availability import find_availability
from wanserve.models.catalogue import Served
from wanserve.prompts.moderation import Moderation
from wanserve.settings import Settings

MANY = 1_000_000


def pytest_report_header() -> str | None:
    """Tell the seed of fresh examples, so that a failure can be had again."""
    return (
        f"fresh examples for {FRESH_SECONDS:g} s: `make fuzz SEED={SEED}` draws them again" if FRESH_SECONDS else None
    )


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """A server's application with nothing that makes videos."""
    data = tmp_path_factory.mktemp("fuzz") / "data"
    set_so = Settings(data_dir=data, engine="animatic", submit_rps=MANY, query_rps=MANY, max_queued=MANY)
    choice = find_availability(set_so)
    core = open_core(set_so, Served(choice.cards, frozenset({choice.engine})))
    secret = core.keys.create("one", "ann")
    core.tasks.submit(core.keys.owner(secret), VideoRequest("wan2.2-t2v-plus", "a cat")).result()
    task = core.tasks.claim("worker", ["wan2.2-t2v-plus"])
    assert task
    stored = file_key(task.id, task.attempt)
    file = set_so.blobs_dir / stored
    file.parent.mkdir(parents=True)
    file.write_bytes(FILE)
    assert core.tasks.succeed(task, Video(stored, len(FILE), "animatic"))
    app = build(set_so, core, choice, with_worker=False, moderation=Moderation()).app
    with asyncio.Runner() as runner:
        yield (made := Application(app, runner, secret, stored, LinkSigner((data / "link-secret").read_bytes())))
    core.close()
    print(f"\n{made.asked} requests to the application")
