"""The browsers of the tests of the studio. Each test's visitors are checked at its end for what their pages did wrong."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser

from tests.e2e.faults.harness import Rig, rig
from tests.e2e.studio.browsing import Visitor, browser_running


class Visit(Protocol):
    """Opens a browser of somebody's own on a server."""

    def __call__(self, url: str, key: str = "", **options: Any) -> Visitor:
        """`options` are those of a browser's context; with a key the visitor is signed in."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for the tests of a module: while it is open, nothing else of the module may run an event loop."""
    with browser_running() as browser:
        yield browser


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Opens browsers that share nothing."""
    visitors: list[Visitor] = []

    def open_one(url: str, key: str = "", **options: Any) -> Visitor:
        visitor = Visitor(chromium.new_context(**{"locale": "en-US", **options}), url)
        visitors.append(visitor)
        if key:
            visitor.sign_in(key)
        return visitor

    yield open_one
    for visitor in visitors:
        visitor.context.close()
    for visitor in visitors:
        visitor.check()


@pytest.fixture
def own_rig(tmp_path: Path) -> Iterator[Rig]:
    """A server of the test's own, whose engine waits for it."""
    with rig(tmp_path / "rig") as made:
        yield made


@pytest.fixture(scope="module")
def shared_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A server of the module, whose engine draws nothing but grey; its first account has four videos."""
    with rig(tmp_path_factory.mktemp("studio") / "rig") as made:
        ids = [made.accept(f"grey number {number}") for number in range(4)]
        made.assert_made_once(*ids)
        yield made


@pytest.fixture(scope="module")
def videos(shared_rig: Rig) -> list[str]:
    """The ids of the four videos, oldest first."""
    return [
        str(row[0])
        for row in shared_rig.rows("SELECT id FROM tasks WHERE prompt LIKE 'grey number%' ORDER BY submitted_ms, id")
    ]
