"""Knows how one clip is staged: layers drawn once, actors cast, then frame after frame moved and drawn."""

import random
from collections.abc import Iterator

from wanserve.domain.generation import Generation
from wanserve.domain.ports import Frame, Report
from wanserve.engine.animatic.art import ArtPack
from wanserve.engine.animatic.canvas import Painter, Part, Stage
from wanserve.engine.animatic.color import WHITE
from wanserve.engine.animatic.drawing import Affine, Item, moved
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.motion import Actor, Score, follow_speed, pose
from wanserve.engine.animatic.puppet import Puppet, figure
from wanserve.engine.animatic.scenery.places import plan_place
from wanserve.engine.animatic.scenery.plan import Plan, Strip
from wanserve.engine.animatic.scenery.sky import star_path
from wanserve.engine.animatic.storyboard import Motion, Storyboard


def cast_actors(board: Storyboard, geometry: Geometry, dice: random.Random, pack: ArtPack) -> list[tuple[Actor, str]]:
    """Place all subjects side by side on the stage, each with its colour's name; sizes shrink until all fit."""
    crew = [(cast, i) for cast in board.casts for i in range(cast.count)]
    way = board.direction[0] or dice.choice((-1, 1))
    sizes = [0.98 * geometry.unit * cast.subject.size**0.85 * (1 if i == 0 else dice.uniform(0.82, 0.96)) for cast, i in crew]
    probes = [Actor(c.subject, board.motion, s, 0.0, way, 0.0) for (c, _), s in zip(crew, sizes, strict=True)]
    widths = [s * pack[figure(p)].width / pack[figure(p)].height for p, s in zip(probes, sizes, strict=True)]
    room = geometry.width * (0.62 if len(crew) < 3 else 0.84)
    shrink = min(1.0, room / max(1.0, sum(widths) * 1.08))
    left = geometry.width / 2 - sum(widths) * 1.08 * shrink / 2 - way * (0.05 * geometry.width if len(crew) < 3 else 0)
    left += geometry.width * dice.uniform(-0.04, 0.04)
    actors = []
    for (cast, _), size, width in zip(crew, sizes, widths, strict=True):
        middle = left + width * 1.08 * shrink / 2
        left += width * 1.08 * shrink
        actors.append((Actor(cast.subject, board.motion, size * shrink, middle, way, dice.random(), board.direction), cast.color))
    return actors


class Show:
    """One clip, ready to be drawn."""

    def __init__(self, painter: Painter, pack: ArtPack, board: Storyboard, generation: Generation) -> None:
        self.generation = generation
        self.geometry = Geometry(generation.width, generation.height)
        dice = random.Random(f"{generation.seed} {board.setting}")
        self.plan = plan_place(board, self.geometry, dice)
        self.cast = cast_actors(board, self.geometry, dice, pack)
        lead = self.cast[0][0] if self.cast else None
        speed = follow_speed(lead, self.geometry) if lead else 0.0
        way = lead.facing if lead else 1
        self.score = Score(self.geometry, generation.seconds, speed, way)
        geo = self.geometry
        base = painter.layer(geo.width, geo.height, self.plan.base)
        self.stage = Stage(painter, geo.width, geo.height, base)
        self.stars = [(s, self.stage.mark(star_path(s, 0.5), WHITE)) for s in self.plan.stars]
        self.strips = [self._strip(painter, s) for s in self.plan.strips if s.depth <= 1]
        self.puppets = [
            Puppet(self.stage, pack[figure(a)], a, self.plan, geo.ground, color) for a, color in self.cast
        ]
        self.front = [self._strip(painter, s) for s in self.plan.strips if s.depth > 1]

    def _strip(self, painter: Painter, strip: Strip) -> tuple[Strip, Part, Part]:
        period = self.geometry.period
        top, bottom = max(0, int(strip.top)), min(self.geometry.height, int(strip.bottom) + 1)
        items = painter.layer(period, max(1, bottom - top), [], Affine())
        with Stage(painter, period, max(1, bottom - top)) as sheet:
            for item in strip.items:
                for shift in _shifts(item, period):
                    sheet.item(item, moved(shift, -top))
            sheet.draw(clear=True)
            items = type(items)(bytes(sheet.pixels), period, max(1, bottom - top))
        return Strip(strip.depth, top, bottom, [], strip.drift), self.stage.image(items), self.stage.image(items)

    def frames(self, report: Report) -> Iterator[Frame]:
        """Draw frame after frame; closes the stage at the end, and when it is left early."""
        with self.stage:
            for k in range(self.generation.frames):
                report(k / self.generation.frames)
                yield self._frame(k / self.generation.fps)

    def _frame(self, t: float) -> Frame:
        scroll = self.score.scroll(t)
        for strip, one, two in (*self.strips, *self.front):
            x = -(scroll * strip.depth + strip.drift * self.geometry.width * t) % self.geometry.period
            one.place(moved(round(x), strip.top))
            two.place(moved(round(x) - self.geometry.period, strip.top))
        for puppet, (actor, _) in zip(self.puppets, self.cast, strict=True):
            puppet.draw(pose(actor, self.score, t))
        return self.stage.draw()


def _shifts(item: Item, period: int) -> list[int]:
    """Where an item must be drawn so that the layer's ends meet."""
    left, right = item.span()
    return [0, *([period] if left < 0 else []), *([-period] if right > period else [])]


__all__ = ["Motion", "Plan", "Show", "cast_actors"]
