"""Knows how one clip is staged: layers drawn once, actors cast, then frame after frame moved and drawn."""

import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import replace

from wanserve.domain.generation import Generation
from wanserve.domain.ports import Frame, Report
from wanserve.engine.animatic.ambience import Ambience
from wanserve.engine.animatic.art import ArtPack
from wanserve.engine.animatic.canvas import Band, Layer, Painter, Part, Stage
from wanserve.engine.animatic.drawing import Item, moved
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.motion import Actor, Score, follow_speed, pose
from wanserve.engine.animatic.puppet import Puppet, figure, figure_width
from wanserve.engine.animatic.scenery.places import plan_place
from wanserve.engine.animatic.scenery.plan import Strip
from wanserve.engine.animatic.storyboard import Storyboard


def cast_actors(board: Storyboard, geometry: Geometry, dice: random.Random, pack: ArtPack) -> list[tuple[Actor, str]]:
    """Place all subjects side by side on the stage, each with its colour's name; sizes shrink until all fit."""
    crew = [(cast, i) for cast in board.casts for i in range(cast.count)]
    way = board.direction[0] or dice.choice((-1, 1))
    sizes = [
        0.98 * geometry.unit * cast.subject.size**0.85 * (1 if i == 0 else dice.uniform(0.82, 0.96)) for cast, i in crew
    ]
    probes = [Actor(c.subject, board.motion, s, 0.0, way, 0.0) for (c, _), s in zip(crew, sizes, strict=True)]
    widths = [p.size * figure_width(p, pack[figure(p)]) for p in probes]
    room = geometry.width * (0.62 if len(crew) < 3 else 0.84)
    shrink = min(1.0, room / max(1.0, sum(widths) * 1.08))
    left = geometry.width / 2 - sum(widths) * 1.08 * shrink / 2 - way * (0.05 * geometry.width if len(crew) < 3 else 0)
    left += geometry.width * dice.uniform(-0.04, 0.04)
    actors = []
    for (cast, _), size, width in zip(crew, sizes, widths, strict=True):
        middle = left + width * 1.08 * shrink / 2
        left += width * 1.08 * shrink
        actors.append(
            (Actor(cast.subject, board.motion, size * shrink, middle, way, dice.random(), board.direction), cast.color)
        )
    return actors


class Show:
    """One clip, ready to be drawn. Parts are added to the stage in the order in which they are drawn."""

    def __init__(self, painter: Painter, pack: ArtPack, board: Storyboard, generation: Generation) -> None:
        self.generation = generation
        self.geometry = geo = Geometry(generation.width, generation.height)
        dice = random.Random(f"{generation.seed} {board.setting}")
        self.plan = plan = plan_place(board, geo, dice)
        self.cast = cast_actors(board, geo, dice, pack)
        lead = self.cast[0][0] if self.cast else None
        speed = follow_speed(lead, geo) if lead else 0.0
        ground = geo.ground if plan.floor is None else plan.floor
        aloft = 0.36 if plan.floor is None else 0.05
        self.score = Score(geo, generation.seconds, speed, lead.facing if lead else 1, ground, aloft)
        self.bands = [Band(painter.layer(geo.width, geo.height, [(i, 0.0) for i in plan.base]), 0)]
        sheets = [self._sheet(painter, s) for s in _trimmed(plan.strips)]
        self.stage = Stage(painter, geo.width, geo.height, self.bands)
        self.ambience = Ambience(self.stage, plan, geo)
        self.strips = [self._images(s, layer) for s, layer in sheets if s.depth <= 1]
        self.ambience.add_near(plan)
        self.puppets = [Puppet(self.stage, pack[figure(a)], a, plan, color) for a, color in self.cast]
        self.front = [self._images(s, layer) for s, layer in sheets if s.depth > 1]
        self.ambience.add_weather(board, random.Random(f"{generation.seed} weather"), generation.seconds)

    def _sheet(self, painter: Painter, strip: Strip) -> tuple[Strip, Layer]:
        """Draw a strip's layer; the solid rows of the nearest ground become a band, copied instead of blended."""
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

    def _images(self, strip: Strip, layer: Layer) -> tuple[Strip, Part, Part]:
        return strip, self.stage.image(layer), self.stage.image(layer)

    def frames(self, report: Report) -> Iterator[Frame]:
        """Draw frame after frame; closes the stage at the end, and when it is left early."""
        with self.stage:
            for k in range(self.generation.frames):
                report(k / self.generation.frames)
                yield self._frame(k / self.generation.fps)

    def _frame(self, t: float) -> Frame:
        scroll, period = self.score.scroll(t), self.geometry.period
        for strip, one, two in (*self.strips, *self.front):
            x = round(-(scroll * strip.depth + strip.drift * self.geometry.width * t)) % period
            one.place(moved(x, strip.top))
            two.place(moved(x - period, strip.top))
        for band in self.bands[1:]:
            band.x = round(scroll) % period
        self.ambience.draw(t, scroll)
        for puppet, (actor, _) in zip(self.puppets, self.cast, strict=True):
            puppet.draw(pose(actor, self.score, t), self.score, t)
        return self.stage.draw()


def _trimmed(strips: list[Strip]) -> list[Strip]:
    """The strips cut off where a nearer one hides them."""
    done: list[Strip] = []
    for i, strip in enumerate(strips):
        hidden = min((s.solid for s in strips[i + 1 :]), default=math.inf)
        done.append(replace(strip, bottom=max(strip.top + 1, min(strip.bottom, hidden))))
    return done


def _repeated(items: Iterable[Item], period: int, extra: int) -> Iterator[tuple[Item, float]]:
    """Each item at every shift by a period at which it shows on a layer of `period + extra` columns."""
    for item in items:
        left, right = item.span()
        for shift in (-period, 0, period):
            if left + shift < period + extra and right + shift > 0:
                yield item, shift
