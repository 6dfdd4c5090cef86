"""The owner's settings of an upstream: a table `[[upstreams]]` of wanserve.toml."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from wanserve.domain.catalogue import MODELS
from wanserve.machine.urls import is_url
from wanserve.models.upstream import BodyFormat, Dialect, Upstream

OUR_VARIABLES: Final = "WANSERVE_"
"""The prefix of our own settings, of which one that is unknown is refused."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class UpstreamSettings(BaseModel):
    """One upstream, as wanserve.toml has it. `models` is a table, or a list where the names are the same on both sides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    url: str
    dialect: Dialect
    models: dict[str, Annotated[str, Field(min_length=1)]]
    key: SecretStr | None = None
    key_variable: str | None = None
    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    concurrency: Annotated[int, Field(ge=1, le=256)] = 1
    outage_seconds: Annotated[float, Field(gt=0, le=3600)] = 60
    max_seconds: Annotated[float, Field(gt=0, le=86_400)] = 7200
    body: BodyFormat = BodyFormat.JSON
    extensions: bool = True
    frames: bool = False

    @field_validator("name")
    @classmethod
    def _word(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("must be a word of letters, digits, dots, dashes and underscores")
        return name

    @field_validator("url")
    @classmethod
    def _base(cls, url: str) -> str:
        if not is_url(url) or "?" in url:
            raise ValueError(
                "must be http:// or https:// with a host and perhaps a path, such as http://10.0.0.7:8000/v1"
            )
        return url.rstrip("/")

    @field_validator("models", mode="before")
    @classmethod
    def _same_names(cls, models: object) -> object:
        if isinstance(models, list) and all(isinstance(name, str) for name in models):
            return {name: name for name in models}
        return models

    @field_validator("models")
    @classmethod
    def _known(cls, models: dict[str, str]) -> dict[str, str]:
        if not models:
            raise ValueError("must name at least one model")
        for name in models:
            if name not in MODELS:
                raise ValueError(f"there is no model {name}: there are {', '.join(MODELS)}")
        return models

    @field_validator("key")
    @classmethod
    def _fits_in_a_header(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and (problem := _key_problem(key.get_secret_value())):
            raise ValueError(problem)
        return key

    @field_validator("key_variable")
    @classmethod
    def _variable(cls, name: str | None) -> str | None:
        if name is not None and (not _VARIABLE.fullmatch(name) or name.startswith(OUR_VARIABLES)):
            raise ValueError(f"must be the name of a variable that does not begin with {OUR_VARIABLES}")
        return name

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        if self.key is not None and self.key_variable is not None:
            raise ValueError("key and key_variable exclude each other: set one of them")
        return self

    def upstream(self, environ: Mapping[str, str]) -> Upstream:
        """The upstream with its key. Raises ValueError where the variable with the key is unset or unusable."""
        return Upstream(
            self.name,
            self.url,
            self.dialect,
            dict(self.models),
            self._key(environ),
            self.weight,
            self.concurrency,
            self.outage_seconds,
            self.max_seconds,
            self.body,
            self.extensions,
            self.frames,
        )

    def _key(self, environ: Mapping[str, str]) -> str | None:
        if self.key_variable is None:
            return None if self.key is None else self.key.get_secret_value().strip()
        key = environ.get(self.key_variable, "").strip()
        if not key:
            raise ValueError(f"key_variable: the variable {self.key_variable} is not set")
        if problem := _key_problem(key):
            raise ValueError(f"key_variable: the key in {self.key_variable} {problem}")
        return key


def _key_problem(key: str) -> str | None:
    """Why the key cannot be sent in a header; None where it can. The message does not contain it."""
    inside = key.strip()
    if not inside or not inside.isascii() or not inside.isprintable() or " " in inside:
        return "must be printable ASCII without blanks"
    return None
