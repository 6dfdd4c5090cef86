"""A task in each of its states, from which the OpenAPI document's examples of answers are made."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from wanserve.domain.generation import Generation
from wanserve.domain.marks import MadeFile
from wanserve.domain.search import Found, Search
from wanserve.domain.task import Failure, State, Task, Video
from wanserve.domain.webhooks import EventType, WebhookEndpoint
from wanserve.http.dialects.base import AnswerContext

TASK_ID: Final = "19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c"
PROMPT: Final = "A kitten running in the moonlight"
_SUBMITTED_MS: Final = round(datetime(2025, 9, 6, 10, 3, 9, 999_000, tzinfo=UTC).timestamp() * 1000)
_KEY: Final = f"videos/{TASK_ID}/1.mp4"

PENDING: Final = Task(
    TASK_ID,
    "default",
    Generation("wanx2.1-t2v-turbo", PROMPT, "", 1280, 720, frames=150, fps=30, seed=7, prompt_extend=True),
    _SUBMITTED_MS,
)
RUNNING: Final = replace(PENDING, state=State.RUNNING, attempt=1, progress=0.33, started_ms=_SUBMITTED_MS + 18)
SUCCEEDED: Final = replace(
    RUNNING,
    state=State.SUCCEEDED,
    progress=1.0,
    ended_ms=_SUBMITTED_MS + 106_638,
    video=Video(_KEY, 1_234_567, "animatic"),
)
FAILED: Final = replace(
    RUNNING,
    state=State.FAILED,
    ended_ms=_SUBMITTED_MS + 9_000,
    failure=Failure("engine_failed", "the engine cannot make this video"),
)
CANCELED: Final = replace(PENDING, state=State.CANCELED, ended_ms=_SUBMITTED_MS + 5_000)
TASKS: Final = (PENDING, RUNNING, SUCCEEDED, FAILED, CANCELED)
FOUND: Final = Found(Search(limit=10, counted=True), [RUNNING], more=False, total=1)

MADE: Final = MadeFile(TASK_ID, "default", "mp4", "wanx2.1-t2v-turbo", "animatic", _SUBMITTED_MS + 106_638)

WEBHOOK: Final = WebhookEndpoint(
    "we_0f6f4a1e2b3c9a53",
    "default",
    "https://hooks.example/wan",
    (EventType.COMPLETED, EventType.FAILED),
    "whsec_bm90IGEgcmVhbCBzZWNyZXQsIGJ1dCBhbiBleGFtcGxl",
    _SUBMITTED_MS,
)

CONTEXT: Final = AnswerContext("4909100c-7b5a-4f92-bfe5-2f1d6c0a9b8e")
WITH_VIDEO: Final = replace(CONTEXT, video_url=f"http://127.0.0.1:8000/files/{_KEY}?expires=1757239496&signature=…")
