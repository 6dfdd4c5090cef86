"""Forms: what a client's encoder writes is read back, and a form that is cut or made otherwise is refused whole."""

from urllib.parse import urlencode

import pytest
from httpx import Request as ClientRequest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict
from starlette.datastructures import Headers, QueryParams

from wanserve.domain.errors import InvalidRequest
from wanserve.http.dialects.base import DialectRequest
from wanserve.http.dialects.forms import MAX_FIELDS, Upload, read_form_or_json

URL_ENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


class Form(BaseModel):
    model_config = ConfigDict(extra="allow")
    prompt: str | None = None
    number: int | None = None
    yes: bool | None = None
    picture: object = None


def read(content: bytes, content_type: str) -> Form:
    headers = Headers({"content-type": content_type})
    return read_form_or_json(DialectRequest(headers, QueryParams(), {}, content), Form)


def part(disposition: str, content: bytes = b"a cat", *headers: str) -> bytes:
    lines = [f"Content-Disposition: form-data; {disposition}", *headers]
    return b"--b\r\n" + "\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--b--\r\n"


NAMES = st.sampled_from(["prompt", "other", "ünïcode", "a b"])
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


@given(st.dictionaries(NAMES, TEXTS, min_size=1, max_size=4))
def test_what_an_encoder_writes_is_read_back_in_both_encodings(fields: dict[str, str]) -> None:
    sent = ClientRequest("POST", "http://x", files=[(name, (None, text)) for name, text in fields.items()])
    assert read(sent.read(), sent.headers["content-type"]).model_dump(exclude_unset=True) == fields
    assert read(urlencode(fields).encode(), URL_ENCODED).model_dump(exclude_unset=True) == fields


WHOLE = form(
    part('name="prompt"', "猫 with a\r\nhat".encode()), part('name="number"', b"5"), part('name="yes"', b"True")
)


def test_texts_become_the_types_of_their_fields() -> None:
    assert read(WHOLE, MULTIPART) == Form(prompt="猫 with a\r\nhat", number=5, yes=True)


@pytest.mark.parametrize("end", range(len(WHOLE) - 2))
def test_a_form_that_is_cut_at_any_byte_is_refused(end: int) -> None:
    with pytest.raises(InvalidRequest) as error:
        read(WHOLE[:end], MULTIPART)
    assert error.value.field == "body"


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        (part("filename=x"), "body"),
        (part('name=""'), "body"),
        (part('name="prompt"', b"\xff"), "prompt"),
        (part('name="prompt"', "ä".encode("latin-1"), "Content-Type: text/plain; charset=latin-1"), "prompt"),
        (part('name="prompt"', "ab".encode("utf-16")), "prompt"),
        (part('name="prompt"', b"YSBjYXQ=", "Content-Transfer-Encoding: base64"), "prompt"),
        (part('name="prompt"', b"a", "Content-Disposition: form-data; name=x"), "body"),
        (part('name="prompt"; filename="a.txt"'), "prompt"),
        (part("name=\"prompt\"; filename*=UTF-8''a.txt"), "prompt"),
        (part('name="prompt"; filename=""'), "prompt"),
        (part('name="prompt"') * 2, "prompt"),
        (part('name="number"', b"5.0"), "number"),
        (part('name="other"') * (MAX_FIELDS + 1), "body"),
        (b"--b\r\nno header\r\n\r\n", "body"),
        (b"no boundary", "body"),
    ],
)
def test_a_part_that_is_no_text_or_stands_twice_is_refused_by_name(bad: bytes, field: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        read(form(bad), MULTIPART)
    assert error.value.field == field


def test_a_form_without_a_boundary_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="boundary"):
        read(WHOLE, "multipart/form-data")


def test_a_file_is_taken_only_by_a_field_for_files_and_an_empty_choice_is_left_out() -> None:
    assert isinstance(read(form(part('name="picture"; filename="a.png"')), MULTIPART).picture, Upload)
    assert read(form(part('name="picture"; filename=""', b"")), MULTIPART) == Form()


def test_brackets_make_an_object_and_an_empty_text_counts_as_left_out() -> None:
    found = read(b"other[a]=1&other[b]=2&number=&prompt=", URL_ENCODED)
    assert (found.model_extra, found.number, found.prompt) == ({"other": {"a": "1", "b": "2"}}, None, "")


@pytest.mark.parametrize("content", [b"prompt=%FF", b"%FF=x", b"=x", b"prompt=\xff", b"&".join([b"a=b"] * 101)])
def test_a_url_encoded_form_that_is_no_utf_8_or_too_long_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(content, URL_ENCODED)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json", URL_ENCODED, f"{URL_ENCODED}; charset=utf-8"]
)
def test_json_is_json_whatever_its_content_type_says(content_type: str) -> None:
    assert read(b' {"prompt": "a cat", "number": 5}', content_type) == Form(prompt="a cat", number=5)
