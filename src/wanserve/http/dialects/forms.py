"""Parses forms, multipart or URL-encoded. Fields are texts; a file is refused; a truncated form is refused."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeVar
from urllib.parse import unquote_to_bytes

from pydantic import BaseModel
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from wanserve.domain.errors import InvalidRequest
from wanserve.http.dialects.base import DialectRequest
from wanserve.http.dialects.reading import read_fields, read_json, require_utf_8, strip_bom

URL_ENCODED: Final = "application/x-www-form-urlencoded"
FORMS: Final = ("multipart/form-data", URL_ENCODED)
MAX_FIELDS: Final = 100
PLAIN_ENCODINGS: Final = ("", "7bit", "8bit", "binary")

_FILENAME: Final = re.compile(rb";\s*filename\*\s*=", re.IGNORECASE)

Model = TypeVar("Model", bound=BaseModel)

_silent_logger: Final = logging.Logger("forms", logging.CRITICAL + 1)  # noqa: LOG001  # in no tree of loggers, on purpose
"""For the parser, which logs a warning for each invalid form. A client's mistake does not belong in our log."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Stands for a file in a field. The content is discarded."""


def read_form_or_json(request: DialectRequest, model: type[Model]) -> Model:
    """Parse the body as `model`, by its Content-Type. Texts of a form become numbers and booleans; those of JSON do not.

    A file in a field of type `object` becomes an Upload. Raises InvalidRequest.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    content = strip_bom(request.body)
    # curl sends every body as a form, unless it is told otherwise.
    if kind not in FORMS or content.lstrip().startswith(b"{"):
        return read_json(request, model)
    parts = _pairs(request, content) if kind == URL_ENCODED else _parts(request, content)
    return read_fields(_fields(parts, model), model)


def _fields(parts: Iterator[tuple[str, str | Upload]], model: type[BaseModel]) -> Iterator[tuple[str, object]]:
    """The fields by name. `a[b]` is the field `b` of the object `a`; a field with an empty text counts as left out.

    `a[]` is an item of the list `a`, and `a[][b]` the field `b` of one of the objects in it.
    """
    nested: dict[str, dict[str, object]] = {}
    lists: dict[str, dict[str, list[object]]] = {}
    for name, value in parts:
        top, bracket, inner = name.partition("[")
        if isinstance(value, Upload) and not _accepts_files(model, top):
            raise InvalidRequest(top, "must be text, and is a file")
        if inner.startswith("]"):
            lists.setdefault(top, {}).setdefault(inner.removeprefix("]").strip("[]"), []).append(value)
        elif bracket:
            nested.setdefault(top, {})[inner.rstrip("]")] = value
        # Except the prompt, which is required: an empty one is refused as blank.
        elif value or top == "prompt":
            yield name, value
    yield from nested.items()
    for name, columns in lists.items():
        yield name, _items(name, columns)


def _items(name: str, columns: dict[str, list[object]]) -> list[object]:
    """The items of a list. Raises InvalidRequest where it is not clear which object has which field.

    Some clients send the fields of one object after another, others the first field of all objects before the second.
    """
    if len(set(map(len, columns.values()))) > 1 or ("" in columns and len(columns) > 1):
        raise InvalidRequest(name, "must have the same fields in each of its objects, or be a text of JSON")
    if "" in columns:
        return columns[""]
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _accepts_files(model: type[BaseModel], name: str) -> bool:
    found = model.model_fields.get(name)
    return found is not None and found.annotation is object


def _pairs(request: DialectRequest, content: bytes) -> Iterator[tuple[str, str]]:
    """Parse a URL-encoded form. Raises InvalidRequest."""
    require_utf_8(request.headers.get("content-type", ""), content, "body")
    if content.count(b"&") >= MAX_FIELDS:
        raise _too_many()
    for pair in content.strip(b"\r\n").split(b"&"):
        if pair:
            name, _, value = pair.partition(b"=")
            yield _field(unquote_to_bytes(name.replace(b"+", b" ")), unquote_to_bytes(value.replace(b"+", b" ")))


def _parts(request: DialectRequest, content: bytes) -> Iterator[tuple[str, str | Upload]]:
    """Parse a multipart form. A file becomes an Upload; a file field in which none was chosen is left out.

    Raises InvalidRequest where the form is malformed or truncated, or a part is not text in UTF-8.
    """
    _, options = parse_options_header(request.headers["content-type"])
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidRequest("body", "must be a whole form: Content-Type names no boundary")
    # Not Starlette's parser: see docs/adr/0015.
    form = _FormCollector()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.begin,
                "on_header_field": form.header_name,
                "on_header_value": form.header_value,
                "on_header_end": form.header_end,
                "on_part_data": form.data,
                "on_end": form.end,
            },
        )
        parser.logger = _silent_logger
        parser.write(content)
    except (FormParserError, ValueError) as error:
        raise InvalidRequest("body", f"must be a whole form: {error}") from error
    if not form.complete:
        raise InvalidRequest("body", "must be a whole form: its end is missing")
    for part in form.parts:
        yield from part.fields()


@dataclass(slots=True)
class _Part:
    """One part: its headers, by lower-case name, and its content."""

    headers: dict[bytes, bytes] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray)

    def fields(self) -> Iterator[tuple[str, str | Upload]]:
        """The field in this part; none for a file field in which no file was chosen. Raises InvalidRequest."""
        disposition = self.headers.get(b"content-disposition", b"")
        kind, options = parse_options_header(disposition)
        if kind != b"form-data" or b"name" not in options:
            raise InvalidRequest("body", "must be a whole form: a part has no name")
        name, content = options[b"name"], bytes(self.content)
        # parse_options_header drops `filename*`, which RFC 7578 forbids but some clients send.
        extended = _FILENAME.search(disposition)
        if b"filename" in options or extended:
            if content or options.get(b"filename") or extended:
                yield _field(name, b"")[0], Upload()
            return
        encoding = self.headers.get(b"content-transfer-encoding", b"").decode("latin-1").strip().lower()
        if encoding not in PLAIN_ENCODINGS:
            raise InvalidRequest(_field(name, b"")[0], f"must be plain text, and is {encoding}")
        kind_of_text = self.headers.get(b"content-type", b"").decode("latin-1")
        require_utf_8(kind_of_text, content, _field(name, b"")[0])
        yield _field(name, content)


@dataclass(slots=True)
class _FormCollector:
    """Receives the parser's events and collects the parts."""

    parts: list[_Part] = field(default_factory=list)
    complete: bool = False
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)

    def begin(self) -> None:
        """A part begins. Raises InvalidRequest where there are too many."""
        if len(self.parts) == MAX_FIELDS:
            raise _too_many()
        self.parts.append(_Part())

    def header_name(self, data: bytes, start: int, end: int) -> None:
        """A chunk of a header's name."""
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        """A chunk of a header's value."""
        self._value += data[start:end]

    def header_end(self) -> None:
        """A header is complete. Raises InvalidRequest where the part has it already."""
        name = bytes(self._name).lower()
        if name in self.parts[-1].headers:
            raise InvalidRequest("body", f"must be a whole form: a part has {name.decode('latin-1')} twice")
        self.parts[-1].headers[name] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def data(self, data: bytes, start: int, end: int) -> None:
        """A chunk of the part's content."""
        self.parts[-1].content += data[start:end]

    def end(self) -> None:
        """The closing boundary was read."""
        self.complete = True


def _field(name: bytes, value: bytes) -> tuple[str, str]:
    """Decode a name and a value. Raises InvalidRequest."""
    if not name:
        raise InvalidRequest("body", "must be a whole form: a field has no name")
    try:
        named = name.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("body", "must be a whole form: the name of a field is no UTF-8") from error
    try:
        return named, value.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(named, "must be text in UTF-8") from error


def _too_many() -> InvalidRequest:
    return InvalidRequest("body", f"must have at most {MAX_FIELDS} fields")
