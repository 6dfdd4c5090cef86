"""Moves what moves in a scene besides the subjects: stars, light rays, weeds, glints, weather, lightning."""

import math
import random

from wanserve.engine.animatic.canvas import Canvas, Part
from wanserve.engine.animatic.color import WHITE, rgb
from wanserve.engine.animatic.drawing import Path, rotation, scaling, translation
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scene import Scene, Weather
from wanserve.engine.animatic.scenery.elements import Glint, ParticleLayer, Scenery, Star, SwayingShape
from wanserve.engine.animatic.scenery.places import WITHOUT_SKY, base_of
from wanserve.engine.animatic.scenery.sky import star_path
from wanserve.engine.animatic.weather import Flash, bubbles, flashes, particle_layers


class AmbientParts:
    """The small moving parts of a clip. It is made before the strips; near parts and weather are added after them."""

    def __init__(self, canvas: Canvas, scenery: Scenery, geometry: Geometry) -> None:
        self.canvas, self.geometry = canvas, geometry
        self.stars: list[tuple[Star, Part]] = [(s, canvas.add_path(star_path(s), WHITE)) for s in scenery.stars]
        self.glints: list[tuple[Glint, Part]] = [
            (g, canvas.add_path(_streak(g), scenery.glint_color)) for g in scenery.glints
        ]
        self.behind = [(s, canvas.add_path(s.path, s.fill)) for s in scenery.particle_layers]
        self.swaying_shapes = [
            (s, canvas.add_path(s.shape.path, s.shape.fill)) for s in scenery.swaying_shapes if s.depth < 1
        ]
        self.particle_layers: list[tuple[ParticleLayer, Part]] = []
        self.flashes: list[tuple[Flash, Part]] = []
        self.sheet_lightning: Part | None = None

    def add_near(self, scenery: Scenery) -> None:
        """Add what is in front of the strips: glints on near water, and shapes as near as the subjects."""
        self.glints += [(g, self.canvas.add_path(_streak(g), scenery.glint_color)) for g in scenery.front_glints]
        self.swaying_shapes += [
            (s, self.canvas.add_path(s.shape.path, s.shape.fill)) for s in scenery.swaying_shapes if s.depth >= 1
        ]

    def add_weather(self, scene: Scene, rng: random.Random, seconds: float) -> None:
        """Add the weather in front of everything else."""
        geo = self.geometry
        falling: list[ParticleLayer] = []
        if base_of(scene.place) not in WITHOUT_SKY:
            falling = particle_layers(scene.weather, geo, rng)
        elif scene.place == "underwater" and "bubbles" not in scene.without:
            falling = bubbles(geo, rng)
        self.particle_layers = [(s, self.canvas.add_path(s.path, s.fill)) for s in falling]
        if scene.weather is Weather.STORM and base_of(scene.place) not in WITHOUT_SKY:
            self.flashes = [(f, self.canvas.add_path(f.bolt, rgb("#fff8d8"))) for f in flashes(geo, rng, seconds)]
            self.sheet_lightning = self.canvas.add_path(
                Path().rect(0, 0, geo.width, geo.height), rgb("#e6ecff").alpha(0.5)
            )

    def draw(self, t: float, scroll: float) -> None:
        """Move everything to its position at time t."""
        for star, part in self.stars:
            bright = 0.5 + 0.5 * math.sin(math.tau * (t / 2.6 + star.phase))
            part.place(scaling(0.35 + 0.65 * bright, 0.35 + 0.65 * bright).then(translation(star.x, star.y)))
        for glint, part in self.glints:
            swell = 0.5 + 0.5 * math.sin(math.tau * (t / 2.2 + glint.phase))
            drift = 0.2 * glint.length * math.sin(math.tau * (t / 5 + glint.phase))
            part.place(scaling(0.15 + 0.85 * swell, 0.4 + 0.6 * swell).then(translation(glint.x + drift, glint.y)))
        for swaying, part in self.swaying_shapes:
            self._sway(swaying, part, t, scroll)
        for layer, part in (*self.behind, *self.particle_layers):
            part.place(translation(*layer.place(t, scroll)))
        self._strike(t)

    def _sway(self, swaying: SwayingShape, part: Part, t: float, scroll: float) -> None:
        angle = swaying.swing * math.sin(math.tau * (t * swaying.pace + swaying.phase))
        period = self.geometry.period
        x = swaying.x - scroll * swaying.depth
        margin = 0.15 * self.geometry.width
        x = (x + margin) % period - margin if swaying.depth >= 1 else x
        part.place(translation(-swaying.x, -swaying.y).then(rotation(angle)).then(translation(x, swaying.y)))

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
