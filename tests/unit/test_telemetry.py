"""The lines of the log: JSON or text, with the id of the task, and without any part of a prompt."""

import json
import logging
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO

import pytest

from wanserve.telemetry import (
    LEVEL_COLOURS,
    JsonFormatter,
    PlainFormatter,
    TextFormatter,
    bind_task_id,
    redacted_trace,
)

PROMPT = "a secret kitten\nin the 月光"


@pytest.fixture
def lines() -> StringIO:
    return StringIO()


@pytest.fixture
def log(lines: StringIO) -> Iterator[logging.Logger]:
    logger = logging.getLogger("wanserve.test")
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonFormatter())
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield logger
    logger.removeHandler(handler)


def test_a_line_tells_its_task_within_the_block_only(log: logging.Logger, lines: StringIO) -> None:
    with bind_task_id("12"):
        log.info("inside %d", 1)
    log.warning("outside")
    inside, outside = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (inside["message"], inside["task"], inside["level"]) == ("inside 1", "12", "info")
    assert "task" not in outside


def variants(prompt: str) -> list[str]:
    """The prompt in the forms in which libraries write it: whole, quoted, in part, changed."""
    return [prompt, repr(prompt), ascii(prompt), prompt[3:9], prompt.upper(), f"a beautiful {prompt}, 4k", prompt[::-1]]


def fail(text: str) -> None:
    raise KeyError(text)


def raised(text: str, kind: type[Exception] = ValueError) -> Exception:
    """An error with this text, and a cause with the same text."""
    try:
        try:
            fail(text)
        except KeyError as cause:
            raise kind(text) from cause
    except Exception as error:  # noqa: BLE001 - whatever kind was asked for
        error.add_note(text)
        return error
    raise AssertionError


@pytest.mark.parametrize("text", variants(PROMPT))
@pytest.mark.parametrize("kind", [ValueError, RuntimeError, OSError, ArithmeticError])
def test_no_text_of_an_error_is_in_a_line_only_what_it_is_and_where(
    log: logging.Logger, lines: StringIO, text: str, kind: type[Exception]
) -> None:
    with bind_task_id("12"):
        log.error("failed", exc_info=raised(text, kind))
        log.error("failed", exc_info=ExceptionGroup(text, [raised(text), OSError(28, text, text)]))
    single, group = (json.loads(line) for line in lines.getvalue().splitlines())
    assert text not in lines.getvalue()
    assert f"builtins.{kind.__qualname__}" in single["trace"]
    assert "builtins.KeyError" in single["trace"]
    assert "test_telemetry.py:" in single["trace"]
    assert "in raised" in single["trace"]
    assert "(errno 28: No space left on device)" in group["trace"]


@pytest.mark.parametrize("text", variants(PROMPT))
def test_no_text_of_a_library_is_in_a_line_only_where_it_was_logged(lines: StringIO, text: str) -> None:
    library = logging.getLogger("diffusers.pipelines.wan")
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonFormatter())
    library.addHandler(handler)
    try:
        library.warning("truncated: %s", text)
        library.warning(f"truncated: {text}")
    finally:
        library.removeHandler(handler)
    assert text not in lines.getvalue()
    for line in lines.getvalue().splitlines():
        entry = json.loads(line)
        assert entry["logger"] == "diffusers.pipelines.wan"
        assert entry["message"].startswith("a library logged at test_telemetry.py:")


def test_a_process_whose_lines_another_one_logs_tells_the_same() -> None:
    formatter = PlainFormatter()
    ours = logging.LogRecord("wanserve.peer", 40, __file__, 1, "failed at %s", ("step 3",), None)
    assert formatter.format(ours) == "failed at step 3"
    error = raised(PROMPT)
    theirs = logging.LogRecord("torch", 40, __file__, 1, PROMPT, (), (type(error), error, error.__traceback__))
    assert "kitten" not in formatter.format(theirs)
    assert "builtins.ValueError" in formatter.format(theirs)


def test_at_level_debug_all_is_shown(lines: StringIO) -> None:
    record = logging.LogRecord("torch", 40, __file__, 1, PROMPT, (), None)
    assert "kitten" in JsonFormatter(redact=False).format(record)


CRASHES = {
    "a thread": "threading.Thread(target=fail).start()",
    "the main thread": "fail()",
    "a destructor": "class Last:\n    def __del__(self): fail()\nLast()",
    "a warning": "import warnings; warnings.warn(TEXT)",
    "asyncio": "async def main(): asyncio.ensure_future(later()); await asyncio.sleep(0)\n"
    "async def later(): fail()\nasyncio.run(main()); import gc; gc.collect()",
}


@pytest.mark.parametrize("where", CRASHES)
def test_what_python_itself_would_print_is_logged_in_the_same_way(where: str) -> None:
    program = f"""
import asyncio, threading
from wanserve.telemetry import start_logging
TEXT = {PROMPT!r}
def fail(): raise ValueError(TEXT)
start_logging("info")
{CRASHES[where]}
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert "kitten" not in ended.stderr
    assert ended.stderr.strip()
    for line in ended.stderr.splitlines():
        entry = json.loads(line)
        assert entry["level"] in ("critical", "error", "warning")


def text(record: logging.LogRecord, *, colours: bool = False, redact: bool = True) -> str:
    return TextFormatter(redact=redact, colours=colours).format(record)


def test_a_line_for_people_has_time_level_message_and_task() -> None:
    record = logging.LogRecord("wanserve.server", logging.WARNING, __file__, 1, "listening at %s", ("here",), None)
    assert re.fullmatch(r"\d\d:\d\d:\d\d warning  listening at here", text(record))
    with bind_task_id("12"):
        assert text(record).endswith("listening at here (task 12)")
    coloured = text(record, colours=True)
    assert LEVEL_COLOURS[logging.WARNING] in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == text(record)


def test_a_line_for_people_tells_no_more_than_one_of_json() -> None:
    error = raised(PROMPT)
    record = logging.LogRecord("torch", 40, __file__, 1, PROMPT, (), (type(error), error, error.__traceback__))
    first, *trace = text(record).splitlines()
    assert "kitten" not in text(record)
    assert "a library logged at test_telemetry.py:" in first
    assert "\n".join(trace) == redacted_trace(error)
    assert "kitten" in text(record, redact=False)


ON_A_TERMINAL = """
import logging, sys
from wanserve.telemetry import start_logging
start_logging("info", {format!r}, colours={colours})
logging.getLogger("wanserve.test").info("ready")
"""


def logged(log_format: str, *, terminal: bool, colours: bool = True) -> str:
    """What a process with this setting logs, to a terminal or to a pipe."""
    program = [sys.executable, "-c", ON_A_TERMINAL.format(format=log_format, colours=colours)]
    ours, theirs = pty.openpty() if terminal else os.pipe()
    try:
        subprocess.run(program, stderr=theirs, timeout=60, check=True)
        return os.read(ours, 4096).decode()
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    ("log_format", "terminal", "as_json"),
    [("auto", True, False), ("auto", False, True), ("text", False, False), ("json", True, True)],
)
def test_the_log_is_for_people_on_a_terminal_and_for_programs_elsewhere(
    log_format: str, terminal: bool, as_json: bool
) -> None:
    line = logged(log_format, terminal=terminal)
    if as_json:
        assert json.loads(line)["message"] == "ready"
    else:
        assert "ready" in line
        assert ("\x1b[" in line) is terminal


def test_a_terminal_without_colours_gets_none() -> None:
    assert "\x1b[" not in logged("text", terminal=True, colours=False)
