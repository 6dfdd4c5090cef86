"""The settings of moderation: what they mean, and one line for each that is wrong."""

from pathlib import Path

import pytest

from wanserve.domain.errors import SetupError
from wanserve.settings import Settings, load

NO_FILE = Path("no-such-file.toml")


def loaded(**variables: str) -> Settings:
    return load({}, {f"WANSERVE_MODERATION{name}": value for name, value in variables.items()}, NO_FILE)


def test_nothing_is_moderated_by_default() -> None:
    settings = loaded()
    assert settings.moderation is None
    assert not settings.policy().open_when_down


@pytest.mark.parametrize(
    ("text", "file", "url"),
    [
        ("/etc/deny.txt", "/etc/deny.txt", None),
        ("deny.txt", "./deny.txt", None),
        ("~/deny.txt", "~/deny.txt", None),
        ("https://host/v1", None, "https://host/v1"),
        (" /etc/deny.txt , http://127.0.0.1:1/v1/moderations ", "/etc/deny.txt", "http://127.0.0.1:1/v1/moderations"),
        ("http://host,/etc/deny.txt", "/etc/deny.txt", "http://host"),
    ],
)
def test_a_file_and_a_url_are_told_apart(text: str, file: str | None, url: str | None) -> None:
    judges = loaded(**{"": text}).moderation
    assert judges is not None
    assert judges.file == (None if file is None else Path(file).expanduser().absolute())
    assert judges.url == url


def test_the_file_of_settings_has_them_too(tmp_path: Path) -> None:
    file = tmp_path / "wanserve.toml"
    file.write_text("moderation = 'https://host'\nmoderation_categories = 'hate=0.5'\nmoderation_down = 'open'\n")
    settings = load({}, {}, file)
    assert settings.moderation_categories == {"hate": 0.5}
    assert settings.policy().open_when_down


@pytest.mark.parametrize(
    "text",
    [
        ",", "a,b", "http://a,http://b", "a,", "ftp://host/v1", "https://", "https://user:pass@host", "file:///deny.txt",
        "https://host:99999", "https://ho st",
    ],
)  # fmt: skip
def test_what_is_neither_is_one_line_that_names_the_setting(text: str) -> None:
    with pytest.raises(SetupError) as refused:
        loaded(**{"": text})
    assert str(refused.value).startswith("moderation (WANSERVE_MODERATION): must be the file of a deny list")
    assert "\n" not in str(refused.value)
    assert "pass" not in str(refused.value)


def test_categories_have_scores_or_the_endpoints_own_flag() -> None:
    settings = loaded(**{"": "http://host", "_CATEGORIES": "sexual/minors=0.2, violence=.8 ,hate,self-harm=1"})
    assert settings.moderation_categories == {"sexual/minors": 0.2, "violence": 0.8, "hate": None, "self-harm": 1.0}


@pytest.mark.parametrize(
    "text",
    [",", "hate,", "hate=", "hate=0", "hate=1.1", "hate=-1", "hate=1e-1", "hate=x", "ha te", "hate,hate=1", "=1"],
)
def test_wrong_categories_are_one_line_that_names_the_setting(text: str) -> None:
    with pytest.raises(SetupError, match=r"^moderation_categories \(WANSERVE_MODERATION_CATEGORIES\): must be names"):
        loaded(**{"": "http://host", "_CATEGORIES": text})


@pytest.mark.parametrize("key", ["k\u00e9y", "a\nb", "a\x00"])
def test_a_key_that_no_header_can_have_is_refused_and_not_told(key: str) -> None:
    with pytest.raises(SetupError, match="moderation_key") as refused:
        loaded(**{"": "http://host", "_KEY": key})
    assert key not in str(refused.value)


@pytest.mark.parametrize("name", ["key", "model", "categories"])
@pytest.mark.parametrize("judges", [{}, {"": "/etc/deny.txt"}])
def test_what_is_for_an_endpoint_needs_one(name: str, judges: dict[str, str]) -> None:
    with pytest.raises(SetupError, match=rf"^moderation_{name} is for an endpoint, and moderation names no URL"):
        loaded(**judges, **{f"_{name.upper()}": "hate"})


def test_what_is_done_while_the_endpoint_is_down_is_one_of_two() -> None:
    with pytest.raises(SetupError, match="moderation_down"):
        loaded(**{"": "http://host", "_DOWN": "ajar"})


def test_the_key_is_in_no_text_of_the_settings() -> None:
    settings = loaded(**{"": "http://host", "_KEY": " sk-secret "})
    assert "sk-secret" not in repr(settings)
    assert settings.moderation_key is not None
    assert settings.moderation_key.get_secret_value() == "sk-secret"
