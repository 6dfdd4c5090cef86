"""Writes the log to stderr: JSON lines for programs, text for people; each line with the id of the task that it concerns.

Texts that this project did not write may contain a prompt or a key, so the log redacts them: of an exception it has the
types and the places in the code, and of a library's message only where it was logged.
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
from typing import Final, Literal

_task_id: ContextVar[str | None] = ContextVar("task_id", default=None)

log = logging.getLogger(__name__)

OWN_LOGGER: Final = "wanserve"
"""The messages of this logger and of those below it are written by this project, and hold no prompt and no key."""


LogFormat = Literal["auto", "text", "json"]
"""Text or JSON; `auto` is text where stderr is a terminal, and JSON elsewhere."""

DIM: Final = "\x1b[2m"
PLAIN: Final = "\x1b[0m"
LEVEL_COLOURS: Final = {
    logging.DEBUG: DIM,
    logging.INFO: "\x1b[32m",
    logging.WARNING: "\x1b[33m",
    logging.ERROR: "\x1b[31m",
    logging.CRITICAL: "\x1b[1;31m",
}


@contextmanager
def bind_task_id(task_id: str | None) -> Iterator[None]:
    """Within the block, add the task's id, if there is one, to every line that this thread or coroutine logs."""
    token = _task_id.set(task_id)
    try:
        yield
    finally:
        _task_id.reset(token)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object: time (UTC), level, logger, message, and task and trace where there are any.

    Without `redact`, the line also has the messages of libraries and the texts of exceptions.
    """

    def __init__(self, *, redact: bool = True) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Format the record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted_message(record) if self._redact else record.getMessage(),
        }
        if task_id := _task_id.get():
            line["task"] = task_id
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["trace"] = redacted_trace(error) if self._redact else self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """Formats a record as a line for people: time (of this machine), level, message, and the task where there is one.

    A trace follows on lines of its own. `redact` is as for JsonFormatter.
    """

    def __init__(self, *, redact: bool = True, colours: bool = False) -> None:
        super().__init__()
        self._redact = redact
        self._colours = colours

    def format(self, record: logging.LogRecord) -> str:
        """Format the record."""
        time = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        message = redacted_message(record) if self._redact else record.getMessage()
        line = f"{self._dim(time)} {self._level(record)} {message}"
        if task_id := _task_id.get():
            line += f" {self._dim(f'(task {task_id})')}"
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line += f"\n{redacted_trace(error) if self._redact else self.formatException(record.exc_info)}"
        return line

    def _level(self, record: logging.LogRecord) -> str:
        name = f"{record.levelname.lower():8}"
        return f"{LEVEL_COLOURS.get(record.levelno, '')}{name}{PLAIN}" if self._colours else name

    def _dim(self, text: str) -> str:
        return f"{DIM}{text}{PLAIN}" if self._colours else text


class PlainFormatter(logging.Formatter):
    """Formats the redacted message and trace as plain text, for a process whose records another process logs."""

    def format(self, record: logging.LogRecord) -> str:
        """Format the record."""
        error = record.exc_info[1] if record.exc_info else None
        return redacted_message(record) if error is None else f"{redacted_message(record)}\n{redacted_trace(error)}"


def redacted_message(record: logging.LogRecord) -> str:
    """The record's message if this project logged it; for a library's record only the place where it was logged."""
    if record.name.partition(".")[0] == OWN_LOGGER:
        return record.getMessage()
    return f"a library logged at {record.filename}:{record.lineno}; its text is in the log at level debug only"


def redacted_trace(error: BaseException) -> str:
    """The types of the error and of its causes, and where each was raised, without their messages."""
    lines: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = [
            f"  {frame.filename}:{frame.lineno} in {frame.name}"
            for frame in traceback.extract_tb(current.__traceback__)
        ]
        lines = [_type_name(current), *frames, *lines]
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\n".join(lines)


def _type_name(error: BaseException) -> str:
    """The error's type, and the system's number and text for it, which hold nothing private."""
    name = f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, OSError) and isinstance(error.errno, int) and error.errno > 0:
        name += f" (errno {error.errno}: {os.strerror(error.errno)})"
    if isinstance(error, BaseExceptionGroup):
        name += f" of {', '.join(_type_name(inner) for inner in error.exceptions)}"
    return name


def start_logging(level: str, log_format: LogFormat = "auto", *, colours: bool = False) -> None:
    """Write every log record of this process to stderr, and also what Python itself would print of errors.

    `colours` are for a terminal only, and are left out elsewhere.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(log_format, redact=level != "debug", colours=colours))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda hook: _log_uncaught(hook.exc_type, hook.exc_value, hook.exc_traceback)
    sys.unraisablehook = lambda hook: _log_uncaught(hook.exc_type, hook.exc_value, hook.exc_traceback)


def _formatter(log_format: LogFormat, *, redact: bool, colours: bool) -> logging.Formatter:
    terminal = sys.stderr.isatty()
    if log_format == "json" or (log_format == "auto" and not terminal):
        return JsonFormatter(redact=redact)
    return TextFormatter(redact=redact, colours=colours and terminal)


def _log_uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Log an uncaught exception, instead of printing it."""
    log.critical("an uncaught exception", exc_info=(kind, error or kind(), trace))
