"""The regular expressions of a deny list: compiled, and tried at the start on texts that are hard for slow ones."""

import logging
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from wanserve.domain.rules import PROMPT_CHARACTERS

log = logging.getLogger("wanserve.prompts")

TRIAL_SECONDS: Final = 0.25
"""How much time of the processor one pattern may take for all texts of the trial, each as long as a prompt may be."""

SLOW_SECONDS: Final = 0.05
"""A search that takes longer is logged, once for each pattern."""

_LETTERS_TRIED: Final = 8


class _TooSlow(Exception):
    """The trial of a pattern took too long."""


@dataclass(slots=True)
class Pattern:
    """A pattern, and the number of its line. `now_s` is a clock."""

    line: int
    expression: re.Pattern[str]
    now_s: Callable[[], float] = time.perf_counter
    _told: bool = field(default=False, init=False)

    def is_in(self, folded: str) -> bool:
        """Whether the pattern is found in a folded text."""
        begun_s = self.now_s()
        found = self.expression.search(folded) is not None
        took_s = self.now_s() - begun_s
        if took_s > SLOW_SECONDS and not self._told:
            self._told = True
            log.warning(
                "the pattern in line %d of the deny list took %.2f s, in which nothing else was done", self.line, took_s
            )
        return found


def compile_patterns(sources: Mapping[int, str]) -> Sequence[Pattern]:
    """Compile the patterns, each by the number of its line. Raises ValueError for one that is wrong, or slow.

    A search cannot be stopped, and holds up the whole process. So each pattern is tried, which only the main thread can
    do: elsewhere they are compiled without it.
    """
    patterns = []
    for line, source in sources.items():
        try:
            pattern = Pattern(line, re.compile(source, re.IGNORECASE))
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"line {line} is not a regular expression: {error}") from error
        if pattern.expression.search("") is not None:
            raise ValueError(f"line {line} is found in every text, also in an empty one")
        patterns.append(pattern)
    if threading.current_thread() is threading.main_thread():
        for pattern in patterns:
            _try_out(pattern, sources[pattern.line])
    return patterns


def _try_out(pattern: Pattern, source: str) -> None:
    try:
        with _processor_time(TRIAL_SECONDS):
            for text in _hard_texts(source):
                pattern.expression.search(text)
    except _TooSlow:
        raise ValueError(
            f"line {pattern.line} takes too long: a text of {PROMPT_CHARACTERS} characters needs more than"
            f" {TRIAL_SECONDS:g} s. Repeat nothing that is repeated already, as in (a+)+"
        ) from None


def _hard_texts(source: str) -> Iterator[str]:
    """Texts of full length that nearly match again and again, by the letters and words that the pattern has."""
    letters = dict.fromkeys("a1 裸" + "".join(filter(str.isalnum, source)).casefold()[:_LETTERS_TRIED])
    for repeated in (*letters, "ab ", *re.findall(r"\w+", source)[:_LETTERS_TRIED]):
        yield (repeated * PROMPT_CHARACTERS)[: PROMPT_CHARACTERS - 1] + "!"


@contextmanager
def _processor_time(seconds: float) -> Iterator[None]:
    """Raise _TooSlow in the main thread once this process has computed for so long. A regular expression looks for signals."""

    def stop(*_: object) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
