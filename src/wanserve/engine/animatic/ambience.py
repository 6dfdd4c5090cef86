"""Knows what stirs in a scene besides the subjects: stars, rays, weeds, glints, weather, lightning."""

import math
import random

from wanserve.engine.animatic.canvas import Part, Stage
from wanserve.engine.animatic.color import WHITE, rgb
from wanserve.engine.animatic.drawing import Path, moved, scaled, turned
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scenery.places import ROOFED
from wanserve.engine.animatic.scenery.plan import Glint, Plan, Shower, Star, Swayer
from wanserve.engine.animatic.scenery.sky import star_path
from wanserve.engine.animatic.storyboard import Setting, Storyboard, Weather
from wanserve.engine.animatic.weather import Flash, bubbles, flashes, showers


class Ambience:
    """The small moving parts of a stage. Made before the strips; near things and weather are added after them."""

    def __init__(self, stage: Stage, plan: Plan, geometry: Geometry) -> None:
        self.stage, self.geometry = stage, geometry
        self.stars: list[tuple[Star, Part]] = [(s, stage.mark(star_path(s), WHITE)) for s in plan.stars]
        self.glints: list[tuple[Glint, Part]] = [(g, stage.mark(_streak(g), plan.glint_color)) for g in plan.glints]
        self.behind = [(s, stage.mark(s.path, s.fill)) for s in plan.showers]
        self.swayers = [(s, stage.mark(s.mark.path, s.mark.fill)) for s in plan.swayers if s.depth < 1]
        self.showers: list[tuple[Shower, Part]] = []
        self.flashes: list[tuple[Flash, Part]] = []
        self.sheet_lightning: Part | None = None

    def add_near(self, plan: Plan) -> None:
        """What sways beside the subjects."""
        self.swayers += [(s, self.stage.mark(s.mark.path, s.mark.fill)) for s in plan.swayers if s.depth >= 1]

    def add_weather(self, board: Storyboard, dice: random.Random, seconds: float) -> None:
        """What falls before everything else."""
        geo = self.geometry
        falling: list[Shower] = []
        if board.setting not in ROOFED:
            falling = showers(board.weather, geo, dice)
        elif board.setting is Setting.UNDERWATER and "bubbles" not in board.without:
            falling = bubbles(geo, dice)
        self.showers = [(s, self.stage.mark(s.path, s.fill)) for s in falling]
        if board.weather is Weather.STORM and board.setting not in ROOFED:
            self.flashes = [(f, self.stage.mark(f.bolt, rgb("#fff8d8"))) for f in flashes(geo, dice, seconds)]
            self.sheet_lightning = self.stage.mark(Path().rect(0, 0, geo.width, geo.height), rgb("#e6ecff").alpha(0.5))

    def draw(self, t: float, scroll: float) -> None:
        """Put everything where it is at time t."""
        for star, part in self.stars:
            bright = 0.5 + 0.5 * math.sin(math.tau * (t / 2.6 + star.phase))
            part.place(scaled(0.35 + 0.65 * bright, 0.35 + 0.65 * bright).then(moved(star.x, star.y)))
        for glint, part in self.glints:
            swell = 0.5 + 0.5 * math.sin(math.tau * (t / 2.2 + glint.phase))
            drift = 0.2 * glint.length * math.sin(math.tau * (t / 5 + glint.phase))
            part.place(scaled(0.15 + 0.85 * swell, 0.4 + 0.6 * swell).then(moved(glint.x + drift, glint.y)))
        for swayer, part in self.swayers:
            self._sway(swayer, part, t, scroll)
        for shower, part in (*self.behind, *self.showers):
            part.place(moved(*shower.place(t, scroll)))
        self._strike(t)

    def _sway(self, swayer: Swayer, part: Part, t: float, scroll: float) -> None:
        angle = swayer.swing * math.sin(math.tau * (t * swayer.pace + swayer.phase))
        period = self.geometry.period
        x = swayer.x - scroll * swayer.depth
        margin = 0.15 * self.geometry.width
        x = (x + margin) % period - margin if swayer.depth >= 1 else x
        part.place(moved(-swayer.x, -swayer.y).then(turned(angle)).then(moved(x, swayer.y)))

    def _strike(self, t: float) -> None:
        light = 0.0
        for flash, part in self.flashes:
            since = t - flash.at
            near = 0 <= since < 0.3
            part.show(near)
            if near:
                part.fade(1 - since / 0.3)
                light = max(light, math.exp(-9 * since) * (0.55 + 0.45 * math.cos(60 * since)))
        if self.sheet_lightning is not None:
            self.sheet_lightning.show(light > 0.02)
            self.sheet_lightning.fade(light)


def _streak(glint: Glint) -> Path:
    return Path().ellipse(0, 0, glint.length / 2, max(0.6, glint.length * 0.03))
