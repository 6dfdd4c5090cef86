"""The Python client against a real server: told on the way, killed in the middle, canceled, listed; and its documents' examples."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.faults.harness import Rig, rig
from tests.e2e.server import Server, environment, wanserve
from tests.e2e.sse import video_of
from tests.integration.both_clients import KINDS, Client, client
from wanserve.client import InvalidKey, NotFound, RequestRefused, VideoCanceled, VideoInfo, WaitTimeout, Wan, errors
from wanserve.domain.catalogue import DEFAULT_MODEL
from wanserve.media import probe

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=KINDS)
def wan(request: pytest.FixtureRequest, server: Server) -> Iterator[Client]:
    with client(request.param, server.url, server.key) as made:
        yield made


def test_a_video_is_made_told_and_saved(wan: Client, tmp_path: Path) -> None:
    told: list[VideoInfo] = []
    made = wan.generate("A kitten", size="832*480", seed=7, negative_prompt="text", on_progress=told.append)
    fractions = [each.progress for each in told]
    assert fractions == sorted(fractions)
    assert (fractions[-1], told[-1].state) == (1.0, "succeeded")
    assert made.recipe == {
        "model": DEFAULT_MODEL,
        "prompt": "A kitten",
        "size": "832x480",
        "seconds": 5,
        "negative_prompt": "text",
        "seed": 7,
        "prompt_extend": True,
        "watermark": False,
    }
    saved = wan.save(made, tmp_path / "kitten.mp4")
    facts = probe.read(saved)
    assert (facts.width, facts.height) == (832, 480)
    assert made.url is not None


def test_the_link_needs_no_key(wan: Client, server: Server, tmp_path: Path) -> None:
    made = wan.generate("A kitten", size="640*480")
    saved = wan.save(made, tmp_path / "kitten.mp4")
    assert made.url is not None
    assert server.http.get(made.url).content == saved.read_bytes()
    assert wan.get(made.id).recipe == made.recipe


def test_the_same_idempotency_key_is_the_same_video(wan: Client, server: Server) -> None:
    key = f"once by {type(wan.wan).__name__}"
    first = wan.submit("A kitten", size="640*480", idempotency_key=key)
    assert wan.submit("A kitten", size="640*480", idempotency_key=key).id == first.id
    assert wan.wait(first).id == first.id
    assert wan.wait(first.id).state == "succeeded"


def test_what_has_ended_is_not_canceled_and_can_be_deleted(wan: Client) -> None:
    made = wan.generate("A kitten", size="640*480")
    with pytest.raises(RequestRefused, match="cannot become CANCELED") as refused:
        wan.cancel(made)
    assert (refused.value.status, refused.value.code) == (409, "wrong_state")
    wan.delete(made)
    with pytest.raises(NotFound):
        wan.get(made.id)


def test_accounts_see_their_own_videos_only(wan: Client, server: Server, tmp_path: Path) -> None:
    account = f"of-{type(wan.wan).__name__}"
    created = wanserve("keys", "create", account, "--account", account, "--data-dir", str(server.data_dir))
    with Wan(server.url, created.stdout.strip()) as theirs, Wan(server.url, "sk-wrong") as nobody:
        mine = wan.submit("A kitten", size="640*480")
        other = [theirs.submit("A kitten", size="640*480").id for _ in range(3)]
        assert [video.id for video in theirs.list()] == other[::-1]
        assert [video.id for video in theirs.list(limit=1, after=other[2])] == [other[1]]
        assert mine.id in [video.id for video in wan.list()]
        assert not {video.id for video in wan.list()} & set(other)
        for call in (theirs.get, theirs.cancel, theirs.delete, theirs.wait):
            with pytest.raises(NotFound):
                call(mine.id)
        with pytest.raises(InvalidKey):
            nobody.get(mine.id)


def restarted(made: Rig) -> None:
    """Kill the server, and start another one at the same address."""
    port = made.server.url.rpartition(":")[2]
    made.kill()
    made.start("--port", port)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_killed_and_started_again_in_the_middle_costs_nothing(kind: str, tmp_path: Path) -> None:
    with rig(tmp_path) as made, client(kind, made.server.url, made.server.key) as wan, ThreadPoolExecutor() as pool:
        made.hold()
        told: list[VideoInfo] = []
        running = threading.Event()

        def on_progress(video: VideoInfo) -> None:
            told.append(video)
            if video.stage == "denoise" and video.seconds_left is not None:
                running.set()

        making = pool.submit(wan.generate, "hold", size="640*480", prompt_extend=False, on_progress=on_progress)
        try:
            assert running.wait(60)
            restarted(made)
        finally:
            made.release()
        video = making.result(120)
        saved = wan.save(video, tmp_path / "kitten.mp4")
        fractions = [each.progress for each in told]
        assert fractions == sorted(fractions)
        assert told[-1].state == "succeeded"
        assert len({each.id for each in told}) == 1
        assert len(wan.list()) == 1
        (key,) = [file for file in made.files() if file.endswith(".mp4")]
        assert saved.read_bytes() == (made.data_dir / "blobs" / key).read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_a_running_video_outlasts_a_timeout_and_is_canceled(kind: str, tmp_path: Path) -> None:
    with rig(tmp_path) as made, ThreadPoolExecutor() as pool:
        video_id = video_of(made.accept_held())
        with Wan(made.server.url, made.server.key) as wan, client(kind, made.server.url, made.server.key) as other:
            told = threading.Event()
            waiting = pool.submit(wan.wait, video_id, on_progress=lambda video: told.set())
            assert told.wait(60)
            with pytest.raises(WaitTimeout):
                other.wait(video_id, timeout=0.1)
            assert other.get(video_id).state == "running"
            canceled = other.cancel(video_id)
            assert (canceled.state, canceled.error) == ("canceled", "The video was canceled.")
            assert other.cancel(video_id).state == "canceled"
            with pytest.raises(VideoCanceled):
                waiting.result(60)


def python_of(document: str) -> list[str]:
    """The programs of a document that use the client."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / document).read_text(), re.DOTALL | re.MULTILINE)
    return [block for block in blocks if "wanserve.client" in block]


@pytest.mark.thorough
def test_the_readmes_program_is_told_of_the_end_although_the_server_was_killed_meanwhile(tmp_path: Path) -> None:
    (source,) = python_of("README.md")
    with rig(tmp_path, webhooks_private="true") as made, socket.create_server(("127.0.0.1", 0)) as free:
        made.hold()
        port = free.getsockname()[1]
        free.close()
        added = wanserve(
            *("webhooks", "add", f"http://127.0.0.1:{port}/", "--data-dir", str(made.data_dir)), webhooks_private="true"
        )
        secret = re.findall(r"whsec_\S+", added.stdout)[0]
        names = {"http://127.0.0.1:8000": made.server.url, "YOUR_KEY": made.server.key, "whsec_…": secret}
        # The stand-in makes a prompt that begins with "hold" only once it is released.
        for written, name in (names | {"8001": str(port), '"A kitten': '"hold A kitten'}).items():
            assert written in source
            source = source.replace(written, name)
        program = subprocess.Popen(
            [sys.executable, "-u", "-W", "error", "-c", source],
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with program:
            assert program.stdout is not None
            assert any(re.match(r"denoise \d", line) for line in program.stdout), "the seconds left are never shown"
            ((task_id,),) = made.rows("SELECT id FROM tasks")
            restarted(made)
            made.until_running(str(task_id))
            made.release()
            out, err = program.communicate(timeout=120)
    assert (program.returncode, [line for line in err.splitlines() if '"POST / HTTP/1.1" 204' not in line]) == (0, [])
    assert f"video.completed {video_of(str(task_id))}" in out.splitlines()
    assert (tmp_path / "kitten.mp4").read_bytes()[4:8] == b"ftyp"


def examples() -> Iterator[tuple[str, str]]:
    """The programs of the client's document, by the place where they are."""
    for number, block in enumerate(python_of("docs/client.md"), 1):
        yield f"docs/client.md-{number}", block


@pytest.mark.thorough
@pytest.mark.parametrize("source", [block for _, block in examples()], ids=[where for where, _ in examples()])
def test_the_examples_of_the_documents_run(server: Server, source: str, tmp_path: Path) -> None:
    script = source.replace("http://127.0.0.1:8000", server.url).replace("YOUR_KEY", server.key)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path,
        env=environment(url=server.url, key=server.key),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for saved in re.findall(r'save\("(.*?)"\)', source):
        assert (tmp_path / saved).read_bytes()[4:8] == b"ftyp"


def test_the_documents_show_the_tree_of_the_errors() -> None:
    tree = (errors.__doc__ or "").partition("\n\n")[2].strip()
    assert tree in (ROOT / "docs" / "client.md").read_text()
