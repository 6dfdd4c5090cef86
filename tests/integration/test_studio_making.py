"""What the forms of the studio do: ask for videos, search them, compare, share, cancel and delete them."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import httpx
import pytest

from tests.choices import MODEL as CHOOSABLE
from tests.choices import write_settings
from tests.integration.studio_site import MODEL, ONCE, Browser, Site, serving, told
from wanserve.domain.files import file_key
from wanserve.domain.generation import Chosen, Generation, LoraUse
from wanserve.domain.progress import Kind, Stage
from wanserve.domain.rules import SEED_MAX
from wanserve.domain.search import Search
from wanserve.domain.task import Task, Video
from wanserve.domain.worker import WorkerRow
from wanserve.settings import load
from wanserve.studio.rendering import asset
from wanserve.studio.wall import FIRST_PAGE, PAGE

CARD = re.compile(r'<li class="card" id="card-([^"]+)"')
LIMIT_BYTES = 100_000


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with serving(tmp_path) as opened:
        yield opened


@pytest.fixture
def ann(site: Site) -> Browser:
    return site.signed_in("ann")


def tasks(site: Site, account: str = "ann") -> list[Task]:
    """All tasks of an account, oldest first."""
    return list(site.core.tasks.search(account, Search(oldest_first=True)).tasks)


def test_one_click_with_a_prompt_makes_a_video_with_the_defaults(site: Site, ann: Browser) -> None:
    answer = ann.make("a cat\r\nin the rain")
    assert (answer.status_code, answer.headers["location"]) == (303, "../")
    (task,) = tasks(site)
    assert (task.account, task.generation.prompt, task.generation.model) == (
        "ann",
        "a cat\nin the rain",
        "wanx2.1-t2v-turbo",
    )
    page = ann.page("/")
    assert f'data-status="{task.id}"' in page
    assert CARD.findall(page) == [task.id]


def test_every_field_of_the_form_reaches_the_task(site: Site, ann: Browser) -> None:
    sent = {
        "negative_prompt": "a dog", "model": MODEL, "size": "832*480", "seconds": "4", "seed": "77", "watermark": "on", "takes": "2",
    }  # fmt: skip
    assert ann.make("a cat", **sent).status_code == 303
    first, second = (task.generation for task in tasks(site))
    assert first == Generation(MODEL, "a cat", "a dog", 832, 480, 120, 30, 77, prompt_extend=False, watermark=True)
    assert second == replace(first, seed=78)


def test_where_every_video_has_the_mark_the_form_says_so(tmp_path: Path) -> None:
    box = '<input type="checkbox" name="watermark"'
    with serving(tmp_path / "by request") as site:
        assert f"{box}>" in site.signed_in("ann").page("/")
    with serving(tmp_path / "always", watermark="always") as site:
        browser = site.signed_in("ann")
        assert f"{box} checked disabled>" in browser.page("/")
        assert browser.make("a cat").status_code == 303
        assert [task.generation.watermark for task in tasks(site)] == [True]


def test_htmx_gets_the_form_with_a_new_id_the_panel_and_the_cards(site: Site, ann: Browser) -> None:
    once = ONCE.search(ann.page("/"))
    assert once
    answer = ann.post("/studio/make", {"once": once[1], "prompt": "a cat", "takes": "2"}, hx_request="true")
    assert answer.status_code == 200
    newer = ONCE.search(answer.text)
    assert newer, "the form comes back"
    assert newer[1] != once[1]
    assert CARD.findall(answer.text) == [task.id for task in reversed(tasks(site))]
    assert "<html" not in answer.text
    assert 'class="panel"' in answer.text


def test_the_same_form_sent_twice_makes_nothing_twice(site: Site, ann: Browser) -> None:
    once = ONCE.search(ann.page("/"))
    assert once
    form = {"once": once[1], "prompt": "a cat", "takes": "3"}
    for headers in ({}, {}, {"hx_request": "true"}):
        assert ann.post("/studio/make", form, **headers).status_code in (200, 303)
        assert len(tasks(site)) == 3
    other = ann.post("/studio/make", form | {"prompt": "a dog"}, hx_request="true")
    assert other.status_code >= 400
    assert len(tasks(site)) == 3
    assert ann.make("a cat").status_code == 303
    assert len(tasks(site)) == 4, "a form that was loaded again is another one"


def test_the_ids_of_two_accounts_forms_do_not_meet(site: Site, ann: Browser) -> None:
    bob, form = site.signed_in("bob"), {"once": "0b7a", "prompt": "a cat", "takes": "1"}
    for browser in (ann, bob):
        assert browser.post("/studio/make", form).status_code == 303
    assert [len(tasks(site, account)) for account in ("ann", "bob")] == [1, 1]


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("prompt", "  "),
        ("seed", "x"),
        ("seed", str(SEED_MAX + 1)),
        ("size", "1*1"),
        ("size", "x"),
        ("seconds", "60"),
        ("takes", "5"),
        ("model", "wan9"),
        ("negative_prompt", "a\0b"),
    ],
)
@pytest.mark.parametrize("partial", [{}, {"hx_request": "true"}], ids=["whole", "part"])
def test_what_is_refused_is_told_at_its_field_and_makes_nothing(
    site: Site, ann: Browser, field: str, text: str, partial: dict[str, str]
) -> None:
    before = site.kept()
    form = {"once": "0b7a", "prompt": "a very long story", "model": MODEL, "seed": "77", field: text}
    answer = ann.post("/studio/make", form, **partial)
    assert answer.status_code == 400
    assert site.kept() == before
    assert f'id="{field}-error"' in answer.text
    told = re.search(
        rf'(<(?:input|textarea|select|fieldset)[^>]*aria-describedby="[^"]*{field}-error"[^>]*>)', answer.text
    )
    assert told, "the field names its error"
    assert 'aria-invalid="true"' in told[1]
    assert (">a very long story<" in answer.text) is (field != "prompt"), "what was typed stays"
    assert ('<details class="more" id="more" open>' in answer.text) is (field != "prompt"), "the error can be seen"
    assert ("<html" in answer.text) is not bool(partial)


def test_takes_that_go_over_the_highest_seed_make_none(site: Site, ann: Browser) -> None:
    assert ann.make("a cat", seed=str(SEED_MAX), takes="2").status_code == 400
    assert tasks(site) == []
    assert ann.make("a cat", seed=str(SEED_MAX), takes="1").status_code == 303


def test_an_account_may_submit_so_often_a_second(tmp_path: Path) -> None:
    with serving(tmp_path, submit_rps=1) as site:
        ann = site.signed_in("ann")
        refused = ann.make("a cat", takes="4")
        assert refused.status_code == 429
        assert told("problem.rate_limited") in refused.text
        assert len(tasks(site)) < 4


def test_an_account_may_look_so_often_a_second(tmp_path: Path) -> None:
    with serving(tmp_path, query_rps=0.001) as site:
        ann = site.signed_in("ann")
        task = site.video("ann")
        answers = [ann.get("/") for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]
        assert told("error.title") in answers[1].text
        # A wall shows many pictures at a time.
        assert ann.get(f"/studio/tasks/{task.id}/thumbnail.webp").status_code == 200
        assert site.browser().get("/sign-in").status_code == 200


def test_after_a_full_queue_the_form_asks_for_the_rest_with_the_seeds_that_are_left(tmp_path: Path) -> None:
    with serving(tmp_path, max_queued=2) as site:
        ann = site.signed_in("ann")
        full = ann.make("a cat", takes="4", seed="7")
        assert full.status_code == 429
        assert re.findall(r'name="takes" value="(\d)" checked', full.text) == ["2"]
        for task in tasks(site):
            site.core.tasks.cancel("ann", task.id)
        once = ONCE.search(full.text)
        seed = re.search(r'name="seed"[^>]* value="(\d+)"', full.text)
        assert once
        assert seed
        assert ann.make("a cat", once=once[1], takes="2", seed=seed[1]).status_code == 303
        assert [task.generation.seed for task in tasks(site)] == [7, 8, 9, 10]


def test_a_full_queue_is_told_in_the_form(tmp_path: Path) -> None:
    with serving(tmp_path, max_queued=2) as site:
        ann = site.signed_in("ann")
        full = ann.make("a cat", takes="3")
        assert full.status_code == 429
        assert 'role="alert"' in full.text
        assert ">a cat<" in full.text
        assert len(tasks(site)) == 2


def test_a_form_that_takes_over_a_task_has_all_its_settings(site: Site, ann: Browser) -> None:
    task = site.video("ann", "a red cat", seed=77)
    again = ann.page(f"/?from={task.id}")
    assert ">a red cat</textarea>" in again
    assert '<input id="seed" name="seed" inputmode="numeric" autocomplete="off" value=""' in again
    assert 'value="640*480" checked' in again
    assert 'value="77"' in ann.page(f"/?from={task.id}&same_seed=1")
    assert "a red cat</textarea>" not in ann.page("/?from=none"), "one that is gone fills nothing"


def test_what_a_file_tells_brings_the_newest_video_like_it_back(site: Site, ann: Browser) -> None:
    site.video("ann", "an older prompt", seed=77)
    site.video("ann", "a newer prompt", seed=77)
    file = "restore=1&model=wan2.2-t2v-plus&size=640*480&seconds=5"
    whole = ann.page(f"/?{file}&seed=77")
    assert ">a newer prompt</textarea>" in whole
    assert told("restore.whole") in whole
    bare = ann.page(f"/?{file}&seed=78")
    assert told("restore.without_prompt") in bare
    assert 'value="78"' in bare
    assert "newer prompt</textarea>" not in bare
    for odd in ("restore=1", "restore=1&seed=x&size=y&seconds=z&model=none", "restore=1&takes=9"):
        assert told("restore.without_prompt") in ann.page(f"/?{odd}")


def test_the_wall_is_searched_by_state_model_and_text(site: Site, ann: Browser) -> None:
    made, failed = site.video("ann", "a red cat"), site.failed("ann", "a red dog")
    waiting = site.submit("ann", "a blue cat", "wanx2.1-t2v-turbo")
    for query, found in (
        ("", [waiting, failed, made]),
        ("state=all&of=&text=", [waiting, failed, made]),
        ("state=unfinished", [waiting]),
        ("state=finished", [made]),
        ("state=failed", [failed]),
        ("state=nonsense", [waiting, failed, made]),
        (f"of={MODEL}", [failed, made]),
        ("text=CAT", [waiting, made]),
        (f"state=finished&of={MODEL}&text=red", [made]),
        ("text=%25", []),
        ("text=a%00b", []),
        ("of=none", []),
    ):
        ids = [task.id for task in found]
        # The address itself shows the same as the part, for browsers without scripts.
        page = ann.page(f"/?{query}")
        assert CARD.findall(page) == CARD.findall(ann.page(f"/studio/wall?{query}")) == ids, query
        assert (told("wall.nothing") in page) is (not ids)
    assert 'value="finished" selected' in ann.page("/?state=finished")


def test_the_wall_comes_page_by_page(site: Site, ann: Browser) -> None:
    made = [site.submit("ann", f"cat {number}").id for number in range(2 * PAGE + 1)]
    seen: list[str] = []
    path = "/studio/wall?text=cat"
    for size in (PAGE, PAGE, 1):
        page = ann.page(path)
        cards = CARD.findall(page)
        assert len(cards) == size
        seen += cards
        further = re.search(r'href="\./\?([^"]+)" hx-get="studio/wall\?([^"]+)"', page)
        if further is None:
            break
        assert further[1] == further[2]
        assert CARD.findall(ann.page(f"/?{unescape(further[1])}")) != cards
        path = f"/studio/wall?{unescape(further[2])}"
    assert seen == made[::-1]


def test_the_form_for_another_model_keeps_what_that_has(ann: Browser) -> None:
    part = ann.page("/studio/form?prompt=a+cat&model=wanx2.1-t2v-plus&size=640*480&seconds=4&seed=7&takes=3&once=0b7a")
    assert ">a cat</textarea>" in part
    assert 'value="1280*720" checked' in part, "it makes no 640*480"
    assert 'value="4" checked' in part
    assert 'name="takes" value="3" checked' in part
    assert "<option selected>wanx2.1-t2v-plus</option>" in part
    assert "640×480" not in part


@pytest.mark.parametrize(
    "query", ["", "model=wan9&size=x&seconds=y", "seed=x&takes=x", "model=wan2.2-t2v-plus&seconds=4"]
)
def test_the_estimate_is_a_line_whatever_stands_in_the_form(ann: Browser, query: str) -> None:
    line = ann.page(f"/studio/estimate?{query}").strip()
    assert line.partition(told("estimate.comma"))[0] == told("estimate.unknown")
    assert "\n" not in line


def test_the_estimate_says_the_place_in_line(site: Site) -> None:
    browser = site.signed_in("line")
    query = f"/studio/estimate?model={MODEL}"
    waiting = [browser.page(query)]
    for _ in range(2):
        site.submit("line")
        waiting.append(browser.page(query))
    assert told("estimate.next") in waiting[0] or told("estimate.loading") in waiting[0]
    assert told("estimate.place", n=2) in waiting[1]
    assert told("estimate.place", n=3) in waiting[2]


def test_a_page_is_light_before_its_pictures(site: Site, ann: Browser) -> None:
    """Uncompressed: HTML, style sheet and scripts."""
    loaded = sum(
        len(ann.get(f"/{asset(name)}").content) for name in ("studio.css", "studio.js", "htmx.min.js", "icon.svg")
    )
    first_visit = ann.get("/")
    prompt = "a cat and its friends, running in the moonlight along a quiet beach"
    made = [site.video("ann", prompt) for _ in range(FIRST_PAGE + 1)]
    pages = [site.browser().get("/sign-in"), first_visit, ann.get("/"), ann.get(f"/video?id={made[0].id}")]
    pages.append(ann.get("/compare?" + "&".join(f"id={task.id}" for task in made[:4])))
    for page in pages:
        assert page.status_code == 200
        assert loaded + len(page.content) < LIMIT_BYTES, page.url


@pytest.fixture
def choosing(tmp_path: Path) -> Iterator[Site]:
    """A site whose owner allows choices for one model."""
    models = load({}, {}, write_settings(tmp_path) / "wanserve.toml").models
    with serving(tmp_path, models=models) as opened:
        yield opened


def asked(browser: Browser, prompt: str = "a cat", **fields: str | list[str]) -> httpx.Response:
    """Send the form of the first page for the model of which its owner allows choices."""
    whole = {"csrf_token": browser.token(), "prompt": prompt, "takes": "1", "model": CHOOSABLE, "size": "640*480"}
    return browser.http.post("/studio/make", data={**whole, **fields})


def finish(site: Site) -> None:
    """Make the video that waits."""
    claimed = site.core.tasks.claim("worker", [CHOOSABLE])
    assert claimed is not None
    assert site.core.tasks.succeed(claimed, Video(file_key(claimed.id, 1), 1, "animatic"))


def test_what_may_be_chosen_is_in_the_form_of_its_model_alone(choosing: Site) -> None:
    ann = choosing.signed_in("ann")
    offered = ann.page(f"/studio/form?model={CHOOSABLE}&prompt=a+cat")
    for name in ('name="profile"', 'name="steps"', 'name="guidance_scale"', 'name="lora"', 'name="strength"'):
        assert name in offered
        assert name not in ann.page("/studio/form?model=wan2.2-t2v-plus&prompt=a+cat")
    assert offered.count('name="lora"') == 2, "as many as a request may name"
    assert told("make.bounds", least=4, most=60) in offered
    assert told("make.lora_bounds", lora="sketch", least="0", most="1.5", own="0.8") in offered


def test_what_is_chosen_in_the_form_is_made_told_and_asked_for_again(choosing: Site) -> None:
    ann = choosing.signed_in("ann")
    fields = {"profile": "balanced", "steps": "8", "guidance_scale": "2.5"}
    answer = asked(ann, **fields, lora=["sketch", "ink"], strength=["0.5", ""])
    assert answer.status_code == 303, answer.text
    (task,) = tasks(choosing)
    chosen = Chosen("balanced", 8, 2.5, (LoraUse("sketch", 0.5), LoraUse("ink", 1.0)))
    assert task.generation.chosen == chosen
    page = ann.page(f"/video?id={task.id}")
    for shown in ("<dd>balanced</dd>", "<dd>8</dd>", "<dd>2.5</dd>", "<dd>sketch:0.5, ink:1</dd>"):
        assert shown in page
    assert "num_inference_steps" in page, "the code of the page asks for it"
    changed = ann.page(f"/?from={task.id}&same_seed=1")
    for kept in ("<option selected>balanced</option>", 'name="steps" inputmode="numeric" autocomplete="off" value="8"'):
        assert kept in changed
    assert "<option selected>sketch</option>" in changed
    assert 'value="0.5"' in changed
    ann.post(f"/studio/tasks/{task.id}/again", {"seed": "same"})
    first, again = tasks(choosing)
    assert again.generation == first.generation


def test_what_may_not_be_chosen_is_told_at_its_field(choosing: Site) -> None:
    ann = choosing.signed_in("ann")
    for field, text in (("profile", "best"), ("steps", "61"), ("guidance_scale", "9"), ("lora", "oil")):
        answer = asked(ann, **{field: text})
        assert answer.status_code == 400
        name = "loras" if field == "lora" else field
        assert f'id="{name}-error" role="alert"' in answer.text
    ann.http.headers["accept-language"] = "zh-CN"
    assert told("problem.steps", "zh") in asked(ann, steps="61").text
    assert tasks(choosing) == []


def test_a_file_of_a_chosen_video_brings_that_one_back(choosing: Site) -> None:
    ann = choosing.signed_in("ann")
    for prompt, steps in (("with eight steps", "8"), ("with the models own", "")):
        assert asked(ann, prompt, seed="77", steps=steps).status_code == 303
        finish(choosing)
    file = f"/?restore=1&model={CHOOSABLE}&size=640*480&seconds=5&seed=77"
    assert ">with the models own</textarea>" in ann.page(file)
    assert ">with eight steps</textarea>" in ann.page(f"{file}&steps=8")
    bare = ann.page(f"{file}&steps=9&lora=ink&strength=0.5")
    assert told("restore.without_prompt") in bare
    assert 'value="9"' in bare
    assert "<option selected>ink</option>" in bare


def test_videos_are_compared_by_what_they_chose(choosing: Site) -> None:
    ann = choosing.signed_in("ann")
    for lora in ("sketch", "ink", ""):
        assert asked(ann, seed="7", lora=lora).status_code == 303
        finish(choosing)
    ids = "&".join(f"id={task.id}" for task in tasks(choosing))
    page = ann.page(f"/compare?{ids}")
    assert told("setting.loras") in page
    assert "<td>sketch:0.8</td>" in page
    assert "LoraUse" not in page


def test_the_estimate_before_the_click_is_that_of_what_is_chosen(choosing: Site) -> None:
    ann, size = choosing.signed_in("ann"), (640, 480, 150)
    card = choosing.core.catalogue.models()[CHOOSABLE]
    choosing.core.tasks.store.save_worker(WorkerRow("1", "here", "host", "cpu", (), "animatic", {CHOOSABLE: card}))
    choosing.core.times.note(Kind(CHOOSABLE, *size, "host"), {Stage.DENOISE: 100.0})
    choosing.core.times.note(Kind(CHOOSABLE, *size, "host", "8 steps"), {Stage.DENOISE: 20.0})
    path = f"/studio/estimate?model={CHOOSABLE}&size=640*480&seconds=5"
    assert told("estimate.ready", time=told("time.seconds", n=100)) in ann.page(path)
    assert told("estimate.ready", time=told("time.seconds", n=20)) in ann.page(f"{path}&steps=8&lora=ink&strength=")
    assert told("estimate.unknown") in ann.page(f"{path}&profile=fast")
