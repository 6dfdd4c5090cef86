"""How long a prompt takes in a deny list of 10,000 entries, beside one of ten."""

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench.result import Result, Target
from wanserve.domain.rules import PROMPT_CHARACTERS
from wanserve.prompts.deny_list import DenyList, compile_list

ENTRIES: Final = 10_000
ROUNDS: Final = 200
HAN: Final = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]


def run(_folder: Path) -> Result:
    """Measure the best of many rounds, as the work is the same each time."""
    drawn = random.Random(1)
    entries = [_entry(drawn, number) for number in range(ENTRIES)]
    compiled_s = _least_s(lambda: compile_list("\n".join(entries)), 3)
    large, small = compile_list("\n".join(entries)), compile_list("\n".join(entries[:10]))
    english = " ".join(_word(drawn, 2, 9) for _ in range(PROMPT_CHARACTERS))[:PROMPT_CHARACTERS]
    chinese = "".join(drawn.choices(HAN, k=PROMPT_CHARACTERS))
    long = [english, chinese, ("a " * PROMPT_CHARACTERS)[:PROMPT_CHARACTERS]]
    assert not any(large.denies(text) for text in long), "a text that is found is not read to its end"
    full_ms = max(_denies_ms(large, text) for text in long)
    return Result(
        "moderation",
        {
            "compiled_ms": round(compiled_s * 1000, 1),
            "80_characters_ms": round(_denies_ms(large, english[:80]), 3),
            "full_length_ms": round(full_ms, 3),
            "full_length_to_ten_entries": round(full_ms / max(_denies_ms(small, text) for text in long), 2),
        },
        [Target("full_length_ms", "<", 1), Target("full_length_to_ten_entries", "<=", 5)],
    )


def _entry(drawn: random.Random, number: int) -> str:
    if number % 2:
        return "".join(drawn.choices(HAN, k=drawn.randint(2, 5)))
    return " ".join(_word(drawn, 4, 9) for _ in range(drawn.choice((1, 1, 1, 1, 2, 3))))


def _word(drawn: random.Random, least: int, most: int) -> str:
    return "".join(drawn.choices("abcdefghijklmnopqrstuvwxyz", k=drawn.randint(least, most)))


def _denies_ms(words: DenyList, text: str) -> float:
    return _least_s(lambda: words.denies(text), ROUNDS) * 1000


def _least_s(work: Callable[[], object], rounds: int) -> float:
    least_s = float("inf")
    for _ in range(rounds):
        begun_s = time.perf_counter()
        work()
        least_s = min(least_s, time.perf_counter() - begun_s)
    return least_s
