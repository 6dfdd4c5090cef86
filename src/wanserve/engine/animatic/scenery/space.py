"""Draws outer space: nebulae, planets, stars near and far."""

from wanserve.engine.animatic.color import rgb
from wanserve.engine.animatic.drawing import Path, Sticker, glow
from wanserve.engine.animatic.scenery.elements import ParticleLayer, Scenery, SceneryContext
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.weather import scatter

CLOUDS = ("#7a3fd0", "#2f6fe0", "#d04f9a", "#2fb0c8")


def space(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """No ground: coloured clouds of gas, a ringed planet, a blue one, and stars that pass by."""
    geo, rng = context.geometry, context.rng
    for _ in range(7):
        color = rgb(rng.choice(CLOUDS))
        x, y = geo.width * rng.random(), geo.height * rng.random()
        scenery.base.append(glow(x, y, geo.unit * rng.uniform(0.3, 0.65), color, rng.uniform(0.16, 0.34)))
    if context.has("planets"):
        _planets(context, scenery)
    if context.has("stars"):
        for depth, count, size in ((0.1, 60, 0.0012), (0.3, 40, 0.002)):
            scenery.particle_layers.append(_passing(context, depth, count, geo.unit * size))
    scenery.floor = geo.height * 0.5 + 0.24 * geo.unit
    scenery.shadow = 0.0


def _planets(context: SceneryContext, scenery: Scenery) -> None:
    geo, rng = context.geometry, context.rng
    side = rng.choice((0.16, 0.84))
    places = (
        ("ringed-planet", side, 0.34, 0.26),
        ("globe-showing-europe-africa", 1 - side, 0.86, 0.2),
        ("full-moon", 1 - side * 0.8, 0.2, 0.07),
    )
    for name, x, y, size in places:
        tall = geo.unit * size * rng.uniform(0.85, 1.15)
        cx = geo.width * (x + rng.uniform(-0.05, 0.05))
        foot = geo.height * y + tall * 0.3
        scenery.base += [glow(cx, foot - tall / 2, tall * 0.95, rgb("#9fb4ff"), 0.25), Sticker(name, cx, foot, tall)]


def _passing(context: SceneryContext, depth: float, count: int, size: float) -> ParticleLayer:
    """Stars that the camera passes."""
    rng = context.rng
    path, wide, tall = scatter(
        context.geometry, rng, count, lambda x, y: Path().circle(x, y, max(0.6, size * rng.uniform(0.7, 1.4)))
    )
    return ParticleLayer(path, rgb("#eaf0ff").alpha(0.9), wide, tall, (0.0, 0.0), depth=depth)
