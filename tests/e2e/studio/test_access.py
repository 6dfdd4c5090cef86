"""Who sees what: two accounts beside each other, the server's owner, a link that was shared, and prompts that are scripts."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.faults.harness import Rig
from tests.e2e.studio.browsing import Visitor, told
from tests.e2e.studio.conftest import Visit

HTML = "<script>alert('a cat')</script>\"><img src=x onerror=alert(1)> {{7*7}}"


@pytest.fixture(scope="module")
def eves_key(shared_rig: Rig) -> str:
    return shared_rig.new_key("eve")


@pytest.fixture
def anns(shared_rig: Rig, videos: list[str], visit: Visit) -> Visitor:
    """The browser of the account that has videos."""
    return visit(shared_rig.server.url, shared_rig.server.key)


@pytest.fixture
def eves(shared_rig: Rig, eves_key: str, visit: Visit) -> Visitor:
    """The browser of another account."""
    return visit(shared_rig.server.url, eves_key)


def test_two_accounts_see_nothing_of_each_other(
    shared_rig: Rig, videos: list[str], anns: Visitor, eves: Visitor
) -> None:
    eves.allow("404")
    expect(anns.page.locator("#wall .card")).not_to_have_count(0)
    expect(eves.page.locator("#wall .empty")).to_have_text(told("wall.empty"))
    held = shared_rig.accept_held("hold what only one may see")
    expect(anns.page.locator(f"#card-{held}")).to_be_visible()
    own = eves.make("what eve asks for", size="640*480")
    expect(eves.page.locator(f"#card-{own}")).to_be_visible()
    # By then her stream would have told her of the other one too.
    expect(eves.page.locator("#wall .card")).to_have_count(1)
    expect(anns.page.locator(f"#card-{own}")).to_have_count(0)
    for place in (f"video?id={videos[0]}", f"compare?id={videos[0]}&id={videos[1]}", f"studio/task?id={videos[0]}"):
        page = eves.go(place)
        expect(page.locator("body")).to_contain_text(told("problem.task_not_found"))
        expect(page.locator("body")).not_to_contain_text("grey number")
    for file in ("video.mp4", "thumbnail.webp", "sheet.jpg"):
        path = f"{shared_rig.server.url}/studio/tasks/{videos[0]}/{file}"
        assert eves.context.request.get(path).status == 404
        assert anns.context.request.get(path).status == 200
    page = eves.go(f"?from={videos[0]}&same_seed=1")
    expect(page.locator("#prompt")).to_have_value("")
    shared_rig.release()


@pytest.fixture
def own_site(own_rig: Rig) -> Iterator[Rig]:
    """Four prompts of HTML: a video, another one, a failure, and one that is held."""
    for prompt in (HTML, f"{HTML} again", f"engine-failed {HTML}"):
        own_rig.until_ended(own_rig.accept(prompt))
    own_rig.accept_held(f"hold {HTML}")
    yield own_rig
    own_rig.release()


def assert_shows_text(page: Page) -> None:
    expect(page.locator("body")).to_contain_text(HTML)
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("body script").count() == 0


def test_a_prompt_of_html_is_shown_as_text_on_every_page_and_runs_nothing(own_site: Rig, visit: Visit) -> None:
    visitor = visit(own_site.server.url, own_site.server.key)
    first, second, failed, held = (
        str(row[0]) for row in own_site.rows("SELECT id FROM tasks ORDER BY submitted_ms, id")
    )
    assert_shows_text(visitor.page)
    for place in (f"video?id={first}", f"video?id={failed}", f"video?id={held}", f"compare?id={first}&id={second}"):
        assert_shows_text(visitor.go(place))
    page = visitor.go(f"?from={first}&same_seed=1")
    expect(page.locator("#prompt")).to_have_value(HTML)
    page.locator("#seed").fill(HTML)
    page.locator("#make button.primary").click()
    expect(page.locator("#seed-error")).to_be_visible()
    expect(page.locator("#seed")).to_have_value(HTML)
    expect(page.locator("#prompt")).to_have_value(HTML)
    page.locator("#seed").fill("")
    visitor.allow("400")
    visitor.make(f"{HTML} live", size="640*480")
    expect(page.locator("#stage .state")).to_contain_text(told("state.PENDING"))
    assert_shows_text(page)
    page.locator("#filter-text").fill(HTML)
    expect(page.locator("#wall .card")).to_have_count(5)
    assert_shows_text(page)
    assert visitor.asked == []


def test_a_shared_link_works_without_a_session_and_a_changed_one_does_not(
    videos: list[str], anns: Visitor, visit: Visit
) -> None:
    page = anns.go(f"video?id={videos[0]}")
    page.get_by_text(told("video.share"), exact=True).click()
    page.get_by_role("button", name=told("share.button")).click()
    link = page.locator("#shared-link").input_value()
    stranger = visit(anns.url)
    answer = stranger.context.request.get(link)
    assert (answer.status, answer.headers["content-type"]) == (200, "video/mp4")
    assert answer.body() == anns.context.request.get(f"{anns.url}/studio/tasks/{videos[0]}/video.mp4").body()
    for changed in (
        link.replace(videos[0], videos[1]),
        re.sub(r"expires=\d", "expires=9", link),
        link[:-1],
        link + "0",
    ):
        assert stranger.context.request.get(changed).status in (403, 404)
    stranger.page.goto(f"{anns.url}/video?id={videos[0]}")
    expect(stranger.page.locator("#key")).to_be_visible()


def test_the_owners_page_is_for_the_owner_and_nobody_else(shared_rig: Rig, anns: Visitor, eves: Visitor) -> None:
    eves.allow("404")
    shared_rig.command("accounts", "set", "default", "--owner")
    page = anns.go()
    page.get_by_role("link", name=told("site.owner"), exact=True).click()
    expect(page).to_have_url(f"{anns.url}/server")
    for title in ("server.workers", "server.queue", "server.ended", "server.used", "server.disk"):
        expect(page.get_by_role("heading", name=told(title))).to_be_visible()
    expect(page.locator("body")).not_to_contain_text("grey number")
    expect(page.locator("[aria-labelledby=ended-title] .legend li").first).to_contain_text(told("state.SUCCEEDED"))
    for table in page.locator("details.table").all():
        table.locator("summary").click()
        expect(table.locator("table")).to_be_visible()
    expect(eves.page.get_by_role("link", name=told("site.owner"), exact=True)).to_have_count(0)
    expect(eves.go("server").locator("h1")).to_have_text(told("error.title"))


def test_the_owners_page_tells_of_what_runs_and_waits_now(shared_rig: Rig, anns: Visitor) -> None:
    shared_rig.command("accounts", "set", "default", "--owner")
    page = anns.go("server")
    page.evaluate("window.stayed = 1")
    shared_rig.accept_held("hold a secret prompt")
    queue = page.locator("[aria-labelledby=lanes-title]").first
    expect(queue.locator("tbody tr").filter(has_text="default")).to_be_visible()
    expect(page.locator("[aria-labelledby=workers-title] tbody").first).to_contain_text("default · wan2.2-t2v-plus")
    expect(page.locator("body")).not_to_contain_text("secret")
    assert page.evaluate("window.stayed") == 1
    shared_rig.release()
    expect(queue).to_contain_text(told("server.no_queue"))


def test_signing_out_ends_the_session_of_all_open_pages(shared_rig: Rig, visit: Visit) -> None:
    visitor = visit(shared_rig.server.url, shared_rig.new_key("dan"))
    visitor.allow("401")
    other = visitor.context.new_page()
    other.goto(visitor.url)
    expect(other.locator("#make")).to_be_visible()
    visitor.page.get_by_role("button", name=told("site.sign_out")).click()
    expect(visitor.page).to_have_url(f"{visitor.url}/sign-in")
    other.locator("#prompt").fill("a cat")
    other.locator("#make button.primary").click()
    expect(other).to_have_url(f"{visitor.url}/sign-in")
    assert [cookie["name"] for cookie in visitor.context.cookies()] == []
    assert urlsplit(visitor.go("").url).path == "/sign-in"


def test_a_wrong_key_is_told_at_its_field(shared_rig: Rig, visit: Visit) -> None:
    visitor = visit(shared_rig.server.url)
    visitor.allow("401")
    page = visitor.go()
    expect(page).to_have_url(f"{visitor.url}/sign-in")
    expect(page.locator("#key")).to_be_focused()
    page.locator("#key").fill("sk-wrong")
    page.get_by_role("button", name=told("sign_in.button")).click()
    expect(page.get_by_role("alert").filter(has_text=told("problem.invalid_key"))).to_be_visible()
    expect(page.locator("#key")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#key")).to_have_value("")
