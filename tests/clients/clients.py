"""Runs the vendors' own clients, each in the environment that `make clients` made for it, as a user's script would."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.server import Server

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
NODE_MODULES: Final = HERE / "node" / "node_modules"
PATIENCE_SECONDS: Final = 180


def program(client: str, name: str = "python") -> str:
    """The path of a program of a client's environment; skips where it was not made."""
    path = ROOT / ".venv-clients" / client / "bin" / name
    if not path.exists() or (client == "node" and not NODE_MODULES.exists()):
        pytest.skip(f"the environment of {client} is not there: `make clients` makes it")
    return str(path)


def environment(server: Server, key: str, home: Path) -> dict[str, str]:
    """No more than where the server is and what the key is, under the names that each client reads by itself."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "COLUMNS": "10000",
        "NO_PROXY": "*",
        "no_proxy": "*",
        "WANSERVE_URL": server.url,
        "WANSERVE_KEY": key,
        "DASHSCOPE_HTTP_BASE_URL": f"{server.url}/api/v1",
        "DASHSCOPE_API_KEY": key,
        "ALIBABA_API_KEY": key,
        "OPENAI_BASE_URL": f"{server.url}/v1",
        "OPENAI_API_KEY": key,
        # Else litellm asks the net for the prices of models.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }


def run(
    command: list[str], server: Server, folder: Path, *, key: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command in `folder` to its end, whatever that is."""
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(server, server.key if key is None else key, folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def told(client: str, script: str, server: Server, folder: Path, *arguments: str) -> dict[str, Any]:
    """What a script of ours in `scripts/` or `node/` tells of what it did with the client: one JSON object."""
    name, place = ("node", "node") if client == "node" else ("python", "scripts")
    command = [program(client, name), str(HERE / place / script)]
    done = run([*command, *arguments], server, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout))


def beside_modules(script: Path, folder: Path) -> Path:
    """A copy of a script in JavaScript where it finds its modules: Node looks for them beside a script, and upwards."""
    copy = folder / script.name
    shutil.copy(script, copy)
    (folder / "node_modules").symlink_to(NODE_MODULES)
    return copy
