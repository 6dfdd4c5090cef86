"""OpenAI's videos API as a client: the requests, and what its answers mean."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import httpx

from wanserve.domain.generation import Generation
from wanserve.engine.remote.answers import Answer, RemoteState, RemoteTask, Transient, number, text
from wanserve.models.upstream import BodyFormat, Upstream

POLL_HEADER: Final = "openai-poll-after-ms"

_STATES: Final = {
    "queued": RemoteState.WAITING,
    "pending": RemoteState.WAITING,
    "in_progress": RemoteState.RUNNING,
    "processing": RemoteState.RUNNING,
    "running": RemoteState.RUNNING,
    "completed": RemoteState.DONE,
    "succeeded": RemoteState.DONE,
    "failed": RemoteState.FAILED,
    "cancelled": RemoteState.CANCELED,
    "canceled": RemoteState.CANCELED,
    "deleted": RemoteState.UNKNOWN,
    "expired": RemoteState.UNKNOWN,
}
"""OpenAI has four of these; other servers of this shape have more."""

_CANCELED_CODES: Final = ("cancelled", "canceled")


@dataclass(frozen=True, slots=True)
class OpenAICodec:
    """See Codec."""

    upstream: Upstream

    def submit(self, generation: Generation, idempotency_key: str) -> httpx.Request:
        """See Codec."""
        fields = _fields(generation, self.upstream)
        headers = self.upstream.headers | {"Idempotency-Key": idempotency_key}
        url = f"{self.upstream.url}/videos"
        if self.upstream.body is BodyFormat.FORM:
            parts = {
                name: (None, value if isinstance(value, str) else json.dumps(value)) for name, value in fields.items()
            }
            return httpx.Request("POST", url, headers=headers, files=parts)
        return httpx.Request("POST", url, headers=headers, json=fields)

    def read_submitted(self, answer: Answer) -> RemoteTask:
        """See Codec."""
        return self.read_queried(answer)

    def query(self, task_id: str) -> httpx.Request:
        """See Codec."""
        return httpx.Request("GET", self._video(task_id), headers=self.upstream.headers)

    def read_queried(self, answer: Answer) -> RemoteTask:
        """See Codec."""
        video = answer.object()
        state, task_id = _STATES.get(text(video.get("status"))), text(video.get("id"))
        if state is None or not task_id:
            raise Transient("its answer is not a video of OpenAI's API")
        error = video.get("error")
        reason = error if isinstance(error, dict) else {"message": error}
        code = text(reason.get("code"))
        if state is RemoteState.FAILED and code in _CANCELED_CODES:
            state = RemoteState.CANCELED
        percent, poll_ms = number(video.get("progress")), number(answer.headers.get(POLL_HEADER))
        return RemoteTask(
            task_id,
            state,
            progress=None if percent is None else min(max(percent / 100, 0.0), 1.0),
            code=code,
            message=text(reason.get("message")),
            poll_after_s=None if poll_ms is None else poll_ms / 1000,
        )

    def cancel(self, task_id: str) -> httpx.Request:
        """See Codec. A delete is the only way in this API to end a video that is being made."""
        return httpx.Request("DELETE", self._video(task_id), headers=self.upstream.headers)

    def content(self, task: RemoteTask) -> str:
        """See Codec."""
        return f"{self._video(task.id)}/content"

    def checks(self) -> Sequence[httpx.Request]:
        """See Codec. Some servers have no list of models."""
        urls = f"{self.upstream.url}/models", f"{self.upstream.url}/videos?limit=1"
        return [httpx.Request("GET", url, headers=self.upstream.headers) for url in urls]

    def read_check(self, answer: Answer) -> set[str] | None:
        """See Codec."""
        body = answer.object()
        found = body.get("data", [] if "error" in body else None)
        if not isinstance(found, list):
            raise Transient("its answer is not a list of OpenAI's API")
        names = {text(each.get("id")) for each in found if isinstance(each, dict) and each.get("object") == "model"}
        return names or None

    def _video(self, task_id: str) -> str:
        return f"{self.upstream.url}/videos/{quote(task_id, safe='')}"


def _fields(generation: Generation, upstream: Upstream) -> dict[str, object]:
    """The fields of a create: OpenAI's own, then those of other servers of this shape where they are wanted."""
    fields: dict[str, object] = {
        "model": upstream.models[generation.model],
        "prompt": generation.prompt,
        "size": f"{generation.width}x{generation.height}",
        "seconds": str(round(generation.seconds)),
    }
    if upstream.extensions:
        fields |= {
            "seed": generation.seed,
            "prompt_extend": generation.prompt_extend,
            "watermark": generation.watermark,
        }
        if generation.negative_prompt:
            fields["negative_prompt"] = generation.negative_prompt
    if upstream.frames:
        fields |= {"num_frames": generation.frames, "fps": generation.fps}
    return fields
