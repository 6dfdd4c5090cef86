"""Finds which engine serves which model on this machine, with which settings, and why."""

import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from wanserve.domain.catalogue import DOCUMENT_480P, Size
from wanserve.domain.errors import SetupError
from wanserve.engine.wan.attention import attention_problem
from wanserve.machine.environment import process_environment
from wanserve.machine.gpus import Gpus, Machine, find_gpus, has_gpu, is_installed
from wanserve.machine.torch_report import TorchUnusable
from wanserve.models.distilled import KNOWN, lora_folder, pulled_distillation
from wanserve.models.frame_rate import frames_after
from wanserve.models.framing import framing_for
from wanserve.models.locations import find_weights, remedy, source_of
from wanserve.models.model_settings import ModelSettings
from wanserve.models.sampling import WAN_MODELS, Profile, SamplingSettings, WanModelCard
from wanserve.models.sampling_checks import settings_problem
from wanserve.models.tensor_files import is_file
from wanserve.models.upstream import Dialect, Upstream
from wanserve.models.weights import Checkpoint, check_weights
from wanserve.settings import Settings

LIBRARIES: Final = ("torch", "diffusers", "transformers", "accelerate", "ftfy")


@dataclass(frozen=True, slots=True)
class ModelAvailability:
    """One model: its card with the owner's settings, and the engine that serves it, or None and the reason for it.

    `folder` is where its weights are, complete or not; None where they are not on this machine.
    """

    card: WanModelCard
    engine: str | None
    why: str = ""
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Availability:
    """The engine of this server, why it is that one, and every model of the catalogue, served or not.

    `gpus` are those that the wan engine uses; without any it computes on the CPU.
    """

    engine: str
    why: str
    models: tuple[ModelAvailability, ...]
    gpus: Gpus = field(default_factory=Gpus)

    @property
    def cards(self) -> dict[str, WanModelCard]:
        """The models that are served, by name."""
        return {model.card.name: model.card for model in self.models if model.engine}

    @property
    def loadable(self) -> dict[str, WanModelCard]:
        """The served models that have weights, by name, with `weights` set to the folder of the weights."""
        return {
            model.card.name: replace(model.card, sampling=replace(model.card.sampling, weights=str(model.folder)))
            for model in self.models
            if model.engine and model.folder
        }


def find_availability(settings: Settings, machine: Machine | None = None) -> Availability:
    """Choose the engine, and find the models that it can serve with these settings on this machine.

    torch, which takes seconds to start, is asked for its GPUs only where everything else is there. Raises SetupError
    where weights or LoRA files that the settings name are missing or damaged, or a GPU that they name is not there;
    where they ask for the wan engine and no model has weights, or torch cannot use the GPU of this machine; or for the
    remote engine and the upstreams cannot be used.
    """
    machine = machine or Machine()
    if settings.engine == "remote":
        return _remote(settings)
    if reason := _reason_for_preview(settings, machine):
        return _animatic(settings, reason)
    models = wan_availability(settings)
    if any(model.engine for model in models):
        return _with_gpus(settings, machine, models)
    problem = _damaged_weights(models)
    if settings.engine == "auto":
        return _animatic(settings, f"auto: a GPU is here, but {problem or 'no weights: see `wanserve models pull`'}")
    raise SetupError(
        problem
        or "the wan engine finds no weights: set them for a model in wanserve.toml, or run "
        f"`wanserve models pull {models[0].card.name}`"
    )


def _with_gpus(settings: Settings, machine: Machine, models: tuple[ModelAvailability, ...]) -> Availability:
    """The wan engine on the GPUs that torch sees; the preview engine where it sees none and is left the choice."""
    may_choose = settings.engine == "auto"
    wanted = [name.strip() for name in settings.devices.split(",")] if settings.devices else []
    try:
        gpus = _usable_gpus(machine, wanted)
    except TorchUnusable as error:
        if may_choose:
            return _animatic(settings, f"auto: a GPU is here, but {error}")
        raise
    if gpus.problem is not None and may_choose:
        return _animatic(settings, f"auto: {gpus.problem}")
    _require_gpus(gpus, wanted, machine)
    for model in models:
        _require_attention(model, gpus)
    if may_choose:
        return Availability("wan", "auto: a GPU and weights were found", models, gpus)
    on_cpu = f", and computes on the CPU: {gpus.problem}" if gpus.problem else ""
    return Availability("wan", f"it is the setting{on_cpu}", models, gpus)


def _require_gpus(gpus: Gpus, wanted: Sequence[str], machine: Machine) -> None:
    """Raise SetupError where the wan engine is to compute on a GPU that it cannot have, and not on the CPU by intent."""
    if gpus.problem is not None and not gpus.hidden:
        raise SetupError(f"{gpus.problem}. To compute on the CPU, set CUDA_VISIBLE_DEVICES=-1")
    if wanted and not gpus.found and not missing_libraries(machine):
        raise SetupError(
            f"devices (WANSERVE_DEVICES): there is no GPU {wanted[0]}: {gpus.problem or 'no GPU was found'}"
        )


def _usable_gpus(machine: Machine, wanted: Sequence[str]) -> Gpus:
    """Those of the wanted GPUs, or of all, that torch sees. Raises SetupError where one of several is not there."""
    # Where libraries are missing, the engine's own process says so.
    return find_gpus(machine, wanted) if has_gpu(machine.root) and not missing_libraries(machine) else Gpus()


def _require_attention(model: ModelAvailability, gpus: Gpus) -> None:
    """Raise SetupError where the owner has set a kernel that makes noise on one of the GPUs."""
    for gpu in gpus.found if model.engine else ():
        if problem := attention_problem(model.card.sampling.attention, gpu.facts.capability):
            raise SetupError(f"{model.card.name}: {problem}")


def wan_availability(settings: Settings, *, strict: bool = True) -> tuple[ModelAvailability, ...]:
    """Every model with the wan engine. Where `strict`, raises SetupError for bad weights that the owner has set."""
    return tuple(_wan_model(card, settings, strict=strict) for card in WAN_MODELS.values())


def missing_libraries(machine: Machine) -> str | None:
    """Which libraries of the wan engine are not installed, and the command that installs them; None if all are."""
    missing = [name for name in LIBRARIES if not machine.is_installed(name)]
    return f"{', '.join(missing)} not installed: pip install 'wanserve[wan]'" if missing else None


def pull_weights(settings: Settings, model: str, hub_id: str | None = None, *, fast: bool = False) -> int:
    """Fetch the model's weights to where the server looks for them, and return the exit status of the download.

    `fast`: fetch the distilled LoRA of the model too; the model then has the profile `fast`, unless the owner has set
    another. A local folder that was not pulled stays as it is. Raises SetupError where there is nothing to fetch.
    """
    sampling = _sampling(WAN_MODELS[model], settings)
    source = hub_id or sampling.weights
    local = Path(source).expanduser()
    # A folder that was pulled, and is set by its path, is mended where it is.
    to_fetch = source_of(local) if local.is_dir() else source
    if to_fetch is None and not fast:
        raise SetupError(f"the weights of {model} are set to the folder {source}: there is nothing to fetch")
    if fast and model not in KNOWN:
        raise SetupError(f"no distilled LoRA is known for {model}; for {' and '.join(KNOWN)} there is one")
    if missing := missing_libraries(Machine()):
        raise SetupError(missing)
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    folder = local if local.is_dir() else settings.models_dir / model
    status = 0 if to_fetch is None else _download(to_fetch, folder, str(sampling.experts))
    if fast and status == 0:
        known = KNOWN[model]
        files = [f"--file={file}" for file in known.files]
        status = _download(known.hub_id, lora_folder(settings.models_dir, model), *files)
    return status


def _download(hub_id: str, folder: Path, *options: str) -> int:
    """Download in a process of its own, whose exit status is returned."""
    command = [sys.executable, "-m", "wanserve.models.download", hub_id, str(folder), *options]
    return subprocess.run(command, check=False).returncode


def import_weights(settings: Settings, model: str, files: Sequence[str]) -> int:
    """Make a folder that can be used of the weights in these files, and return the exit status.

    What all models share and the files lack is taken from the weights of other models on this machine. Raises SetupError.
    """
    if missing := missing_libraries(Machine()):
        raise SetupError(missing)
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    donors = [
        found.folder for found in wan_availability(settings, strict=False) if found.folder and found.card.name != model
    ]
    importing = [sys.executable, "-m", "wanserve.models.importing", *(f"--from={donor}" for donor in donors)]
    target = [model, str(settings.models_dir / model)]
    return subprocess.run([*importing, *target, "--", *files], check=False).returncode


def model_for_weights(folder: Path) -> str:
    """The model that these weights belong to, by their shape and their number of experts. Raises SetupError."""
    experts = 2 if (folder / "transformer_2").is_dir() else 1
    try:
        shape = check_weights(folder, experts).shape
    except SetupError as error:
        raise SetupError(f"{error}; {remedy(folder, 'NAME')}") from None
    candidates = [card for card in WAN_MODELS.values() if card.sampling.experts == experts]
    return next((card.name for card in candidates if card.sampling.shape == shape), candidates[0].name)


def describe(model: ModelAvailability) -> dict[str, object]:
    """The model with its settings in plain values. `steps` to `boundary_ratio` and `profile` are the wan engine's."""
    card, sampling = model.card, model.card.sampling.resolved()
    return {
        "name": card.name,
        "engine": model.engine,
        "why": model.why,
        "weights": sampling.weights,
        "steps": sampling.steps,
        "guidance_scale": sampling.guidance_scale,
        "guidance_scale_2": sampling.guidance_scale_2,
        "flow_shift": sampling.flow_shift,
        "boundary_ratio": sampling.boundary_ratio,
        "fps": card.fps,
        "frames": card.frames,
        "negative_prompt": sampling.negative_prompt,
        "profile": sampling.profile,
        "choices": asdict(card.choices),
        "default_size": "{}*{}".format(*card.default_size),
        "sizes": {"{}*{}".format(*size): describe_size(model, size) for size in card.sizes},
    }


def describe_size(model: ModelAvailability, size: Size) -> str:
    """How a video of this size is made, for the user: `native`, or how the drawn frames are cut and scaled."""
    if model.engine in ("animatic", "remote"):
        return "native"
    return framing_for(size, model.card.sampling.large_sizes).description


def _reason_for_preview(settings: Settings, machine: Machine) -> str | None:
    """Why the preview engine serves, whatever weights there are; None where the real models may."""
    if settings.engine == "animatic":
        return "it is the setting"
    problem = _machine_problem(machine) if settings.engine == "auto" else None
    return problem and f"auto: {problem}"


def _machine_problem(machine: Machine) -> str | None:
    """Why this machine cannot run the real models, whatever weights there are; None if it can."""
    if not has_gpu(machine.root):
        return "no GPU was found, and animatic needs none"
    missing = missing_libraries(machine)
    return f"a GPU is here, but {missing}" if missing else None


def _damaged_weights(models: Sequence[ModelAvailability]) -> str | None:
    """The first model whose weights are on the disk and cannot be used, with the reason; None if there is none."""
    return next((f"{model.card.name}: {model.why}" for model in models if model.folder), None)


def _animatic(settings: Settings, why: str) -> Availability:
    cards = (WanModelCard.of(card, _sampling(card, settings)) for card in WAN_MODELS.values())
    return Availability("animatic", why, tuple(ModelAvailability(card, "animatic") for card in cards))


def _remote(settings: Settings) -> Availability:
    """What the upstreams serve. Nothing is asked of them here. Raises SetupError."""
    if not settings.upstreams:
        raise SetupError("the remote engine has no upstream: write a table [[upstreams]] for each into wanserve.toml")
    if settings.llm_url is not None:
        raise SetupError("llm_url: the remote engine leaves it to its upstreams to rewrite prompts: unset it")
    upstreams = settings.upstreams_by_name(process_environment()).values()
    models = (_remote_model(card, settings, upstreams) for card in WAN_MODELS.values())
    return Availability("remote", "it is the setting", tuple(models))


def _remote_model(card: WanModelCard, settings: Settings, upstreams: Collection[Upstream]) -> ModelAvailability:
    """The model as its upstreams make it: how they sample it is not known here, nor can a client ask for it."""
    serving = [upstream for upstream in upstreams if card.name in upstream.models]
    sampling = _sampling(card, settings)
    made = replace(card, sampling=sampling, steps=None, guidance_scale=None, profile="")
    if settings.models.get(card.name, ModelSettings()).frames is not None:
        made = replace(made, frames=sampling.frames, fps=sampling.fps)
    if any(upstream.dialect is Dialect.DASHSCOPE for upstream in serving):
        # DashScope's API does not have it, and any of the upstreams may get the task.
        made = replace(made, sizes=tuple(size for size in made.sizes if size != DOCUMENT_480P))
    return ModelAvailability(made, "remote" if serving else None, "" if serving else "no upstream has it")


def _sampling(card: WanModelCard, settings: Settings) -> SamplingSettings:
    """How the model is sampled here: as the owner sets it, else as a pulled LoRA wants it, else as the authors do."""
    own, authors = settings.models.get(card.name, ModelSettings()), card.sampling
    if own.distill is None and (distill := pulled_distillation(settings.models_dir, card.name)):
        authors = replace(authors, distill=distill, profile=Profile.FAST)
    return own.sampling(authors)


def _wan_model(card: WanModelCard, settings: Settings, *, strict: bool) -> ModelAvailability:
    own = settings.models.get(card.name, ModelSettings())
    sampling = _sampling(card, settings)
    card = WanModelCard.of(_as_made(card, sampling), sampling)
    folder, found, weights_problem = _find_weights(card, settings.models_dir)
    if found is not None:
        # Memory is planned for the weights that are there, whatever the authors' weights of the model are.
        card = replace(card, sampling=replace(sampling, shape=found.shape, stored=found.stored))
    problem = weights_problem or settings_problem(own, sampling, folder)
    # Weights that nobody set may be missing: the model is then not served.
    is_set = own.weights is not None or weights_problem is None
    if problem and is_set and strict:
        raise SetupError(f"{card.name}: {problem}")
    return ModelAvailability(card, None if problem else "wan", problem or "", folder)


def _as_made(card: WanModelCard, sampling: SamplingSettings) -> WanModelCard:
    """The card with the length of the finished video: that of the frames that are sampled, or of those between them."""
    frames, fps = sampling.frames, sampling.fps
    if sampling.output_fps is not None:
        frames, fps = frames_after(frames, fps, sampling.output_fps), sampling.output_fps
    return replace(card, frames=frames, fps=fps)


def _find_weights(card: WanModelCard, models_dir: Path) -> tuple[Path | None, Checkpoint | None, str | None]:
    """The folder of the model's weights, what they are, and the problem with them if there is one."""
    sampling, folder = card.sampling, None
    try:
        folder = find_weights(sampling.weights, sampling.experts, models_dir, card.name, process_environment())
        if folder is not None:
            found = check_weights(folder, sampling.experts)
            return folder, found, _missing_gguf(found)
    except SetupError as error:
        helps = f"; {remedy(folder, card.name)}" if folder else ""
        return folder, None, f"{error}{helps}"
    if is_file(path := Path(sampling.weights).expanduser()):
        return None, None, f"{path} is a file and not a folder; {remedy(path, card.name)}"
    if sampling.weights.startswith(("/", "~", ".")):
        return None, None, f"there is no folder {sampling.weights}, where its weights should be"
    problem = f"the weights {sampling.weights} are not on this machine: run `wanserve models pull {card.name}`"
    return None, None, problem


def _missing_gguf(found: Checkpoint) -> str | None:
    """What is missing to load weights that are stored as GGUF has them; None where nothing is."""
    if found.gguf and not is_installed("gguf"):
        return "its weights are stored as GGUF, and the library for it is missing: pip install 'wanserve[gguf]'"
    return None
