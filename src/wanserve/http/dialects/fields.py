"""The fields that the requests of every dialect have, each with what the OpenAPI document says of it.

A bound in `json_schema_extra` is documented here and enforced by `domain/rules.py`, whose message the client gets.
"""

from collections.abc import Iterable, Sequence
from typing import Annotated

from pydantic import Field
from pydantic.fields import FieldInfo

from wanserve.domain.catalogue import MODELS, ModelCard, Size
from wanserve.domain.rules import NEGATIVE_PROMPT_CHARACTERS, PROMPT_CHARACTERS, SEED_MAX

Prompt = Annotated[
    str,
    Field(
        description=f"English or Chinese; cut at {PROMPT_CHARACTERS} characters.",
        json_schema_extra={"minLength": 1},
    ),
]
NegativePrompt = Annotated[
    str | None, Field(description=f"What to leave out; cut at {NEGATIVE_PROMPT_CHARACTERS} characters.")
]
Seed = Annotated[
    int | None,
    Field(
        description="The same prompt, size and seed give the same video. Without it, the server draws one.",
        json_schema_extra={"minimum": 0, "maximum": SEED_MAX},
    ),
]
PromptExtend = Annotated[
    bool | None, Field(description="Whether the prompt may be rewritten at more length. The default is true.")
]
Watermark = Annotated[
    bool | None,
    Field(description="Whether a text at the bottom right says that the video was generated. The default is false."),
]
WebhookUrl = Annotated[
    str | None,
    Field(description="A URL that is told how the video ends, as a signed webhook. https://, and no private address."),
]


def one_of(values: Iterable[str | int], description: str = "") -> FieldInfo:
    """A field with these values, or null; they are documented here and enforced elsewhere."""
    field: FieldInfo = Field(description=description or None, json_schema_extra={"enum": [*values, None]})
    return field


Count = Annotated[int | None, one_of([1], "One video a task.")]


def size_field(separator: str, hidden: Sequence[Size] = ()) -> FieldInfo:
    """A field for a size, written with `separator` between its numbers, without the sizes that the dialect does not have."""

    def texts(card: ModelCard) -> list[str]:
        return [f"{width}{separator}{height}" for width, height in card.sizes if (width, height) not in hidden]

    return one_of(
        sorted({text for card in MODELS.values() for text in texts(card)}),
        "; ".join(f"{card.name}: {', '.join(texts(card))}" for card in MODELS.values()),
    )
