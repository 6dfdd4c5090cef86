"""`wanserve watch` beside a server that makes a video: once, and as lines of JSON."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.faults.harness import Rig, rig, until
from tests.e2e.server import WANSERVE, environment, wanserve


def watched(made: Rig, *arguments: str) -> str:
    """What the command prints once."""
    done = wanserve("watch", "--data-dir", str(made.data_dir), *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_it_shows_what_waits_and_what_runs(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        running, _ = made.accept_held(), made.accept()
        # The worker's own row is written every few seconds only.
        until("a busy worker", lambda: '"busy"' in watched(made, "--once", "--json"))
        view = json.loads(watched(made, "--once", "--json"))
        (queue,) = view["queue"]
        assert (queue["model"], queue["waiting"], queue["running"]) == ("wan2.2-t2v-plus", 1, 1)
        (worker,) = view["workers"]
        assert (worker["state"], worker["task"]) == ("busy", running)
        assert worker["progress"] > 0
        assert running in watched(made, "--once")
        assert "wan2.2-t2v-plus" in watched(made)
        with subprocess.Popen(
            [WANSERVE, "watch", "--json", "--interval", "0.1", "--data-dir", str(made.data_dir)],
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        ) as lines:
            assert lines.stdout is not None
            assert [json.loads(lines.stdout.readline())["workers"][0]["task"] for _ in range(3)] == [running] * 3
            lines.send_signal(signal.SIGINT)
            lines.stdout.read()
            assert lines.wait(60) == 0


@pytest.mark.parametrize("interval", ["0", "often", "nan"])
def test_an_interval_that_is_none_is_wrong_usage(interval: str) -> None:
    assert wanserve("watch", "--interval", interval).returncode == 2
