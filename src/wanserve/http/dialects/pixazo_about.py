"""What the OpenAPI document says of the document's own dialect, with the document's examples."""

from collections.abc import Sequence
from typing import Final

from wanserve.domain.catalog import DOCUMENT_480P, MODELS
from wanserve.http.dialects.base import JsonObject
from wanserve.http.dialects.schema import (
    MAKING,
    NEGATIVE_PROMPT,
    ONE,
    PROMPT,
    PROMPT_EXTEND,
    SEED,
    WATERMARK,
    answer,
    body,
    obj,
    sizes,
)

_TIME: Final = {"type": "string", "example": "2025-09-06 18:03:09.999", "description": "UTC+8, without a zone."}
_ID: Final = {"type": "string", "format": "uuid", "example": "19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c"}

_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {"type": "string", "description": "The document's text for the status."},
        "statusCode": {"type": "integer"},
        "message": {"type": "string", "description": "One line that names the field and the rule."},
        "code": {"type": "string", "description": "The vendor's own code for the case."},
        "request_id": {"type": "string"},
        "output": {"type": "object", "description": "For an unknown task: its id, and the status UNKNOWN."},
    },
}


def _refused(status: int, says: str, error: str) -> tuple[str, JsonObject]:
    content = {"application/json": {"schema": _ERROR, "example": {"error": error, "statusCode": status}}}
    return str(status), {"description": says, "content": content}


_REFUSALS: Final = dict(
    (
        _refused(400, "A field is missing or breaks a rule; nothing was stored.", "Invalid request parameters"),
        _refused(401, "The key is missing, unknown or revoked.", "Invalid or missing authentication"),
        _refused(403, "The key may not use this model.", "Access denied for this operation"),
        _refused(404, "No such path, or no such task for this account.", "Task not found"),
        _refused(
            429, "Too many requests a second, or too many tasks waiting.", "Rate limit exceeded, please retry later"
        ),
        _refused(500, "A fault of the server.", "An unexpected error occurred, please try again later"),
    )
)


def _task(required: Sequence[str], output: JsonObject, **more: JsonObject) -> JsonObject:
    """An answer about a task: its `output`, and what stands beside it."""
    task = obj(["task_id", "task_status", *required], {"task_id": _ID, **output})
    return obj(["request_id", "output"], {"request_id": _ID, "output": task, **more})


_PARAMETERS: Final = {
    "size": sizes("*"),
    "duration": {"type": ["integer", "null"], "enum": [5, None]},
    "n": ONE,
    "seed": SEED,
    "prompt_extend": PROMPT_EXTEND,
    "watermark": WATERMARK,
    **MAKING,
}

_SUBMIT_BODY: Final = obj(
    ["model", "input"],
    {
        "model": {"type": "string", "enum": list(MODELS)},
        "input": obj(["prompt"], {"prompt": PROMPT, "negative_prompt": NEGATIVE_PROMPT}),
        "parameters": {"type": ["object", "null"], "properties": _PARAMETERS},
    },
)

_RESULT: Final = {
    "task_status": {"type": "string", "enum": ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED"]},
    "submit_time": _TIME,
    "scheduled_time": _TIME,
    "end_time": _TIME,
    "video_url": {"type": "string", "format": "uri"},
    "orig_prompt": {"type": "string"},
    "actual_prompt": {"type": "string"},
    "code": {"type": "string", "description": "Why it FAILED."},
    "message": {"type": "string"},
}

_USAGE: Final = obj(
    ["video_duration", "video_ratio", "video_count"],
    {
        "video_duration": {"type": "integer", "description": "Seconds."},
        "video_ratio": {"type": "string", "description": "The size, in spite of its name."},
        "video_count": {"type": "integer"},
    },
)

SUBMIT: Final[JsonObject] = {
    "tags": ["pixazo"],
    "operationId": "generateTextToVideoRequest",
    "summary": "Generate text to video request",
    "description": "Accepts a task and answers its id; the video is made later. "
    f"Sizes beyond the document's own ({DOCUMENT_480P[0]}*{DOCUMENT_480P[1]} included) are the vendor's.",
    "requestBody": body(
        _SUBMIT_BODY,
        {
            "model": "wan2.2-t2v-plus",
            "input": {"prompt": "A kitten running in the moonlight", "negative_prompt": "flowers, people, text"},
            "parameters": {"size": "1920*1080"},
        },
    ),
    "responses": {
        "200": answer(
            _task([], {"task_status": {"type": "string"}}),
            {
                "request_id": "ae89146e-7d12-4c3b-8e1e-5d1c6b7f8a90",
                "output": {"task_id": _ID["example"], "task_status": "PENDING"},
            },
        ),
        **_REFUSALS,
    },
}

POLL: Final[JsonObject] = {
    "tags": ["pixazo"],
    "operationId": "getTextToVideoResult",
    "summary": "Get text to video result",
    "description": "The task's status, and once it has SUCCEEDED the link to its video.",
    "requestBody": body(
        obj(["task_id"], {"task_id": {"type": "string", "minLength": 1, "maxLength": 128}}),
        {"task_id": _ID["example"]},
    ),
    "responses": {
        "200": answer(
            _task(["submit_time"], _RESULT, usage=_USAGE),
            {
                "request_id": "9b07c1f1-8032-4b4e-a1de-6a3b0c9d8e7f",
                "output": {
                    "task_id": _ID["example"],
                    "task_status": "SUCCEEDED",
                    "submit_time": "2025-09-06 18:03:09.999",
                    "scheduled_time": "2025-09-06 18:03:10.017",
                    "end_time": "2025-09-06 18:04:56.637",
                    "video_url": "http://127.0.0.1:8000/files/videos/19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c/1.mp4?…",
                    "orig_prompt": "A kitten running in the moonlight",
                    "actual_prompt": "A kitten running in the moonlight",
                },
                "usage": {"video_duration": 5, "video_ratio": "1920*1080", "video_count": 1},
            },
        ),
        **_REFUSALS,
    },
}
