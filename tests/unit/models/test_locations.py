"""Where weights are found on a machine, and the step that is advised where they cannot be used."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wanserve.domain.errors import SetupError
from wanserve.models.locations import IMPORTED, PULLED, find_weights, remedy, source_of

ASSETS = Path(__file__).parents[2] / "assets"
TINY = ASSETS / "tiny-wan"
NAME, HUB_ID = "wanx2.1-t2v-turbo", "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"


def pipeline(folder: Path) -> Path:
    """A folder in the diffusers layout, as a user has it."""
    shutil.copytree(TINY, folder)
    return folder


def with_files(folder: Path, *names: str) -> Path:
    """A folder with these files, of which only the names matter."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"weights")
    return folder


def import_of(path: Path) -> str:
    return f"run `wanserve models import {path} {NAME}`, which makes a folder that is used where no weights are set"


PULL = f"run `wanserve models pull {NAME}`"


@pytest.mark.parametrize("name", ["wan.safetensors", "wan-Q4_K_M.gguf", "Wan2.1_VAE.pth", "a.pt", "a.bin", "a.ckpt"])
def test_a_single_file_of_weights_is_to_be_imported(tmp_path: Path, name: str) -> None:
    path = with_files(tmp_path, name) / name
    assert remedy(path, NAME) == import_of(path)


def test_a_file_that_holds_no_weights_is_not(tmp_path: Path) -> None:
    path = with_files(tmp_path, "notes.txt") / "notes.txt"
    assert remedy(path, NAME) == "set the weights to a folder in the diffusers layout"


LAYOUTS = {
    "single files": ("wan2.1_t2v_1.3B_bf16.safetensors", "umt5_xxl.safetensors", "wan_2.1_vae.safetensors"),
    "the authors' layout": (
        "config.json",
        "diffusion_pytorch_model.safetensors",
        "Wan2.1_VAE.pth",
        "models_t5_umt5-xxl-enc-bf16.pth",
        "google/umt5-xxl/tokenizer.json",
    ),
    "the authors' layout of two experts": (
        "configuration.json",
        "high_noise_model/diffusion_pytorch_model-00001-of-00006.safetensors",
        "low_noise_model/diffusion_pytorch_model-00001-of-00006.safetensors",
        "Wan2.1_VAE.pth",
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_of_single_files_is_to_be_imported(tmp_path: Path, layout: str) -> None:
    folder = with_files(tmp_path / "given", *LAYOUTS[layout])
    assert remedy(folder, NAME) == import_of(folder)


@pytest.mark.parametrize("below", [".", "models"])
@pytest.mark.parametrize("part", ["diffusion_models", "unet", "text_encoders", "clip", "checkpoints"])
def test_of_a_folder_of_comfyui_the_files_are_to_be_named(tmp_path: Path, below: str, part: str) -> None:
    folder = with_files(tmp_path / "ComfyUI", f"{below}/{part}/wan.safetensors")
    advice = remedy(folder, NAME)
    assert advice.startswith("run `wanserve models import` with the files of the transformer, the text encoder and ")
    assert advice.endswith(f" that are in {folder / below}")


def test_of_a_hub_cache_the_snapshot_is_named(tmp_path: Path) -> None:
    cache = tmp_path / "models--Wan-AI--Wan2.1"
    snapshot = pipeline(cache / "snapshots" / "0123abc")
    with_files(cache, "blobs/0123", "refs/main")
    assert remedy(cache, NAME) == f"set the weights to {snapshot}"


def test_of_several_snapshots_the_one_that_main_means_is_named(tmp_path: Path) -> None:
    cache = tmp_path / "models--Wan-AI--Wan2.1"
    current = pipeline(cache / "snapshots" / "0123abc")
    pipeline(cache / "snapshots" / "fff")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("0123abc")
    assert remedy(cache, NAME) == f"set the weights to {current}"


def test_a_pipeline_one_level_below_is_named(tmp_path: Path) -> None:
    owner = tmp_path / "modelscope" / "models" / "Wan-AI"
    folder = pipeline(owner / "Wan2___1-T2V-1___3B-Diffusers")
    with_files(owner, "other/configuration.json")
    assert remedy(owner, NAME) == f"set the weights to {folder}"


PICKLES = "transformer/diffusion_pytorch_model.bin"
OTHER_FORMATS: dict[str, tuple[str, str]] = {
    "pickles of the transformer": (TRANSFORMER, PICKLES),
    "pickles of the text encoder": ("text_encoder/model.safetensors", "text_encoder/pytorch_model.bin"),
    "a variant": (TRANSFORMER, "transformer/diffusion_pytorch_model.fp16.safetensors"),
    "a variant in shards": (TRANSFORMER, "transformer/diffusion_pytorch_model.fp16-00001-of-00002.safetensors"),
    "GGUF": (TRANSFORMER, "transformer/wan-Q4_K_M.gguf"),
}


@pytest.mark.parametrize("case", OTHER_FORMATS)
def test_a_pipeline_in_formats_that_are_not_loaded_is_to_be_imported(tmp_path: Path, case: str) -> None:
    folder = pipeline(tmp_path / "own")
    usual, other = OTHER_FORMATS[case]
    (folder / usual).rename(folder / other)
    assert remedy(folder, NAME) == import_of(folder)


def test_what_we_made_is_made_again(tmp_path: Path) -> None:
    pulled, imported = pipeline(tmp_path / "pulled"), pipeline(tmp_path / "imported")
    (pulled / PULLED).write_text(json.dumps({"hub_id": HUB_ID, "revision": "0123abc"}))
    (imported / IMPORTED).write_text(json.dumps({"sources": [], "written": {}}))
    assert remedy(pulled, NAME) == f"{PULL}, which fetches only what is missing or damaged"
    again = f"remove {imported} and run `wanserve models import` again with the files that its {IMPORTED} lists"
    assert remedy(imported, NAME) == again
    # Whichever file of it is missing.
    for folder in (pulled, imported):
        (folder / "model_index.json").unlink()
    assert remedy(pulled, NAME) == f"{PULL}, which fetches only what is missing or damaged"
    assert remedy(imported, NAME) == again


def test_a_file_of_the_users_own_pipeline_is_to_be_copied_again(tmp_path: Path) -> None:
    folder = pipeline(tmp_path / "own")
    (folder / TRANSFORMER).write_bytes((folder / TRANSFORMER).read_bytes()[:-10])
    advice = "copy that file again from where these weights came from"
    assert remedy(folder, NAME) == advice
    (folder / TRANSFORMER).unlink()
    assert remedy(folder, NAME) == advice


def test_an_empty_folder_holds_nothing_that_could_be_used(tmp_path: Path) -> None:
    assert remedy(tmp_path, NAME) == f"{PULL}, or set the weights to a folder in the diffusers layout"


def empty(folder: Path) -> None:
    folder.mkdir()


def damaged(folder: Path) -> None:
    (pipeline(folder) / TRANSFORMER).write_bytes(b"")


def foreign(folder: Path) -> None:
    with_files(folder, "holiday.jpg", "transformer/notes.txt")


def in_pickles(folder: Path) -> None:
    (pipeline(folder) / TRANSFORMER).rename(folder / PICKLES)


def in_a_cache(folder: Path) -> None:
    pipeline(folder / "snapshots" / "0123abc")


def single_files(folder: Path) -> None:
    with_files(folder, *LAYOUTS["single files"])


def of_comfyui(folder: Path) -> None:
    with_files(folder, "models/diffusion_models/wan.safetensors")


@pytest.mark.parametrize(
    "make",
    [empty, damaged, foreign, in_pickles, in_a_cache, single_files, of_comfyui],
    ids=lambda make: str(make.__name__),
)
def test_no_advice_deletes_what_is_not_ours(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "own")
    advice = remedy(tmp_path / "own", NAME).replace(str(tmp_path), "")
    assert not [word for word in ("remove", "delete", "rm ", "unlink", "overwrite") if word in advice]


def found(tmp_path: Path, environ: dict[str, str], weights: str = HUB_ID) -> Path | None:
    """What is found with no weights in the data directory, and with no other cache than those that `environ` names."""
    return find_weights(weights, 1, tmp_path / "models", NAME, {"HF_HOME": str(tmp_path / "hf")} | environ)


@pytest.mark.parametrize("below", ["hub/models", "models", "hub", "."])
def test_modelscopes_cache_is_searched_with_its_names(tmp_path: Path, below: str) -> None:
    cache = tmp_path / "modelscope"
    environ = {"MODELSCOPE_CACHE": str(cache)}
    assert found(tmp_path, environ) is None
    folder = pipeline(cache / below / "Wan-AI" / "Wan2___1-T2V-1___3B-Diffusers")
    assert found(tmp_path, environ) == folder
    assert found(tmp_path, environ, "Wan-AI/Wan2.2-T2V-A14B-Diffusers") is None
    # A download may have stopped half-way.
    whole = (folder / TRANSFORMER).read_bytes()
    (folder / TRANSFORMER).write_bytes(whole[:-1])
    assert found(tmp_path, environ) is None
    (folder / TRANSFORMER).unlink()
    assert found(tmp_path, environ) is None
    (folder / TRANSFORMER).write_bytes(whole)
    assert found(tmp_path, environ) == folder


def test_modelscopes_cache_is_in_the_home_directory_unless_a_variable_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = pipeline(tmp_path / "home/.cache/modelscope/hub/models/Wan-AI/Wan2___1-T2V-1___3B-Diffusers")
    assert found(tmp_path, {}) == folder
    assert found(tmp_path, {"MODELSCOPE_CACHE": ""}) == folder
    assert found(tmp_path, {"MODELSCOPE_CACHE": "~/.cache/modelscope"}) == folder
    assert found(tmp_path, {"MODELSCOPE_CACHE": str(tmp_path / "elsewhere")}) is None


def test_a_complete_folder_is_taken_where_another_cache_has_a_part(tmp_path: Path) -> None:
    scope = pipeline(tmp_path / "modelscope/models/Wan-AI/Wan2___1-T2V-1___3B-Diffusers")
    repository = tmp_path / "hf/hub/models--Wan-AI--Wan2.1-T2V-1.3B-Diffusers"
    snapshot = pipeline(repository / "snapshots" / "0123abc")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abc")
    environ = {"MODELSCOPE_CACHE": str(tmp_path / "modelscope")}
    assert found(tmp_path, environ) == snapshot
    (snapshot / TRANSFORMER).unlink()
    assert found(tmp_path, environ) == scope


def test_what_was_pulled_or_imported_is_taken_first(tmp_path: Path) -> None:
    pipeline(tmp_path / "modelscope/models/Wan-AI/Wan2___1-T2V-1___3B-Diffusers")
    environ = {"MODELSCOPE_CACHE": str(tmp_path / "modelscope")}
    ours = pipeline(tmp_path / "models" / NAME)
    assert source_of(ours) is None
    assert found(tmp_path, environ) == ours
    record = ours / PULLED
    record.write_text(json.dumps({"hub_id": HUB_ID, "revision": "0123abc"}))
    assert found(tmp_path, environ) == ours
    record.write_text(json.dumps({"hub_id": "another/one", "revision": "0123abc"}))
    assert found(tmp_path, environ) != ours
    record.write_text("{")
    with pytest.raises(SetupError, match=f"{PULLED} is not valid JSON"):
        found(tmp_path, environ)
