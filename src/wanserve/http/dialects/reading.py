"""Parses JSON bodies, and the texts of queries and forms, into pydantic models. No value is coerced or guessed."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, TypeVar, get_args

import pydantic_core
from pydantic import BaseModel, ValidationError

from wanserve.domain.errors import InvalidRequest
from wanserve.http.dialects.base import DialectRequest, FieldMissing

Model = TypeVar("Model", bound=BaseModel)

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
MAX_VALUES: Final = 1000
"""How many commas, colons and brackets a JSON body may have outside of strings: no request needs so many, and they are slow
to parse."""

_STRUCTURE: Final = b",:[{"
_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_WHOLE: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_DECIMAL: Final = re.compile(r"-?\d{1,18}(\.\d{1,18})?", re.ASCII)
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}
_UTF_8: Final = ("", "utf-8", "utf8", "us-ascii", "ascii")


def read_json(request: DialectRequest, model: type[Model]) -> Model:
    """Parse the JSON body as `model`, strictly. Raises InvalidRequest with the path of the field in the body."""
    content = strip_bom(request.body)
    if not content.isascii() or b"\0" in content:
        require_utf_8(request.headers.get("content-type", ""), content, "body")
    try:
        # In two steps, so that NaN, lone surrogates and invalid UTF-8 are refused anywhere in the body.
        return model.model_validate(parse_json(content), strict=True)
    except ValidationError as error:
        raise _first_error(error) from error
    except ValueError as error:
        raise InvalidRequest("body", f"must be JSON: {error}") from error


def read_fields(fields: Iterable[tuple[str, object]], model: type[Model]) -> Model:
    """Parse the fields of a query or a form, which are texts, as `model`. Raises InvalidRequest with the field."""
    kinds, given = _kinds(model), dict[str, object]()
    for name, value in fields:
        if name in given and name in kinds:
            raise InvalidRequest(name, "must stand once")
        given[name] = _parse_texts(name, value, kinds.get(name, str), model)
    try:
        return model.model_validate(given, strict=True)
    except ValidationError as error:
        raise _first_error(error) from error


def parse_integer(text: str) -> int | None:
    """Parse an integer: digits, perhaps after a minus; None for any other text."""
    return int(text) if _WHOLE.fullmatch(text) else None


def strip_bom(content: bytes) -> bytes:
    """The content without the byte order mark that some editors and shells put before UTF-8."""
    return content.removeprefix(BYTE_ORDER_MARK)


def charset(content_type: str) -> str:
    """The charset of a Content-Type in lower case; empty where it has none."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""


def require_utf_8(content_type: str, content: bytes, field: str) -> None:
    """Raise InvalidRequest for the field where the content is in another encoding than UTF-8."""
    named = charset(content_type)
    # ASCII is the same in nearly all encodings, except UTF-16 and UTF-32, which have zeros between the letters.
    if (
        b"\0" in content[:4]
        or content[:2] in (b"\xff\xfe", b"\xfe\xff")
        or (named not in _UTF_8 and not content.isascii())
    ):
        raise InvalidRequest(field, f"must be in UTF-8, and this is {named or 'another encoding'}")


def parse_json(content: bytes) -> object:
    """Parse JSON. Raises ValueError, also for a name that is twice in an object, and for too many values."""
    if _count_structure(content) > MAX_VALUES and _count_structure(_STRING.sub(b"", content)) > MAX_VALUES:
        raise ValueError(f"it has more than {MAX_VALUES} values")
    value = pydantic_core.from_json(content, allow_inf_nan=False)
    # The parser keeps the last of equal names. Each name has one colon, and only strings can have more.
    if content.count(b":") != _count_names(value):
        json.loads(content, object_pairs_hook=_unique_names)
    return value


def _count_structure(content: bytes) -> int:
    return len(content) - len(content.translate(None, _STRUCTURE))


def _count_names(value: object) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_count_names, value.values()))
    return sum(map(_count_names, value)) if isinstance(value, list) else 0


def _unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in an object")
    return found


@lru_cache
def _kinds(model: type[BaseModel]) -> Mapping[str, type]:
    """The type of each field: bool, int, float, or str for all else."""
    return {name: _kind(field.annotation) for name, field in model.model_fields.items()}


def _kind(annotation: Any) -> type:
    choices = {annotation, *get_args(annotation)}
    return next((kind for kind in (bool, int, float) if kind in choices), str)


def _parse_texts(name: str, value: object, kind: type, model: type[BaseModel]) -> object:
    """Parse a field's text, or the texts of the objects that a form has in the field, by the types of their fields."""
    if isinstance(value, list):
        return [_parse_texts(f"{name}.{index}", each, kind, model) for index, each in enumerate(value)]
    if isinstance(value, dict):
        kinds = _inner_kinds(model, name.partition(".")[0])
        return {
            inner: _parse_texts(f"{name}.{inner}", each, kinds.get(inner, str), model) for inner, each in value.items()
        }
    return _parse_value(name, value, kind) if isinstance(value, str) else value


@lru_cache
def _inner_kinds(model: type[BaseModel], name: str) -> Mapping[str, type]:
    """The types of the fields of the objects in a field; nothing where it has none."""
    field = model.model_fields.get(name)
    inner = next(_models_in(field.annotation), None) if field else None
    return _kinds(inner) if inner else {}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for each in get_args(annotation):
        yield from _models_in(each)


def _parse_value(name: str, text: str, kind: type) -> object:
    if kind is bool:
        found: object = _BOOLEANS.get(text.lower())
        if found is None:
            raise InvalidRequest(name, "must be true or false")
    elif kind is int:
        found = parse_integer(text)
        if found is None:
            raise InvalidRequest(name, "must be an integer")
    elif kind is float:
        if not _DECIMAL.fullmatch(text):
            raise InvalidRequest(name, "must be a number")
        found = float(text)
    else:
        found = text
    return found


def _first_error(error: ValidationError) -> InvalidRequest:
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"]) or "body"
    if first["type"] == "missing":
        return FieldMissing(path)
    rule = _RULES.get(first["type"])
    # Only our rules are format strings; pydantic's messages may contain braces.
    return InvalidRequest(path, rule.format(**first.get("ctx", {})) if rule else first["msg"])


_RULES: Final = {
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "extra_forbidden": "is not a field of it",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
}
