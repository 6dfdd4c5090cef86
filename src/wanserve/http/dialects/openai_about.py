"""What the OpenAPI document says of OpenAI's dialect, with examples."""

from typing import Final

from wanserve.domain.catalog import MODELS
from wanserve.http.dialects.base import JsonObject, Unsupported
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

_TAG: Final = "openai"
_TEXT: Final = {"type": "string"}
_WHOLE: Final = {"type": "integer"}
_MAYBE: Final = {"type": ["integer", "null"], "description": "Seconds since 1970."}
_FORM: Final = "multipart/form-data"
_VIDEO_ID: Final = "video_19d8e7a6c6524f0e9a530f6f4a1e2b3c"
_IN_PATH: Final = in_path("video_id", _VIDEO_ID)

_ERROR: Final = obj(
    ["error"],
    {
        "error": obj(
            ["message", "type", "param", "code"],
            {
                "message": _TEXT,
                "type": _TEXT,
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        )
    },
)


def _refused(
    status: int, says: str, code: str, param: str | None = None, kind: str = "invalid_request_error"
) -> tuple[str, JsonObject]:
    error = {"message": says, "type": kind, "param": param, "code": code}
    return str(status), answer(_ERROR, {"error": error}, says)


_REFUSALS: Final = dict(
    (
        _refused(400, "A field is missing or breaks a rule; nothing was stored.", "invalid_value", "size"),
        _refused(401, "The key is missing, unknown or revoked.", "invalid_api_key"),
        _refused(429, "Too many requests a second, or videos waiting.", "rate_limit_exceeded", kind="requests"),
        _refused(500, "A fault of the server.", "server_error", kind="server_error"),
        _refused(503, "The task table cannot be read or written.", "server_error", kind="server_error"),
    )
)
_SUBMIT_REFUSALS: Final = _REFUSALS | dict((_refused(403, "The key may not use this model.", "model_denied"),))
_MISSING: Final = dict((_refused(404, "This account has no such video, or not yet what is asked of it.", "not_found"),))

_VIDEO: Final = obj(
    [
        "id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at", "prompt", "size",
        "seconds", "remixed_from_video_id", "error",
    ],
    {
        "id": {**_TEXT, "example": _VIDEO_ID},
        "object": {"const": "video"},
        "model": {**_TEXT, "description": "The model that makes it, whatever was asked for."},
        "status": {"type": "string", "enum": ["queued", "in_progress", "completed", "failed"]},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100, "description": "Never goes back."},
        "created_at": {**_WHOLE, "description": "Seconds since 1970."},
        "completed_at": _MAYBE,
        "expires_at": _MAYBE,
        "prompt": _TEXT,
        "size": _TEXT,
        "seconds": {**_TEXT, "description": "How long it plays."},
        "remixed_from_video_id": {"type": ["string", "null"]},
        "error": {"type": ["object", "null"], "properties": {"code": _TEXT, "message": _TEXT}},
    },
)  # fmt: skip

_EXAMPLE: Final = {
    "id": _VIDEO_ID,
    "object": "video",
    "model": "wanx2.1-t2v-turbo",
    "status": "in_progress",
    "progress": 33,
    "created_at": 1758941485,
    "completed_at": None,
    "expires_at": None,
    "prompt": "A kitten running in the moonlight",
    "size": "1280x720",
    "seconds": "5",
    "remixed_from_video_id": None,
    "error": None,
}

CREATE: Final[JsonObject] = operation(
    _TAG,
    "Create a video",
    {"200": answer(_VIDEO, _EXAMPLE | {"status": "queued", "progress": 0}), **_SUBMIT_REFUSALS},
    says="Accepts a video and answers at once; it is made later. input_reference is refused.",
    operationId="openaiCreateVideo",
    takes=body(
        obj(
            ["prompt"],
            {
                "prompt": PROMPT,
                "model": {
                    "type": ["string", "null"],
                    "description": f"One of {', '.join(MODELS)}. Left out, or one of the vendor's own: the server's default.",
                },
                "seconds": {"type": ["string", "null"], "enum": ["4", "5", None]},
                "size": sizes("x"),
                "negative_prompt": NEGATIVE_PROMPT,
                "seed": SEED,
                "prompt_extend": PROMPT_EXTEND,
                "watermark": WATERMARK,
                "n": ONE,
                **MAKING,
            },
        ),
        {
            "prompt": "A kitten running in the moonlight",
            "model": "wanx2.1-t2v-turbo",
            "size": "1280x720",
            "seconds": "5",
        },
        _FORM,
    ),
)

RETRIEVE: Final[JsonObject] = operation(
    _TAG,
    "Retrieve a video",
    {"200": answer(_VIDEO, _EXAMPLE), **_REFUSALS, **_MISSING},
    says="The header openai-poll-after-ms says when to ask again.",
    operationId="openaiRetrieveVideo",
    parameters=[_IN_PATH],
)

LIST: Final[JsonObject] = operation(
    _TAG,
    "List videos",
    {
        "200": answer(
            obj(
                ["object", "data", "first_id", "last_id", "has_more"],
                {
                    "object": {"const": "list"},
                    "data": {"type": "array", "items": _VIDEO},
                    "first_id": {"type": ["string", "null"]},
                    "last_id": {"type": ["string", "null"]},
                    "has_more": {"type": "boolean"},
                },
            ),
            {"object": "list", "data": [_EXAMPLE], "first_id": _VIDEO_ID, "last_id": _VIDEO_ID, "has_more": False},
        ),
        **_REFUSALS,
    },
    operationId="openaiListVideos",
    parameters=[
        in_query("limit", {"type": "integer", "minimum": 0, "maximum": 100, "default": 20}, "Videos on a page."),
        in_query("order", {"type": "string", "enum": ["asc", "desc"], "default": "desc"}, "By the time of the submit."),
        in_query("after", _TEXT, "The last video of the page before."),
    ],
)

DELETE: Final[JsonObject] = operation(
    _TAG,
    "Delete a video",
    {
        "200": answer(
            obj(["id", "object", "deleted"], {"id": _TEXT, "object": _TEXT, "deleted": {"type": "boolean"}}),
            {"id": _VIDEO_ID, "object": "video.deleted", "deleted": True},
        ),
        **_REFUSALS,
        **_MISSING,
    },
    says="One that is queued or in progress is canceled first.",
    operationId="openaiDeleteVideo",
    parameters=[_IN_PATH],
)

CONTENT: Final[JsonObject] = operation(
    _TAG,
    "Download a video, a picture of it or a sheet of pictures",
    {
        "200": {"description": "The file.", "content": {"video/mp4": {}, "image/webp": {}, "image/jpeg": {}}},
        "206": {"description": "A range of it."},
        "304": {"description": "Not changed."},
        "412": {"description": "The file is another version than If-Match names."},
        "416": {"description": "The range lies outside the file."},
        **_REFUSALS,
        **_MISSING,
    },
    says="HEAD, ranges and conditions are served.",
    operationId="openaiDownloadVideo",
    parameters=[
        _IN_PATH,
        in_query(
            "variant",
            {"type": "string", "enum": ["video", "thumbnail", "spritesheet"], "default": "video"},
            "MP4, WebP or JPEG.",
        ),
    ],
)

REMIX: Final[JsonObject] = operation(
    _TAG,
    "Make a video anew with another prompt",
    {
        "200": answer(_VIDEO, _EXAMPLE | {"status": "queued", "progress": 0, "remixed_from_video_id": _VIDEO_ID}),
        **_SUBMIT_REFUSALS,
        **_MISSING,
    },
    says="Model, size, length, seed and negative prompt are those of the first; the picture is made anew.",
    operationId="openaiRemixVideo",
    parameters=[_IN_PATH],
    takes=body(obj(["prompt"], {"prompt": PROMPT}), {"prompt": "A puppy running in the moonlight"}, _FORM),
)

_MODEL: Final = obj(
    ["id", "object", "created", "owned_by"], {"id": _TEXT, "object": _TEXT, "created": _WHOLE, "owned_by": _TEXT}
)
_MODEL_EXAMPLE: Final = {"id": "wan2.2-t2v-plus", "object": "model", "created": 1753660800, "owned_by": "wan"}

MODELS_LIST: Final[JsonObject] = operation(
    _TAG,
    "List the models",
    {
        "200": answer(
            obj(["object", "data"], {"object": {"const": "list"}, "data": {"type": "array", "items": _MODEL}}),
            {"object": "list", "data": [_MODEL_EXAMPLE]},
            "Those that this key may use.",
        ),
        **_REFUSALS,
    },
    operationId="openaiListModels",
)

MODEL: Final[JsonObject] = operation(
    _TAG,
    "Retrieve a model",
    {"200": answer(_MODEL, _MODEL_EXAMPLE), **_REFUSALS, **_MISSING},
    operationId="openaiRetrieveModel",
    parameters=[in_path("model", "wan2.2-t2v-plus")],
)


def unsupported(name: str, *parameters: JsonObject) -> JsonObject:
    """An operation of the vendor's that is answered with `unsupported`."""
    code = dict((_refused(400, "Not supported.", "unsupported"), _refused(404, "Not supported.", "unsupported")))
    return operation(_TAG, "Not supported", _REFUSALS | code, operationId=f"openai{name}", parameters=list(parameters))


def unsupported_operations(videos: str, characters: str) -> list[Unsupported]:
    """What the vendor has at these paths, and a model that makes videos from text alone has not."""
    no_edits = "this server makes videos from text: it does not edit or extend one"
    no_characters = "this server makes videos from text: it knows no characters"
    character = f"{characters}/{{character_id}}"
    return [
        Unsupported(method="POST", path=f"{videos}/edits", why=no_edits, about=unsupported("Edit")),
        Unsupported(method="POST", path=f"{videos}/extensions", why=no_edits, about=unsupported("Extend")),
        Unsupported(method="POST", path=characters, why=no_characters, about=unsupported("AddCharacter")),
        Unsupported(
            method="GET",
            path=character,
            why=no_characters,
            about=unsupported("Character", in_path("character_id", "char_1")),
        ),
    ]
