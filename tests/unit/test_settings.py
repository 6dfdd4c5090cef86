"""Settings: where they come from, which comes first, and one line for each that is wrong."""

import pickle
import re
from pathlib import Path

import pytest

from wanserve.domain.catalogue import MODELS, NO_CHOICES, Choices, LoraChoice
from wanserve.domain.errors import SetupError
from wanserve.models.sampling import PLUS_2_1, Lora, WanModelCard
from wanserve.settings import Settings, load

NO_FILE = Path("no-such-file.toml")


def test_the_defaults_are_those_of_the_documents() -> None:
    settings = load({}, {}, NO_FILE)
    assert settings.data_dir == Path("~/.local/share/wanserve").expanduser()
    assert (settings.host, settings.port, settings.engine) == ("127.0.0.1", 8000, "auto")
    assert (settings.submit_rps, settings.query_rps) == (10, 100)
    assert (settings.max_queued, settings.max_running, settings.retention_hours) == (500, None, 24)
    policy = settings.policy()
    assert (policy.max_attempts, policy.lease_seconds, policy.retention_ms) == (3, 15, 24 * 3600 * 1000)
    assert (settings.stall_seconds, settings.drain_seconds, settings.idle_seconds) == (300, 30, 75)


def test_flags_come_before_the_environment_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "wanserve.toml"
    file.write_text("port = 1\nmax_queued = 2\nhost = 'a'\n")
    settings = load({"port": 3, "host": None}, {"WANSERVE_PORT": "4", "WANSERVE_MAX_QUEUED": "5"}, file)
    assert (settings.port, settings.max_queued, settings.host) == (3, 5, "a")


def test_variables_of_the_clients_are_no_settings() -> None:
    assert load({}, {"WANSERVE_URL": "http://x", "WANSERVE_KEY": "k", "PATH": "/"}, NO_FILE) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("FOO", "1", r"foo \(WANSERVE_FOO\): there is no such setting"),
        ("PORT", "99999", r"port \(WANSERVE_PORT\): "),
        ("SUBMIT_RPS", "fast", r"submit_rps \(WANSERVE_SUBMIT_RPS\): "),
        ("SUBMIT_RPS", "0", "submit_rps"),
        ("SUBMIT_RPS", "nan", "submit_rps"),
        ("MAX_ATTEMPTS", "0", "max_attempts"),
        ("RETENTION_HOURS", "-1", "retention_hours"),
        ("ENGINE", "wan9", "engine"),
        ("PUBLIC_URL", "ftp://x", "public_url"),
        ("DATABASE_URL", "mysql://x", "database_url .* must be postgresql://"),
        ("BLOB_URL", "ftp://x", "blob_url .* must be file:///FOLDER"),
        ("BLOB_URL", "s3://x", "blob_url .* or s3://BUCKET"),
        ("BLOB_URL", "https://bucket", "blob_url .* or s3://BUCKET"),
        ("BLOB_URL", "s3://KEY:SECRET@bucket", "blob_url .* or s3://BUCKET"),
        ("BLOB_URL", "s3://bucket/../x", "blob_url .* or s3://BUCKET"),
        ("BLOB_LINKS", "both", "blob_links"),
        ("LOG_LEVEL", "loud", "log_level"),
        ("LOG_FORMAT", "xml", "log_format"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_it(name: str, value: str, says: str) -> None:
    with pytest.raises(SetupError, match=says) as refused:
        load({}, {f"WANSERVE_{name}": value}, NO_FILE)
    assert "\n" not in str(refused.value)


def test_an_empty_variable_is_an_unset_one() -> None:
    """As compose writes what nobody has set."""
    empty = {
        f"WANSERVE_{name.upper()}": text for name, text in zip(Settings.model_fields, ["", " "] * 100, strict=False)
    }
    assert load({}, empty | {"WANSERVE_NO_SUCH_SETTING": ""}, NO_FILE) == Settings()


@pytest.mark.parametrize("name", Settings.model_fields)
def test_no_message_of_a_setting_shows_a_regular_expression(name: str) -> None:
    for text in (
        "::",
        "?",
        "http://",
        "-",
        "\u0000",
        "[",
        "http://a b",
        "https://x?y=z",
        "http://u@h/",
        "http://h:99999",
        "9" * 50,
    ):
        try:
            load({}, {f"WANSERVE_{name.upper()}": text}, NO_FILE)
        except SetupError as error:
            said = str(error).removeprefix(name)
            assert not any(sign in said for sign in ("^", "$", "[^", "(?", r"\w", "pattern", "regex")), said


@pytest.mark.parametrize(
    "url", ["https://video.example", "http://video.example:8443/wan/", "http://[::1]:8000", "http://10.0.0.1/a b"]
)
def test_an_address_is_a_url_with_a_host(url: str) -> None:
    good = " " not in url
    for name in ("public_url", "llm_url"):
        given = {f"WANSERVE_{name.upper()}": url, "WANSERVE_LLM_MODEL": "m" if name == "llm_url" else ""}
        if good:
            assert getattr(load({}, given, NO_FILE), name) == url
        else:
            with pytest.raises(SetupError, match=r"must be http:// or https://"):
                load({}, given, NO_FILE)


def test_a_file_with_an_unknown_key_or_no_toml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "wanserve.toml"
    file.write_text("colour = 'red'\n")
    with pytest.raises(SetupError, match="colour"):
        load({}, {}, file)
    file.write_text("port = = 1")
    with pytest.raises(SetupError, match=r"wanserve\.toml cannot be read"):
        load({}, {}, file)


def test_a_relative_data_directory_is_made_absolute() -> None:
    assert load({"data_dir": "here"}, {}, NO_FILE).data_dir == Path.cwd() / "here"


CHOICES = """
[models."wanx2.1-t2v-plus"]
distill = { file = "/data/fast.safetensors" }
[models."wanx2.1-t2v-plus".requests]
profiles = ["exact", "balanced", "fast"]
steps = [4, 60]
guidance_scale = [1.0, 8.0]
max_loras = 2
loras.sketch = { file = "~/sketch.safetensors", strength = 0.8, strengths = [-0.5, 1.5] }
loras."ink.v2" = { file = "/data/ink-1.safetensors", file_2 = "/data/ink-2.safetensors" }
"""


def test_what_a_request_may_choose_is_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "wanserve.toml"
    file.write_text(CHOICES)
    sampling = load({}, {}, file).models["wanx2.1-t2v-plus"].sampling(PLUS_2_1)
    assert sampling.choices == Choices(
        ("exact", "balanced", "fast"),
        (4, 60),
        (1.0, 8.0),
        (LoraChoice("sketch", 0.8, (-0.5, 1.5)), LoraChoice("ink.v2", 1.0, (0.0, 2.0))),
        2,
    )
    assert sampling.offered_loras == {
        "sketch": Lora(str(Path("~/sketch.safetensors").expanduser()), None, 0.8),
        "ink.v2": Lora("/data/ink-1.safetensors", "/data/ink-2.safetensors"),
    }
    assert pickle.loads(pickle.dumps(sampling)) == sampling, "the child gets it"
    assert WanModelCard.of(MODELS["wanx2.1-t2v-plus"], sampling).choices == sampling.choices
    assert (sampling.steps, sampling.loras, sampling.profile) == (PLUS_2_1.steps, (), PLUS_2_1.profile)


def test_without_settings_nothing_may_be_chosen(tmp_path: Path) -> None:
    file = tmp_path / "wanserve.toml"
    file.write_text('[models."wanx2.1-t2v-plus"]\nsteps = 8\n')
    sampling = load({}, {}, file).models["wanx2.1-t2v-plus"].sampling(PLUS_2_1)
    assert (sampling.choices, sampling.offered_loras) == (NO_CHOICES, {})


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('profiles = ["small"]', "requests.profiles: small cannot be chosen by a request: it is how the weights are"),
        ('profiles = ["best"]', "requests.profiles.0: "),
        ('profiles = ["exact", "exact"]', "requests.profiles: exact stands twice"),
        ("steps = [0, 60]", "requests.steps.0: "),
        ("steps = [4, 1001]", "requests.steps.1: "),
        ("steps = [60, 4]", "requests.steps: must be the least and the most, in this order"),
        ("steps = [4]", "requests.steps.1: "),
        ("steps = 4", "requests.steps: "),
        ("guidance_scale = [0.5, 8.0]", "requests.guidance_scale.0: "),
        ("guidance_scale = [1.0, 101.0]", "requests.guidance_scale.1: "),
        ("guidance_scale = [nan, 8.0]", "requests.guidance_scale.0: "),
        ("guidance_scale = [8.0, 1.0]", "requests.guidance_scale: must be the least and the most, in this order"),
        ("max_loras = 0", "requests.max_loras: "),
        ('loras.Sketch = { file = "x" }', "requests.loras: 'Sketch' is no name: 1 to 64 of a-z"),
        ('loras."-a" = { file = "x" }', "requests.loras: '-a' is no name"),
        (f'loras.{"a" * 65} = {{ file = "x" }}', "is no name: 1 to 64"),
        ("loras.ink = { strength = 1.0 }", "requests.loras.ink: set file"),
        (
            'loras.ink = { file = "x", strength = 2.5 }',
            "requests.loras.ink: strength must be one of the strengths, 0 to 2",
        ),
        (
            'loras.ink = { file = "x", strengths = [2.0, 0.0] }',
            "requests.loras.ink: strengths must be the lowest and the",
        ),
        ('loras.ink = { file = "x", strengths = [-11.0, 0.0] }', "requests.loras.ink.strengths.0: "),
        ('loras.ink = { file = "x", strengths = [0.0, nan] }', "requests.loras.ink"),
        ("seed = [1, 2]", "requests.seed: there is no such setting"),
    ],
)
def test_nonsense_in_what_may_be_chosen_stops_the_start(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "wanserve.toml"
    file.write_text(f'[models."wanx2.1-t2v-plus".requests]\n{line}\n')
    with pytest.raises(SetupError) as refused:
        load({}, {}, file)
    assert str(refused.value).startswith("models.wanx2.1-t2v-plus")
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_remote_engine_passes_no_choices_on_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "wanserve.toml"
    file.write_text(CHOICES)
    with pytest.raises(SetupError, match=r"models.wanx2.1-t2v-plus.requests: the remote engine passes no choices on"):
        load({"engine": "remote"}, {}, file)


def test_the_example_of_the_documents_is_a_file_that_is_read(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "wan.md").read_text()
    (example,) = [block for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL) if ".requests]" in block]
    file = tmp_path / "wanserve.toml"
    file.write_text(example)
    sampling = load({}, {}, file).models["wanx2.1-t2v-plus"].sampling(PLUS_2_1)
    assert (sampling.choices.steps, list(sampling.offered_loras)) == ((4, 60), ["sketch", "ink"])
