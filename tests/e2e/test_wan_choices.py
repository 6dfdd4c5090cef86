"""What a request chooses of the wan engine is what its video is made with, and the next request has nothing of it."""

import hashlib
import json
import shutil
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from tests.checkpoints import tensors_of, write_lora, write_tensors
from tests.e2e.server import Server, running, wanserve
from tests.pictures import without_id
from wanserve.client import Wan
from wanserve.media import probe

TINY = Path(__file__).parents[1] / "assets" / "tiny-wan"
TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"
UNGUIDED = "the negative prompt changed nothing, as a distilled model is made without guidance"
TURBO, PLUS_2_1 = "wanx2.1-t2v-turbo", "wanx2.1-t2v-plus"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose owner lets requests choose, with a second model whose weights hold numbers that are none."""
    folder = tmp_path_factory.mktemp("choices")
    broken = Path(shutil.copytree(TINY, folder / "broken")) / TRANSFORMER
    tensors = tensors_of(broken)
    dtype, shape, content = tensors["proj_out.bias"]
    assert dtype == "F32"
    tensors["proj_out.bias"] = (dtype, shape, struct.pack("<f", float("nan")) + content[4:])
    write_tensors(broken, tensors)
    (folder / "wanserve.toml").write_text(f"""
engine = "wan"
[models."{TURBO}"]
weights = "{TINY}"
steps = 2
frames = 1
distill = {{ file = "{write_lora(folder / "fast.safetensors", 2)}" }}
[models."{TURBO}".requests]
profiles = ["exact", "fast"]
steps = [1, 10]
loras.sketch = {{ file = "{write_lora(folder / "sketch.safetensors")}", strength = 0.8, strengths = [0.0, 1.5] }}
[models."{PLUS_2_1}"]
weights = "{broken.parents[1]}"
steps = 2
frames = 1
""")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(folder / "cache"))
        patch.setenv("CUDA_VISIBLE_DEVICES", "")
        with running(folder / "data", cwd=folder, submit_rps="1000", query_rps="10000") as one:
            yield one


def made(server: Server, file: Path, **chosen: Any) -> Path:
    """Have a video made of the same prompt and seed, and download it."""
    output = server.wait(server.submit(model=TURBO, seed=7, **chosen), "SUCCEEDED")
    file.write_bytes(server.http.get(str(output["video_url"])).raise_for_status().content)
    return file


def pictures(file: Path) -> str:
    """A digest of the pictures alone: a file says in its metadata too how it was made."""
    with av.open(str(file)) as container:
        return hashlib.sha256(b"".join(bytes(frame.to_ndarray()) for frame in container.decode(video=0))).hexdigest()


def how(file: Path) -> str:
    """How the video was made, as its own metadata tell it."""
    return without_id(probe.read(file).tags["description"]).partition(f"model {TURBO}, seed 7, ")[2]


def test_a_lora_is_in_the_video_of_its_request_and_in_no_other(server: Server, tmp_path: Path) -> None:
    before = made(server, tmp_path / "before.mp4")
    without = made(server, tmp_path / "without.mp4", loras=[{"name": "sketch", "strength": 0}])
    sketched = made(server, tmp_path / "sketched.mp4", loras=[{"name": "sketch"}])
    stronger = made(server, tmp_path / "stronger.mp4", loras=[{"name": "sketch", "strength": 1.5}])
    after = made(server, tmp_path / "after.mp4")
    assert pictures(after) == pictures(before)
    assert pictures(without) == pictures(before)
    assert len({pictures(each) for each in (before, sketched, stronger)}) == 3
    assert how(before) == "profile exact, 2 steps, native."
    assert how(sketched) == "chosen (lora=sketch:0.8), profile exact, 2 steps, LoRA sketch at 0.8, native."
    assert how(stronger) == "chosen (lora=sketch:1.5), profile exact, 2 steps, LoRA sketch at 1.5, native."


def test_the_profile_fast_has_its_own_steps_and_its_own_lora(server: Server, tmp_path: Path) -> None:
    before = made(server, tmp_path / "before.mp4")
    fast = made(server, tmp_path / "fast.mp4", profile="fast")
    quicker = made(server, tmp_path / "quicker.mp4", profile="fast", steps=3)
    longer = made(server, tmp_path / "longer.mp4", steps=4)
    assert how(fast) == "chosen (profile=fast), profile fast, 4 steps, native."
    assert how(quicker) == "chosen (profile=fast, steps=3), profile fast, 3 steps, native."
    assert how(longer) == "chosen (steps=4), profile exact, 4 steps, native."
    assert len({pictures(each) for each in (before, fast, quicker, longer)}) == 4
    assert pictures(made(server, tmp_path / "after.mp4")) == pictures(before)


def test_a_recipe_tells_the_choices_and_draws_the_same_pictures_again(server: Server, tmp_path: Path) -> None:
    with Wan(server.url, server.key) as wan:
        asked: dict[str, Any] = {"profile": "fast", "steps": 3, "loras": {"sketch": 0.5}}
        first = wan.generate("a cat", model=TURBO, size="640*480", negative_prompt="rain", **asked)
        assert {name: first.recipe[name] for name in asked} == asked
        # A video of one frame has no length in whole seconds that a request could ask for.
        recipe: dict[str, Any] = {name: value for name, value in first.recipe.items() if name != "seconds"}
        again = wan.generate(**recipe)
        assert again.recipe == first.recipe
        files = [wan.download(each, tmp_path / f"{each.id}.mp4") for each in (first, again)]
    assert pictures(files[0]) == pictures(files[1])
    task_id = str(uuid.UUID(first.id.removeprefix("video_")))
    told = wanserve("tasks", "show", task_id, "--json", "--data-dir", str(server.data_dir))
    shown = json.loads(told.stdout)
    chosen = {"profile": "fast", "steps": 3, "guidance_scale": None, "loras": [{"name": "sketch", "strength": 0.5}]}
    assert shown["chosen"] == chosen
    assert shown["video"]["profile"] == "fast"
    assert shown["video"]["notes"] == [UNGUIDED], "which is told, as nothing came of the negative prompt"


def test_weights_with_numbers_that_are_none_fail_their_task_and_no_other(server: Server, tmp_path: Path) -> None:
    before = made(server, tmp_path / "before.mp4")
    told = server.wait(server.submit(size="1280*720", model=PLUS_2_1, seed=7), "FAILED")
    assert told["message"] == (
        "after step 1 of 2 the latents are infinite or not numbers: "
        "another attention kernel or precision may help, or other weights"
    )
    assert "video_url" not in told
    assert pictures(made(server, tmp_path / "after.mp4")) == pictures(before)
