"""Reads the settings of moderation: which list, which endpoint, and which categories refuse from which score."""

import re
from pathlib import Path
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator, BeforeValidator, SecretStr

from wanserve.machine.urls import is_url
from wanserve.prompts.moderation_answer import Categories

_CATEGORY: Final = re.compile(r"([\w/-]{1,64})(?:=([01]|[01]?\.\d{1,9}))?", re.ASCII)


class Judges(NamedTuple):
    """The file of the deny list and the URL of the endpoint. One of them may be None."""

    file: Path | None
    url: str | None


def _judges(text: object) -> object:
    if not isinstance(text, str):
        return text
    file, url = None, None
    for part in map(str.strip, text.split(",")):
        if part and "://" not in part and file is None:
            file = Path(part).expanduser().absolute()
        elif "://" in part and url is None and is_url(part):
            url = part
        else:
            raise ValueError(
                "must be the file of a deny list, the http:// or https:// URL of an endpoint such as"
                " https://host/v1, or one of each with a comma between them"
            )
    return Judges(file, url)


def _categories(text: object) -> object:
    if not isinstance(text, str):
        return text
    found: dict[str, float | None] = {}
    for part in map(str.strip, text.split(",")):
        match = _CATEGORY.fullmatch(part)
        score = None if match is None or match[2] is None else float(match[2])
        if match is None or match[1] in found or (score is not None and not 0 < score <= 1):
            raise ValueError(
                "must be names with commas between them, each once, and perhaps with the score above 0 and up to 1 from"
                " which it refuses, such as sexual/minors=0.2,violence=0.8,hate"
            )
        found[match[1]] = score
    return found


def _printable(key: SecretStr) -> SecretStr:
    text = key.get_secret_value().strip()
    if not text.isascii() or not text.isprintable():
        raise ValueError("must be printable ASCII characters, as it is sent in a header")
    return SecretStr(text)


JudgesSetting = Annotated[Judges, BeforeValidator(_judges)]
CategoriesSetting = Annotated[Categories, BeforeValidator(_categories)]
KeySetting = Annotated[SecretStr, AfterValidator(_printable)]


def require_endpoint(judges: Judges | None, **given: object) -> None:
    """Raise ValueError where one of these settings is given, and there is no endpoint that it could be for."""
    if judges is not None and judges.url is not None:
        return
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name} is for an endpoint, and moderation names no URL: set it, or leave this out")
