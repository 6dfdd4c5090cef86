"""The first visit, from the printed link to the video that plays."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.e2e.server import Server, running
from tests.e2e.studio.browsing import EXAMPLE, pattern, playing, told
from tests.e2e.studio.conftest import Visit


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[Server]:
    """One that has just made its first key."""
    with running(tmp_path / "data") as server:
        yield server


def test_from_the_printed_link_to_a_video_that_plays_with_one_click(fresh_server: Server, visit: Visit) -> None:
    (link,) = re.findall(r"http://\S+/sign-in\?link=\S+", fresh_server.log.read_text())
    visitor = visit(fresh_server.url)
    page = visitor.page
    page.goto(link)
    expect(page).to_have_url(f"{fresh_server.url}/")
    expect(page.get_by_text(told("video.example"), exact=True)).to_be_visible()
    playing(page)
    page.evaluate("window.stayed = 1")
    task_id = visitor.make(EXAMPLE, size="640*480", seconds="4")
    status = page.locator("#stage [data-status]")
    expect(status.locator("progress")).to_be_visible()
    expect(status).to_contain_text(told("state.RUNNING"))
    expect(page.locator("#stage video")).to_have_attribute("src", f"studio/tasks/{task_id}/video.mp4")
    playing(page)
    expect(page.locator(f"#card-{task_id} img")).to_be_visible()
    assert page.evaluate("window.stayed") == 1, "nothing was loaded anew"
    assert fresh_server.poll(task_id)["task_status"] == "SUCCEEDED"
    # The link again, in the same browser and in another one.
    page.goto(link)
    expect(page).to_have_url(f"{fresh_server.url}/")
    stranger = visit(fresh_server.url)
    stranger.allow("403")
    stranger.page.goto(link)
    expect(stranger.page.get_by_role("alert")).to_contain_text(pattern("problem.sign_in_link_invalid"))
    expect(stranger.page.locator("#key")).to_be_visible()
