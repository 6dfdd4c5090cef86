"""What an open page of the studio is told: of the tasks that it shows and of newer ones, the same as in a poll."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.sse import Told, events
from tests.integration.studio_site import Browser, Site, serving
from tests.integration.studio_site import told as text_of
from wanserve.domain.task import Task


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for all tests of this file, which have an account each."""
    with serving(Path(tmp_path_factory.mktemp("site"))) as served:
        yield served


@contextmanager
def stream(browser: Browser, *shown: Task, since_ms: int, last: str | None = None) -> Iterator[Iterator[Told]]:
    """The events of a page that was made at that time and shows these tasks."""
    query = [("since", str(since_ms)), *(("id", task.id) for task in shown)]
    headers = {} if last is None else {"last-event-id": last}
    with browser.http.stream(
        "GET", "/studio/events", params=httpx.QueryParams(tuple(query)), headers=headers
    ) as answer:
        assert answer.status_code == 200
        yield events(answer)


def test_a_page_is_told_of_its_tasks_and_of_newer_ones_and_not_of_the_rest_of_the_queue(site: Site) -> None:
    browser = site.signed_in("queue")
    queue = [site.submit("queue") for _ in range(5)]
    shown, since_ms = queue[2], site.core.tasks.store.now_ms() + 1
    with stream(browser, shown, since_ms=since_ms) as told_of:
        first = next(told_of)
        assert (first.data["id"], first.data["state"]) == (shown.id, "PENDING")
        while site.core.tasks.store.now_ms() < since_ms:
            pass
        newer = site.submit("queue")
        told = [first]

        def until(task: Task, state: str) -> None:
            while (told[-1].data["id"], told[-1].data["state"]) != (task.id, state):
                told.append(next(told_of))

        until(newer, "PENDING")
        for task in queue:
            site.core.tasks.cancel("queue", task.id)
        until(shown, "CANCELED")
        site.core.tasks.delete("queue", newer.id)
        until(newer, "DELETED")
        assert {each.data["id"] for each in told} == {shown.id, newer.id}


def test_the_html_of_an_event_is_that_of_the_page_and_of_a_poll_in_the_language_of_the_visitor(site: Site) -> None:
    browser = site.signed_in("words")
    browser.http.headers["accept-language"] = "zh"
    task = site.submit("words")
    with stream(browser, task, since_ms=task.submitted_ms) as told_of:
        html = next(told_of).data["html"]
    assert text_of("state.PENDING", "zh") in html
    assert browser.get(f"/studio/states?id={task.id}").json()["tasks"][0]["html"] == html
    assert html.strip() in browser.page(f"/video?id={task.id}")


def test_a_stream_that_is_resumed_tells_what_ended_meanwhile(site: Site) -> None:
    browser = site.signed_in("resumed")
    task = site.submit("resumed")
    with stream(browser, task, since_ms=0) as told_of:
        last = next(told_of).id
    site.core.tasks.cancel("resumed", task.id)
    with stream(browser, task, since_ms=0, last=str(last)) as told_of:
        assert next(told_of).data["state"] == "CANCELED"


@pytest.mark.parametrize("since", ["", "x", "-1", "9" * 30, "٣"])
def test_a_time_that_is_none_leaves_nothing_out(site: Site, since: str) -> None:
    account = f"since {since[:3]}"
    browser, task = site.signed_in(account), site.submit(account)
    with browser.http.stream("GET", "/studio/events", params={"since": since}) as answer:
        assert next(events(answer)).data["id"] == task.id


def test_an_end_is_told_once_although_the_worker_notes_later_that_it_has_stopped(site: Site) -> None:
    browser = site.signed_in("ends")
    task, other = site.submit("ends"), site.submit("ends")
    while (running := site.run()).id != task.id:
        pass
    with stream(browser, task, other, since_ms=0) as told_of:
        site.core.tasks.cancel("ends", task.id)
        states = [next(told_of).data]
        while states[-1]["state"] != "CANCELED":
            states.append(next(told_of).data)
        assert text_of("status.stops") in states[-1]["html"]
        assert site.core.tasks.note_freed(running)
        site.core.tasks.cancel("ends", other.id)
        after = [next(told_of).data]
        while after[-1]["state"] != "CANCELED":
            after.append(next(told_of).data)
        assert {each["id"] for each in after} == {other.id}
    assert text_of("status.freed") in browser.page(f"/studio/status?id={task.id}")
