"""axe-core, with every rule that it has, finds nothing on any page: in both languages and themes, and with all that opens open."""

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.faults.harness import Rig
from tests.e2e.studio.browsing import Visitor, told
from tests.e2e.studio.conftest import Visit

LOOKS = [("en-US", "light"), ("en-US", "dark"), ("zh-CN", "light"), ("zh-CN", "dark")]
EVERY_RULE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice", "experimental"]}


def check(page: Page) -> None:
    """Look at the page as it is."""
    # axe measures colours, which a transition would change meanwhile.
    found = Axe().run(page, options=EVERY_RULE)
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"


def open_all(page: Page) -> None:
    closed = page.locator("details:not([open]) > summary")
    while closed.count():
        closed.first.click()


@pytest.fixture(scope="module")
def furnished(shared_rig: Rig, videos: list[str]) -> Iterator[Rig]:
    """With a failure, a cancel, one that runs and one that waits; the account is the server's owner."""
    shared_rig.command("accounts", "set", "default", "--owner")
    shared_rig.until_ended(shared_rig.accept("engine-failed at this"))
    shared_rig.accept_held()
    shared_rig.accept("grey that waits")
    canceled = shared_rig.accept("grey that is canceled")
    headers = {"Authorization": f"Bearer {shared_rig.server.key}"}
    url = f"{shared_rig.server.url}/api/v1/tasks/{canceled}/cancel"
    assert shared_rig.server.http.post(url, headers=headers).status_code == 200
    yield shared_rig
    shared_rig.release()


def ids(made: Rig, state: str) -> list[str]:
    return [str(row[0]) for row in made.rows(f"SELECT id FROM tasks WHERE state = '{state}' ORDER BY submitted_ms")]


def first_page(visitor: Visitor, made: Rig) -> None:
    page = visitor.go()
    open_all(page)
    page.locator(f"#card-{ids(made, 'SUCCEEDED')[0]} [data-pick]").check()
    check(page)


def refused_form(visitor: Visitor, made: Rig) -> None:
    for field, text in (("prompt", "  "), ("seed", "x")):
        page = visitor.go()
        open_all(page)
        page.locator("#prompt").fill("a cat")
        page.locator(f"#{field}").fill(text)
        page.locator("#make button.primary").click()
        expect(page.locator(f"#{field}-error")).to_be_visible()
        check(page)


def nothing_found(visitor: Visitor, made: Rig) -> None:
    page = visitor.go("?text=nothing+like+it")
    expect(page.locator("#wall .empty")).to_be_visible()
    check(page)


def taken_over_form(visitor: Visitor, made: Rig) -> None:
    check(visitor.go(f"?from={ids(made, 'SUCCEEDED')[0]}&same_seed=1"))
    check(visitor.go("?restore=1&model=wan2.2-t2v-plus&size=640*480&seconds=5&seed=7"))


def finished_video(visitor: Visitor, made: Rig) -> None:
    page = visitor.go(f"video?id={ids(made, 'SUCCEEDED')[0]}")
    open_all(page)
    page.locator(".share button").first.click()
    expect(page.locator("#shared-link")).to_be_visible()
    check(page)


def other_videos(visitor: Visitor, made: Rig) -> None:
    for state in ("RUNNING", "PENDING", "FAILED", "CANCELED"):
        page = visitor.go(f"video?id={ids(made, state)[0]}")
        open_all(page)
        check(page)


def comparison(visitor: Visitor, made: Rig) -> None:
    check(visitor.go("compare?id=" + "&id=".join(ids(made, "SUCCEEDED")[:4])))


def owners_page(visitor: Visitor, made: Rig) -> None:
    page = visitor.go("server")
    open_all(page)
    check(page)


def error_page(visitor: Visitor, made: Rig) -> None:
    check(visitor.go("video?id=none"))


def told_of_an_error(visitor: Visitor, made: Rig) -> None:
    page = visitor.go()
    page.evaluate("document.getElementById('toast').textContent = 'That did not work.'")
    page.evaluate("document.querySelector('[data-offline]').hidden = false")
    check(page)


PAGES: list[Callable[[Visitor, Rig], None]] = [
    first_page, refused_form, nothing_found, taken_over_form, finished_video, other_videos, comparison, owners_page, error_page,
    told_of_an_error,
]  # fmt: skip


@pytest.mark.parametrize(("locale", "scheme"), LOOKS)
@pytest.mark.parametrize("look_at", PAGES, ids=lambda look_at: look_at.__name__)
def test_nothing_keeps_anybody_out(
    furnished: Rig, visit: Visit, look_at: Callable[[Visitor, Rig], None], locale: str, scheme: str
) -> None:
    visitor = visit(
        furnished.server.url, furnished.server.key, locale=locale, color_scheme=scheme, reduced_motion="reduce"
    )
    visitor.allow("404")
    visitor.allow("400")
    look_at(visitor, furnished)


@pytest.mark.parametrize(("locale", "scheme"), LOOKS)
def test_nothing_keeps_anybody_from_signing_in(furnished: Rig, visit: Visit, locale: str, scheme: str) -> None:
    visitor = visit(furnished.server.url, locale=locale, color_scheme=scheme)
    visitor.allow("401")
    page = visitor.go("sign-in")
    check(page)
    page.locator("#key").fill("sk-wrong")
    page.locator("main form button").click()
    expect(page.locator("#key-error")).to_be_visible()
    check(page)


@pytest.mark.parametrize(("locale", "scheme"), LOOKS)
def test_nothing_keeps_anybody_out_at_the_first_visit(furnished: Rig, visit: Visit, locale: str, scheme: str) -> None:
    key = furnished.new_key(f"new {locale} {scheme}")
    visitor = visit(furnished.server.url, key, locale=locale, color_scheme=scheme, reduced_motion="reduce")
    language = "zh" if locale == "zh-CN" else "en"
    expect(visitor.page.locator("#wall .empty")).to_have_text(told("wall.empty", language))
    open_all(visitor.page)
    check(visitor.page)
