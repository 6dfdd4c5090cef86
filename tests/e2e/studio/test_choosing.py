"""What a visitor chooses of how a model is sampled: in the form, on the page of the video, again, and from a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.choices import MODEL, write_settings
from tests.e2e.server import Server, running
from tests.e2e.studio.browsing import told
from tests.e2e.studio.conftest import Visit
from tests.e2e.studio.test_axe import check


@pytest.fixture(scope="module")
def choosable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the preview engine, whose owner allows choices for one model."""
    folder = write_settings(tmp_path_factory.mktemp("choosable"))
    with running(folder / "data", cwd=folder, engine="animatic") as server:
        yield server


def test_a_lora_is_chosen_told_and_brought_back(choosable: Server, visit: Visit, tmp_path: Path) -> None:
    visitor = visit(choosable.url, choosable.key)
    page = visitor.page
    page.locator("#more summary").click()
    page.locator("#model").select_option("wan2.2-t2v-plus")
    expect(page.get_by_label(told("make.profile"))).to_have_count(0)
    page.locator("#model").select_option(MODEL)
    page.get_by_label(told("make.lora", n=1), exact=True).select_option("sketch")
    expect(page.get_by_label(told("make.profile"))).to_have_count(1)
    check(page)
    page.get_by_label(told("make.strength", n=1)).fill("0.5")
    chosen = {"size": "640*480", "profile": "balanced", "steps": "8", "guidance_scale": "2.5"}
    task_id = visitor.make("a chosen cat", **chosen)
    choosable.wait(task_id, "SUCCEEDED")
    visitor.go(f"video?id={task_id}")
    facts = page.locator("dl.facts").first
    for text in ("balanced", "2.5", "sketch:0.5"):
        expect(facts.get_by_text(text, exact=True)).to_be_visible()
    expect(page.get_by_text("these choices changed nothing in it")).to_be_visible()
    page.get_by_role("link", name=told("video.change")).click()
    expect(page.locator("#steps")).to_have_value("8")
    expect(page.locator("#profile")).to_have_value("balanced")
    expect(page.get_by_label(told("make.lora", n=1), exact=True)).to_have_value("sketch")
    link = str(choosable.poll(task_id)["video_url"])
    (tmp_path / "ours.mp4").write_bytes(choosable.http.get(link).content)
    # Somebody who has not the video: what the file tells is all that comes back.
    visitor.confirms = True
    visitor.go(f"video?id={task_id}")
    page.get_by_role("button", name=told("video.delete")).click()
    expect(page).to_have_url(f"{visitor.url}/")
    page.locator("#more summary").click()
    page.locator("#restore").set_input_files(tmp_path / "ours.mp4")
    expect(page.get_by_text(told("restore.without_prompt"))).to_be_visible()
    for field, value in (("profile", "balanced"), ("steps", "8"), ("guidance_scale", "2.5")):
        expect(page.locator(f"#{field}")).to_have_value(value)
    expect(page.get_by_label(told("make.lora", n=1), exact=True)).to_have_value("sketch")
    expect(page.get_by_label(told("make.strength", n=1))).to_have_value("0.5")


def test_what_may_not_be_chosen_is_told_beside_its_field(choosable: Server, visit: Visit) -> None:
    visitor = visit(choosable.url, choosable.key)
    visitor.allow("400")
    page = visitor.page
    page.locator("#more summary").click()
    page.locator("#model").select_option(MODEL)
    page.locator("#prompt").fill("a cat")
    page.locator("#profile").select_option("fast")
    page.locator("#guidance_scale").fill("5")
    page.locator("#make button.primary").click()
    expect(page.locator("#guidance_scale-error")).to_contain_text("must be 1 or left out")
    check(page)
