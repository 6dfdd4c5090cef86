"""Finds which engine serves which model on this machine, with which settings, and why."""

import subprocess
import sys
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from wanserve.domain.catalogue import DOCUMENT_480P, Size
from wanserve.domain.errors import SetupError
from wanserve.machine.environment import process_environment
from wanserve.machine.gpus import has_gpu
from wanserve.models.framing import framing_for
from wanserve.models.sampling import WAN_MODELS, SamplingSettings, TransformerShape, WanModelCard
from wanserve.models.upstream import Dialect, Upstream
from wanserve.models.weights import check_weights, find_weights
from wanserve.settings import ModelSettings, Settings

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
    """The engine of this server, why it is that one, and every model of the catalogue, served or not."""

    engine: str
    why: str
    models: tuple[ModelAvailability, ...]

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


def find_availability(settings: Settings) -> Availability:
    """Choose the engine, and find the models that it can serve with these settings on this machine.

    Raises SetupError where weights or LoRA files that the settings name are missing or damaged, or where the settings
    ask for the wan engine and no model has weights, or for the remote engine and the upstreams cannot be used.
    """
    if settings.engine == "remote":
        return _remote(settings)
    if reason := _reason_for_preview(settings):
        return _animatic(settings, reason)
    models = wan_availability(settings)
    if any(model.engine for model in models):
        why = "it is the setting" if settings.engine == "wan" else "auto: a GPU and weights were found"
        return Availability("wan", why, models)
    problem = _damaged_weights(models)
    if settings.engine == "auto":
        return _animatic(settings, f"auto: a GPU is here, but {problem or 'no weights: see `wanserve models pull`'}")
    raise SetupError(
        problem
        or "the wan engine finds no weights: set them for a model in wanserve.toml, or run "
        f"`wanserve models pull {models[0].card.name}`"
    )


def wan_availability(settings: Settings, *, strict: bool = True) -> tuple[ModelAvailability, ...]:
    """Every model with the wan engine. Where `strict`, raises SetupError for bad weights that the owner has set."""
    return tuple(_wan_model(card, settings, strict=strict) for card in WAN_MODELS.values())


def missing_libraries() -> str | None:
    """Which libraries of the wan engine are not installed, and the command that installs them; None if all are."""
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    return f"{', '.join(missing)} not installed: pip install 'wanserve[wan]'" if missing else None


def pull_weights(settings: Settings, model: str, hub_id: str | None = None) -> int:
    """Fetch the model's weights to where the server looks for them, and return the exit status of the download.

    Raises SetupError where the setting is a local folder, from which there is nothing to fetch.
    """
    sampling = _sampling(WAN_MODELS[model], settings)
    source = hub_id or sampling.weights
    if Path(source).expanduser().is_dir():
        raise SetupError(f"the weights of {model} are set to the folder {source}: there is nothing to fetch")
    if missing := missing_libraries():
        raise SetupError(missing)
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    download = [sys.executable, "-m", "wanserve.models.download", source, str(settings.models_dir / model)]
    return subprocess.run([*download, str(sampling.experts)], check=False).returncode


def model_for_weights(folder: Path) -> str:
    """The model that these weights belong to, by their shape and their number of experts. Raises SetupError."""
    experts = 2 if (folder / "transformer_2").is_dir() else 1
    shape = check_weights(folder, experts).shape
    candidates = [card for card in WAN_MODELS.values() if card.sampling.experts == experts]
    return next((card.name for card in candidates if card.sampling.shape == shape), candidates[0].name)


def describe(model: ModelAvailability) -> dict[str, object]:
    """The model with its settings in plain values. `steps` to `boundary_ratio` and `profile` are the wan engine's."""
    card, sampling = model.card, model.card.sampling
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


def _reason_for_preview(settings: Settings) -> str | None:
    """Why the preview engine serves, whatever weights there are; None where the real models may."""
    if settings.engine == "animatic":
        return "it is the setting"
    problem = _machine_problem() if settings.engine == "auto" else None
    return problem and f"auto: {problem}"


def _machine_problem() -> str | None:
    """Why this machine cannot run the real models, whatever weights there are; None if it can."""
    if not has_gpu():
        return "no GPU was found, and animatic needs none"
    missing = missing_libraries()
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
    return settings.models.get(card.name, ModelSettings()).sampling(card.sampling).with_profile()


def _wan_model(card: WanModelCard, settings: Settings, *, strict: bool) -> ModelAvailability:
    own = settings.models.get(card.name, ModelSettings())
    sampling = _sampling(card, settings)
    card = WanModelCard.of(replace(card, frames=sampling.frames, fps=sampling.fps), sampling)
    folder, shape, weights_problem = _find_weights(card, settings.models_dir)
    # Memory is planned for the weights that are there, whatever the authors' weights of the model are.
    card = replace(card, sampling=replace(sampling, shape=shape))
    problem = weights_problem or _lora_problem(sampling)
    # Weights that nobody set may be missing: the model is then not served.
    is_set = own.weights is not None or weights_problem is None
    if problem and is_set and strict:
        raise SetupError(f"{card.name}: {problem}")
    return ModelAvailability(card, None if problem else "wan", problem or "", folder)


def _find_weights(card: WanModelCard, models_dir: Path) -> tuple[Path | None, TransformerShape, str | None]:
    """The folder of the model's weights, their shape, and the problem with them if there is one."""
    sampling, folder = card.sampling, None
    try:
        folder = find_weights(sampling.weights, sampling.experts, models_dir, card.name, process_environment())
        if folder is not None:
            return folder, check_weights(folder, sampling.experts).shape, None
    except SetupError as error:
        return folder, sampling.shape, str(error)
    if sampling.weights.startswith(("/", "~", ".")):
        return None, sampling.shape, f"there is no folder {sampling.weights}, where its weights should be"
    problem = f"the weights {sampling.weights} are not on this machine: run `wanserve models pull {card.name}`"
    return None, sampling.shape, problem


def _lora_problem(sampling: SamplingSettings) -> str | None:
    """The problem with the LoRA settings, or a file of them that is missing; None without one. Reads no file."""
    files = (file for each in sampling.loras_to_merge for file in (each.file, each.file_2) if file is not None)
    missing = (f"there is no LoRA file {file}" for file in files if not Path(file).is_file())
    return sampling.lora_problem() or next(missing, None)
