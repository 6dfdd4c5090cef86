"""The document's own samples work with nothing changed but the host, the key and the task's id."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import needs
from tests.e2e.server import Server, environment, wanserve

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
HOST = "https://gateway.pixazo.ai"
KEY = "YOUR_SUBSCRIPTION_KEY"
TASK = "19d8e7a6-c652-XXXX-XXXX-XXXXXXXXXXXXX"
PROGRAMS = {".py": sys.executable, ".mjs": "node", ".sh": "bash", ".java": "java", ".php": "php"}
SUBMIT = ["submit.py", "submit.mjs", "submit.sh", "ApiExample.java", "submit.php"]
POLL = ["poll.py", "poll.mjs", "poll.sh", "PollingExample.java", "poll.php"]

# Python and JavaScript print the answer their own way: with single quotes, or with bare names.
TASK_ID = re.compile(r"""task_id['"]?\s*:\s*['"]([0-9a-f-]{36})['"]""")
STATUS = re.compile(r"""task_status['"]?\s*:\s*['"]([A-Z]+)['"]""")

pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the document's samples are not beside this repository")


def run(server: Server, folder: Path, name: str, task_id: str = "") -> str:
    """Run a sample from a copy that speaks to the server, and return what it prints."""
    program = needs.program(PROGRAMS[Path(name).suffix])
    text = (SAMPLES / name).read_text()
    assert (HOST in text, KEY in text, TASK in text) == (True, True, bool(task_id))
    copy = folder / name
    copy.write_text(text.replace(HOST, server.url).replace(KEY, server.key).replace(TASK, task_id))
    settings = environment() | {"NO_PROXY": "*", "no_proxy": "*"}
    done = subprocess.run([program, str(copy)], env=settings, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_none_is_forgotten() -> None:
    """Ten samples, each in one of the two lists."""
    assert {path.name for path in SAMPLES.iterdir()} - {"README.md"} == {*SUBMIT, *POLL}


@pytest.mark.parametrize("name", SUBMIT)
def test_submit(server: Server, tmp_path: Path, name: str) -> None:
    """It prints the answer with a task that the server knows."""
    said = TASK_ID.search(run(server, tmp_path, name))
    assert said is not None
    output = server.poll(said[1])
    assert output["task_status"] in ("PENDING", "RUNNING", "SUCCEEDED")
    # Five large videos would keep the tests after this one waiting. One that is done already cannot be cancelled.
    wanserve("tasks", "cancel", said[1], "--data-dir", str(server.data_dir))
    server.wait(said[1], "CANCELED", "SUCCEEDED")


@pytest.fixture(scope="module")
def task_id(server: Server) -> str:
    """A small task of our own, submitted and not waited for."""
    return server.submit("A kitten that the samples poll", "640*480")


@pytest.mark.parametrize("name", POLL)
def test_poll(server: Server, tmp_path: Path, task_id: str, name: str) -> None:
    """It prints the task's state, however often it is run, until the video is there."""
    states: list[str] = []
    deadline = time.monotonic() + 120
    while "SUCCEEDED" not in states:
        assert time.monotonic() < deadline, states
        printed = run(server, tmp_path, name, task_id)
        found = STATUS.search(printed)
        assert found is not None, printed
        states.append(found[1])
    assert set(states) <= {"PENDING", "RUNNING", "SUCCEEDED"}
    assert f"{server.url}/files/videos/{task_id}/" in printed.replace("\\/", "/")
