"""Deny lists: what an entry finds and what it leaves alone, and the line for each list that cannot be used."""

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanserve.domain.errors import SetupError
from wanserve.prompts.deny_list import DenyList, compile_list, read_deny_list
from wanserve.prompts.patterns import Pattern, compile_patterns

ENTRIES = """
# the rules of the house

ass
nude
Graphic  VIOLENCE
don't look
裸体
血
AV女优
ばか
порно
/gr[ae]y (?:cat|dog)s?/
/🍑/
/BIG (?:Hat|coat)/
"""
LIST = compile_list(ENTRIES)


@pytest.mark.parametrize(
    "text",
    [
        "nude", "a NUDE statue", "nude.", "(nude)", "ｎｕｄｅ", "nu\u200bde", "nu\u00adde", "nu\u0301de", "nudе",
        "n.u.d.e", "n u d e", "a n u d e", "n - u - d - e", "nu-de", "n_u_d_e", "nu.de cat", "n\u2022u\u2022d\u2022e",
        "my ass", "a s s", "graphic violence", "GRAPHIC\n violence!", "graphic, violence", "gra-phic vio-lence",
        "Don’t look", "don't   look", "一个nude女孩", "nude女孩",
        "裸体", "她是裸体的", "裸 体", "裸，体", "裸*体", "裸\u200b体", "裸\n体", "裸_体", "流血", "一个AV女优", "av 女 优", "ａｖ女优",
        "ばか", "は\u3099か", "ПОРНО", "смотри порно",
        "gray cats", "GREY DOG", "grey   dog", "a 🍑", "a big hat",
    ],
)  # fmt: skip
def test_an_entry_is_found_however_it_is_written(text: str) -> None:
    assert LIST.denies(text)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a class on the grass", "assist", "as s", "denude", "nudes", "n u d", "violence graphic", "graphic nonviolence",
        "don look", "裸體", "体裸", "裸的身体", "女优", "はか", "порнограф", "rope", "gray cow", "greycat", "A kitten running in the moonlight",
        "一只小猫在月光下奔跑",
    ],
)  # fmt: skip
def test_what_is_none_is_left_alone(text: str) -> None:
    assert not LIST.denies(text)


def test_the_entries_are_counted_once_each() -> None:
    assert LIST.size == 12
    assert compile_list("a\nA\n ａ \n#a\n").size == 1


WORDS = st.text("abcdefghijklmnopqrstuvwxyzéß", min_size=3, max_size=8)
HAN = st.text("裸体血女优猫狗月光", min_size=1, max_size=5)


@given(st.lists(WORDS, min_size=1, max_size=3), st.lists(WORDS, max_size=5), st.lists(WORDS, max_size=5))
def test_a_phrase_is_found_between_any_words(phrase: list[str], before: list[str], after: list[str]) -> None:
    words = compile_list(" ".join(phrase))
    assert words.denies(" ".join([*before, *phrase, *after]))
    assert words.denies(", ".join([*before, *phrase, *after]).upper())


@given(HAN, HAN, HAN, st.sampled_from(["", " ", "，", "·", "\u200b", "…"]))
def test_chinese_is_found_inside_of_any_sentence(entry: str, before: str, after: str, between: str) -> None:
    assert compile_list(entry).denies(between.join(before + entry + after))


@given(st.lists(st.one_of(WORDS, HAN), min_size=1, max_size=30), st.lists(st.one_of(WORDS, HAN), max_size=30))
def test_a_list_finds_what_one_of_its_entries_finds(entries: list[str], text: list[str]) -> None:
    written = " ".join(text)
    assert compile_list("\n".join(entries)).denies(written) == any(compile_list(one).denies(written) for one in entries)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it has no entry"),
        ("# nothing\n\n   \n", "it has no entry"),
        ("ok\n/(/", "line 2 is not a regular expression: missing ), unterminated subpattern"),
        ("ok\n\n/a{2,1}/", "line 3 is not a regular expression"),
        ("/a*/", "line 1 is found in every text"),
        ("ok\n...", "line 2 has no letter, or a symbol"),
        ("ok\nhot 🍑", "line 2 has no letter, or a symbol"),
        ("ok\n\u200b", "line 2 has no letter, or a symbol"),
        ("ok\n/(a+)+$/", "line 2 takes too long: a text of 800 characters needs more than 0.25 s"),
        ("ok\n/.*.*.*.*x/", "line 2 takes too long"),
        ("ok\n/(cat|ca|t)*y/", "line 2 takes too long"),
    ],
)
def test_a_list_that_cannot_be_used_says_why_and_where(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "deny.txt"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SetupError) as refused:
        read_deny_list(file)
    assert f"moderation: the list {file}: {problem}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_list_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    latin = tmp_path / "latin.txt"
    latin.write_bytes("ok\nma\xf1ana".encode("latin-1"))
    for file, problem in (
        (tmp_path / "none.txt", "cannot be read: No such file"),
        (tmp_path, "cannot be read: Is a directory"),
        (latin, r"is not a text in UTF-8 \(byte 5\)"),
    ):
        with pytest.raises(SetupError, match=problem):
            read_deny_list(file)


def test_a_list_may_begin_with_the_mark_of_its_encoding(tmp_path: Path) -> None:
    file = tmp_path / "deny.txt"
    file.write_bytes(b"\xef\xbb\xbfgore\r\nblood\r\n")
    words = read_deny_list(file)
    assert words.size == 2
    assert words.denies("gore")
    assert words.denies("blood")


class Slow:
    """Stands for an expression whose search takes longer than a search may."""

    def __init__(self, clock: list[float]) -> None:
        self.clock = clock

    def search(self, text: str) -> None:
        self.clock[0] += 1


def test_a_pattern_that_is_slow_all_the_same_is_told_once_by_its_line_and_never_the_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = [0.0]
    pattern = Pattern(7, Slow(clock), lambda: clock[0])  # type: ignore[arg-type]  # all that is used of it is `search`
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            assert not pattern.is_in("a secret prompt")
    (told,) = caplog.messages
    assert "line 7" in told
    assert "secret" not in caplog.text


def test_outside_of_the_main_thread_patterns_are_compiled_without_a_trial() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as threads:
        (pattern,) = threads.submit(compile_patterns, {1: "(a+)+$"}).result()
    assert pattern.is_in("aaa")


def test_an_empty_list_denies_nothing() -> None:
    words = compile_list("x")
    assert not DenyList(words.words, words.unspaced, (), 1).denies("y")
