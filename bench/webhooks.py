"""How soon a webhook is sent: from the end of a task, as its row has it, until a receiver on this machine has the message."""

import json
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Final

from bench.processes import wanserve
from bench.result import Result, Target
from bench.samples import KEY_HEADER, SUBMIT_BODY, SUBMIT_PATH, UNLIMITED, opened, owner
from tests.receiver import receiving
from wanserve.webhook_endpoints import Webhooks

VIDEOS: Final = 20


def run(folder: Path) -> Result:
    """Make some videos one after another, and measure each message's way."""
    with receiving() as receiver:
        with opened(folder) as core:
            key, _ = owner(core, "bench")
            Webhooks(core.webhooks.store, allow_private=True).add("bench", receiver.url())
        headers = {KEY_HEADER: key, "Content-Type": "application/json"}
        seconds = []
        with wanserve(folder, submit_rps=UNLIMITED, webhooks_private=True) as server:
            for number in range(1, VIDEOS + 1):
                server.request("POST", SUBMIT_PATH, headers, SUBMIT_BODY)
                *_, message = receiver.until(lambda received, wanted=number: len(received) == wanted)  # type: ignore[misc]
                ended = datetime.fromisoformat(json.loads(message.body)["timestamp"])
                seconds.append(time.time() - ended.timestamp())
    return Result(
        "webhooks",
        {
            "end_to_receiver_ms_median": round(median(seconds) * 1000, 1),
            "end_to_receiver_ms_max": round(max(seconds) * 1000, 1),
        },
        [Target("end_to_receiver_ms_max", "<=", 1000)],
    )
