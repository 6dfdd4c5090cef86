"""The pull of a model: the real command with a hub on the loopback interface that cuts, stalls, refuses and damages."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.checkpoints import change_json, tensors_of, without, write_shapes, write_tensors
from tests.integration.hub import REVISION, Hub, serving
from wanserve.domain.errors import SetupError
from wanserve.models.architecture import text_encoder_tensors, transformer_tensors
from wanserve.models.bf16 import CHUNK_BYTES, converted_size, to_bf16
from wanserve.models.download import explain
from wanserve.models.locations import find_weights
from wanserve.models.tensor_files import Tensor, read_header
from wanserve.models.weights import check_weights

ASSETS = Path(__file__).parents[1] / "assets"
TINY, TINY_22, OWN = "Wan-AI/Tiny-Diffusers", "Wan-AI/Tiny22-Diffusers", "our/Tiny-Diffusers"
TRANSFORMER = "transformer/diffusion_pytorch_model.safetensors"
ENCODER = "text_encoder/model.safetensors"
WEIGHTS = [ENCODER, TRANSFORMER, "vae/diffusion_pytorch_model.safetensors"]
CHUNK = 10 * 2**20
"""How many bytes huggingface_hub reads before it writes them."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """A hub with two models, and a third one that a test may change."""
    own = Path(shutil.copytree(ASSETS / "tiny-wan", tmp_path / "own"))
    with serving({TINY: ASSETS / "tiny-wan", TINY_22: ASSETS / "tiny-wan22", OWN: own}) as hub:
        yield hub


class Puller:
    """Runs the command, each time in a new process, with an empty home directory."""

    def __init__(self, hub: Hub, home: Path) -> None:
        self.models = home / "models"
        self.folder = self.models / "turbo"
        self.partial = self.models / "turbo.partial"
        self.environ = os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": str(home / "hf"), "HF_TOKEN": "hf_secret"}

    def start(
        self, hub_id: str = TINY, *more: str, first: tuple[str, ...] = (sys.executable,)
    ) -> subprocess.Popen[str]:
        """Start to pull into `folder`."""
        command = [*first, "-m", "wanserve.models.download", hub_id, str(self.folder), *more]
        return subprocess.Popen(
            command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
        )

    def __call__(self, hub_id: str = TINY, *more: str, first: tuple[str, ...] = (sys.executable,)) -> str:
        """Pull, and wait until the command ends. Returns what it wrote to stderr."""
        with self.start(hub_id, *more, first=first) as process:
            output, problem = process.communicate(timeout=120)
        assert output == ""
        assert process.returncode == bool(problem), problem
        return problem

    def fails(self, hub_id: str = TINY, *more: str) -> str:
        """Pull, which must fail with one line on stderr and leave no folder. Returns the line."""
        problem = self(hub_id, *more)
        assert problem.count("\n") == 1, problem
        assert not self.folder.exists()
        return problem


@pytest.fixture
def pull(hub: Hub, tmp_path: Path) -> Puller:
    return Puller(hub, tmp_path)


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def rename(file: Path, names: dict[str, str]) -> None:
    """Rename tensors, each to one or several names."""
    write_tensors(
        file, {new: tensor for name, tensor in tensors_of(file).items() for new in names.get(name, name).split()}
    )


def make_large(hub: Hub) -> int:
    """Make the transformer of `OWN` larger than one chunk. Returns its size in bytes."""
    file = hub.repositories[OWN] / TRANSFORMER
    config = file.with_name("config.json")
    # Each of the feed-forward's numbers has some 400 bytes in the two blocks.
    change_json(config, ffn_dim=3 * CHUNK // 400)
    write_shapes(file, transformer_tensors(json.loads(config.read_text("utf-8"))), "F32")
    assert file.stat().st_size > 2 * CHUNK
    return file.stat().st_size


def test_what_the_pipeline_needs_is_fetched_once_and_made_ready(hub: Hub, pull: Puller) -> None:
    own = hub.repositories[OWN]
    shutil.copytree(own / "transformer", own / "assets")
    for name in ("README.md", "text_encoder/pytorch_model.bin", "transformer/diffusion_pytorch_model.fp16.safetensors"):
        (own / name).write_bytes(b"unwanted")
    assert pull(OWN) == ""
    tokens = {asked.is_to_content_host: asked.token for asked in hub.requests if asked.name}
    assert tokens == {False: "Bearer hf_secret", True: None}, "the content network is another host"
    tiny = files(ASSETS / "tiny-wan")
    assert hub.fetched() == tiny
    ready = "text_encoder/model-00001-of-00001.safetensors", "text_encoder/model.safetensors.index.json"
    assert files(pull.folder) == sorted({*tiny, *ready, "pulled.json"} - {ENCODER})
    assert not pull.partial.exists()
    assert check_weights(pull.folder, 1).text_encoder.dtype == "BF16"
    assert json.loads((pull.folder / "pulled.json").read_text()) == {"hub_id": OWN, "revision": REVISION}
    assert find_weights(OWN, 1, pull.models, "turbo", pull.environ) == pull.folder

    before = {name: (pull.folder / name).stat().st_mtime_ns for name in files(pull.folder)}
    assert pull(OWN) == ""
    assert hub.fetched() == []
    assert {name: (pull.folder / name).stat().st_mtime_ns for name in files(pull.folder)} == before
    assert "turbo holds our/Tiny-Diffusers: remove it to fetch Wan-AI/Tiny-Diffusers" in pull(TINY)


def test_a_model_of_two_experts_is_pulled_as_one(hub: Hub, pull: Puller) -> None:
    assert "has two transformers" in pull.fails(TINY_22)
    assert not set(hub.fetched()) & set(WEIGHTS), "which was seen before the weights were fetched"
    assert pull(TINY_22, "2") == ""
    assert check_weights(pull.folder, 2).transformer_2 is not None


def test_a_cut_connection_is_taken_up_where_it_was_cut(hub: Hub, pull: Puller) -> None:
    size = make_large(hub)
    hub.cut_after[TRANSFORMER] = 2 * CHUNK + 5
    with pull.start(OWN) as process:
        assert "Trying to resume download" in process.communicate(timeout=60)[1]
    asked = [one.begin for one in hub.requests if one.name == TRANSFORMER and one.is_to_content_host]
    assert asked == [0, 2 * CHUNK]
    assert (pull.folder / TRANSFORMER).stat().st_size == size
    assert (pull.folder / TRANSFORMER).read_bytes() == (hub.repositories[OWN] / TRANSFORMER).read_bytes()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_what_a_stopped_pull_has_fetched_is_not_fetched_again(hub: Hub, pull: Puller, end: signal.Signals) -> None:
    make_large(hub)
    hub.stall_after[TRANSFORMER] = 2 * CHUNK + 5
    part = pull.partial / f"{TRANSFORMER}.part"
    with pull.start(OWN) as process:
        assert hub.stalled.wait(60)
        while not (part.exists() and part.stat().st_size == 2 * CHUNK and (pull.partial / WEIGHTS[2]).exists()):
            assert process.poll() is None
        process.send_signal(end)
        problem = process.communicate(timeout=60)[1]
    if end is not signal.SIGKILL:
        assert (problem, process.returncode) == (f"fetching {OWN} was stopped: run this again to continue\n", 1)
    assert not pull.folder.exists()
    assert find_weights(OWN, 1, pull.models, "turbo", pull.environ) is None
    here = {name for name in files(pull.partial) if not name.endswith(".part")}
    hub.fetched()
    assert pull(OWN) == ""
    begins = [asked.begin for asked in hub.requests if asked.name == TRANSFORMER and asked.is_to_content_host]
    assert begins == [2 * CHUNK]
    assert not here & set(hub.fetched())
    assert (pull.folder / TRANSFORMER).read_bytes() == (hub.repositories[OWN] / TRANSFORMER).read_bytes()


def test_a_pull_keeps_to_the_revision_that_it_began_with(hub: Hub, pull: Puller) -> None:
    hub.sent_instead[TRANSFORMER] = bytes((ASSETS / "tiny-wan" / TRANSFORMER).stat().st_size)
    pull.fails()
    hub.requests.clear()
    hub.sent_instead.clear()
    pull()
    assert f"/api/models/{TINY}/revision/{REVISION}" in [asked.path for asked in hub.requests]
    pull.folder.rename(pull.partial)
    assert f"turbo.partial holds a part of {TINY}: remove it to fetch {OWN}" in pull.fails(OWN)


def test_only_one_process_fetches_into_a_folder(hub: Hub, pull: Puller) -> None:
    hub.stall_after[TRANSFORMER] = 1
    with pull.start() as first:
        assert hub.stalled.wait(60)
        assert f"another process is writing into {pull.partial}" in pull.fails()
        first.kill()


def test_a_repository_that_the_hub_denies_is_one_line(hub: Hub, pull: Puller) -> None:
    denials = {
        (404, "RepoNotFound"): f"has no {TINY}, or it is private: check the name, or set HF_TOKEN",
        (401, "RepoNotFound"): f"has no {TINY}, or it is private: check the name, or set HF_TOKEN",
        (403, "GatedRepo"): f"{TINY} requires that you accept its terms: do so at {hub.url}/{TINY} and set HF_TOKEN",
        (401, ""): f"{hub.url} refuses the token: set another HF_TOKEN",
        (404, "RevisionNotFound"): "that was started is gone: remove the partial folder",
        (500, "Down"): "failed: HfHubHTTPError",
    }
    for denial, told in denials.items():
        hub.refusals[TINY] = denial
        assert told in pull.fails()


def test_no_network_no_name_and_no_packages_are_one_line_each(hub: Hub, pull: Puller) -> None:
    assert "HFValidationError" in pull.fails("a/b/c")
    assert "http://127.0.0.1" in pull.fails("no/such"), "which also tells where it was looked for"
    pull.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
    assert "from http://127.0.0.1:9 failed: ConnectError" in pull.fails()
    # Without site packages, as where the extra is not installed.
    pull.environ["PYTHONPATH"] = str(Path(__file__).parents[2] / "src")
    assert pull(first=(sys.executable, "-S")).endswith("is not installed: pip install 'wanserve[wan]'\n")


def test_a_foreign_repository_is_refused_before_its_weights_are_fetched(hub: Hub, pull: Puller) -> None:
    index = hub.repositories[OWN] / "model_index.json"
    index.write_text(index.read_text().replace('"WanPipeline"', '"FluxPipeline"'))
    assert "describes FluxPipeline, not WanPipeline" in pull.fails(OWN)
    index.unlink()
    assert f"{OWN} has no model_index.json: take the repository of the same name that ends in -Di" in pull.fails(OWN)
    assert not set(hub.fetched()) & set(WEIGHTS)
    assert pull() == "", "nothing of it is in the way of the right one"
    check_weights(pull.folder, 1)


def test_a_file_that_arrives_damaged_is_fetched_anew(hub: Hub, pull: Puller) -> None:
    right = (ASSETS / "tiny-wan" / TRANSFORMER).read_bytes()
    hub.sent_instead[TRANSFORMER] = right[:-1] + b"?"
    assert f"{TRANSFORMER} of {TINY} arrived damaged: run this again" in pull.fails()
    hub.sent_instead = {TRANSFORMER: right[:-1]}
    assert "failed: OSError: Consistency check failed" in pull.fails()
    hub.sent_instead = {TRANSFORMER: right + b"more"}
    assert "failed: " in pull.fails()
    hub.sent_instead.clear()
    assert pull() == ""
    assert (pull.folder / TRANSFORMER).read_bytes() == right


def test_weights_that_are_broken_on_the_hub_do_not_become_a_folder(hub: Hub, pull: Puller) -> None:
    file = hub.repositories[OWN] / TRANSFORMER
    file.write_bytes(file.read_bytes()[:-10])
    assert f"{TRANSFORMER} is cut short" in pull.fails(OWN)


def test_a_disk_without_room_is_told_before_and_a_full_one_keeps_what_it_has(hub: Hub, pull: Puller) -> None:
    hub.listed_sizes[TRANSFORMER] = 10**15
    assert f"GB free, and fetching {TINY} takes 1000001." in pull.fails()
    assert not set(hub.fetched()) & set(WEIGHTS)
    hub.listed_sizes.clear()
    # The kernel does not let a file grow beyond 300 kB. Its error is not that of a full disk.
    limited = ("bash", "-c", 'ulimit -f 300; exec "$0" "$@"', sys.executable)
    assert "failed: OSError: [Errno 27] File too large; what was downloaded is kept" in pull(first=limited)
    assert explain(OSError(errno.ENOSPC, "No space left"), TINY).startswith(
        "the disk is full: make room; what was down"
    )
    assert pull() == ""
    check_weights(pull.folder, 1)


def test_a_pull_that_died_between_two_steps_of_the_conversion_converts_and_fetches_nothing_again(
    hub: Hub, pull: Puller
) -> None:
    pull()
    hub.fetched()
    converted = (pull.folder / "text_encoder" / "model-00001-of-00001.safetensors").read_bytes()
    pull.folder.rename(pull.partial)
    encoder = pull.partial / "text_encoder"
    states: dict[str, dict[str, Path | None]] = {
        "while it converted": {"text_encoder": ASSETS / "tiny-wan" / "text_encoder", "text_encoder.unfinished": None},
        "once it had converted": {"text_encoder": ASSETS / "tiny-wan" / "text_encoder", "text_encoder.bf16": encoder},
        "before the name was changed": {"text_encoder.bf16": encoder},
        "before the folder's name was changed": {"text_encoder": encoder},
    }
    kept = Path(shutil.move(encoder, pull.models / "kept"))
    for died, state in states.items():
        shutil.rmtree(encoder, ignore_errors=True)
        for name, source in state.items():
            if source is None:
                (pull.partial / name).mkdir()
            else:
                shutil.copytree(kept if source == encoder else source, pull.partial / name)
        assert pull() == "", died
        assert hub.fetched() == [], died
        assert (pull.folder / "text_encoder" / "model-00001-of-00001.safetensors").read_bytes() == converted, died
        assert not {"text_encoder.bf16", "text_encoder.unfinished"} & {path.name for path in pull.folder.iterdir()}
        pull.folder.rename(pull.partial)


def test_the_converted_text_encoder_loads_with_the_same_numbers_whatever_its_embedding_is_called(
    hub: Hub, pull: Puller
) -> None:
    file = hub.repositories[OWN] / ENCODER
    pairs: list[str] = []
    for names in ("shared.weight", "encoder.embed_tokens.weight", "shared.weight encoder.embed_tokens.weight"):
        shutil.copy(ASSETS / "tiny-wan" / ENCODER, file)
        rename(file, {"shared.weight": names})
        assert pull(OWN) == ""
        ready = pull.folder.rename(pull.models / str(len(pairs))) / "text_encoder"
        assert json.loads((ready / "config.json").read_text())["dtype"] == "bfloat16"
        fetched = shutil.copytree(file.parent, pull.models / f"{len(pairs)}-fetched")
        pairs += [str(fetched), str(ready)]
    command = [sys.executable, "-m", "tests.integration.encoders", *pairs]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert told["rounds_alike"]
    assert [(one["dtype"], one["same"]) for one in told["encoders"]] == [("torch.bfloat16", True)] * 3
    assert min(one["embedding"] for one in told["encoders"]) > 0.5


def ignore(_: int) -> None:
    """A report that nobody reads."""


def test_a_text_encoder_is_cut_into_files_of_a_given_size_and_other_formats_stay(tmp_path: Path) -> None:
    part = Path(shutil.copytree(ASSETS / "tiny-wan" / "text_encoder", tmp_path / "part"))
    change_json(part / "config.json", vocab_size=2 * CHUNK_BYTES // 128 + 1)
    shapes = text_encoder_tensors(json.loads((part / "config.json").read_text("utf-8")))
    write_shapes(part / "model.safetensors", shapes, "F32")
    whole = read_header(part / "model.safetensors")
    written: list[int] = []
    to_bf16(part, tmp_path / "ready", written.append, shard_bytes=20_000)
    assert sum(written) == converted_size(part)
    shards = sorted((tmp_path / "ready").glob("*.safetensors"))
    assert len(shards) == 4
    assert shards[-1].name == "model-00004-of-00004.safetensors"
    found: dict[str, Tensor] = {}
    for shard in shards:
        tensors = read_header(shard)
        size = sum(tensor.end - tensor.begin for tensor in tensors.values())
        assert size <= 20_000 or len(tensors) == 1
        found |= tensors
    assert {name: tensor.shape for name, tensor in found.items()} == {name: t.shape for name, t in whole.items()}
    assert {tensor.dtype for tensor in found.values()} == {"BF16"}
    again = tmp_path / "again"
    to_bf16(tmp_path / "ready", again, ignore)
    assert {
        name: tensor.dtype for name, tensor in read_header(next(again.glob("*.safetensors"))).items()
    } == dict.fromkeys(found, "BF16")
    (part / "model.safetensors").unlink()
    with pytest.raises(SetupError, match=r"model.safetensors is missing"):
        to_bf16(part, tmp_path / "none", ignore)


def broken(file: Path) -> None:
    """Cut a file short."""
    file.write_bytes(file.read_bytes()[:-10])


CONVERTED = "text_encoder/model-00001-of-00001.safetensors"
ENCODERS = ["text_encoder/config.json", ENCODER]
SMALL = [
    name
    for name in files(ASSETS / "tiny-wan")
    if not name.endswith(".safetensors") and not name.startswith("text_encoder/")
]
"""What is so small that it is fetched again with anything."""


@pytest.mark.parametrize("damage", [broken, Path.unlink], ids=["damaged", "missing"])
@pytest.mark.parametrize(
    ("name", "again"),
    [
        (TRANSFORMER, [TRANSFORMER]),
        (WEIGHTS[2], [WEIGHTS[2]]),
        ("transformer/config.json", []),
        ("scheduler/scheduler_config.json", []),
        ("model_index.json", []),
        (CONVERTED, ENCODERS),
        ("text_encoder/model.safetensors.index.json", ENCODERS),
        ("text_encoder/config.json", ENCODERS),
    ],
)
def test_of_a_pulled_folder_only_what_is_damaged_or_missing_is_fetched_again(
    hub: Hub, pull: Puller, name: str, again: list[str], damage: Callable[[Path], None]
) -> None:
    assert pull() == ""
    before = {each: (pull.folder / each).read_bytes() for each in files(pull.folder)}
    hub.fetched()
    damage(pull.folder / name)
    assert pull() == ""
    fetched = hub.fetched()
    assert [each for each in fetched if each not in SMALL] == again
    assert name in (*fetched, CONVERTED, "text_encoder/model.safetensors.index.json")
    assert {each: (pull.folder / each).read_bytes() for each in files(pull.folder)} == before
    assert not pull.partial.exists()
    check_weights(pull.folder, 1)


def test_a_pulled_folder_without_its_tokenizer_gets_it_again(hub: Hub, pull: Puller) -> None:
    assert pull() == ""
    hub.fetched()
    shutil.rmtree(pull.folder / "tokenizer")
    assert pull() == ""
    assert not set(hub.fetched()) & set(WEIGHTS)
    assert files(pull.folder / "tokenizer") == files(ASSETS / "tiny-wan" / "tokenizer")


def test_a_tensor_that_a_pulled_file_lacks_is_fetched_again_with_its_part(hub: Hub, pull: Puller) -> None:
    assert pull() == ""
    hub.fetched()
    without(pull.folder / TRANSFORMER, "proj_out.bias")
    assert pull() == ""
    assert [each for each in hub.fetched() if each in WEIGHTS] == [TRANSFORMER]
    check_weights(pull.folder, 1)


def test_a_damaged_folder_that_was_not_pulled_is_left_alone_and_refused(hub: Hub, pull: Puller) -> None:
    shutil.copytree(ASSETS / "tiny-wan", pull.folder)
    broken(pull.folder / TRANSFORMER)
    before = {each: (pull.folder / each).read_bytes() for each in files(pull.folder)}
    assert f"{pull.folder / TRANSFORMER} is cut short" in pull()
    assert {each: (pull.folder / each).read_bytes() for each in files(pull.folder)} == before
    assert not pull.partial.exists()
    assert hub.fetched() == []


def test_an_empty_folder_is_no_obstacle(hub: Hub, pull: Puller) -> None:
    pull.folder.mkdir(parents=True)
    assert pull() == ""
    check_weights(pull.folder, 1)


def cut_into_shards(folder: Path) -> list[str]:
    """Cut the transformer into three files, as the larger models have it. Returns their names in the repository."""
    tensors = tensors_of(folder / TRANSFORMER)
    (folder / TRANSFORMER).unlink()
    names = [f"transformer/diffusion_pytorch_model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
    shards = {name: sorted(tensors)[number::3] for number, name in enumerate(names)}
    for name, some in shards.items():
        write_tensors(folder / name, {tensor: tensors[tensor] for tensor in some})
    weight_map = {tensor: Path(name).name for name, some in shards.items() for tensor in some}
    (folder / f"{TRANSFORMER}.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return names


@pytest.mark.parametrize("damage", [broken, Path.unlink], ids=["damaged", "missing"])
def test_of_several_files_only_the_damaged_or_missing_one_is_fetched_again(
    hub: Hub, pull: Puller, damage: Callable[[Path], None]
) -> None:
    names = cut_into_shards(hub.repositories[OWN])
    assert pull(OWN) == ""
    for name, again in ((names[1], [names[1]]), (f"{TRANSFORMER}.index.json", [])):
        hub.fetched()
        damage(pull.folder / name)
        assert pull(OWN) == ""
        assert [each for each in hub.fetched() if each.endswith(".safetensors")] == again
        check_weights(pull.folder, 1)


def test_a_repair_that_was_stopped_goes_on(hub: Hub, pull: Puller) -> None:
    make_large(hub)
    assert pull(OWN) == ""
    hub.fetched()
    broken(pull.folder / TRANSFORMER)
    hub.stall_after[TRANSFORMER] = CHUNK + 5
    part = pull.partial / f"{TRANSFORMER}.part"
    with pull.start(OWN) as process:
        assert hub.stalled.wait(60)
        until_written(part, CHUNK, process)
        process.kill()
    hub.fetched()
    assert pull(OWN) == ""
    begins = [asked.begin for asked in hub.requests if asked.name == TRANSFORMER and asked.is_to_content_host]
    assert begins == [CHUNK]
    assert [each for each in hub.fetched() if each in WEIGHTS] == [TRANSFORMER]
    assert (pull.folder / TRANSFORMER).read_bytes() == (hub.repositories[OWN] / TRANSFORMER).read_bytes()


def until_written(part: Path, size: int, process: subprocess.Popen[str]) -> None:
    """Wait until a part of a file has its size. The process that writes it must not end before."""
    while not (part.exists() and part.stat().st_size == size):
        assert process.poll() is None


LORA, LORA_2 = "style_high.safetensors", "style_low.safetensors"


def add_loras(hub: Hub) -> None:
    """Add two single files to `OWN`; the first one is larger than two chunks."""
    for name, width in ((LORA, CHUNK), (LORA_2, 8)):
        write_shapes(hub.repositories[OWN] / name, {"blocks.0.attn1.to_q.lora_A.weight": (2, width)}, "BF16")


def test_single_files_are_fetched_whole_and_once(hub: Hub, pull: Puller) -> None:
    add_loras(hub)
    names = (f"--file={LORA}", f"--file={LORA_2}")
    assert pull(OWN, *names) == ""
    assert hub.fetched() == [LORA, LORA_2], "and nothing else of the repository"
    assert files(pull.folder) == ["pulled.json", LORA, LORA_2]
    for name in (LORA, LORA_2):
        assert (pull.folder / name).read_bytes() == (hub.repositories[OWN] / name).read_bytes()
    assert not pull.partial.exists()
    assert pull(OWN, *names) == ""
    assert hub.fetched() == []


def test_a_single_file_whose_pull_was_killed_is_taken_up_where_it_was(hub: Hub, pull: Puller) -> None:
    add_loras(hub)
    hub.stall_after[LORA] = 2 * CHUNK + 5
    with pull.start(OWN, f"--file={LORA}") as process:
        assert hub.stalled.wait(60)
        until_written(pull.partial / f"{LORA}.part", 2 * CHUNK, process)
        process.kill()
    assert not pull.folder.exists()
    hub.fetched()
    assert pull(OWN, f"--file={LORA}") == ""
    assert [asked.begin for asked in hub.requests if asked.name == LORA and asked.is_to_content_host] == [2 * CHUNK]
    assert (pull.folder / LORA).read_bytes() == (hub.repositories[OWN] / LORA).read_bytes()


def test_a_single_file_that_was_damaged_later_or_is_missing_is_fetched_again(hub: Hub, pull: Puller) -> None:
    add_loras(hub)
    names = (f"--file={LORA}", f"--file={LORA_2}")
    for damage in (broken, Path.unlink):
        assert pull(OWN, *names) == ""
        hub.fetched()
        damage(pull.folder / LORA_2)
        assert pull(OWN, *names) == ""
        assert hub.fetched() == [LORA_2]
        assert (pull.folder / LORA_2).read_bytes() == (hub.repositories[OWN] / LORA_2).read_bytes()


def test_a_single_file_that_is_not_there_or_is_none_is_one_line(hub: Hub, pull: Puller) -> None:
    add_loras(hub)
    assert f"{OWN} has no gone.safetensors any more: " in pull.fails(OWN, f"--file={LORA}", "--file=gone.safetensors")
    assert hub.fetched() == []
    (hub.repositories[OWN] / "notes.safetensors").write_bytes(b"not a tensor in it")
    told = pull.fails(OWN, "--file=notes.safetensors")
    assert "notes.safetensors is not a safetensors file, or its header is damaged" in told
    broken(hub.repositories[OWN] / LORA_2)
    assert f"{LORA_2} is cut short" in pull.fails(OWN, f"--file={LORA_2}")
