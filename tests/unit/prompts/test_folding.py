"""Folding: forms that a reader takes for the same are the same, and what differs stays apart."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanserve.prompts.folding import fold


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("NuDe", "nude"),
        ("ｎｕｄｅ　ＣＡＴ", "nude cat"),
        ("ⓝⓤⓓⓔ", "nude"),
        ("𝓷𝓾𝓭𝓮", "nude"),
        ("n\u00fad\u00e9", "nude"),
        ("nu\u0301de\u0301", "nude"),
        ("n\u0336u\u0336d\u0336e", "nude"),
        ("nu\u00adde", "nude"),
        ("nu\u200bd\u2060e\ufeff", "nude"),
        ("nu\u180bde\ufe0f", "nude"),
        ("\u202enude\u202c", "nude"),
        ("nudе", "nude"),
        ("NUDΕ", "nude"),
        ("Straße", "strasse"),
        ("İSTANBUL", "istanbul"),
        ("ﬁre", "fire"),
        ("  a \t\n\u3000b\u00a0c ", "a b c"),
        ("裸\u200b体", "裸体"),
        ("ｶﾞｽ", "ガス"),
    ],
)
def test_forms_of_one_text_are_one(written: str, folded: str) -> None:
    assert fold(written) == folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("裸体", "裸體"),  # traditional and simplified
        ("はか", "ばか"),  # a mark of kana is a letter
        ("हिदी", "हदी"),
        ("рот", "pot"),  # a word that is all Cyrillic is not an English one
        ("nude", "nud"),
        ("a b", "ab"),
    ],
)
def test_what_differs_stays_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text())
def test_what_is_folded_stays_as_it_is(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_each_normal_form_of_a_text_folds_alike(text: str) -> None:
    assert len({fold(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")}) == 1
