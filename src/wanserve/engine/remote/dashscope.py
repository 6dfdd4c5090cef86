"""DashScope's API as a client: the requests, and what its answers mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import httpx

from wanserve.domain.generation import Generation
from wanserve.engine.remote.answers import Answer, RemoteState, RemoteTask, Transient, text
from wanserve.models.upstream import Upstream

SUBMIT_PATH: Final = "/services/aigc/video-generation/video-synthesis"

NO_TASK: Final = "00000000-0000-4000-8000-000000000000"
"""The id of a task that does not exist: asking for it needs a valid key and changes nothing."""

_STATES: Final = {
    "PENDING": RemoteState.WAITING,
    "SUSPENDED": RemoteState.WAITING,
    "RUNNING": RemoteState.RUNNING,
    "SUCCEEDED": RemoteState.DONE,
    "FAILED": RemoteState.FAILED,
    "CANCELED": RemoteState.CANCELED,
    "UNKNOWN": RemoteState.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class DashScopeCodec:
    """See Codec."""

    upstream: Upstream

    def submit(self, generation: Generation, idempotency_key: str) -> httpx.Request:
        """See Codec. The length is not sent: these models make videos of one length, and the vendor's API refuses another."""
        prompts = {"prompt": generation.prompt}
        if generation.negative_prompt:
            prompts["negative_prompt"] = generation.negative_prompt
        body = {
            "model": self.upstream.models[generation.model],
            "input": prompts,
            "parameters": {
                "size": f"{generation.width}*{generation.height}",
                "seed": generation.seed,
                "prompt_extend": generation.prompt_extend,
                "watermark": generation.watermark,
            },
        }
        own = {"X-DashScope-Async": "enable", "Idempotency-Key": idempotency_key}
        return httpx.Request(
            "POST", f"{self.upstream.url}{SUBMIT_PATH}", headers=self.upstream.headers | own, json=body
        )

    def read_submitted(self, answer: Answer) -> RemoteTask:
        """See Codec."""
        return self.read_queried(answer)

    def query(self, task_id: str) -> httpx.Request:
        """See Codec."""
        return httpx.Request("GET", self._task(task_id), headers=self.upstream.headers)

    def read_queried(self, answer: Answer) -> RemoteTask:
        """See Codec. This API tells no progress."""
        output = answer.object().get("output")
        found = output if isinstance(output, dict) else {}
        state, task_id = _STATES.get(text(found.get("task_status"))), text(found.get("task_id"))
        if state is None or not task_id:
            raise Transient("its answer is not a task of DashScope's API")
        return RemoteTask(
            task_id,
            state,
            code=text(found.get("code")),
            message=text(found.get("message")),
            video_url=text(found.get("video_url")) or None,
            actual_prompt=text(found.get("actual_prompt")) or None,
        )

    def cancel(self, task_id: str) -> httpx.Request:
        """See Codec. The vendor cancels only what has not begun."""
        return httpx.Request("POST", f"{self._task(task_id)}/cancel", headers=self.upstream.headers)

    def content(self, task: RemoteTask) -> str:
        """See Codec."""
        if task.video_url is None:
            raise Transient("its task has SUCCEEDED without a video_url")
        return task.video_url

    def checks(self) -> Sequence[httpx.Request]:
        """See Codec."""
        page = httpx.Request("GET", f"{self.upstream.url}/tasks?page_size=1", headers=self.upstream.headers)
        return [self.query(NO_TASK), page]

    def read_check(self, answer: Answer) -> set[str] | None:
        """See Codec. This API has no list of models."""
        if not {"output", "request_id"} & answer.object().keys():
            raise Transient("its answer is not of DashScope's API")
        return None

    def _task(self, task_id: str) -> str:
        return f"{self.upstream.url}/tasks/{quote(task_id, safe='')}"
