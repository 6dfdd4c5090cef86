"""Draws the sky: its gradient, moon and sun with their glow, stars, clouds."""

import math

from wanserve.engine.animatic.color import WHITE, Color, rgb
from wanserve.engine.animatic.drawing import KAPPA, FilledPath, Linear, Path, Radial, Stop, glow, vertical_gradient
from wanserve.engine.animatic.scene import Time
from wanserve.engine.animatic.scenery.elements import Scenery, SceneryContext, ScrollingStrip, Star
from wanserve.engine.animatic.scenery.palette import Palette

STARS = 150
TWINKLING = 36
CRATERS = (
    (-0.32, -0.28, 0.2),
    (0.3, 0.12, 0.26),
    (-0.12, 0.42, 0.15),
    (0.12, -0.5, 0.12),
    (-0.55, 0.16, 0.11),
    (0.52, -0.3, 0.1),
)


def paint_sky(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Add the still part of the sky, and set the direction of the light from the position of the moon or the sun."""
    geo = context.geometry
    bottom = float(geo.height) if context.place == "space" else geo.horizon + 0.08 * geo.unit
    scenery.base.append(FilledPath(Path().rect(0, 0, geo.width, geo.height), vertical_gradient(0, bottom, *colors.sky)))
    if context.time is Time.NIGHT and context.has("stars") and (context.open_sky or context.place == "space"):
        add_stars(context, scenery)
    if not context.open_sky:
        return
    x = geo.width * context.rng.choice((context.rng.uniform(0.16, 0.36), context.rng.uniform(0.64, 0.84)))
    if context.time is Time.NIGHT:
        if context.has("moon"):
            moon(context, scenery, x, geo.height * context.rng.uniform(0.2, 0.27))
    elif context.has("sun"):
        sun(context, scenery, x, colors)


def add_stars(context: SceneryContext, scenery: Scenery) -> None:
    """Add many still stars, more of them towards the top, and a few that twinkle."""
    geo, rng = context.geometry, context.rng
    floor = geo.height if context.place == "space" else geo.horizon
    fine = geo.unit / 1080
    path, faint = Path(), Path()
    for i in range(STARS):
        x, y = rng.uniform(0, geo.width), floor * rng.random() ** 1.35
        (path if i % 3 == 0 else faint).circle(x, y, max(0.5, fine * rng.uniform(0.7, 1.7)))
    scenery.base += [FilledPath(faint, Color(205, 218, 255, 150)), FilledPath(path, Color(255, 255, 255, 225))]
    for _ in range(TWINKLING):
        r = max(0.8, fine * rng.uniform(1.4, 2.6))
        scenery.stars.append(Star(rng.uniform(0, geo.width), floor * 0.9 * rng.random() ** 1.2, r, rng.random()))


def star_path(star: Star) -> Path:
    """The path of a four-pointed star about the origin."""
    long, short = star.r * 2.6, star.r * 0.42
    reach = [(long if k % 2 == 0 else short, math.tau * k / 8) for k in range(8)]
    return Path().polygon([(r * math.cos(angle), r * math.sin(angle)) for r, angle in reach])


def moon(context: SceneryContext, scenery: Scenery, x: float, y: float) -> None:
    """Add a large full moon with dark spots, shaded on one side, and its glow."""
    r = 0.105 * context.geometry.unit * context.rng.uniform(0.95, 1.2)
    scenery.base += [glow(x, y, r * 7.5, rgb("#8fb0ff"), 0.42), glow(x, y, r * 2.6, rgb("#e8efff"), 0.55)]
    body = Radial(
        (x - r * 0.3, y - r * 0.3),
        r * 1.5,
        (Stop(0, rgb("#fffdf0")), Stop(0.6, rgb("#f4ecd2")), Stop(1, rgb("#cfc6b4"))),
    )
    scenery.base.append(FilledPath(Path().circle(x, y, r), body))
    turn = context.rng.uniform(-0.5, 0.5)
    seas = Path()
    for cx, cy, cr in CRATERS:
        px, py = cx * math.cos(turn) - cy * math.sin(turn), cx * math.sin(turn) + cy * math.cos(turn)
        seas.circle(x + px * r, y + py * r, cr * r)
    scenery.base.append(FilledPath(seas, Color(196, 186, 162, 120)))
    face_light(context, scenery, x)


def sun(context: SceneryContext, scenery: Scenery, x: float, colors: Palette) -> None:
    """Add the sun with its glow: high and white by day, low, large and golden at sunset."""
    geo = context.geometry
    low = context.time is Time.SUNSET
    y = geo.horizon - 0.06 * geo.unit if low else geo.height * context.rng.uniform(0.14, 0.2)
    x = geo.width * context.rng.uniform(0.3, 0.7) if low else x
    r = geo.unit * (0.13 if low else 0.06)
    warm = rgb("#ffcf70") if low else rgb("#fff6c8")
    scenery.base += [
        glow(x, y, r * (6 if low else 8), warm, 0.75 if low else 0.6),
        glow(x, y, r * 2, rgb("#fff4d0"), 0.8),
    ]
    disc = Linear((x, y - r), (x, y + r), (Stop(0, rgb("#fffbe0")), Stop(1, rgb("#ffc65a" if low else "#ffefa0"))))
    scenery.base.append(FilledPath(Path().circle(x, y, r), disc))
    face_light(context, scenery, x)


def face_light(context: SceneryContext, scenery: Scenery, x: float) -> None:
    """Light the subjects from the side of the moon or the sun."""
    side = -0.75 if x < context.geometry.width / 2 else 0.75
    scenery.light = type(scenery.light)(scenery.light.shade, scenery.light.lit, side, -0.75)


def clouds(context: SceneryContext, scenery: Scenery, colors: Palette, count: int = 6, speed: float = 0.006) -> None:
    """Add clouds that drift."""
    if not context.has("clouds"):
        return
    geo, rng = context.geometry, context.rng
    lit = {Time.DAY: WHITE, Time.SUNSET: rgb("#ffc9a0"), Time.NIGHT: rgb("#6f86c4")}[context.time]
    under = {Time.DAY: rgb("#c9dcf0"), Time.SUNSET: rgb("#c0628a"), Time.NIGHT: rgb("#2c3f78")}[context.time]
    lit, under = (
        lit.mixed(colors.sky[0], 0.7 * colors.veil),
        under.mixed(colors.sky[0].brightened(0.8), 0.8 * colors.veil),
    )
    count = round(count * (1 + colors.veil))
    strip = ScrollingStrip(0.06, geo.horizon, 0.0, drift=speed * rng.choice((-1, 1)))
    for x in context.spread(count):
        y = geo.horizon * rng.uniform(0.14, 0.5)
        size = geo.unit * rng.uniform(0.035, 0.08)
        strip.top, strip.bottom = min(strip.top, y - 2.1 * size), max(strip.bottom, y + 2)
        path = heap(context, x, y, size)
        alpha = 0.92 if context.time is Time.DAY else 0.6
        fill = vertical_gradient(y - size * 1.8, y, lit.alpha(alpha), lit.alpha(alpha), under.alpha(alpha * 0.85))
        strip.items.append(FilledPath(path, fill))
    scenery.strips.append(strip)


def heap(context: SceneryContext, x: float, y: float, size: float) -> Path:
    """The path of a cloud: three to five puffs over a flat base at `y`, with rounded ends."""
    puffs = context.rng.randint(3, 5)
    half = (puffs - 1) / 2
    wide, thick = size * (half * 1.05 + 0.55), size * 0.3
    path = Path().rect(x - wide, y - 2 * thick, 2 * wide, 2 * thick)
    for end in (x - wide, x + wide):
        path.circle(end, y - thick, thick)
    for k in range(puffs):
        r = size * (1.05 - 0.55 * abs(k - half) / max(1.0, half)) * context.rng.uniform(0.9, 1.08)
        dome(path, x + (k - half) * size * 1.05, y - thick, min(r, y))
    return path


def dome(path: Path, x: float, y: float, r: float) -> None:
    """Add the upper half of a circle, a little stretched upwards, with its base at y."""
    k, tall = r * KAPPA, 1.2 * r
    path.move(x - r, y).curve((x - r, y - tall * KAPPA), (x - k, y - tall), (x, y - tall))
    path.curve((x + k, y - tall), (x + r, y - tall * KAPPA), (x + r, y)).close()
