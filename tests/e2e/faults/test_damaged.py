"""Stored files that were damaged afterwards: nobody is given a part of a video for the whole."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.faults.harness import Rig, rig


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with rig(tmp_path_factory.mktemp("damaged")) as made:
        yield made


def made_video(shared: Rig) -> tuple[str, Path]:
    """The link to a video and its file."""
    task_id = shared.accept()
    link = str(shared.server.wait(task_id, "SUCCEEDED")["video_url"])
    assert shared.server.http.get(link).status_code == 200
    return link, shared.data_dir / "blobs" / "videos" / task_id / "1.mp4"


@pytest.mark.parametrize("share", [0, 0.5, 2])
@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-99"}])
def test_a_file_of_another_length_is_no_video(shared: Rig, share: float, headers: dict[str, str]) -> None:
    link, file = made_video(shared)
    os.truncate(file, int(file.stat().st_size * share))
    answer = shared.server.http.get(link, headers=headers)
    assert answer.status_code in (404, 500)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["request_id"]
    assert "Traceback" not in answer.text


def test_a_file_that_is_gone_is_not_found(shared: Rig) -> None:
    link, file = made_video(shared)
    file.unlink()
    answer = shared.server.http.get(link)
    assert answer.status_code == 404
    assert answer.json()["code"] == "NotFound"
