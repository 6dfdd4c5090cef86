"""Polls a second of a finished task, against a bare Starlette route that answers the same bytes.

Ours checks the key, counts the rate, reads the store and writes the answer; the bare route reads the body and answers.
"""

import sys
from pathlib import Path
from statistics import median

from bench.in_process import post_cpu_us
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
            loads = {"ours": (ours, POLL_PATH), "bare": (theirs, "/read"), "bare_unread": (theirs, "/unread")}
            rates: dict[str, list[float]] = {name: [] for name in loads}
            cpu_us: dict[str, list[float]] = {name: [] for name in loads}
            for turn in range(ROUNDS + 1):
                for name, (server, path) in loads.items():
                    before = server.cpu_s()
                    seconds = ROUND_SECONDS if turn else WARM_SECONDS
                    answered = drive(Load(server.port, [post(path, body, headers)], CONNECTIONS, seconds))
                    # The first turn only warms both up.
                    if turn:
                        rates[name].append(answered.per_second)
                        cpu_us[name].append(round((server.cpu_s() - before) / answered.count * 1e6, 1))
    in_process = post_cpu_us(data_dir, POLL_PATH, body, headers)
    return Result(
        "polls",
        {
            "ratio": ratio(rates["ours"], rates["bare"]),
            "ratio_to_route_that_leaves_the_body_unread": ratio(rates["ours"], rates["bare_unread"]),
            "ours_per_s": rates["ours"],
            "bare_per_s": rates["bare"],
            "bare_unread_per_s": rates["bare_unread"],
            "cpu_us_in_the_application": in_process,
            "cpu_us_of_the_process": {name: median(values) for name, values in cpu_us.items()},
        },
        [Target("ratio", ">=", 0.5)],
    )
