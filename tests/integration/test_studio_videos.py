"""What is done with videos in the studio: watch, share, compare, cancel and delete them; and what the owner sees of all."""

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.integration.studio_site import MODEL, VIDEO_BYTES, Browser, Site, serving, told
from wanserve.domain.progress import Heartbeat, Progress, Stage
from wanserve.domain.search import Search
from wanserve.domain.task import State, Task
from wanserve.overview import Overview, Running


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path) as opened:
        yield opened


@pytest.fixture
def ann(site: Site) -> Browser:
    return site.signed_in("ann")


def tasks(site: Site, account: str = "ann") -> list[Task]:
    """All tasks of an account, oldest first."""
    return list(site.core.tasks.search(account, Search(oldest_first=True)).tasks)


@pytest.mark.parametrize("partial", [{}, {"hx_request": "true"}], ids=["whole", "part"])
def test_again_makes_the_same_video_or_one_with_another_seed_each_time(
    site: Site, ann: Browser, partial: dict[str, str]
) -> None:
    task = site.video("ann", "a red cat", seed=77)
    for seed in ("same", "same", "other", ""):
        answer = ann.post(f"/studio/tasks/{task.id}/again", {"seed": seed}, **partial)
        newest = tasks(site)[-1]
        place = answer.headers["hx-redirect"] if partial else answer.headers["location"]
        assert place == ("" if partial else "../../../") + f"video?id={newest.id}"
        assert newest.state is State.PENDING
        assert replace(newest.generation, seed=77) == task.generation
        assert (newest.generation.seed == 77) is (seed == "same")
    assert len(tasks(site)) == 5


def test_canceling_shows_the_task_as_it_is_then(site: Site, ann: Browser) -> None:
    whole, part = site.submit("ann"), site.submit("ann")
    answer = ann.post(f"/studio/tasks/{whole.id}/cancel")
    assert (answer.status_code, answer.headers["location"]) == (303, f"../../../video?id={whole.id}")
    for shown in ("card", "panel"):
        said = ann.post(f"/studio/tasks/{part.id}/cancel", {"as": shown}, hx_request="true")
        if shown == "card":
            assert said.status_code == 200
            assert told("status.never_ran") in said.text
        else:
            assert said.status_code == 409, "it has ended"
    assert {task.state for task in tasks(site)} == {State.CANCELED}


def test_canceling_what_runs_says_that_the_device_is_free_soon(site: Site, ann: Browser) -> None:
    site.submit("ann")
    running = site.run()
    said = ann.post(f"/studio/tasks/{running.id}/cancel", {"as": "panel"}, hx_request="true")
    assert told("status.stops") in said.text
    assert not site.core.tasks.renew(running, Heartbeat(Progress(0.5, Stage.DENOISE)))


def test_deleting_leads_away_from_a_page_that_is_gone(site: Site, ann: Browser) -> None:
    whole, card, page = site.video(), site.video(), site.video()
    answer = ann.post(f"/studio/tasks/{whole.id}/delete")
    assert (answer.status_code, answer.headers["location"]) == (303, "../../../")
    on_wall = ann.post(f"/studio/tasks/{card.id}/delete", {"as": "card"}, hx_request="true")
    assert (on_wall.status_code, on_wall.text, on_wall.headers.get("hx-redirect")) == (200, "", None)
    of_page = ann.post(f"/studio/tasks/{page.id}/delete", hx_request="true")
    assert of_page.headers["hx-redirect"] == "./"
    assert tasks(site) == []
    assert ann.post(f"/studio/tasks/{page.id}/delete").status_code == 404


def shared(ann: Browser, task: Task, hours: str = "1") -> str:
    answer = ann.post(f"/studio/tasks/{task.id}/share", {"hours": hours}, hx_request="true")
    assert answer.status_code == 200, answer.text
    link = re.search(r'value="(http[^"]+)"', answer.text)
    assert link
    return unescape(link[1])


def test_a_shared_link_needs_no_session_and_cannot_be_changed(site: Site, ann: Browser) -> None:
    task, other = site.video(), site.video()
    link, stranger = shared(ann, task), site.browser()
    assert link.startswith(f"{site.url}/files/")
    assert stranger.get(link).content == VIDEO_BYTES
    assert "no-store" not in stranger.get(link).headers.get("cache-control", "")
    for wrong in (
        link.replace(task.id, other.id),
        link + "0",
        re.sub(r"expires=\d+", "expires=9999999999", link),
        link.partition("?")[0],
    ):
        assert stranger.get(wrong).status_code == 403
    ann.post(f"/studio/tasks/{task.id}/delete")
    assert stranger.get(link).status_code == 404


@pytest.mark.parametrize(("hours", "at_most"), [("1", 3600), ("24", 24 * 3600), ("168", 24 * 3600)])
def test_a_shared_link_is_valid_as_long_as_was_chosen_and_no_longer_than_the_video(
    site: Site, ann: Browser, hours: str, at_most: int
) -> None:
    task = site.video()
    expires = re.search(r"expires=(\d+)", urlsplit(shared(ann, task, hours)).query)
    assert expires
    valid_s = int(expires[1]) - site.core.tasks.store.now_ms() / 1000
    assert at_most - 120 < valid_s <= at_most


@pytest.mark.parametrize("hours", ["", "0", "2", "x", "-1", "1e3"])
def test_no_other_time_can_be_chosen(site: Site, ann: Browser, hours: str) -> None:
    assert ann.post(f"/studio/tasks/{site.video().id}/share", {"hours": hours}).status_code == 400


def test_what_has_no_video_cannot_be_shared_or_compared(site: Site, ann: Browser) -> None:
    made, waiting = site.video(), site.submit()
    assert ann.post(f"/studio/tasks/{waiting.id}/share", {"hours": "1"}).status_code == 404
    assert ann.get(f"/compare?id={made.id}&id={waiting.id}").status_code == 404
    assert ann.get(f"/studio/tasks/{waiting.id}/video.mp4").status_code == 404


def test_two_to_four_videos_are_compared_by_what_differs(site: Site, ann: Browser) -> None:
    made = [site.video("ann", f"cat {number % 2}", seed=number) for number in range(5)]
    for count in (2, 4):
        page = ann.page("/compare?" + "&".join(f"id={task.id}" for task in made[:count]))
        assert page.count("<video ") == count
        assert re.findall(r'<th scope="row">([^<]+)', page) == [told("setting.prompt"), told("setting.seed")]
    for ids in (made[:1], made, [made[0], made[0]]):
        assert ann.get("/compare?" + "&".join(f"id={task.id}" for task in ids)).status_code == 400
    alike = [site.video("ann", "a cat", seed=1) for _ in range(2)]
    assert told("compare.same") in ann.page("/compare?" + "&".join(f"id={task.id}" for task in alike))


def test_the_owners_page_tells_of_all_accounts_and_nothing_of_prompts(site: Site, ann: Browser) -> None:
    site.core.keys.set_owner("ann", owner=True)
    bob = site.signed_in("bob")
    site.video("bob", "a secret prompt")
    site.failed("bob", "a secret prompt")
    site.submit("bob", "a secret prompt")
    running = site.run()
    site.submit("bob", "a secret prompt")
    site.core.tasks.renew(running, Heartbeat(Progress(0.5, Stage.DENOISE, 3, 50)))
    for headers in ({}, {"hx_request": "true"}):
        page = ann.page("/server", **headers)
        assert "secret" not in page
        assert "bob" in page
        assert ("<html" in page) is (not headers)
    assert 'href="server"' in ann.page("/")
    assert 'href="server"' not in bob.page("/")
    assert bob.get("/server").status_code == 404


def test_the_overview_has_no_place_for_a_prompt(site: Site) -> None:
    site.submit("bob", "a secret prompt")
    running = site.run()
    now = Overview(site.core.tasks, site.core.overview, lambda: None).now()
    assert now.running == {"worker": Running("bob", MODEL, running.stage, 0, 0, 0.0)}
    assert "secret" not in repr(now)
    assert "prompt" not in {field.name for field in fields(Running)}
    assert [(lane.account, lane.waiting, lane.running) for lane in now.lanes] == [("bob", 0, 1)]


@pytest.mark.parametrize("public", [None, "https://video.example/wan"])
def test_code_and_links_begin_with_the_public_url_or_else_as_the_browser_sees_the_server(
    tmp_path: Path, public: str | None
) -> None:
    with serving(tmp_path, public_url=public) as site:
        ann, task = site.signed_in(), site.video()
        base = public or site.url
        page = ann.page(f"/video?id={task.id}")
        shared = ann.post(f"/studio/tasks/{task.id}/share", {"hours": "1"}, hx_request="true").text
        assert f"curl -X POST {base}/v1/videos" in page
        assert f'value="{base}/files/videos/{task.id}/1.mp4?expires=' in shared
        # The script replaces what the server could only guess, and nothing that its owner has set.
        for text in (page, shared):
            assert (f'data-base="{site.url}"' in text) is (public is None)
            assert ("data-base" in text) is (public is None)
