"""Knows the wan engine: one pipeline in one thread, a generation in three stages, and a clean end of each."""

import gc
from collections.abc import Iterator, Mapping
from typing import Final

import torch
from diffusers import WanPipeline

from wanserve.domain.errors import SetupError
from wanserve.domain.framing import Framing, framing
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Clip, Frame, Report
from wanserve.domain.recipe import Recipe
from wanserve.engine.wan.decode import decoded, frames_of, unnormalised
from wanserve.engine.wan.denoise import denoise, guided, steps_of
from wanserve.engine.wan.loading import load_pipeline
from wanserve.engine.wan.text import TextStage

TEXT_DONE: Final = 0.03
DENOISE_DONE: Final = 0.92
"""How far a generation is after each stage. On one H100, 14B at 720p takes 1,838 s, of which the VAE some 5 %."""


class WanEngine:
    """The real models. Holds one at a time; not thread-safe: one thread owns the pipeline."""

    name = "wan"

    def __init__(self, recipes: Mapping[str, Recipe]) -> None:
        self._recipes = recipes
        self._model: str | None = None
        self._pipe: WanPipeline | None = None
        self._text: TextStage | None = None
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def load(self, model: str) -> None:
        """See Engine. The model before is let go first: two seldom fit."""
        if model == self._model:
            return
        recipe = self._recipes.get(model)
        if recipe is None:
            raise SetupError(f"{model} has no weights here")
        self._model = self._pipe = self._text = None
        self.rest()
        self._pipe = load_pipeline(recipe, self._device)
        self._text = TextStage(self._pipe, self._device)
        self._model = model

    def generate(self, generation: Generation, report: Report) -> Clip:
        """See Engine. The text and the denoising are done when this returns, the decoding as frames are taken."""
        if self._pipe is None or self._text is None or generation.model != self._model:
            raise SetupError(f"the wan engine was asked for {generation.model}, and {self._model} is loaded")
        recipe = self._recipes[generation.model]
        frame = framing((generation.width, generation.height), recipe.large_sizes)
        embeddings = self._encoded(self._text, recipe, generation, report)
        latents = denoise(
            self._pipe,
            recipe,
            generation,
            frame,
            embeddings,
            lambda done: report(TEXT_DONE + (DENOISE_DONE - TEXT_DONE) * done),
        )
        return Clip(
            frames=self._frames(self._pipe, latents, frame, report),
            notes=() if frame.how == "native" else (frame.how,),
            profile=recipe.profile,
            how=f"profile {recipe.profile}, {steps_of(recipe)} steps, {frame.how}",
            size=(frame.cut_width, frame.cut_height),
        )

    def rest(self) -> None:
        """See Engine."""
        if self._pipe is not None:
            clean(self._pipe)
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _encoded(
        self, text: TextStage, recipe: Recipe, generation: Generation, report: Report
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        listens = guided(recipe)
        share = TEXT_DONE / (1 + listens)
        prompt = text.encode(generation.prompt, lambda done: report(share * done))
        if not listens:
            return prompt, None
        left_out = generation.negative_prompt or recipe.negative_prompt
        return prompt, text.encode(left_out, lambda done: report(share * (1 + done)))

    def _frames(self, pipe: WanPipeline, latents: torch.Tensor, frame: Framing, report: Report) -> Iterator[Frame]:
        count = latents.shape[2]
        for number, pictures in enumerate(decoded(pipe.vae, unnormalised(pipe.vae, latents))):
            report(DENOISE_DONE + (1 - DENOISE_DONE) * number / count)
            yield from frames_of(pictures, frame)


def clean(pipe: WanPipeline) -> None:
    """Forget what a generation left in the pipeline, however it ended; diffusers does so only after a success."""
    for transformer in (pipe.transformer, pipe.transformer_2):
        if transformer is not None:
            transformer._reset_stateful_cache()
    pipe.vae.clear_cache()
    pipe.maybe_free_model_hooks()
    pipe._interrupt = False
