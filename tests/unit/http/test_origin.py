"""The base of links: what the owner set, else the address by which the client came; a Host that is none is refused."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Scope

from wanserve.domain.errors import InvalidRequest
from wanserve.http.origin import Origin, is_host_and_port


def scope(*headers: tuple[str, str], scheme: str = "http", server: tuple[str, int | None] | None = None) -> Scope:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "http", "scheme": scheme, "headers": raw, "server": server}


@pytest.mark.parametrize(
    ("asked", "base"),
    [
        (scope(("host", "video.example")), "http://video.example"),
        (scope(("host", "video.example:8000"), scheme="https"), "https://video.example:8000"),
        (scope(("host", "[::1]:8000")), "http://[::1]:8000"),
        (scope(server=("127.0.0.1", 8000)), "http://127.0.0.1:8000"),
        (scope(("host", ""), server=("::1", 8000)), "http://[::1]:8000"),
        (scope(server=("a-host", None)), "http://a-host"),
        (scope(), "http://localhost"),
    ],
)
def test_without_a_setting_links_begin_with_the_address_that_the_client_used(asked: Scope, base: str) -> None:
    Origin().check(asked)
    assert Origin().base(asked) == base


def test_the_owners_url_is_the_base_whatever_the_client_used() -> None:
    for url in ("https://example.org/video", "https://example.org/video/"):
        assert Origin(url).base(scope(("host", "other"))) == "https://example.org/video"


@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "user@host",
        "host/path",
        "host?x",
        "<script>",
        "[::2",
        "[nonsense]",
        "[1.2.3.4]",
        "host:65536",
        "host:x",
        "häst",
    ],
)
def test_a_host_that_is_none_is_refused_and_not_repeated(host: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        Origin().check(scope(("host", host)))
    assert error.value.field == "Host"
    assert host not in error.value.problem


def test_two_hosts_are_refused_though_they_are_equal() -> None:
    with pytest.raises(InvalidRequest, match="Host"):
        Origin().check(scope(("host", "a"), ("host", "a")))


@given(st.from_regex(r"[A-Za-z0-9._-]{1,255}", fullmatch=True), st.none() | st.integers(0, 65535))
def test_every_name_with_or_without_a_port_is_a_host(name: str, port: int | None) -> None:
    assert is_host_and_port((name if port is None else f"{name}:{port}").encode())


@given(st.binary(max_size=30))
def test_whatever_passes_as_a_host_can_stand_in_a_link(text: bytes) -> None:
    if is_host_and_port(text):
        assert not set(text) & set(b"/?#@<>\"' \r\n\\")


@pytest.mark.parametrize("value", ["https", " HTTPS", "for=1.2.3.4;proto=https", 'proto="https"'])
def test_a_proxy_with_tls_and_no_public_url_is_warned_about_once(value: str, caplog: pytest.LogCaptureFixture) -> None:
    name = "forwarded" if "=" in value else "x-forwarded-proto"
    origin = Origin()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            origin.check(scope(("host", "a"), (name, value)))
        Origin("https://video.example").check(scope(("host", "a"), (name, value)))
        Origin().check(scope(("host", "a"), (name, "http")))
    assert len(caplog.records) == 1
    assert "WANSERVE_PUBLIC_URL" in caplog.text
