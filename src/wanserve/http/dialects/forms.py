"""Knows how a submit comes in as a form: multipart or URL-encoded, texts only."""

from io import BytesIO
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel
from python_multipart import parse_form
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File

from wanserve.domain.errors import InvalidRequest
from wanserve.http.dialects.base import Incoming, read_fields, read_json

URL_ENCODED: Final = "application/x-www-form-urlencoded"
FORMS: Final = ("multipart/form-data", URL_ENCODED)
MAX_FIELDS: Final = 100

Body = TypeVar("Body", bound=BaseModel)


def read_form_or_json(incoming: Incoming, shape: type[Body]) -> Body:
    """The body as `shape`, by its Content-Type: a form's texts are bent to the fields' types, JSON's are not.

    Raises InvalidRequest.
    """
    kind = incoming.headers.get("content-type", "").partition(";")[0].strip().lower()
    # curl calls whatever it sends a form, unless it is told otherwise.
    if kind not in FORMS or incoming.body.startswith(b"{"):
        return read_json(incoming, shape)
    return read_fields(_pairs(incoming) if kind == URL_ENCODED else _parts(incoming), shape)


def _pairs(incoming: Incoming) -> dict[str, str]:
    """The fields of a URL-encoded form by name."""
    try:
        text = incoming.body.decode()
        return dict(parse_qsl(text, errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise InvalidRequest("body", f"must be a form: {error}") from error


def _parts(incoming: Incoming) -> dict[str, str]:
    """The fields of a multipart form by name. A file stands as its name, `a[b]` under `a`; the last of equal names counts."""
    found: dict[str, str] = {}

    def keep(name: bytes | None, value: bytes | None) -> None:
        top = (name or b"").partition(b"[")[0].decode()
        # An empty text is how a form leaves a field out; only the prompt may not be left out.
        if value or top == "prompt":
            found[top] = (value or b"").decode()

    def keep_field(field: Field) -> None:
        keep(field.field_name, field.value)

    def keep_file(file: File) -> None:
        keep(file.field_name, file.file_name or b"a file")

    headers = {
        "Content-Type": incoming.headers["content-type"].encode("latin-1"),
        "Content-Length": str(len(incoming.body)).encode(),
    }
    try:
        parse_form(headers, BytesIO(incoming.body), keep_field, keep_file)
    except (FormParserError, ValueError) as error:
        raise InvalidRequest("body", f"must be a whole form: {error}") from error
    return found
