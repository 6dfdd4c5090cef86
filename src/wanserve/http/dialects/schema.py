"""The words in which every dialect's page of the OpenAPI document is written."""

from collections.abc import Mapping, Sequence
from typing import Final

from wanserve.domain.catalog import MODELS, TIERS, ModelCard, Size
from wanserve.domain.rules import NEGATIVE_PROMPT_CHARACTERS, PROMPT_CHARACTERS, SEED_MAX
from wanserve.http.dialects.base import JsonObject

PROMPT: Final = {
    "type": "string",
    "minLength": 1,
    "description": f"English or Chinese; cut at {PROMPT_CHARACTERS} characters.",
}
NEGATIVE_PROMPT: Final = {
    "type": ["string", "null"],
    "description": f"What to leave out; cut at {NEGATIVE_PROMPT_CHARACTERS} characters.",
}
SEED: Final = {
    "type": ["integer", "null"],
    "minimum": 0,
    "maximum": SEED_MAX,
    "description": "The same prompt, size and seed give the same video; drawn where it is left out.",
}
PROMPT_EXTEND: Final = {
    "type": ["boolean", "null"],
    "description": "Whether the prompt may be written out at more length; true where it is left out.",
}
WATERMARK: Final = {
    "type": ["boolean", "null"],
    "description": "Whether a text at the bottom right says that the video was generated; false where it is left out.",
}

_PAIR: Final = {
    "type": ["integer", "null"],
    "minimum": 1,
    "description": "Both of width and height, or neither: a size.",
}
_AS_MADE: Final = "What the model is made with, or left out."
MAKING: Final = {
    "width": _PAIR,
    "height": _PAIR,
    "resolution": {
        "type": ["string", "null"],
        "enum": [*TIERS, None],
        "description": "The model's landscape size of this tier.",
    },
    "num_frames": {"type": ["integer", "null"], "description": "A length that the model makes, in frames."},
    "fps": {"type": ["integer", "null"], "description": _AS_MADE},
    "num_inference_steps": {"type": ["integer", "null"], "description": _AS_MADE},
    "guidance_scale": {"type": ["number", "null"], "description": _AS_MADE},
}
"""What other servers' clients say of size and sampling."""

ONE: Final = {"type": ["integer", "null"], "enum": [1, None], "description": "One video a task."}


def sizes(between: str, but: Sequence[Size] = ()) -> JsonObject:
    """The field of a size, written with `between` its numbers; some are not for this dialect."""

    def texts(card: ModelCard) -> list[str]:
        return [f"{width}{between}{height}" for width, height in card.sizes if (width, height) not in but]

    return {
        "type": ["string", "null"],
        "enum": [*sorted({text for card in MODELS.values() for text in texts(card)}), None],
        "description": "; ".join(f"{card.name}: {', '.join(texts(card))}" for card in MODELS.values()),
    }


def obj(required: Sequence[str], properties: JsonObject) -> JsonObject:
    """An object with these fields."""
    return {"type": "object", "required": list(required), "properties": properties}


def answer(schema: JsonObject, example: JsonObject, says: str = "Done.") -> JsonObject:
    """A good answer, in JSON."""
    return {"description": says, "content": {"application/json": {"schema": schema, "example": example}}}


def body(schema: JsonObject, example: JsonObject, *kinds: str) -> JsonObject:
    """A request's body, in JSON and these other encodings."""
    content = {kind: {"schema": schema, "example": example} for kind in ("application/json", *kinds)}
    return {"required": True, "content": content}


def in_path(name: str, example: str) -> JsonObject:
    """A variable of the path."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": example}


def in_query(name: str, schema: JsonObject, says: str) -> JsonObject:
    """A parameter of the query that may be left out."""
    return {"name": name, "in": "query", "schema": schema, "description": says}


def operation(
    tag: str,
    summary: str,
    answers: Mapping[str, JsonObject],
    *,
    says: str = "",
    takes: JsonObject | None = None,
    **more: object,
) -> JsonObject:
    """One operation: what it `says`, the body that it `takes`, and `more` of OpenAPI's own keys."""
    about: dict[str, object] = {"tags": [tag], "summary": summary, **more}
    if says:
        about["description"] = says
    if takes is not None:
        about["requestBody"] = takes
    return about | {"responses": dict(answers)}
