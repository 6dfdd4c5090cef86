"""Health, the OpenAPI document and its page, as a person and a monitor meet them."""

import json
import os
import platform
import signal
import subprocess
from pathlib import Path
from typing import Any

from tests import needs
from tests.e2e.faults.harness import rig
from tests.e2e.server import POLL, SUBMIT, Server, running, wanserve


def test_health_tells_that_it_lives_and_which_engine_is_ready_and_why(server: Server) -> None:
    assert server.http.get(server.url + "/healthz").json() == {"status": "alive"}
    ready = server.http.get(server.url + "/readyz")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "store": "ok", "moderation": "off"})
    workers = server.http.get(server.url + "/readyz/workers")
    assert workers.status_code == 200
    body = workers.json()
    assert body["status"] == "ready"
    assert body["engine"]["name"] == "animatic"
    assert body["engine"]["why"]
    assert body["workers"] == [
        {
            "host": platform.node(),
            "device": "cpu",
            "engine": "animatic",
            "loaded": True,
            "problem": None,
            "unloadable": {},
            "upstreams": {},
        }
    ]


def test_a_server_whose_child_is_gone_is_not_ready_until_a_fresh_one_has_loaded(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        # The fresh one stops as it loads.
        made.arm("child", r"^open \S+/weights ", act="SIGSTOP")
        os.kill(made.server.child_pid(), signal.SIGKILL)
        made.until_fired()
        assert made.server.http.get(made.server.url + "/readyz/workers").status_code == 503
        assert made.server.http.get(made.server.url + "/readyz").status_code == 200, (
            "requests are accepted all the same"
        )
        for child in made.children():
            os.kill(child, signal.SIGCONT)
        made.until_ready()


def test_the_openapi_document_has_every_route_with_the_documents_examples(server: Server) -> None:
    document: dict[str, Any] = server.http.get(server.url + "/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    own = {"/healthz", "/readyz", "/readyz/workers", "/metrics", "/docs", "/openapi.json", "/files/{key}"}
    theirs = set(document["paths"]) - {SUBMIT, POLL} - own
    assert theirs == {path for path in theirs if path.startswith(("/api/v1/", "/v1/"))}
    submit = document["paths"][SUBMIT]["post"]
    example = submit["requestBody"]["content"]["application/json"]["example"]
    assert example["input"] == {
        "prompt": "A kitten running in the moonlight",
        "negative_prompt": "flowers, people, text",
    }
    assert [parameter["name"] for parameter in submit["parameters"]] == ["Idempotency-Key"]
    assert set(submit["responses"]) == {"200", "400", "401", "403", "404", "429", "500", "503"}
    errors = {
        status: {example["value"]["error"] for example in answer["content"]["application/json"]["examples"].values()}
        for status, answer in submit["responses"].items()
        if status != "200"
    }
    assert errors["400"] == {"Invalid request parameters"}
    assert errors["500"] == {"An unexpected error occurred, please try again later"}
    schemes = document["components"]["securitySchemes"].values()
    names = {scheme.get("name", scheme.get("scheme")) for scheme in schemes}
    assert names == {"Ocp-Apim-Subscription-Key", "subscription-key", "bearer", "api-key"}


def test_the_served_document_is_the_one_that_is_kept(server: Server) -> None:
    kept = json.loads((Path(__file__).parents[2] / "docs" / "openapi.json").read_text())
    assert server.http.get(server.url + "/openapi.json").json() == kept, "make openapi"


def test_each_request_that_the_document_shows_is_accepted(server: Server) -> None:
    document = server.http.get(server.url + "/openapi.json").json()
    shown = 0
    for path, operations in document["paths"].items():
        body = operations.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        if body is None or "{" in path or path == POLL:
            continue
        shown += 1
        headers = {"Authorization": f"Bearer {server.key}", "X-DashScope-Async": "enable"}
        headers["Ocp-Apim-Subscription-Key"] = server.key
        answer = server.http.post(server.url + path, json=body["example"], headers=headers)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        made = f"/v1/webhooks/{told['id']}" if told.get("object") == "webhook" else f"/v1/videos/{_video(told)}"
        assert server.http.delete(server.url + made, headers=headers).json()["deleted"]
    assert shown == 4


def _video(told: dict[str, Any]) -> str:
    """The video's id in the answer to a submit, in OpenAI's spelling."""
    return f"video_{told['output']['task_id'].replace('-', '')}" if "output" in told else str(told["id"])


def test_the_documents_own_example_is_accepted(server: Server) -> None:
    document = server.http.get(server.url + "/openapi.json").json()
    example = document["paths"][SUBMIT]["post"]["requestBody"]["content"]["application/json"]["example"]
    answer = server.post(SUBMIT, example)
    assert answer.status_code == 200, answer.text
    wanserve("tasks", "cancel", answer.json()["output"]["task_id"], "--data-dir", str(server.data_dir))


def test_the_root_leads_to_the_studio_or_without_it_to_the_documents(server: Server, tmp_path: Path) -> None:
    answer = server.http.get(server.url + "/")
    assert (answer.status_code, answer.headers["location"]) == (303, "sign-in")
    assert server.http.get(server.url + "/sign-in").status_code == 200
    with running(tmp_path / "data", "--no-worker", studio="off") as without:
        answer = without.http.get(without.url + "/")
        assert (answer.status_code, answer.headers["location"]) == (307, "docs")
        assert without.http.get(without.url + "/sign-in").status_code == 404
        assert "sign-in" not in without.log.read_text()


def test_the_page_is_drawn_in_a_browser_without_any_other_network(server: Server, tmp_path: Path) -> None:
    chromium = needs.program("chromium")
    page = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--no-first-run",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--virtual-time-budget=10000",
            "--dump-dom",
            server.url + "/docs",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    assert "Generate text to video request" in page
    assert "/wan-video-polling/getTextToVideoResult" in page
