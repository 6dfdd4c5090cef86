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
from wanserve.engine.animatic.cast import Player, cast_players
from wanserve.engine.animatic.drawing import Item, moved
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.motion import Score, follow_speed, pose
from wanserve.engine.animatic.puppet import Puppet, figure
from wanserve.engine.animatic.scenery.places import plan_place
from wanserve.engine.animatic.scenery.plan import Plan, Strip
from wanserve.engine.animatic.storyboard import Storyboard


class Show:
    """One clip, ready to be drawn. Parts are added to the stage in the order in which they are drawn."""

    def __init__(self, painter: Painter, pack: ArtPack, board: Storyboard, generation: Generation) -> None:
        self.generation = generation
        self.geometry = geo = Geometry(generation.width, generation.height)
        plan = plan_place(board, geo, _dice(generation, str(board.setting)))
        self.players = cast_players(board, geo, _dice(generation, "cast"), pack)
        self.score = _score(self.players, plan, geo, generation.seconds)
        self.bands = [Band(painter.layer(geo.width, geo.height, [(i, 0.0) for i in plan.base]), 0)]
        sheets = [self._sheet(painter, s) for s in _trimmed(plan.strips)]
        self.stage = Stage(painter, geo.width, geo.height, self.bands)
        self.ambience = Ambience(self.stage, plan, geo)
        self.strips = [self._images(s, layer) for s, layer in sheets if s.depth <= 1]
        self.ambience.add_near(plan)
        self.puppets = [Puppet(self.stage, pack[figure(p.actor)], p.actor, plan, p.color) for p in self.players]
        self.strips += [self._images(s, layer) for s, layer in sheets if s.depth > 1]
        self.ambience.add_weather(board, _dice(generation, "weather"), generation.seconds)

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
        for strip, one, two in self.strips:
            x = round(-(scroll * strip.depth + strip.drift * self.geometry.width * t)) % period
            one.place(moved(x, strip.top))
            two.place(moved(x - period, strip.top))
        for band in self.bands[1:]:
            band.x = round(scroll) % period
        self.ambience.draw(t, scroll)
        for puppet in self.puppets:
            puppet.draw(pose(puppet.actor, self.score, t), self.score, t)
        return self.stage.draw()


def _dice(generation: Generation, purpose: str) -> random.Random:
    """Dice of their own for each purpose, so that taking a subject away moves no hill and no raindrop."""
    return random.Random(f"{generation.seed} {purpose}")


def _score(players: list[Player], plan: Plan, geometry: Geometry, seconds: float) -> Score:
    """What the actors share; the camera follows the first of them."""
    ground, aloft = (geometry.ground, 0.36) if plan.floor is None else (plan.floor, 0.05)
    if not players:
        return Score(geometry, seconds, 0.0, 1, ground, aloft)
    lead = players[0].actor
    return Score(geometry, seconds, follow_speed(lead, geometry), lead.facing, ground, aloft)


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
