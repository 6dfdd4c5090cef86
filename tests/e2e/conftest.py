"""The running server that the tests over the network share."""

from collections.abc import Iterator

import pytest

from tests.e2e.server import Server, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not stop it; its rate limits are out of their way."""
    with running(tmp_path_factory.mktemp("shared") / "data", submit_rps="1000", query_rps="10000") as shared:
        yield shared
