"""The documents say what the code has: every setting, command, route and error code, and what enforces each decision."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_core import PydanticUndefined

import wanserve
from wanserve.app import api_document
from wanserve.cli.parser import parser
from wanserve.domain import errors
from wanserve.http.dialects import base
from wanserve.metrics import Metrics
from wanserve.models.model_settings import ModelSettings
from wanserve.models.upstream_settings import UpstreamSettings
from wanserve.settings import Settings
from wanserve.worker.upstream_pool import PAUSES_SECONDS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INTERNAL = {"canceled", "setup", "not_signed_in", "sign_in_link_invalid", "foreign_request"}
"""Error codes that no client of today's API can meet."""


def commands(top: argparse.ArgumentParser, prefix: str = "wanserve") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command with its parser."""
    groups = [action for action in top._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield prefix, top
    for group in groups:
        for name, inner in group.choices.items():
            yield from commands(inner, f"{prefix} {name}")


def test_every_setting_is_documented_and_nothing_else() -> None:
    documented = re.findall(r"^\| `WANSERVE_(\w+)` \|", (DOCS / "configuration.md").read_text(), re.MULTILINE)
    in_the_file_only = {"models", "upstreams"}
    assert sorted(documented) == sorted(name.upper() for name in Settings.model_fields if name not in in_the_file_only)


def test_every_field_of_an_upstream_is_documented_with_its_default() -> None:
    table = (DOCS / "remote.md").read_text().split("## Fields of an upstream")[1].split("\n## ")[0]
    documented = dict(re.findall(r"^\| `(\w+)` \| (?:`(\w+)`|\w+) \|", table, re.MULTILINE))
    defaults = {name: field.default for name, field in UpstreamSettings.model_fields.items()}
    told = {name: "" if value in (None, PydanticUndefined) else str(value).lower() for name, value in defaults.items()}
    assert documented == told


def test_every_error_of_an_upstream_is_in_its_table() -> None:
    table = (DOCS / "remote.md").read_text().split("## When an upstream fails")[1].split("\n## ")[0]
    kinds = (errors.UpstreamRefused, errors.UpstreamTaskFailed, errors.UpstreamFailed, errors.UpstreamDenied)
    for kind in (*kinds, errors.UpstreamForgot):
        assert f"`{kind.code}`" in table
    pauses = [f"{pause:g}" for pause in PAUSES_SECONDS]
    assert f"{', '.join(pauses[:-2])} and {pauses[-2]} seconds, and then\nevery {pauses[-1]} seconds" in table


def test_every_setting_of_a_model_is_documented_and_nothing_else() -> None:
    table = (DOCS / "wan.md").read_text().split("## Settings of a model")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", table, re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(documented) == sorted(ModelSettings.model_fields)


@pytest.mark.parametrize(("command", "inner"), list(commands(parser())))
def test_every_command_and_flag_is_documented(command: str, inner: argparse.ArgumentParser) -> None:
    text = (DOCS / "command-line.md").read_text()
    line = next((line for line in text.splitlines() if f"`{command}" in line), "")
    assert line, command
    for action in inner._actions:
        for flag in action.option_strings[-1:]:
            if flag not in ("--help", "--json", "--data-dir", "--output"):
                assert flag in text


def test_every_route_is_documented() -> None:
    text = (DOCS / "compatibility.md").read_text()
    paths = api_document()["paths"]
    assert isinstance(paths, dict)
    others = [path for path in paths if not path.startswith(("/api/v1/", "/v1/"))]
    assert {"/files/{key}", "/readyz"} < set(others)
    for path in others:
        assert path in text


def test_every_error_code_is_documented() -> None:
    text = (DOCS / "compatibility.md").read_text()

    def codes(kind: type[errors.WanserveError]) -> Iterator[str]:
        yield kind.code
        for inner in kind.__subclasses__():
            yield from codes(inner)

    assert base.EndpointNotFound.code in set(codes(errors.WanserveError))
    for code in set(codes(errors.WanserveError)) - INTERNAL - {"server_refused"}:
        assert f"`{code}`" in text, code


def test_every_error_class_is_in_the_tree_of_its_module() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    there = {name for name, kind in vars(errors).items() if isinstance(kind, type) and name != "WanserveError"}
    assert drawn == there - {"ClassVar", "Fault", "Sequence"}


@pytest.mark.parametrize("record", sorted((DOCS / "adr").glob("*.md")), ids=lambda path: path.name)
def test_each_decision_names_tests_that_exist(record: Path) -> None:
    text = record.read_text()
    for heading in ("## Context", "## Decision", "## Consequences", "## Alternatives", "## Enforced by"):
        assert heading in text
    named = re.findall(r"(?:tests|bench)/[\w/]+\.py", text.split("## Enforced by")[1])
    assert named
    for file in named:
        assert (ROOT / file).exists(), file


@pytest.mark.parametrize(
    "document", sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("deploy/*.md")]), ids=lambda path: path.name
)
def test_no_link_of_a_document_is_broken(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def test_the_way_of_a_request_is_what_the_flow_declares() -> None:
    for line in (DOCS / "flow.txt").read_text().splitlines():
        step = line.split("#")[0].strip(" ~")
        if step:
            path, name = step.split(":")
            assert f"def {name.split('.')[-1]}(" in (ROOT / path).read_text(), step


def test_every_dependency_has_its_exact_pin() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + [name for extra in project["optional-dependencies"].values() for name in extra]
    names = {re.split(r"[<>=\[ ]", one)[0].lower() for one in wanted} - {"wanserve"}  # an extra that brings another
    pinned = re.findall(r"^([\w.-]+)==[\w.]+$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert names <= {name.lower().replace("_", "-") for name in pinned}


def test_the_changelog_and_the_package_know_the_version() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", wanserve.__version__)
    assert "## [Unreleased]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_metric_is_documented() -> None:
    text = (DOCS / "operating.md").read_text()
    for line in Metrics().page(ready=True, workers_ready=True).decode().splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert f"`{name}`" in text or name.endswith("_created"), name
    for name in ("wanserve_tasks", "wanserve_queue_age_seconds", "wanserve_webhooks_waiting"):
        assert f"`{name}`" in text


def test_prose_wraps_at_100_columns() -> None:
    """So that a change can be reviewed line by line. Tables, code and images have lines of their own length."""
    root = DOCS.parent
    for page in [*root.glob("*.md"), *DOCS.rglob("*.md"), *root.glob("examples/*.md"), *root.glob("deploy/*.md")]:
        prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
        long = [line for line in prose.splitlines() if len(line) > 100 and not line.lstrip().startswith(("|", "!["))]
        assert long == [], page
