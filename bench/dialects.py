"""Polls a second of one finished task through each dialect, against those of the document's own."""

from pathlib import Path

from bench.load import Load, drive, get, post
from bench.processes import wanserve
from bench.result import Result, Target, ratio
from bench.samples import KEY_HEADER, POLL_PATH, UNLIMITED, finished_task, opened, owner, poll_body

CONNECTIONS = 16
ROUNDS = 7
ROUND_SECONDS = 3.0
WARM_SECONDS = 1.0


def run(folder: Path) -> Result:
    """Measure in rounds, one dialect after the other in each, on one server."""
    data_dir = folder / "data"
    with opened(data_dir) as core:
        text, key = owner(core, "bench")
        task_id = finished_task(core, key)
    bearer = {"Authorization": f"Bearer {text}"}
    with wanserve(data_dir, "--no-worker", query_rps=UNLIMITED) as server:
        requests = {
            "document": post(POLL_PATH, poll_body(task_id), {KEY_HEADER: text}),
            "dashscope": get(f"/api/v1/tasks/{task_id}", bearer),
            "openai": get(f"/v1/videos/video_{task_id.replace('-', '')}", bearer),
        }
        rates: dict[str, list[float]] = {name: [] for name in requests}
        for turn in range(ROUNDS + 1):
            for name, request in requests.items():
                seconds = ROUND_SECONDS if turn else WARM_SECONDS
                rate = drive(Load(server.port, [request], CONNECTIONS, seconds)).per_second
                # The first turn only warms each up.
                rates[name] += [rate] if turn else []
    return Result(
        "dialects",
        {
            "dashscope_cost": ratio(rates["document"], rates["dashscope"]),
            "openai_cost": ratio(rates["document"], rates["openai"]),
            "document_per_s": rates["document"],
            "dashscope_per_s": rates["dashscope"],
            "openai_per_s": rates["openai"],
        },
        [Target("dashscope_cost", "<=", 1.3), Target("openai_cost", "<=", 1.3)],
    )
