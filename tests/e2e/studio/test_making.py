"""What one does with videos: again, change one thing, compare in step, find, restore from a file, download, delete."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.faults.harness import Rig
from tests.e2e.studio.browsing import Visitor, told
from tests.e2e.studio.conftest import Visit


@pytest.fixture
def visitor(shared_rig: Rig, videos: list[str], visit: Visit) -> Visitor:
    return visit(shared_rig.server.url, shared_rig.server.key)


def generation(made: Rig, task_id: str) -> dict[str, object]:
    names = "prompt, negative_prompt, model, width, height, frames, fps, seed, watermark, prompt_extend"
    (row,) = made.rows(f"SELECT {names} FROM tasks WHERE id = '{task_id}'")
    return dict(zip(names.split(", "), row, strict=True))


def id_of(page: Page) -> str:
    return page.url.rpartition("id=")[2]


@pytest.mark.parametrize(("button", "same"), [("video.again", True), ("video.another_seed", False)])
def test_again_with_one_click(shared_rig: Rig, videos: list[str], visitor: Visitor, button: str, same: bool) -> None:
    page = visitor.go(f"video?id={videos[0]}")
    page.get_by_role("button", name=told(button), exact=True).click()
    page.wait_for_url(lambda url: videos[0] not in url)
    newest = id_of(page)
    before, after = generation(shared_rig, videos[0]), generation(shared_rig, newest)
    assert {name for name in before if before[name] != after[name]} == (set() if same else {"seed"})
    shared_rig.until_ended(newest)
    expect(page.locator(".watch video")).to_be_visible()


def test_one_thing_is_changed_and_the_rest_stays(shared_rig: Rig, videos: list[str], visitor: Visitor) -> None:
    page = visitor.go(f"video?id={videos[0]}")
    page.get_by_role("link", name=told("video.change")).click()
    expect(page.locator("#prompt")).to_have_value("grey number 0")
    expect(page.locator("#more")).to_have_attribute("open", "")
    newest = visitor.make("grey and changed")
    before, after = generation(shared_rig, videos[0]), generation(shared_rig, newest)
    assert {name for name in before if before[name] != after[name]} == {"prompt"}


def test_videos_are_compared_in_step(shared_rig: Rig, videos: list[str], visitor: Visitor) -> None:
    page = visitor.page
    for task_id in videos[:3]:
        page.locator(f"#card-{task_id} [data-pick]").check()
    expect(page.locator("[data-count]")).to_have_text(told("compare.picked", n=3))
    page.locator("[data-picked]").get_by_role("button", name=told("compare.button")).click()
    expect(page.locator("[data-compare] video")).to_have_count(3)
    frame, shown = page.locator("[data-frame]"), page.locator("[data-compare] video")
    for video in shown.all():
        page.wait_for_function("video => video.readyState >= 2", arg=video.element_handle())
    page.get_by_role("button", name=told("compare.forward")).click()
    expect(frame).to_have_text("1")
    page.locator("h1").click()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(frame).to_have_text("3")
    page.get_by_role("button", name=told("compare.back")).click()
    expect(frame).to_have_text("2")
    assert frames_of(page) == {2}
    page.get_by_role("button", name=told("compare.play"), exact=True).click()
    page.wait_for_function("video => video.currentTime > 0.5", arg=shown.first.element_handle())
    page.get_by_role("button", name=told("compare.pause"), exact=True).click()
    for video in shown.all():
        expect(video).to_have_js_property("paused", value=True)
    page.get_by_role("button", name=told("compare.forward")).click()
    page.wait_for_function("() => new Set([...document.querySelectorAll('video')].map(v => v.currentTime)).size === 1")
    assert len(frames_of(page)) == 1
    page.locator("[data-seek]").fill("1000")
    page.wait_for_function("() => [...document.querySelectorAll('video')].every(v => v.currentTime > 4.9)")
    page.get_by_role("button", name=told("compare.forward")).click()
    assert max(frames_of(page)) <= 150
    expect(page.get_by_role("rowheader", name=told("setting.prompt"))).to_be_visible()
    expect(page.get_by_role("rowheader", name=told("setting.model"))).to_have_count(0)


def frames_of(page: Page) -> set[int]:
    """The frames that the compared videos show."""
    return set(page.evaluate("[...document.querySelectorAll('video')].map(v => Math.floor(v.currentTime * 30))"))


def test_one_video_or_five_cannot_be_compared(visitor: Visitor, videos: list[str], shared_rig: Rig) -> None:
    page = visitor.page
    fifth = shared_rig.accept("grey as well")
    shared_rig.until_ended(fifth)
    expect(page.locator(f"#card-{fifth} [data-pick]")).to_be_visible()
    button = page.locator("[data-picked] .primary")
    expect(page.locator("[data-picked]")).to_be_hidden()
    for chosen, task_id in enumerate([*videos, fifth], 1):
        page.locator(f"#card-{task_id} [data-pick]").check()
        expect(button).to_be_enabled(enabled=2 <= chosen <= 4)
    page.get_by_role("button", name=told("compare.clear")).click()
    expect(page.locator("[data-picked]")).to_be_hidden()


def test_a_video_is_downloaded_under_its_name_and_deleted_for_good(
    shared_rig: Rig, visitor: Visitor, tmp_path: Path
) -> None:
    task_id = shared_rig.accept("grey and soon gone")
    shared_rig.until_ended(task_id)
    page = visitor.go(f"video?id={task_id}")
    with page.expect_download() as started:
        page.get_by_role("link", name=told("video.download")).click()
    assert started.value.suggested_filename == f"{task_id}.mp4"
    started.value.save_as(tmp_path / "saved.mp4")
    assert (tmp_path / "saved.mp4").read_bytes()[4:8] == b"ftyp"
    # Whoever does not confirm deletes nothing.
    page.get_by_role("button", name=told("video.delete")).click()
    expect(page.locator(".watch video")).to_be_visible()
    assert visitor.asked == [told("video.delete_sure")]
    visitor.confirms = True
    page.get_by_role("button", name=told("video.delete")).click()
    expect(page).to_have_url(f"{visitor.url}/")
    expect(page.locator(f"#card-{task_id}")).to_have_count(0)
    visitor.allow("404")
    visitor.go(f"video?id={task_id}")
    expect(page.locator("h1")).to_have_text(told("error.title"))


def saved_video(made: Rig, task_id: str, folder: Path) -> Path:
    """The file as a client of the API gets it."""
    headers = {"Authorization": f"Bearer {made.server.key}"}
    answer = made.server.http.get(
        f"{made.server.url}/v1/videos/video_{task_id.replace('-', '')}/content", headers=headers
    )
    file = folder / "ours.mp4"
    file.write_bytes(answer.content)
    return file


def test_a_file_of_ours_brings_its_settings_back(
    shared_rig: Rig, videos: list[str], visitor: Visitor, tmp_path: Path
) -> None:
    file, made = saved_video(shared_rig, videos[1], tmp_path), generation(shared_rig, videos[1])
    page = visitor.page
    page.locator("#more summary").click()
    page.locator("#restore").set_input_files(file)
    expect(page.get_by_text(told("restore.whole"))).to_be_visible()
    expect(page.locator("#prompt")).to_have_value("grey number 1")
    expect(page.locator("#seed")).to_have_value(str(made["seed"]))
    expect(page.locator("#model")).to_have_value(str(made["model"]))
    expect(page.locator('input[name="size"]:checked')).to_have_value("640*480")
    newest = visitor.make("grey number 1")
    assert generation(shared_rig, newest) == made


def dropped(page: Page, file: Path) -> None:
    """Drop a file on the page, as somebody does with a mouse."""
    page.evaluate(
        """([name, content]) => {
            const transfer = new DataTransfer(), bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            transfer.items.add(new File([bytes], name, { type: "video/mp4" }));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }""",
        [file.name, base64.b64encode(file.read_bytes()).decode()],
    )


def test_a_file_of_ours_is_dropped_by_somebody_who_has_not_its_video(
    shared_rig: Rig, videos: list[str], visit: Visit, tmp_path: Path
) -> None:
    file, made = saved_video(shared_rig, videos[1], tmp_path), generation(shared_rig, videos[1])
    page = visit(shared_rig.server.url, shared_rig.new_key("finder")).page
    dropped(page, file)
    expect(page.get_by_text(told("restore.without_prompt"))).to_be_visible()
    expect(page.locator("#prompt")).to_have_value("")
    expect(page.locator("#seed")).to_have_value(str(made["seed"]))


def test_a_foreign_file_is_told(visitor: Visitor, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.mp4"
    foreign.write_bytes(b"\0\0\0\x18ftypmp42" + b"no video of ours" * 100)
    lying = tmp_path / "lying.mp4"
    lying.write_bytes(b"Made by wanserve 0.1, model wan2.2-t2v-plus, seed 7")
    page = visitor.page
    for file in (foreign, lying):
        dropped(page, file)
        expect(page.locator("#toast")).to_have_text(told("restore.foreign"))
        page.evaluate("document.getElementById('toast').textContent = ''")
    visitor.allow("blob:")


def test_the_code_of_the_page_makes_the_video(
    shared_rig: Rig, videos: list[str], visitor: Visitor, tmp_path: Path
) -> None:
    page = visitor.go(f"video?id={videos[0]}")
    page.locator("details.code summary", has_text="Python").click()
    code = page.locator("details.code", has_text="requests").locator("code").inner_text()
    assert shared_rig.server.url in code
    assert shared_rig.server.key not in page.content()
    written = tmp_path / "make.py"
    written.write_text(code.replace("YOUR_KEY", shared_rig.server.key))
    subprocess.run([sys.executable, str(written)], cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / "video.mp4").read_bytes()[4:8] == b"ftyp"
    newest = str(shared_rig.rows("SELECT id FROM tasks ORDER BY submitted_ms DESC, id LIMIT 1")[0][0])
    assert generation(shared_rig, newest) == generation(shared_rig, videos[0])


def test_the_same_is_copied_with_one_click(visitor: Visitor, videos: list[str]) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.go(f"video?id={videos[0]}")
    page.locator("details.code summary", has_text="curl").click()
    copy = page.locator("details.code").first.locator("[data-copy]")
    copy.click()
    expect(copy).to_have_text(told("video.copied"))
    assert page.evaluate("navigator.clipboard.readText()").startswith("curl -X POST")
    assert json.dumps("grey number 0") in page.evaluate("navigator.clipboard.readText()")
