"""What the HTTP process holds after the last of many polls, against what it held after the first fifth of them."""

from pathlib import Path

from bench.load import Load, drive, post
from bench.processes import memory_mb, wanserve
from bench.result import Result, Target
from bench.samples import KEY_HEADER, POLL_PATH, UNLIMITED, finished_task, opened, owner, poll_body

CONNECTIONS = 16
FIFTHS = 5
FIFTH_SECONDS = 60.0
"""A fifth that takes longer is cut off, and the line says how many polls there were."""


def run(folder: Path, polls: int) -> Result:
    """Poll in five equal parts and look at the process after each."""
    data_dir = folder / "data"
    with opened(data_dir) as core:
        text, key = owner(core, "bench")
        body = poll_body(finished_task(core, key))
    request = post(POLL_PATH, body, {KEY_HEADER: text})
    with wanserve(data_dir, "--no-worker", query_rps=UNLIMITED) as server:
        held = [memory_mb(server.pid, "VmRSS")]
        sent = 0
        for _ in range(FIFTHS):
            sent += drive(Load(server.port, [request], CONNECTIONS, FIFTH_SECONDS, polls // FIFTHS)).count
            held.append(memory_mb(server.pid, "VmRSS"))
    return Result(
        "memory",
        {"ratio": round(held[-1] / held[1], 3), "polls": sent, "rss_mb": held},
        [Target("ratio", "<=", 1.1)],
    )
