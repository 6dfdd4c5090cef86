"""The animatic engine: reads the prompt and draws it as a cartoon. It is a preview, not a diffusion model."""

import json
from collections.abc import Iterator

from wanserve.domain.errors import SetupError
from wanserve.domain.generation import Generation
from wanserve.domain.marks import DigitalSource
from wanserve.domain.ports import Clip, Report
from wanserve.engine.animatic.art import ArtPack, load_pack
from wanserve.engine.animatic.canvas import Painter
from wanserve.engine.animatic.clip_renderer import ClipRenderer
from wanserve.engine.animatic.memory import give_back
from wanserve.engine.animatic.plot.plot import read_scene
from wanserve.engine.animatic.scene import Scene
from wanserve.engine.animatic.words.lexicon import Lexicon, load_lexicon


def _without_effect(generation: Generation) -> Iterator[str]:
    """What the request chose of how a diffusion model is sampled, which this engine is not."""
    if chosen := generation.chosen.description:
        yield f"a preview is drawn and not sampled: these choices changed nothing in it: {chosen}"


class AnimaticEngine:
    """Draws a prompt as an animated storyboard on any CPU. The same generation gives the same bytes."""

    name = "animatic"
    digital_source = DigitalSource.ALGORITHMIC

    def __init__(self) -> None:
        self._pack: ArtPack | None = None
        self._lexicon: Lexicon | None = None
        self._painter: Painter | None = None

    def load(self, model: str) -> None:
        """Read the lexicon and the art, the same for all models. Takes a tenth of a second; a second call does nothing."""
        if self._painter is None:
            self._lexicon = load_lexicon()
            self._pack = load_pack()
            self._painter = Painter(self._pack.sticker)

    def generate(self, generation: Generation, report: Report) -> Clip:
        """See Engine. The frames share their memory. Raises SetupError before `load`."""
        return self.draw(self.read(generation), generation, report)

    def read(self, generation: Generation) -> Scene:
        """What the prompt asks to see. Raises SetupError before `load`."""
        if self._lexicon is None:
            raise SetupError("the animatic engine was asked to read before it was loaded")
        return read_scene(self._lexicon, generation.prompt, generation.negative_prompt)

    def draw(self, scene: Scene, generation: Generation, report: Report, hidden: frozenset[int] = frozenset()) -> Clip:
        """Draw a scene. The leads in `hidden`, by their index, keep their places and are not drawn.

        Raises SetupError before `load`.
        """
        if self._painter is None or self._pack is None:
            raise SetupError("the animatic engine was asked to draw before it was loaded")
        renderer = ClipRenderer(self._painter, self._pack, scene, generation, hidden)
        told = json.dumps(scene.as_json(), ensure_ascii=False)
        notes = (*scene.notes, *_without_effect(generation))
        return Clip(renderer.frames(report), notes, scaled=renderer.scaled, scene=told)

    def clean_up(self) -> None:
        """See Engine."""
        give_back()
