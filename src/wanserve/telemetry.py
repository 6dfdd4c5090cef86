"""Knows how wanserve tells what it does: JSON lines on stderr, each with the id of the task that it is about."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_task_id: ContextVar[str | None] = ContextVar("task_id", default=None)


@contextmanager
def about(task_id: str | None) -> Iterator[None]:
    """Bind the task's id, if there is one, to every line that is logged in this block, in this thread or coroutine."""
    token = _task_id.set(task_id)
    try:
        yield
    finally:
        _task_id.reset(token)


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and where there are any task and trace."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for the record."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if task_id := _task_id.get():
            line["task"] = task_id
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def start_logging(level: str) -> None:
    """Send every log line of this process to stderr as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
