"""Answers of moderation endpoints: which texts they refuse, and that anything but the API's own form is no verdict."""

import json
from typing import Any

import pytest

from wanserve.prompts.moderation_answer import CATEGORIES_TOLD_MAX, NoAnswer, refusing

CALM = {
    "flagged": False,
    "categories": {"hate": False, "violence": False},
    "category_scores": {"hate": 0, "violence": 1e-5},
}
CRUEL = {
    "flagged": True,
    "categories": {"hate": False, "violence": True},
    "category_scores": {"hate": 0.1, "violence": 0.9},
}
"""As OpenAI's API answers, with fewer categories."""


def body(*results: object, **more: object) -> bytes:
    return json.dumps({"id": "modr-1", "model": "omni-moderation-latest", "results": list(results)} | more).encode()


def changed(**parts: object) -> bytes:
    return body(CALM | parts)


def test_without_settings_what_is_flagged_is_refused_with_its_categories() -> None:
    assert refusing(body(CALM, CRUEL), 2, None) == [None, ("violence",)]
    unnamed = CALM | {"flagged": True}
    assert refusing(body(unnamed), 1, None) == [()]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"violence": 0.9}, ("violence",)),
        ({"violence": 0.91}, None),
        ({"violence": None}, ("violence",)),
        ({"hate": None}, None),
        ({"hate": 0.1, "violence": 0.5}, ("hate", "violence")),
        ({"hate": 0.2}, None),
    ],
)
def test_a_category_refuses_from_its_score_on_or_where_it_is_flagged(
    wanted: dict[str, float | None], found: tuple[str, ...] | None
) -> None:
    assert refusing(body(CRUEL), 1, wanted) == [found]


def test_a_category_that_the_endpoint_does_not_look_for_refuses_nothing() -> None:
    null = CALM | {"categories": {"hate": False, "violence": None}}
    assert refusing(body(null), 1, None) == [None]
    assert refusing(body(null), 1, {"violence": None}) == [None]


def test_names_that_are_none_are_not_told() -> None:
    names = {"a prompt, repeated": True, "x" * 65: True, "s\u00e9xual": True, "self-harm/intent": True}
    found = refusing(changed(flagged=True, categories=names, category_scores={}), 1, None)
    assert found == [("self-harm/intent",)]
    many = {f"c{number}": True for number in range(100)}
    (told,) = refusing(changed(flagged=True, categories=many, category_scores={}), 1, None)
    assert told is not None
    assert len(told) == CATEGORIES_TOLD_MAX


def nested() -> bytes:
    return b'{"results":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"<html>", b"\xff", b"null", b"[]", b"1", b"{}", b'{"results": null}', b'{"results": {}}', b'{"results": [null]}',
        b'{"error": {"message": "no"}}', nested(),
        body(), body(CALM, CALM), body(CALM, CRUEL, CALM),
        changed(flagged=None), changed(flagged=0), changed(flagged="false"), changed(flagged=1),
        changed(categories=None), changed(categories=["hate"]), changed(categories={"hate": "no"}), changed(categories={"hate": 0}),
        changed(category_scores=None), changed(category_scores={"hate": True}), changed(category_scores={"hate": "0.1"}),
        changed(category_scores={"hate": -0.1}), changed(category_scores={"hate": 1.1}), changed(category_scores={"hate": None}),
        changed(category_scores={"hate": float("nan")}), changed(category_scores={"hate": float("inf")}),
        *(body({name: value for name, value in CALM.items() if name != left_out}) for left_out in CALM),
    ],
)  # fmt: skip
def test_nonsense_is_no_verdict(answer: bytes) -> None:
    with pytest.raises(NoAnswer) as none:
        refusing(answer, 1, None)
    assert "\n" not in str(none.value)


@pytest.mark.parametrize("part", ["categories", "category_scores"])
def test_an_answer_without_a_category_of_the_settings_is_no_verdict(part: str) -> None:
    without: dict[str, Any] = {name: value for name, value in CALM[part].items() if name != "hate"}  # type: ignore[attr-defined]
    with pytest.raises(NoAnswer, match="the answer has no category hate"):
        refusing(changed(**{part: without}), 1, {"hate": 0.5})
