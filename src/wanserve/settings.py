"""Knows every setting, its default and its limits. The only reader of the environment and of wanserve.toml."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from wanserve.domain.errors import SetupError
from wanserve.tasks import Policy

PREFIX: Final = "WANSERVE_"
CLIENT_VARIABLES: Final = frozenset({"WANSERVE_URL", "WANSERVE_KEY"})
"""Read by the examples: a shell that has them set can start a server all the same."""

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]


class Settings(BaseModel):
    """How this server runs. Each field is `WANSERVE_<FIELD>` in the environment and a key of wanserve.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    data_dir: Path = Path("~/.local/share/wanserve")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    database_url: str | None = None
    blob_url: str | None = None
    engine: Literal["auto", "animatic"] = "auto"
    public_url: Annotated[str, Field(pattern=r"^https?://[^/?#]+(/[^?#]*)?$")] | None = None
    submit_rps: Rate = 10
    query_rps: Rate = 100
    max_queued: Count = 500
    max_running: Count | None = None
    retention_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    lease_seconds: Annotated[float, Field(ge=2, le=3600)] = 15
    stall_seconds: Seconds = 300
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 30
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("data_dir")
    @classmethod
    def _home(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("database_url", "blob_url")
    @classmethod
    def _not_yet(cls, url: str | None) -> str | None:
        if url is not None:
            raise ValueError("this version keeps tasks and files in the data directory only: leave it unset")
        return url

    @property
    def blobs_dir(self) -> Path:
        """Where the finished files are."""
        return self.data_dir / "blobs"

    @property
    def scratch_dir(self) -> Path:
        """Where files are while they are made: beside the finished ones, so that finishing one is a rename."""
        return self.data_dir / "scratch"

    def policy(self) -> Policy:
        """The limits that the use cases hold to."""
        return Policy(
            max_queued=self.max_queued,
            max_running=self.max_running,
            max_attempts=self.max_attempts,
            lease_ms=round(self.lease_seconds * 1000),
            retention_ms=round(self.retention_hours * 3_600_000),
        )


def load(
    flags: Mapping[str, object], environ: Mapping[str, str] | None = None, file: Path = Path("wanserve.toml")
) -> Settings:
    """The settings in force: `flags` before the environment before the file before the defaults.

    Flags that are None were not given. Raises SetupError with one line that names the setting.
    """
    variables = os.environ if environ is None else environ
    given = _from_file(file) | _from_environment(variables)
    given |= {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        problem = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
        raise SetupError(f"{name} ({PREFIX}{name.upper()}): {problem.removeprefix('Value error, ')}") from error


def _from_file(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SetupError(f"{file} cannot be read: {error}") from error


def _from_environment(variables: Mapping[str, str]) -> dict[str, object]:
    # A misspelt variable must not be silently ignored: every one of our prefix has to be a setting.
    return {
        name.removeprefix(PREFIX).lower(): text
        for name, text in variables.items()
        if name.startswith(PREFIX) and name not in CLIENT_VARIABLES
    }
