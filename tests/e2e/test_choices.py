"""What a request chooses of how its model is sampled: asked for in every dialect and encoding, and told wherever it is kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.choices import CHOSEN, IN_ROWS, MODEL, write_settings
from tests.e2e.server import SUBMIT, Server, running, wanserve
from tests.e2e.test_fields import DASH_SUBMIT, URL_ENCODED, VIDEOS, form, post, said_of, stored
from tests.integration.both_clients import KINDS, client
from wanserve.client import InvalidRequest

EXTENSIONS: dict[str, Any] = {
    "profile": "balanced",
    "steps": 8,
    "guidance_scale": 2.5,
    "loras": [{"name": "sketch"}, {"name": "ink", "strength": 1}],
}
NOTE = (
    "a preview is drawn and not sampled: these choices changed nothing in it: profile=balanced, steps=8,"
    " guidance_scale=2.5, lora=sketch:0.8, lora=ink:1"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_settings(tmp_path_factory.mktemp("choices"))


@pytest.fixture(scope="module")
def idle(folder: Path) -> Iterator[Server]:
    """A server whose owner allows choices, and that makes nothing: what it accepts stays PENDING."""
    with running(
        folder / "idle",
        "--no-worker",
        cwd=folder,
        engine="animatic",
        submit_rps="10000",
        query_rps="10000",
        max_queued="100000",
    ) as one:
        yield one


@pytest.fixture(scope="module")
def making(folder: Path) -> Iterator[Server]:
    """The same with a worker, whose engine is the preview."""
    with running(folder / "making", cwd=folder, engine="animatic", submit_rps="1000", query_rps="10000") as one:
        yield one


def vendor(**parameters: object) -> bytes:
    return json.dumps({"model": MODEL, "input": {"prompt": "a cat"}, "parameters": parameters}).encode()


def openai(**fields: object) -> bytes:
    return json.dumps({"model": MODEL, "prompt": "a cat", **fields}).encode()


def video_of(server: Server, answer: httpx.Response) -> dict[str, Any]:
    """The video that a submit of any dialect has made, as OpenAI's dialect tells of it."""
    assert answer.status_code == 200, answer.text
    told = answer.json()
    name = f"video_{told['output']['task_id'].replace('-', '')}" if "output" in told else told["id"]
    found = server.http.get(f"{server.url}{VIDEOS}/{name}", headers={"Authorization": f"Bearer {server.key}"})
    return dict(found.json())


def chosen_of(video: dict[str, Any]) -> dict[str, Any]:
    return {name: video[name] for name in CHOSEN if name in video}


@pytest.mark.parametrize("path", [SUBMIT, DASH_SUBMIT])
def test_choices_are_kept_in_the_vendors_dialects(idle: Server, path: str) -> None:
    assert chosen_of(video_of(idle, post(idle, path, vendor(**EXTENSIONS)))) == CHOSEN
    assert chosen_of(video_of(idle, post(idle, path, vendor()))) == {}


FIELDS = (("model", MODEL), ("prompt", "a cat"), ("profile", "balanced"), ("guidance_scale", "2.5"))
LISTS: list[list[tuple[str, str]]] = [
    [("loras", json.dumps(EXTENSIONS["loras"]))],
    [("loras[][name]", "sketch"), ("loras[][strength]", "0.8"), ("loras[][name]", "ink"), ("loras[][strength]", "1")],
]


@pytest.mark.parametrize("loras", LISTS)
def test_choices_are_kept_in_every_encoding_of_openais_dialect(idle: Server, loras: list[tuple[str, str]]) -> None:
    steps = {**EXTENSIONS, "num_inference_steps": 8}
    del steps["steps"]
    assert chosen_of(video_of(idle, post(idle, VIDEOS, openai(**steps)))) == CHOSEN
    fields = (*FIELDS, ("num_inference_steps", "8"), *loras)
    assert chosen_of(video_of(idle, post(idle, VIDEOS, *form(*fields)))) == CHOSEN
    assert chosen_of(video_of(idle, post(idle, VIDEOS, urlencode(fields).encode(), URL_ENCODED))) == CHOSEN


@pytest.mark.parametrize("lora", [{"name": "sketch", "scale": 0.5}, '{"name": "sketch", "scale": 0.5}'])
def test_vllm_omnis_field_for_one_lora_is_understood(idle: Server, lora: object) -> None:
    expected = {"loras": [{"name": "sketch", "strength": 0.5}]}
    assert chosen_of(video_of(idle, post(idle, VIDEOS, openai(lora=lora)))) == expected
    if isinstance(lora, str):
        fields = form(("model", MODEL), ("prompt", "a cat"), ("lora", lora))
        assert chosen_of(video_of(idle, post(idle, VIDEOS, *fields))) == expected


@pytest.mark.parametrize(
    ("asked", "field", "rule"),
    [
        ({"profile": "small"}, "profile", "must be one of exact, balanced, fast"),
        ({"num_inference_steps": 61}, "num_inference_steps", "must be 4 to 60"),
        ({"num_inference_steps": "8"}, "num_inference_steps", "must be an integer"),
        ({"guidance_scale": 8.5}, "guidance_scale", "must be 1 to 8"),
        ({"profile": "fast", "guidance_scale": 5}, "guidance_scale", "must be 1 or left out: the profile fast"),
        ({"loras": [{"name": "oil"}]}, "loras", "must be some of sketch, ink"),
        ({"loras": [{"name": "ink"}, {"name": "ink"}]}, "loras", "must name ink once"),
        ({"loras": ["ink", "sketch", "oil"]}, "loras", "must be at most 2"),
        ({"loras": [{"name": "sketch", "strength": 1.6}]}, "loras", "the strength of sketch must be 0 to 1.5"),
        ({"loras": [{"name": "sketch", "strength": "1"}]}, "loras.0.strength", "must be a number"),
        ({"loras": 7}, "loras.0", "must be an object"),
    ],
)
def test_what_is_not_allowed_is_one_clear_line_and_stores_nothing(
    idle: Server, asked: dict[str, Any], field: str, rule: str
) -> None:
    before = stored(idle)
    for path in (SUBMIT, DASH_SUBMIT):
        answer = post(idle, path, vendor(**asked))
        assert (answer.status_code, f"parameters.{field}: {rule}" in said_of(answer)) == (400, True), answer.text
    answer = post(idle, VIDEOS, openai(**asked))
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    assert said_of(answer).startswith(f"{field}: {rule}")
    assert stored(idle) == before


def test_of_a_model_whose_owner_allows_nothing_nothing_is_chosen(idle: Server) -> None:
    other = {"model": "wan2.2-t2v-plus"}
    for asked in ({"profile": "fast"}, {"num_inference_steps": 8}, {"guidance_scale": 2}, {"loras": ["ink"]}):
        answer = post(idle, VIDEOS, openai(**other, **asked))
        assert answer.status_code == 400
        assert "the owner of this server allows no choice of" in said_of(answer)
    own = {"profile": "exact", "num_inference_steps": 40, "guidance_scale": 4.0}
    assert chosen_of(video_of(idle, post(idle, VIDEOS, openai(**other, **own)))) == {}


def test_the_same_name_with_another_choice_is_another_request(idle: Server) -> None:
    def submitted(name: str, **asked: object) -> httpx.Response:
        return post(idle, VIDEOS, openai(**asked), **{"Idempotency-Key": name})

    first = submitted("sketched", loras=["sketch"]).json()["id"]
    assert submitted("sketched", loras=["sketch"]).json()["id"] == first
    for other in ({}, {"loras": ["ink"]}, {"loras": ["sketch"], "steps": 8}, {"loras": ["sketch"], "profile": "fast"}):
        refused = submitted("sketched", **other)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "Idempotency-Key")


def test_a_models_choices_are_told_where_it_is_listed(idle: Server, folder: Path) -> None:
    headers = {"Authorization": f"Bearer {idle.key}"}
    models = {model["id"]: model for model in idle.http.get(idle.url + "/v1/models", headers=headers).json()["data"]}
    assert models[MODEL]["choices"]["num_inference_steps"] == [4, 60]
    assert [lora["name"] for lora in models[MODEL]["choices"]["loras"]] == ["sketch", "ink"]
    assert "choices" not in models["wan2.2-t2v-plus"]
    done = wanserve("models", "--json", cwd=folder, engine="animatic")
    told = {row["name"]: row["choices"] for row in json.loads(done.stdout)}
    assert told[MODEL]["profiles"] == ["exact", "balanced", "fast"]
    assert told["wan2.2-t2v-plus"]["steps"] is None


def test_a_chosen_video_is_made_and_told_of_by_the_command_line(making: Server, folder: Path) -> None:
    task_id = making.submit(model=MODEL, **EXTENSIONS)
    making.wait(task_id, "SUCCEEDED")
    data = ("--json", "--data-dir", str(folder / "making"))
    shown = json.loads(wanserve("tasks", "show", task_id, *data, cwd=folder).stdout)
    assert shown["chosen"] == IN_ROWS
    assert shown["video"]["notes"][-1] == NOTE, "a preview says plainly that nothing came of it"
    (row,) = [row for row in json.loads(wanserve("usage", *data, cwd=folder).stdout) if row["task_id"] == task_id]
    assert row["chosen"] == IN_ROWS
    table = wanserve("usage", "--data-dir", str(folder / "making"), cwd=folder).stdout
    assert "profile=balanced, steps=8" in " ".join(table.split())


@pytest.mark.parametrize("kind", KINDS)
def test_the_python_client_asks_for_choices_and_its_recipe_asks_again(making: Server, kind: str) -> None:
    asked: dict[str, Any] = {"profile": "balanced", "steps": 8, "guidance_scale": 2.5, "loras": {"sketch": None}}
    with client(kind, making.url, making.key) as wan:
        first = wan.generate("a cat", model=MODEL, size="640*480", **asked)
        assert {name: first.recipe[name] for name in asked} == asked | {"loras": {"sketch": 0.8}}
        recipe: dict[str, Any] = dict(first.recipe)
        again = wan.generate(**recipe)
        assert again.recipe == first.recipe
        with pytest.raises(InvalidRequest, match="loras: must be some of sketch, ink"):
            wan.generate("a cat", model=MODEL, loras=["oil"])


FLAGS = (
    "--model",
    MODEL,
    "--size",
    "640*480",
    "--json",
    "--guidance-scale",
    "2.5",
    "--lora",
    "sketch",
    "--lora",
    "ink=1",
)


def test_the_command_line_sends_choices_to_a_server(making: Server, tmp_path: Path) -> None:
    out = ("-o", str(tmp_path / "cat.mp4"))
    connection = {"url": making.url, "key": making.key}
    # Of the environment too: steps are no setting of an engine here.
    done = wanserve("generate", "a cat", *FLAGS, "--profile", "balanced", "--steps", "8", *out, **connection)
    assert done.returncode == 0, done.stderr
    recipe = json.loads(done.stdout)["recipe"]
    assert (recipe["profile"], recipe["steps"], recipe["guidance_scale"]) == ("balanced", 8, 2.5)
    assert recipe["loras"] == {"sketch": 0.8, "ink": 1.0}
    refused = wanserve("generate", "a cat", "--model", MODEL, "--steps", "61", *out, **connection)
    assert (refused.returncode, "num_inference_steps: must be 4 to 60" in refused.stderr) == (1, True)


def test_without_a_server_choices_are_those_of_the_file(folder: Path, tmp_path: Path) -> None:
    out = ("-o", str(tmp_path / "cat.mp4"))
    done = wanserve(
        "generate", "a cat", *FLAGS, "--profile", "balanced", "--steps", "8", *out, cwd=folder, engine="animatic"
    )
    assert done.returncode == 0, done.stderr
    recipe = json.loads(done.stdout)["recipe"]
    assert (recipe["profile"], recipe["steps"], recipe["guidance_scale"]) == ("balanced", 8, 2.5)
    assert recipe["loras"] == {"sketch": 0.8, "ink": 1.0}
    assert NOTE in " ".join(done.stderr.split())
    for wrong, says in (
        (("--lora", "oil"), "loras: must be some of sketch, ink"),
        (("--lora", "ink", "--lora", "ink=0.5"), "lora: must name ink once"),
        (("--profile", "fast", "--guidance-scale", "5"), "guidance_scale: must be 1 or left out"),
    ):
        refused = wanserve("generate", "a cat", "--model", MODEL, *wrong, *out, cwd=folder, engine="animatic")
        assert (refused.returncode, says in refused.stderr) == (1, True), refused.stderr
    for odd in ("", "=1", "ink=", "ink=nan", "ink=1e3", "ink=much"):
        assert wanserve("generate", "a cat", "--lora", odd, *out, cwd=folder).returncode == 2
    assert wanserve("generate", "a cat", "--guidance-scale", "nan", *out, cwd=folder).returncode == 2
