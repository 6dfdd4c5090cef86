"""Clips of 5 s, of 1920x1080 and of 640x480, by the animatic in a worker's real child, against the time that they play.

Beside it what drawing and encoding cost alone, in another process.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from bench.processes import environment, memory_mb
from bench.result import Result, Target
from tests.marks import MARKS
from wanserve.blobs.target import DiskTarget
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Clip, Frame
from wanserve.engine.animatic.engine import AnimaticEngine
from wanserve.media import mp4
from wanserve.worker.protocol import ChildConfig, Crashed, Done, Generate, Loaded
from wanserve.worker.supervisor import Supervisor

CLIP = Generation("wan2.2-t2v-plus", "A kitten running in the moonlight", "", 1920, 1080, frames=150, fps=30, seed=7)
SMALL = replace(CLIP, width=640, height=480)
VARIED = (
    "a cat, zoom in",
    "three girls walking on the street at night in the rain",
    "a lighthouse in the mountains, the camera zooms out",
    "a panda eats bamboo in the forest, tilt up",
)
"""What the child makes too before its memory is read: clips whose layers are of other sizes."""

ROUNDS = 3
END_SECONDS = 120.0
KEPT = 15
"""Frames that are kept in memory to be encoded alone: 8 MB each."""


def run(folder: Path) -> Result:
    """Make each clip some times in one child; the first time is the target's, as it finds nothing warm."""
    child = Supervisor(ChildConfig("animatic", DiskTarget(folder / "blobs"), folder, "warning", MARKS), os.environ)
    child.start()
    child.load(CLIP.model)
    try:
        _finished(child)
        large = [_make(child, CLIP, attempt) for attempt in range(1, ROUNDS + 1)]
        small = [_make(child, SMALL, attempt) for attempt in range(ROUNDS + 1, 2 * ROUNDS + 1)]
        for number, prompt in enumerate(VARIED, 2 * ROUNDS + 1):
            _make(child, replace(CLIP, prompt=prompt, frames=45), number)
        assert child.pid, "the child is there until it is closed"
        peak = memory_mb(child.pid, "VmHWM")
    finally:
        child.close()
    return Result(
        "clip",
        {
            "times_its_duration": round(large[0].made / CLIP.seconds, 3),
            "times_its_duration_640x480": round(small[0].made / SMALL.seconds, 3),
            "made_s": [round(each.made, 2) for each in large],
            "made_s_640x480": [round(each.made, 2) for each in small],
            "with_storing_s": [round(each.all, 2) for each in large],
            "with_storing_s_640x480": [round(each.all, 2) for each in small],
            "peak_rss_mb": peak,
            "ms_a_frame_alone": _alone(),
        },
        [
            Target("times_its_duration", "<=", 0.4),
            Target("times_its_duration_640x480", "<=", 0.12),
            Target("peak_rss_mb", "<", 300),
        ],
    )


class Seconds(NamedTuple):
    """What a clip took: drawn and encoded, with its stills, and with everything else, such as storing it."""

    made: float
    all: float


def _make(child: Supervisor, clip: Generation, attempt: int) -> Seconds:
    start = time.perf_counter()
    child.send(Generate("0b5e7c1a-0000-4000-8000-000000000000", attempt, clip))
    done = _finished(child)
    assert isinstance(done, Done), done
    return Seconds(done.timings.generate_s + done.timings.encode_s, time.perf_counter() - start)


def _finished(child: Supervisor) -> Done | Loaded:
    """Wait until what was ordered is done. Returns the event that says so. Raises RuntimeError where it is not."""
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        event = child.next_event(0.1)
        match event:
            case Done() | Loaded():
                return event
            case Crashed():
                raise RuntimeError(f"{event.code}: {event.message}")
            case _:
                continue
    raise RuntimeError(f"the child did not end within {END_SECONDS:g} s")


def _alone() -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.clip"], env=environment(), stdout=subprocess.PIPE, check=True, timeout=END_SECONDS
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def measure_alone() -> dict[str, float]:
    """Milliseconds a frame: every frame drawn and thrown away, then a few that were kept encoded over and over."""
    engine = AnimaticEngine()
    engine.load(CLIP.model)
    kept: list[Frame] = []
    start = time.perf_counter()
    for frame in engine.generate(CLIP, lambda _: None).frames:
        if len(kept) < KEPT:
            assert frame.shape, "a frame has rows, columns and channels"
            kept.append(memoryview(bytes(frame)).cast("B", frame.shape))
    drawn = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        mp4.write(Path(folder) / "clip.mp4", Clip(_to_and_fro(kept)), CLIP, {})
        encoded = time.perf_counter()
    each = 1000 / CLIP.frames
    return {"drawing": round((drawn - start) * each, 2), "encoding": round((encoded - begun) * each, 2)}


def _to_and_fro(pictures: Sequence[Frame]) -> Iterator[Frame]:
    """As many frames as the clip has, each a neighbour of the last: a jump would cost the encoder more."""
    there_and_back = [*pictures, *pictures[-2:0:-1]]
    yield from islice(cycle(there_and_back), CLIP.frames)


if __name__ == "__main__":
    print(json.dumps(measure_alone()))
