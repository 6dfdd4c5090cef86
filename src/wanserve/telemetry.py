"""Knows how wanserve tells what it does: JSON lines on stderr, each with the id of the task that it is about."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

_task_id: ContextVar[str | None] = ContextVar("task_id", default=None)
_private: ContextVar[tuple[str, ...]] = ContextVar("private", default=())

SHORTEST_PRIVATE: Final = 4
"""A shorter prompt stands in half of all lines by chance, and tells nothing."""


@contextmanager
def about(task_id: str | None, *private: str) -> Iterator[None]:
    """Bind the task's id, if there is one, to every line that is logged in this block, in this thread or coroutine.

    What is `private`, such as a prompt, is left out of the lines, also where a library put it into an error's text.
    """
    told = tuple(text for text in private if len(text) >= SHORTEST_PRIVATE)
    tokens = _task_id.set(task_id), _private.set(told)
    try:
        yield
    finally:
        _task_id.reset(tokens[0])
        _private.reset(tokens[1])


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and where there are any task and trace."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for the record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": without_private(record.getMessage()),
        }
        if task_id := _task_id.get():
            line["task"] = task_id
        if record.exc_info:
            line["trace"] = without_private(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def without_private(text: str) -> str:
    """The text with a mark in place of what is private here, as it stands or as Python quotes it."""
    for private in _private.get():
        for form in (private, repr(private)[1:-1], ascii(private)[1:-1]):
            text = text.replace(form, "[prompt]")
    return text


def start_logging(level: str) -> None:
    """Send every log line of this process to stderr as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
