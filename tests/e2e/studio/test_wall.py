"""A wall of a thousand videos, and a page without scripts, at 360 pixels, by keyboard alone, in the other language."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.faults.harness import Rig
from tests.e2e.server import Server, running
from tests.e2e.studio.browsing import Visitor, playing, told
from tests.e2e.studio.conftest import Visit
from wanserve.core import open_core
from wanserve.domain.account import Key
from wanserve.domain.rules import VideoRequest
from wanserve.settings import Settings
from wanserve.studio.wall import FIRST_PAGE, PAGE

TASKS = 1000
PLUS, TURBO = "wan2.2-t2v-plus", "wanx2.1-t2v-turbo"


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without a worker, where an account has a thousand tasks: each tenth is canceled, each fourth of the other model."""
    folder = tmp_path_factory.mktemp("crowded") / "data"
    with running(folder, "--no-worker", query_rps="10000", max_queued="2000") as server:
        core, key = open_core(Settings(data_dir=folder, max_queued=2000)), Key("default", "default", "", 0)
        try:
            accepted = [
                core.tasks.submit(key, VideoRequest(TURBO if number % 4 == 0 else PLUS, f"cat number {number}"))
                for number in range(TASKS)
            ]
            for task in [each.result(60) for each in accepted][::10]:
                core.tasks.cancel("default", task.id)
        finally:
            core.close()
        yield server


def cards(page: Page) -> Locator:
    return page.locator("#wall > .card")


def test_a_thousand_videos_come_page_after_page_as_one_scrolls(crowded: Server, visit: Visit) -> None:
    page = visit(crowded.url, crowded.key).page
    expect(cards(page)).to_have_count(FIRST_PAGE)
    expect(cards(page).first).to_contain_text(f"cat number {TASKS - 1}")
    for number in range(1, 5):
        wanted = FIRST_PAGE + number * PAGE
        page.locator("#wall > li").last.scroll_into_view_if_needed()
        page.wait_for_function("count => document.querySelectorAll('#wall > .card').length >= count", arg=wanted)
    shown = [re.search(r"cat number (\d+)", text) for text in cards(page).locator(".prompt").all_inner_texts()]
    numbers = [int(match[1]) for match in shown if match]
    assert numbers == list(range(TASKS - 1, TASKS - 1 - len(numbers), -1)), "each once, newest first"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_the_wall_is_filtered_and_its_address_tells_how(crowded: Server, visit: Visit, scripts: bool) -> None:
    visitor = visit(crowded.url, crowded.key, java_script_enabled=scripts)
    page = visitor.page

    def choose(**chosen: str) -> None:
        for name, value in chosen.items():
            field = page.locator(f"#filter-{name}")
            if name == "text":
                field.fill(value)
            else:
                field.select_option(value)
        if not scripts:
            page.locator("#filter-text").press("Enter")

    choose(text="NUMBER 99")
    expect(cards(page)).to_have_count(11)
    choose(state="failed")
    expect(cards(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"\?text=NUMBER\+99&state=failed&of=$"))
    choose(model=TURBO)
    expect(page.locator("#wall .empty")).to_have_text(told("wall.nothing"))
    choose(text="number 98", state="failed", model=TURBO)
    expect(cards(page)).to_have_count(1)
    kept = page.url
    page.goto(kept)
    expect(cards(page)).to_have_count(1)
    expect(page.locator("#filter-text")).to_have_value("number 98")
    expect(page.locator("#filter-state")).to_have_value("failed")
    expect(page.locator("#filter-model")).to_have_value(TURBO)
    choose(text="", state="all", model="")
    expect(cards(page)).to_have_count(PAGE if scripts else FIRST_PAGE)


def test_a_filtered_wall_takes_in_nothing_that_does_not_fit(shared_rig: Rig, videos: list[str], visit: Visit) -> None:
    visitor = visit(shared_rig.server.url, shared_rig.server.key)
    page = visitor.go("?state=finished&text=grey+number&of=")
    expect(cards(page)).to_have_count(4)
    held = shared_rig.accept_held("hold what does not fit")
    page.locator("#filter-text").fill("")
    expect(page.locator("#filter-state")).to_have_value("finished")
    expect(page.locator(f"#card-{held}")).to_have_count(0)
    shared_rig.release()
    page.locator("#filter-state").select_option("all")
    expect(page.locator(f"#card-{held}")).to_be_visible()


def test_without_scripts_one_signs_in_asks_and_watches(shared_rig: Rig, visit: Visit) -> None:
    visitor = visit(shared_rig.server.url, shared_rig.server.key, java_script_enabled=False)
    page = visitor.page
    page.locator("#prompt").fill("  ")
    page.locator("#make button.primary").click()
    expect(page.locator("#prompt-error")).to_be_visible()
    visitor.allow("400")
    page.locator("#prompt").fill("a cat without scripts")
    page.locator("#more summary").click()
    page.locator('input[name="size"][value="640*480"]').check(force=True)
    page.locator("#model").select_option(PLUS)
    page.locator("#make button.primary").click()
    expect(page).to_have_url(f"{visitor.url}/")
    card = cards(page).filter(has_text="a cat without scripts")
    expect(card).to_have_count(1)
    task_id = str(card.get_attribute("data-task"))
    shared_rig.until_ended(task_id)
    card.locator(".prompt a").click()
    expect(page.locator("video")).to_have_attribute("src", f"studio/tasks/{task_id}/video.mp4")
    page.get_by_role("button", name=told("video.again"), exact=True).click()
    page.wait_for_url(lambda url: "video?id=" in url and task_id not in url)
    page.get_by_role("button", name=told("site.dark")).click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name=told("video.delete")).click()
    expect(page).to_have_url(f"{visitor.url}/")
    page.get_by_role("button", name=told("site.sign_out")).click()
    expect(page).to_have_url(f"{visitor.url}/sign-in")


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_nothing_is_wider_than_a_phone(shared_rig: Rig, videos: list[str], visit: Visit, locale: str) -> None:
    shared_rig.command("accounts", "set", "default", "--owner")
    long = shared_rig.accept("grey " + "w" * 300)
    shared_rig.until_ended(long)
    visitor = visit(shared_rig.server.url, viewport={"width": 360, "height": 740}, locale=locale)
    assert_fits(visitor.go("sign-in"))
    visitor.sign_in(shared_rig.server.key)
    visitor.allow("404")
    compared = "&id=".join(videos)
    for place in (
        "",
        f"?from={long}&same_seed=1",
        f"video?id={long}",
        f"compare?id={compared}",
        "server",
        "video?id=none",
    ):
        page = visitor.go(place)
        closed = page.locator("details:not([open]) > summary")
        while closed.count():
            closed.first.click()
        assert_fits(page)
    page = visitor.go()
    page.locator(f"#card-{videos[0]} [data-pick]").check()
    assert_fits(page)


def assert_fits(page: Page) -> None:
    width = page.evaluate("document.documentElement.scrollWidth")
    wide = "[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > 361 && !e.closest('.scroll, pre')).map((e) => e.outerHTML.slice(0, 90))"
    assert width <= 360, (page.url, page.evaluate(wide))


def test_the_other_language_is_that_of_the_browser_or_of_a_button(
    shared_rig: Rig, videos: list[str], visit: Visit
) -> None:
    visitor = visit(shared_rig.server.url, shared_rig.server.key, locale="zh-CN")
    page = visitor.page
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page.locator("#make button.primary")).to_have_text(told("make.button", "zh"))
    task_id = visitor.make("一只猫", size="640*480")
    expect(page.locator(f"#card-{task_id} img")).to_be_visible()
    expect(page.locator("#announce")).to_have_text(told("state.SUCCEEDED", "zh"))
    page = visitor.go(f"video?id={task_id}")
    expect(page.get_by_role("heading", name=told("video.recipe", "zh"))).to_be_visible()
    page.get_by_role("button", name=told("site.other_language_label", "zh")).click()
    expect(page).to_have_url(f"{visitor.url}/video?id={task_id}")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", name=told("video.recipe"))).to_be_visible()
    expect(visitor.go().locator("#make button.primary")).to_have_text(told("make.button"))


@pytest.mark.parametrize(
    ("scheme", "button", "theme"), [("light", "site.dark", "dark"), ("dark", "site.light", "light")]
)
def test_a_theme_is_that_of_the_system_or_of_a_button(
    shared_rig: Rig, visit: Visit, scheme: str, button: str, theme: str
) -> None:
    visitor = visit(shared_rig.server.url, shared_rig.server.key, color_scheme=scheme)
    paper = "getComputedStyle(document.body).backgroundColor"
    page = visitor.page
    before = page.evaluate(paper)
    page.get_by_role("button", name=told(button)).click()
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    assert page.evaluate(paper) != before
    assert visitor.go("docs").url.endswith("/docs")
    visitor.go("?text=x")
    expect(page.locator("html")).to_have_attribute("data-theme", theme)


def test_nothing_moves_by_itself_where_less_motion_is_wanted(shared_rig: Rig, videos: list[str], visit: Visit) -> None:
    visitor = visit(shared_rig.server.url, shared_rig.server.key, reduced_motion="reduce")
    page = visitor.go(f"video?id={videos[0]}")
    video = page.locator(".watch video")
    page.wait_for_function("video => video.readyState >= 2", arg=video.element_handle())
    expect(video).to_have_js_property("paused", value=True)
    expect(video).to_have_js_property("currentTime", 0)
    visitor.go().locator(f"#card-{videos[0]} .picture").hover()
    expect(page.locator(".flip")).to_have_count(0)
    first = visit(shared_rig.server.url, shared_rig.new_key("calm"), reduced_motion="reduce").page
    expect(first.locator("#stage video")).to_have_js_property("paused", value=True)


def test_a_picture_plays_while_it_is_pointed_at(shared_rig: Rig, videos: list[str], visit: Visit) -> None:
    page = visit(shared_rig.server.url, shared_rig.server.key).page
    picture = page.locator(f"#card-{videos[0]} .picture")
    picture.hover()
    expect(picture.locator(".flip img")).to_have_attribute("src", f"studio/tasks/{videos[0]}/sheet.jpg")
    page.locator("h2").first.hover()
    expect(picture.locator(".flip")).to_have_count(0)


def pressed_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press Tab until the target has the focus."""
    for _ in range(120):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press(key)
    raise AssertionError(f"the keyboard does not reach {target}")


def test_everything_is_done_by_keyboard_alone(shared_rig: Rig, videos: list[str], visit: Visit) -> None:
    visitor = visit(shared_rig.server.url)
    page = visitor.go("sign-in")
    expect(page.locator("#key")).to_be_focused()
    page.keyboard.type(shared_rig.server.key)
    page.keyboard.press("Enter")
    expect(page.locator("#make")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    pressed_to(page, page.locator("#prompt"))
    page.keyboard.type("grey by keyboard")
    pressed_to(page, page.locator("#more summary"))
    page.keyboard.press("Space")
    pressed_to(page, page.locator('input[name="size"]:checked'))
    page.keyboard.press("ArrowDown")
    pressed_to(page, page.locator("#make button.primary"), "Shift+Tab")
    page.keyboard.press("Enter")
    card = cards(page).filter(has_text="grey by keyboard")
    expect(card.locator("img")).to_be_visible()
    newest = str(card.get_attribute("data-task"))
    for task_id in (newest, videos[3]):
        pressed_to(page, page.locator(f"#card-{task_id} [data-pick]"))
        page.keyboard.press("Space")
    pressed_to(page, page.locator("[data-picked] .primary"), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("[data-compare] video")).to_have_count(2)
    page.wait_for_function("() => [...document.querySelectorAll('video')].every(v => v.readyState >= 2)")
    pressed_to(page, page.locator('[data-step="1"]'))
    for _ in range(2):
        page.keyboard.press("Enter")
    expect(page.locator("[data-frame]")).to_have_text("2")
    pressed_to(page, page.locator('[data-step="-1"]'), "Shift+Tab")
    page.keyboard.press("Space")
    expect(page.locator("[data-frame]")).to_have_text("1")
    pressed_to(page, page.locator(".panel figcaption a").first)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/video\?id="))
    playing(page)


def test_the_focus_is_seen_wherever_it_is(shared_rig: Rig, visit: Visit) -> None:
    page = visit(shared_rig.server.url, shared_rig.server.key).page
    # A player draws the focus of its buttons itself.
    outlined = "() => { const e = document.activeElement, box = e.closest('label') ?? e; return e.matches('video') || [e, box].some((each) => getComputedStyle(each).outlineStyle !== 'none'); }"
    page.locator("#more summary").click()
    page.locator("body").evaluate("body => document.activeElement.blur()")
    for _ in range(30):
        page.keyboard.press("Tab")
        assert page.evaluate(outlined), page.evaluate("document.activeElement.outerHTML.slice(0, 120)")


def test_visitors_without_a_session_use_the_page_too(shared_rig: Rig, visit: Visit) -> None:
    visitor: Visitor = visit(shared_rig.server.url)
    page = visitor.go("sign-in")
    page.get_by_role("button", name=told("site.other_language_label")).click()
    expect(page).to_have_url(f"{visitor.url}/sign-in")
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    assert Path(page.url).name == "sign-in"
