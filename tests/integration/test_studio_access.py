"""Signing in to the studio, by a link and by a key, and out: whose browser may see what, and for how long."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest

from tests.integration.studio_site import Browser, Site, serving, told
from wanserve.core import Core
from wanserve.keys import fingerprint
from wanserve.server import loopback_url, make_first_key
from wanserve.sessions import LINK_SECONDS, SESSION_SECONDS
from wanserve.studio.signing_in import FORWARDED


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path) as opened:
        yield opened


def cookie_of(site: Site) -> str:
    """The name of its session's cookie, which browsers keep for every port of a machine."""
    return f"wanserve_session_{urlsplit(site.url).port}"


def link_of(site: Site, secret: str) -> str:
    return f"/sign-in?link={site.core.sessions.offer_link(fingerprint(secret))}"


def attributes(answer: httpx.Response) -> dict[str, str]:
    """What the only cookie of an answer comes with, its name among it, in lower case."""
    (cookie,) = answer.headers.get_list("set-cookie")
    pairs = (part.partition("=") for part in cookie.split(";"))
    return {name.strip().lower(): value for name, _, value in pairs}


def assert_signed_in(browser: Browser, account: str) -> None:
    assert f'<span class="name">{account}</span>' in browser.page("/")


def assert_signed_out(browser: Browser) -> None:
    answer = browser.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "sign-in")


def test_a_key_signs_in_and_its_browser_keeps_a_session_that_no_script_can_read(site: Site) -> None:
    browser = site.browser()
    answer = browser.sign_in(f" {site.key('ann')}\n")
    assert (answer.status_code, answer.headers["location"]) == (303, "./")
    kept = attributes(answer)
    assert len(kept.pop(cookie_of(site))) >= 43, "256 random bits"
    assert kept == {"httponly": "", "samesite": "lax", "max-age": str(SESSION_SECONDS)}, "and no path and no domain"
    assert_signed_in(browser, "ann")
    assert browser.get("/sign-in").headers["location"] == "./", "who is signed in needs no form"


@pytest.mark.parametrize("sent", ["", "  ", "sk-wrong", "é", "'; --", "x" * 5000])
def test_a_wrong_key_signs_nobody_in(site: Site, sent: str) -> None:
    site.key("ann")
    browser, before = site.browser(), site.kept()
    answer = browser.sign_in(sent)
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "set-cookie" not in answer.headers
    assert sent not in answer.text or not sent.strip()
    assert site.kept() == before
    assert_signed_out(browser)


def test_the_cookie_is_sent_by_tls_only_where_the_browser_came_by_tls(site: Site) -> None:
    secret = site.key("ann")
    for proto, secure in (("https", True), ("http", False)):
        by_key = site.browser().http.post("/sign-in", data={"key": secret}, headers={"x-forwarded-proto": proto})
        assert ("secure" in attributes(by_key)) is secure
    for scheme, secure in (("https", True), ("http", False)):
        path, _, query = link_of(site, secret).partition("?")
        said = site.ask(path, query, scheme=scheme)
        assert said.status == 303
        assert ("; secure" in said.headers["set-cookie"].lower()) is secure


def test_a_link_signs_one_browser_in(site: Site) -> None:
    link = link_of(site, site.key("ann"))
    browser, other = site.browser(), site.browser()
    answer = browser.get(link)
    assert (answer.status_code, answer.headers["location"]) == (303, "./")
    assert set(attributes(answer)) == {cookie_of(site), "httponly", "samesite", "max-age"}
    assert_signed_in(browser, "ann")
    assert browser.get(link).headers["location"] == "./", "whose browser used it gets the same page again"
    refused = other.get(link)
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    assert told("problem.sign_in_link_invalid") in refused.text
    assert_signed_out(other)


def test_a_link_expires(site: Site) -> None:
    link, browser = link_of(site, site.key("ann")), site.browser()
    site.core.sessions.now_s = lambda: time.monotonic() + LINK_SECONDS
    assert browser.get(link).status_code == 403
    assert_signed_out(browser)


@pytest.mark.parametrize("address", ["192.168.1.2", "8.8.8.8", "fe80::1"])
def test_a_link_is_for_this_machine_only_and_stays_valid_for_it(site: Site, address: str) -> None:
    path, _, query = link_of(site, site.key("ann")).partition("?")
    said = site.ask(path, query, client=address)
    assert (said.status, "set-cookie" in said.headers) == (403, False)
    assert told("problem.sign_in_link_invalid") in said.text
    browser = site.browser()
    assert browser.get(f"{path}?{query}").status_code == 303
    assert_signed_in(browser, "ann")


@pytest.mark.parametrize("header", FORWARDED)
def test_a_link_that_comes_through_a_proxy_signs_nobody_in(site: Site, header: str) -> None:
    link, browser = link_of(site, site.key("ann")), site.browser()
    answer = browser.http.get(link, headers={header: "127.0.0.1"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert_signed_out(browser)


@pytest.mark.parametrize("link", ["", "none", "é", "%00", "x" * 5000])
def test_a_link_that_nobody_made_signs_nobody_in(site: Site, link: str) -> None:
    answer = site.browser().get(f"/sign-in?link={link}")
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)
    assert answer.headers["content-type"].startswith("text/html")


def test_signing_out_ends_the_session_wherever_its_cookie_was_copied(site: Site) -> None:
    browser, copy, phone = site.signed_in("ann"), site.browser(), site.browser()
    phone.sign_in(site.key("ann", name="phone"))
    copy.http.cookies.update(browser.http.cookies)
    assert_signed_in(copy, "ann")
    answer = browser.post("/sign-out")
    assert (answer.status_code, urljoin("/sign-out", answer.headers["location"])) == (303, "/sign-in")
    assert attributes(answer)["max-age"] == "0"
    assert cookie_of(site) not in browser.http.cookies
    for out in (browser, copy):
        assert_signed_out(out)
    assert_signed_in(phone, "ann")


def test_a_revoked_key_locks_its_browsers_out_at_once_and_no_others(site: Site) -> None:
    browser, other = site.signed_in("ann"), site.signed_in("bob")
    token = browser.token()
    site.core.keys.revoke("ann")
    assert_signed_out(browser)
    before = site.kept()
    answer = browser.http.post("/studio/make", data={"csrf_token": token, "prompt": "a cat"})
    assert (answer.status_code, urljoin("/studio/make", answer.headers["location"])) == (303, "/sign-in")
    assert site.kept() == before
    for path in ("/studio/states?id=x", "/studio/events"):
        assert browser.get(path).status_code == 303
        assert browser.get(path, hx_request="true").status_code == 401
    assert_signed_in(other, "bob")


def test_a_key_that_is_restricted_shows_its_models_only(site: Site) -> None:
    browser = site.browser()
    browser.sign_in(site.key("ann", models=["wanx2.1-t2v-plus"]))
    page = browser.page("/")
    assert "wanx2.1-t2v-plus" in page
    assert "wan2.2-t2v-plus" not in page
    before = site.kept()
    refused = browser.make("a cat", model="wan2.2-t2v-plus", size="640*480")
    assert refused.status_code == 403
    assert site.kept() == before


def test_the_key_is_in_no_url_no_cookie_and_no_page(site: Site) -> None:
    secret, browser = site.key("ann"), site.browser()
    answers = [browser.sign_in(secret)]
    task = site.video("ann")
    answers += [
        browser.get(path)
        for path in ("/", "/sign-in", f"/video?id={task.id}", f"/?from={task.id}", "/studio/form", "/video")
    ]
    answers.append(browser.post(f"/studio/tasks/{task.id}/share", {"hours": "1"}, hx_request="true"))
    for answer in answers:
        assert secret not in answer.text
        assert secret not in str(answer.headers)
        assert secret not in str(answer.url)
    session = browser.http.cookies[cookie_of(site)]
    assert secret not in session
    assert all(session not in answer.text for answer in answers)
    assert fingerprint(secret) not in "".join(answer.text for answer in answers)


def test_two_servers_on_one_machine_have_a_session_each_in_one_browser(site: Site, tmp_path: Path) -> None:
    with serving(tmp_path / "second") as second:
        browser, at_second = site.signed_in("ann"), second.signed_in("bob")
        both = httpx.Cookies(browser.http.cookies)
        both.update(at_second.http.cookies)
        for each in (browser, at_second):
            each.http.cookies = both
        assert_signed_in(browser, "ann")
        assert_signed_in(at_second, "bob")
        at_second.post("/sign-out")
        assert_signed_in(browser, "ann")


def test_the_session_is_stored_by_its_hash_only(site: Site) -> None:
    browser = site.signed_in("ann")
    rows = site.kept()["sessions"]
    assert len(rows) == 1
    assert browser.http.cookies[cookie_of(site)] not in str(rows)


@pytest.mark.parametrize(
    ("fields", "cookie"), [({"language": "zh"}, "wanserve_language"), ({"theme": "dark"}, "wanserve_theme")]
)
def test_language_and_theme_are_kept_and_lead_back(site: Site, fields: dict[str, str], cookie: str) -> None:
    browser = site.browser()
    answer = browser.http.post("/prefer", data={**fields, "back": "sign-in"})
    assert (answer.status_code, urljoin("/prefer", answer.headers["location"])) == (303, "/sign-in")
    kept = attributes(answer)
    assert kept.pop(cookie) == next(iter(fields.values()))
    assert {"httponly", "samesite", "max-age"} == kept.keys()
    page = browser.page("/sign-in", accept_language="en")
    assert '<html lang="zh-Hans">' in page if "language" in fields else 'data-theme="dark"' in page


@pytest.mark.parametrize("back", ["", "video?id=x", "compare?id=x&id=y", "server", "sign-in"])
def test_every_page_is_come_back_to(site: Site, back: str) -> None:
    answer = site.browser().http.post("/prefer", data={"theme": "dark", "back": back})
    assert urljoin("/prefer", answer.headers["location"]) == f"/{back}"


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "docs",
        "studio/events",
        "\r\nSet-Cookie: a=b",
        "..//evil.example",
        ".//evil",
    ],
)
def test_nobody_is_led_to_another_site(site: Site, back: str) -> None:
    answer = site.browser().http.post("/prefer", data={"theme": "dark", "back": back})
    assert urljoin("https://our.example/prefer", answer.headers["location"]) == "https://our.example/"
    assert len(answer.headers.get_list("set-cookie")) == 1


@pytest.mark.parametrize("fields", [{"language": "de"}, {"theme": "pink"}, {"language": "zh\r\nx"}, {}])
def test_a_choice_that_there_is_not_is_not_kept(site: Site, fields: dict[str, str]) -> None:
    answer = site.browser().http.post("/prefer", data={**fields, "back": ""})
    assert (answer.status_code, "set-cookie" in answer.headers) == (303, False)


@pytest.mark.parametrize(
    ("listening", "near"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.2:8000", "http://127.0.0.2:8000"),
        ("http://0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://[::]:8000", "http://[::1]:8000"),
        ("http://192.168.1.2:8000", None),
        ("http://[fe80::1]:8000", None),
    ],
)
def test_this_machine_reaches_a_server_that_listens_everywhere_or_here(listening: str, near: str | None) -> None:
    assert loopback_url(listening) == near


def printed(core: Core, url: str, capsys: pytest.CaptureFixture[str], *, studio: bool = True) -> str:
    make_first_key(core.keys, core.sessions if studio else None, url)
    return capsys.readouterr().err


def test_the_link_that_is_printed_with_the_first_key_signs_in(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    said = printed(site.core, site.url, capsys)
    (link,) = [word for word in said.split() if "/sign-in?link=" in word]
    assert link.startswith(site.url)
    assert "within 15 minutes" in said
    browser = site.browser()
    assert browser.get(link).status_code == 303
    assert_signed_in(browser, "default")
    assert printed(site.core, site.url, capsys) == "", "where there is a key, nothing is told"


@pytest.mark.parametrize(("url", "studio"), [("http://192.168.1.2:8000", True), ("http://127.0.0.1:8000", False)])
def test_no_link_is_printed_that_leads_nowhere(
    site: Site, capsys: pytest.CaptureFixture[str], url: str, studio: bool
) -> None:
    said = printed(site.core, url, capsys, studio=studio)
    assert "shown only now: sk-" in said
    assert "sign-in" not in said
    assert not site.core.sessions._links
