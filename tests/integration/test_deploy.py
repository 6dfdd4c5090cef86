"""The files in deploy/ by the linters and schemas of others: hadolint, compose's, Kubernetes'; and in a real nginx."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import needs
from tests.e2e.server import SUBMIT, running
from tests.e2e.test_behind_nginx import free_port, until_it_listens
from tests.unit.test_deploy import DEPLOY, documents, pods

KUBERNETES = ("1.31", "1.37")
"""The versions whose schemas are tried."""

OTHERS = ("kustomize.config.k8s.io/v1beta1", "ray.io/v1")
"""Kinds that Kubernetes itself does not have, so that no schema of them is at hand."""

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
"""nginx's folders for files of its own, which are the administrator's by default."""

PATHS = {
    "/healthz": 200,
    "/docs": 200,
    "/openapi.json": 200,
    "/v1/videos": 401,
    "/metrics": 403,
    "/readyz": 403,
    "/readyz/workers": 403,
}
"""What the proxy answers."""


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


def test_nginx_accepts_its_configuration_and_does_what_it_says(tmp_path: Path) -> None:
    nginx, port = needs.program("nginx"), free_port()
    with running(tmp_path / "data", "--no-worker", public_url=f"http://127.0.0.1:{port}") as server:
        text = (DEPLOY / "nginx.conf").read_text()
        # The names are those of compose's network. Both are one server here.
        text = re.sub(r"server api-\d:\d+", f"server {server.url.removeprefix('http://')}", text)
        text = text.replace("listen 8080;", f"listen 127.0.0.1:{port}; access_log off;")
        places = "".join(f"{one}_temp_path {tmp_path}/{one}; " for one in TEMPORARY)
        file = tmp_path / "nginx.conf"
        file.write_text(f"daemon off; pid {tmp_path}/pid;\n" + text.replace("http {", f"http {{ {places}", 1))
        started = [nginx, "-c", str(file), "-p", str(tmp_path), "-e", str(tmp_path / "errors")]
        checked(*started, "-t")
        process = subprocess.Popen(started, stderr=subprocess.DEVNULL)
        try:
            until_it_listens(process, port)
            base = f"http://127.0.0.1:{port}"
            statuses = {path: server.http.get(base + path).status_code for path in PATHS}
            assert statuses == PATHS
            body = {"model": "wan2.2-t2v-plus", "input": {"prompt": "behind the proxy"}}
            headers = {"Ocp-Apim-Subscription-Key": server.key}
            assert server.http.post(base + SUBMIT, json=body, headers=headers).status_code == 200
        finally:
            process.terminate()
            process.wait(30)
