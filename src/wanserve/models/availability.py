"""Knows what this server offers: which engine serves which model on this machine, with which settings, and why."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from wanserve.domain.catalog import Size
from wanserve.domain.errors import SetupError
from wanserve.machine.gpus import has_gpu
from wanserve.models.framing import framing
from wanserve.models.sampling import WAN_MODELS, Geometry, SamplingSettings, WanModelCard
from wanserve.models.weights import check_weights, find_weights
from wanserve.settings import ModelSettings, Settings, surroundings

LIBRARIES: Final = ("torch", "diffusers", "transformers", "accelerate", "ftfy")


@dataclass(frozen=True, slots=True)
class Offer:
    """One model: its card with the settings in force, and the engine that serves it, or None and why none does.

    `folder` is where its weights are, whole or not.
    """

    card: WanModelCard
    engine: str | None
    why: str = ""
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine of this server, why it is that one in words for the user, and every model."""

    engine: str
    why: str
    offers: tuple[Offer, ...]

    @property
    def cards(self) -> dict[str, WanModelCard]:
        """The models that are served, by name."""
        return {offer.card.name: offer.card for offer in self.offers if offer.engine}

    @property
    def loadable(self) -> dict[str, WanModelCard]:
        """The models that have weights, by name, with `weights` as the folder where they are."""
        return {
            offer.card.name: replace(offer.card, sampling=replace(offer.card.sampling, weights=str(offer.folder)))
            for offer in self.offers
            if offer.engine and offer.folder
        }


def choose(settings: Settings) -> Choice:
    """The engine and the models for these settings on this machine.

    Raises SetupError where weights or LoRA files that the settings name are not there or not whole, or where the
    setting asks for the wan engine and no model has weights.
    """
    if settings.engine == "animatic":
        return _animatic(settings, "it is the setting")
    if settings.engine == "auto" and (hindrance := _hindrance()):
        return _animatic(settings, f"auto: {hindrance}")
    offers = wan_offers(settings)
    if any(offer.engine for offer in offers):
        why = "it is the setting" if settings.engine == "wan" else "auto: a GPU and weights were found"
        return Choice("wan", why, offers)
    if settings.engine == "auto":
        lack = _broken(offers) or "no weights: see `wanserve models pull`"
        return _animatic(settings, f"auto: a GPU is here, but {lack}")
    lack = "the wan engine finds no weights: set them for a model in wanserve.toml, or run `wanserve models pull NAME`"
    raise SetupError(_broken(offers) or lack.replace("NAME", offers[0].card.name))


def _broken(offers: Sequence[Offer]) -> str:
    """The first model whose weights are there and not whole, with what is wrong; else empty."""
    return next((f"{offer.card.name}: {offer.why}" for offer in offers if offer.folder), "")


def _hindrance() -> str:
    """Why this machine cannot run the real models, whatever weights there are, in words; else empty."""
    if not has_gpu():
        return "no GPU was found, and animatic needs none"
    missing = missing_libraries()
    return f"a GPU is here, but {missing}" if missing else ""


def missing_libraries() -> str | None:
    """What the wan engine lacks, in words, or None."""
    lacking = [name for name in LIBRARIES if find_spec(name) is None]
    if not lacking:
        return None
    return f"{', '.join(lacking)} not installed: pip install 'wanserve[wan]'"


def pull_weights(settings: Settings, model: str, hub_id: str | None = None) -> int:
    """Fetch the model's weights to where the server looks for them; the exit status of the process that does it.

    Raises SetupError where the setting is a folder, which there is no fetching.
    """
    sampling = _sampling(WAN_MODELS[model], settings)
    wanted = hub_id or sampling.weights
    if Path(wanted).expanduser().is_dir():
        raise SetupError(f"the weights of {model} are set to the folder {wanted}: there is nothing to fetch")
    if missing := missing_libraries():
        raise SetupError(missing)
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    asked = [sys.executable, "-m", "wanserve.models.download", wanted, str(settings.models_dir / model)]
    return subprocess.run([*asked, str(sampling.experts)], check=False).returncode


def model_of(folder: Path) -> str:
    """The model whose weights these are, by their shape and their number of experts. Raises SetupError."""
    experts = 2 if (folder / "transformer_2").is_dir() else 1
    geometry = check_weights(folder, experts).geometry
    alike = [card for card in WAN_MODELS.values() if card.sampling.experts == experts]
    return next((card.name for card in alike if card.sampling.geometry == geometry), alike[0].name)


def as_told(offer: Offer) -> dict[str, object]:
    """The model with the settings in force, in plain values; `steps` to `profile` are the wan engine's."""
    card, sampling = offer.card, offer.card.sampling
    return {
        "name": card.name,
        "engine": offer.engine,
        "why": offer.why,
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
        "default_size": "{}*{}".format(*card.default_size),
        "sizes": {"{}*{}".format(*size): made(offer, size) for size in card.sizes},
    }


def made(offer: Offer, size: Size) -> str:
    """How a video of this size is made, in words."""
    return "native" if offer.engine == "animatic" else framing(size, offer.card.sampling.large_sizes).how


def wan_offers(settings: Settings, *, strict: bool = True) -> tuple[Offer, ...]:
    """Every model with the wan engine. Where `strict`, raises SetupError for weights that the owner has set."""
    return tuple(_wan(card, settings, strict=strict) for card in WAN_MODELS.values())


def _animatic(settings: Settings, why: str) -> Choice:
    cards = (WanModelCard.of(card, _sampling(card, settings)) for card in WAN_MODELS.values())
    return Choice("animatic", why, tuple(Offer(card, "animatic") for card in cards))


def _sampling(card: WanModelCard, settings: Settings) -> SamplingSettings:
    return settings.models.get(card.name, ModelSettings()).sampling(card.sampling).profiled()


def _wan(card: WanModelCard, settings: Settings, *, strict: bool) -> Offer:
    own = settings.models.get(card.name, ModelSettings())
    sampling = _sampling(card, settings)
    card = WanModelCard.of(replace(card, frames=sampling.frames, fps=sampling.fps), sampling)
    folder, geometry, problem = _found(card, settings.models_dir)
    # Memory is planned for the weights that are there, whatever the model's own are.
    card = replace(card, sampling=replace(sampling, geometry=geometry))
    fault = problem if own.weights is not None else ""
    if not problem:
        problem = fault = _lora_fault(sampling)
    if fault and strict:
        raise SetupError(f"{card.name}: {fault}")
    return Offer(card, None if problem else "wan", problem, folder)


def _found(card: WanModelCard, models_dir: Path) -> tuple[Path | None, Geometry, str]:
    """The folder of the model's weights, their shape, and what is wrong with them, in words; else empty."""
    sampling, folder = card.sampling, None
    try:
        folder = find_weights(sampling.weights, sampling.experts, models_dir, card.name, surroundings())
        if folder is not None:
            return folder, check_weights(folder, sampling.experts).geometry, ""
    except SetupError as error:
        return folder, sampling.geometry, str(error)
    if sampling.weights.startswith(("/", "~", ".")):
        return None, sampling.geometry, f"there is no folder {sampling.weights}, where its weights should be"
    problem = f"the weights {sampling.weights} are not on this machine: run `wanserve models pull {card.name}`"
    return None, sampling.geometry, problem


def _lora_fault(sampling: SamplingSettings) -> str:
    """What is wrong with the LoRA files that are set, in words, as far as it is seen without reading them; else empty."""
    files = (file for each in sampling.merged for file in (each.file, each.file_2) if file is not None)
    lacking = (f"there is no LoRA file {file}" for file in files if not Path(file).is_file())
    return sampling.lora_fault() or next(lacking, "")
