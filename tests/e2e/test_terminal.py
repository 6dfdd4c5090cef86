"""What people see at a terminal: bars, a log for them with the address, the key and a command, and a live view."""

import json
import re
import signal
from pathlib import Path

from tests.e2e.faults.harness import rig
from tests.e2e.server import Server
from tests.e2e.terminal import on_terminal


def test_generate_shows_a_bar_with_stage_and_seconds_left(server: Server, tmp_path: Path) -> None:
    through = ("--url", server.url, "--key", server.key)
    arguments = ("generate", "a cat in the snow", "two birds", "--size", "1920*1080", "-o", str(tmp_path / "out.mp4"))
    for where, stage in ((("--engine", "animatic"), "encode"), (through, "video_")):
        with on_terminal(*arguments, *where) as command:
            assert command.process.stdout is not None
            printed = command.process.stdout.read()
            assert command.process.wait(120) == 0
        assert sorted(printed.splitlines()) == [str(tmp_path / f"out-0{number}.mp4") for number in (1, 2)]
        for text in ("a cat in the snow", "two birds", "encode", " s left", "100%", stage):
            assert text in command.shown
        assert str(tmp_path) not in command.shown


def test_a_first_start_ends_with_the_key_a_command_and_the_address(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    with on_terminal("serve", "--port", "0", "--no-worker", *data) as server:
        server.until("listening at http://127.0.0.1:")
        key, command, address, *_ = server.shown.partition("The key of account default")[2].splitlines()
        secret = key.rpartition(" ")[2]
        assert re.fullmatch(r"sk-[0-9a-f]{48}", secret)
        assert re.fullmatch(r"\d\d:\d\d:\d\d info {5}listening at http://127\.0\.0\.1:\d+", address)
        url = address.rpartition(" ")[2]
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
