"""Knows what this server offers: which engine serves which model on this machine, with which settings, and why."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from wanserve.devices import has_gpu
from wanserve.domain.catalog import MODELS, ModelCard, Size
from wanserve.domain.errors import SetupError
from wanserve.domain.framing import framing
from wanserve.domain.recipe import Geometry, Recipe
from wanserve.engine.wan.checkpoint import check_weights, find_weights
from wanserve.settings import ModelSettings, Settings, surroundings

LIBRARIES: Final = ("torch", "diffusers", "transformers", "accelerate", "ftfy")


@dataclass(frozen=True, slots=True)
class Offer:
    """One model: its card with the settings in force, and the engine that serves it, or None and why none does.

    `folder` is where its weights are, whole or not.
    """

    card: ModelCard
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
    def cards(self) -> dict[str, ModelCard]:
        """The models that are served, by name."""
        return {offer.card.name: offer.card for offer in self.offers if offer.engine}

    @property
    def loadable(self) -> dict[str, ModelCard]:
        """The models that have weights, by name, with `weights` as the folder where they are."""
        return {
            offer.card.name: replace(offer.card, recipe=replace(offer.card.recipe, weights=str(offer.folder)))
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
    recipe = _recipe(MODELS[model], settings)
    wanted = hub_id or recipe.weights
    if Path(wanted).expanduser().is_dir():
        raise SetupError(f"the weights of {model} are set to the folder {wanted}: there is nothing to fetch")
    if missing := missing_libraries():
        raise SetupError(missing)
    settings.models_dir.mkdir(parents=True, exist_ok=True)
    asked = [sys.executable, "-m", "wanserve.engine.wan.pull", wanted, str(settings.models_dir / model)]
    return subprocess.run([*asked, str(recipe.experts)], check=False).returncode


def model_of(folder: Path) -> str:
    """The model whose weights these are, by their shape and their number of experts. Raises SetupError."""
    experts = 2 if (folder / "transformer_2").is_dir() else 1
    geometry = check_weights(folder, experts).geometry
    alike = [card for card in MODELS.values() if card.recipe.experts == experts]
    return next((card.name for card in alike if card.recipe.geometry == geometry), alike[0].name)


def as_told(offer: Offer) -> dict[str, object]:
    """The model with the settings in force, in plain values; `steps` to `profile` are the wan engine's."""
    card, recipe = offer.card, offer.card.recipe
    return {
        "name": card.name,
        "engine": offer.engine,
        "why": offer.why,
        "weights": recipe.weights,
        "steps": recipe.steps,
        "guidance_scale": recipe.guidance_scale,
        "guidance_scale_2": recipe.guidance_scale_2,
        "flow_shift": recipe.flow_shift,
        "boundary_ratio": recipe.boundary_ratio,
        "fps": card.fps,
        "frames": card.frames,
        "negative_prompt": recipe.negative_prompt,
        "profile": recipe.profile,
        "default_size": "{}*{}".format(*card.default_size),
        "sizes": {"{}*{}".format(*size): made(offer, size) for size in card.sizes},
    }


def made(offer: Offer, size: Size) -> str:
    """How a video of this size is made, in words."""
    return "native" if offer.engine == "animatic" else framing(size, offer.card.recipe.large_sizes).how


def wan_offers(settings: Settings, *, strict: bool = True) -> tuple[Offer, ...]:
    """Every model with the wan engine. Where `strict`, raises SetupError for weights that the owner has set."""
    return tuple(_wan(card, settings, strict=strict) for card in MODELS.values())


def _animatic(settings: Settings, why: str) -> Choice:
    cards = (replace(card, recipe=_recipe(card, settings)) for card in MODELS.values())
    return Choice("animatic", why, tuple(Offer(card, "animatic") for card in cards))


def _recipe(card: ModelCard, settings: Settings) -> Recipe:
    return settings.models.get(card.name, ModelSettings()).recipe(card.recipe).profiled()


def _wan(card: ModelCard, settings: Settings, *, strict: bool) -> Offer:
    own = settings.models.get(card.name, ModelSettings())
    recipe = _recipe(card, settings)
    card = replace(card, recipe=recipe, frames=recipe.frames, fps=recipe.fps)
    folder, geometry, problem = _found(card, settings.models_dir)
    # Memory is planned for the weights that are there, whatever the model's own are.
    card = replace(card, recipe=replace(recipe, geometry=geometry))
    fault = problem if own.weights is not None else ""
    if not problem:
        problem = fault = _lora_fault(recipe)
    if fault and strict:
        raise SetupError(f"{card.name}: {fault}")
    return Offer(card, None if problem else "wan", problem, folder)


def _found(card: ModelCard, models_dir: Path) -> tuple[Path | None, Geometry, str]:
    """The folder of the model's weights, their shape, and what is wrong with them, in words; else empty."""
    recipe, folder = card.recipe, None
    try:
        folder = find_weights(recipe.weights, recipe.experts, models_dir, card.name, surroundings())
        if folder is not None:
            return folder, check_weights(folder, recipe.experts).geometry, ""
    except SetupError as error:
        return folder, recipe.geometry, str(error)
    if recipe.weights.startswith(("/", "~", ".")):
        return None, recipe.geometry, f"there is no folder {recipe.weights}, where its weights should be"
    problem = f"the weights {recipe.weights} are not on this machine: run `wanserve models pull {card.name}`"
    return None, recipe.geometry, problem


def _lora_fault(recipe: Recipe) -> str:
    """What is wrong with the LoRA files that are set, in words, as far as it is seen without reading them; else empty."""
    files = (file for each in recipe.merged for file in (each.file, each.file_2) if file is not None)
    lacking = (f"there is no LoRA file {file}" for file in files if not Path(file).is_file())
    return recipe.lora_fault() or next(lacking, "")
