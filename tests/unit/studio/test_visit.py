"""A browser's request: its cookies, its form, and whether a page of this server sent it."""

from dataclasses import replace

import pytest
from starlette.datastructures import Headers
from starlette.types import Scope

from wanserve.domain.account import Key
from wanserve.domain.errors import InvalidRequest
from wanserve.studio.language import Language
from wanserve.studio.signing_in import FORWARDED, from_this_machine
from wanserve.studio.visit import ForeignRequest, Visit, read_form, read_visit, require_own_page, session_cookie

KEY = Key("one", "ann", "ab" * 32, 0)


NEAR = ("127.0.0.1", 5)


def scope(client: tuple[str, int] | None = NEAR, **headers: str) -> Scope:
    return {
        "type": "http", "method": "POST", "path": "/studio/make", "query_string": b"", "scheme": "http", "client": client,
        "headers": [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()],
    }  # fmt: skip


def visit(session: str = "the-session", form: str = "", **headers: str) -> Visit:
    """One of somebody who is signed in."""
    read = read_visit(scope(NEAR, cookie=f"wanserve_session={session}", **headers))
    return replace(read, key=KEY, form=read_form(form.encode()))


TOKEN = visit().csrf_token
OTHER_TOKEN = visit("another-session").csrf_token


def test_cookies_say_who_visits_in_which_language_and_theme() -> None:
    read = read_visit(
        scope(cookie="a=b; wanserve_session=s; wanserve_language=zh; wanserve_theme=dark", accept_language="en")
    )
    assert (read.session, read.language, read.theme) == ("s", Language.ZH, "dark")
    assert not read.partial
    assert read_visit(scope(hx_request="true")).partial


@pytest.mark.parametrize(
    "cookie", ["", ";;", "wanserve_session=", "wanserve_session", "=x", "wanserve_theme=<b>; wanserve_language=de"]
)
def test_cookies_that_say_nothing_are_none(cookie: str) -> None:
    read = read_visit(scope(cookie=cookie, accept_language="zh-CN"))
    assert (read.session, read.theme, read.language) == (None, None, Language.ZH)
    assert read.csrf_token == ""


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("127.0.0.1:8000", "wanserve_session_8000"),
        ("[::1]:8000", "wanserve_session_8000"),
        ("video.example", "wanserve_session"),
        ("[::1]", "wanserve_session"),
        ("video.example:", "wanserve_session"),
        ("", "wanserve_session"),
    ],
)
def test_a_session_is_that_of_one_port_as_cookies_are_not(host: str, name: str) -> None:
    assert session_cookie(Headers({"host": host})) == name
    assert read_visit(scope(host=host, cookie=f"{name}=s")).session == "s"
    assert read_visit(scope(host=host, cookie=f"{name}1=s; wanserve_session_9=s")).session is None


def test_cookies_may_come_in_several_headers() -> None:
    several = scope()
    several["headers"] = [(b"cookie", b"wanserve_theme=dark"), (b"cookie", b"wanserve_session=s")]
    read = read_visit(several)
    assert (read.session, read.theme) == ("s", "dark")


def test_the_token_of_forms_is_the_sessions_own_and_does_not_tell_it() -> None:
    assert TOKEN != OTHER_TOKEN
    assert visit().csrf_token == TOKEN
    assert len(TOKEN) == 32
    assert "the-session" not in TOKEN


@pytest.mark.parametrize("by", ["field", "header"])
def test_a_request_with_the_token_is_of_an_own_page(by: str) -> None:
    with_token = visit(form=f"csrf_token={TOKEN}") if by == "field" else visit(x_csrf_token=TOKEN)
    require_own_page(with_token)


@pytest.mark.parametrize("wrong", ["", "x", "é", TOKEN[:-1], TOKEN.upper(), f"{TOKEN} x", OTHER_TOKEN])
def test_a_missing_wrong_or_other_sessions_token_is_refused(wrong: str) -> None:
    for sent in (
        visit(form=f"csrf_token={wrong.replace('é', '%C3%A9')}"),
        visit(x_csrf_token=wrong),
        visit(form=f"token={TOKEN}"),
    ):
        with pytest.raises(ForeignRequest):
            require_own_page(sent)


def test_a_header_with_a_wrong_token_is_not_made_good_by_the_field() -> None:
    with pytest.raises(ForeignRequest):
        require_own_page(visit(form=f"csrf_token={TOKEN}", x_csrf_token=OTHER_TOKEN))


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "nonsense"])
def test_what_a_browser_says_comes_from_another_site_is_refused_whatever_it_knows(site: str) -> None:
    with pytest.raises(ForeignRequest):
        require_own_page(visit(x_csrf_token=TOKEN, sec_fetch_site=site))
    with pytest.raises(ForeignRequest):
        require_own_page(replace(visit(sec_fetch_site=site), key=None))


@pytest.mark.parametrize("site", ["same-origin", "none"])
def test_what_comes_from_this_site_still_needs_the_token_of_a_session(site: str) -> None:
    require_own_page(visit(x_csrf_token=TOKEN, sec_fetch_site=site))
    require_own_page(replace(visit(sec_fetch_site=site), key=None))
    with pytest.raises(ForeignRequest):
        require_own_page(visit(sec_fetch_site=site))


def test_a_form_is_read_as_browsers_write_it() -> None:
    form = read_form(b"prompt=one%0D%0Atwo+%E7%8C%AB&empty=&a=1&a=2")
    assert (form["prompt"], form["empty"], form.getlist("a")) == ("one\ntwo 猫", "", ["1", "2"])
    assert read_form(b"") == read_form(b"&&")


@pytest.mark.parametrize(
    "content",
    ["prompt=猫".encode(), b"prompt=%FF", b"\xff", b"prompt=%ED%A0%80", b"&".join(b"a=1" for _ in range(101))],
    ids=["not escaped", "not UTF-8", "a byte", "half a pair", "too many fields"],
)
def test_what_is_no_form_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_form(content)
    assert refused.value.field == "body"


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
def test_a_browser_of_this_machine_is_near(address: str) -> None:
    assert from_this_machine(read_visit(scope(client=(address, 5))))


@pytest.mark.parametrize(
    "address", ["192.168.1.2", "10.0.0.1", "8.8.8.8", "::2", "fe80::1", "", "localhost", "0.0.0.0"]
)
def test_a_browser_of_another_machine_is_not(address: str) -> None:
    assert not from_this_machine(read_visit(scope(client=(address, 5))))


def test_a_browser_whose_address_is_unknown_is_not_near() -> None:
    assert not from_this_machine(read_visit(scope(client=None)))


@pytest.mark.parametrize("header", FORWARDED)
@pytest.mark.parametrize("value", ["127.0.0.1", "for=127.0.0.1", ""])
def test_whoever_comes_through_a_proxy_may_be_anywhere(header: str, value: str) -> None:
    assert not from_this_machine(read_visit(scope(NEAR, **{header.replace("-", "_"): value})))
