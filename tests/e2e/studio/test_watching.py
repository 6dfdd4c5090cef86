"""An open page is told of everything, without a reload: progress, the end, a cancel, other clients, a server that was away."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import CDPSession, Route, expect

from tests.e2e.faults.harness import Rig
from tests.e2e.studio.browsing import Visitor, playing, told
from tests.e2e.studio.conftest import Visit


def stay(visitor: Visitor) -> None:
    """Mark the page, so that a reload would be seen."""
    visitor.page.evaluate("window.stayed = 1")


def assert_stayed(visitor: Visitor) -> None:
    assert visitor.page.evaluate("window.stayed") == 1


def delete_by_api(made: Rig, task_id: str) -> None:
    video = f"{made.server.url}/v1/videos/video_{task_id.replace('-', '')}"
    answer = made.server.http.delete(video, headers={"Authorization": f"Bearer {made.server.key}"})
    assert answer.status_code == 200, answer.text


def test_progress_is_shown_live_and_the_finished_video_plays_by_itself(own_rig: Rig, visit: Visit) -> None:
    visitor = visit(own_rig.server.url, own_rig.server.key)
    page = visitor.page
    stay(visitor)
    own_rig.hold()
    task_id = visitor.make("hold a kite", size="640*480")
    for status in page.locator(f'[data-status="{task_id}"]').all():
        expect(status.locator(".state")).to_contain_text(told("stage.denoise"))
        expect(status.locator("progress")).to_have_attribute("value", "50.0")
    assert page.locator(f'[data-status="{task_id}"]').count() == 2, "where it is watched, and on the wall"
    own_rig.release()
    playing(page)
    expect(page.locator(f"#card-{task_id}")).to_have_attribute("data-state", "SUCCEEDED")
    expect(page.locator("#announce")).to_have_text(told("state.SUCCEEDED"))
    assert page.locator(f"#card-{task_id}").count() == 1
    assert_stayed(visitor)


def test_a_cancel_stops_the_engine_and_says_when_the_device_is_free(own_rig: Rig, visit: Visit) -> None:
    visitor = visit(own_rig.server.url, own_rig.server.key)
    page = visitor.page
    own_rig.hold()
    task_id = visitor.make("hold a kite", size="640*480")
    own_rig.until_progress(task_id)
    stay(visitor)
    page.locator("#stage").get_by_role("button", name=told("video.cancel")).click()
    expect(page.locator("#stage .state")).to_contain_text(told("state.CANCELED"))
    expect(page.locator("#stage")).to_contain_text(told("status.freed"))
    expect(page.locator(f"#card-{task_id}")).to_have_attribute("data-state", "CANCELED")
    assert own_rig.row("state", task_id) == "CANCELED"
    # The engine takes the next task, while the canceled one would still be held.
    own_rig.assert_made_once(own_rig.accept("a dog"))
    assert_stayed(visitor)


def test_a_task_that_waits_is_canceled_before_it_begins(own_rig: Rig, visit: Visit) -> None:
    own_rig.accept_held()
    waiting = own_rig.accept("a cat that waits")
    page = visit(own_rig.server.url, own_rig.server.key).go(f"video?id={waiting}")
    expect(page.locator(".watch .state")).to_contain_text(told("state.PENDING"))
    page.get_by_role("button", name=told("video.cancel")).click()
    expect(page.locator(".watch")).to_contain_text(told("status.never_ran"))
    assert own_rig.row("state", waiting) == "CANCELED"
    own_rig.release()


def test_a_page_goes_on_by_itself_after_the_server_was_killed(own_rig: Rig, visit: Visit) -> None:
    visitor = visit(own_rig.server.url, own_rig.server.key)
    page, port = visitor.page, urlsplit(own_rig.server.url).port
    own_rig.hold()
    task_id = visitor.make("hold a kite", size="640*480")
    own_rig.until_progress(task_id)
    stay(visitor)
    for gone in (
        "ERR_CONNECTION_REFUSED",
        "ERR_INCOMPLETE_CHUNKED_ENCODING",
        "ERR_CONNECTION_RESET",
        "Failed to fetch",
    ):
        visitor.allow(gone)
    own_rig.kill()
    expect(page.locator("[data-offline]")).to_be_visible()
    expect(page.locator("[data-offline]")).to_have_text(told("error.offline"))
    own_rig.start("--port", str(port))
    expect(page.locator("[data-offline]")).to_be_hidden()
    own_rig.release()
    playing(page)
    expect(page.locator(f"#card-{task_id}")).to_have_attribute("data-state", "SUCCEEDED")
    assert_stayed(visitor)
    own_rig.assert_made_once(task_id)


def test_a_closed_tab_changes_nothing_and_a_new_one_shows_the_same(own_rig: Rig, visit: Visit) -> None:
    visitor = visit(own_rig.server.url, own_rig.server.key)
    own_rig.hold()
    task_id = visitor.make("hold a kite", size="640*480")
    visitor.page.close()
    visitor.page = visitor.context.new_page()
    page = visitor.go()
    expect(page.locator("#stage .state")).to_contain_text(told("state.RUNNING"))
    visitor.page.close()
    own_rig.release()
    own_rig.assert_made_once(task_id)
    visitor.page = visitor.context.new_page()
    page = visitor.go()
    playing(page)
    expect(page.locator(f"#card-{task_id}")).to_have_attribute("data-state", "SUCCEEDED")


def test_what_a_program_does_is_seen_on_an_open_wall(own_rig: Rig, visit: Visit) -> None:
    visitor = visit(own_rig.server.url, own_rig.server.key)
    page = visitor.page
    expect(page.locator("#wall .empty")).to_be_visible()
    stay(visitor)
    task_id = own_rig.accept_held("hold what a program asks for")
    card = page.locator(f"#card-{task_id}")
    expect(card).to_contain_text("hold what a program asks for")
    expect(card).to_have_attribute("data-state", "RUNNING")
    delete_by_api(own_rig, task_id)
    expect(card).to_have_count(0)
    own_rig.release()
    made = own_rig.accept("what is finished")
    expect(page.locator(f"#card-{made} img")).to_be_visible()
    assert_stayed(visitor)


def test_a_failure_is_told_with_its_reason(own_rig: Rig, visit: Visit) -> None:
    visitor = visit(own_rig.server.url, own_rig.server.key)
    task_id = visitor.make("engine-failed at this", size="640*480")
    for part in (f"#card-{task_id}", "#stage"):
        expect(visitor.page.locator(part)).to_contain_text(told("state.FAILED"))
        expect(visitor.page.locator(part)).to_contain_text("this prompt cannot be drawn")


def test_a_task_that_ends_before_its_card_is_there_is_shown_as_ended(own_rig: Rig, visit: Visit) -> None:
    visitor = visit(own_rig.server.url, own_rig.server.key)
    page, other = visitor.page, visitor.context.new_page()
    other.goto(visitor.url)
    expect(other.locator("#wall")).to_be_visible()

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        # Both pages are told at the same time.
        expect(other.locator("#wall > .card")).to_have_attribute("data-state", "SUCCEEDED")
        route.fulfill(response=answer)

    page.route("**/studio/make", answer_late)
    task_id = visitor.make("grey at once", size="640*480")
    expect(page.locator(f"#card-{task_id}")).to_have_attribute("data-state", "SUCCEEDED")
    playing(page)


def test_a_task_that_ends_before_the_stream_begins_is_shown_as_ended(own_rig: Rig, visit: Visit) -> None:
    task_id = own_rig.accept_held()
    visitor = visit(own_rig.server.url, own_rig.server.key)
    page = visitor.context.new_page()

    def begin_late(route: Route) -> None:
        own_rig.release()
        own_rig.until_ended(task_id)
        route.continue_()

    page.route("**/studio/events*", begin_late)
    page.goto(visitor.url)
    expect(page.locator(f"#card-{task_id}")).to_have_attribute("data-state", "SUCCEEDED")


@pytest.mark.parametrize("place", ["", "video?id={}"], ids=["first page", "video"])
def test_an_open_page_whose_key_is_revoked_leads_to_where_one_signs_in(own_rig: Rig, visit: Visit, place: str) -> None:
    key = own_rig.new_key("ann")
    made = own_rig.accept("grey", key)
    own_rig.assert_made_once(made)
    open_page, acting = (visit(own_rig.server.url, key) for _ in range(2))
    for visitor in (open_page, acting):
        visitor.allow("401")
        # The stream connects again, and is led to where one signs in.
        visitor.allow("MIME type")
    open_page.go(place.format(made))
    own_rig.command("keys", "revoke", "ann")
    # One that does something, and one that is only looked at.
    acting.page.locator("#prompt").fill("a cat")
    acting.page.locator("#make button.primary").click()
    for visitor in (acting, open_page):
        expect(visitor.page).to_have_url(f"{own_rig.server.url}/sign-in")
        expect(visitor.page.locator("#key")).to_be_visible()
    assert own_rig.rows("SELECT id FROM tasks") == [(made,)]


def test_a_page_in_the_background_is_told_what_it_missed_when_it_is_seen_again(own_rig: Rig, visit: Visit) -> None:
    """It closes its stream meanwhile: browsers allow a server six connections."""
    visitor = visit(own_rig.server.url, own_rig.server.key)
    own_rig.hold()
    task_id = visitor.make("hold a kite", size="640*480")
    card = visitor.page.locator(f"#card-{task_id}")
    expect(card).to_have_attribute("data-state", "RUNNING")
    session = visitor.context.new_cdp_session(visitor.page)
    page_is_hidden(session, "true")
    own_rig.release()
    own_rig.until_ended(task_id)
    expect(card).to_have_attribute("data-state", "RUNNING")
    page_is_hidden(session, "false")
    expect(card).to_have_attribute("data-state", "SUCCEEDED")


def page_is_hidden(session: CDPSession, hidden: str) -> None:
    """Tell the page that it is in the background, or no longer: a browser without windows has none."""
    is_so = f"Object.defineProperty(document, 'hidden', {{configurable: true, get: () => {hidden}}})"
    session.send("Runtime.evaluate", {"expression": f"{is_so}; document.dispatchEvent(new Event('visibilitychange'))"})
