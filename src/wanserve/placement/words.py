"""What Ray says of an error, as one line without secrets."""

from collections.abc import Mapping
from typing import Final

from wanserve.machine.environment import process_environment

SECRETS: Final = ("RAY_AUTH_TOKEN", "RAY_REDIS_PASSWORD")
LENGTH: Final = 300


def one_line(error: BaseException, environ: Mapping[str, str] | None = None) -> str:
    """The text of the error, in one line of at most LENGTH characters, with the secrets of the environment masked."""
    variables = process_environment() if environ is None else environ
    text = " ".join(str(error).split()) or type(error).__name__
    for name in SECRETS:
        if secret := variables.get(name, "").strip():
            text = text.replace(secret, "***")
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"
