"""How the tests see a task through other dialects than the client's."""

from pathlib import Path

from tests.e2e.server import Server
from wanserve.media import probe

MODEL = "wan2.2-t2v-plus"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def video_id(task_id: str) -> str:
    """A task's id as OpenAI's clients know it."""
    return f"video_{task_id.replace('-', '')}"


def task_id(video: str) -> str:
    """The id that the document's API and DashScope's have for a video of OpenAI's clients."""
    digits = video.removeprefix("video_")
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def as_openai(server: Server, task: str) -> dict[str, object]:
    """The task as OpenAI's dialect tells it."""
    answer = server.http.get(
        f"{server.url}/v1/videos/{video_id(task)}", headers={"Authorization": f"Bearer {server.key}"}
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def as_dashscope(server: Server, task: str) -> dict[str, object]:
    """The task as DashScope's dialect tells it."""
    answer = server.http.get(f"{server.url}/api/v1/tasks/{task}", headers={"Authorization": f"Bearer {server.key}"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["output"])


def assert_video(path: Path, width: int = 832, height: int = 480, frames: int = 150) -> None:
    """It is an MP4 of H.264 in this size, to its last frame."""
    facts = probe.read(path)
    assert (facts.width, facts.height, facts.codec, facts.frames) == (width, height, "h264", frames)


def assert_stills(thumbnail: Path, spritesheet: Path) -> None:
    """One is a WebP, the other a JPEG."""
    head = thumbnail.read_bytes()[:12]
    assert (head[:4], head[8:]) == (b"RIFF", b"WEBP")
    assert spritesheet.read_bytes()[:3] == b"\xff\xd8\xff"
