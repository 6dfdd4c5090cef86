"""An upstream: another server that makes videos, as the pool and the engine need it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

SAID_CHARACTERS: Final = 300
"""How much of what an upstream says is passed on."""

_KEY_LIKE: Final = re.compile(r"\bsk-[\w*-]{4,}")


class Dialect(StrEnum):
    """The API that an upstream speaks."""

    OPENAI = "openai"
    DASHSCOPE = "dashscope"


class BodyFormat(StrEnum):
    """How a submit to an upstream of OpenAI's shape is encoded: some servers take only one of the two."""

    JSON = "json"
    FORM = "form"


@dataclass(frozen=True, slots=True)
class Upstream:
    """One other server. The fields are those of a table `[[upstreams]]`; docs/remote.md describes them.

    `url` is the base of its URLs, such as `https://host/v1`, without a slash at its end. `models` has the upstream's
    name of each of our models. `outage_s` and `max_s` are seconds: how long polls may fail, and how long a task may
    take, before the attempt is given up. `extensions` says whether fields beside OpenAI's own are sent, `frames`
    whether the number of frames and the frame rate are.
    """

    name: str
    url: str
    dialect: Dialect
    models: Mapping[str, str]
    key: str | None = field(default=None, repr=False)
    weight: int = 1
    concurrency: int = 1
    outage_s: float = 60.0
    max_s: float = 7200.0
    body: BodyFormat = BodyFormat.JSON
    extensions: bool = True
    frames: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """The headers that every request has which may carry the key."""
        return {} if self.key is None else {"Authorization": f"Bearer {self.key}"}

    def is_own(self, url: str) -> bool:
        """Whether the URL is on this upstream's own host and port, so that the key may be sent there."""
        return origin(url) == origin(self.url)

    def masked(self, text: str) -> str:
        """What the upstream said, as one short line without its key."""
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
        if self.key:
            line = line.replace(self.key, "***")
        line = _KEY_LIKE.sub("sk-***", line)
        return line if len(line) <= SAID_CHARACTERS else f"{line[:SAID_CHARACTERS]}…"


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
