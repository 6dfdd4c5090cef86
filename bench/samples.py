"""A data directory with what the benches ask for: keys, requests, a task that has its video."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wanserve.core import Core, open_core
from wanserve.domain.account import Key
from wanserve.domain.files import file_key
from wanserve.domain.rules import VideoRequest
from wanserve.domain.task import Video
from wanserve.settings import Settings
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.tasks import SqliteTasks

SUBMIT_PATH: Final = "/wan-video/v1/generateTextToVideoRequest"
POLL_PATH: Final = "/wan-video-polling/getTextToVideoResult"
KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
UNLIMITED: Final = 1_000_000
"""Above every rate that a bench reaches: the limits are counted, and never met."""

MODEL: Final = "wan2.2-t2v-plus"
REQUEST: Final = VideoRequest(model=MODEL, prompt="A kitten running in the moonlight", size=(640, 480))
SUBMIT_BODY: Final = json.dumps(
    {
        "model": MODEL,
        "input": {"prompt": REQUEST.prompt},
        "parameters": {"size": "640*480"},
    }
).encode()


@contextlib.contextmanager
def opened(data_dir: Path) -> Iterator[Core]:
    """The use cases on a data directory, which is made where it is new."""
    core = open_core(Settings(data_dir=data_dir))
    try:
        yield core
    finally:
        core.close()


def database_of(core: Core) -> Database:
    """The SQLite database of the core."""
    store = core.tasks.store
    assert isinstance(store, SqliteTasks), "the benches' data directories are on SQLite"
    return store._database  # noqa: SLF001  # what it writes to is what is measured


def owner(core: Core, account: str) -> tuple[str, Key]:
    """A new key of the account, and its text."""
    text = core.keys.create(account, account)
    return text, core.keys.owner(text)


def finished_task(core: Core, key: Key) -> str:
    """The id of a task that has SUCCEEDED. No worker may be on the data directory; there is no file."""
    submitted = core.tasks.submit(key, REQUEST).result()
    task = core.tasks.claim("worker", [MODEL])
    assert task, "the only task can be claimed"
    assert task.id == submitted.id, "nothing else waits"
    assert core.tasks.succeed(task, Video(file_key(task.id, task.attempt), 1_234_567, "animatic")), "it is ours to end"
    return task.id


def poll_body(task_id: str) -> bytes:
    """The body of a poll."""
    return json.dumps({"task_id": task_id}).encode()
