"""How foreign fields become values: JSON, and texts of a query, a form or a header. Nothing is bent or guessed."""

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar, get_args

import pydantic_core
from pydantic import BaseModel, ValidationError

from wanserve.domain.errors import InvalidRequest
from wanserve.http.dialects.base import DialectRequest, FieldMissing

Body = TypeVar("Body", bound=BaseModel)

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
MAX_VALUES: Final = 1000
"""More commas, colons and brackets outside of texts are in no request, and take long to read."""

_STRUCTURE: Final = b",:[{"
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_WHOLE: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}
_UTF_8: Final = ("", "utf-8", "utf8", "us-ascii", "ascii")


def read_json(request: DialectRequest, shape: type[Body]) -> Body:
    """The body as `shape`, types unbent. Raises InvalidRequest that names the field by its path in the body."""
    content = unmarked(request.body)
    if not content.isascii() or b"\0" in content:
        require_utf_8(request.headers.get("content-type", ""), content, "body")
    try:
        # Two steps, so that NaN, half surrogates and bytes that are no UTF-8 are refused wherever they stand.
        return shape.model_validate(_parsed(content), strict=True)
    except ValidationError as error:
        raise _first_fault(error) from error
    except ValueError as error:
        raise InvalidRequest("body", f"must be JSON: {error}") from error


def read_fields(fields: Iterable[tuple[str, object]], shape: type[Body]) -> Body:
    """Fields that came as texts, of a query or a form, as `shape`. Raises InvalidRequest that names the field."""
    kinds, given = _kinds(shape), dict[str, object]()
    for name, value in fields:
        if name in given and name in kinds:
            raise InvalidRequest(name, "must stand once")
        given[name] = _value(name, value, kinds.get(name, str)) if isinstance(value, str) else value
    try:
        return shape.model_validate(given, strict=True)
    except ValidationError as error:
        raise _first_fault(error) from error


def whole_number(text: str) -> int | None:
    """The number that a text is: digits, perhaps with a minus before them; None where it is anything else."""
    return int(text) if _WHOLE.fullmatch(text) else None


def unmarked(content: bytes) -> bytes:
    """The bytes without the mark that some editors and shells put before UTF-8."""
    return content.removeprefix(BYTE_ORDER_MARK)


def charset(content_type: str) -> str:
    """The charset of a Content-Type in lower case, or empty where it names none."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""


def require_utf_8(content_type: str, content: bytes, field: str) -> None:
    """Raise InvalidRequest, naming the field, where the content is in another encoding than UTF-8."""
    named = charset(content_type)
    # What is ASCII is the same in nearly all of them; in UTF-16 and UTF-32 its letters have zeros between.
    if (
        b"\0" in content[:4]
        or content[:2] in (b"\xff\xfe", b"\xfe\xff")
        or (named not in _UTF_8 and not content.isascii())
    ):
        raise InvalidRequest(field, f"must be in UTF-8, and this is {named or 'another encoding'}")


def _parsed(content: bytes) -> object:
    """The JSON's value. Raises ValueError, also where a name stands twice in an object, or there are too many values."""
    if _structure(content) > MAX_VALUES and _structure(_STRING.sub(b"", content)) > MAX_VALUES:
        raise ValueError(f"it has more than {MAX_VALUES} values")
    value = pydantic_core.from_json(content, allow_inf_nan=False)
    # The parser keeps the last of equal names. Each name has a colon; only texts have more of them.
    if content.count(b":") != _names(value):
        json.loads(content, object_pairs_hook=_once_each)
    return value


def _structure(content: bytes) -> int:
    return len(content) - len(content.translate(None, _STRUCTURE))


def _names(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_names, value.values()))
    return sum(map(_names, value)) if isinstance(value, list) else 0


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in an object")
    return found


@lru_cache
def _kinds(shape: type[BaseModel]) -> Mapping[str, type]:
    """What each field's text is to be read as."""
    return {name: _kind(field.annotation) for name, field in shape.model_fields.items()}


def _kind(annotation: Any) -> type:
    choices = {annotation, *get_args(annotation)}
    return next((kind for kind in (bool, int, float) if kind in choices), str)


def _value(name: str, text: str, kind: type) -> object:
    if kind is bool:
        found: object = _TRUTHS.get(text.lower())
        if found is None:
            raise InvalidRequest(name, "must be true or false")
    elif kind is int:
        found = whole_number(text)
        if found is None:
            raise InvalidRequest(name, "must be an integer")
    elif kind is float:
        if not _DECIMAL.fullmatch(text):
            raise InvalidRequest(name, "must be a number")
        found = float(text)
    else:
        found = text
    return found


def _first_fault(error: ValidationError) -> InvalidRequest:
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"]) or "body"
    if first["type"] == "missing":
        return FieldMissing(path)
    rule = _RULES.get(first["type"])
    # Only ours are patterns: in the library's own words a brace may stand for itself.
    return InvalidRequest(path, rule.format(**first.get("ctx", {})) if rule else first["msg"])


_RULES: Final = {
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
}
