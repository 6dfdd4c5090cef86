"""The tables `[[upstreams]]`: what may be in one, and one line for each mistake, without the key."""

from pathlib import Path

import pytest

from wanserve.domain.catalogue import DOCUMENT_480P, MODELS
from wanserve.domain.errors import SetupError
from wanserve.models.availability import describe, find_availability
from wanserve.models.upstream import BodyFormat, Dialect, Upstream
from wanserve.models.upstream_settings import UpstreamSettings
from wanserve.settings import Settings, load

MODEL = "wan2.2-t2v-plus"
KEY = "sk-a-very-secret-key"
GOOD: dict[str, object] = {"name": "a", "url": "http://10.0.0.7:8000/v1/", "dialect": "openai", "models": [MODEL]}


def loaded(*tables: dict[str, object], **more: object) -> Settings:
    return load({"engine": "remote", "upstreams": list(tables), **more}, {}, Path("none.toml"))


def test_a_table_has_defaults_for_all_but_name_url_dialect_and_models() -> None:
    (upstream,) = loaded(GOOD).upstreams_by_name({}).values()
    assert upstream == Upstream("a", "http://10.0.0.7:8000/v1", Dialect.OPENAI, {MODEL: MODEL})


def test_every_field_of_a_table_reaches_the_upstream(tmp_path: Path) -> None:
    (tmp_path / "wanserve.toml").write_text(f"""
engine = "remote"
[[upstreams]]
name = "hosted"
url = "https://dashscope-intl.aliyuncs.com/api/v1"
dialect = "dashscope"
key_variable = "DASHSCOPE_API_KEY"
weight = 3
concurrency = 5
outage_seconds = 30
max_seconds = 600
body = "form"
extensions = false
frames = true
models = {{ "{MODEL}" = "wan2.5-t2v-preview" }}
""")
    settings = load({}, {}, tmp_path / "wanserve.toml")
    (upstream,) = settings.upstreams_by_name({"DASHSCOPE_API_KEY": f" {KEY}\n"}).values()
    assert upstream == Upstream(
        "hosted",
        "https://dashscope-intl.aliyuncs.com/api/v1",
        Dialect.DASHSCOPE,
        {MODEL: "wan2.5-t2v-preview"},
        KEY,
        weight=3,
        concurrency=5,
        outage_s=30,
        max_s=600,
        body=BodyFormat.FORM,
        extensions=False,
        frames=True,
    )


MISTAKES: list[tuple[dict[str, object], str]] = [
    ({"name": "a b"}, "upstreams.0.name: must be a word"),
    ({"name": ""}, "upstreams.0.name: must be a word"),
    ({"name": "../x"}, "upstreams.0.name: must be a word"),
    ({"url": "ftp://x"}, "upstreams.0.url: must be http:// or https://"),
    ({"url": "http://user:password@x"}, "upstreams.0.url: must be http:// or https://"),
    ({"url": "http://x/v1?key=1"}, "upstreams.0.url: must be http:// or https://"),
    ({"dialect": "pixazo"}, "upstreams.0.dialect: Input should be 'openai' or 'dashscope'"),
    ({"models": []}, "upstreams.0.models: must name at least one model"),
    ({"models": ["sora-2"]}, "upstreams.0.models: there is no model sora-2"),
    ({"models": {MODEL: ""}}, f"upstreams.0.models.{MODEL}: "),
    ({"models": 3}, "upstreams.0.models: "),
    ({"weight": 0}, "upstreams.0.weight: "),
    ({"concurrency": 0}, "upstreams.0.concurrency: "),
    ({"concurrency": 1000}, "upstreams.0.concurrency: "),
    ({"outage_seconds": 0}, "upstreams.0.outage_seconds: "),
    ({"max_seconds": -1}, "upstreams.0.max_seconds: "),
    ({"colour": "red"}, "upstreams.0.colour: there is no such setting"),
    ({"key": f"{KEY} two"}, "upstreams.0.key: must be printable ASCII"),
    ({"key": f"{KEY}ü"}, "upstreams.0.key: must be printable ASCII"),
    ({"key": "  "}, "upstreams.0.key: must be printable ASCII"),
    ({"key": KEY, "key_variable": "X"}, "upstreams.0: key and key_variable exclude each other"),
    ({"key_variable": "WANSERVE_MY_KEY"}, "upstreams.0.key_variable: must be the name of a variable"),
    ({"key_variable": "a-b"}, "upstreams.0.key_variable: must be the name of a variable"),
]


@pytest.mark.parametrize(("change", "line"), MISTAKES)
def test_a_mistake_is_one_line_that_names_the_setting(change: dict[str, object], line: str) -> None:
    with pytest.raises(SetupError) as refused:
        loaded(GOOD | change)
    said = str(refused.value)
    assert line in said
    assert "\n" not in said
    assert KEY not in said
    assert "password" not in said


@pytest.mark.parametrize("field", ["name", "url", "dialect", "models"])
def test_what_a_table_must_have_is_named(field: str) -> None:
    with pytest.raises(SetupError, match=rf"^upstreams\.0\.{field}: "):
        loaded({name: value for name, value in GOOD.items() if name != field})


def test_two_upstreams_of_one_name_are_refused() -> None:
    with pytest.raises(SetupError, match="two have the name a"):
        loaded(GOOD, GOOD)


def test_upstreams_are_not_set_by_a_variable() -> None:
    with pytest.raises(SetupError, match=r"upstreams \(WANSERVE_UPSTREAMS\): is not a variable"):
        load({}, {"WANSERVE_UPSTREAMS": "http://x"}, Path("none.toml"))


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({}, "upstreams: a: key_variable: the variable MY_KEY is not set"),
        ({"MY_KEY": " "}, "upstreams: a: key_variable: the variable MY_KEY is not set"),
        ({"MY_KEY": f"{KEY}\x07"}, "upstreams: a: key_variable: the key in MY_KEY must be printable ASCII"),
    ],
)
def test_a_variable_without_a_usable_key_is_named(environ: dict[str, str], line: str) -> None:
    with pytest.raises(SetupError, match=line) as refused:
        loaded(GOOD | {"key_variable": "MY_KEY"}).upstreams_by_name(environ)
    assert KEY not in str(refused.value)


def test_a_key_is_in_no_text_of_the_settings() -> None:
    settings = loaded(GOOD | {"key": KEY})
    assert KEY not in repr(settings)
    assert KEY not in str(settings.model_dump())
    assert settings.upstreams_by_name({})["a"].key == KEY


def test_the_models_are_those_that_any_upstream_has() -> None:
    other = GOOD | {"name": "b", "models": {"wanx2.1-t2v-turbo": "turbo"}}
    availability = find_availability(loaded(GOOD, other))
    assert availability.engine == "remote"
    assert set(availability.cards) == {MODEL, "wanx2.1-t2v-turbo"}
    card = availability.cards[MODEL]
    assert (card.frames, card.fps, card.steps, card.guidance_scale) == (150, 30, None, None)
    assert card.sizes == MODELS[MODEL].sizes
    (unserved,) = (model for model in availability.models if model.engine is None)
    assert unserved.why == "no upstream has it"
    assert availability.loadable == {}
    for model in availability.models:
        assert describe(model)["name"] == model.card.name


def test_a_model_of_a_dashscope_upstream_has_only_the_sizes_of_its_api() -> None:
    availability = find_availability(loaded(GOOD, GOOD | {"name": "b", "dialect": "dashscope"}))
    assert DOCUMENT_480P not in availability.cards[MODEL].sizes


def test_the_length_is_the_open_weights_where_the_owner_sets_it() -> None:
    availability = find_availability(loaded(GOOD, models={MODEL: {"frames": 81}}))
    assert (availability.cards[MODEL].frames, availability.cards[MODEL].fps) == (81, 16)


@pytest.mark.parametrize(
    ("tables", "more", "line"),
    [
        ([], {}, "the remote engine has no upstream"),
        ([GOOD], {"llm_url": "http://x/v1", "llm_model": "m"}, "llm_url: the remote engine leaves it"),
        ([GOOD | {"key_variable": "SURELY_NOT_SET"}], {}, "the variable SURELY_NOT_SET is not set"),
    ],
)
def test_settings_that_the_remote_engine_cannot_use_are_refused(
    tables: list[dict[str, object]], more: dict[str, object], line: str
) -> None:
    with pytest.raises(SetupError, match=line):
        find_availability(loaded(*tables, **more))


def test_upstreams_without_the_engine_change_nothing() -> None:
    settings = load({"engine": "animatic", "upstreams": [GOOD]}, {}, Path("none.toml"))
    assert find_availability(settings).engine == "animatic"


def test_a_table_by_itself_is_what_the_file_has() -> None:
    made = UpstreamSettings.model_validate(GOOD)
    assert made.models == {MODEL: MODEL}
