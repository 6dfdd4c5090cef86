"""Rules of the source tree that no linter knows."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "wanserve"

OF_THE_ENVIRONMENT = "machine/environment.py"
"""The only module that may touch it. The settings read our variables from there; others hand it on or set defaults."""


def environment_uses(source: str) -> list[int]:
    """The lines that get at the process's environment, by whatever name of the module os."""
    names = {"environ", "environb", "getenv", "getenvb", "putenv"}
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and names & {name.name for name in node.names})
    ]


def test_one_module_has_the_environment() -> None:
    used = {
        file.relative_to(SOURCE).as_posix()
        for file in SOURCE.rglob("*.py")
        if environment_uses(file.read_text(encoding="utf-8"))
    }
    assert used == {OF_THE_ENVIRONMENT}


@pytest.mark.parametrize(
    "source", ["import os\nos.environ", "import os as o\no.getenv('A')", "from os import environ", "os.environ['A']"]
)
def test_each_way_to_the_environment_is_seen(source: str) -> None:
    assert environment_uses(source)


def test_only_the_settings_and_the_clients_address_read_variables_of_ours() -> None:
    # The environment's own module names them to leave them out of that of a child.
    allowed = ("settings.py", "client/address.py", OF_THE_ENVIRONMENT)
    for file in SOURCE.rglob("*.py"):
        source = file.read_text(encoding="utf-8")
        if "process_environment" in source and file not in [SOURCE / name for name in allowed]:
            assert '"WANSERVE_' not in source, file


def test_the_hooks_run_what_make_check_runs() -> None:
    target = (ROOT / "Makefile").read_text(encoding="utf-8").split("\ncheck:")[1].split("\n\n")[0]
    checks = re.findall(r"\$\(BIN\)/(\S+(?: (?:check|format)\b)?)", target)
    hooks = re.findall(r"entry: \.venv/bin/(.*)", (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert sorted(checks) == sorted(hook.removesuffix(" --force-exclude") for hook in hooks)
    assert len(checks) == 4


def test_the_built_package_has_the_migrations_of_every_database() -> None:
    """An editable install has them whatever the list says, so that no other test would notice."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    packed = {file for pattern in tools["setuptools"]["package-data"]["wanserve"] for file in SOURCE.glob(pattern)}
    steps = set(SOURCE.glob("store/*/migrations/*.sql"))
    assert {step.parts[-3] for step in steps} == {"sqlite", "postgres"}
    assert steps <= packed
