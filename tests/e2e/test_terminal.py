"""What people see at a terminal: bars, a log for them with the address, the key and a command, and a live view."""

import base64
import io
import json
import re
import signal
from pathlib import Path

import av
import pytest

from tests.e2e.faults.harness import rig
from tests.e2e.terminal import on_terminal


@pytest.mark.parametrize("through_server", [False, True])
def test_generate_shows_a_bar_with_stage_and_seconds_left(
    through_server: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rig(tmp_path) as made:
        made.hold()
        for name, value in made.engine_environment().items():
            monkeypatch.setenv(name, value)
        where = ("--url", made.server.url, "--key", made.server.key) if through_server else ("--engine", "animatic")
        prompts = ("hold a cat in the snow", "hold two birds")
        with on_terminal("generate", *prompts, "--size", "640*480", "-o", str(tmp_path / "out.mp4"), *where) as command:
            command.until("denoise")
            command.until(" s left")
            made.release()
            assert command.process.stdout is not None
            printed = command.process.stdout.read()
            assert command.process.wait(120) == 0
    assert sorted(printed.splitlines()) == [str(tmp_path / f"out-0{number}.mp4") for number in (1, 2)]
    for text in (*prompts, "100%", *(["video_"] if through_server else [])):
        assert text in command.shown
    assert str(tmp_path) not in command.shown


def test_the_first_picture_is_shown_where_the_terminal_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM_PROGRAM", "iTerm.app")
    monkeypatch.delenv("TMUX", raising=False)
    file = tmp_path / "out.mp4"
    with on_terminal("generate", "a cat", "--engine", "animatic", "--size", "640*480", "-o", str(file)) as command:
        assert command.process.wait(120) == 0
    (shown,) = re.findall(r"\x1b\]1337;File=inline=1;size=(\d+);width=40:([\w+/=]+)\x07", "".join(command.parts))
    picture = base64.b64decode(shown[1])
    assert len(picture) == int(shown[0])
    with av.open(io.BytesIO(picture), "r") as png, av.open(str(file), "r") as video:
        small, first = next(png.decode(video=0)), next(video.decode(video=0))
        assert (small.width, small.height) == (480, 360)
        ours, theirs = small.reformat(format="gray"), first.reformat(480, 360, format="gray")
        differences = [abs(one - two) for one, two in zip(bytes(ours.planes[0]), bytes(theirs.planes[0]), strict=True)]
        assert sum(differences) / len(differences) < 3


def test_a_first_start_ends_with_the_key_a_command_and_the_address(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    with on_terminal("serve", "--port", "0", "--no-worker", *data) as server:
        server.until("listening at http://127.0.0.1:")
        key, link, command, address, *_ = server.shown.partition("The key of account default")[2].splitlines()
        secret = key.rpartition(" ")[2]
        assert re.fullmatch(r"sk-[0-9a-f]{48}", secret)
        assert re.fullmatch(r"\d\d:\d\d:\d\d info {5}listening at http://127\.0\.0\.1:\d+", address)
        url = address.rpartition(" ")[2]
        opens = r"Open the studio, once, within 15 minutes: " + re.escape(url) + r"/sign-in\?link=[\w-]{43}"
        assert re.fullmatch(opens, link)
        assert command.startswith(f"A first video: WANSERVE_URL={url} WANSERVE_KEY={secret} wanserve generate ")
    assert "{" not in server.shown
    assert "\x1b[32m" in "".join(server.parts)
    with on_terminal("serve", "--port", "0", "--no-worker", *data, log_format="json") as server:
        server.until("listening at")
    assert {"level", "message"} < set(json.loads(server.shown.splitlines()[0]))
    assert "The key" not in server.shown


def test_the_live_view_follows_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        running = made.accept_held()
        arguments = ("watch", "--interval", "0.1", "--data-dir", str(made.data_dir))
        with on_terminal(*arguments, stdout=True) as live:
            live.until(running, times=2)
            made.release()
            made.until_ended(running)
            seen = live.shown.count(running)
            live.process.send_signal(signal.SIGINT)
            assert live.process.wait(60) == 0
        assert live.shown.count(running) >= seen
        assert "Traceback" not in live.shown
