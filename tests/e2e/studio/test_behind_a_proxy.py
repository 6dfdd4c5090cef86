"""The studio behind nginx, under a path of its own, with TLS and without: one signs in, makes, watches and shares there."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.studio.browsing import Visitor, told
from tests.e2e.studio.conftest import Visit
from tests.e2e.test_behind_nginx import Proxy, nginx_before

PREFIX = {"plain": "/some/wan", "tls": "/wan", "root": ""}


@pytest.fixture(scope="module", params=[True, False], ids=["public URL", "no public URL"])
def public(request: pytest.FixtureRequest) -> bool:
    """Whether the owner has set a public URL, which is that of TLS. The pages need none."""
    return bool(request.param)


@pytest.fixture(scope="module")
def proxy(public: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with nginx_before(tmp_path_factory.mktemp("nginx"), public_url=public) as made:
        yield made


def base_of(proxy: Proxy, where: str) -> str:
    return (proxy.tls if where == "tls" else proxy.plain) + PREFIX[where]


@pytest.mark.parametrize("where", PREFIX)
def test_everything_works_under_a_path_and_its_links_have_it(
    proxy: Proxy, public: bool, visit: Visit, where: str
) -> None:
    base = base_of(proxy, where)
    visitor: Visitor = visit(base, ignore_https_errors=True)
    page = visitor.go()
    expect(page).to_have_url(f"{base}/sign-in")
    visitor.sign_in(proxy.server.key)
    expect(page).to_have_url(f"{base}/")
    (cookie,) = visitor.context.cookies()
    assert cookie["path"] == (PREFIX[where] or "/")
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["secure"]) == (True, "Lax", where == "tls")
    page.evaluate("window.stayed = 1")
    task_id = visitor.make(f"a kite, {where}", size="640*480", seconds="4")
    expect(page.locator("#stage video")).to_have_attribute("src", f"studio/tasks/{task_id}/video.mp4")
    page.wait_for_function("video => video.currentTime > 0.1", arg=page.locator("#stage video").element_handle())
    assert page.evaluate("window.stayed") == 1, "nginx held no event back"
    page.locator(f"#card-{task_id} .prompt a").click()
    expect(page).to_have_url(f"{base}/video?id={task_id}")
    # What a program or somebody else is to use begins with the address that the owner has set, if there is one.
    assert_code_and_link(visitor, page, base_of(proxy, "tls") if public else base)
    page.get_by_role("button", name=told("site.dark")).click()
    expect(page).to_have_url(f"{base}/video?id={task_id}")
    assert {each["path"] for each in visitor.context.cookies()} == {PREFIX[where] or "/"}
    page.get_by_role("button", name=told("site.sign_out")).click()
    expect(page).to_have_url(f"{base}/sign-in")
    visitor.go(f"video?id={task_id}")
    expect(page).to_have_url(f"{base}/sign-in")


def assert_code_and_link(visitor: Visitor, page: Page, base: str) -> None:
    """The code and the shared link begin with this address, and the link works."""
    for code in page.locator("details.code code").all():
        assert re.search(r"(https?://[^\s\"']+)/v1/videos", code.text_content() or "", re.ASCII)
        assert f"{base}/v1/videos" in (code.text_content() or "")
    page.get_by_text(told("video.share"), exact=True).click()
    page.get_by_role("button", name=told("share.button")).click()
    link = page.locator("#shared-link").input_value()
    assert link.startswith(f"{base}/files/")
    answer = visitor.context.request.get(link)
    assert (answer.status, answer.body()[4:8]) == (200, b"ftyp")


def test_a_printed_link_signs_nobody_in_through_a_proxy_that_tells_of_itself(proxy: Proxy, visit: Visit) -> None:
    (link,) = re.findall(r"/sign-in\?link=\S+", proxy.server.log.read_text())
    visitor = visit(f"{proxy.tls}/wan", ignore_https_errors=True)
    visitor.allow("403")
    page = visitor.go(link.removeprefix("/"))
    expect(page.locator("#key-error")).to_have_text(told("problem.sign_in_link_invalid"))
    assert visitor.context.cookies() == []
