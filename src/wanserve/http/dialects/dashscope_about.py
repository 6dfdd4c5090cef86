"""What the OpenAPI document says of DashScope's dialect, with examples."""

from typing import Final

from wanserve.domain.catalog import DOCUMENT_480P, MODELS
from wanserve.domain.task import State
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
    in_path,
    in_query,
    obj,
    operation,
    sizes,
)

_TAG: Final = "dashscope"
_TEXT: Final = {"type": "string"}
_WHOLE: Final = {"type": "integer"}
_TIME: Final = {"type": "string", "example": "2025-09-06 18:03:09.999", "description": "UTC+8, without a zone."}
_MILLISECONDS: Final = {"type": "integer", "description": "Milliseconds since 1970."}
_TASK: Final = "0385dc79-5ff8-4d82-bcb6-6f0e54f3a1b2"
_REQUEST: Final = "4909100c-7b5a-9f92-bfe5-2f1d6c0a9b8e"
_ID: Final = {"type": "string", "example": _TASK, "description": "A UUID; of an unknown task whatever was asked for."}
_STATUS: Final = {"type": "string", "enum": [*State, "UNKNOWN"]}
_MODELS: Final = [*MODELS, "wan2.1-t2v-turbo", "wan2.1-t2v-plus"]

_ERROR: Final = obj(
    ["code", "message", "request_id"],
    {"code": _TEXT, "message": {**_TEXT, "description": "The vendor's text, the field, the rule."}, "request_id": _ID},
)


def _refused(status: int, says: str, code: str, message: str) -> tuple[str, JsonObject]:
    return str(status), answer(_ERROR, {"code": code, "message": message, "request_id": _REQUEST}, says)


_REFUSALS: Final = dict(
    (
        _refused(
            400, "A field is missing or breaks a rule; nothing was stored.", "InvalidParameter", "Model not exist."
        ),
        _refused(401, "The key is missing, unknown or revoked.", "InvalidApiKey", "No API-key provided."),
        _refused(429, "Too many requests a second.", "Throttling.RateQuota", "Requests rate limit exceeded, …"),
        _refused(500, "A fault of the server.", "InternalError", "An internal error has occured, …"),
        _refused(503, "The task table cannot be read or written.", "ModelUnavailable", "Model is unavailable, …"),
    )
)
_SUBMIT_REFUSALS: Final = _REFUSALS | dict(
    (
        _refused(
            403,
            "The key may not use this model, or the header X-DashScope-Async is missing.",
            "AccessDenied",
            "current user api does not support synchronous calls.",
        ),
        _refused(
            429,
            "Too many requests a second, or tasks waiting.",
            "Throttling.AllocationQuota",
            "Allocated quota exceeded, …",
        ),
    )
)

_PARAMETERS: Final = {
    "size": sizes("*", but=[DOCUMENT_480P]),
    "duration": {"type": ["integer", "null"], "enum": [5, None]},
    "n": ONE,
    "seed": SEED,
    "prompt_extend": PROMPT_EXTEND,
    "watermark": WATERMARK,
    **MAKING,
}

_OUTPUT: Final = obj(
    ["task_id", "task_status"],
    {
        "task_id": _ID,
        "task_status": _STATUS,
        "submit_time": _TIME,
        "scheduled_time": _TIME,
        "end_time": _TIME,
        "video_url": {"type": "string", "format": "uri"},
        "orig_prompt": _TEXT,
        "actual_prompt": {**_TEXT, "description": "What was drawn; absent where prompt_extend is false."},
        "code": {**_TEXT, "description": "Why it FAILED."},
        "message": _TEXT,
    },
)

_USAGE: Final = obj(
    ["video_duration", "video_ratio", "video_count"],
    {
        "video_duration": {**_WHOLE, "description": "Seconds."},
        "video_ratio": {**_TEXT, "description": "The size, in spite of its name."},
        "video_count": _WHOLE,
    },
)

_ROW: Final = obj(
    ["task_id", "status", "model_name", "gmt_create"],
    {
        "task_id": _ID,
        "status": _STATUS,
        "model_name": _TEXT,
        **dict.fromkeys(("gmt_create", "start_time", "end_time"), _MILLISECONDS),
        **dict.fromkeys(("api_key_id", "caller_parent_id", "caller_uid", "region", "request_id"), _TEXT),
        "user_api_unique_key": _TEXT,
    },
)

SUBMIT: Final[JsonObject] = operation(
    _TAG,
    "Submit a text-to-video task",
    {
        "200": answer(
            obj(["request_id", "output"], {"request_id": _ID, "output": _OUTPUT}),
            {"output": {"task_status": "PENDING", "task_id": _TASK}, "request_id": _REQUEST},
        ),
        **_SUBMIT_REFUSALS,
    },
    says="Accepts a task and answers its id; the video is made later. Fields that are not named here are ignored.",
    operationId="dashscopeSubmit",
    parameters=[
        {
            "name": "X-DashScope-Async",
            "in": "header",
            "required": True,
            "schema": {"type": "string", "enum": ["enable"]},
        }
    ],
    takes=body(
        obj(
            ["model", "input"],
            {
                "model": {"type": "string", "enum": _MODELS},
                "input": obj(["prompt"], {"prompt": PROMPT, "negative_prompt": NEGATIVE_PROMPT}),
                "parameters": {"type": ["object", "null"], "properties": _PARAMETERS},
            },
        ),
        {
            "model": "wan2.2-t2v-plus",
            "input": {"prompt": "A kitten running in the moonlight"},
            "parameters": {"size": "832*480", "prompt_extend": True, "watermark": False},
        },
    ),
)

QUERY: Final[JsonObject] = operation(
    _TAG,
    "Query a task",
    {
        "200": answer(
            obj(["request_id", "output"], {"request_id": _ID, "output": _OUTPUT, "usage": _USAGE}),
            {
                "request_id": _REQUEST,
                "output": {
                    "task_id": _TASK,
                    "task_status": "SUCCEEDED",
                    "submit_time": "2025-09-06 18:03:09.999",
                    "scheduled_time": "2025-09-06 18:03:10.017",
                    "end_time": "2025-09-06 18:04:56.637",
                    "video_url": f"http://127.0.0.1:8000/files/videos/{_TASK}/1.mp4?…",
                    "orig_prompt": "A kitten running in the moonlight",
                    "actual_prompt": "A kitten running in the moonlight",
                },
                "usage": {"video_duration": 5, "video_ratio": "832*480", "video_count": 1},
            },
            "The task; one that is unknown, another account's or past its retention has the status UNKNOWN.",
        ),
        **_REFUSALS,
    },
    operationId="dashscopeQuery",
    parameters=[in_path("task_id", _TASK)],
)

CANCEL: Final[JsonObject] = operation(
    _TAG,
    "Cancel a task that is PENDING",
    {"200": answer(obj(["request_id"], {"request_id": _ID}), {"request_id": _REQUEST}), **_REFUSALS},
    says="Whatever is not PENDING, and what is unknown, is 400 UnsupportedOperation.",
    operationId="dashscopeCancel",
    parameters=[in_path("task_id", _TASK)],
)

LIST: Final[JsonObject] = operation(
    _TAG,
    "List tasks",
    {
        "200": answer(
            obj(
                ["total", "data", "tasks", "total_page", "page_no", "page_size", "request_id"],
                {
                    **dict.fromkeys(("total", "total_page", "page_no", "page_size"), _WHOLE),
                    "data": {"type": "array", "items": _ROW, "description": "As the vendor's page has it."},
                    "tasks": {
                        "type": "array",
                        "items": _OUTPUT,
                        "description": "The same, as its SDK of 2026 reads it.",
                    },
                    "request_id": _ID,
                },
            ),
            {
                "total": 1,
                "data": [
                    {
                        "api_key_id": "default",
                        "caller_parent_id": "default",
                        "caller_uid": "default",
                        "gmt_create": 1745568428109,
                        "model_name": "wanx2.1-t2v-turbo",
                        "region": "local",
                        "request_id": _TASK,
                        "start_time": 1745568428138,
                        "status": "RUNNING",
                        "task_id": _TASK,
                        "user_api_unique_key": "apikey:v1:aigc:text2video:video-synthesis:wanx2.1-t2v-turbo",
                    }
                ],
                "tasks": [
                    {
                        "task_id": _TASK,
                        "task_status": "RUNNING",
                        "submit_time": "2025-04-25 16:07:08.109",
                        "scheduled_time": "2025-04-25 16:07:08.138",
                    }
                ],
                "total_page": 1,
                "page_no": 1,
                "page_size": 10,
                "request_id": _REQUEST,
            },
        ),
        **_REFUSALS,
    },
    says="Newest first; without times, those of the last 24 hours.",
    operationId="dashscopeList",
    parameters=[
        in_query("task_id", _TEXT, "Only this task, whatever else is asked for."),
        in_query("start_time", _TEXT, "YYYYMMDDhhmmss, in UTC+8."),
        in_query("end_time", _TEXT, "YYYYMMDDhhmmss, in UTC+8; at most 24 hours after start_time."),
        in_query("model_name", _TEXT, "Only tasks of this model."),
        in_query(
            "status", {"type": "string", "enum": [*_STATUS["enum"], "SUSPENDED", ""]}, "Only tasks in this state."
        ),
        in_query("page_no", {"type": "integer", "minimum": 1, "maximum": 1_000_000, "default": 1}, "Which page."),
        in_query("page_size", {"type": "integer", "minimum": 1, "maximum": 100, "default": 10}, "Tasks on a page."),
    ],
)

OTHER_SERVICE: Final[JsonObject] = operation(
    _TAG,
    "Any other of the vendor's services",
    {key: value for key, value in _REFUSALS.items() if key in {"400", "401", "429", "500"}},
    says="Not served: 400 InvalidParameter.",
    operationId="dashscopeOther",
    parameters=[in_path("service", "aigc/image2video/video-synthesis")],
)
