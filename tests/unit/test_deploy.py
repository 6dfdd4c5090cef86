"""The files in deploy/ fit the program: its settings, commands, ports, health routes, metrics and times of a stop."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from wanserve.app import api_document
from wanserve.cli.parser import complete_parser
from wanserve.domain.worker import UpstreamUse
from wanserve.http.ops import HEALTH_CHECKS
from wanserve.metrics import Metrics
from wanserve.settings import CLIENT_VARIABLES, Settings, load

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
PORTS = {"serve": Settings.model_fields["port"].default, "worker": Settings.model_fields["metrics_port"].default}
"""The port at which each command answers about its health."""

STOP_SECONDS = {"serve": 5, "worker": 5, "ray": 10}
"""How long a stop may take after the drain time: docs/operating.md, and for the controller of Ray its own page."""


def documents(file: Path) -> Iterator[dict[str, Any]]:
    """The documents of a file of YAML."""
    for document in yaml.safe_load_all(file.read_text()):
        assert isinstance(document, dict), file
        yield document


def manifests() -> Iterator[dict[str, Any]]:
    """Every manifest of Kubernetes."""
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        yield from documents(file)


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and the specification of every pod, those of Ray's nodes too."""
    for one in manifests():
        name, spec = one.get("metadata", {}).get("name", ""), one.get("spec", {})
        if one["kind"] in ("Deployment", "Job"):
            yield f"{one['kind']} {name}", spec["template"]["spec"]
        if one["kind"] == "RayCluster":
            for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
                yield f"RayCluster {name}", group["template"]["spec"]


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any], list[str]]]:
    """Every container that runs `wanserve`: its pod, itself, and the arguments."""
    for _, pod in pods():
        for container in pod["containers"]:
            if (arguments := wanserve_arguments(container.get("command"), container.get("args", []))) is not None:
                yield pod, container, arguments


def wanserve_arguments(command: list[str] | None, args: list[str]) -> list[str] | None:
    """What `wanserve` gets; None where something else runs. Without a command the image's entry point runs."""
    if not command:
        return args or None
    found = re.search(r"exec wanserve (.*)", args[0], re.DOTALL)
    assert command == ["sh", "-c"]
    return shlex.split(found[1]) if found else None


def services() -> dict[str, Any]:
    """The services of the compose file."""
    (document,) = documents(COMPOSE)
    services = document["services"]
    assert isinstance(services, dict)
    return services


def our_services() -> dict[str, Any]:
    """Those that run our image."""
    return {name: one for name, one in services().items() if one["image"].startswith("wanserve:")}


def variables() -> Iterator[tuple[str, str]]:
    """Every variable of wanserve that a file sets, with the file's name."""
    for file in sorted(DEPLOY.rglob("*")):
        if file.is_file():
            for name in re.findall(r"\bWANSERVE_[A-Z_]+\b", file.read_text()):
                yield file.name, name


def drain_seconds(given: dict[str, str]) -> float:
    """The drain time of a process with these variables."""
    value = given.get("WANSERVE_DRAIN_SECONDS", Settings.model_fields["drain_seconds"].default)
    return float(value)


def shared_config() -> dict[str, str]:
    """The variables that the pods share."""
    (config,) = (one for one in manifests() if one["kind"] == "ConfigMap")
    data = config["data"]
    assert isinstance(data, dict)
    return data


def test_every_file_is_read() -> None:
    names = {path.name for path in DEPLOY.rglob("*.yaml")}
    assert {"compose.yaml", "api.yaml", "worker.yaml", "kuberay.yaml", "kustomization.yaml"} <= names
    for path in DEPLOY.rglob("*.yaml"):
        assert list(documents(path)), path


def test_every_variable_is_a_setting() -> None:
    known = {f"WANSERVE_{name.upper()}" for name in Settings.model_fields} | CLIENT_VARIABLES
    known.add("WANSERVE_API_PORT")  # in the words that say why service links are off
    assert {(file, name) for file, name in variables() if name not in known} == set()


def test_the_values_are_accepted() -> None:
    compose = next(iter(our_services().values()))["environment"]
    filled = {
        name: re.sub(r"\$\{WANSERVE_PUBLIC_URL[^}]*\}", "http://localhost:8080", v) for name, v in compose.items()
    }
    assert load({}, filled, ROOT / "none.toml").blob_links == "proxy"
    secrets = next(one for one in manifests() if one["kind"] == "Secret")["stringData"]
    assert load({}, shared_config() | secrets, ROOT / "none.toml").drain_seconds > 0


def test_every_command_line_is_understood() -> None:
    parser = complete_parser()
    lines = [one["command"] for one in our_services().values()] + [arguments for *_, arguments in containers()]
    assert len(lines) == 7
    for line in lines:
        assert callable(parser.parse_args(line).run), line


def test_probes_ask_health_routes_at_the_port_of_the_command() -> None:
    probed = 0
    for _, container, arguments in containers():
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", ())}
        for kind, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz"), ("startupProbe", "/healthz")):
            if kind in container:
                get = container[kind]["httpGet"]
                assert get["path"] == path
                assert path in HEALTH_CHECKS
                assert ports[get["port"]] == PORTS[arguments[0]]
                probed += 1
    assert probed == 6


def test_a_liveness_probe_of_a_slow_start_waits() -> None:
    for _, container, _ in containers():
        if probe := container.get("startupProbe"):
            assert probe["periodSeconds"] * probe["failureThreshold"] >= 120


def test_scrapes_are_at_the_port_of_the_command() -> None:
    for one in manifests():
        notes = one.get("spec", {}).get("template", {}).get("metadata", {}).get("annotations", {})
        if notes:
            (container,) = one["spec"]["template"]["spec"]["containers"]
            assert int(notes["prometheus.io/port"]) == PORTS[container["args"][0]]
            assert notes["prometheus.io/path"] == "/metrics"


def test_a_pod_is_given_the_time_that_its_stop_takes() -> None:
    checked = 0
    for pod, container, arguments in containers():
        if arguments[0] not in PORTS:
            continue
        after = STOP_SECONDS["ray" if "--ray" in arguments else arguments[0]]
        waits = container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
        needed = drain_seconds(shared_config()) + after + float(waits[1])
        assert pod["terminationGracePeriodSeconds"] >= needed + 5
        checked += 1
    assert checked == 3


def test_a_container_of_compose_is_given_the_time_that_its_stop_takes() -> None:
    for one in our_services().values():
        assert int(one["stop_grace_period"].removesuffix("s")) >= drain_seconds(one["environment"]) + 5


@pytest.mark.parametrize(("name", "pod"), list(pods()))
def test_no_pod_gets_variables_of_services(name: str, pod: dict[str, Any]) -> None:
    """A Service `wanserve-api` would set WANSERVE_API_PORT, which stops the start as it is no setting."""
    assert pod["enableServiceLinks"] is False, name


def test_health_checks_of_containers_ask_the_port_of_their_command() -> None:
    asked = re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", (DEPLOY / "Dockerfile").read_text())
    assert asked == [(str(PORTS["serve"]), "/healthz")]
    for one in our_services().values():
        if one["command"][0] == "worker":
            assert f"http://127.0.0.1:{PORTS['worker']}/healthz" in one["healthcheck"]["test"][-1]
        else:
            assert "healthcheck" not in one


def test_the_image_has_the_extras_of_its_flavours() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (DEPLOY / "Dockerfile").read_text()
    flavours = dict(re.findall(r'(\w+)\) extras="([\w,]+)"', text))
    assert set(flavours) == {"cpu", "cuda", "ray"}
    for extras in flavours.values():
        assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert "USER 10001:10001" in text
    assert 'ENTRYPOINT ["wanserve"]' in text
    copied = {word for line in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE) for word in line.split()}
    allowed = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == allowed
    for name in copied:
        assert (ROOT / name).exists()


def test_the_image_and_kuberay_have_the_pinned_version_of_ray() -> None:
    (cluster,) = (one for one in manifests() if one["kind"] == "RayCluster")
    assert f"\nray=={cluster['spec']['rayVersion']}\n" in (ROOT / "constraints.txt").read_text()


def test_the_proxy_leads_to_the_servers_and_keeps_connections_shorter_than_they_do() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    servers = re.findall(r"^ +server ([\w-]+):(\d+)", text, re.MULTILINE)
    expected = [(name, str(PORTS["serve"])) for name, one in our_services().items() if one["command"][0] == "serve"]
    assert servers == expected
    (keepalive,) = re.findall(r"keepalive_timeout (\d+)s", text)
    assert int(keepalive) < Settings.model_fields["idle_seconds"].default
    (published,) = services()["proxy"]["ports"]
    assert f"listen {published.split(':')[-1]};" in text


def test_the_ingress_has_every_route_of_clients_and_no_other() -> None:
    (ingress,) = (one for one in manifests() if one["kind"] == "Ingress")
    prefixes = [path["path"] for path in ingress["spec"]["rules"][0]["http"]["paths"]]
    paths = api_document()["paths"]
    assert isinstance(paths, dict)
    led = {path for path in paths if any(path == one or path.startswith(f"{one}/") for one in prefixes)}
    assert set(paths) - led == {"/metrics", "/readyz", "/readyz/workers"}


def test_compose_has_no_secret_and_does_not_start_without_one() -> None:
    text = COMPOSE.read_text()
    example = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "env.example").read_text(), re.MULTILINE))
    used = set(re.findall(r"\$\{(\w+)", text))
    assert used == set(example)
    for name in used:
        if not name.startswith("PROXY_"):
            assert example[name] == ""
            assert re.findall(rf"\$\{{{name}(?!:\?)", text) == []


def test_the_keys_of_the_s3_server_are_json() -> None:
    (document,) = documents(COMPOSE)
    keys = json.loads(document["configs"]["s3-keys"]["content"])
    bucket = our_services()["worker"]["environment"]["WANSERVE_BLOB_URL"].split("/")[2]
    assert keys["identities"][0]["actions"] == [f"{what}:{bucket}" for what in ("Read", "Write", "List")]
    assert f"s3.bucket.create -name={bucket}'" in services()["bucket"]["command"][0]


def test_images_have_versions() -> None:
    for name, one in services().items():
        assert re.search(r":\w", one["image"]), name
        assert not one["image"].endswith(":latest")


def test_every_metric_of_the_dashboard_exists_and_every_metric_is_shown() -> None:
    dashboard = json.loads((DEPLOY / "grafana.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    shown = {name for one in expressions for name in re.findall(r"wanserve_\w+", one)}
    metrics = Metrics()
    metrics.add_upstreams(lambda: {"one": UpstreamUse(0, gets_tasks=True, failed=0)})
    metrics.add_moderation(lambda: {("list", "passed"): 1})
    kinds = re.findall(r"^# TYPE (\w+) (\w+)", metrics.page(ready=True, workers_ready=True).decode(), re.MULTILINE)
    there = {f"{name}_bucket" if kind == "histogram" else name for name, kind in kinds if not name.endswith("_created")}
    assert shown == there | {"wanserve_tasks", "wanserve_queue_age_seconds", "wanserve_webhooks_waiting"}


def test_the_dashboard_can_be_imported_anywhere() -> None:
    dashboard = json.loads((DEPLOY / "grafana.json").read_text())
    assert dashboard["schemaVersion"] >= 38  # Grafana 10
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    variables = {one["name"]: one["type"] for one in dashboard["templating"]["list"]}
    assert variables["datasource"] == "datasource"
    for panel in panels:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        for target in panel["targets"]:
            used = set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval"}
            assert used <= set(variables)
