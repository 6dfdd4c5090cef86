"""What is sent in a field is what is meant, or it is refused by name: JSON, forms, queries and headers of every dialect."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.e2e.raw import Said, ask
from tests.e2e.server import POLL, SUBMIT, Server, running

DASH_SUBMIT = "/api/v1/services/aigc/video-generation/video-synthesis"
VIDEOS = "/v1/videos"
MODEL = "wan2.2-t2v-plus"
BOUNDARY = "7d1f"
URL_ENCODED = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that makes nothing: what it accepts stays PENDING."""
    data = tmp_path_factory.mktemp("fields") / "data"
    with running(data, "--no-worker", submit_rps="10000", query_rps="10000", max_queued="100000") as one:
        yield one


def post(
    server: Server, path: str, content: bytes, kind: str | None = "application/json", **headers: str
) -> httpx.Response:
    """One POST with a key of every dialect."""
    known = {
        "Authorization": f"Bearer {server.key}",
        "Ocp-Apim-Subscription-Key": server.key,
        "X-DashScope-Async": "enable",
    }
    sent = known | ({} if kind is None else {"Content-Type": kind}) | headers
    return server.http.post(server.url + path, content=content, headers=sent)


def vendor_body(where: str, name: str, value: object) -> dict[str, Any]:
    """A good body of the document or of DashScope with one more field."""
    body: dict[str, Any] = {"model": MODEL, "input": {"prompt": "a cat"}, "parameters": {}}
    (body[where] if where else body)[name] = value
    return body


def stored(server: Server) -> int:
    """How many tasks there are."""
    said = server.http.get(server.url + "/api/v1/tasks", headers={"Authorization": f"Bearer {server.key}"})
    return int(said.json()["total"])


def said_of(answer: httpx.Response) -> str:
    """The line that a refusal says, in whichever dialect."""
    body = answer.json()
    return str(body["error"]["message"] if isinstance(body.get("error"), dict) else body["message"])


DIALECTS: dict[str, dict[str, Any]] = {
    SUBMIT: {"model": MODEL, "input": {"prompt": "a cat"}},
    DASH_SUBMIT: {"model": MODEL, "input": {"prompt": "a cat"}},
    VIDEOS: {"model": MODEL, "prompt": "a cat"},
}


@pytest.fixture(params=DIALECTS, ids=["document", "dashscope", "openai"])
def path(request: pytest.FixtureRequest) -> str:
    """The path of each dialect's submit."""
    return str(request.param)


# JSON as it comes in.


def test_a_byte_order_mark_is_passed_over(idle: Server, path: str) -> None:
    body = json.dumps(DIALECTS[path]).encode()
    for kind in ("application/json", "application/json; charset=utf-8", URL_ENCODED, "text/plain", None):
        if kind != URL_ENCODED or path == VIDEOS:
            assert post(idle, path, b"\xef\xbb\xbf" + body, kind).status_code == 200, kind


@pytest.mark.parametrize(
    "encoding", ["gzip", "br", "deflate", "zstd", "GZIP", "gzip, identity", "aes128gcm", "compress"]
)
def test_a_compressed_body_is_refused_by_the_name_of_its_header(idle: Server, path: str, encoding: str) -> None:
    import gzip

    body = gzip.compress(json.dumps(DIALECTS[path]).encode())
    answer = post(idle, path, body, **{"Content-Encoding": encoding})
    assert answer.status_code == 400
    assert "Content-Encoding" in said_of(answer)
    assert post(idle, path, json.dumps(DIALECTS[path]).encode(), **{"Content-Encoding": "identity"}).status_code == 200


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "latin-1", "gb18030", "cp1252"]
)
@pytest.mark.parametrize("named", [True, False])
def test_another_encoding_than_utf_8_is_refused_clearly(idle: Server, path: str, encoding: str, named: bool) -> None:
    good = json.loads(json.dumps(DIALECTS[path]).replace("a cat", "a caf\xe9"))
    answer = post(
        idle,
        path,
        json.dumps(good, ensure_ascii=False).encode(encoding),
        f"application/json; charset={encoding}" if named else None,
    )
    assert answer.status_code == 400
    assert "UTF-8" in said_of(answer) or "JSON" in said_of(answer)


def test_a_charset_that_makes_no_difference_is_none(idle: Server, path: str) -> None:
    body = json.dumps(DIALECTS[path]).encode()
    for name in ("ISO-8859-1", "us-ascii", '"UTF-8"', "gb2312"):
        assert post(idle, path, body, f"application/json;charset={name}").status_code == 200


@pytest.mark.parametrize(
    "json_text",
    [
        '{"model": "M", "model": "M", "input": {"prompt": "a"}, "prompt": "a"}',
        '{"model": "M", "input": {"prompt": "a", "prompt": "b: c"}, "prompt": "a", "prompt": "b"}',
        '{"model": "M", "input": {"prompt": "a"}, "prompt": "a", "x": [{"y": 1, "\\u0079": 2}]}',
        '{"model": "M", "input": {"prompt": "a"}, "prompt": "a", "x": NaN}',
        '{"model": "M", "input": {"prompt": "a"}, "prompt": "a", "x": -Infinity}',
        '{"model": "M", "input": {"prompt": "a\\ud800"}, "prompt": "a\\ud800"}',
        '{"model": "M", "input": {"prompt": "a"}, "prompt": "a",}',
        "{'model': 'M'}",
        '{"model": "M", "input": {"prompt": "a"}, "prompt": "a"} {}',
        '{"model": "M", "input": {"prompt": "a"}, "prompt": "a", "x": ' + "[" * 300 + "]" * 300 + "}",
        '{"model": "M", "input": {"prompt": "a"}, "prompt": "a", "x": ' + "1" * 5000 + "}",
        '{"model": "M", "input": {"prompt": "a"}, "prompt": "a", "x": [' + ",".join("[]" for _ in range(5000)) + "]}",
        '{"model": "M", "input": {"prompt": "a"}, "prompt": "a", '
        + ",".join(f'"x{at}": 1' for at in range(2000))
        + "}",
    ],
    ids=range(13),
)
def test_json_that_two_readers_may_read_differently_or_that_costs_much_is_refused(
    idle: Server, path: str, json_text: str
) -> None:
    answer = post(idle, path, json_text.replace("M", MODEL).encode())
    assert answer.status_code == 400
    assert "body" in said_of(answer).lower()


def test_a_prompt_may_be_full_of_what_json_is_made_of(idle: Server, path: str) -> None:
    body = json.dumps(DIALECTS[path]).replace("a cat", '{\\"a\\": [1, 2]}, ' * 2000)
    assert post(idle, path, body.encode()).status_code == 200


# Numbers and truths.

NO_NUMBERS = [
    "+5",
    "1_0",
    " 5",
    "5 ",
    "5.0",
    "5e0",
    "0x5",
    "true",
    "five",
    "\u0665",
    "\uff15",
    "5\u200b",
    "--5",
    "",
    "9" * 400,
]


@pytest.mark.parametrize("text", NO_NUMBERS)
@pytest.mark.parametrize("name", ["limit", "page_no", "page_size"])
def test_a_text_that_is_no_number_is_none_in_a_query(idle: Server, name: str, text: str) -> None:
    target = VIDEOS if name == "limit" else "/api/v1/tasks"
    answer = idle.http.get(f"{idle.url}{target}", params={name: text}, headers={"Authorization": f"Bearer {idle.key}"})
    assert answer.status_code == 400
    assert name in said_of(answer)
    assert (
        idle.http.get(f"{idle.url}{target}?{name}=7", headers={"Authorization": f"Bearer {idle.key}"}).status_code
        == 200
    )


def test_a_parameter_that_counts_stands_once(idle: Server) -> None:
    for target, name in ((f"{VIDEOS}?limit=1&limit=2", "limit"), ("/api/v1/tasks?page_no=1&page_no=2", "page_no")):
        answer = idle.http.get(idle.url + target, headers={"Authorization": f"Bearer {idle.key}"})
        assert answer.status_code == 400
        assert name in said_of(answer)


@pytest.mark.parametrize("text", [text for text in NO_NUMBERS if text])
@pytest.mark.parametrize("name", ["seed", "n", "seconds", "width", "num_frames", "fps"])
@pytest.mark.parametrize("multipart", [True, False])
def test_a_text_that_is_no_number_is_none_in_a_form(idle: Server, name: str, text: str, multipart: bool) -> None:
    fields = {"prompt": "a cat", name: text}
    answer = post(idle, VIDEOS, *(form(*fields.items()) if multipart else (urlencode(fields).encode(), URL_ENCODED)))
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == name


@pytest.mark.parametrize("value", ["7", 7.0, True, "+7", [7], {}, 1e400, -1, 2**31, 10**30])
def test_a_seed_is_an_integer_of_json(idle: Server, path: str, value: object) -> None:
    body = DIALECTS[path] | {"seed": value} if path == VIDEOS else vendor_body("parameters", "seed", value)
    answer = post(idle, path, json.dumps(body).encode())
    assert answer.status_code == 400
    assert "seed" in said_of(answer) or "body" in said_of(answer)


def test_a_truth_of_a_form_is_true_or_false(idle: Server) -> None:
    for text in ("true", "false", "True", "FALSE", "1", "0"):
        assert post(idle, VIDEOS, *form(("prompt", "a"), ("watermark", text))).status_code == 200, text
    for text in ("yes", "on", "t", "2", " true", "none"):
        answer = post(idle, VIDEOS, *form(("prompt", "a"), ("watermark", text)))
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "watermark"), text


# Forms.


def form(*fields: tuple[str, str], end: str = "--\r\n") -> tuple[bytes, str]:
    """A multipart form of texts, and its Content-Type."""
    parts = (part(f'form-data; name="{name}"', text.encode()) for name, text in fields)
    return b"".join(parts) + f"--{BOUNDARY}{end}".encode(), f"multipart/form-data; boundary={BOUNDARY}"


def part(disposition: str, content: bytes, *headers: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"Content-Disposition: {disposition}", *headers))
    return f"--{BOUNDARY}\r\n{head}\r\n".encode("latin-1") + content + b"\r\n"


def whole(*parts: bytes) -> tuple[bytes, str]:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode(), f"multipart/form-data; boundary={BOUNDARY}"


PROMPT = part('form-data; name="prompt"', b"a cat")


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ([part('form-data; name="prompt"; filename="p.txt"', b"a cat")], "prompt"),
        ([part("form-data; name=\"prompt\"; filename*=UTF-8''p.txt", b"a cat")], "prompt"),
        ([part('form-data; name="prompt"; filename=""', b"a cat")], "prompt"),
        ([part('form-data; name="prompt"; filename=""', b"")], "prompt"),
        ([PROMPT, PROMPT], "prompt"),
        ([PROMPT, part('form-data; name="size"; filename="s"', b"832x480")], "size"),
        ([PROMPT, part('form-data; name="anything"; filename="a.png"', b"\x89PNG")], "anything"),
        ([PROMPT, part('form-data; name="input_reference"; filename="a.png"', b"\x89PNG")], "input_reference"),
        ([PROMPT, part('form-data; name="input_reference"; filename="a.png"', b"")], "input_reference"),
        ([PROMPT, part('form-data; name="input_reference"', b"https://video.example/a.png")], "input_reference"),
        ([PROMPT, part('form-data; name="input_reference[image_url]"', b"x")], "input_reference"),
        ([part('form-data; name="prompt[a]"', b"a cat")], "prompt"),
        ([part('form-data; name="prompt[]"', b"a cat")], "prompt"),
        ([part('form-data; name="prompt"', b"a caf\xe9")], "prompt"),
        (
            [
                part(
                    'form-data; name="prompt"',
                    "a caf\xe9".encode("latin-1"),
                    "Content-Type: text/plain; charset=latin-1",
                )
            ],
            "prompt",
        ),
        (
            [part('form-data; name="prompt"', "a cat".encode("utf-16"), "Content-Type: text/plain; charset=utf-16")],
            "prompt",
        ),
        ([part('form-data; name="prompt"', b"YSBjYXQ=", "Content-Transfer-Encoding: base64")], "prompt"),
        ([part('form-data; name="prompt"', b"a=20cat", "Content-Transfer-Encoding: Quoted-Printable")], "prompt"),
        ([PROMPT, part('form-data; name=""', b"x")], "body"),
        ([PROMPT, part("form-data", b"x")], "body"),
        ([PROMPT, part('attachment; name="x"', b"x")], "body"),
        ([PROMPT, part('form-data; name="\xff\xfe"', b"x")], "body"),
        ([part('form-data; name="prompt"', b"a cat", 'Content-Disposition: form-data; name="size"')], "body"),
        ([PROMPT, *(part(f'form-data; name="x{at}"', b"x") for at in range(100))], "body"),
        ([part('form-data; name="prompt"', b"a cat", *(f"X-{at}: x" for at in range(9)))], "body"),
        ([part('form-data; name="prompt"', b"a cat", "X: " + "x" * 5000)], "body"),
        ([part('form-data; name="size"', b"832x480")], "prompt"),
        ([part('form-data; name="prompt"', b"")], "prompt"),
    ],
    ids=range(28),
)
def test_a_form_whose_field_is_no_text_is_refused_by_its_name_and_not_logged(
    idle: Server, parts: list[bytes], field: str
) -> None:
    before, lines = stored(idle), idle.log.read_text()
    answer = post(idle, VIDEOS, *whole(*parts))
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == field
    assert stored(idle) == before
    assert idle.log.read_text() == lines


def test_an_empty_optional_file_and_plain_encodings_are_as_if_left_out(idle: Server) -> None:
    for empty in (
        part('form-data; name="input_reference"; filename=""', b"", "Content-Type: application/octet-stream"),
        part('form-data; name="input_reference"; filename=', b""),
        part('form-data; name="anything"; filename=""', b""),
        part('form-data; name="input_reference"', b""),
        part('form-data; name="seed"', b""),
        part(
            'form-data; name="size"',
            b"832x480",
            "Content-Type: text/plain; charset=UTF-8",
            "Content-Transfer-Encoding: 8bit",
        ),
    ):
        answer = post(idle, VIDEOS, *whole(PROMPT, empty))
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=other",
        "multipart/form-data; boundary=" + "x" * 300,
    ],
)
def test_a_form_without_its_boundary_is_refused(idle: Server, kind: str) -> None:
    lines = idle.log.read_text()
    for content in (whole(PROMPT)[0], b"no form", b"--7d1f\r\nno header\r\n", b"--7d1f\r\nX: y\rz\r\n"):
        answer = post(idle, VIDEOS, content, kind)
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, "body")
    assert idle.log.read_text() == lines


def test_a_form_that_breaks_off_anywhere_is_refused_and_not_logged(idle: Server) -> None:
    content, kind = whole(PROMPT, part('form-data; name="size"', b"832x480"))
    before, lines = stored(idle), idle.log.read_text()
    for end in range(len(content) - len("\r\n")):
        if end == len(content) - len("\r\n"):
            break
        answer = post(idle, VIDEOS, content[:end], kind)
        assert answer.status_code == 400, content[:end]
    assert stored(idle) == before
    assert idle.log.read_text() == lines
    assert post(idle, VIDEOS, content[: -len("\r\n")], kind).status_code == 200


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"prompt=a&prompt=b", "prompt"),
        (b"prompt=a%ff", "prompt"),
        (b"prompt=a\xff", "prompt"),
        (b"prompt=%e7%8c", "prompt"),
        (b"prompt=a&=x", "body"),
        (b"prompt=a&%ff=x", "body"),
        (b"prompt%5bx%5d=a", "prompt"),
        (b"prompt[]=a", "prompt"),
        (b"prompt", "prompt"),
        (b"", "prompt"),
        (b"size=832x480", "prompt"),
        (b"prompt=a&" + b"&".join(b"x%d=1" % at for at in range(100)), "body"),
        (b"prompt=a&input_reference=x", "input_reference"),
        (b"prompt=a;seed=x&seed=y", "seed"),
    ],
)
def test_a_url_encoded_form_is_held_to_the_same(idle: Server, content: bytes, field: str) -> None:
    answer = post(idle, VIDEOS, content, URL_ENCODED)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == field


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_what_curl_sends_of_a_file_is_no_prompt(idle: Server, tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("a cat in a file")

    def curl(*fields: str) -> tuple[int, dict[str, Any]]:
        command = [
            "curl",
            "-s",
            "-w",
            "\n%{http_code}",
            f"{idle.url}{VIDEOS}",
            "-H",
            f"Authorization: Bearer {idle.key}",
        ]
        asked = [argument for field in fields for argument in ("-F", field)]
        told = subprocess.run([*command, *asked], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
        body, _, status = told.rpartition("\n")
        return int(status), json.loads(body)

    status, body = curl("prompt=@p.txt")
    assert (status, body["error"]["param"]) == (400, "prompt")
    status, body = curl("prompt=<p.txt", "input_reference=;filename=")
    assert (status, body["prompt"]) == (200, "a cat in a file")
    status, body = curl("prompt=a cat", "input_reference=@p.txt")
    assert (status, body["error"]["code"]) == (400, "unsupported_parameter")


# Asked, and not made.

UNMET: list[tuple[str, object]] = [
    *((name, "https://video.example/a.png") for name in (
        "image", "image_url", "img_url", "input_reference", "first_frame_url", "last_frame_url", "first_frame_image",
        "reference_url", "video", "video_url", "mask_image_url", "driving_audio_url",
    )),
    ("images", ["https://video.example/a.png"]),
    ("media", [{"type": "image", "url": "https://video.example/a.png"}]),
    ("reference_urls", ["x"]),
    ("image", {"url": "x"}),
    ("audio", True),
    ("generate_audio", True),
    ("shot_type", "multi"),
    ("template", "flying"),
    ("aspect_ratio", "9:16"),
    ("ratio", "9:16"),
    ("loras", [{"path": "x"}]),
    ("cfg_scale", 3),
    ("flow_shift", 3.0),
    ("num_outputs", 2),
    ("steps", 4),
    ("width", 832),
    ("height", 480),
    ("resolution", "4K"),
    ("resolution", "720P"),
    ("num_frames", 81),
    ("fps", 12),
    ("num_inference_steps", 3),
    ("guidance_scale", 99.5),
    ("n", 2),
    ("n", 0),
]  # fmt: skip
IN_PARAMETERS = {"width", "height", "resolution", "num_frames", "fps", "num_inference_steps", "guidance_scale", "n"}


@pytest.mark.parametrize(("name", "value"), UNMET, ids=lambda told: str(told)[:30])
def test_what_is_asked_and_not_made_is_refused_by_name_in_every_dialect(idle: Server, name: str, value: object) -> None:
    before = stored(idle)

    def refused(answer: httpx.Response, field: str) -> None:
        assert answer.status_code == 400, (name, answer.text)
        # One of a pair that is missing is named beside the one that is there.
        assert field in said_of(answer)

    for path in (SUBMIT, DASH_SUBMIT):
        for where in ("", "input", "parameters"):
            refused(post(idle, path, json.dumps(vendor_body(where, name, value)).encode()), name)
    refused(post(idle, VIDEOS, json.dumps(DIALECTS[VIDEOS] | {name: value}).encode()), name)
    if isinstance(value, str | int | float):
        fields = (
            ("prompt", "a cat"),
            ("model", MODEL),
            (name, str(value).lower() if isinstance(value, bool) else str(value)),
        )
        refused(post(idle, VIDEOS, *form(*fields)), name)
        refused(post(idle, VIDEOS, urlencode(fields).encode(), URL_ENCODED), name)
    assert stored(idle) == before


@pytest.mark.parametrize("where", ["", "input"])
@pytest.mark.parametrize(
    ("name", "value"), [("size", "832*480"), ("duration", 5), ("seed", 1), ("n", 1), ("watermark", True)]
)
def test_a_field_in_the_wrong_place_is_refused_and_not_lost(idle: Server, where: str, name: str, value: object) -> None:
    for path in (SUBMIT, DASH_SUBMIT):
        answer = post(idle, path, json.dumps(vendor_body(where, name, value)).encode())
        assert answer.status_code == 400
        assert name in said_of(answer)
    answer = post(idle, SUBMIT, json.dumps(vendor_body("parameters", "negative_prompt", "x")).encode())
    assert "parameters.negative_prompt" in said_of(answer)


@pytest.mark.parametrize("duration", [4, 10, 0, -5])
def test_another_length_is_refused_by_the_documents_dialect_too(idle: Server, duration: int) -> None:
    for path in (SUBMIT, DASH_SUBMIT):
        answer = post(idle, path, json.dumps(vendor_body("parameters", "duration", duration)).encode())
        assert (answer.status_code, "parameters.duration" in said_of(answer)) == (400, True)
    assert post(idle, SUBMIT, json.dumps(vendor_body("parameters", "duration", 5)).encode()).status_code == 200


HARMLESS: list[tuple[str, str, object]] = [
    ("input", "extend_prompt", True),
    ("input", "function", "video-synthesis"),
    ("input", "audio_url", "https://video.example/a.mp3"),
    ("input", "img_url", ""),
    ("input", "media", []),
    ("parameters", "with_audio", False),
    ("parameters", "with_audio", True),
    ("parameters", "shot_type", "single"),
    ("parameters", "anything", "at all"),
    ("parameters", "num_outputs", 1),
    ("parameters", "n", 1),
    ("parameters", "fps", 30),
    ("parameters", "num_frames", 150),
    ("", "user", "ann"),
    ("", "anything", {"at": "all"}),
]


@pytest.mark.parametrize(("where", "name", "value"), HARMLESS, ids=str)
def test_what_changes_nothing_is_passed_over(idle: Server, where: str, name: str, value: object) -> None:
    for path in (SUBMIT, DASH_SUBMIT):
        answer = post(idle, path, json.dumps(vendor_body(where, name, value)).encode())
        assert answer.status_code == 200, answer.text
    answer = post(idle, VIDEOS, json.dumps(DIALECTS[VIDEOS] | {name: value}).encode())
    assert answer.status_code == 200, answer.text


SIZES: list[tuple[str, dict[str, Any], str]] = [
    (MODEL, {"width": 832, "height": 480}, "832x480"),
    (MODEL, {"width": 480, "height": 832}, "480x832"),
    (MODEL, {"resolution": "480P"}, "832x480"),
    (MODEL, {"resolution": "1080p"}, "1920x1080"),
    ("wanx2.1-t2v-turbo", {"resolution": "720P"}, "1280x720"),
    ("wanx2.1-t2v-plus", {"resolution": "720P"}, "1280x720"),
    (MODEL, {"resolution": "480P", "width": 624, "height": 624}, "624x624"),
]


@pytest.mark.parametrize(("model", "asked", "made"), SIZES, ids=str)
def test_width_and_height_and_the_tier_are_honoured(
    idle: Server, path: str, model: str, asked: dict[str, Any], made: str
) -> None:
    body = (
        {"model": model, "prompt": "a cat"} | asked
        if path == VIDEOS
        else {"model": model, "input": {"prompt": "a cat"}, "parameters": asked}
    )
    answer = post(idle, path, json.dumps(body).encode())
    assert answer.status_code == 200, answer.text
    told = answer.json()
    digits = (told["output"]["task_id"] if "output" in told else told["id"].removeprefix("video_")).replace("-", "")
    seen = idle.http.get(f"{idle.url}{VIDEOS}/video_{digits}", headers={"Authorization": f"Bearer {idle.key}"}).json()
    assert seen["size"] == made


@pytest.mark.parametrize(
    "asked",
    [
        {"width": 832, "height": 480, "size": "480*832"},
        {"width": 1000, "height": 1000},
        {"resolution": "1080P", "size": "832*480"},
        {"resolution": "480P", "width": 1920, "height": 1080},
    ],
    ids=str,
)
def test_two_sizes_that_differ_are_refused(idle: Server, path: str, asked: dict[str, Any]) -> None:
    body = DIALECTS[path] | asked if path == VIDEOS else DIALECTS[path] | {"parameters": asked}
    answer = post(idle, path, json.dumps(body).encode())
    assert answer.status_code == 400
    assert "width" in said_of(answer) or "resolution" in said_of(answer)


def test_a_number_of_frames_is_a_length(idle: Server) -> None:
    for frames, seconds in ((150, "5"), (120, "4")):
        told = post(idle, VIDEOS, json.dumps(DIALECTS[VIDEOS] | {"num_frames": frames}).encode()).json()
        assert told["seconds"] == seconds
    answer = post(idle, VIDEOS, json.dumps(DIALECTS[VIDEOS] | {"num_frames": 120, "seconds": "5"}).encode())
    assert answer.json()["error"]["param"] == "num_frames"


def test_a_remix_takes_a_prompt_and_nothing_that_it_cannot_honour(server: Server) -> None:
    task_id = server.submit("a remix", model="wanx2.1-t2v-turbo", size="832*480")
    server.wait(task_id, "SUCCEEDED")
    remix = f"{VIDEOS}/video_{task_id.replace('-', '')}/remix"
    for name, value in (
        ("size", "480x832"),
        ("seconds", "4"),
        ("seed", 7),
        ("model", MODEL),
        ("n", 2),
        ("image", "x"),
        ("width", 1),
    ):
        answer = post(server, remix, json.dumps({"prompt": "a dog", name: value}).encode())
        assert (answer.status_code, answer.json()["error"]["param"]) == (400, name)
    file = part('form-data; name="prompt"; filename="p.txt"', b"a dog")
    assert post(server, remix, *whole(file)).json()["error"]["param"] == "prompt"
    assert post(server, remix, json.dumps({"prompt": "a dog", "n": 1, "user": "ann"}).encode()).status_code == 200


# Azure's clients.


@pytest.mark.parametrize("base", ["/openai/v1", "/openai", f"/openai/deployments/{MODEL}"])
def test_azures_paths_and_header_are_openais_operations(idle: Server, base: str) -> None:
    def asked(method: str, path: str, content: bytes = b"", key: str | None = None) -> Said:
        query = "?api-version=preview"
        headers = (("api-key", idle.key if key is None else key), ("Content-Type", "application/json"))
        return ask(idle, method, f"{base}{path}{query}", *headers, body=content)

    made = asked(
        "POST", "/videos", b'{"prompt": "a cat", "size": "1920x1080"}' if MODEL in base else b'{"prompt": "a cat"}'
    )
    assert made.status == 200, made.body
    assert made.json["model"] == (MODEL if MODEL in base else "wanx2.1-t2v-turbo")
    video = f"/videos/{made.json['id']}"
    assert asked("GET", video).json["id"] == made.json["id"]
    assert made.json["id"] in [one["id"] for one in asked("GET", "/videos").json["data"]]
    assert asked("GET", f"{video}/content").json["error"]["code"] == "video_not_ready"
    assert asked("GET", "/models").json["object"] == "list"
    assert asked("DELETE", video).json["deleted"] is True
    assert asked("GET", video, key="sk-wrong").json["error"]["code"] == "invalid_api_key"
    assert asked("GET", "/nothing").json["error"]["code"] == "unknown_url"
    assert asked("POST", "/video/generations/jobs", b"{}").json["error"]["code"] in ("unsupported", "unknown_url")


def test_a_poll_of_the_document_takes_its_key_from_the_query(idle: Server) -> None:
    body = b'{"task_id": "x"}'
    assert ask(idle, "POST", f"{POLL}?subscription-key={idle.key}&a=b", body=body).status == 404
    assert ask(idle, "POST", f"{POLL}?a=b&subscription%2Dkey={idle.key}", body=body).status == 404
    assert ask(idle, "POST", f"{POLL}?subscription-key=wrong&subscription-key={idle.key}", body=body).status in (
        401,
        404,
    )
    assert ask(idle, "POST", f"{POLL}?key={idle.key}", body=body).status == 401
