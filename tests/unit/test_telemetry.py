"""The log's lines: JSON, with the task's id, and with nothing of a prompt."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest

from wanserve.telemetry import JsonLines, about

PROMPT = "a secret kitten\nin the 月光"


@pytest.fixture
def lines() -> StringIO:
    return StringIO()


@pytest.fixture
def log(lines: StringIO) -> Iterator[logging.Logger]:
    logger = logging.getLogger("wanserve.test")
    handler = logging.StreamHandler(lines)
    handler.setFormatter(JsonLines())
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield logger
    logger.removeHandler(handler)


def fail(text: str) -> None:
    raise ValueError(text)


def test_a_line_tells_its_task_within_the_block_only(log: logging.Logger, lines: StringIO) -> None:
    with about("12"):
        log.info("inside %d", 1)
    log.warning("outside")
    inside, outside = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (inside["message"], inside["task"], inside["level"]) == ("inside 1", "12", "info")
    assert "task" not in outside


@pytest.mark.parametrize("shown", [str, repr, ascii])
def test_a_prompt_is_in_no_line_however_a_library_quotes_it(
    log: logging.Logger, lines: StringIO, shown: type[str]
) -> None:
    with about("12", PROMPT, ""):
        log.info("reading %s", shown(PROMPT))
        try:
            fail(f"cannot read {shown(PROMPT)}")
        except ValueError:
            log.exception("failed")
    said = lines.getvalue()
    assert "kitten" not in said
    assert said.count("[prompt]") == 2
    assert "ValueError: cannot read" in said


def test_a_prompt_of_a_few_letters_leaves_the_lines_whole(log: logging.Logger, lines: StringIO) -> None:
    with about(None, "a"):
        log.info("a cat")
    assert json.loads(lines.getvalue())["message"] == "a cat"
