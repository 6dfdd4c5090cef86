"""The code that makes a video again: whatever the prompt is, it is code, and it asks for the same."""

import ast
import json
import shlex
from dataclasses import replace

import pytest

from tests.samples import new_generation
from wanserve.domain import rules
from wanserve.domain.catalogue import MODELS
from wanserve.domain.generation import Generation, LoraUse
from wanserve.http.dialects.base import DialectRequest
from wanserve.studio.snippets import KEY, request_body, snippets

BASE = "https://video.example/some/wan"
PROMPTS = [
    "a cat",
    'it\'s a "cat" and a `dog`',
    "one line\nand another\r\n\tand a tab",
    "back\\slash \\n \\u0041 \\",
    "braces {url} {{body}} {} {0} }{ %s %(x)d ${HOME} $(id) !!",
    "一只小猫在月光下奔跑，“特写”",
    "</script><script>alert(1)</script>",
    "emoji 🐈 and \u2028 line separator",
    "'; rm -rf / #",
    "word " * 160,
]


def made(prompt: str) -> Generation:
    return replace(new_generation(prompt=prompt), width=640, height=480, frames=150, watermark=True)


def called(code: str, name: str) -> dict[str, ast.expr]:
    """The named arguments of the first call of this attribute."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            return {str(keyword.arg): keyword.value for keyword in node.keywords}
    raise AssertionError(f"no call of {name}")


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_python_is_python_and_its_literal_is_the_request(prompt: str) -> None:
    code = snippets(made(prompt), BASE)["Python"]
    compile(code, "snippet", "exec")
    assert ast.literal_eval(called(code, "post")["json"]) == request_body(made(prompt))
    assert f'videos = "{BASE}/v1/videos"' in code.splitlines()


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_shell_gives_curl_the_request(prompt: str) -> None:
    words = shlex.split(snippets(made(prompt), BASE)["curl"])
    assert words[:4] == ["curl", "-X", "POST", f"{BASE}/v1/videos"]
    assert json.loads(words[words.index("-d") + 1]) == request_body(made(prompt))
    assert "Content-Type: application/json" in words


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_javascript_has_the_request_as_json(prompt: str) -> None:
    code = snippets(made(prompt), BASE)["JavaScript"]
    begin = code.index("JSON.stringify(") + len("JSON.stringify(")
    assert json.JSONDecoder().raw_decode(code[begin:])[0] == request_body(made(prompt))
    assert f'videos = "{BASE}/v1/videos"' in code


def test_the_request_has_every_setting_and_a_negative_prompt_only_where_there_is_one() -> None:
    assert request_body(made("a cat")) == {
        "model": "wan2.2-t2v-plus",
        "prompt": "a cat",
        "negative_prompt": "flowers",
        "size": "640x480",
        "seconds": "5",
        "seed": 7,
        "prompt_extend": False,
        "watermark": True,
    }
    assert "negative_prompt" not in request_body(replace(made("a cat"), negative_prompt=""))


CHOOSING = replace(
    made("a cat"), profile="fast", steps=8, guidance_scale=1.0, loras=(LoraUse("sketch", 0.8), LoraUse("ink", 1.0))
)


def test_the_code_asks_for_what_was_chosen() -> None:
    body = request_body(CHOOSING)
    assert {name: body[name] for name in ("profile", "num_inference_steps", "guidance_scale")} == {
        "profile": "fast",
        "num_inference_steps": 8,
        "guidance_scale": 1.0,
    }
    assert body["loras"] == [{"name": "sketch", "strength": 0.8}, {"name": "ink", "strength": 1.0}]
    code = snippets(CHOOSING, BASE)
    assert ast.literal_eval(called(code["Python"], "post")["json"]) == body
    words = shlex.split(code["curl"])
    assert json.loads(words[words.index("-d") + 1]) == body
    begin = code["JavaScript"].index("JSON.stringify(") + len("JSON.stringify(")
    assert json.JSONDecoder().raw_decode(code["JavaScript"][begin:])[0] == body


@pytest.mark.parametrize("code", snippets(made("a cat"), BASE).values(), ids=snippets(made("a cat"), BASE))
def test_each_has_a_place_for_the_key(code: str) -> None:
    assert code.count(f"Bearer {KEY}") == 1


def test_the_request_is_one_that_the_server_takes() -> None:
    """Read as the dialect reads it, it makes the same video."""
    from starlette.datastructures import Headers, QueryParams

    from wanserve.http.dialects.base import Submit
    from wanserve.http.dialects.openai import OpenAI

    submit = next(each for each in OpenAI(1000).operations if isinstance(each, Submit) and each.path == "/v1/videos")
    headers = Headers({"content-type": "application/json"})
    content = json.dumps(request_body(made("a cat"))).encode()
    read = submit.read(DialectRequest(headers, QueryParams(), {}, content))
    assert isinstance(read, rules.VideoRequest)
    assert rules.check(read, MODELS, lambda: 1) == made("a cat")
