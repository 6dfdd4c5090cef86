"""Polls a second of a finished task, against a bare Starlette route that answers the same bytes.

Ours checks the key, counts the rate, reads the store and writes the answer; the bare route reads the body and answers.
"""

import sys
from pathlib import Path

from bench.load import Load, drive, post
from bench.processes import listening, wanserve
from bench.result import Result, Target, ratio
from bench.samples import KEY_HEADER, POLL_PATH, UNLIMITED, finished_task, opened, owner, poll_body

CONNECTIONS = 16
ROUNDS = 5
ROUND_SECONDS = 3.0
WARM_SECONDS = 1.0


def run(folder: Path) -> Result:
    """Measure in rounds, one server after the other in each."""
    data_dir = folder / "data"
    with opened(data_dir) as core:
        text, key = owner(core, "bench")
        body = poll_body(finished_task(core, key))
    headers = {KEY_HEADER: text}
    bare = [sys.executable, "-m", "bench.bare", "--answer", str(folder / "answer.json")]
    with wanserve(data_dir, "--no-worker", query_rps=UNLIMITED) as ours:
        (folder / "answer.json").write_bytes(ours.request("POST", POLL_PATH, headers, body))
        with listening(bare, {}, folder, "/") as theirs:
            loads = {
                "ours": (ours.port, POLL_PATH),
                "bare": (theirs.port, "/read"),
                "bare_unread": (theirs.port, "/unread"),
            }
            rates: dict[str, list[float]] = {name: [] for name in loads}
            for turn in range(ROUNDS + 1):
                for name, (port, path) in loads.items():
                    seconds = ROUND_SECONDS if turn else WARM_SECONDS
                    rate = drive(Load(port, [post(path, body, headers)], CONNECTIONS, seconds)).per_second
                    # The first turn only warms both up.
                    rates[name] += [rate] if turn else []
    return Result(
        "polls",
        {
            "ratio": ratio(rates["ours"], rates["bare"]),
            "ratio_to_route_that_leaves_the_body_unread": ratio(rates["ours"], rates["bare_unread"]),
            "ours_per_s": rates["ours"],
            "bare_per_s": rates["bare"],
            "bare_unread_per_s": rates["bare_unread"],
        },
        [Target("ratio", ">=", 0.5)],
    )
