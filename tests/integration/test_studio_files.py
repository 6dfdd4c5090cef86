"""The files of the studio: its own, which browsers keep for ever, and those of videos."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.studio_site import ROUTES, VIDEO_BYTES, Browser, Site, serving
from wanserve.domain.task import Task
from wanserve.studio.rendering import STATIC_FOLDER, asset
from wanserve.studio.routes import STATIC_TYPES


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serving(tmp_path_factory.mktemp("studio")) as opened:
        yield opened


@pytest.fixture(scope="module")
def ann(site: Site) -> Browser:
    return site.signed_in("ann")


@pytest.fixture(scope="module")
def video(site: Site, ann: Browser) -> Task:
    return site.video("ann", "ann's own prompt")


@pytest.mark.parametrize("name", STATIC_TYPES)
def test_static_files_are_kept_for_ever_under_the_path_of_their_version(site: Site, name: str) -> None:
    answer = site.browser().get(f"/{asset(name)}")
    assert answer.status_code == 200
    assert answer.content == (STATIC_FOLDER / name).read_bytes()
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == STATIC_TYPES[name]
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = site.browser().get(f"/{asset(name)}", if_none_match=answer.headers["etag"])
    assert again.status_code == 304
    other = site.browser().get(f"/studio/static/000000000000/{name}")
    assert (other.status_code, other.headers["cache-control"]) == (200, "no-store")


@pytest.mark.parametrize(
    "name", ["nothing.js", "LICENSE.htmx", "..%2ftexts.toml", "../texts.toml", "", "studio.js/", "%00"]
)
def test_an_unknown_static_file_is_404(site: Site, name: str) -> None:
    path = asset(name)
    assert site.browser().get(f"/{path}").status_code == 404


def test_a_video_is_sent_in_the_parts_that_a_player_asks_for(ann: Browser, video: Task) -> None:
    path = f"/studio/tasks/{video.id}/video.mp4"
    whole = ann.get(path)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, VIDEO_BYTES, "video/mp4")
    part = ann.get(path, range="bytes=4-9")
    assert (part.status_code, part.content) == (206, VIDEO_BYTES[4:10])
    assert part.headers["content-range"] == f"bytes 4-9/{len(VIDEO_BYTES)}"
    assert ann.get(path, if_none_match=whole.headers["etag"]).status_code == 304
    for name, media_type in (("thumbnail.webp", "image/webp"), ("sheet.jpg", "image/jpeg")):
        assert ann.get(f"/studio/tasks/{video.id}/{name}").headers["content-type"] == media_type


@pytest.mark.parametrize("name", ["preview.png", "scene.json", "1.mp4", "video.mp4x", "nothing"])
def test_a_file_that_the_task_does_not_have_is_404(ann: Browser, video: Task, name: str) -> None:
    assert ann.get(f"/studio/tasks/{video.id}/{name}").status_code == 404


def test_a_range_that_there_is_not_and_a_file_that_is_gone_are_answered_in_shape(
    site: Site, ann: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    task = site.video("ann", "a file that goes")
    path = f"/studio/tasks/{task.id}/video.mp4"
    assert ann.get(path, range="bytes=9999-").status_code == 416
    (site.settings.blobs_dir / "videos" / task.id / "1.mp4").unlink()
    assert ann.get(path).status_code == 404


def test_the_studio_can_be_left_out(tmp_path: Path) -> None:
    with serving(tmp_path, studio="off") as site:
        home = site.browser().get("/")
        assert (home.status_code, home.headers["location"]) == (307, "docs")
        for route in ROUTES:
            if route.path == "/":
                continue
            for method in ("GET", "POST"):
                answer = site.browser().http.request(method, route.path.format(task_id="x", name="x", version="x"))
                assert answer.status_code == 404, route.path
        assert site.browser().get(f"/{asset('studio.js')}").status_code == 404


def test_browsers_that_ask_for_an_icon_on_their_own_get_it(site: Site) -> None:
    icon = site.browser().get("/favicon.ico")
    assert (icon.status_code, icon.headers["content-type"]) == (200, "image/svg+xml")
    assert icon.headers["cache-control"] == "public, max-age=86400"
