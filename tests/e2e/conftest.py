"""The running server that the tests over the network share, and a folder for commands that have weights of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.server import Server, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests that do not stop it; its rate limits are out of their way."""
    with running(tmp_path_factory.mktemp("shared") / "data", submit_rps="1000", query_rps="10000") as shared:
        yield shared


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which a command runs, without cached weights, without a GPU, and without a wanserve.toml."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.delenv("HUGGINGFACE_HUB_CACHE", raising=False)
    (tmp_path / "here").mkdir()
    return tmp_path / "here"
