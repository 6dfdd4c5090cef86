"""The rules of webhooks: which URLs are allowed, how messages are signed, when they are tried again, what is in them."""

import base64
import json
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import VIDEO, new_task
from wanserve.domain.attempt import Fault
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.task import Failed, Failure, Succeeded, Task
from wanserve.domain.webhooks import (
    FAILING_MS_MAX,
    RETRY_SECONDS,
    Delivery,
    EventType,
    checked_url,
    has_failed_for_long,
    is_public,
    pause_ms,
    read_events,
    secret_text,
    signed_headers,
)
from wanserve.webhooks.payload import message, ping_message

PUBLIC = ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::101:101", "2002:101:101::1", "::ffff:1.1.1.1"]
PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.1", "198.18.0.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1",
    "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::1",
    "2002:c0a8:101::1", "2001::1",
]  # fmt: skip
"""Addresses that are no receiver's on the Internet: by range, by their meaning, and IPv6 that stands for such an IPv4."""


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_all_other_addresses_are_not(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0177.1", "017700000001", "127.0.0.1.",
        "0", "0.0.0.0", "3232235777", "0xc0.0xa8.1.1", "169.254.169.254", "2852039166", "0xA9FEA9FE", "[::1]", "[::]",
        "[fe80::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:c0a8:0101]", "[64:ff9b::7f00:1]",
        "[fd00::1]", "localhost", "LOCALHOST", "localhost.", "a.localhost",
    ],
)  # fmt: skip
def test_a_host_that_spells_a_private_address_is_refused(host: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^url: must not be a private or local address$"):
        checked_url("url", f"https://{host}:8443/hook", allow_private=False)
    assert checked_url("url", f"http://{host}/hook", allow_private=True) == f"http://{host}/hook"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://a.example/", "must begin with https://, as this server does not allow http://"),
        ("ftp://a.example/", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("a.example/hook", "must begin with https://"),
        ("", "must be a URL of ASCII characters without blanks"),
        ("https://a.example/ b", "must be a URL of ASCII characters without blanks"),
        ("https://a.example\\@b.example/", "must be a URL of ASCII characters without blanks"),
        ("https://a.example/\r\nX: y", "must be a URL of ASCII characters without blanks"),
        ("https://\u00e4.example/", "must be a URL of ASCII characters without blanks"),
        ("https://a.example/\x00", "must be a URL of ASCII characters without blanks"),
        ("https://ann:secret@a.example/", "must have no user name and no password"),
        ("https://@a.example/", "must have no user name and no password"),
        ("https://a.example/#part", "must have no fragment (#)"),
        ("https://a.example/#", "must have no fragment (#)"),
        ("https:///hook", "must be a URL with a host, and perhaps a port from 1 to 65535"),
        ("https://:443/", "must be a URL with a host, and perhaps a port from 1 to 65535"),
        ("https://a.example:0/", "must be a URL with a host, and perhaps a port from 1 to 65535"),
        ("https://a.example:65536/", "must be a URL with a host, and perhaps a port from 1 to 65535"),
        ("https://a.example:x/", "must be a URL with a host, and perhaps a port from 1 to 65535"),
        ("https://[::1/", "must be a URL with a host, and perhaps a port from 1 to 65535"),
        ("https://[fe80::1%25eth0]/", "must be a URL with a host, and perhaps a port from 1 to 65535"),
        ("https://a%2eexample/", "must be a URL with a host, and perhaps a port from 1 to 65535"),
        (f"https://a.example/{'a' * 2000}", "must be at most 2000 characters long"),
    ],
)
def test_a_url_that_breaks_a_rule_is_refused_in_one_line(url: str, problem: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        checked_url("webhook_url", url, allow_private=False)
    assert str(refused.value) == f"webhook_url: {problem}"


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/hook?token=x&y=%20",
        "https://a.example:8443/",
        "https://1.1.1.1/",
        "https://[2606:4700::1]:1/",
    ],
)
def test_other_urls_are_taken_as_they_are(url: str) -> None:
    assert checked_url("url", url, allow_private=False) == url


def test_a_url_without_a_path_gets_one() -> None:
    assert checked_url("url", "https://a.example", allow_private=False) == "https://a.example/"
    assert checked_url("url", "https://a.example?x", allow_private=False) == "https://a.example/?x"


@given(st.text(max_size=60))
def test_whatever_the_url_it_is_taken_or_refused(rest: str) -> None:
    for url in (rest, f"https://{rest}"):
        try:
            taken = checked_url("url", url, allow_private=False)
        except InvalidRequest:
            continue
        assert taken.startswith("https://")
        assert taken.isprintable()


def test_events_are_read_by_their_names() -> None:
    assert read_events(None) == tuple(EventType)
    assert read_events(["video.failed", "video.completed"]) == (EventType.COMPLETED, EventType.FAILED)
    with pytest.raises(InvalidRequest, match=r"^events: 'video\.deleted' is not one of video\.completed, "):
        read_events(["video.completed", "video.deleted"])
    with pytest.raises(InvalidRequest, match=r"^events: must name at least one"):
        read_events([])


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of https://github.com/standard-webhooks/standard-webhooks, as its libraries test it."""
    body = b'{"test": 2432232314}'
    headers = signed_headers(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_two_secrets_make_two_signatures() -> None:
    secrets = [secret_text(bytes(32)), secret_text(bytes(31) + b"1")]
    both = signed_headers(secrets, "msg_1", 1, b"{}")["webhook-signature"]
    assert both.split(" ") == [signed_headers([each], "msg_1", 1, b"{}")["webhook-signature"] for each in secrets]
    assert len(base64.b64decode(secrets[0].removeprefix("whsec_"))) == 32


def test_a_damaged_secret_is_not_shown() -> None:
    with pytest.raises(ValueError, match=r"^the secret of a webhook is damaged$"):
        signed_headers(["whsec_n\u00f6"], "msg_1", 1, b"")


def test_the_retries_are_spread_over_a_day() -> None:
    assert 23 * 3600 < sum(RETRY_SECONDS) <= 24 * 3600
    for tries, seconds in enumerate(RETRY_SECONDS, 1):
        assert pause_ms(tries, 0.5, None) == seconds * 1000
        assert (pause_ms(tries, 0.0, None), pause_ms(tries, 1.0, None)) == (seconds * 800, seconds * 1200)
    assert pause_ms(len(RETRY_SECONDS) + 1, 0.5, None) is None


@pytest.mark.parametrize(("asked", "given_s"), [(None, 5), (0, 5), (3, 5), (60, 60), (10**9, 4 * 3600)])
def test_a_receiver_can_ask_for_a_longer_pause(asked: float | None, given_s: int) -> None:
    assert pause_ms(1, 0.5, asked) == given_s * 1000


def test_an_endpoint_may_fail_for_three_days() -> None:
    assert not has_failed_for_long(None, 10**15)
    assert not has_failed_for_long(1000, 1000 + FAILING_MS_MAX - 1)
    assert has_failed_for_long(1000, 1000 + FAILING_MS_MAX)


TASK = replace(new_task(), id="19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c")


def a_delivery(event: EventType = EventType.COMPLETED, code: str | None = None, says: str | None = None) -> Delivery:
    return Delivery(
        "msg_1", TASK.id, "ann", event, "we_1", None, "we_1", TASK.generation.model, code, says, 1_757_152_989_999
    )


def ended(settlement: Succeeded | Failed) -> Task:
    return TASK.claimed("worker", 2000, 3000).settled(settlement, 1_757_152_989_999)


def test_the_body_tells_how_a_video_ended_and_nothing_of_its_prompt() -> None:
    made = message(a_delivery(), ended(Succeeded(VIDEO)), "https://video.example/files/1.mp4?x=y", "standard")
    assert (made.id, made.content_type) == ("msg_1", "application/json")
    assert json.loads(made.body) == {
        "type": "video.completed",
        "timestamp": "2025-09-06T10:03:09.999Z",
        "data": {
            "id": "video_19d8e7a6c6524f0e9a530f6f4a1e2b3c",
            "task_id": "19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c",
            "state": "succeeded",
            "model": "wan2.2-t2v-plus",
            "created_at": 1,
            "completed_at": 1_757_152_989,
            "error": None,
            "url": "https://video.example/files/1.mp4?x=y",
        },
    }
    assert TASK.generation.prompt.encode() not in made.body


def test_the_body_of_a_failure_has_its_code() -> None:
    delivery = a_delivery(EventType.FAILED, "engine_failed", "it would not")
    data = json.loads(
        message(delivery, ended(Failed(Failure("engine_failed", "it would not"), Fault.TASK)), None, "standard").body
    )["data"]
    assert (data["state"], data["error"], data["url"]) == (
        "failed",
        {"code": "engine_failed", "message": "it would not"},
        None,
    )


def test_a_task_that_is_gone_is_told_from_its_row() -> None:
    data = json.loads(message(a_delivery(EventType.CANCELED), None, None, "standard").body)["data"]
    assert (data["state"], data["model"], data["created_at"], data["error"]) == (
        "canceled",
        "wan2.2-t2v-plus",
        None,
        None,
    )


@pytest.mark.parametrize("letter", ["a", "\N{CAT FACE}", "\x01", '"'])
def test_a_body_stays_below_20_kb(letter: str) -> None:
    delivery = a_delivery(EventType.FAILED, "engine_failed", letter * 100_000)
    made = message(delivery, TASK, f"https://video.example/{'a' * 30_000}", "standard")
    assert len(made.body) < 20_480
    if letter != "\N{CAT FACE}":
        assert json.loads(made.body)["data"]["url"] is None


def test_cloud_events_have_the_names_of_dashscope() -> None:
    made = message(a_delivery(), ended(Succeeded(VIDEO)), None, "cloudevents")
    assert made.content_type == "application/cloudevents+json"
    told = json.loads(made.body)
    again = json.loads(message(a_delivery(), None, None, "cloudevents").body)
    assert told["data"]["request_id"] == again["data"]["request_id"]
    assert (told["specversion"], told["type"], told["source"], told["id"]) == (
        "1.0",
        "dashscope:System:AsyncTaskFinish",
        "acs.dashscope",
        "msg_1",
    )
    data = told["data"]
    assert (data["task_status"], data["task_id"], data["contain_result"]) == ("SUCCEEDED", TASK.id, False)
    assert (data["start_time"], data["end_time"]) == ("1970-01-01 00:00:02", "2025-09-06 10:03:09")


def test_a_test_message_says_what_it_is() -> None:
    assert json.loads(ping_message("msg_2", 0).body) == {
        "type": "webhook.test",
        "timestamp": "1970-01-01T00:00:00.000Z",
        "data": {},
    }
