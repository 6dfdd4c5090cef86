"""How soon and how well clients are told: estimates at half time, a step's way to a stream, and the cost of idle streams."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.processes import HOST, Listening, wanserve
from bench.result import ROOT, Result, Target
from bench.samples import MODEL, REQUEST, SUBMIT_BODY, SUBMIT_PATH, UNLIMITED, opened, owner
from tests.samples import heartbeat
from wanserve.core import Core
from wanserve.domain.account import Key
from wanserve.domain.progress import Stage

VIDEOS: Final = 8
LEARNED: Final = 2
"""The first videos of a kind have nothing to be estimated by but themselves, and are not counted."""

STEPS: Final = 30
STEP_SECONDS: Final = 0.63
STREAMS: Final = 1000
IDLE_SECONDS: Final = 20.0
TURBO: Final = "wanx2.1-t2v-turbo"
TINY: Final = f"""
engine = "wan"
[models."{TURBO}"]
weights = "{ROOT / "tests" / "assets" / "tiny-wan"}"
steps = 24
frames = 9
"""


def run(folder: Path) -> Result:
    """Measure each on a server of its own."""
    # At the largest size: a smaller video is made in less time than an event takes to be told twice.
    animatic = _errors(folder / "animatic", SUBMIT_BODY.replace(b"640*480", b"1920*1080"))
    (folder / "tiny").mkdir()
    # A server of a bench is started in its data directory.
    (folder / "tiny" / "wanserve.toml").write_text(TINY, encoding="utf-8")
    tiny = _errors(folder / "tiny", SUBMIT_BODY.replace(MODEL.encode(), TURBO.encode()))
    steps = _step_seconds(folder / "steps")
    idle = _idle_cores(folder / "idle")
    return Result(
        "told",
        {
            "error_at_half_time_animatic": round(median(animatic), 3),
            "error_at_half_time_tiny_wan": round(median(tiny), 3),
            "step_to_stream_ms_median": round(median(steps) * 1000, 1),
            "step_to_stream_ms_p95": round(sorted(steps)[len(steps) * 95 // 100] * 1000, 1),
            "cores_of_1000_idle_streams": idle,
        },
        [
            Target("error_at_half_time_animatic", "<=", 0.2),
            Target("error_at_half_time_tiny_wan", "<=", 0.2),
            Target("step_to_stream_ms_median", "<=", 250),
            Target("cores_of_1000_idle_streams", "<", 0.1),
        ],
    )


@dataclass(frozen=True, slots=True)
class Told:
    """An event, and when it came."""

    at_s: float
    data: dict[str, Any]


def _events(server: Listening, task_id: str, key: str) -> Iterator[Told]:
    """The events about a task's state and progress as they come, on a connection of its own."""
    with _opened_stream(server, task_id, key) as stream:
        for line in stream.makefile("rb"):
            # A preview's event has no state.
            if line.startswith(b"data: ") and "state" in (data := json.loads(line[6:])):
                yield Told(time.time(), data)


@contextmanager
def _opened_stream(server: Listening, task_id: str, key: str) -> Iterator[socket.socket]:
    path = f"/v1/videos/video_{task_id.replace('-', '')}/events"
    with socket.create_connection((HOST, server.port), 30) as stream:
        # HTTP/1.0, so that the answer comes as it is and not in chunks.
        stream.sendall(f"GET {path} HTTP/1.0\r\nHost: {HOST}\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
        yield stream


def _errors(data_dir: Path, body: bytes) -> list[float]:
    """For each video the error of the seconds left at half time, as a share of those that really were left."""
    with opened(data_dir) as core:
        key, _ = owner(core, "bench")
    errors = []
    headers = {"Ocp-Apim-Subscription-Key": key, "Content-Type": "application/json"}
    with wanserve(data_dir, submit_rps=UNLIMITED) as server:
        for number in range(LEARNED + VIDEOS):
            said = json.loads(server.request("POST", SUBMIT_PATH, headers, body))
            told = [each for each in _events(server, said["output"]["task_id"], key) if each.data["state"] != "pending"]
            begun, ended = told[0].at_s, told[-1].at_s
            if number >= LEARNED:
                estimated = [each for each in told[:-1] if each.data["seconds_left"] is not None]
                half = min(estimated, key=lambda each: abs(each.at_s - (begun + ended) / 2))
                really = ended - half.at_s
                errors.append(abs(half.data["seconds_left"] - really) / really)
    return errors


def _step_seconds(folder: Path) -> list[float]:
    """The seconds from the write of a step, by a worker in another process, until it is read from a stream."""
    with opened(folder) as core:
        text, key = owner(core, "bench")
        task = _running(core, key)
        written: dict[int, float] = {}
        with wanserve(folder, "--no-worker", query_rps=UNLIMITED) as server:
            events = _events(server, task.id, text)
            next(events)
            seconds = []
            for step in range(1, STEPS + 1):
                time.sleep(STEP_SECONDS)
                written[step] = time.time()
                core.tasks.renew(task, replace(heartbeat(step / STEPS, Stage.DENOISE, step, STEPS), left_s=1.0))
                told = next(each for each in events if each.data["step"] == step)
                seconds.append(told.at_s - written[step])
    return seconds


def _running(core: Core, key: Key) -> Any:
    core.tasks.submit(key, REQUEST).result()
    return core.tasks.claim("worker", [MODEL])


def _idle_cores(folder: Path) -> float:
    """The share of a core that the server takes for streams of waiting tasks of which nothing happens."""
    with opened(folder) as core:
        text, key = owner(core, "bench")
        accepted = [core.tasks.submit(key, REQUEST) for _ in range(STREAMS // 2)]
        other_text, other = owner(core, "other")
        accepted += [core.tasks.submit(other, REQUEST) for _ in range(STREAMS // 2)]
        tasks = [each.result() for each in accepted]
        with wanserve(folder, "--no-worker", query_rps=UNLIMITED) as server, ExitStack() as streams:
            for task in tasks:
                credential = text if task.account == "bench" else other_text
                stream = streams.enter_context(_opened_stream(server, task.id, credential))
                while b"video.progress" not in stream.recv(65536):
                    pass
            time.sleep(5)
            before, begun = server.cpu_s(), time.monotonic()
            time.sleep(IDLE_SECONDS)
            return round((server.cpu_s() - before) / (time.monotonic() - begun), 3)
