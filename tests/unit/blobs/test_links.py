"""A link is good as it was given out, until it expires, and not otherwise."""

import os
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from wanserve.blobs.links import LinkExpired, LinkInvalid, LinkSigner
from wanserve.domain.errors import SetupError
from wanserve.machine.link_secret import FileLinkSecret

LINKS = LinkSigner(bytes(range(32)))
KEY = "videos/a/1.mp4"

# Any text at all, half surrogate pairs among it.
TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


def parts(query: str) -> tuple[str, str]:
    """The expiry and the signature, as a server reads them from the query."""
    fields = parse_qs(query, strict_parsing=True)
    return fields["expires"][0], fields["signature"][0]


@given(key=TEXT, expires_s=st.integers(1, 10**15 - 1), early_s=st.integers(1, 10**9))
def test_a_link_is_good_until_it_expires(key: str, expires_s: int, early_s: int) -> None:
    """Up to the second before, and not from that second on."""
    expires, signature = parts(LINKS.query(key, expires_s))
    LINKS.verify(key, expires, signature, expires_s - early_s)
    for late_s in (expires_s, expires_s + early_s):
        with pytest.raises(LinkExpired):
            LINKS.verify(key, expires, signature, late_s)


@given(key=TEXT, expires=TEXT, signature=TEXT)
@example(key="\ud83d", expires="1", signature="1")
@example(key="a", expires="\ud83d", signature="1")
@example(key="a", expires="1", signature="\ud83d")
def test_junk_is_invalid(key: str, expires: str, signature: str) -> None:
    """Whatever the texts, there is one answer and never another exception."""
    with pytest.raises(LinkInvalid):
        LINKS.verify(key, expires, signature, 0)


@given(data=st.data())
def test_nothing_altered_passes(data: st.DataObject) -> None:
    """Neither another key, nor another expiry, nor another signature, nor what looks much like them."""
    expires, signature = parts(LINKS.query(KEY, 1000))
    insert = st.tuples(st.integers(0, 60), st.sampled_from(["0", " ", "+", "A", "=", "/", "\n", "٣", "1", "_", "\0"]))

    def altered(text: str) -> st.SearchStrategy[str]:
        cut = st.tuples(st.integers(0, len(text) - 1)).map(lambda at: text[: at[0]] + text[at[0] + 1 :])
        added = insert.map(lambda change: text[: change[0]] + change[1] + text[change[0] :])
        return st.one_of(st.just(text), TEXT, cut, added, st.just(text.swapcase()))

    given_out = (KEY, expires, signature)
    key, expiry, proof = (data.draw(altered(text)) for text in given_out)
    assume((key, expiry, proof) != given_out)
    with pytest.raises(LinkInvalid):
        LINKS.verify(key, expiry, proof, 0)


def test_the_last_letter_counts() -> None:
    """Four spellings of the last letter decode to the same bytes; one of them is the signature."""
    expires, signature = parts(LINKS.query(KEY, 1000))
    good = 0
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        try:
            LINKS.verify(KEY, expires, signature[:-1] + letter, 0)
        except LinkInvalid:
            continue
        good += 1
    assert good == 1


@pytest.mark.parametrize("expires", ["01000", "+1000", "1000 ", "1e3", "1_000", "٣", "-1", "9" * 5000, "", "²"])
def test_a_number_that_was_not_given_out(expires: str) -> None:
    """Even where it is signed, as only we could: a number is plain digits."""
    with pytest.raises(LinkInvalid):
        LINKS.verify(KEY, expires, parts(LINKS.query(KEY, 1000))[1], 0)
    if expires != "01000":
        with pytest.raises(LinkInvalid):
            LINKS.verify(KEY, expires, LINKS._signature(KEY, expires), 0)


def test_no_two_pairs_share_a_signature() -> None:
    """A key cannot take over the expiry's digits."""
    assert LINKS._signature("1\nx", "1") != LINKS._signature("x", "1\n1")
    assert parts(LINKS.query("1", 1))[1] != parts(LINKS.query("", 11))[1]


def test_another_secret() -> None:
    """What one server signed another does not take."""
    expires, signature = parts(LinkSigner(b"other" * 7).query(KEY, 1000))
    with pytest.raises(LinkInvalid):
        LINKS.verify(KEY, expires, signature, 0)


def test_the_secret_is_not_shown() -> None:
    """Neither in a log line nor in a traceback that prints the object."""
    assert "secret" not in repr(LINKS)


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    """For the owner alone, whatever the umask; read afterwards."""
    path = tmp_path / "link-secret"
    mask = os.umask(0)
    try:
        secret = FileLinkSecret(path).read()
    finally:
        os.umask(mask)
    assert len(secret) == 32
    assert FileLinkSecret(path).read() == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["link-secret"]
    assert FileLinkSecret(tmp_path / "another").read() != secret


def test_two_that_start_at_once_agree(tmp_path: Path) -> None:
    """Six processes, let loose together by the end of their input: one secret."""
    program = (
        "import sys; from pathlib import Path; from wanserve.machine.link_secret import FileLinkSecret;"
        "print('ready', flush=True); sys.stdin.read(); print(FileLinkSecret(Path(sys.argv[1])).read().hex())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "link-secret")]
    starting = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in range(6)
    ]
    for process in starting:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in starting:
        assert process.stdin is not None
        process.stdin.close()
    secrets = set()
    for process in starting:
        with process:
            assert process.stdout is not None
            secrets.add(process.stdout.read())
    assert len(secrets) == 1
    assert len(bytes.fromhex(secrets.pop())) == 32
    assert [entry.name for entry in tmp_path.iterdir()] == ["link-secret"]


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_broken_secret(tmp_path: Path, content: bytes) -> None:
    """One line says what is wrong and what to do; the file is left for its owner to look at."""
    path = tmp_path / "link-secret"
    path.write_bytes(content)
    with pytest.raises(SetupError, match=f"holds {len(content)} bytes instead of 32: delete it") as caught:
        FileLinkSecret(path).read()
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", [".", "missing/link-secret"])
def test_a_secret_that_cannot_be(tmp_path: Path, name: str) -> None:
    """A folder in its place, or no folder for it."""
    with pytest.raises(SetupError, match="cannot use the link secret"):
        FileLinkSecret(tmp_path / name).read()


def test_a_secret_that_has_gone_is_put_back_and_one_that_is_there_is_left(tmp_path: Path) -> None:
    path = tmp_path / "link-secret"
    secret = FileLinkSecret(path).read()
    path.unlink()
    FileLinkSecret(path).restore(secret)
    assert FileLinkSecret(path).read() == secret
    assert path.stat().st_mode & 0o777 == 0o600
    FileLinkSecret(path).restore(b"x" * 32)
    assert FileLinkSecret(path).read() == secret
