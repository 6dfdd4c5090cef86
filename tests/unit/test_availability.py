"""The availability of models, as far as it can be tested without weights and without a GPU."""

import json
from pathlib import Path
from typing import Any

import pytest

from wanserve.domain.catalogue import NO_CHOICES
from wanserve.domain.errors import InvalidRequest, SetupError
from wanserve.domain.rules import VideoRequest, check
from wanserve.models.availability import describe, find_availability, model_for_weights, wan_availability
from wanserve.models.sampling import PLUS_2_2, TransformerShape
from wanserve.settings import Settings, load

ASSETS = Path(__file__).parents[1] / "assets"
TURBO, PLUS = "wanx2.1-t2v-turbo", "wan2.2-t2v-plus"


def settings(tmp_path: Path, models: dict[str, Any], engine: str = "wan") -> Settings:
    return load({"data_dir": tmp_path, "engine": engine, "models": models}, {}, tmp_path / "none.toml")


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))


def test_only_models_with_weights_are_served(tmp_path: Path) -> None:
    availability = find_availability(settings(tmp_path, {TURBO: {"weights": str(ASSETS / "tiny-wan")}}))
    assert availability.engine == "wan"
    assert list(availability.cards) == [TURBO]
    assert availability.loadable[TURBO].sampling.weights == str(ASSETS / "tiny-wan")
    assert {model.card.name: model.engine for model in availability.models if model.card.name != TURBO} == {
        PLUS: None,
        "wanx2.1-t2v-plus": None,
    }
    assert (availability.cards[TURBO].frames, availability.cards[TURBO].fps) == (81, 16)
    # Memory is planned for these weights, not for the authors'.
    assert availability.cards[TURBO].sampling.shape == TransformerShape(layers=2, dim=24, heads=2, ffn=64)


def test_without_a_gpu_the_preview_serves_every_model_at_its_own_length(tmp_path: Path) -> None:
    availability = find_availability(settings(tmp_path, {}, "animatic"))
    assert {model.engine for model in availability.models} == {"animatic"}
    assert {(card.frames, card.fps) for card in availability.cards.values()} == {(150, 30)}
    assert availability.loadable == {}


def test_what_is_told_is_what_is_in_force(tmp_path: Path) -> None:
    own = {
        "weights": str(ASSETS / "tiny-wan"),
        "steps": 7,
        "guidance_scale": 3.5,
        "frames": 17,
        "large_sizes": "native",
    }
    told = {row["name"]: row for row in map(describe, find_availability(settings(tmp_path, {TURBO: own})).models)}
    json.dumps(told)
    assert (told[TURBO]["steps"], told[TURBO]["guidance_scale"], told[TURBO]["frames"]) == (7, 3.5, 17)
    assert told[TURBO]["engine"] == "wan"
    sizes = told[PLUS]["sizes"]
    assert isinstance(sizes, dict)
    assert sizes["832*480"] == "native"
    # The model is not served here; its description says how it would be generated.
    assert sizes["1920*1080"] == "drawn at 1280*720, scaled to 1920*1080"


def test_fast_has_the_settings_of_the_distillation(tmp_path: Path) -> None:
    file = tmp_path / "distilled.safetensors"
    file.touch()
    own = {
        "weights": str(ASSETS / "tiny-wan22"),
        "profile": "fast",
        "distill": {"file": str(file), "file_2": str(file)},
        "steps": 50,
    }
    told = describe(next(m for m in find_availability(settings(tmp_path, {PLUS: own})).models if m.card.name == PLUS))
    assert (told["steps"], told["flow_shift"], told["guidance_scale"], told["guidance_scale_2"]) == (4, 5.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"profile": "fast"}, "the profile fast needs the LoRA of a 4-step distillation"),
        ({"loras": [{"file": "/no/such"}]}, "there is no LoRA file /no/such"),
        ({"loras": [{"file": "a", "file_2": "b"}]}, "b is for a second transformer, and this model has one"),
    ],
)
def test_a_profile_or_a_lora_that_cannot_be_had_stops_the_start(own: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=says) as refusal:
        find_availability(settings(tmp_path, {TURBO: {"weights": str(ASSETS / "tiny-wan")} | own}))
    assert str(refusal.value).startswith(f"{TURBO}: ")
    assert wan_availability(settings(tmp_path, {TURBO: own}), strict=False)[1].engine is None


def test_weights_tell_their_model(tmp_path: Path) -> None:
    assert model_for_weights(ASSETS / "tiny-wan") == TURBO
    assert model_for_weights(ASSETS / "tiny-wan22") == PLUS
    with pytest.raises(SetupError):
        model_for_weights(tmp_path)


def test_the_preview_takes_the_choices_of_the_real_models(tmp_path: Path) -> None:
    """It is a stand-in for integration work: the same settings accept the same requests, also without the files."""
    own = {"requests": {"steps": [4, 60], "loras": {"ink": {"file": "/nowhere"}}}, "profile": "balanced"}
    availability = find_availability(settings(tmp_path, {TURBO: own}, "animatic"))
    card = availability.cards[TURBO]
    assert (card.choices.steps, [lora.name for lora in card.choices.loras], card.profile) == (
        (4, 60),
        ["ink"],
        "balanced",
    )
    assert card.sampling.offered_loras["ink"].file == "/nowhere"
    told = {row["name"]: row["choices"] for row in map(describe, availability.models)}
    assert json.loads(json.dumps(told[TURBO]))["steps"] == [4, 60]
    assert availability.cards[PLUS].choices == NO_CHOICES


def test_what_upstreams_make_is_sampled_by_them_and_nothing_of_it_can_be_chosen(
    tmp_path: Path,
) -> None:
    file = tmp_path / "wanserve.toml"
    upstream = f'[[upstreams]]\nname = "one"\nurl = "http://one.example/v1"\ndialect = "openai"\nmodels = ["{TURBO}"]\n'
    file.write_text(f'engine = "remote"\n{upstream}key = "k"\n')
    card = find_availability(load({}, {}, file)).cards[TURBO]
    assert (card.choices, card.profile, card.steps) == (NO_CHOICES, "", None)
    for asked in ({"profile": "exact"}, {"steps": 50}, {"guidance_scale": 6.0}):
        with pytest.raises(InvalidRequest, match="the owner of this server allows no choice of"):
            check(VideoRequest(TURBO, "a cat", **asked), {TURBO: card}, lambda: 1)


def test_a_lora_that_is_offered_for_one_of_two_experts_is_refused(tmp_path: Path) -> None:
    lora = {"file": "a"}
    sampling = settings(tmp_path, {PLUS: {"requests": {"loras": {"ink": lora}}}}).models[PLUS].sampling(PLUS_2_2)
    assert sampling.lora_problem() == "the LoRA a is for the first transformer: set file_2 for the second one too"
