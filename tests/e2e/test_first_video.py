"""The document's own request, from the submit to the picture."""

import math
import re
from itertools import pairwise
from pathlib import Path

import av
import httpx

from tests.e2e.server import POLL, SUBMIT, Server

REQUEST = {
    "model": "wan2.2-t2v-plus",
    "input": {"prompt": "A kitten running in the moonlight", "negative_prompt": "flowers, people, text"},
    "parameters": {"size": "1920*1080"},
}
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")


def test_the_documents_request_becomes_a_video(server: Server, tmp_path: Path) -> None:
    accepted = server.post(SUBMIT, REQUEST)
    assert accepted.status_code == 200
    assert set(accepted.json()) == {"request_id", "output"}
    assert set(accepted.json()["output"]) == {"task_id", "task_status"}
    task_id = accepted.json()["output"]["task_id"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", task_id)

    server.wait(task_id, "SUCCEEDED")
    answer = server.post(POLL, {"task_id": task_id}).json()
    output = answer["output"]
    assert set(answer) == {"request_id", "output", "usage"}
    assert list(output) == [
        "task_id",
        "task_status",
        "submit_time",
        "scheduled_time",
        "end_time",
        "video_url",
        "orig_prompt",
        "actual_prompt",
    ]
    assert answer["usage"] == {"video_duration": 5, "video_ratio": "1920*1080", "video_count": 1}
    assert output["orig_prompt"] == output["actual_prompt"] == "A kitten running in the moonlight"
    times = [output[name] for name in ("submit_time", "scheduled_time", "end_time")]
    assert all(TIME.fullmatch(time) for time in times)
    assert times == sorted(times)

    video = tmp_path / "kitten.mp4"
    video.write_bytes(httpx.get(output["video_url"], trust_env=False).content)
    assert_a_moonlit_clip(video)


def assert_a_moonlit_clip(video: Path) -> None:
    """150 frames of 1920*1080, dark with a bright moon, and something that moves."""
    with av.open(video) as file:
        frames = [frame.reformat(width=96, height=54, format="gray") for frame in file.decode(video=0)]
        stream = file.streams.video[0]
        assert (stream.width, stream.height, str(stream.average_rate)) == (1920, 1080, "30")
    assert len(frames) == 150
    pictures = [bytes(frame.planes[0])[: 96 * 54] for frame in frames]
    first = pictures[0]
    assert math.fsum(first) / len(first) < 100
    assert max(first[: 96 * 27]) > 200
    assert all(before != after for before, after in pairwise(pictures[::30]))
