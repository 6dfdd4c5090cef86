"""Weights as people have them become a folder that draws the same videos, or are refused in one line."""

import io
import json
import pickle
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.checkpoints import write_shapes
from tests.unit.wan.engines import ASSETS, PLUS, SMALL, TURBO, ignore_progress, loaded_engine, pictures, tiny_card
from tests.unit.wan.wide import (
    FILE,
    Tensors,
    blocks_of,
    dequantised,
    is_matrix,
    make_wide,
    store_fp8,
    tensors_of,
    write,
)
from wanserve.domain.errors import SetupError
from wanserve.models import importing
from wanserve.models.architecture import transformer_tensors
from wanserve.models.authors_names import (
    authors_name,
    authors_text_encoder_name,
    authors_vae_name,
    gguf_text_encoder_name,
)
from wanserve.models.importing import import_weights
from wanserve.models.sampling import WAN_MODELS
from wanserve.models.weights import Checkpoint, check_weights

Rename = Callable[[str], str]


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """The folder whose tensors are given in other forms."""
    return make_wide(tmp_path / "wide")


def parts_of(folder: Path) -> dict[str, Tensors]:
    files = {"transformer": FILE, "vae": FILE, "text_encoder": "model.safetensors"}
    return {part: load_file(folder / part / file) for part, file in files.items()}


def renamed(tensors: Mapping[str, torch.Tensor], rename: Rename, prefix: str = "") -> Tensors:
    return {f"{prefix}{rename(name)}": tensor for name, tensor in tensors.items()}


def vae_name(name: str) -> str:
    return authors_vae_name(name, 1)


AUTHORS: dict[str, Rename] = {"transformer": authors_name, "vae": vae_name, "text_encoder": authors_text_encoder_name}


def imported(tmp_path: Path, *paths: Path, model: str = TURBO, donors: tuple[Path, ...] = ()) -> Checkpoint:
    return import_weights(list(paths), tmp_path / "models" / model, WAN_MODELS[model], donors)


def drawn(folder: Path) -> Any:
    return pictures(loaded_engine(tiny_card(TURBO, weights=str(folder), steps=2)).generate(SMALL, ignore_progress))


def single_files(folder: Path, wide: Path) -> list[Path]:
    """As Kijai and ComfyUI have them: one file for each part, with the authors' names or the libraries'."""
    folder.mkdir()
    parts = parts_of(wide)
    save_file(renamed(parts["transformer"], authors_name), folder / "wan.safetensors")
    save_file(renamed(parts["vae"], vae_name), folder / "wan_2.1_vae.safetensors")
    save_file(parts["text_encoder"], folder / "umt5_xxl.safetensors")
    return [*sorted(folder.iterdir()), wide / "tokenizer"]


def comfy(folder: Path, wide: Path) -> list[Path]:
    """The same with ComfyUI's prefix."""
    folder.mkdir()
    parts = parts_of(wide)
    save_file(renamed(parts["transformer"], authors_name, "model.diffusion_model."), folder / "wan.safetensors")
    save_file(renamed(parts["vae"], str, ""), folder / "vae.safetensors")
    save_file(renamed(parts["text_encoder"], authors_text_encoder_name), folder / "umt5-xxl-enc.safetensors")
    return [*sorted(folder.iterdir()), wide]


def all_in_one(folder: Path, wide: Path) -> list[Path]:
    """One checkpoint of ComfyUI with all parts."""
    folder.mkdir()
    parts = parts_of(wide)
    tensors = renamed(parts["transformer"], authors_name, "model.diffusion_model.")
    tensors |= renamed(parts["vae"], vae_name, "vae.")
    tensors |= renamed(parts["text_encoder"], str, "text_encoders.umt5xxl.transformer.")
    save_file(tensors, folder / "all.safetensors")
    return [folder / "all.safetensors", wide / "tokenizer"]


def authors(folder: Path, wide: Path) -> list[Path]:
    """The authors' own repository: pickles for the VAE and the text encoder, and their configuration."""
    folder.mkdir()
    parts = parts_of(wide)
    save_file(renamed(parts["transformer"], authors_name), folder / "diffusion_pytorch_model.safetensors")
    torch.save(renamed(parts["vae"], vae_name), folder / "Wan2.1_VAE.pth")
    torch.save(renamed(parts["text_encoder"], authors_text_encoder_name), folder / "models_t5_umt5-xxl-enc-bf16.pth")
    (folder / "config.json").write_text(json.dumps({"_class_name": "WanModel", "num_heads": 2, "dim": 256}))
    shutil.copytree(wide / "tokenizer", folder / "google" / "umt5-xxl")
    return [folder]


def authors_in_shards(folder: Path, wide: Path) -> list[Path]:
    """The authors' larger repositories, whose transformer is cut into several files."""
    authors(folder, wide)
    tensors = load_file(folder / "diffusion_pytorch_model.safetensors")
    (folder / "diffusion_pytorch_model.safetensors").unlink()
    names = sorted(tensors)
    for number, some in enumerate((names[:20], names[20:]), 1):
        save_file(
            {name: tensors[name] for name in some},
            folder / f"diffusion_pytorch_model-0000{number}-of-00002.safetensors",
        )
    return [folder]


def pickles(folder: Path, wide: Path) -> list[Path]:
    """The diffusers layout with PyTorch's files, as it was before safetensors."""
    shutil.copytree(wide, folder)
    for part, name in (("transformer", "diffusion_pytorch_model.bin"), ("text_encoder", "pytorch_model.bin")):
        for file in (folder / part).glob("*.safetensors"):
            torch.save(load_file(file), folder / part / name)
            file.unlink()
    return [folder]


def variant(folder: Path, wide: Path) -> list[Path]:
    """The diffusers layout with a variant's name in its files."""
    shutil.copytree(wide, folder)
    (folder / "transformer" / FILE).rename(folder / "transformer" / "diffusion_pytorch_model.fp16.safetensors")
    return [folder]


def nested(folder: Path, wide: Path) -> list[Path]:
    """A training checkpoint, whose tensors are below a name."""
    paths = single_files(folder, wide)
    tensors = load_file(folder / "wan_2.1_vae.safetensors")
    torch.save({"state_dict": tensors}, folder / "vae.ckpt")
    return [folder / "vae.ckpt", *(path for path in paths if "vae" not in path.name)]


LAYOUTS = (single_files, comfy, all_in_one, authors, authors_in_shards, pickles, variant, nested)


@pytest.mark.parametrize("layout", LAYOUTS, ids=[each.__name__ for each in LAYOUTS])
def test_each_layout_becomes_a_folder_that_draws_the_same(
    tmp_path: Path, wide: Path, layout: Callable[[Path, Path], list[Path]]
) -> None:
    paths = layout(tmp_path / "given", wide)
    if layout is comfy:
        shutil.copytree(wide / "tokenizer", tmp_path / "tokenizer")
        paths = [*paths[:-1], tmp_path / "tokenizer"]
    made = imported(tmp_path, *paths)
    assert check_weights(made.folder, 1) == made
    for part, tensors in parts_of(wide).items():
        found = parts_of(made.folder)[part]
        assert found.keys() == tensors.keys()
        assert all(
            torch.equal(found[name], tensors[name]) and found[name].dtype == tensors[name].dtype for name in found
        )
    assert np.array_equal(drawn(made.folder), drawn(wide))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_halves_stay_what_they_are(tmp_path: Path, wide: Path, dtype: torch.dtype) -> None:
    paths = single_files(tmp_path / "given", wide)
    halves = {name: tensor.to(dtype) for name, tensor in tensors_of(wide).items()}
    save_file(renamed(halves, authors_name), tmp_path / "given" / "wan.safetensors")
    made = imported(tmp_path, *paths)
    assert made.transformer.dtype == {torch.bfloat16: "BF16", torch.float16: "F16"}[dtype]
    write(wide, halves)
    assert np.array_equal(drawn(made.folder), drawn(wide))


@pytest.mark.parametrize("scaled", [False, True])
def test_fp8_stays_fp8_with_its_scales(tmp_path: Path, wide: Path, scaled: bool) -> None:
    paths = single_files(tmp_path / "given", wide)
    store_fp8(wide, torch.float8_e4m3fn, (lambda tensor: tensor.abs().max() / 448) if scaled else None)
    tensors = tensors_of(wide)

    def name_of(name: str) -> str:
        layer = name.removesuffix(".scale_weight")
        return (
            authors_name(name)
            if layer == name
            else f"{authors_name(f'{layer}.weight').removesuffix('weight')}scale_weight"
        )

    marked = renamed(tensors, name_of, "model.diffusion_model.") | {
        "scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)
    }
    save_file(marked, tmp_path / "given" / "wan.safetensors")
    made = imported(tmp_path, *paths)
    assert made.transformer.dtype == "F8_E4M3"
    assert made.transformer.kept_parameters > 0
    assert tensors_of(made.folder).keys() == tensors.keys()
    assert np.array_equal(drawn(made.folder), drawn(wide))


def write_gguf(file: Path, tensors: Mapping[str, torch.Tensor], format_: str, rename: Rename, arch: str) -> Tensors:
    """Write a GGUF file with the matrices in this format. Returns what the tensors then stand for, by the libraries' names."""
    writer = gguf.GGUFWriter(file, arch)
    plain: Tensors = {}
    for number, (name, tensor) in enumerate(tensors.items()):
        plain[name] = tensor
        matrix = is_matrix(name, tensor) and tensor.shape[1] % 256 == 0
        if matrix:
            rows = blocks_of(format_, tuple(tensor.shape), number)
            plain[name] = dequantised(rows, format_)
            writer.add_tensor(rename(name), rows, raw_dtype=gguf.GGMLQuantizationType[format_])
        elif tensor.dim() > 4:
            writer.add_array(f"comfy.gguf.orig_shape.{rename(name)}", list(tensor.shape))
            writer.add_tensor(rename(name), tensor.reshape(-1, tensor.shape[-1]).numpy())
        else:
            writer.add_tensor(rename(name), tensor.numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return plain


@pytest.mark.parametrize("format_", ["Q8_0", "Q6_K", "Q5_K", "Q4_K"])
def test_gguf_draws_what_its_numbers_do(tmp_path: Path, wide: Path, format_: str) -> None:
    paths = single_files(tmp_path / "given", wide)
    (tmp_path / "given" / "wan.safetensors").unlink()
    plain = write_gguf(tmp_path / "given" / "wan.gguf", tensors_of(wide), format_, authors_name, "wan")
    text = load_file(wide / "text_encoder" / "model.safetensors")
    (tmp_path / "given" / "umt5_xxl.safetensors").unlink()
    write_gguf(tmp_path / "given" / "umt5.gguf", text, format_, gguf_text_encoder_name, "t5encoder")
    made = imported(tmp_path, *sorted((tmp_path / "given").iterdir()), paths[-1])
    assert (made.transformer.dtype, made.gguf) == (format_, True)
    write(wide, plain)
    assert np.array_equal(drawn(made.folder), drawn(wide))


def test_the_two_experts_are_told_apart_by_their_names(tmp_path: Path) -> None:
    wide = make_wide(tmp_path / "wide", ASSETS / "tiny-wan22")
    given = tmp_path / "given"
    given.mkdir()
    for part, name in (("transformer", "wan2.2_t2v_high_noise"), ("transformer_2", "wan2.2_t2v_low_noise")):
        save_file(renamed(tensors_of(wide, part), authors_name), given / f"{name}.safetensors")
    made = imported(tmp_path, given, model=PLUS, donors=(wide,))
    for part in ("transformer", "transformer_2"):
        assert all(
            torch.equal(tensors_of(made.folder, part)[name], each) for name, each in tensors_of(wide, part).items()
        )
    # As the authors have them: a folder for each.
    for part, name in (("transformer", "high_noise_model"), ("transformer_2", "low_noise_model")):
        (given / name).mkdir()
        save_file(renamed(tensors_of(wide, part), authors_name), given / name / FILE)
    for file in given.glob("*.safetensors"):
        file.unlink()
    shutil.rmtree(tmp_path / "models")
    assert imported(tmp_path, given, model=PLUS, donors=(wide,)) == made
    (given / "high_noise_model").rename(given / "one")
    (given / "low_noise_model").rename(given / "two")
    shutil.rmtree(tmp_path / "models")
    with pytest.raises(SetupError, match="which of these is the expert for high noise"):
        imported(tmp_path, given / "one", given / "two", model=PLUS, donors=(wide,))


def test_what_all_models_share_comes_from_another_model(tmp_path: Path, wide: Path) -> None:
    paths = single_files(tmp_path / "given", wide)
    made = imported(tmp_path, paths[0].with_name("wan.safetensors"), donors=(tmp_path / "nothing", wide))
    assert np.array_equal(drawn(made.folder), drawn(wide))
    shared = made.folder / "text_encoder" / "model.safetensors"
    assert shared.samefile(wide / "text_encoder" / "model.safetensors"), "linked, which takes no room"


def test_the_tokenizer_in_a_text_encoders_file_is_used(tmp_path: Path, wide: Path) -> None:
    import sentencepiece

    text = [f"a cat runs over the moon {number} and a dog sits in the rain" for number in range(500)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text), model_writer=model, vocab_size=60, pad_id=0, eos_id=1, unk_id=2, bos_id=-1
    )
    paths = single_files(tmp_path / "given", wide)[:-1]
    encoder = load_file(tmp_path / "given" / "umt5_xxl.safetensors")
    encoder["spiece_model"] = torch.frombuffer(bytearray(model.getvalue()), dtype=torch.uint8)
    save_file(encoder, tmp_path / "given" / "umt5_xxl.safetensors")
    made = imported(tmp_path, *paths)
    assert (made.folder / "tokenizer" / "tokenizer.json").is_file()
    assert (made.folder / "tokenizer" / "spiece.model").read_bytes() == model.getvalue()
    assert len(drawn(made.folder)) == 9


def test_an_import_that_was_stopped_goes_on_with_the_file_that_it_was_at(
    tmp_path: Path, wide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "SHARD_BYTES", 1_500_000)
    paths = single_files(tmp_path / "given", wide)
    made = imported(tmp_path, *paths)
    shards = sorted((made.folder / "transformer").glob("*-of-*.safetensors"))
    assert len(shards) > 2
    record = json.loads((made.folder / "imported.json").read_text())
    assert len(record["written"]) == len(shards) + 2
    import hashlib

    for name, digest in record["written"].items():
        assert hashlib.sha256((made.folder / name).read_bytes()).hexdigest() == digest
    partial = made.folder.rename(made.folder.with_name(f"{TURBO}.partial"))
    shards = sorted((partial / "transformer").glob("*-of-*.safetensors"))
    shards[-1].unlink()
    before = {file: file.stat().st_mtime_ns for file in shards[:-1]}
    again = imported(tmp_path, *paths)
    assert {file: (again.folder / "transformer" / file.name).stat().st_mtime_ns for file in before} == before
    assert np.array_equal(drawn(again.folder), drawn(wide))
    # Another file is another import.
    partial = again.folder.rename(again.folder.with_name(f"{TURBO}.partial"))
    shutil.copy(tmp_path / "given" / "wan.safetensors", tmp_path / "other.safetensors")
    other = imported(
        tmp_path, tmp_path / "other.safetensors", *[path for path in paths if path.name != "wan.safetensors"]
    )
    assert all((other.folder / "transformer" / file.name).stat().st_mtime_ns != at for file, at in before.items())


class Bomb:
    """Something that would run a command when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return Path.touch, (self.file,)


def harmful(file: Path, wide: Path) -> str:
    torch.save({"decoder.conv1.weight": Bomb(file.with_name("touched"))}, file)
    return "is damaged, or holds more than tensors, and is not read"


def harmful_and_old(file: Path, wide: Path) -> str:
    file.write_bytes(pickle.dumps({"a": Bomb(file.with_name("touched"))}))
    return "is not in PyTorch's format of today, and older ones are not read, as they can execute code"


def a_tar_that_is_none(file: Path, wide: Path) -> str:
    with tarfile.open(file, "w") as written:
        written.add(wide / "model_index.json", "storages")
    return "is not in PyTorch's format of today"


def a_zip_of_something_else(file: Path, wide: Path) -> str:
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("archive/data.txt", "nothing")
    return "is damaged, or holds more than tensors"


def a_pickle_cut_short(file: Path, wide: Path) -> str:
    torch.save(renamed(parts_of(wide)["vae"], vae_name), file)
    file.write_bytes(file.read_bytes()[:-1000])
    return "is damaged, or holds more than tensors"


def no_tensors(file: Path, wide: Path) -> str:
    torch.save([torch.zeros(2)], file)
    return "holds no tensors by name"


def numbers_beside_tensors(file: Path, wide: Path) -> str:
    torch.save({"decoder.conv1.weight": torch.zeros(2), "epoch": 3}, file)
    return "has epoch, which is not a tensor"


def cut_short(file: Path, wide: Path) -> str:
    file.write_bytes((wide / "vae" / FILE).read_bytes()[:-7])
    return "is cut short"


def gguf_cut_short(file: Path, wide: Path) -> str:
    write_gguf(file, tensors_of(wide), "Q4_K", authors_name, "wan")
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    return "is not a whole GGUF file"


def gguf_that_is_none(file: Path, wide: Path) -> str:
    file.write_bytes(b"GGUF" + bytes(100))
    return "is not a whole GGUF file"


def gguf_in_a_format_that_is_not_read(file: Path, wide: Path) -> str:
    writer = gguf.GGUFWriter(file, "wan")
    rows = np.zeros((2, 136), np.uint8)
    writer.add_tensor("patch_embedding.weight", rows, raw_dtype=gguf.GGMLQuantizationType.IQ4_XS)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return "has patch_embedding.weight in the format IQ4_XS; those that are read are Q8_0, Q6_K"


def something_else(file: Path, wide: Path) -> str:
    save_file({"conditioner.embedders.0.weight": torch.zeros(2)}, file)
    return "holds no transformer, text encoder or VAE of Wan: its first tensor is conditioner.embedders.0.weight"


def image_to_video(file: Path, wide: Path) -> str:
    tensors = renamed(tensors_of(wide), authors_name)
    tensors["patch_embedding.weight"] = torch.zeros(256, 36, 1, 2, 2)
    save_file(tensors, file)
    return "holds a transformer with 36 input channels, and those for text-to-video have 16"


def with_image_layers(file: Path, wide: Path) -> str:
    tensors = renamed(tensors_of(wide), authors_name)
    save_file(tensors | {"blocks.0.cross_attn.k_img.weight": torch.zeros(256, 256)}, file)
    return "has blocks.0.cross_attn.k_img.weight, which a transformer does not have: it is of another model"


def a_layer_less(file: Path, wide: Path) -> str:
    tensors = renamed(tensors_of(wide), authors_name)
    del tensors["blocks.0.ffn.2.bias"]
    save_file(tensors, file)
    return "holds a transformer that lacks blocks.0.ffn.net.2.bias"


def a_width_of_no_heads(file: Path, wide: Path) -> str:
    write_shapes(
        file, renamed_shapes(transformer_tensors({"num_layers": 1, "num_attention_heads": 1, "attention_head_dim": 24}))
    )
    return "holds a transformer of width 24, and no config.json beside it says how many heads it has"


def another_models(file: Path, wide: Path) -> str:
    write_shapes(file, renamed_shapes(transformer_tensors({})))
    return f"is a transformer of the 14B, and {TURBO} has that of the 1.3B"


def another_vae(file: Path, wide: Path) -> str:
    tensors = renamed(parts_of(wide)["vae"], vae_name)
    tensors["conv2.weight"], tensors["conv2.bias"] = torch.zeros(48, 48, 1, 1, 1), torch.zeros(48)
    save_file(tensors, file)
    return "holds a VAE of 48 channels, and that of Wan 2.1 has 16"


def one_of_several(file: Path, wide: Path) -> str:
    save_file(renamed(tensors_of(wide), authors_name), file.with_name("wan-00001-of-00003.safetensors"))
    return "wan-00001-of-00003.safetensors is one of 3 files, and 1 were found: give all of them"


def renamed_shapes(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {authors_name(name): shape for name, shape in shapes.items()}


REFUSED: tuple[Callable[[Path, Path], str], ...] = (
    harmful, harmful_and_old, a_tar_that_is_none, a_zip_of_something_else, a_pickle_cut_short, no_tensors,
    numbers_beside_tensors, cut_short, gguf_cut_short, gguf_that_is_none, gguf_in_a_format_that_is_not_read,
    something_else, image_to_video, with_image_layers, a_layer_less, a_width_of_no_heads, another_models, another_vae,
    one_of_several,
)  # fmt: skip


@pytest.mark.parametrize("make", REFUSED, ids=[each.__name__ for each in REFUSED])
def test_what_cannot_be_used_is_one_line_and_leaves_nothing(
    tmp_path: Path, wide: Path, make: Callable[[Path, Path], str]
) -> None:
    file = tmp_path / "given" / "weights.pth"
    file.parent.mkdir()
    message = make(file, wide)
    given = file if file.exists() else next(file.parent.iterdir())
    with pytest.raises(SetupError) as caught:
        imported(tmp_path, given, donors=(wide,))
    assert message in str(caught.value)
    assert str(given.parent) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "models").exists()
    assert not (file.parent / "touched").exists(), "nothing of a pickle was executed"


def test_what_is_missing_or_too_much_is_told_with_what_to_give(tmp_path: Path, wide: Path) -> None:
    paths = single_files(tmp_path / "given", wide)
    by_name = {path.name: path for path in paths}
    vae, text, transformer = (
        by_name[name] for name in ("wan_2.1_vae.safetensors", "umt5_xxl.safetensors", "wan.safetensors")
    )

    def refusal(*given: Path, model: str = TURBO) -> str:
        with pytest.raises(SetupError) as caught:
            imported(tmp_path, *given, model=model)
        assert not (tmp_path / "models").exists()
        return str(caught.value)

    assert refusal(vae) == "no transformer was given: name the file of the transformer"
    assert refusal(transformer, model=PLUS) == "no transformer_2 was given: name the file of each transformer"
    assert "no text encoder was given, and no model here has one: add its file (such as umt5" in refusal(transformer)
    assert "no vae was given" in refusal(transformer, text)
    assert "no tokenizer was given, and no model here has one: add a folder with its" in refusal(transformer, text, vae)
    shutil.copy(vae, tmp_path / "again.safetensors")
    assert "both hold a vae: give one of them" in refusal(transformer, vae, tmp_path / "again.safetensors")
    shutil.copy(transformer, tmp_path / "second.safetensors")
    assert "there are 2 transformers, and the model has 1: " in refusal(transformer, tmp_path / "second.safetensors")
    assert refusal(tmp_path / "none") == f"there is no {tmp_path / 'none'}"
    (tmp_path / "empty").mkdir()
    assert "holds no weights: name the files of the transformer" in refusal(tmp_path / "empty")
    shutil.copytree(wide, tmp_path / "models" / TURBO)
    with pytest.raises(SetupError, match="holds weights already: remove it first"):
        imported(tmp_path, transformer)


def test_no_room_is_told_before_anything_is_written(
    tmp_path: Path, wide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "RESERVED_BYTES", 10**18)
    with pytest.raises(
        SetupError, match=r"GB free, and the import takes 1000000000.0 GB: make room, or choose another"
    ):
        imported(tmp_path, *single_files(tmp_path / "given", wide))
    partial = tmp_path / "models" / f"{TURBO}.partial"
    assert [file.name for file in partial.rglob("*")] == ["imported.json"]


def test_a_large_file_is_read_in_little_memory(tmp_path: Path, wide: Path) -> None:
    # Sparse on the disk, and 330 MB in all.
    shapes = transformer_tensors(
        {"num_layers": 4, "num_attention_heads": 2, "attention_head_dim": 128, "ffn_dim": 80_000, "text_dim": 32}
    )
    (tmp_path / "given").mkdir()
    write_shapes(tmp_path / "given" / "large.safetensors", renamed_shapes(shapes))
    code = (
        "import sys; from wanserve.models.importing import main; status = main(sys.argv[1:]); "
        "print(*[line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')]); sys.exit(status)"
    )
    command = [sys.executable, "-c", code, TURBO, str(tmp_path / "models" / TURBO), f"--from={wide}"]
    done = subprocess.run(
        [*command, str(tmp_path / "given" / "large.safetensors")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told, peak_kib = done.stdout.splitlines()
    assert told.startswith(f"{TURBO}: transformer in BF16, text encoder in F32, VAE in F32, of a shape that none of")
    size = (tmp_path / "models" / TURBO / "transformer" / FILE).stat().st_size
    assert size > 320_000_000
    assert int(peak_kib) * 1024 < size, "the tensors are never in memory all at once"


def test_the_names_of_the_parts_are_those_of_the_libraries_converters() -> None:
    from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers

    from wanserve.models.architecture import text_encoder_tensors, vae_tensors

    names = {authors_vae_name(name, 2): name for name in vae_tensors({})}
    assert len(names) == len(vae_tensors({}))
    assert convert_wan_vae_to_diffusers({name: names[name] for name in names}) == {
        name: name for name in vae_tensors({})
    }
    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.T5ENCODER, 2)
    for name in text_encoder_tensors({"num_layers": 2}):
        assert f"{table.get_name(name.removesuffix('.weight'))}.weight" == gguf_text_encoder_name(name)
