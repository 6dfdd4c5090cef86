"""Weights on the disk: where they are found, and the one-line message for each way in which they can be wrong."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.checkpoints import change_json, tensors_of, write_shapes, write_tensors
from wanserve.domain.errors import SetupError
from wanserve.models.architecture import transformer_tensors
from wanserve.models.locations import find_weights
from wanserve.models.sampling import SHAPE_14B, TransformerShape
from wanserve.models.weights import Checkpoint, PartWeights, check_weights

ASSETS = Path(__file__).parents[2] / "assets"
HUB_ID = "Wan-AI/Wan2.1-T2V-1.3B-Diffusers"
TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """Weights of one expert, which a test may break."""
    return Path(shutil.copytree(ASSETS / "tiny-wan", tmp_path / "one"))


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Weights of two experts, which a test may break."""
    return Path(shutil.copytree(ASSETS / "tiny-wan22", tmp_path / "two"))


def replace_by(path: Path, content: str | None) -> None:
    """Replace what is at the path by a file with this content, or by an empty folder where it is None."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_text(content, "utf-8")


def changed(file: Path, tensors: dict[str, tuple[str, tuple[int, ...], bytes]]) -> None:
    """Add tensors to the file, or replace them."""
    write_tensors(file, tensors_of(file) | tensors)


def without(file: Path, name: str) -> None:
    """Leave one tensor out of the file."""
    tensors = tensors_of(file)
    del tensors[name]
    write_tensors(file, tensors)


def shard(part: Path, stem: str) -> list[Path]:
    """Split the part's weights into two files with an index, as the large repositories have them."""
    whole = part / f"{stem}.safetensors"
    tensors = tensors_of(whole)
    whole.unlink()
    halves = [dict(list(tensors.items())[:5]), dict(list(tensors.items())[5:])]
    files = [part / f"{stem}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    for file, half in zip(files, halves, strict=True):
        write_tensors(file, half)
    weight_map = {name: file.name for file, half in zip(files, halves, strict=True) for name in half}
    (part / f"{stem}.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}), "utf-8")
    return files


def test_whole_weights_tell_their_shape_and_the_size_of_their_parts(one: Path, two: Path) -> None:
    assert check_weights(one, 1) == Checkpoint(
        folder=one,
        shape=TransformerShape(layers=2, dim=24, heads=2, ffn=64),
        transformer=PartWeights(110_600, 26_088, "F32"),
        transformer_2=None,
        text_encoder=PartWeights(151_560, 37_280, "F32"),
        vae=PartWeights(732_516, 179_295, "F32"),
    )
    found = check_weights(two, 2)
    assert found.shape.experts == 2
    assert found.transformer_2 == found.transformer
    assert not found.is_real


def test_the_shape_of_the_authors_models_is_known(two: Path) -> None:
    shape = {"num_layers": 40, "num_attention_heads": 40, "attention_head_dim": 128, "ffn_dim": 13824}
    for part in ("transformer", "transformer_2"):
        change_json(two / part / "config.json", **shape)
        config = json.loads((two / part / "config.json").read_text("utf-8"))
        write_shapes(two / part / "diffusion_pytorch_model.safetensors", transformer_tensors(config))
    found = check_weights(two, 2)
    assert found.is_real
    assert found.shape == replace(SHAPE_14B, experts=2)
    assert (found.transformer.dtype, found.transformer.parameters // 10**8) == ("BF16", 142)


def test_weights_in_several_files_are_followed_by_their_index(one: Path) -> None:
    files = [
        *shard(one / "transformer", "diffusion_pytorch_model"),
        *shard(one / "text_encoder", "model"),
    ]
    assert check_weights(one, 1).transformer.bytes == sum(file.stat().st_size for file in files[:2])
    files[3].unlink()
    with pytest.raises(SetupError, match=r"model-00002-of-00002.safetensors is missing"):
        check_weights(one, 1)


def test_a_shard_that_lacks_what_the_index_promises_is_told(one: Path) -> None:
    _, second = shard(one / "transformer", "diffusion_pytorch_model")
    write_shapes(second, {"stranger": (1,)})
    with pytest.raises(
        SetupError, match=r"00002-of-00002.safetensors lacks blocks.0.attn1.to_out.0.weight, which the in"
    ):
        check_weights(one, 1)


def test_both_names_of_the_embedding_are_taken_and_none_is_not(one: Path) -> None:
    file = one / "text_encoder" / "model.safetensors"
    tensors = tensors_of(file)
    embedding = tensors.pop("shared.weight")
    write_tensors(file, tensors)
    with pytest.raises(SetupError, match=r"text_encoder lacks shared.weight$"):
        check_weights(one, 1)
    write_tensors(file, tensors | {"encoder.embed_tokens.weight": embedding})
    assert check_weights(one, 1).text_encoder.parameters == 37_280
    write_tensors(file, tensors | {"encoder.embed_tokens.weight": embedding, "shared.weight": embedding})
    assert check_weights(one, 1).text_encoder.dtype == "F32"


def rows_that_are_no_blocks(one: Path) -> None:
    listed = {"quant_method": "wanserve", "gguf_tensors": {"proj_out.weight": "Q8_0"}}
    change_json(one / "transformer/config.json", quantization_config=listed)
    changed(one / TRANSFORMER, {"proj_out.weight": ("U8", (64, 24), bytes(64 * 24))})


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "no folder": (shutil.rmtree, "one is not a folder"),
    "a file for a folder": (lambda one: replace_by(one, ""), "one is not a folder"),
    "an empty folder": (lambda one: replace_by(one, None), "model_index.json is missing"),
    "the authors' layout": (
        lambda one: (one / "model_index.json").rename(one / "Wan2.1_VAE.pth"),
        "model_index.json is missing",
    ),
    "an index that is no JSON": (
        lambda one: (one / "model_index.json").write_text('{"_class'),
        "model_index.json is not valid JSON",
    ),
    "an index that is binary": (
        lambda one: (one / "model_index.json").write_bytes(b"\xff\xfe\x00"),
        "model_index.json is not valid JSON",
    ),
    "an index that is a list": (lambda one: (one / "model_index.json").write_text("[]"), "does not hold a JSON object"),
    "another pipeline": (
        lambda one: change_json(one / "model_index.json", _class_name="FluxPipeline"),
        "describes FluxPipeline, not WanPipeline",
    ),
    "image to video": (
        lambda one: change_json(one / "model_index.json", _class_name="WanImageToVideoPipeline"),
        "describes WanImageToVideoPipeline, not WanPipeline",
    ),
    "image to video by its encoder": (
        lambda one: change_json(one / "model_index.json", image_encoder=["transformers", "CLIPVisionModel"]),
        "image-to-video",
    ),
    "image to video by its channels": (
        lambda one: change_json(one / "transformer" / "config.json", in_channels=36),
        "transformer/config.json has in_channels 36, not 16",
    ),
    "TI2V-5B": (lambda one: change_json(one / "model_index.json", expand_timesteps=True), "TI2V-5B"),
    "the VAE of TI2V-5B": (
        lambda one: change_json(one / "vae" / "config.json", z_dim=48),
        "vae/config.json has z_dim 48, not 16",
    ),
    "no text encoder in the index": (
        lambda one: change_json(one / "model_index.json", text_encoder=[None, None]),
        "model_index.json does not name text_encoder",
    ),
    "another transformer": (
        lambda one: change_json(one / "transformer" / "config.json", _class_name="WanVACETransformer3DModel"),
        "describes WanVACETransformer3DModel, not WanTransformer3DModel",
    ),
    "another text encoder": (
        lambda one: change_json(one / "text_encoder" / "config.json", architectures=["T5EncoderModel"]),
        "describes ['T5EncoderModel'], not UMT5EncoderModel",
    ),
    "no part": (lambda one: shutil.rmtree(one / "vae"), "vae/config.json is missing"),
    "no count": (
        lambda one: change_json(one / "transformer" / "config.json", ffn_dim="many"),
        "transformer/config.json has ffn_dim 'many', which is not a positive whole number",
    ),
    "no tokenizer": (lambda one: (one / "tokenizer" / "tokenizer.json").unlink(), "neither tokenizer.json nor"),
    "a tokenizer that is cut short": (
        lambda one: (one / "tokenizer" / "tokenizer.json").write_bytes(
            (one / "tokenizer" / "tokenizer.json").read_bytes()[:-200]
        ),
        "tokenizer/tokenizer.json is damaged or cut short",
    ),
    "an empty tokenizer": (
        lambda one: (one / "tokenizer" / "tokenizer.json").write_bytes(b""),
        "tokenizer/tokenizer.json is damaged or cut short",
    ),
    "no scheduler": (lambda one: shutil.rmtree(one / "scheduler"), "scheduler_config.json is missing"),
    "no weights": (lambda one: (one / TRANSFORMER).unlink(), f"{TRANSFORMER} is missing"),
    "an index of nothing": (
        lambda one: (one / "vae" / "diffusion_pytorch_model.safetensors.index.json").write_text("{}"),
        "index.json has no weight_map",
    ),
    "a layer less": (
        lambda one: change_json(one / "transformer" / "config.json", num_layers=3),
        "lacks blocks.2.norm2.weight, lacks blocks.2.norm2.bias, and differs in 24 more",
    ),
    "cut short": (
        lambda one: (one / TRANSFORMER).write_bytes((one / TRANSFORMER).read_bytes()[:-1]),
        f"{TRANSFORMER} is cut short: 110599 bytes instead of 110600",
    ),
    "cut short in its header": (
        lambda one: (one / TRANSFORMER).write_bytes((one / TRANSFORMER).read_bytes()[:100]),
        f"{TRANSFORMER} is not a safetensors file, or its header is damaged",
    ),
    "longer": (
        lambda one: (one / TRANSFORMER).write_bytes((one / TRANSFORMER).read_bytes() + b"\0"),
        f"{TRANSFORMER} is longer than its header says",
    ),
    "empty": (lambda one: (one / TRANSFORMER).write_bytes(b""), f"{TRANSFORMER} is not a safetensors file"),
    "a page of HTML": (
        lambda one: (one / TRANSFORMER).write_text("<html><body>Please log in</body></html>"),
        f"{TRANSFORMER} is not a safetensors file",
    ),
    "a header of another shape": (
        lambda one: (one / TRANSFORMER).write_bytes((20).to_bytes(8, "little") + b'{"a":{"dtype":"F32"}}'[:20]),
        f"{TRANSFORMER} is not a safetensors file",
    ),
    "no tensor": (
        lambda one: write_tensors(one / "vae/diffusion_pytorch_model.safetensors", {}),
        "vae has no tensor",
    ),
    "a tensor less in the transformer": (
        lambda one: without(one / TRANSFORMER, "blocks.1.attn2.norm_k.weight"),
        "transformer lacks blocks.1.attn2.norm_k.weight",
    ),
    "a tensor less in the text encoder": (
        lambda one: without(one / "text_encoder/model.safetensors", "encoder.final_layer_norm.weight"),
        "text_encoder lacks encoder.final_layer_norm.weight",
    ),
    "a tensor less in the VAE": (
        lambda one: without(one / "vae/diffusion_pytorch_model.safetensors", "decoder.norm_out.gamma"),
        "vae lacks decoder.norm_out.gamma",
    ),
    "a tensor more": (
        lambda one: changed(one / TRANSFORMER, {"blocks.0.attn2.add_k_proj.weight": ("F32", (1,), bytes(4))}),
        "transformer has blocks.0.attn2.add_k_proj.weight, which this model does not have",
    ),
    "a tensor of another shape": (
        lambda one: changed(one / TRANSFORMER, {"proj_out.bias": ("F32", (63,), bytes(252))}),
        "transformer has proj_out.bias of shape 63 instead of 64",
    ),
    "numbers of another library": (
        lambda one: change_json(one / "transformer/config.json", quantization_config={"quant_method": "bitsandbytes"}),
        "transformer has weights that bitsandbytes quantised, which cannot be read here: take them in bf16, fp8 or GGUF",
    ),
    "whole numbers": (
        lambda one: changed(one / TRANSFORMER, {"proj_out.bias": ("I8", (64,), bytes(64))}),
        "transformer has proj_out.bias in the format I8, which is not read: take the weights in bf16, fp8 or GGUF",
    ),
    "a scale beside plain numbers": (
        lambda one: changed(one / TRANSFORMER, {"proj_out.weight_scale": ("F32", (1,), bytes(4))}),
        "transformer has the scale proj_out.weight_scale beside a weight that is not in fp8",
    ),
    "fp8 with a scale for each block": (
        lambda one: changed(
            one / TRANSFORMER,
            {
                "proj_out.weight": ("F8_E4M3", (64, 24), bytes(64 * 24)),
                "proj_out.weight_scale": ("F32", (64, 3), bytes(64 * 12)),
            },
        ),
        "transformer has proj_out.weight_scale of shape (64, 3): only one scale, or one for each row, is understood",
    ),
    "a scale that is no number": (
        lambda one: changed(
            one / TRANSFORMER,
            {
                "proj_out.weight": ("F8_E4M3", (64, 24), bytes(64 * 24)),
                "proj_out.scale_weight": ("U8", (), bytes(1)),
            },
        ),
        "transformer has proj_out.scale_weight of shape ()",
    ),
    "fp8 with the scales of another library": (
        lambda one: changed(
            one / TRANSFORMER,
            {
                "proj_out.weight": ("F8_E4M3", (64, 24), bytes(64 * 24)),
                "proj_out.weight_scale_inv": ("F32", (), bytes(4)),
            },
        ),
        "transformer has proj_out.weight_scale_inv, which this model does not have",
    ),
    "an fp8 VAE": (
        lambda one: changed(
            one / "vae/diffusion_pytorch_model.safetensors", {"decoder.conv_out.bias": ("F8_E5M2", (3,), bytes(3))}
        ),
        "vae has decoder.conv_out.bias in the format F8_E5M2: it must be in BF16, F16, F32, F64",
    ),
    "bytes of GGUF in no format": (
        lambda one: change_json(
            one / "transformer/config.json",
            quantization_config={"quant_method": "wanserve", "gguf_tensors": {"proj_out.weight": "IQ9"}},
        ),
        "transformer has weights in the format IQ9; those that are read are Q8_0, Q6_K,",
    ),
    "bytes of GGUF that are no blocks": (
        rows_that_are_no_blocks,
        "transformer stores rows of 24 bytes as Q8_0, whose blocks have 34 bytes",
    ),
    "another VAE": (
        lambda one: change_json(one / "vae" / "config.json", is_residual=True),
        "vae/config.json describes the VAE of another model, not that of Wan 2.1",
    ),
    "image to video by its keys": (
        lambda one: change_json(one / "transformer" / "config.json", added_kv_proj_dim=24),
        "transformer/config.json has added_kv_proj_dim 24: these are image-to-video weights, not text-to-video",
    ),
    "a folder for a file": (
        lambda one: replace_by(one / TRANSFORMER, None),
        f"{TRANSFORMER} cannot be read: Is a directory",
    ),
    "a pointer of Git LFS": (
        lambda one: (one / TRANSFORMER).write_text(
            "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
        ),
        f"{TRANSFORMER} is a pointer of Git LFS, not the weights: run `git lfs pull`",
    ),
}


@pytest.mark.parametrize(("damage", "message"), BROKEN.values(), ids=BROKEN)
def test_what_is_broken_or_foreign_is_told_in_one_line(
    one: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(one)
    with pytest.raises(SetupError) as caught:
        check_weights(one, 1)
    assert message in str(caught.value)
    assert str(one) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_number_of_experts_must_be_the_models(one: Path, two: Path) -> None:
    with pytest.raises(SetupError, match=r"one/model_index.json has no transformer_2"):
        check_weights(one, 2)
    with pytest.raises(SetupError, match=r"two/model_index.json has two transformers"):
        check_weights(two, 1)
    change_json(two / "transformer_2" / "config.json", ffn_dim=32)
    with pytest.raises(SetupError, match=r"transformer_2/config.json describes another shape"):
        check_weights(two, 2)


def test_a_local_folder_is_taken_as_it_is(one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_weights(str(one), 1, Path("none"), "model", {}) == one
    monkeypatch.setenv("HOME", str(one.parent))
    assert find_weights("~/one", 1, Path("none"), "model", {}) == one
    monkeypatch.chdir(one.parent)
    assert find_weights("one", 1, Path("none"), "model", {}) == one
    (one / "model_index.json").unlink()
    assert find_weights(str(one), 1, Path("none"), "model", {}) == one, (
        "only check_weights reports what is wrong with it"
    )


@pytest.mark.parametrize(
    "weights", ["/no/such/folder", "~nobody-of-this-name/x", "model", "../x/y", "a/b/c", "a/" + "b" * 300, ""]
)
def test_what_is_neither_a_folder_nor_a_hub_id_is_nowhere(weights: str, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    assert find_weights(weights, 1, tmp_path / "models", "model", {"HF_HOME": str(tmp_path)}) is None


def test_pulled_weights_are_found_under_the_models_name_and_not_while_they_are_fetched(one: Path) -> None:
    models = one.parent / "models"
    environ = {"HF_HOME": str(one.parent)}
    shutil.copytree(one, models / "turbo.partial")
    assert find_weights(HUB_ID, 1, models, "turbo", environ) is None
    (models / "turbo.partial").rename(models / "turbo")
    assert find_weights(HUB_ID, 1, models, "turbo", environ) == models / "turbo", "put there by hand"
    (models / "turbo" / "pulled.json").write_text(json.dumps({"hub_id": HUB_ID, "revision": "0"}))
    assert find_weights(HUB_ID, 1, models, "turbo", environ) == models / "turbo"
    assert find_weights("Wan-AI/Another", 1, models, "turbo", environ) is None


@pytest.mark.parametrize(
    ("variable", "below"),
    [
        ("HF_HUB_CACHE", "."),
        ("HUGGINGFACE_HUB_CACHE", "."),
        ("HF_HOME", "hub"),
        ("XDG_CACHE_HOME", "huggingface/hub"),
        ("HOME", ".cache/huggingface/hub"),
    ],
)
def test_the_cache_of_hugging_face_is_looked_into_where_a_snapshot_is_whole(
    one: Path, variable: str, below: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = one.parent / "home"
    repository = home / below / "models--Wan-AI--Wan2.1-T2V-1.3B-Diffusers"
    snapshot = repository / "snapshots" / "abc"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    monkeypatch.setenv("HOME", str(home))
    environ = {variable: str(home)}
    assert find_weights(HUB_ID, 1, one.parent / "models", "turbo", environ) is None
    shutil.copytree(one, snapshot)
    assert find_weights(HUB_ID, 1, one.parent / "models", "turbo", environ) == snapshot
    assert find_weights("Wan-AI/Another", 1, one.parent / "models", "turbo", environ) is None
    (snapshot / TRANSFORMER).unlink()
    assert find_weights(HUB_ID, 1, one.parent / "models", "turbo", environ) is None, "its download did not finish"


def test_the_check_loads_nothing_beside_the_standard_library() -> None:
    code = "import sys, wanserve.models.weights; print({'torch', 'numpy', 'huggingface_hub'} & sys.modules.keys())"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "set()"
