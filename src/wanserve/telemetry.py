"""Writes the log: JSON lines on stderr, each with the id of the task that it is about.

A line holds what is listed here and nothing else. Text that others wrote may hold a prompt or a key, so of an exception
it has the types and the places in the code, and of a library's line who logged it and where.
"""

import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Final

_task_id: ContextVar[str | None] = ContextVar("task_id", default=None)

log = logging.getLogger(__name__)

OURS: Final = "wanserve"
"""The loggers of this name and below are this project's own: their messages are written here, by us."""


@contextmanager
def about(task_id: str | None) -> Iterator[None]:
    """Bind the task's id, if there is one, to every line that is logged in this block, in this thread or coroutine."""
    token = _task_id.set(task_id)
    try:
        yield
    finally:
        _task_id.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and where there are any task and trace.

    `foreign` has the messages of libraries too, and the texts of exceptions, whatever they hold.
    """

    def __init__(self, *, foreign: bool = False) -> None:
        super().__init__()
        self._foreign = foreign

    def format(self, record: logging.LogRecord) -> str:
        """The line for the record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage() if self._foreign else message_of(record),
        }
        if task_id := _task_id.get():
            line["task"] = task_id
        if record.exc_info and record.exc_info[1] is not None:
            line["trace"] = self.formatException(record.exc_info) if self._foreign else trace_of(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


class PlainFormatter(logging.Formatter):
    """The message and the trace as JsonFormatter has them, in plain text: for a process whose lines another one logs."""

    def format(self, record: logging.LogRecord) -> str:
        """The text for the record."""
        error = record.exc_info[1] if record.exc_info else None
        return message_of(record) if error is None else f"{message_of(record)}\n{trace_of(error)}"


def message_of(record: logging.LogRecord) -> str:
    """The message of a line of ours; of a library's line only where it was logged."""
    if record.name.partition(".")[0] == OURS:
        return record.getMessage()
    return f"a library logged at {record.filename}:{record.lineno}; its text is in the log at level debug only"


def trace_of(error: BaseException) -> str:
    """The types of the error and of those that led to it, and where each was raised: no text of any."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = [
            f"  {frame.filename}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__)
        ]
        lines = [_kind(current), *frames, *lines]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n".join(lines)


def _kind(error: BaseException) -> str:
    """The error's type; with the system's number and name for it, which are no text of anybody's."""
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, OSError) and isinstance(error.errno, int) and error.errno > 0:
        name += f" (errno {error.errno}: {os.strerror(error.errno)})"
    if isinstance(error, BaseExceptionGroup):
        name += f" of {', '.join(_kind(inner) for inner in error.exceptions)}"
    return name


def start_logging(level: str) -> None:
    """Send every log line of this process to stderr as JSON, and what Python itself would print of errors there."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(foreign=level == "debug"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda thread: _uncaught(thread.exc_type, thread.exc_value, thread.exc_traceback)
    sys.unraisablehook = lambda lost: _uncaught(lost.exc_type, lost.exc_value, lost.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Log an error that nobody caught, instead of printing it."""
    log.critical("an error that nobody caught", exc_info=(kind, error or kind(), trace))
