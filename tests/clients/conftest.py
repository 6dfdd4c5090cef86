"""The running servers that the tests with the vendors' clients share."""

from collections.abc import Iterator

import pytest

from tests.choices import write_settings
from tests.e2e.faults.harness import rig
from tests.e2e.server import Server, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that makes videos, and whose owner allows choices; its rate limits are out of the clients' way."""
    folder = write_settings(tmp_path_factory.mktemp("clients"))
    with running(folder / "data", cwd=folder, submit_rps="1000", query_rps="10000") as shared:
        yield shared


@pytest.fixture(scope="session")
def submitted(server: Server) -> str:
    """The id of a task that came by the document's own API, and is done."""
    task_id = server.submit("a task of another dialect", "832*480")
    server.wait(task_id, "SUCCEEDED")
    return task_id


@pytest.fixture(scope="session")
def idle_and_failed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """See `idle` and `failed`."""
    with rig(tmp_path_factory.mktemp("idle") / "rig") as made:
        task_id = made.accept("engine-failed please")
        made.server.wait(task_id, "FAILED")
        made.restart("--no-worker")
        yield made.server, task_id


@pytest.fixture(scope="session")
def idle(idle_and_failed: tuple[Server, str]) -> Server:
    """A server that makes nothing, so that what is submitted stays PENDING."""
    return idle_and_failed[0]


@pytest.fixture(scope="session")
def failed(idle_and_failed: tuple[Server, str]) -> str:
    """The id of a task that FAILED there when it still had a worker."""
    return idle_and_failed[1]
