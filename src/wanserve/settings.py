"""Every setting, with its default and its limits, read from the environment and from wanserve.toml."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from wanserve.domain.catalogue import DEFAULT_MODEL, MODELS
from wanserve.domain.errors import SetupError
from wanserve.domain.marks import MarksPolicy, WatermarkText
from wanserve.machine.environment import process_environment
from wanserve.machine.urls import is_url
from wanserve.models.model_settings import ModelSettings
from wanserve.models.upstream import Upstream
from wanserve.models.upstream_settings import UpstreamSettings
from wanserve.prompts.moderation_settings import CategoriesSetting, JudgesSetting, KeySetting, require_endpoint
from wanserve.tasks import Policy
from wanserve.telemetry import LogFormat

PREFIX: Final = "WANSERVE_"
CLIENT_VARIABLES: Final = frozenset({"WANSERVE_URL", "WANSERVE_KEY"})
"""Variables of `wanserve generate` and the examples. They are not settings of the server, which ignores them."""

POSTGRES_URLS: Final = ("postgresql://", "postgres://")

FILE_URL: Final = "file://"
"""Begins a `blob_url` that names a folder, such as one of a network file system that all machines mount."""

CERTIFICATE_FILE: Final = "certificate.pem"
"""The file with the certificate of an installation and its key, in its data directory."""

_DEVICE: Final = re.compile(r"[\w:-]+")
_BUCKET: Final = re.compile(r"s3://[A-Za-z0-9][A-Za-z0-9._-]{1,62}(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._-]+)*/?")

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Rate = Annotated[float, Field(gt=0, le=1_000_000)]


class Settings(BaseModel):
    """The settings of a server. Each field is `WANSERVE_<FIELD>` in the environment and a key of wanserve.toml.

    `models` and `upstreams` can be set in the file only, with one table for each model and for each upstream.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    data_dir: Path = Path("~/.local/share/wanserve")
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    metrics_port: Annotated[int, Field(ge=0, le=65535)] = 8001
    database_url: SecretStr | None = None
    blob_url: str | None = None
    blob_links: Literal["direct", "proxy"] = "direct"
    engine: Literal["auto", "animatic", "wan", "remote"] = "auto"
    public_url: str | None = None
    submit_rps: Rate = 10
    query_rps: Rate = 100
    max_queued: Count = 500
    max_running: Count | None = None
    retention_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 24
    max_attempts: Annotated[int, Field(ge=1, le=100)] = 3
    max_losses: Annotated[int, Field(ge=1, le=1000)] = 10
    lease_seconds: Annotated[float, Field(ge=2, le=3600)] = 15
    stall_seconds: Seconds = 300
    load_seconds: Seconds = 1800
    drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 30
    idle_seconds: Annotated[int, Field(ge=1, le=3600)] = 75
    run_length: Count = 10
    preview_steps: Annotated[int, Field(ge=0, le=1000)] = 5
    devices: str | None = None
    gpus_per_video: Annotated[int, Field(ge=1, le=64)] = 1
    llm_url: str | None = None
    llm_key: SecretStr | None = None
    llm_model: str | None = None
    moderation: JudgesSetting | None = None
    moderation_key: KeySetting | None = None
    moderation_model: str | None = None
    moderation_categories: CategoriesSetting | None = None
    moderation_down: Literal["closed", "open"] = "closed"
    default_model: str = DEFAULT_MODEL
    webhooks_private: bool = False
    webhook_format: Literal["standard", "cloudevents"] = "standard"
    studio: Literal["on", "off"] = "on"
    marks: MarksPolicy = MarksPolicy.REQUIRED
    producer: Annotated[str, Field(min_length=1, max_length=64)] = "wanserve"
    certificate: Path | None = None
    certificate_key: Path | None = None
    timestamp_url: str | None = None
    watermark: Literal["request", "always"] = "request"
    watermark_text: WatermarkText = WatermarkText.CHINESE
    traces_url: str | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: LogFormat = "auto"
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    upstreams: tuple[UpstreamSettings, ...] = ()

    @field_validator("data_dir")
    @classmethod
    def _home(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _postgres(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(POSTGRES_URLS):
            raise ValueError("must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE, or unset for SQLite")
        return url

    @field_validator("blob_url")
    @classmethod
    def _folder_or_bucket(cls, url: str | None) -> str | None:
        # The message shows nothing of the URL: somebody may have written a secret into it.
        if url is not None and not url.startswith(f"{FILE_URL}/") and not _BUCKET.fullmatch(url):
            raise ValueError(
                "must be file:///FOLDER, or s3://BUCKET or s3://BUCKET/PREFIX with letters, digits, dots, dashes and"
                " underscores only; where the bucket is and its keys are in the AWS_* variables"
            )
        return url

    @field_validator("public_url")
    @classmethod
    def _base_of_links(cls, url: str | None) -> str | None:
        if url is not None and (not is_url(url) or "?" in url):
            raise ValueError(
                "must be http:// or https:// with a host and perhaps a path, such as https://video.example"
            )
        return url

    @field_validator("traces_url")
    @classmethod
    def _collector(cls, url: str | None) -> str | None:
        if url is not None and (not is_url(url) or "?" in url):
            raise ValueError(
                "must be http:// or https:// with a host and perhaps a path, such as http://127.0.0.1:4318"
            )
        return url

    @field_validator("timestamp_url")
    @classmethod
    def _authority(cls, url: str | None) -> str | None:
        if url is not None and not is_url(url):
            raise ValueError("must be the http:// or https:// address of a time-stamping authority (RFC 3161)")
        return url

    @field_validator("producer")
    @classmethod
    def _one_line(cls, name: str) -> str:
        if not name.isprintable() or not name.strip():
            raise ValueError("must be one line of printable characters: who answers for the videos")
        return name.strip()

    @field_validator("llm_url")
    @classmethod
    def _endpoint(cls, url: str | None) -> str | None:
        if url is not None and not is_url(url):
            raise ValueError(
                "must be http:// or https:// with a host and perhaps a path, such as http://127.0.0.1:11434/v1"
            )
        return url

    @field_validator("devices")
    @classmethod
    def _named_devices(cls, names: str | None) -> str | None:
        if names is not None and not all(_DEVICE.fullmatch(name.strip(" ")) for name in names.split(",")):
            raise ValueError("must be numbers or ids of GPUs with commas between them, such as 0,2")
        return names

    @field_validator("default_model")
    @classmethod
    def _in_the_catalogue(cls, name: str) -> str:
        if name not in MODELS:
            raise ValueError(f"must be one of {', '.join(MODELS)}")
        return name

    @field_validator("models")
    @classmethod
    def _known(cls, models: dict[str, ModelSettings]) -> dict[str, ModelSettings]:
        for name in models:
            if name not in MODELS:
                raise ValueError(f"there is no model {name}: there are {', '.join(MODELS)}")
        return models

    @field_validator("upstreams", mode="before")
    @classmethod
    def _in_the_file(cls, upstreams: object) -> object:
        if isinstance(upstreams, str):
            raise ValueError(  # noqa: TRY004 - what pydantic takes from a validator
                "is not a variable: write a table [[upstreams]] for each into wanserve.toml"
            )
        return upstreams

    @field_validator("upstreams")
    @classmethod
    def _named_apart(cls, upstreams: tuple[UpstreamSettings, ...]) -> tuple[UpstreamSettings, ...]:
        names = [upstream.name for upstream in upstreams]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two have the name {name}")
        return upstreams

    @model_validator(mode="after")
    def _whole_endpoint(self) -> Self:
        if (self.llm_url is None) != (self.llm_model is None):
            raise ValueError("llm_url and llm_model belong together: set both or neither")
        return self

    @model_validator(mode="after")
    def _whole_certificate(self) -> Self:
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("certificate and certificate_key belong together: set both or neither")
        return self

    @model_validator(mode="after")
    def _endpoint_of_moderation(self) -> Self:
        key, model, categories = self.moderation_key, self.moderation_model, self.moderation_categories
        require_endpoint(self.moderation, moderation_key=key, moderation_model=model, moderation_categories=categories)
        return self

    @model_validator(mode="after")
    def _choices_are_honoured(self) -> Self:
        for name, model in self.models.items():
            if self.engine == "remote" and model.requests is not None:
                raise ValueError(f"models.{name}.requests: the remote engine passes no choices on: leave it out")
        return self

    @property
    def database_file(self) -> Path:
        """The database: tasks, keys and the ledger."""
        return self.data_dir / "wanserve.db"

    @property
    def certificate_file(self) -> Path:
        """The certificate of this installation and its key, unless the owner has set another or they are in PostgreSQL."""
        return self.data_dir / CERTIFICATE_FILE

    @property
    def models_dir(self) -> Path:
        """Where `wanserve models pull` puts weights."""
        return self.data_dir / "models"

    @property
    def blobs_dir(self) -> Path:
        """Where finished files are kept, unless they are in a bucket."""
        if self.blob_url is not None and self.blob_url.startswith(FILE_URL):
            return Path(unquote(self.blob_url.removeprefix(FILE_URL)))
        return self.data_dir / "blobs"

    @property
    def scratch_dir(self) -> Path:
        """The folder of unfinished files. It is on the file system of the stored ones, so that storing one is a rename."""
        return self.data_dir / "scratch"

    @property
    def assignments_dir(self) -> Path:
        """The notes of which upstream has which task."""
        return self.data_dir / "upstreams"

    def upstreams_by_name(self, environ: Mapping[str, str]) -> dict[str, Upstream]:
        """The upstreams of the remote engine with their keys. Raises SetupError where a key is not in the environment."""
        found = {}
        for each in self.upstreams:
            try:
                found[each.name] = each.upstream(environ)
            except ValueError as error:
                raise SetupError(f"upstreams: {each.name}: {error}") from None
        return found

    def policy(self) -> Policy:
        """The limits that the use cases apply."""
        return Policy(
            max_queued=self.max_queued,
            max_running=self.max_running,
            max_attempts=self.max_attempts,
            max_losses=self.max_losses,
            lease_seconds=self.lease_seconds,
            retention_ms=round(self.retention_hours * 3_600_000),
            run_length=self.run_length,
            default_model=self.default_model,
            private_webhooks=self.webhooks_private,
            watermark_always=self.watermark == "always",
            open_when_down=self.moderation_down == "open",
        )


def load(
    flags: Mapping[str, object], environ: Mapping[str, str] | None = None, file: Path = Path("wanserve.toml")
) -> Settings:
    """Read the settings. `flags` override the environment, which overrides the file, which overrides the defaults.

    A flag that is None counts as left out. Raises SetupError with one line that names the setting.
    """
    variables = process_environment() if environ is None else environ
    given = _from_file(file) | _from_environment(variables)
    given |= {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        problem = "there is no such setting" if first["type"] == "extra_forbidden" else first["msg"]
        where = ".".join(str(part) for part in first["loc"])
        if len(first["loc"]) == 1:
            where += f" ({PREFIX}{where.upper()})"
        raise SetupError(": ".join(filter(None, (where, problem.removeprefix("Value error, "))))) from error


def _from_file(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SetupError(f"{file} cannot be read: {error}") from error


def _from_environment(variables: Mapping[str, str]) -> dict[str, object]:
    # Every variable with our prefix has to be a setting, so that a misspelt one is not silently ignored.
    return {
        name.removeprefix(PREFIX).lower(): text
        for name, text in variables.items()
        # An empty variable counts as unset: compose files and shells pass unset variables on as empty ones.
        if name.startswith(PREFIX) and name not in CLIENT_VARIABLES and text.strip()
    }
