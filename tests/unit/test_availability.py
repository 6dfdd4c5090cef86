"""The availability of models, as far as it can be tested without weights and without a GPU."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.checkpoints import write_shapes
from tests.machines import Torch, card, has_every_library, nvidia, with_files
from wanserve.app import devices_of
from wanserve.cli.findings import real_models
from wanserve.domain.catalogue import NO_CHOICES
from wanserve.domain.errors import InvalidRequest, SetupError
from wanserve.domain.rules import VideoRequest, check
from wanserve.machine.gpus import Machine
from wanserve.machine.torch_report import Remembered, TorchReport, TorchUnusable
from wanserve.models.availability import describe, find_availability, model_for_weights, wan_availability
from wanserve.models.sampling import PLUS_2_2, TransformerShape
from wanserve.placement.fleet_actor import actor_settings
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


def test_with_more_frames_a_second_the_card_tells_of_the_finished_file(tmp_path: Path) -> None:
    asked = {"weights": str(ASSETS / "tiny-wan"), "output_fps": 30}
    card = find_availability(settings(tmp_path, {TURBO: asked})).loadable[TURBO]
    assert (card.frames, card.fps, card.seconds, card.lengths) == (150, 30, 5, (5, 4))
    assert (card.sampling.frames, card.sampling.fps, card.frames_in(4)) == (81, 16, 120)
    shorter = find_availability(settings(tmp_path, {TURBO: asked | {"frames": 17}})).cards[TURBO]
    assert (shorter.frames, shorter.fps, shorter.seconds) == (30, 30, 1)
    # The preview engine draws as many by itself, and other servers have settings of their own.
    assert find_availability(settings(tmp_path, {TURBO: asked}, "animatic")).cards[TURBO].frames == 150


@pytest.mark.parametrize("fps", [16, 15, 0, -30, 61])
def test_no_more_frames_a_second_than_the_model_makes_is_refused(fps: int, tmp_path: Path) -> None:
    with pytest.raises(SetupError) as refusal:
        settings(tmp_path, {TURBO: {"output_fps": fps}})
    says = "must be above the 16 frames a second that the model makes, up to 60, such as 30"
    assert str(refusal.value) == f"models.{TURBO}.output_fps: {says}"


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
    file, layer = tmp_path / "distilled.safetensors", "blocks.0.attn1.to_q"
    write_shapes(file, {f"{layer}.lora_A.weight": (2, 24), f"{layer}.lora_B.weight": (24, 2)})
    own: dict[str, Any] = {
        "weights": str(ASSETS / "tiny-wan22"),
        "profile": "fast",
        "distill": {"file": str(file), "file_2": str(file)},
    }

    def told(**more: Any) -> tuple[Any, ...]:
        models = find_availability(settings(tmp_path, {PLUS: own | more})).models
        row = describe(next(model for model in models if model.card.name == PLUS))
        return tuple(row[name] for name in ("steps", "flow_shift", "guidance_scale", "guidance_scale_2"))

    assert told() == (4, 5.0, 1.0, 1.0)
    # What the owner says is in force, wherever it is said.
    assert told(steps=8, flow_shift=3.0, guidance_scale=2.0) == (8, 3.0, 2.0, 2.0)
    assert told(distill=own["distill"] | {"steps": 6, "guidance_scale_2": 1.5}) == (6, 5.0, 1.0, 1.5)
    with pytest.raises(SetupError, match="steps is set twice, here and in distill: keep one of them"):
        settings(tmp_path, {PLUS: own | {"steps": 8, "distill": own["distill"] | {"steps": 6}}})


@pytest.mark.parametrize(
    ("own", "says"),
    [
        ({"profile": "fast"}, "the profile fast needs the LoRA of a 4-step distillation"),
        ({"requests": {"profiles": ["fast"]}}, "the profile fast needs the LoRA of a 4-step distillation"),
        ({"profile": "small", "requests": {"profiles": ["exact"]}}, "with the profile small no other can be chosen"),
        ({"guidance_scale_2": 2.0}, "guidance_scale_2 is for a second expert, and this model has one"),
        ({"distill": {"file": "LORA"}}, "distill is for the profile fast"),
        (
            {"profile": "fast", "distill": {"file": "LORA"}, "negative_prompt": "rain"},
            "negative_prompt changes nothing",
        ),
        ({"loras": [{"file": "LORA"}]}, "wide.safetensors changes blocks.0.attn1.to_q.weight by 48x48 numbers"),
        ({"requests": {"loras": {"ink": {"file": "/no/such"}}}}, "there is no LoRA file /no/such"),
        ({"loras": [{"file": "/no/such"}]}, "there is no LoRA file /no/such"),
        ({"loras": [{"file": "a", "file_2": "b"}]}, "b is for a second transformer, and this model has one"),
    ],
)
def test_a_profile_or_a_lora_that_cannot_be_had_stops_the_start(own: dict[str, Any], says: str, tmp_path: Path) -> None:
    """LORA stands for a file whose matrices are wider than the model's."""
    wide, layer = tmp_path / "wide.safetensors", "blocks.0.attn1.to_q"
    write_shapes(wide, {f"{layer}.lora_A.weight": (2, 48), f"{layer}.lora_B.weight": (48, 2)})
    own = json.loads(json.dumps(own).replace("LORA", str(wide)))
    with pytest.raises(SetupError, match=says) as refusal:
        find_availability(settings(tmp_path, {TURBO: {"weights": str(ASSETS / "tiny-wan")} | own}))
    assert str(refusal.value).startswith(f"{TURBO}: ")
    assert wan_availability(settings(tmp_path, {TURBO: own}), strict=False)[1].engine is None


def test_weights_tell_their_model(tmp_path: Path) -> None:
    assert model_for_weights(ASSETS / "tiny-wan") == TURBO
    assert model_for_weights(ASSETS / "tiny-wan22") == PLUS
    with pytest.raises(SetupError):
        model_for_weights(tmp_path)


WITH_WEIGHTS = {TURBO: {"weights": str(ASSETS / "tiny-wan")}}
TOO_OLD = Torch(problem="The NVIDIA driver on your system is too old (found version 12020)")
UNSEEN = (
    "a GPU is here, but torch 2.13.0+cu130 does not see it: the driver is 535.54.03, torch says: The NVIDIA driver on"
    " your system is too old (found version 12020): update the driver, or install a torch for it"
)


def never(_: Mapping[str, str]) -> TorchReport:
    pytest.fail("torch was started")


def test_auto_takes_the_gpus_that_torch_sees(tmp_path: Path) -> None:
    machine = nvidia(tmp_path, Torch([card(0), card(1)]))
    availability = find_availability(settings(tmp_path, WITH_WEIGHTS, "auto"), machine)
    assert (availability.engine, availability.why) == ("wan", "auto: a GPU and weights were found")
    assert [gpu.name for gpu in availability.gpus.found] == ["0", "1"]


def test_a_gpu_that_torch_does_not_see_leaves_the_preview_and_says_why(tmp_path: Path) -> None:
    availability = find_availability(settings(tmp_path, WITH_WEIGHTS, "auto"), nvidia(tmp_path, TOO_OLD, "535.54.03"))
    assert (availability.engine, availability.why) == ("animatic", f"auto: {UNSEEN}")


def test_a_gpu_that_torch_does_not_see_stops_the_wan_engine(tmp_path: Path) -> None:
    with pytest.raises(SetupError) as refusal:
        find_availability(settings(tmp_path, WITH_WEIGHTS), nvidia(tmp_path, TOO_OLD, "535.54.03"))
    assert str(refusal.value) == f"{UNSEEN}. To compute on the CPU, set CUDA_VISIBLE_DEVICES=-1"


def test_gpus_that_a_variable_hides_are_the_owners_choice(tmp_path: Path) -> None:
    machine = nvidia(tmp_path, Torch([card()]), CUDA_VISIBLE_DEVICES="-1")
    hides = "a GPU is here, but CUDA_VISIBLE_DEVICES=-1 hides it"
    preview = find_availability(settings(tmp_path, WITH_WEIGHTS, "auto"), machine)
    assert (preview.engine, preview.why) == ("animatic", f"auto: {hides}")
    on_cpu = find_availability(settings(tmp_path, WITH_WEIGHTS), machine)
    assert (on_cpu.engine, on_cpu.why) == ("wan", f"it is the setting, and computes on the CPU: {hides}")
    assert on_cpu.gpus.found == ()


def test_the_real_torch_that_was_built_without_cuda_is_found_out_beside_a_gpu(tmp_path: Path) -> None:
    needs.library("torch")
    machine = Machine(root=with_files(tmp_path, "dev/nvidiactl"))
    report = machine.ask(machine.environment)
    if report.cuda is not None or report.rocm is not None:
        pytest.skip("this torch was built for GPUs")
    availability = find_availability(settings(tmp_path, WITH_WEIGHTS, "auto"), machine)
    says = f"a GPU is here, but torch {report.torch} was built without CUDA: install a torch for this GPU"
    assert (availability.engine, availability.why) == ("animatic", f"auto: {says}")
    with pytest.raises(SetupError, match=re.escape(says)):
        find_availability(settings(tmp_path, WITH_WEIGHTS), machine)


def test_torch_is_not_asked_where_nothing_depends_on_it(tmp_path: Path) -> None:
    machine = Machine({}, with_files(tmp_path, "dev/nvidiactl"), never, has_every_library)
    laptop = replace(machine, root=tmp_path / "laptop")
    for engine in ("animatic", "auto"):
        assert find_availability(settings(tmp_path, {}, engine), machine).engine == "animatic"
    assert find_availability(settings(tmp_path, WITH_WEIGHTS, "auto"), laptop).why.startswith("auto: no GPU was found")
    assert find_availability(settings(tmp_path, WITH_WEIGHTS), laptop).engine == "wan"
    without = replace(machine, is_installed=lambda name: name != "torch")
    assert find_availability(settings(tmp_path, WITH_WEIGHTS, "auto"), without).why.startswith(
        "auto: a GPU is here, but torch not installed: pip install"
    )
    with pytest.raises(SetupError, match="the wan engine finds no weights"):
        find_availability(settings(tmp_path, {}), machine)


def test_torch_is_asked_once(tmp_path: Path) -> None:
    for engine in ("auto", "wan"):
        torch = Torch([card(0), card(1)])
        find_availability(settings(tmp_path, WITH_WEIGHTS, engine), nvidia(tmp_path, torch))
        assert len(torch.asked) == 1


def test_a_torch_that_does_not_start_is_told(tmp_path: Path) -> None:
    def broken(_: Mapping[str, str]) -> TorchReport:
        raise TorchUnusable("torch does not start: ImportError: libcudnn.so.9")

    machine = Machine({}, with_files(tmp_path, "dev/nvidia0"), broken, has_every_library)
    availability = find_availability(settings(tmp_path, WITH_WEIGHTS, "auto"), machine)
    says = "torch does not start: ImportError: libcudnn.so.9"
    assert (availability.engine, availability.why) == ("animatic", f"auto: a GPU is here, but {says}")
    with pytest.raises(SetupError, match=f"^{says}"):
        find_availability(settings(tmp_path, WITH_WEIGHTS), machine)


@pytest.mark.parametrize("engine", ["auto", "wan"])
def test_a_device_that_is_not_there_stops_the_start(engine: str, tmp_path: Path) -> None:
    chosen = settings(tmp_path, WITH_WEIGHTS, engine).model_copy(update={"devices": "0, 3"})
    says = r"devices \(WANSERVE_DEVICES\): there is no GPU "
    with pytest.raises(SetupError, match=f"^{says}3: there are 0 \\(Card 0\\), 1 \\(Card 1\\)$"):
        find_availability(chosen, nvidia(tmp_path, Torch([card(0), card(1)])))


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (partial(nvidia, torch=Torch([card(0)]), CUDA_VISIBLE_DEVICES="-1"), "CUDA_VISIBLE_DEVICES=-1 hides it"),
        (partial(nvidia, torch=TOO_OLD, driver="535.54.03"), UNSEEN.removeprefix("a GPU is here, but ")),
    ],
)
def test_a_device_of_which_torch_sees_none_at_all_is_told_with_the_reason(
    machine: Callable[[Path], Machine], reason: str, tmp_path: Path
) -> None:
    chosen = settings(tmp_path, WITH_WEIGHTS, "auto").model_copy(update={"devices": "0"})
    availability = find_availability(chosen, machine(tmp_path))
    assert (availability.engine, availability.why) == ("animatic", f"auto: a GPU is here, but {reason}")
    with pytest.raises(SetupError, match=re.escape(f"a GPU is here, but {reason}")):
        find_availability(chosen.model_copy(update={"engine": "wan"}), machine(tmp_path))


def test_a_device_on_a_machine_without_a_gpu_stops_the_start(tmp_path: Path) -> None:
    chosen = settings(tmp_path, WITH_WEIGHTS).model_copy(update={"devices": "0"})
    with pytest.raises(SetupError, match=r"^devices \(WANSERVE_DEVICES\): there is no GPU 0: no GPU was found$"):
        find_availability(chosen, Machine({}, tmp_path, never, has_every_library))


def test_the_kernel_that_makes_noise_on_an_h100_is_refused_there_and_nowhere_else(tmp_path: Path) -> None:
    chosen = settings(tmp_path, {TURBO: WITH_WEIGHTS[TURBO] | {"attention": "sage"}})
    h100 = nvidia(tmp_path, Torch([card(0), card(1, capability=(9, 0))]))
    with pytest.raises(
        SetupError, match=rf'^{TURBO}: attention = "sage" makes noise on GPUs of compute capability 9.0'
    ):
        find_availability(chosen, h100)
    only_the_other = chosen.model_copy(update={"devices": "0"})
    assert find_availability(only_the_other, h100).engine == "wan"
    other = settings(tmp_path, {TURBO: WITH_WEIGHTS[TURBO] | {"attention": "_sage_qk_int8_pv_fp16_cuda"}})
    assert find_availability(other, h100).engine == "wan"


def test_each_worker_is_given_its_own_gpus(tmp_path: Path) -> None:
    machine = nvidia(tmp_path, Torch([card(number) for number in range(6)]), CUDA_VISIBLE_DEVICES="5,4,3,2,1")
    chosen = settings(tmp_path, WITH_WEIGHTS).model_copy(update={"devices": "2,4,1", "gpus_per_video": 1})
    groups = devices_of(chosen, find_availability(chosen, machine))
    assert {name: group.variables["CUDA_VISIBLE_DEVICES"] for name, group in groups.items()} == {
        "gpu 2": "2",
        "gpu 4": "4",
        "gpu 1": "1",
    }
    pairs = chosen.model_copy(update={"gpus_per_video": 2})
    assert list(devices_of(pairs, find_availability(pairs, machine))) == ["gpu 2,4"]
    # An actor on Ray is started with the variable that names its GPUs, and the same names as its settings.
    on_ray = actor_settings(chosen, "worker-0", ["5", "4"])
    assert list(devices_of(on_ray, find_availability(on_ray, machine))) == ["gpu 5", "gpu 4"]


def test_doctor_shows_what_torch_sees_and_what_fits_there(tmp_path: Path) -> None:
    chosen, torch = settings(tmp_path, WITH_WEIGHTS, "auto"), Torch([card(0), card(1)])
    machine = replace(nvidia(tmp_path, torch), ask=Remembered(torch))
    assert find_availability(chosen, machine).engine == "wan"
    told = {finding.about: finding for finding in real_models(chosen, machine)}
    assert (told["device 0"].fine, told["device 1"].fine) == (True, True)
    assert told["device 0"].says == "Card 0, 78.0 of 80.0 GB free; torch 2.13.0+cu130"
    assert "whole on the device" in told[f"model {TURBO}"].says
    # The start and what doctor adds need one answer.
    assert len(torch.asked) == 1
    alone = {finding.about for finding in real_models(chosen, nvidia(tmp_path, Torch([card(0)])))}
    assert "device" in alone


@pytest.mark.parametrize(("engine", "fine"), [("wan", False), ("auto", None)])
def test_doctor_shows_that_torch_sees_no_gpu(engine: str, fine: bool | None, tmp_path: Path) -> None:
    found = real_models(settings(tmp_path, WITH_WEIGHTS, engine), nvidia(tmp_path, TOO_OLD, "535.54.03"))
    device = next(finding for finding in found if finding.about == "device")
    assert (device.fine, device.says) == (fine, UNSEEN)


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
    assert str(sampling.problem()).startswith(
        "the LoRA a is for the first transformer: set file_2 for the second one too"
    )
