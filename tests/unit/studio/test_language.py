"""Which language a browser is shown: what its visitor has chosen, else what it likes best."""

import pytest

from wanserve.studio.language import Language, wanted_language

EN, ZH = Language.EN, Language.ZH


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("", EN),
        ("en", EN),
        ("zh", ZH),
        ("zh-CN", ZH),
        ("ZH-Hant-TW", ZH),
        ("zh-CN,zh;q=0.9,en;q=0.8", ZH),
        ("en-US,en;q=0.9,zh;q=0.8", EN),
        ("de-DE,de;q=0.9,zh;q=0.4,en;q=0.3", ZH),
        ("en;q=0.5, zh; q=0.8", ZH),
        ("en;q=0.5,zh;q=0.5", EN),
        ("zh;q=0", EN),
        ("zh;q=0,en;q=0", EN),
        ("zh;q=-1", EN),
        ("fr, de;q=0.9", EN),
        ("*", EN),
        ("*;q=0.5,zh;q=0.1", ZH),
        ("zhx", EN),
        (",,;;=,q=", EN),
        ("zh;q=x,en;q=0.1", EN),
        ("zh;q=nan", EN),
        ("zh;q=", ZH),
        ("\x00\xff;q=1", EN),
        ("zh;level=1", EN),
    ],
)
def test_the_language_that_a_browser_likes_best_is_shown(accepted: str, wanted: Language) -> None:
    assert wanted_language(None, accepted) is wanted


@pytest.mark.parametrize("accepted", ["", "en", "zh-CN,en;q=0.1", "nonsense;;q"])
@pytest.mark.parametrize("chosen", Language)
def test_what_the_visitor_has_chosen_comes_first(chosen: Language, accepted: str) -> None:
    assert wanted_language(chosen.value, accepted) is chosen


@pytest.mark.parametrize("chosen", ["", "de", "EN", "zh-CN", "<script>", "en\n"])
def test_a_choice_that_there_is_not_counts_as_none(chosen: str) -> None:
    assert wanted_language(chosen, "zh-CN") is ZH


def test_each_language_has_a_tag_and_another_one_to_change_to() -> None:
    assert [language.tag for language in Language] == ["en", "zh-Hans"]
    assert all(language.other.other is language is not language.other for language in Language)
