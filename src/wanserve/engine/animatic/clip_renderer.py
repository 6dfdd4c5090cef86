"""Renders one clip: draws the layers of the scenery once, then moves everything and draws frame after frame."""

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace

from wanserve.domain.generation import Generation
from wanserve.domain.ports import Frame, Report
from wanserve.domain.progress import Progress, Stage
from wanserve.engine.animatic.actors import PlacedActor, place_actors
from wanserve.engine.animatic.ambient_parts import AmbientParts
from wanserve.engine.animatic.art import ArtPack
from wanserve.engine.animatic.canvas import Band, Canvas, Layer, Painter, Part
from wanserve.engine.animatic.drawing import Item, translation
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.motion import MotionContext, follow_speed, pose
from wanserve.engine.animatic.puppet import Puppet, art_name
from wanserve.engine.animatic.scenery.elements import Scenery, ScrollingStrip
from wanserve.engine.animatic.scenery.places import build_scenery
from wanserve.engine.animatic.storyboard import Storyboard


class ClipRenderer:
    """Renders one clip. Parts are added to the canvas in the order in which they are drawn."""

    def __init__(self, painter: Painter, pack: ArtPack, board: Storyboard, generation: Generation) -> None:
        self.generation = generation
        self.geometry = geo = Geometry(generation.width, generation.height)
        scenery = build_scenery(board, geo, _rng(generation, str(board.setting)))
        self.placed_actors = place_actors(board, geo, _rng(generation, "cast"), pack)
        self.context = _motion_context(self.placed_actors, scenery, geo, generation.seconds)
        self.bands = [Band(painter.layer(geo.width, geo.height, [(i, 0.0) for i in scenery.base]), 0)]
        drawn_strips = [self._draw_strip(painter, s) for s in _trim(scenery.strips)]
        self.canvas = Canvas(painter, geo.width, geo.height, self.bands)
        self.ambient_parts = AmbientParts(self.canvas, scenery, geo)
        self.strips = [self._images(s, layer) for s, layer in drawn_strips if s.depth <= 1]
        self.ambient_parts.add_near(scenery)
        self.puppets = [
            Puppet(self.canvas, pack[art_name(p.actor)], p.actor, scenery, p.color) for p in self.placed_actors
        ]
        self.strips += [self._images(s, layer) for s, layer in drawn_strips if s.depth > 1]
        self.ambient_parts.add_weather(board, _rng(generation, "weather"), generation.seconds)

    def _draw_strip(self, painter: Painter, strip: ScrollingStrip) -> tuple[ScrollingStrip, Layer]:
        """Draw a strip's layer. The opaque rows of the nearest ground become a band, which is copied, not blended."""
        period, width = self.geometry.period, self.geometry.width
        top, bottom = max(0, int(strip.top)), min(self.geometry.height, math.ceil(strip.bottom))
        solid = min(bottom, math.ceil(min(strip.solid, bottom)))
        if strip.depth == 1 and solid < bottom:
            wide = painter.layer(period + width, bottom - solid, _repeated(strip.items, period, width), solid)
            self.bands[0] = Band(self.bands[0].layer.rows(0, solid), 0)
            self.bands.append(Band(wide, solid))
            bottom = solid
        rows = max(1, bottom - top)
        layer = painter.layer(period, rows, _repeated(strip.items, period, 0), top)
        return replace(strip, top=top, bottom=bottom, items=[]), layer

    def _images(self, strip: ScrollingStrip, layer: Layer) -> tuple[ScrollingStrip, Part, Part]:
        return strip, self.canvas.add_layer(layer), self.canvas.add_layer(layer)

    def frames(self, report: Report) -> Iterator[Frame]:
        """Draw frame after frame. Closes the canvas at the end, and where the iterator is closed early."""
        with self.canvas:
            count = self.generation.frames
            for k in range(count):
                report(Progress(k / count, Stage.ENCODE, k, count))
                yield self._frame(k / self.generation.fps)
            report(Progress(1.0, Stage.ENCODE, count, count))

    def _frame(self, t: float) -> Frame:
        scroll, period = self.context.scroll(t), self.geometry.period
        for strip, one, two in self.strips:
            x = round(-(scroll * strip.depth + strip.drift * self.geometry.width * t)) % period
            one.place(translation(x, strip.top))
            two.place(translation(x - period, strip.top))
        for band in self.bands[1:]:
            band.x = round(scroll) % period
        self.ambient_parts.draw(t, scroll)
        for puppet in self.puppets:
            puppet.draw(pose(puppet.actor, self.context, t), self.context, t)
        return self.canvas.draw()


def _rng(generation: Generation, purpose: str) -> random.Random:
    """A random generator for each purpose, so that a subject less does not change the hills or the rain."""
    return random.Random(f"{generation.seed} {purpose}")


def _motion_context(
    placed_actors: list[PlacedActor], scenery: Scenery, geometry: Geometry, seconds: float
) -> MotionContext:
    """What the motions of all actors depend on. The camera follows the first actor."""
    ground, aloft = (geometry.ground, 0.36) if scenery.floor is None else (scenery.floor, 0.05)
    if not placed_actors:
        return MotionContext(geometry, seconds, 0.0, 1, ground, aloft)
    lead = placed_actors[0].actor
    return MotionContext(geometry, seconds, follow_speed(lead, geometry), lead.facing, ground, aloft)


def _trim(strips: list[ScrollingStrip]) -> list[ScrollingStrip]:
    """Cut off the part of each strip that a nearer strip hides."""
    trimmed: list[ScrollingStrip] = []
    for i, strip in enumerate(strips):
        hidden = min((s.solid for s in strips[i + 1 :]), default=math.inf)
        trimmed.append(replace(strip, bottom=max(strip.top + 1, min(strip.bottom, hidden))))
    return trimmed


def _repeated(items: Iterable[Item], period: int, extra: int) -> Iterator[tuple[Item, float]]:
    """Yield each item with every shift by a period at which it is visible on `period + extra` columns."""
    for item in items:
        left, right = item.span()
        for shift in (-period, 0, period):
            if left + shift < period + extra and right + shift > 0:
                yield item, shift
