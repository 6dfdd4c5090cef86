"""A command imports what it needs: the server's libraries take longer to import than most commands take to run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.server import environment

SERVERS_OWN = {
    "av",
    "granian",
    "httpx",
    "prometheus_client",
    "python_multipart",
    "rich",
    "starlette",
    "thorvg_python",
    "wanserve.app",
    "wanserve.blobs",
    "wanserve.cli.doctor",
    "wanserve.engine",
    "wanserve.cli.generate",
    "wanserve.http",
    "wanserve.media",
    "wanserve.models.availability",
    "wanserve.server",
    "wanserve.worker",
}
TELLS_MODULES = """
import contextlib, io, json, sys
from wanserve.cli import main
with contextlib.redirect_stdout(io.StringIO()) as printed:
    status = main(sys.argv[1:])
json.dump([status, printed.getvalue(), sorted(sys.modules)], sys.stdout)
"""


@pytest.mark.parametrize(
    ("command", "prints"),
    [
        (["keys", "create", "one"], "sk-"),
        (["keys", "list", "--json"], "[]"),
        (["accounts", "list", "--json"], "[]"),
        (["tasks", "list", "--json"], "[]"),
        (["usage", "--json"], "[]"),
    ],
    ids=" ".join,
)
def test_a_command_that_asks_the_database_loads_nothing_of_the_server(
    tmp_path: Path, command: list[str], prints: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TELLS_MODULES, *command, "--data-dir", str(tmp_path)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    status, printed, modules = json.loads(done.stdout)
    assert (status, printed[:3].strip()) == (0, prints)
    assert "wanserve.store.sqlite.database" in modules
    assert SERVERS_OWN.intersection(modules) == set()
