"""One task and three views of it: the dialects over the network, each with its own paths, states and errors."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.faults.harness import rig, until
from tests.e2e.server import SUBMIT, Server, running, wanserve
from tests.pictures import pictures_of
from wanserve.media import probe

DASH_SUBMIT = "/api/v1/services/aigc/video-generation/video-synthesis"
DASH_TASKS = "/api/v1/tasks"
VIDEOS = "/v1/videos"
DASH_BODY: dict[str, Any] = {
    "model": "wanx2.1-t2v-turbo",
    "input": {"prompt": "a cat"},
    "parameters": {"size": "832*480"},
}
OPENAI_BODY: dict[str, Any] = {"model": "wanx2.1-t2v-turbo", "prompt": "a cat", "size": "832x480"}
ASYNC = {"X-DashScope-Async": "enable"}


class View:
    """The two newer dialects of a server, with one key."""

    def __init__(self, server: Server, key: str | None = None) -> None:
        self.server = server
        self.key = server.key if key is None else key

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = ({"Authorization": f"Bearer {self.key}"} if self.key else {}) | more.pop("headers", {})
        return self.server.http.request(method, self.server.url + path, headers=headers, **more)

    def dash(self, body: object = DASH_BODY, **headers: str) -> httpx.Response:
        return self.ask("POST", DASH_SUBMIT, json=body, headers=ASYNC | headers)

    def create(self, body: object = OPENAI_BODY, **headers: str) -> httpx.Response:
        return self.ask("POST", VIDEOS, json=body, headers=headers)

    def task(self, task_id: str) -> dict[str, Any]:
        return dict(told(self.ask("GET", f"{DASH_TASKS}/{task_id}")))

    def video(self, task_id: str) -> dict[str, Any]:
        return dict(told(self.ask("GET", f"{VIDEOS}/{video_id(task_id)}")))


def told(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def video_id(task_id: str) -> str:
    return "video_" + task_id.replace("-", "")


def task_of(answer: httpx.Response) -> str:
    """The task's id, by whichever dialect it was submitted."""
    body = told(answer)
    if "output" in body:
        return str(body["output"]["task_id"])
    digits = body["id"].removeprefix("video_")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def new_key(server: Server, name: str, *more: str) -> str:
    made = wanserve("keys", "create", name, "--account", name, *more, "--data-dir", str(server.data_dir))
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that makes nothing: what it accepts stays PENDING."""
    with running(tmp_path_factory.mktemp("idle") / "data", "--no-worker", submit_rps="1000", query_rps="1000") as one:
        yield one


def test_a_task_of_each_dialect_is_seen_through_all(server: Server, tmp_path: Path) -> None:
    view = View(server)
    ids = [
        server.submit("a cat by the document", model="wanx2.1-t2v-turbo", size="832*480"),
        task_of(view.dash(DASH_BODY | {"input": {"prompt": "a cat by dashscope"}})),
        task_of(view.create(OPENAI_BODY | {"prompt": "a cat by openai"})),
    ]
    assert all(view.video(task_id)["status"] in ("queued", "in_progress", "completed") for task_id in ids)
    for task_id, prompt in zip(ids, ("the document", "dashscope", "openai"), strict=True):
        seen = server.wait(task_id, "SUCCEEDED")
        by_dash, by_openai = view.task(task_id), view.video(task_id)
        assert by_dash["output"]["task_status"] == "SUCCEEDED"
        assert by_dash["usage"] == {"video_duration": 5, "video_ratio": "832*480", "video_count": 1}
        assert (by_openai["status"], by_openai["progress"]) == ("completed", 100)
        assert (by_openai["size"], by_openai["seconds"]) == ("832x480", "5")
        assert by_openai["prompt"] == by_dash["output"]["orig_prompt"] == seen["orig_prompt"] == f"a cat by {prompt}"
        link = server.http.get(by_dash["output"]["video_url"])
        content = view.ask("GET", f"{VIDEOS}/{video_id(task_id)}/content")
        assert (content.status_code, content.headers["content-type"]) == (200, "video/mp4")
        assert content.content == link.content
    (tmp_path / "video.mp4").write_bytes(content.content)
    facts = probe.read(tmp_path / "video.mp4")
    assert (facts.width, facts.height) == (832, 480)
    listed = {row["task_id"] for row in told(view.ask("GET", f"{DASH_TASKS}?page_size=100"))["data"]}
    videos = {row["id"] for row in told(view.ask("GET", f"{VIDEOS}?limit=100"))["data"]}
    assert set(ids) <= listed
    assert {video_id(task_id) for task_id in ids} <= videos


def test_the_pictures_of_a_video_are_a_webp_and_a_jpeg_its_scene_is_json_and_ranges_are_served(server: Server) -> None:
    view = View(server)
    task_id = task_of(view.create())
    content = f"{VIDEOS}/{video_id(task_id)}/content"
    early = view.ask("GET", content)
    if early.status_code != 200:
        assert (early.status_code, early.json()["error"]["code"]) == (404, "video_not_ready")
    server.wait(task_id, "SUCCEEDED")
    thumbnail = view.ask("GET", f"{content}?variant=thumbnail")
    assert (thumbnail.status_code, thumbnail.headers["content-type"]) == (200, "image/webp")
    assert (thumbnail.content[:4], thumbnail.content[8:12]) == (b"RIFF", b"WEBP")
    sheet = view.ask("GET", f"{content}?variant=spritesheet", headers={"Accept": "application/binary"})
    assert (sheet.headers["content-type"], sheet.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    part = view.ask("GET", content, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    scene = view.ask("GET", f"{content}?variant=scene")
    assert (scene.status_code, scene.headers["content-type"]) == (200, "application/json")
    assert [lead["name"] for lead in scene.json()["leads"]] == ["cat"]
    assert View(server, key="").ask("GET", f"{content}?variant=scene").status_code == 401
    head = view.ask("HEAD", content)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) == len(view.ask("GET", content).content)
    same = view.ask("GET", content, headers={"If-None-Match": head.headers["etag"]})
    assert same.status_code == 304
    assert view.ask("GET", f"{content}?variant=gif").json()["error"]["param"] == "variant"


@pytest.mark.thorough
def test_the_watermark_is_drawn_where_it_is_asked_for_in_each_dialect(server: Server) -> None:
    """The same seed gives the same pictures, but for the mark."""
    view = View(server)

    def by_dash(**marked: bool) -> str:
        return task_of(view.dash(DASH_BODY | {"parameters": {"size": "832*480", "seed": 7, **marked}}))

    def by_document(*, watermark: bool) -> str:
        return server.submit("a cat", "832*480", model="wanx2.1-t2v-turbo", seed=7, watermark=watermark)

    def by_openai(**marked: bool) -> str:
        return task_of(view.create(OPENAI_BODY | {"seed": 7, **marked}))

    def picture(task_id: str) -> str:
        server.wait(task_id, "SUCCEEDED")
        path = f"{VIDEOS}/{video_id(task_id)}/content?variant=thumbnail"
        return pictures_of(view.ask("GET", path).content)[0]

    plain = {picture(by_dash()), picture(by_document(watermark=False))}
    marked = {picture(submit(watermark=True)) for submit in (by_dash, by_document, by_openai)}
    assert (len(plain), len(marked)) == (1, 1)
    assert plain != marked


def test_a_waiting_task_is_canceled_through_dashscope_and_seen_so_by_all(idle: Server) -> None:
    view = View(idle)
    task_id = task_of(view.create())
    assert (view.video(task_id)["status"], view.task(task_id)["output"]["task_status"]) == ("queued", "PENDING")
    canceled = told(view.ask("POST", f"{DASH_TASKS}/{task_id}/cancel"))
    assert set(canceled) == {"request_id"}
    assert idle.poll(task_id)["task_status"] == view.task(task_id)["output"]["task_status"] == "CANCELED"
    video = view.video(task_id)
    assert (video["status"], video["error"]["code"], video["completed_at"]) == ("failed", "cancelled", None)
    for path in (task_id, "unknown"):
        again = view.ask("POST", f"{DASH_TASKS}/{path}/cancel/", json={"model": "", "parameters": {}, "input": ""})
        assert (again.status_code, again.json()["code"]) == (400, "UnsupportedOperation")


def test_a_running_task_is_not_canceled_through_dashscope_and_deleted_through_openai(tmp_path: Path) -> None:
    with rig(tmp_path) as made:
        view = View(made.server)
        task_id = made.accept_held()
        assert (view.video(task_id)["status"], view.video(task_id)["progress"]) == ("in_progress", 50)
        refused = view.ask("POST", f"{DASH_TASKS}/{task_id}/cancel")
        assert (refused.status_code, refused.json()["code"]) == (400, "UnsupportedOperation")
        headers = {"Content-Type": "application/json"}
        deleted = told(view.ask("DELETE", f"{VIDEOS}/{video_id(task_id)}", headers=headers))
        assert deleted == {"id": video_id(task_id), "object": "video.deleted", "deleted": True}
        unknown(view, task_id)
        # The device is free for the next, though the engine would have gone on for ever.
        made.assert_made_once(task_of(view.create()))
        assert made.rows(f"SELECT * FROM ledger WHERE task_id = '{task_id}'") == []


def test_a_video_that_was_deleted_is_gone_with_its_link_and_stays_in_the_ledger(server: Server) -> None:
    view = View(server)
    task_id = task_of(view.dash())
    server.wait(task_id, "SUCCEEDED")
    link = view.task(task_id)["output"]["video_url"]
    remixed = task_of(view.ask("POST", f"{VIDEOS}/{video_id(task_id)}/remix", json={"prompt": "a dog"}))
    told(view.ask("DELETE", f"{VIDEOS}/{video_id(task_id)}/"))
    unknown(view, task_id)
    assert server.http.get(link).status_code == 404
    assert task_id in wanserve("usage", "--json", "--data-dir", str(server.data_dir)).stdout
    server.wait(remixed, "SUCCEEDED")
    assert view.video(remixed)["remixed_from_video_id"] == video_id(task_id)


def unknown(view: View, task_id: str) -> None:
    """Assert that no dialect knows the task."""
    assert (
        view.server.post("/wan-video-polling/getTextToVideoResult", {"task_id": task_id}, view.key).status_code == 404
    )
    asked = view.task(task_id)
    assert (set(asked), asked["output"]) == ({"request_id", "output"}, {"task_id": task_id, "task_status": "UNKNOWN"})
    for method, path in (("GET", ""), ("GET", "/content"), ("DELETE", ""), ("POST", "/remix")):
        answer = view.ask(method, f"{VIDEOS}/{video_id(task_id)}{path}", json={"prompt": "a"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path
    assert told(view.ask("GET", f"{DASH_TASKS}?task_id={task_id}"))["total"] == 0
    listed = told(view.ask("GET", f"{VIDEOS}?limit=100"))["data"]
    assert video_id(task_id) not in [video["id"] for video in listed]


def test_another_accounts_task_is_unknown_in_every_dialect(idle: Server) -> None:
    mine = View(idle)
    task_id = task_of(mine.create())
    theirs = View(idle, new_key(idle, "theirs"))
    unknown(theirs, task_id)
    assert theirs.ask("POST", f"{DASH_TASKS}/{task_id}/cancel").json()["code"] == "UnsupportedOperation"
    behind = theirs.ask("GET", f"{VIDEOS}?after={video_id(task_id)}").json()["error"]
    assert (behind["param"], behind["code"]) == ("after", "invalid_value")
    assert mine.video(task_id)["status"] == "queued"


def test_after_its_retention_a_task_is_unknown_in_every_dialect(tmp_path: Path) -> None:
    with rig(tmp_path, retention_hours="0.0001") as made:
        view = View(made.server)
        task_id = task_of(view.create())
        until("the end of the retention", lambda: view.task(task_id)["output"]["task_status"] == "UNKNOWN")
        unknown(view, task_id)


def test_a_remix_takes_over_all_but_the_prompt(server: Server) -> None:
    view = View(server)
    first = task_of(view.create(OPENAI_BODY | {"negative_prompt": "rain", "seed": 7, "seconds": "4"}))
    early = view.ask("POST", f"{VIDEOS}/{video_id(first)}/remix", json={"prompt": "a dog"})
    assert early.status_code in (200, 404)
    server.wait(first, "SUCCEEDED")
    assert view.video(first)["seconds"] == "4"
    form = {"prompt": (None, b"a dog")}
    remixed = told(view.ask("POST", f"{VIDEOS}/{video_id(first)}/remix", files=form))
    expected = {"prompt": "a dog", "size": "832x480", "seconds": "4", "model": "wanx2.1-t2v-turbo"}
    assert {name: remixed[name] for name in expected} == expected
    assert remixed["remixed_from_video_id"] == video_id(first)
    nothing = view.ask("POST", f"{VIDEOS}/{video_id(first)}/remix", json={})
    assert nothing.json()["error"]["code"] == "missing_required_parameter"


def test_a_remix_of_what_is_not_made_yet_is_refused(idle: Server) -> None:
    view = View(idle)
    waiting = task_of(view.create())
    answer = view.ask("POST", f"{VIDEOS}/{video_id(waiting)}/remix", json={"prompt": "a dog"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "video_not_ready")


def test_lists_are_paged_filtered_and_in_order(idle: Server) -> None:
    view = View(idle, new_key(idle, "lister"))
    ids = [task_of(view.dash() if number % 2 else view.create()) for number in range(5)]
    told(view.ask("POST", f"{DASH_TASKS}/{ids[0]}/cancel"))

    def page(query: str) -> tuple[list[str], dict[str, Any]]:
        body = told(view.ask("GET", f"{DASH_TASKS}/?{query}"))
        assert [row["task_id"] for row in body["tasks"]] == [row["task_id"] for row in body["data"]]
        return [row["task_id"] for row in body["data"]], body

    newest = ids[::-1]
    found, body = page("page_size=2&page_no=2&region=cn-beijing&api_key_id=1")
    assert (found, body["total"], body["total_page"]) == (newest[2:4], 5, 3)
    assert page("status=CANCELED")[0] == [ids[0]]
    assert page("model_name=wan2.1-t2v-plus")[0] == page("status=UNKNOWN")[0] == []
    assert page(f"task_id={ids[3]}")[0] == [ids[3]]
    assert page("start_time=20200101000000")[0] == []
    walked, after = [], ""
    while True:
        videos = told(view.ask("GET", f"{VIDEOS}?limit=2&order=asc{after}"))
        walked += [row["id"] for row in videos["data"]]
        if not videos["has_more"]:
            break
        after = f"&after={videos['last_id']}"
    assert walked == [video_id(task_id) for task_id in ids]
    assert [row["id"] for row in told(view.ask("GET", VIDEOS))["data"]] == walked[::-1]


def test_an_idempotency_key_counts_in_each_dialect_and_across_them(idle: Server) -> None:
    view = View(idle)
    once = {"Idempotency-Key": "order"}
    first = task_of(view.create(**once))
    assert task_of(view.create(**once)) == task_of(view.dash(**once)) == first
    by_document = idle.http.post(
        idle.url + SUBMIT, json=DASH_BODY, headers={"Ocp-Apim-Subscription-Key": idle.key} | once
    )
    assert task_of(by_document) == first
    for answer in (
        view.create(OPENAI_BODY | {"seed": 1}, **once),
        view.dash(DASH_BODY | {"input": {"prompt": "b"}}, **once),
    ):
        assert answer.status_code == 400
        assert "Idempotency-Key: order was used for another request" in answer.text


def test_what_openais_clients_send_again_is_made_once(idle: Server) -> None:
    view, theirs = View(idle), View(idle, new_key(idle, "resender"))
    first, again = {"x-stainless-retry-count": "0"}, {"x-stainless-retry-count": "1"}
    task_id = task_of(view.create(**first))
    assert task_of(view.create(**again)) == task_id
    as_form = {name: (None, text.encode()) for name, text in OPENAI_BODY.items()}
    third = {"x-stainless-retry-count": "2"}
    assert task_of(view.ask("POST", VIDEOS, files=as_form, headers=third)) == task_id
    assert task_of(view.create(**again)) != task_id, "a task answers one repeat of each number"
    second = task_of(view.create(**first))
    assert second != task_id, "two first sendings are two videos"
    assert task_of(view.create(**again)) == second
    assert task_of(view.create(OPENAI_BODY | {"prompt": "a dog"}, **again)) not in (task_id, second)
    assert task_of(theirs.create(**again)) not in (task_id, second)


OPENAI_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"prompt": ...}, "prompt", "missing_required_parameter"),
    ({"prompt": "  "}, "prompt", "invalid_value"),
    ({"model": "gpt-5"}, "model", "invalid_value"),
    ({"size": "1024x1792"}, "size", "invalid_value"),
    ({"size": "large"}, "size", "invalid_value"),
    ({"seconds": "8"}, "seconds", "invalid_value"),
    ({"seed": -1}, "seed", "invalid_value"),
    ({"seed": 2**31}, "seed", "invalid_value"),
    ({"watermark": "yes"}, "watermark", "invalid_value"),
    ({"input_reference": {"image_url": "https://a/b.png"}}, "input_reference", "unsupported_parameter"),
]
DASH_FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"model": ...}, "model", "BadRequest.EmptyModel"),
    ({"model": "wan9"}, "model: must be one of", "InvalidParameter"),
    ({"input": ...}, "input", "BadRequest.EmptyInput"),
    ({"input": {}}, "input.prompt: is required", "InvalidParameter"),
    ({"parameters": {"size": "640*480"}}, "parameters.size: ", "InvalidParameter"),
    ({"parameters": {"duration": 10}}, "parameters.duration: must be 5", "InvalidParameter"),
    ({"parameters": {"n": 2}}, "parameters.n: must be 1", "InvalidParameter"),
    ({"parameters": {"seed": -1}}, "parameters.seed: must be 0 to", "InvalidParameter"),
    ({"parameters": {"watermark": "no"}}, "parameters.watermark: must be true or false", "InvalidParameter"),
]


def changed(body: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (body | change).items() if value is not ...}


@pytest.mark.parametrize(("change", "param", "code"), OPENAI_FAULTS)
def test_openai_names_the_field_and_the_rule(idle: Server, change: dict[str, Any], param: str, code: str) -> None:
    answer = View(idle).create(changed(OPENAI_BODY, change))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert error["message"].startswith(f"{param}: ")


@pytest.mark.parametrize(("change", "named", "code"), DASH_FAULTS)
def test_dashscope_names_the_field_and_the_rule(idle: Server, change: dict[str, Any], named: str, code: str) -> None:
    answer = View(idle).dash(changed(DASH_BODY, change))
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert named in answer.json()["message"]


def test_each_size_of_the_vendor_is_accepted_and_the_default_made(idle: Server) -> None:
    view = View(idle)
    tiers = {
        "480": ("832*480", "480*832", "624*624"),
        "720": ("1280*720", "720*1280", "960*960", "1088*832", "832*1088"),
        "1080": ("1920*1080", "1080*1920", "1440*1440", "1632*1248", "1248*1632"),
    }
    served = {"wan2.2-t2v-plus": ("480", "1080"), "wan2.1-t2v-turbo": ("480", "720"), "wanx2.1-t2v-plus": ("720",)}
    for model, its in served.items():
        for tier, sizes in tiers.items():
            for size in sizes:
                answer = view.dash(DASH_BODY | {"model": model, "parameters": {"size": size}})
                assert answer.status_code == (200 if tier in its else 400), (model, size)
        made = view.video(task_of(view.dash({"model": model, "input": {"prompt": "a"}})))
        assert made["size"] == ("1920x1080" if model == "wan2.2-t2v-plus" else "1280x720")
    # What OpenAI's SDK fills in by itself.
    made = told(view.create({"prompt": "a", "model": "sora-2", "size": "720x1280", "seconds": "4"}))
    assert (made["model"], made["size"], made["seconds"]) == ("wanx2.1-t2v-turbo", "720x1280", "4")


def test_every_refusal_is_in_its_dialects_shape_and_never_a_redirect(idle: Server) -> None:
    view, nobody, wrong = View(idle), View(idle, ""), View(idle, "sk-wrong")
    large = {"prompt": "a" * 300_000}
    cases = [
        (nobody.ask("GET", VIDEOS), 401, "invalid_api_key"),
        (wrong.create(), 401, "invalid_api_key"),
        (view.ask("GET", "/v1/nothing"), 404, "unknown_url"),
        (view.ask("GET", "/v1//videos"), 404, "unknown_url"),
        (view.ask("PUT", VIDEOS), 405, "method_not_supported"),
        (view.create(large), 400, "invalid_value"),
        (view.ask("POST", VIDEOS, content=b"{"), 400, "invalid_value"),
        (view.ask("POST", VIDEOS, content=b'{"prompt": "\\ud800"}'), 400, "invalid_value"),
        (view.ask("POST", f"{VIDEOS}/edits", json={}), 400, "unsupported"),
        (view.ask("POST", f"{VIDEOS}/extensions", json={}), 400, "unsupported"),
        (view.ask("POST", f"{VIDEOS}/characters", json={}), 404, "unsupported"),
        (view.ask("GET", f"{VIDEOS}/characters/char_1"), 404, "unsupported"),
        (view.ask("GET", "/v1/models/gpt-5"), 404, "model_not_found"),
    ]
    for answer, status, code in cases:
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (status, code), answer.text
        assert set(error) == {"message", "type", "param", "code"}
        assert answer.headers["x-request-id"]
    dashed = [
        (nobody.dash(), 401, "InvalidApiKey"),
        (wrong.ask("GET", f"{DASH_TASKS}/x"), 401, "InvalidApiKey"),
        (view.ask("GET", "/api/v1/nothing"), 404, "NotFound"),
        (view.ask("GET", DASH_SUBMIT), 400, "InvalidParameter"),
        (view.ask("POST", DASH_SUBMIT, json=DASH_BODY), 403, "AccessDenied"),
        (view.ask("POST", DASH_SUBMIT, content=b"[", headers=ASYNC), 400, "InvalidParameter"),
        (view.dash(large), 400, "BadRequest.TooLarge"),
        (view.ask("POST", "/api/v1/services/aigc/image2video/video-synthesis"), 400, "InvalidParameter"),
        (view.ask("GET", f"{DASH_TASKS}?status=DONE"), 400, "InvalidParameter"),
    ]
    for answer, status, code in dashed:
        body = answer.json()
        assert (answer.status_code, body["code"]) == (status, code), answer.text
        assert (set(body), body["request_id"]) == ({"code", "message", "request_id"}, answer.headers["x-request-id"])


def test_a_key_of_one_model_and_full_queues_and_rates_are_refused_in_each_dialects_words(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker", submit_rps="1000", query_rps="1", max_queued="1") as server:
        narrow = View(server, new_key(server, "narrow", "--models", "wan2.2-t2v-plus"))
        assert (narrow.create().status_code, narrow.dash().json()["code"]) == (403, "Model.AccessDenied")
        assert [model["id"] for model in told(narrow.ask("GET", "/v1/models"))["data"]] == ["wan2.2-t2v-plus"]
        view = View(server)
        told(view.create())
        full, dashed = view.create(), view.dash()
        assert (full.status_code, full.json()["error"]["code"]) == (429, "rate_limit_exceeded")
        assert (dashed.status_code, dashed.json()["code"]) == (429, "Throttling.AllocationQuota")
        told(view.ask("GET", VIDEOS))
        fast, polled = view.ask("GET", VIDEOS), view.ask("GET", f"{DASH_TASKS}/x")
        assert (fast.status_code, fast.json()["error"]["type"]) == (429, "requests")
        assert (polled.status_code, polled.json()["code"]) == (429, "Throttling.RateQuota")
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in (full, dashed, fast, polled))


def test_a_slash_at_the_end_changes_nothing_and_polls_are_told_when_to_come_back(idle: Server) -> None:
    view = View(idle)
    task_id = task_of(view.ask("POST", f"{VIDEOS}/", json=OPENAI_BODY))
    assert task_of(view.ask("POST", f"{DASH_SUBMIT}/", json=DASH_BODY, headers=ASYNC))
    leaked = view.ask("GET", f"{DASH_TASKS}/{task_id}/?size=1920*1080")
    assert told(leaked)["output"]["task_status"] == "PENDING"
    polled = view.ask("GET", f"{VIDEOS}/{video_id(task_id)}/")
    assert told(polled)["status"] == "queued"
    assert int(polled.headers["openai-poll-after-ms"]) > 0
    assert told(view.ask("GET", "/v1/models/wan2.2-t2v-plus"))["id"] == "wan2.2-t2v-plus"
    # A newline there is no end of a path.
    for path in (f"{VIDEOS}%0A", f"{DASH_TASKS}%0A", f"{VIDEOS}/{video_id(task_id)}/content%0A"):
        assert view.ask("GET", path).status_code == 404, path


@pytest.mark.thorough
def test_the_model_that_stands_for_the_vendors_own_is_a_setting(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker", default_model="wan2.2-t2v-plus") as server:
        assert told(View(server).create({"prompt": "a"}))["model"] == "wan2.2-t2v-plus"
    refused = wanserve("serve", "--port", "0", "--data-dir", str(tmp_path / "other"), default_model="wan9")
    assert (refused.returncode, "default_model" in refused.stderr, refused.stderr.count("\n")) == (1, True, 1)
