"""A command imports what it needs: the server's libraries take longer to import than most commands take to run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.server import environment
from wanserve.cli.parser import COMMANDS

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
    "wanserve.cli.generate",
    "wanserve.cli.models",
    "wanserve.cli.serve",
    "wanserve.cli.table",
    "wanserve.client",
    "wanserve.cli.findings",
    "wanserve.engine",
    "wanserve.http",
    "wanserve.media",
    "wanserve.models.availability",
    "wanserve.server",
    "wanserve.cli.standalone",
    "wanserve.worker",
}
COMMAND_MODULES = {f"wanserve.cli.{name}" for name in COMMANDS}
TELLS_MODULES = """
import contextlib, io, json, sys
from wanserve.cli import main
with contextlib.redirect_stdout(io.StringIO()) as printed:
    try:
        status = main(sys.argv[1:])
    except SystemExit as exit:
        status = exit.code
json.dump([status, printed.getvalue(), sorted(sys.modules)], sys.stdout)
"""


def run_and_list_modules(*command: str) -> tuple[int, str, list[str]]:
    """The exit status of the command, what it prints, and the modules that it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", TELLS_MODULES, *command],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    status, printed, modules = json.loads(done.stdout)
    return status, printed, modules


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
    status, printed, modules = run_and_list_modules(*command, "--data-dir", str(tmp_path))
    assert (status, printed[:3].strip()) == (0, prints)
    assert "wanserve.store.sqlite.database" in modules
    assert SERVERS_OWN.intersection(modules) == set()


def test_the_help_and_the_version_load_no_command() -> None:
    for flag in ("--help", "--version"):
        status, printed, modules = run_and_list_modules(flag)
        assert (status, "wanserve" in printed) == (0, True)
        loaded = {name for name in modules if name.startswith("wanserve.cli.")}
        assert loaded == {"wanserve.cli.parser"}


def test_the_help_of_a_command_loads_no_other_command() -> None:
    status, printed, modules = run_and_list_modules("keys", "--help")
    assert (status, "restrict" in printed) == (0, True)
    assert {"wanserve.cli.keys"} == {name for name in modules if name in COMMAND_MODULES}
