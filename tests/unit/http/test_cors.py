"""What a browser needs to let a page of another origin use this server: the preflight answer and the exposed headers."""

import pytest
from starlette.types import Scope

from wanserve.http.cors import EXPOSED, HEADERS, preflight

ORIGIN = ("origin", "https://app.example")
METHOD = ("access-control-request-method", "POST")


def request(method: str, *headers: tuple[str, str]) -> Scope:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return {"type": "http", "method": method, "path": "/v1/videos", "headers": raw}


def answer(*headers: tuple[str, str]) -> dict[str, str]:
    sent = preflight(request("OPTIONS", ORIGIN, METHOD, *headers))
    assert sent is not None
    return {name.decode(): value.decode("latin-1") for name, value in sent}


def test_a_preflight_names_every_method() -> None:
    assert set(answer()["access-control-allow-methods"].split(", ")) >= {"GET", "POST", "DELETE", "PATCH", "HEAD"}


def test_the_headers_that_a_page_wants_to_send_are_allowed_by_name() -> None:
    # "*" would leave out Authorization, without which no request of ours is of any use.
    wanted = "authorization,content-type,x-stainless-lang"
    assert answer(("access-control-request-headers", wanted))["access-control-allow-headers"] == wanted


def test_a_page_that_sends_no_header_of_its_own_is_allowed_any() -> None:
    assert answer()["access-control-allow-headers"] == "*"


def test_a_cache_keeps_preflights_apart_by_what_they_ask_for() -> None:
    assert "Access-Control-Request-Headers" in answer()["vary"]
    assert "Access-Control-Request-Private-Network" in answer()["vary"]


@pytest.mark.parametrize(("value", "allowed"), [("true", True), ("TRUE", True), ("false", False), ("", False)])
def test_a_page_of_the_internet_may_reach_a_private_network_where_it_asks(value: str, allowed: bool) -> None:
    sent = answer(("access-control-request-private-network", value))
    assert ("access-control-allow-private-network" in sent) is allowed


@pytest.mark.parametrize(
    "scope",
    [
        request("POST", ORIGIN, METHOD),
        request("OPTIONS"),
        request("OPTIONS", ORIGIN),
        request("OPTIONS", METHOD),
    ],
    ids=["another method", "no header", "no method asked for", "no origin"],
)
def test_any_other_request_is_none(scope: Scope) -> None:
    assert preflight(scope) is None


def test_scripts_may_read_what_clients_act_on() -> None:
    exposed = dict(HEADERS)[b"access-control-expose-headers"].decode().split(", ")
    assert exposed == sorted(EXPOSED)
    assert {"retry-after", "x-request-id", "x-should-retry", "openai-poll-after-ms"} <= set(exposed)
