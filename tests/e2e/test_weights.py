"""The weights of the wan engine for its operator: set, pulled, listed, examined, and refused with one line."""

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import needs
from tests.checkpoints import without, write_lora
from tests.e2e.server import Server, running, wanserve
from tests.integration.hub import serving
from wanserve.domain.generation import Generation
from wanserve.media import probe
from wanserve.models.distilled import KNOWN
from wanserve.models.sampling import NEGATIVE_PROMPT

ASSETS = Path(__file__).parents[1] / "assets"
TINY, TINY22 = ASSETS / "tiny-wan", ASSETS / "tiny-wan22"
TURBO, PLUS_2_1, PLUS = "wanx2.1-t2v-turbo", "wanx2.1-t2v-plus", "wan2.2-t2v-plus"
TURBO_ID, PLUS_ID = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers", "Wan-AI/Wan2.2-T2V-A14B-Diffusers"
TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def torch() -> None:
    """Skips the test where torch is not installed."""
    needs.library("torch")


def configure(folder: Path, text: str = "", **tables: str) -> None:
    """Write a wanserve.toml for the wan engine, with a table of settings for some of the models."""
    names = {"turbo": TURBO, "plus_2_1": PLUS_2_1, "plus": PLUS}
    models = (f'[models."{names[name]}"]\n{settings}\n' for name, settings in tables.items())
    (folder / "wanserve.toml").write_text("\n".join(['engine = "wan"', text, *models]))


def weights(path: Path) -> str:
    return f'weights = "{path}"'


def refused(folder: Path, *arguments: str) -> str:
    """Run a command that must fail and change no file. Returns its one line on stderr."""
    before = sorted(folder.rglob("*"))
    done = wanserve(*arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"wanserve: [^\n]+\n", done.stderr), done.stderr
    assert sorted(folder.rglob("*")) == before
    return done.stderr.removeprefix("wanserve: ").removesuffix("\n")


def start_refused(folder: Path) -> str:
    return refused(folder, "serve", "--port", "0", "--data-dir", str(folder / "data"))


def json_of(folder: Path, *arguments: str) -> Any:
    """Run a command that must succeed. Returns the JSON that it prints."""
    done = wanserve(*arguments, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def until(condition: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def cut_short(folder: Path) -> str:
    """Make weights of which one file is cut short. Returns the file."""
    shutil.copytree(TINY, folder)
    file = folder / TRANSFORMER
    file.write_bytes(file.read_bytes()[:-10])
    return str(file)


def test_weights_that_cannot_be_loaded_stop_the_start_in_one_line(folder: Path) -> None:
    configure(folder, turbo=weights(folder / "nowhere"))
    assert start_refused(folder) == f"{TURBO}: there is no folder {folder}/nowhere, where its weights should be"

    configure(folder, turbo='weights = "nobody/nothing"')
    assert start_refused(folder).startswith(
        f"{TURBO}: the weights nobody/nothing are not on this machine: run `wanserv"
    )

    file = cut_short(folder / "cut")
    configure(folder, turbo=weights(folder / "cut"))
    assert re.fullmatch(
        f"{TURBO}: {file} is cut short: \\d+ bytes instead of \\d+; copy that file again .*", start_refused(folder)
    )

    foreign = Path(shutil.copytree(TINY, folder / "foreign"))
    index = foreign / "model_index.json"
    index.write_text(index.read_text().replace('"WanPipeline"', '"FluxPipeline"'))
    configure(folder, turbo=weights(foreign))
    assert start_refused(folder).startswith(f"{TURBO}: {index} describes FluxPipeline, not WanPipeline")

    configure(folder, plus=weights(TINY))
    assert start_refused(folder).startswith(f"{PLUS}: {TINY}/model_index.json has no transformer_2: this model takes")

    configure(folder, turbo=weights(TINY), plus_2_1=weights(TINY22))
    assert start_refused(folder).startswith(f"{PLUS_2_1}: {TINY22}/model_index.json has two transformers")


def test_an_engine_without_any_weights_stops_the_start(folder: Path) -> None:
    configure(folder, turbo="steps = 2")
    missing = (
        f"the wan engine finds no weights: set them for a model in wanserve.toml, or run `wanserve models pull {PLUS}`"
    )
    assert start_refused(folder) == missing
    assert refused(folder, "models", "--json") == missing
    assert refused(folder, "generate", "a cat", "--engine", "wan") == missing


def test_pulled_weights_that_broke_are_told_where_there_are_no_others(folder: Path) -> None:
    configure(folder)
    file = cut_short(folder / "data" / "models" / TURBO)
    assert start_refused(folder).startswith(f"{TURBO}: {file} is cut short")


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("turbo", 'steps = "many"', f"models.{TURBO}.steps: "),
        ("turbo", "steps = 0", f"models.{TURBO}.steps: "),
        ("turbo", "frames = 16", f"models.{TURBO}.frames: must be one more than a multiple of 4, such as 17, 49 or 81"),
        ("turbo", 'profile = "quick"', f"models.{TURBO}.profile: .*'exact', 'balanced', 'fast' or 'small'"),
        ("plus", "guidance_scale_3 = 1", f"models.{PLUS}.guidance_scale_3: there is no such setting"),
        ("plus", "boundary_ratio = 1.5", f"models.{PLUS}.boundary_ratio: "),
        ("turbo", 'attention = "loud"', f"models.{TURBO}.attention: "),
        (
            "turbo",
            'profile = "fast"',
            f"{TURBO}: the profile fast needs the LoRA of a 4-step distillation: set distill.fi",
        ),
        (
            "turbo",
            'loras = [{ file = "/nowhere/a.safetensors" }]',
            f"{TURBO}: there is no LoRA file /nowhere/a.safetensor",
        ),
        ("turbo", 'loras = [{ file_2 = "b" }]', f"{TURBO}: the LoRA b is for a second transformer"),
        ("turbo", "loras = [{ }]", f"models.{TURBO}.loras.0: set file"),
        ("turbo", 'loras = [{ file = "a", file_2 = "b" }]', f"{TURBO}: the LoRA b is for a second transformer"),
        ("plus", 'loras = [{ file = "a" }]', f"{PLUS}: the LoRA a is for the first transformer: set file_2"),
    ],
)
def test_a_models_setting_that_is_none_stops_the_start_with_its_name(
    folder: Path, name: str, settings: str, says: str
) -> None:
    configure(folder, **{name: f"{weights(TINY22 if name == 'plus' else TINY)}\n{settings}"})
    assert re.match(says, start_refused(folder))


def test_a_table_of_a_model_that_is_none_stops_the_start(folder: Path) -> None:
    (folder / "wanserve.toml").write_text('[models."sora"]\nsteps = 2\n')
    assert start_refused(folder).startswith(
        f"models (WANSERVE_MODELS): there is no model sora: there are {PLUS}, {TURBO}"
    )


def test_flags_of_generate_are_held_to_the_same_rules(folder: Path) -> None:
    out = ("-o", "out.mp4")
    wan = ("generate", "a cat", "--weights", str(TINY), *out)
    assert refused(folder, *wan, "--frames", "16").startswith(f"models.{TURBO}.frames: must be one more than a mul")
    assert refused(folder, *wan, "--steps", "0").startswith(f"models.{TURBO}.steps: ")
    assert refused(folder, *wan, "--size", "1920*1080").startswith(f"size: {TURBO} makes 640*480, ")
    assert refused(folder, *wan, "--model", PLUS).startswith(f"{PLUS}: {TINY}/model_index.json has no transformer_2")
    cut_short(folder / "cut")
    assert refused(folder, "generate", "a cat", "--weights", "cut", *out).startswith(f"cut/{TRANSFORMER} is cut short")
    assert refused(folder, "generate", "a cat", "--weights", "nowhere", *out).startswith("nowhere is not a folder")
    for engine in ("animatic", "auto"):
        steps = ("--engine", engine, "--steps", "3")
        only = "steps: only the wan engine has this option, and the engine is animatic here"
        assert refused(folder, "generate", "a cat", *steps, *out) == only


def test_what_is_found_at_loading_is_told_by_name_and_the_task_waits(folder: Path, torch: None) -> None:
    # A kernel that runs on GPUs only. That it is missing is found when the model is loaded.
    configure(folder, turbo=f'{weights(TINY)}\nattention = "_flash_3"')
    with running(folder / "data", cwd=folder, ready=False) as server:
        until(lambda: len(failures(server)) >= 1)
        task_id = server.submit(model=TURBO)
        until(lambda: len(failures(server)) >= 2)
        health = server.http.get(f"{server.url}/readyz/workers")
        assert health.status_code == 503
        (worker,) = health.json()["workers"]
        assert worker["problem"].startswith("attention _flash_3 is not available here: ")
        assert worker["unloadable"] == {TURBO: worker["problem"]}
        assert [each for each in failures(server) if "attention _flash_3 is not available here" not in each] == []
        assert server.poll(task_id)["task_status"] == "PENDING"


def failures(server: Server) -> list[str]:
    """The lines of the log about loads that failed."""
    return re.findall(rf"the engine did not load {TURBO}: .*", server.log.read_text())


def test_models_tell_the_authors_settings_and_what_is_set_otherwise(folder: Path) -> None:
    configure(folder, turbo=weights(TINY), plus=weights(TINY22), plus_2_1=weights(TINY))
    rows = {row["name"]: row for row in json_of(folder, "models")}
    authors = {
        TURBO: (50, 6.0, None, 8.0, None),
        PLUS_2_1: (50, 5.0, None, 5.0, None),
        PLUS: (40, 4.0, 3.0, 12.0, 0.875),
    }
    columns = ("steps", "guidance_scale", "guidance_scale_2", "flow_shift", "boundary_ratio")
    assert {name: tuple(row[column] for column in columns) for name, row in rows.items()} == authors
    for row in rows.values():
        assert (row["engine"], row["fps"], row["frames"], row["profile"]) == ("wan", 16, 81, "exact")
        assert row["negative_prompt"] == NEGATIVE_PROMPT
    assert rows[PLUS]["weights"] == str(TINY22)
    assert rows[PLUS]["sizes"]["640*480"] == "native"
    assert rows[PLUS]["sizes"]["1920*1080"] == "drawn at 1280*720, scaled to 1920*1080"
    assert rows[TURBO]["sizes"]["1280*720"] == "native"

    own = "steps = 30\nguidance_scale = 3.5\nguidance_scale_2 = 2\nflow_shift = 7\nboundary_ratio = 0.9\n"
    more = 'frames = 49\nnegative_prompt = "fog"\nprofile = "balanced"\nlarge_sizes = "native"'
    configure(folder, plus=f"{weights(TINY22)}\n{own}{more}")
    rows = {row["name"]: row for row in json_of(folder, "models")}
    assert tuple(rows[PLUS][column] for column in columns) == (30, 3.5, 2.0, 7.0, 0.9)
    assert [rows[PLUS][name] for name in ("frames", "negative_prompt", "profile")] == [49, "fog", "balanced"]
    assert rows[PLUS]["sizes"]["1920*1080"] == "drawn at 1920*1088, cut to 1920*1080"
    assert (rows[TURBO]["engine"], rows[TURBO]["steps"], rows[TURBO]["weights"]) == (None, 50, TURBO_ID)
    assert "run `wanserve models pull" in rows[TURBO]["why"]


def test_doctor_tells_of_each_model_what_is_there_and_what_is_missing(folder: Path, torch: None) -> None:
    configure(folder, turbo=weights(TINY))
    findings = {finding["about"]: finding for finding in json_of(folder, "doctor", "--data-dir", str(folder / "data"))}
    assert findings["engine"]["says"] == "wan: it is the setting"
    assert f"a trial clip of 5 frames of {TURBO} was drawn" in findings["video"]["says"]
    assert findings["device"]["says"].startswith("no GPU; the CPU has ")
    assert findings[f"model {TURBO}"]["fine"]
    assert findings[f"model {TURBO}"]["says"].startswith(f"profile exact, weights in {TINY}; a CPU takes ")
    for model in (PLUS, PLUS_2_1):
        assert findings[f"model {model}"]["fine"] is None
        assert f"are not on this machine: run `wanserve models pull {model}`" in findings[f"model {model}"]["says"]
    assert not (folder / "data").exists()


def test_doctor_names_weights_that_are_broken_and_exits_1(folder: Path, torch: None) -> None:
    file = cut_short(folder / "cut")
    configure(folder, turbo=weights(folder / "cut"))
    done = wanserve("doctor", "--json", "--data-dir", str(folder / "data"), cwd=folder)
    assert done.returncode == 1
    findings = {finding["about"]: finding for finding in json.loads(done.stdout)}
    assert findings["engine"]["fine"] is False
    assert findings["engine"]["says"].startswith(f"{TURBO}: {file} is cut short")
    assert f"{file} is cut short" in findings[f"model {TURBO}"]["says"]


def test_what_was_pulled_is_served_with_no_weights_set(
    folder: Path, torch: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(folder, turbo="steps = 1\nframes = 1")
    data = ("--data-dir", str(folder / "data"))
    with serving({TURBO_ID: TINY}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        unknown = wanserve("models", "pull", PLUS, *data, cwd=folder)
        assert (unknown.returncode, unknown.stdout, unknown.stderr.count("\n")) == (1, "", 1)
        assert "has no Wan-AI/Wan2.2-T2V-A14B-Diffusers" in unknown.stderr
        pulled = wanserve("models", "pull", TURBO, *data, cwd=folder)
        assert pulled.returncode == 0, pulled.stderr
    # The hub is stopped: what was pulled is enough.
    rows = {row["name"]: row for row in json_of(folder, "models", *data)}
    assert {name: row["engine"] for name, row in rows.items()} == {TURBO: "wan", PLUS: None, PLUS_2_1: None}
    assert rows[TURBO]["weights"] == TURBO_ID
    with running(folder / "data", cwd=folder) as server:
        output = server.wait(server.submit(model=TURBO, seed=1), "SUCCEEDED")
        file = folder / "made.mp4"
        file.write_bytes(server.http.get(str(output["video_url"])).content)
    facts = probe.check(file, Generation(TURBO, "a cat", "", 640, 480, frames=1, fps=16, seed=1))
    assert f"engine wan, model {TURBO}, seed 1, profile exact, 1 step," in facts.tags["description"]


def test_a_pulled_folder_that_is_set_by_its_path_is_mended_where_it_is(
    folder: Path, torch: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulled = folder / "data" / "models" / TURBO
    configure(folder)
    with serving({TURBO_ID: TINY}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        command = ("models", "pull", TURBO, "--data-dir", str(folder / "data"))
        assert wanserve(*command, cwd=folder).returncode == 0
        elsewhere = pulled.rename(folder / "elsewhere")
        configure(folder, turbo=weights(elsewhere))
        (elsewhere / TRANSFORMER).unlink()
        advice = f"run `wanserve models pull {TURBO}`, which fetches only what is missing or damaged"
        assert start_refused(folder).endswith(advice)
        hub.fetched()
        assert wanserve(*command, cwd=folder).returncode == 0
        assert TRANSFORMER in hub.fetched()
    assert {row["name"]: row["engine"] for row in json_of(folder, "models")}[TURBO] == "wan"


def test_a_folder_is_not_pulled(folder: Path) -> None:
    configure(folder, turbo=weights(TINY))
    message = f"the weights of {TURBO} are set to the folder {TINY}: there is nothing to fetch"
    assert refused(folder, "models", "pull", TURBO, "--data-dir", str(folder / "data")) == message


@pytest.mark.parametrize(
    ("part", "tensor"),
    [
        (TRANSFORMER, "proj_out.bias"),
        ("text_encoder/model.safetensors", "encoder.final_layer_norm.weight"),
        ("vae/diffusion_pytorch_model.safetensors", "decoder.conv_out.bias"),
    ],
)
def test_a_tensor_that_is_missing_is_named_before_any_task_is_taken(
    folder: Path, torch: None, part: str, tensor: str
) -> None:
    file = Path(shutil.copytree(TINY, folder / "less")) / part
    without(file, tensor)
    configure(folder, turbo=weights(folder / "less"))
    lacks = f"{file.parent} lacks {tensor}"
    assert start_refused(folder).startswith(f"{TURBO}: {lacks}")
    assert refused(folder, "models", "--json").startswith(f"{TURBO}: {lacks}")
    generate = ("generate", "a cat", "--model", TURBO, "-o", "out.mp4")
    assert refused(folder, *generate).startswith(f"{TURBO}: {lacks}")
    assert refused(folder, *generate, "--weights", str(folder / "less")).startswith(f"{TURBO}: {lacks}")
    done = wanserve("doctor", "--json", "--data-dir", str(folder / "data"), cwd=folder)
    assert done.returncode == 1
    findings = {finding["about"]: finding for finding in json.loads(done.stdout)}
    assert lacks in findings[f"model {TURBO}"]["says"]


def test_a_single_file_stops_the_start_with_the_command_that_imports_it(folder: Path) -> None:
    for name in ("wan2.1_t2v_1.3B.safetensors", "wan-Q4_K_M.gguf"):
        file = folder / name
        shutil.copy(TINY / TRANSFORMER, file)
        configure(folder, turbo=weights(file))
        assert start_refused(folder) == (
            f"{TURBO}: {file} is a file and not a folder; run `wanserve models import {file} {TURBO}`, "
            "which makes a folder that is used where no weights are set"
        )


FAST = KNOWN[PLUS]


def test_a_pull_with_fast_gives_the_model_its_four_steps_unless_the_owner_wants_others(
    folder: Path, torch: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ("--data-dir", str(folder / "data"))
    configure(folder, plus="frames = 1")
    (folder / "loras").mkdir()
    for seed, name in enumerate(FAST.files):
        write_lora(folder / "loras" / name, seed)
    with serving({PLUS_ID: TINY22, FAST.hub_id: folder / "loras"}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        pulled = wanserve("models", "pull", PLUS, "--fast", *data, cwd=folder)
        assert (pulled.returncode, pulled.stdout) == (0, ""), pulled.stderr
        assert set(FAST.files) < set(hub.fetched())
        assert wanserve("models", "pull", PLUS, "--fast", *data, cwd=folder).returncode == 0
        assert hub.fetched() == [], "what is here is not fetched again"
    columns = ("engine", "profile", "steps", "guidance_scale", "guidance_scale_2", "flow_shift")

    def told() -> tuple[object, ...]:
        (row,) = [row for row in json_of(folder, "models", *data) if row["name"] == PLUS]
        return tuple(row[column] for column in columns)

    assert told() == ("wan", "fast", FAST.steps, 1.0, 1.0, FAST.flow_shift)
    with running(folder / "data", cwd=folder) as server:
        output = server.wait(server.submit(model=PLUS, seed=1), "SUCCEEDED")
        file = folder / "made.mp4"
        file.write_bytes(server.http.get(str(output["video_url"])).content)
    assert "profile fast, 4 steps," in probe.read(file).tags["description"]
    configure(folder, plus='frames = 1\nprofile = "exact"')
    assert told() == ("wan", "exact", 40, 4.0, 3.0, 12.0)


def test_a_model_without_a_distilled_lora_has_no_fast_pull(folder: Path) -> None:
    configure(folder)
    assert refused(folder, "models", "pull", TURBO, "--fast", "--data-dir", str(folder / "data")) == (
        f"no distilled LoRA is known for {TURBO}; for {PLUS_2_1} and {PLUS} there is one"
    )
