"""What Ray says of an error, as one line without secrets."""

from collections.abc import Iterator, Mapping
from typing import Final

from wanserve.machine.environment import process_environment

SECRETS: Final = ("RAY_AUTH_TOKEN", "RAY_REDIS_PASSWORD")
LENGTH: Final = 300
TRACEBACK: Final = "Traceback (most recent call last):"


def one_line(error: BaseException, environ: Mapping[str, str] | None = None) -> str:
    """The text of the error and of its causes, in one line of at most LENGTH characters, with the secrets of the environment masked."""
    variables = process_environment() if environ is None else environ
    text = ": ".join(dict.fromkeys(_texts(error)))
    for name in SECRETS:
        if secret := variables.get(name, "").strip():
            text = text.replace(secret, "***")
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"


def _texts(error: BaseException) -> Iterator[str]:
    """The text of each, or its type where it has none."""
    current: BaseException | None = error
    while current is not None:
        yield " ".join(_without_traces(str(current)).split()) or type(current).__name__
        current = current.__cause__


def _without_traces(text: str) -> str:
    """The text without the places in the code, which Ray puts before the error that matters."""
    before, found, after = text.partition(TRACEBACK)
    if not found:
        return text
    return "\n".join([before, *(line for line in after.splitlines() if line[:1] not in (" ", "\x1b"))])
