"""The files in deploy/ by the linters and schemas of others: hadolint, compose's, Kubernetes' and nginx's own check."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs
from tests.unit.test_deploy import DEPLOY, documents, pods

KUBERNETES = ("1.31", "1.37")
"""The versions whose schemas are tried."""

OTHERS = ("kustomize.config.k8s.io/v1beta1", "ray.io/v1")
"""Kinds that Kubernetes itself does not have, so that no schema of them is at hand."""


def tool(name: str) -> str:
    """A program beside this Python, else one of the machine; skips where there is none."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else needs.program(name)


def checked(*command: str | Path) -> None:
    """Run a check, which has to find nothing."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_hadolint_finds_nothing() -> None:
    checked(tool("hadolint"), DEPLOY / "Dockerfile")


def test_compose_files_fit_their_schema() -> None:
    program = tool("check-jsonschema")
    checked(program, "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml", DEPLOY / "compose.gpu.yaml")


@pytest.mark.parametrize("version", KUBERNETES)
def test_manifests_fit_their_schemas(version: str) -> None:
    import kubernetes_validate

    validated = 0
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        for one in documents(file):
            if one["apiVersion"] not in OTHERS:
                kubernetes_validate.validate(one, version, strict=True)
                validated += 1
    assert validated == 12


@pytest.mark.parametrize("version", KUBERNETES)
def test_pods_fit_their_schema_those_of_ray_too(version: str) -> None:
    import kubernetes_validate

    for _, pod in pods():
        one = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one"}, "spec": pod}
        kubernetes_validate.validate(one, version, strict=True)


def test_nginx_accepts_its_configuration(tmp_path: Path) -> None:
    nginx = needs.program("nginx")
    # The names are those of compose's network.
    text = re.sub(r"server api-\d:", "server 127.0.0.1:", (DEPLOY / "nginx.conf").read_text())
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/pid;\n{text}")
    checked(nginx, "-t", "-c", file, "-p", tmp_path, "-e", tmp_path / "errors")
