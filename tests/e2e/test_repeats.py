"""Calls for the same that are refused and sent again by their client: each that succeeds has a video of its own."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.e2e.server import Server, running

TRIES = 3
"""Of the openai SDK at default settings: one, and two more."""


def call(server: Server, path: str, body: dict[str, str]) -> str | None:
    """What the openai SDK does: send again what was refused with 429, at most twice; the video's id, or None."""
    with httpx.Client(trust_env=False, timeout=60) as http:
        for count in range(TRIES):
            headers = {"Authorization": f"Bearer {server.key}", "x-stainless-retry-count": str(count)}
            answer = http.post(server.url + path, json=body, headers=headers)
            if answer.status_code == 200:
                return str(answer.json()["id"])
            assert answer.status_code == 429, answer.text
            time.sleep(min(float(answer.headers["Retry-After"]), 1.0))
    return None


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(("10", "500"), id="the rate"),
        pytest.param(("1000", "5"), id="the queue", marks=pytest.mark.thorough),
    ],
)
def test_each_of_many_calls_for_the_same_has_a_video_of_its_own(tmp_path: Path, limits: tuple[str, str]) -> None:
    with (
        running(tmp_path / "data", "--no-worker", submit_rps=limits[0], max_queued=limits[1]) as server,
        ThreadPoolExecutor(40) as threads,
    ):
        made = list(threads.map(lambda _: call(server, "/v1/videos", {"prompt": "a cat"}), range(40)))
    accepted = [video for video in made if video is not None]
    assert accepted
    assert len(set(accepted)) == len(accepted)
