"""Every script of `examples/` makes a video, and says so plainly when it cannot."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.server import Server, environment
from wanserve.media import probe

EXAMPLES = Path(__file__).parents[2] / "examples"
MINUTE = 60
SCRIPTS = {
    sys.executable: "python/text_to_video.py",
    "node": "javascript/text_to_video.mjs",
    "bash": "curl/text_to_video.sh",
    "java": "java/TextToVideo.java",
    "php": "php/text_to_video.php",
}
EACH = pytest.mark.parametrize(("program", "script"), SCRIPTS.items(), ids=[Path(name).stem for name in SCRIPTS])


def run(
    server: Server, program: str, script: str, *arguments: str, key: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end. Skips where its program is not installed, except where CI=true says that it must be."""
    for needed in {program, "curl"} if program == "bash" else {program}:
        if shutil.which(needed) is None:
            missing = f"{needed} is not installed"
            if os.environ.get("CI") == "true":
                pytest.fail(missing)
            pytest.skip(missing)
    settings = environment(url=server.url, key=server.key if key is None else key) | {"NO_PROXY": "*", "no_proxy": "*"}
    return subprocess.run(
        [program, str(EXAMPLES / script), *arguments],
        env=settings,
        capture_output=True,
        text=True,
        timeout=3 * MINUTE,
        check=False,
    )


def test_every_example_is_tried() -> None:
    """A script that nobody runs would rot; and each has its line in the README."""
    there = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.glob("*/*")}
    assert there == set(SCRIPTS.values())
    readme = (EXAMPLES / "README.md").read_text()
    assert all(f"]({script})" in readme for script in there)


@EACH
def test_it_makes_a_video(server: Server, tmp_path: Path, program: str, script: str) -> None:
    """It tells the task, each state once and the path, and the file is the video of the prompt as it was given."""
    out = tmp_path / "out.mp4"
    prompt = f'A "quoted" kitten with a back\\slash from {Path(script).suffix}'
    done = run(server, program, script, prompt, "640*480", str(out))
    assert (done.returncode, done.stderr) == (0, "")
    task_id, *states, path = done.stdout.splitlines()
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", task_id)
    assert states[-1] == "SUCCEEDED"
    assert [state for state in ("PENDING", "RUNNING", "SUCCEEDED") if state in states] == states
    assert path == str(out)
    facts = probe.read(out)
    assert (facts.width, facts.height, facts.codec) == (640, 480, "h264")
    assert server.poll(task_id)["orig_prompt"] == prompt


@EACH
def test_a_wrong_key(server: Server, tmp_path: Path, program: str, script: str) -> None:
    """The server's own words on stderr, exit status 1, and nothing on the disk."""
    out = tmp_path / "out.mp4"
    done = run(server, program, script, "A kitten", "640*480", str(out), key="sk-wrong")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "invalid subscription key" in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


@EACH
def test_a_wrong_size(server: Server, tmp_path: Path, program: str, script: str) -> None:
    """A refusal names the field and what it may be."""
    done = run(server, program, script, "A kitten", "1*1", str(tmp_path / "out.mp4"))
    assert done.returncode == 1
    assert "parameters.size" in done.stderr
    assert "640*480" in done.stderr


@EACH
def test_no_key(server: Server, program: str, script: str) -> None:
    """It asks for the key instead of sending none."""
    done = run(server, program, script, key="")
    assert done.returncode == 1
    assert "Set WANSERVE_KEY to your key." in done.stderr
