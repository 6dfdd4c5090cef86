"""Rules of the source tree that no linter knows."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "wanserve"

READ_THE_ENVIRONMENT = {"settings.py"}
"""Everybody else is handed settings."""

SET_FOR_OTHERS = {
    "engine/wan/library_logging.py",  # torch and other libraries read their variables when they are imported
    "engine/wan/ranks.py",  # NCCL and gloo read theirs when a process group is made
}
"""These hand the environment on to a library or to a child process. None of them reads a setting of ours."""


def environment_uses(source: str) -> list[int]:
    """The lines that get at the process's environment, by whatever name of the module os."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv"}
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {name.name for name in node.names})
    ]


def test_only_the_settings_read_the_environment() -> None:
    used = {
        file.relative_to(SOURCE).as_posix()
        for file in SOURCE.rglob("*.py")
        if environment_uses(file.read_text(encoding="utf-8"))
    }
    assert used - SET_FOR_OTHERS == READ_THE_ENVIRONMENT


@pytest.mark.parametrize(
    "source", ["import os\nos.environ", "import os as o\no.getenv('A')", "from os import environ", "os.environ['A']"]
)
def test_each_way_to_the_environment_is_seen(source: str) -> None:
    assert environment_uses(source)


def test_no_setting_of_ours_is_named_where_the_environment_is_handed_on() -> None:
    for name in SET_FOR_OTHERS:
        assert "WANSERVE_" not in (SOURCE / name).read_text(encoding="utf-8"), name


def test_the_hooks_run_what_make_check_runs() -> None:
    target = (ROOT / "Makefile").read_text(encoding="utf-8").split("\ncheck:")[1].split("\n\n")[0]
    checks = re.findall(r"\$\(BIN\)/(\S+(?: (?:check|format)\b)?)", target)
    hooks = re.findall(r"entry: \.venv/bin/(.*)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert sorted(checks) == sorted(hook.removesuffix(" --force-exclude") for hook in hooks)
    assert len(checks) == 4
