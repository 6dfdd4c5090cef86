"""What holds for every route of the studio: who gets in, what it comes with, and that it shows nobody another's tasks."""

import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urljoin

import httpx
import pytest
from starlette.routing import Route

from tests.integration.studio_site import ROUTES, Browser, Site, is_public, routes, serving, told
from wanserve.domain.task import Task
from wanserve.http.dialects.base import MAX_BODY_BYTES
from wanserve.studio.rendering import HEADERS, asset

GETS, POSTS = routes("GET"), routes("POST")
OPEN_STREAM: Final = "/studio/events"
"""Its answer has no end."""

HTML: Final = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>"

FIELDS: Final = {
    "once": "0b7a0e0e-3d3b-4a5e-9f5e-000000000000",
    "prompt": "a cat",
    "takes": "1",
    "hours": "1",
    "language": "zh",
    "key": "sk-none",
}
"""A form with which each route would do something."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


@pytest.fixture(scope="module")
def ann(site: Site) -> Browser:
    return site.signed_in("ann")


@pytest.fixture(scope="module")
def video(site: Site, ann: Browser) -> Task:
    return site.video("ann", "ann's own prompt")


@pytest.fixture(scope="module")
def second(site: Site, ann: Browser) -> Task:
    return site.video("ann", "ann's second prompt")


@pytest.fixture(scope="module")
def eve(site: Site) -> Browser:
    return site.signed_in("eve")


def path_of(route: Route, task_id: str = "none") -> str:
    return route.path.format(task_id=task_id, name="video.mp4")


def of_page(route: Route) -> str:
    return f"{next(iter(sorted(route.methods or ())))} {route.path}"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("route", GETS, ids=of_page)
def test_without_a_session_every_page_leads_to_the_one_where_one_signs_in(
    site: Site, route: Route, method: str
) -> None:
    answer = site.browser().http.request(method, path_of(route))
    if is_public(route):
        assert (route.path, answer.status_code) == ("/sign-in", 200)
        return
    assert answer.status_code == 303
    # As a browser resolves it, so that it is right under any prefix.
    assert not answer.headers["location"].startswith(("/", "http"))
    assert urljoin(f"/some/prefix{path_of(route)}", answer.headers["location"]) == "/some/prefix/sign-in"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if route in GETS + POSTS and not is_public(route)], ids=of_page
)
def test_without_a_session_a_part_of_a_page_leads_the_whole_page_there(site: Site, route: Route) -> None:
    method = "GET" if route in GETS else "POST"
    answer = site.browser().http.request(method, path_of(route), headers={"hx-request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"], answer.text) == (401, "sign-in", "")


@pytest.mark.parametrize("prefix", ["", "/some/prefix"])
@pytest.mark.parametrize("route", POSTS, ids=of_page)
def test_a_page_that_answers_a_form_loads_its_files_and_leads_on_under_any_prefix(
    ann: Browser, route: Route, prefix: str
) -> None:
    """The paths of forms lie deeper than the pages, and without scripts their answers are whole pages."""
    answer = ann.http.post(path_of(route), data=FIELDS)
    place = f"https://our.example{prefix}{path_of(route)}"
    base = re.search(r'<base href="([^"]+)">', answer.text)
    place = urljoin(place, base[1]) if base else place
    assert "<html" in answer.text
    links = re.findall(r'(?:href|src|action)="([^"#][^"]*)"', answer.text)
    assert f"https://our.example{prefix}/{asset('studio.css')}" in {urljoin(place, link) for link in links}
    assert f"https://our.example{prefix}/" in {urljoin(place, link) for link in links}
    assert answer.text.index("<base") < answer.text.index("href=") + len('href="') if base else True


def assert_changes_nothing(
    site: Site, browser: Browser, path: str, fields: dict[str, str], **headers: str
) -> httpx.Response:
    before = site.kept()
    answer = browser.http.post(
        path, data=fields, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    assert site.kept() == before
    assert "set-cookie" not in answer.headers
    return answer


@pytest.mark.parametrize("route", POSTS, ids=of_page)
def test_every_form_without_the_token_of_its_session_is_refused_and_changes_nothing(
    site: Site, ann: Browser, eve: Browser, video: Task, route: Route
) -> None:
    path = path_of(route, video.id)
    tokens: list[dict[str, str]] = [{}, {"csrf_token": ""}, {"csrf_token": "0" * 32}, {"csrf_token": eve.token()}]
    for token in tokens:
        for headers in ({}, {"hx_request": "true"}, {"x_csrf_token": eve.token()}, {"sec_fetch_site": "same-origin"}):
            answer = assert_changes_nothing(site, ann, path, FIELDS | token, **headers)
            assert answer.status_code == 403, answer.text
            assert told("problem.foreign_request") in answer.text


@pytest.mark.parametrize("origin", ["cross-site", "same-site"])
@pytest.mark.parametrize("route", POSTS, ids=of_page)
def test_every_form_of_another_site_is_refused_even_with_the_token(
    site: Site, ann: Browser, video: Task, route: Route, origin: str
) -> None:
    path = path_of(route, video.id)
    token = {"csrf_token": ann.token()}
    answer = assert_changes_nothing(site, ann, path, FIELDS | token, sec_fetch_site=origin)
    assert (answer.status_code, told("problem.foreign_request") in answer.text) == (403, True)
    if is_public(route):
        answer = assert_changes_nothing(site, site.browser(), path, FIELDS, sec_fetch_site=origin)
        assert answer.status_code == 403


@pytest.mark.parametrize("route", [route for route in POSTS if not is_public(route)], ids=of_page)
def test_every_form_without_a_session_changes_nothing(site: Site, video: Task, route: Route) -> None:
    answer = assert_changes_nothing(site, site.browser(), path_of(route, video.id), FIELDS)
    assert answer.status_code == 303
    assert urljoin(path_of(route), answer.headers["location"]) == "/sign-in"


def asked(site: Site, browser: Browser, route: Route, task: Task, other: Task, **headers: str) -> httpx.Response:
    """The answer of a GET that names this task, and another where it needs two."""
    query = f"?id={task.id}" + (f"&id={other.id}" if route.path == "/compare" else "")
    path = path_of(route, task.id) + (query if "{task_id}" not in route.path else "")
    with browser.http.stream("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()}) as answer:
        if route.path != OPEN_STREAM:
            answer.read()
        return answer


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("partial", [{}, {"hx_request": "true"}], ids=["whole", "part"])
@pytest.mark.parametrize("route", GETS, ids=of_page)
def test_every_answer_with_html_has_the_headers_that_keep_it_safe(
    site: Site, ann: Browser, video: Task, second: Task, route: Route, partial: dict[str, str], language: str
) -> None:
    for browser in (ann, site.browser()):
        answer = asked(site, browser, route, video, second, accept_language=language, **partial)
        assert answer.status_code < 500
        if answer.headers.get("content-type", "").startswith("text/html"):
            assert HEADERS.items() <= dict(answer.headers).items()
            assert "set-cookie" not in answer.headers
            assert "style=" not in answer.text
            assert " on" not in {
                attribute[:3] for attribute in answer.text.split("<")[1:] if attribute.startswith(" on")
            }


@pytest.mark.parametrize("route", [route for route in GETS if route.path != OPEN_STREAM], ids=of_page)
def test_head_is_answered_as_get_is_without_a_body(
    site: Site, ann: Browser, video: Task, second: Task, route: Route
) -> None:
    got = asked(site, ann, route, video, second)
    head = ann.http.head(str(got.request.url))
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers.get("content-type") == got.headers.get("content-type")


@pytest.mark.parametrize("partial", [{}, {"hx_request": "true"}], ids=["whole", "part"])
@pytest.mark.parametrize("route", [route for route in GETS if route.path != OPEN_STREAM], ids=of_page)
def test_nobody_is_shown_another_accounts_task(
    site: Site, eve: Browser, video: Task, second: Task, route: Route, partial: dict[str, str]
) -> None:
    answer = asked(site, eve, route, video, second, **partial)
    if "{task_id}" in route.path or route.path in ("/video", "/compare", "/studio/task", "/studio/status"):
        assert answer.status_code == 404
    named = eve.get(f"{path_of(route, video.id)}?id={video.id}&from={video.id}&same_seed=1&after={video.id}", **partial)
    restored = eve.get(
        f"{path_of(route, video.id)}?restore=1&model=wan2.2-t2v-plus&size=640*480&seconds=5&seed={video.generation.seed}"
    )
    for text in (answer.text, named.text, restored.text):
        assert "own prompt" not in text
        assert str(video.generation.seed) not in text.replace(f'value="{video.generation.seed}"', "")


@pytest.mark.parametrize("partial", [{}, {"hx_request": "true"}], ids=["whole", "part"])
@pytest.mark.parametrize("route", [route for route in POSTS if "{task_id}" in route.path], ids=of_page)
def test_nobody_does_anything_with_another_accounts_task(
    site: Site, eve: Browser, video: Task, route: Route, partial: dict[str, str]
) -> None:
    waiting = site.submit("ann", "ann's own prompt")
    before = site.kept()
    for task in (video, waiting):
        answer = eve.post(path_of(route, task.id), {"hours": "1"}, **partial)
        assert answer.status_code == 404, answer.text
        assert "own prompt" not in answer.text
    assert site.kept() == before
    site.core.tasks.delete("ann", waiting.id)


def test_the_states_of_another_accounts_tasks_are_those_of_tasks_that_are_gone(
    site: Site, ann: Browser, eve: Browser, video: Task
) -> None:
    assert eve.get(f"/studio/states?id={video.id}&id=none").json() == {
        "tasks": [{"id": video.id, "state": "DELETED"}, {"id": "none", "state": "DELETED"}]
    }
    (said,) = ann.get(f"/studio/states?id={video.id}").json()["tasks"]
    assert (said["id"], said["state"]) == (video.id, "SUCCEEDED")


def test_the_stream_tells_each_account_of_its_own_tasks_only(site: Site, ann: Browser, eve: Browser) -> None:
    theirs, own = site.submit("ann", "ann's own prompt"), site.submit("eve", "eve's own prompt")
    with eve.http.stream("GET", OPEN_STREAM, headers={"accept-language": "zh-CN"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        said = next(json.loads(line[6:]) for line in answer.iter_lines() if line.startswith("data: "))
    assert (said["id"], said["state"]) == (own.id, "PENDING")
    assert told("state.PENDING", "zh") in said["html"]
    for account, task in (("ann", theirs), ("eve", own)):
        site.core.tasks.delete(account, task.id)


@pytest.mark.parametrize(("accepted", "language"), [("en-US", "en"), ("zh-CN", "zh")])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/video?id=none", 404),
        ("/video", 404),
        ("/compare", 400),
        ("/compare?id=a", 400),
        ("/server", 404),
        ("/?after=none", 400),
    ],
)
def test_an_error_is_a_page_in_the_visitors_language(
    ann: Browser, path: str, status: int, accepted: str, language: str
) -> None:
    answer = ann.get(path, accept_language=accepted)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert f"<h1>{told('error.title', language)}</h1>" in answer.text
    assert "Traceback" not in answer.text
    part = ann.get(path, accept_language=accepted, hx_request="true")
    assert (part.status_code, "<html" in part.text) == (status, False)
    assert 'role="alert"' in part.text


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"prompt=" + b"x" * MAX_BODY_BYTES, "application/x-www-form-urlencoded", 400),
        (b'{"prompt": "\xe7\x8c\xab"}', "application/json", 400),
        (b"prompt=%FF", "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (
            b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na cat\r\n--x--',
            "multipart/form-data; boundary=x",
            403,
        ),
    ],
    ids=["too large", "JSON", "not UTF-8", "not text", "multipart"],
)
def test_a_form_that_cannot_be_read_is_refused_as_a_page_and_makes_nothing(
    site: Site, ann: Browser, content: bytes, content_type: str, status: int
) -> None:
    before = site.kept()
    answer = ann.http.post("/studio/make", content=content, headers={"content-type": content_type})
    assert answer.status_code == status
    assert f"<h1>{told('error.title')}</h1>" in answer.text
    assert "Traceback" not in answer.text
    assert site.kept() == before


def test_a_compressed_form_is_refused(site: Site, ann: Browser) -> None:
    answer = ann.http.post("/studio/make", content=b"x", headers={"content-encoding": "gzip"})
    assert 400 <= answer.status_code < 500
    assert "<h1>" in answer.text


def test_a_prompt_of_html_is_text_wherever_it_is_shown(site: Site, ann: Browser) -> None:
    tasks = [
        site.failed("ann", HTML, why=HTML),
        site.video("ann", HTML, actual_prompt=HTML, notes=(HTML,), profile=HTML, scene=json.dumps({"unknown": [HTML]})),
        site.video("ann", f"{HTML} again"),
        site.submit("ann", HTML),
    ]
    ids = [task.id for task in tasks]
    paths = [
        "/",
        "/studio/wall",
        f"/compare?id={ids[1]}&id={ids[2]}",
        f"/?from={ids[1]}&text={httpx.QueryParams({'x': HTML})}",
    ]
    paths += [f"/video?id={task_id}" for task_id in ids] + [f"/studio/task?id={task_id}&as=panel" for task_id in ids]
    paths.append(f"/?{httpx.QueryParams({'text': HTML, 'of': HTML, 'state': HTML})}")
    paths.append(f"/?{httpx.QueryParams({'restore': '1', 'prompt': HTML, 'model': HTML, 'seed': HTML, 'size': HTML})}")
    pages = [ann.page(path) for path in paths]
    refused = ann.make(HTML, negative_prompt=HTML, seed=HTML, model=HTML, size=HTML, seconds=HTML, takes=HTML)
    pages += [refused.text, ann.make(HTML).text, ann.get(f"/video?{httpx.QueryParams({'id': HTML})}").text]
    pages += [state["html"] for state in ann.get(f"/studio/states?id={ids[0]}&id={ids[3]}").json()["tasks"]]
    assert all("alert" in page for page in pages[:3])
    for page in pages:
        assert "<script>" not in page
        assert "<img src=x" not in page
    for task in site.core.tasks.unfinished():
        site.core.tasks.delete("ann", task.id)


def test_a_method_that_a_page_does_not_have_is_refused(site: Site, ann: Browser) -> None:
    for route in ROUTES:
        refused = ann.http.put(route.path.format(task_id="x", name="x", version="x"))
        # The API's first dialect writes what no page has an answer for.
        assert refused.status_code == 404
        assert set(refused.headers["allow"].split(", ")) >= (route.methods or set())


def test_the_skip_link_of_a_page_that_lies_deeper_stays_on_it(site: Site) -> None:
    ann = site.signed_in("deeper")
    page = ann.get("/studio/tasks/none/video.mp4").text
    assert '<base href="../../../">' in page
    assert '<a class="skip" href="studio/tasks/none/video.mp4#content">' in page
    assert '<a class="skip" href="#content">' in ann.page("/")
