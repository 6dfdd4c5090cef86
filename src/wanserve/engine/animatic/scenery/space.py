"""Knows space: nebulae, planets, stars near and far."""

from wanserve.engine.animatic.color import rgb
from wanserve.engine.animatic.drawing import Path, Sticker, glow
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.plan import Plan, Shower, Site
from wanserve.engine.animatic.weather import scatter

CLOUDS = ("#7a3fd0", "#2f6fe0", "#d04f9a", "#2fb0c8")


def space(site: Site, plan: Plan, colors: Palette) -> None:
    """No ground: coloured clouds of gas, a ringed planet, a blue one, and stars that pass by."""
    geo, dice = site.geometry, site.dice
    for _ in range(7):
        color = rgb(dice.choice(CLOUDS))
        x, y = geo.width * dice.random(), geo.height * dice.random()
        plan.base.append(glow(x, y, geo.unit * dice.uniform(0.3, 0.65), color, dice.uniform(0.16, 0.34)))
    if site.has("planets"):
        _planets(site, plan)
    if site.has("stars"):
        for depth, count, size in ((0.1, 60, 0.0012), (0.3, 40, 0.002)):
            plan.showers.append(_passing(site, depth, count, geo.unit * size))
    plan.floor = geo.height * 0.5 + 0.24 * geo.unit
    plan.shadow = 0.0


def _planets(site: Site, plan: Plan) -> None:
    geo, dice = site.geometry, site.dice
    side = dice.choice((0.16, 0.84))
    places = (
        ("ringed-planet", side, 0.34, 0.26),
        ("globe-showing-europe-africa", 1 - side, 0.86, 0.2),
        ("full-moon", 1 - side * 0.8, 0.2, 0.07),
    )
    for name, x, y, size in places:
        tall = geo.unit * size * dice.uniform(0.85, 1.15)
        cx = geo.width * (x + dice.uniform(-0.05, 0.05))
        foot = geo.height * y + tall * 0.3
        plan.base += [glow(cx, foot - tall / 2, tall * 0.95, rgb("#9fb4ff"), 0.25), Sticker(name, cx, foot, tall)]


def _passing(site: Site, depth: float, count: int, size: float) -> Shower:
    """Stars that the camera passes."""
    dice = site.dice
    path, wide, tall = scatter(
        site.geometry, dice, count, lambda x, y: Path().circle(x, y, max(0.6, size * dice.uniform(0.7, 1.4)))
    )
    return Shower(path, rgb("#eaf0ff").alpha(0.9), wide, tall, (0.0, 0.0), depth=depth)
