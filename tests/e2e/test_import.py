"""`wanserve models import`, from the files that people have to a video over HTTP."""

import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.e2e.server import running, wanserve
from tests.e2e.test_weights import TINY, TURBO, configure, json_of
from tests.unit.wan.test_import import parts_of, renamed, vae_name
from tests.unit.wan.wide import make_wide, store_fp8, tensors_of
from wanserve.domain.generation import Generation
from wanserve.media import probe
from wanserve.models.authors_names import authors_name

TRANSFORMER = "wan2.1_t2v_1.3B_fp8_scaled.safetensors"
GIVEN = (TRANSFORMER, "umt5_xxl.safetensors", "wan_2.1_vae.safetensors", "tokenizer")


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """Weights as ComfyUI has them: a file for each part, with the authors' names, the transformer in scaled fp8."""
    wide, made = make_wide(tmp_path / "wide"), tmp_path / "given"
    made.mkdir()
    parts = parts_of(wide)
    store_fp8(wide, torch.float8_e4m3fn, lambda tensor: tensor.abs().max() / 448)
    marked = {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    save_file(renamed(tensors_of(wide), comfys_name, "model.diffusion_model.") | marked, made / TRANSFORMER)
    save_file(parts["text_encoder"], made / "umt5_xxl.safetensors")
    save_file(renamed(parts["vae"], vae_name), made / "wan_2.1_vae.safetensors")
    shutil.copytree(wide / "tokenizer", made / "tokenizer")
    return made


def comfys_name(name: str) -> str:
    """The authors' name of a tensor, or of the scale beside one."""
    layer = name.removesuffix(".scale_weight")
    if layer == name:
        return authors_name(name)
    return f"{authors_name(f'{layer}.weight').removesuffix('weight')}scale_weight"


def run_import(folder: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    return wanserve("models", "import", *map(str, files), TURBO, "--data-dir", str(folder / "data"), cwd=folder)


def test_files_as_comfyui_has_them_become_a_model_that_is_served(folder: Path, given: Path, tmp_path: Path) -> None:
    configure(folder, turbo="steps = 1\nframes = 1")
    data = ("--data-dir", str(folder / "data"))
    done = run_import(folder, *(given / name for name in GIVEN))
    made = folder / "data" / "models" / TURBO
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        f"{TURBO}: transformer in F8_E4M3, text encoder in F32, VAE in F32, "
        f"of a shape that none of the authors' models has, in {made}\n"
    )
    (row,) = [row for row in json_of(folder, "models", *data) if row["name"] == TURBO]
    assert (row["engine"], row["why"]) == ("wan", "")
    # What was imported is whole without the files that it was made of.
    shutil.rmtree(given)
    with running(folder / "data", cwd=folder) as server:
        output = server.wait(server.submit(model=TURBO, seed=1), "SUCCEEDED")
        file = tmp_path / "made.mp4"
        file.write_bytes(server.http.get(str(output["video_url"])).content)
    facts = probe.check(file, Generation(TURBO, "a cat", "", 640, 480, frames=1, fps=16, seed=1))
    assert f"engine wan, model {TURBO}, seed 1, profile exact, 1 step," in facts.tags["description"]
    again = run_import(folder, made)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith(f"{made} holds weights already: remove it first, or set the weights of {TURBO} to ")


def test_what_cannot_be_imported_is_one_line_and_leaves_nothing_behind(folder: Path, given: Path) -> None:
    configure(folder)
    transformer, encoder, vae, tokenizer = (given / name for name in GIVEN)

    def refused(*files: Path) -> str:
        done = run_import(folder, *files)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
        assert list((folder / "data" / "models").iterdir()) == []
        return done.stderr

    text = given / "notes.txt"
    text.write_text("where I found these files\n" * 10)
    assert refused(text, encoder, vae, tokenizer).startswith(f"{text} is not a safetensors file")
    plain = renamed(tensors_of(TINY), authors_name)
    plain["patch_embedding.weight"] = torch.zeros(24, 36, 1, 2, 2)
    to_video = given / "wan2.1_i2v.safetensors"
    save_file(plain, to_video)
    told = f"{to_video} holds a transformer with 36 input channels, and those for text-to-video have 16"
    assert refused(to_video, encoder, vae, tokenizer).startswith(told)
    assert refused(transformer, vae, tokenizer) == (
        "no text encoder was given, and no model here has one: add its file (such as "
        "umt5_xxl_fp8_e4m3fn_scaled.safetensors)\n"
    )
    assert refused(given / "nowhere.safetensors") == f"there is no {given / 'nowhere.safetensors'}\n"
