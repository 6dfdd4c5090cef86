"""The server's address and the key: as given, else from the environment."""

import pytest

from wanserve.client.address import DEFAULT_URL, checked_address, client_address
from wanserve.client.errors import InvalidKey, ServerUnreachable


def test_what_is_given_comes_before_the_environment() -> None:
    variables = {"WANSERVE_URL": "http://one ", "WANSERVE_KEY": "k\n"}
    assert client_address(None, None, variables) == ("http://one", "k")
    assert client_address("http://two", "other", variables) == ("http://two", "other")
    assert client_address("", None, variables) == ("", "k")
    assert client_address(None, None, {}) == ("", "")


def test_an_address_is_taken_without_its_last_slash_and_has_a_default() -> None:
    assert checked_address("https://video.example/wan/", "sk-1") == ("https://video.example/wan", "sk-1")
    assert checked_address(" http://[::1]:8000 ", "") == ("http://[::1]:8000", "")
    assert checked_address("", "") == (DEFAULT_URL, "")


@pytest.mark.parametrize(
    "url", ["video.example", "ftp://video.example", "http://", "http://x:99999", "http://x?a=b", "http://[::1", "//x"]
)
def test_what_cannot_be_an_address_is_refused(url: str) -> None:
    with pytest.raises(ServerUnreachable, match="is not the address of a server"):
        checked_address(url, "sk-1")


@pytest.mark.parametrize("key", ["sk-ключ", "sk-1\nX-Evil: 1"])
def test_a_key_that_no_header_can_have_is_refused(key: str) -> None:
    with pytest.raises(InvalidKey):
        checked_address("http://x", key)
