"""The sender against real servers: what arrives, what counts as delivered, and to which addresses it does not go."""

import asyncio
import json
import logging
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from email.utils import formatdate
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests import needs
from tests.receiver import Receiver, receiving
from wanserve.domain.webhooks import Address, Tried, secret_text
from wanserve.webhooks.addresses import resolve
from wanserve.webhooks.payload import Message
from wanserve.webhooks.sender import Sender, retry_after_s

SECRET = secret_text(bytes(range(32)))
MESSAGE = Message("msg_1", b'{"type":"webhook.test"}')


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def names(**known: str) -> Callable[[str, int], Awaitable[list[Address]]]:
    """A resolver that knows these names, each with addresses with blanks between them."""

    async def look_up(host: str, port: int) -> list[Address]:
        return [ip_address(text) for text in known[host.replace(".", "_")].split()]

    return look_up


def send(
    url: str,
    *,
    allow_private: bool = True,
    try_s: float = 60,
    look_up: Callable[[str, int], Awaitable[list[Address]]] = resolve,
    tls: ssl.SSLContext | None = None,
) -> Tried:
    """Send one message."""

    async def once() -> Tried:
        sender = Sender(allow_private, "wanserve/test", try_s, look_up, tls=tls or ssl.create_default_context())
        try:
            return await sender.send(url, MESSAGE, [SECRET])
        finally:
            await sender.close()

    return asyncio.run(once())


def test_a_message_arrives_as_it_is_signed(receiver: Receiver) -> None:
    assert send(receiver.url("/hook?token=a%20b")) == Tried(204)
    (got,) = receiver.received
    assert (got.path, got.body) == ("/hook?token=a%20b", MESSAGE.body)
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"] == "wanserve/test"
    assert (got.message_id, got.headers["webhook-timestamp"].isdigit()) == ("msg_1", True)
    assert got.headers["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize("status", [200, 202, 299])
def test_any_success_is_one(receiver: Receiver, status: int) -> None:
    receiver.statuses["/hook"] = [status]
    assert send(receiver.url()) == Tried(status)


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_any_other_answer_is_a_failure(receiver: Receiver, status: int) -> None:
    receiver.statuses["/hook"] = [status]
    tried = send(receiver.url())
    assert tried == Tried(status, f"the receiver answered {status}")
    assert tried.gone == (status == 410)


@pytest.mark.parametrize("status", [301, 302, 303, 304, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.statuses["/hook"] = [status]
    receiver.headers = {"location": receiver.url("/elsewhere")}
    assert send(receiver.url()) == Tried(status, f"the receiver answered {status}: redirects are not followed")
    assert receiver.at("/elsewhere") == []


def test_the_receiver_can_say_when_it_wants_to_be_asked_again(receiver: Receiver) -> None:
    receiver.statuses["/hook"] = [503]
    receiver.headers = {"retry-after": "120"}
    assert send(receiver.url()).retry_after_s == 120


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("7", 7),
        (formatdate(1090, usegmt=True), 90),
        (formatdate(10, usegmt=True), 0),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("99999999999999999999", None),
        ("\N{SUPERSCRIPT TWO}", None),
    ],
)
def test_a_retry_after_is_a_number_or_a_date(text: str | None, seconds: float | None) -> None:
    assert retry_after_s(text, 1000) == seconds


def test_a_receiver_that_hangs_ends_the_try(receiver: Receiver) -> None:
    assert send(receiver.url("/hang"), try_s=0.3) == Tried(None, "no answer within 0.3 seconds")


def test_a_body_that_never_ends_does_not_matter() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"

        async def serve() -> Tried:
            async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
                with_room = True
                while with_room:
                    try:
                        writer.write(b"x" * 65536)
                        await writer.drain()
                    except ConnectionError:
                        with_room = False
                writer.close()

            listening = await asyncio.start_server(answer, sock=server)
            sender = Sender(True, "wanserve/test", 60)
            async with listening:
                tried = await sender.send(url, MESSAGE, [SECRET])
                await sender.close()
            return tried

        assert asyncio.run(serve()) == Tried(200)


def test_who_speaks_no_http_or_does_not_listen_is_a_failure_without_the_url() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    tried = send(f"http://127.0.0.1:{port}/hook?token=secret")
    assert tried == Tried(None, "the receiver cannot be reached: ConnectError")


def test_a_host_that_does_not_exist_is_a_failure() -> None:
    tried = send("https://nowhere.invalid/")
    assert tried.status is None
    assert (tried.error or "").startswith("the host cannot be found")


def test_a_resolver_that_hangs_ends_the_try() -> None:
    async def hangs(host: str, port: int) -> list[Address]:
        await asyncio.Event().wait()
        return []

    assert send("https://a.example/", try_s=0.1, look_up=hangs) == Tried(None, "no answer within 0.1 seconds")


@pytest.mark.parametrize(
    "addresses",
    ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "1.1.1.1 127.0.0.1"],
)
def test_a_name_that_leads_to_a_private_address_is_refused(receiver: Receiver, addresses: str) -> None:
    refused = "the host has a private or local address, to which this server sends nothing"
    for url in (f"https://hook.example:{receiver.port}/", "https://hook.example/"):
        tried = send(url, allow_private=False, look_up=names(hook_example=addresses))
        assert tried == Tried(None, refused)
    assert receiver.received == []


@pytest.mark.parametrize(
    "url", ["http://a.example/", "https://127.0.0.1/", "https://2130706433/", "https://u:p@a.example/"]
)
def test_the_rules_of_a_url_hold_again_at_each_try(url: str) -> None:
    tried = send(url, allow_private=False, look_up=names(a_example="1.1.1.1"))
    assert tried.status is None
    assert (tried.error or "").startswith("the URL must ")


def test_a_name_without_an_address_is_a_failure() -> None:
    assert send("https://a.example/", look_up=names(a_example="")) == Tried(None, "the host has no address")


def test_it_connects_to_the_address_that_was_checked(receiver: Receiver) -> None:
    """The name itself leads nowhere, so a second look-up would fail."""
    url = f"http://hook.invalid:{receiver.port}/hook"
    # The first address refuses connections.
    assert send(url, look_up=names(hook_invalid="127.0.0.2 127.0.0.1")) == Tried(204)
    (got,) = receiver.received
    assert got.headers["host"] == f"hook.invalid:{receiver.port}"


def test_nothing_of_the_url_is_logged(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        send(receiver.url("/hook?token=secret"))
    assert "token" not in caplog.text


def test_no_proxy_of_the_environment_is_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send(receiver.url()) == Tried(204)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of hook.example that signed itself, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "made.pem", folder / "key.pem"
    names_of_it = ["-subj", "/CN=hook.example", "-addext", "subjectAltName=DNS:hook.example"]
    command = [needs.program("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    files = ["-nodes", "-days", "2", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*command, *files, *names_of_it], check=True, capture_output=True, timeout=60)
    return made, key


def test_the_certificate_must_be_that_of_the_name(certificate: tuple[Path, Path]) -> None:
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(*certificate)
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    known = names(hook_example="127.0.0.1", other_example="127.0.0.1")
    with receiving(tls=own) as receiver:
        assert send(f"https://hook.example:{receiver.port}/", look_up=known, tls=trusting) == Tried(204)
        other = send(f"https://other.example:{receiver.port}/", look_up=known, tls=trusting)
        assert (other.status, "other.example" in (other.error or "")) == (None, True)
        stranger = send(f"https://hook.example:{receiver.port}/", look_up=known)
        assert "self-signed certificate" in (stranger.error or "")
    assert len(receiver.received) == 1


def test_the_system_resolver_finds_local_names() -> None:
    assert all(address.is_loopback for address in asyncio.run(resolve("localhost", 80)))
    assert json.loads(MESSAGE.body)["type"] == "webhook.test"
