"""Reads the answer of a moderation endpoint by OpenAI's API, strictly: what is anything else is no verdict."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Categories = Mapping[str, float | None]
"""The categories that refuse a text, each with the score from which it does; None: where the endpoint flags it."""

CATEGORIES_TOLD_MAX: Final = 8
"""So many categories of one text are told at most."""

_NAME: Final = re.compile(r"[\w/-]{1,64}", re.ASCII)


class NoAnswer(Exception):
    """The body is not an answer of this API. The message says why, and quotes nothing of it."""


class _Result(BaseModel):
    """What is said of one text. A category may be null where the endpoint does not look for it."""

    model_config = ConfigDict(strict=True)

    flagged: bool
    categories: dict[str, bool | None]
    category_scores: dict[str, Annotated[float, Field(ge=0, le=1)]]


class _Answer(BaseModel):
    """The answer, with a result for each text."""

    model_config = ConfigDict(strict=True)

    results: list[_Result]


def refusing(body: bytes, texts: int, wanted: Categories | None) -> Sequence[tuple[str, ...] | None]:
    """For each text the categories that refuse it, perhaps without a name; None where it passes. Raises NoAnswer.

    `wanted` None: what the endpoint flags is refused.
    """
    try:
        answer = _Answer.model_validate(json.loads(body.decode()))
    except (ValidationError, RecursionError) as error:
        raise NoAnswer("the answer is not one of a moderation endpoint") from error
    except ValueError as error:
        raise NoAnswer("the answer is not JSON in UTF-8") from error
    if len(answer.results) != texts:
        raise NoAnswer(f"the answer has {len(answer.results)} results for {texts} texts")
    return [_refusing(result, wanted) for result in answer.results]


def _refusing(result: _Result, wanted: Categories | None) -> tuple[str, ...] | None:
    if wanted is None:
        return _told(name for name, flagged in result.categories.items() if flagged) if result.flagged else None
    missing = next((name for name in wanted if name not in result.categories or name not in result.category_scores), "")
    if missing:
        raise NoAnswer(f"the answer has no category {missing}")
    found = [
        name
        for name, least in wanted.items()
        if (result.categories[name] if least is None else result.category_scores[name] >= least)
    ]
    return _told(found) if found else None


def _told(names: Iterable[str]) -> tuple[str, ...]:
    """The names that may be in an answer and in the log: the endpoint could write anything there."""
    return tuple(name for name in names if _NAME.fullmatch(name))[:CATEGORIES_TOLD_MAX]
