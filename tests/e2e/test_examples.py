"""Every script of `examples/` makes a video, and says so plainly when it cannot."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.clients import clients
from tests.e2e.server import Server, environment
from wanserve.media import probe

EXAMPLES = Path(__file__).parents[2] / "examples"
MINUTE = 60


@dataclass(frozen=True)
class Example:
    """A script, what runs it, and what its API says. `client` names the environment of `make clients` that it needs."""

    script: str
    program: str
    client: str = ""
    size: str = "640*480"
    states: tuple[str, ...] = ("PENDING", "RUNNING", "SUCCEEDED")
    id: str = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    wrong_key: str = "invalid subscription key"
    wrong_size: str = "parameters.size"


DASHSCOPE: dict[str, Any] = {"size": "832*480", "wrong_key": "Invalid API-key provided."}
OPENAI: dict[str, Any] = {
    "size": "832x480",
    "states": ("queued", "in_progress", "completed"),
    "id": r"video_[0-9a-f]{32}",
    "wrong_key": "the key is unknown or revoked",
    "wrong_size": "size: ",
}
EXAMPLES_TRIED = [
    Example("python/text_to_video.py", sys.executable),
    Example("javascript/text_to_video.mjs", "node"),
    Example("curl/text_to_video.sh", "bash"),
    Example("java/TextToVideo.java", "java"),
    Example("php/text_to_video.php", "php"),
    Example("curl/dashscope.sh", "bash", **DASHSCOPE),
    Example("python/dashscope_sdk.py", "python", "dashscope", **DASHSCOPE),
    # It tells no state: its SDK waits without a word.
    Example("javascript/alibaba_ai_sdk.mjs", "node", "node", **DASHSCOPE | {"size": "832x480", "states": ()}),
    Example("curl/openai_videos.sh", "bash", **OPENAI),
    Example("python/openai_sdk.py", "python", "openai2", **OPENAI),
    Example("python/openai_sdk.py", "python", "openai3", **OPENAI),
    Example("python/litellm_sdk.py", "python", "openai3", **OPENAI | {"id": r"video_[\w=+/-]+"}),
    Example("javascript/openai_sdk.mjs", "node", "node", **OPENAI),
    Example("python/wanserve_client.py", sys.executable, **OPENAI | {"states": ("pending", "running", "succeeded")}),
]
EACH = pytest.mark.parametrize(
    "example",
    [pytest.param(example, marks=[pytest.mark.thorough] if example.client else []) for example in EXAMPLES_TRIED],
    ids=lambda example: "-".join(filter(None, (Path(example.script).name, example.client))),
)


def run(
    server: Server, example: Example, folder: Path, *arguments: str, key: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    path = EXAMPLES / example.script
    if example.program == "bash":
        needs.program("curl")
    program = clients.program(example.client, example.program) if example.client else needs.program(example.program)
    if example.client == "node":
        path = clients.beside_modules(path, folder)
    settings = environment(url=server.url, key=server.key if key is None else key) | {"NO_PROXY": "*", "no_proxy": "*"}
    return subprocess.run(
        [program, str(path), *arguments],
        env=settings,
        capture_output=True,
        text=True,
        timeout=3 * MINUTE,
        check=False,
    )


def test_every_example_is_tried() -> None:
    """A script that nobody runs would rot; and each has its line in the README."""
    there = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.glob("*/*")}
    assert there == {example.script for example in EXAMPLES_TRIED}
    readme = (EXAMPLES / "README.md").read_text()
    assert all(f"]({script})" in readme for script in there)


def submitted(server: Server, prompt: str) -> dict[str, object]:
    """The only task of this prompt, as OpenAI's dialect lists it."""
    headers = {"Authorization": f"Bearer {server.key}"}
    listed = server.http.get(f"{server.url}/v1/videos?limit=100", headers=headers).json()["data"]
    (only,) = [video for video in listed if video["prompt"] == prompt]
    return dict(only)


@EACH
def test_it_makes_a_video(server: Server, tmp_path: Path, example: Example) -> None:
    """It tells the task, each state once and the path, and the file is the video of the prompt as it was given."""
    out = tmp_path / "out.mp4"
    prompt = f'A "quoted" kitten with a back\\slash by {example.script} of {example.client or example.program}'
    done = run(server, example, tmp_path, prompt, example.size, str(out))
    assert (done.returncode, done.stderr) == (0, "")
    task_id, *states, path = done.stdout.splitlines()
    assert re.fullmatch(example.id, task_id)
    assert states[-1:] == list(example.states[-1:])
    assert [state for state in example.states if state in states] == states
    assert path == str(out)
    facts = probe.read(out)
    assert f"{facts.width}x{facts.height}" == example.size.replace("*", "x")
    assert facts.codec == "h264"
    assert submitted(server, prompt)["status"] == "completed"


@EACH
def test_a_wrong_key(server: Server, tmp_path: Path, example: Example) -> None:
    """The server's own words on stderr, exit status 1, and nothing on the disk."""
    out = tmp_path / "out.mp4"
    done = run(server, example, tmp_path, "A kitten", example.size, str(out), key="sk-wrong")
    assert done.returncode == 1
    assert done.stdout == ""
    assert example.wrong_key in done.stderr
    assert "Traceback" not in done.stderr
    assert not out.exists()


@EACH
def test_a_wrong_size(server: Server, tmp_path: Path, example: Example) -> None:
    """A refusal names the field and what it may be."""
    wrong = re.sub(r"\d+", "1", example.size)
    done = run(server, example, tmp_path, "A kitten", wrong, str(tmp_path / "out.mp4"))
    assert done.returncode == 1
    assert example.wrong_size in done.stderr
    assert re.search(r"832[x*]480", done.stderr)


@EACH
def test_no_key(server: Server, tmp_path: Path, example: Example) -> None:
    """It asks for the key instead of sending none."""
    done = run(server, example, tmp_path, key="")
    assert done.returncode == 1
    assert "Set WANSERVE_KEY to your key." in done.stderr
