"""JSON and texts become fields without guessing: what two readers might read differently is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from starlette.datastructures import Headers, QueryParams

from wanserve.domain.errors import InvalidRequest
from wanserve.http.dialects.base import DialectRequest
from wanserve.http.dialects.reading import MAX_VALUES, parse_integer, read_fields, read_json


class Inner(BaseModel):
    model_config = ConfigDict(extra="allow")
    text: str | None = None


class Body(BaseModel):
    model_config = ConfigDict(extra="allow")
    number: int | None = None
    share: float | None = None
    yes: bool | None = None
    text: str | None = None
    inner: Inner | None = None


def request(body: bytes, content_type: str = "application/json") -> DialectRequest:
    return DialectRequest(Headers({"content-type": content_type}), QueryParams(), {}, body)


def refused(body: bytes, content_type: str = "application/json") -> InvalidRequest:
    with pytest.raises(InvalidRequest) as error:
        read_json(request(body, content_type), Body)
    return error.value


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from("abcdefg"), VALUES, max_size=5))
def test_every_json_object_is_read_as_python_reads_it(content: dict[str, Any]) -> None:
    for body in (json.dumps(content), json.dumps(content, ensure_ascii=False, indent=1)):
        assert read_json(request(body.encode()), Body).model_extra == content


def test_a_byte_order_mark_and_a_charset_in_quotes_are_understood() -> None:
    body = "\ufeff" + '{"text": "猫"}'
    assert read_json(request(body.encode(), 'application/json; charset="UTF-8"'), Body).text == "猫"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"number": "5"}', "number"),
        (b'{"number": 5.0}', "number"),
        (b'{"number": true}', "number"),
        (b'{"yes": 1}', "yes"),
        (b'{"share": "0.5"}', "share"),
        (b'{"text": 5}', "text"),
        (b'{"inner": {"text": []}}', "inner.text"),
        (b"[]", "body"),
        (b'"text"', "body"),
        (b"", "body"),
        (b'{"number": NaN}', "body"),
        (b'{"number": Infinity}', "body"),
        (b'{"text": "\\ud800"}', "body"),
        (b'{"text": "\xff"}', "body"),
        (b'{"number": 5,}', "body"),
        (b'{"number": 05}', "body"),
        (b"{'number': 5}", "body"),
        (b'{"number": 5} x', "body"),
    ],
)
def test_a_value_of_another_type_or_no_json_is_refused_by_its_path(body: bytes, field: str) -> None:
    assert refused(body).field == field


@pytest.mark.parametrize(
    "body",
    [
        b'{"number": 5, "number": 6}',
        b'{"inner": {"text": "a", "text": "a"}}',
        b'{"other": [{"a": 1, "a": 1}]}',
        b'{"a": 1, "\\u0061": 2}',
    ],
)
def test_a_name_that_is_twice_in_an_object_is_refused(body: bytes) -> None:
    assert "twice" in refused(body).problem


def test_a_colon_in_a_text_is_no_name() -> None:
    assert read_json(request(b'{"text": ":::", "inner": {"text": "a:b"}}'), Body).text == ":::"


@pytest.mark.parametrize("values", [MAX_VALUES, 40 * MAX_VALUES])
def test_more_values_than_any_request_has_are_refused_before_they_are_parsed(values: int) -> None:
    assert str(MAX_VALUES) in refused(b'{"a": [' + b"0," * values + b"0]}").problem


def test_structure_inside_of_a_text_does_not_count_as_values() -> None:
    text = "[,:{" * MAX_VALUES
    assert read_json(request(json.dumps({"text": text}).encode()), Body).text == text


@pytest.mark.parametrize(
    ("text", "encoding", "content_type"),
    [
        ('{"text": "猫"}', "utf-16", "application/json"),
        ('{"text": "a"}', "utf-16-le", "application/json"),
        ('{"text": "a"}', "utf-32-be", "application/json"),
        ('{"text": "ä"}', "latin-1", "application/json; charset=iso-8859-1"),
    ],
)
def test_another_encoding_than_utf_8_is_refused(text: str, encoding: str, content_type: str) -> None:
    error = refused(text.encode(encoding), content_type)
    assert (error.field, "UTF-8" in error.problem) == ("body", True)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("True", True), ("FALSE", False), ("0", False)])
def test_a_boolean_in_a_text_has_any_case(text: str, *, value: bool) -> None:
    assert read_fields([("yes", text)], Body).yes is value


def test_texts_become_what_their_fields_are() -> None:
    given = [("number", "-5"), ("share", "0.25"), ("yes", "1"), ("text", "5"), ("unknown", "+5")]
    assert read_fields(given, Body) == Body.model_validate(
        {"number": -5, "share": 0.25, "yes": True, "text": "5", "unknown": "+5"}
    )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("number", text) for text in ("", "+5", "1_0", " 5", "5 ", "5.0", "٥", "0x5", "5e3", "9" * 19, "true")),
        *(("share", text) for text in ("", "+0.5", ".5", "5.", "1e3", "nan", "inf", "٥", "1_0")),
        *(("yes", text) for text in ("", "yes", "t", "on", "2", "null")),
    ],
)
def test_a_text_that_is_no_value_of_its_field_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        read_fields([(name, text)], Body)
    assert error.value.field == name


def test_a_known_field_stands_once_and_an_unknown_one_does_not_matter() -> None:
    with pytest.raises(InvalidRequest, match="number"):
        read_fields([("number", "5"), ("number", "5")], Body)
    assert read_fields([("other", "a"), ("other", "b")], Body).model_extra == {"other": "b"}


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_every_integer_of_18_digits_is_parsed(number: int) -> None:
    assert parse_integer(str(number)) == number
