"""Knows the sky: its gradient, moon and sun with their glow, stars, clouds."""

import math

from wanserve.engine.animatic.color import WHITE, Color, rgb
from wanserve.engine.animatic.drawing import KAPPA, Linear, Mark, Path, Radial, Stop, down, glow
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.plan import Plan, Site, Star, Strip
from wanserve.engine.animatic.storyboard import Setting, Time

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


def paint_sky(site: Site, plan: Plan, colors: Palette) -> None:
    """The still part of the sky, and the light's direction from where the moon or sun stands."""
    geo = site.geometry
    bottom = float(geo.height) if site.setting is Setting.SPACE else geo.horizon + 0.08 * geo.unit
    plan.base.append(Mark(Path().rect(0, 0, geo.width, geo.height), down(0, bottom, *colors.sky)))
    if site.time is Time.NIGHT and site.has("stars") and site.setting not in (Setting.UNDERWATER, Setting.INDOORS):
        add_stars(site, plan)
    if site.setting in (Setting.UNDERWATER, Setting.INDOORS, Setting.SPACE):
        return
    x = geo.width * site.dice.choice((site.dice.uniform(0.16, 0.36), site.dice.uniform(0.64, 0.84)))
    if site.time is Time.NIGHT:
        if site.has("moon"):
            moon(site, plan, x, geo.height * site.dice.uniform(0.2, 0.27))
    elif site.has("sun"):
        sun(site, plan, x, colors)


def add_stars(site: Site, plan: Plan) -> None:
    """Many still points, denser towards the top, and a few that twinkle."""
    geo, dice = site.geometry, site.dice
    floor = geo.height if site.setting is Setting.SPACE else geo.horizon
    fine = geo.unit / 1080
    path, faint = Path(), Path()
    for i in range(STARS):
        x, y = dice.uniform(0, geo.width), floor * dice.random() ** 1.35
        (path if i % 3 == 0 else faint).circle(x, y, max(0.5, fine * dice.uniform(0.7, 1.7)))
    plan.base += [Mark(faint, Color(205, 218, 255, 150)), Mark(path, Color(255, 255, 255, 225))]
    for _ in range(TWINKLING):
        r = max(0.8, fine * dice.uniform(1.4, 2.6))
        plan.stars.append(Star(dice.uniform(0, geo.width), floor * 0.9 * dice.random() ** 1.2, r, dice.random()))


def star_path(star: Star) -> Path:
    """A four-pointed sparkle about the origin."""
    long, short = star.r * 2.6, star.r * 0.42
    reach = [(long if k % 2 == 0 else short, math.tau * k / 8) for k in range(8)]
    return Path().polygon([(r * math.cos(angle), r * math.sin(angle)) for r, angle in reach])


def moon(site: Site, plan: Plan, x: float, y: float) -> None:
    """A large full moon with seas, shaded at one side, in its glow."""
    r = 0.105 * site.geometry.unit * site.dice.uniform(0.95, 1.2)
    plan.base += [glow(x, y, r * 7.5, rgb("#8fb0ff"), 0.42), glow(x, y, r * 2.6, rgb("#e8efff"), 0.55)]
    body = Radial(
        (x - r * 0.3, y - r * 0.3),
        r * 1.5,
        (Stop(0, rgb("#fffdf0")), Stop(0.6, rgb("#f4ecd2")), Stop(1, rgb("#cfc6b4"))),
    )
    plan.base.append(Mark(Path().circle(x, y, r), body))
    turn = site.dice.uniform(-0.5, 0.5)
    seas = Path()
    for cx, cy, cr in CRATERS:
        px, py = cx * math.cos(turn) - cy * math.sin(turn), cx * math.sin(turn) + cy * math.cos(turn)
        seas.circle(x + px * r, y + py * r, cr * r)
    plan.base.append(Mark(seas, Color(196, 186, 162, 120)))
    face_light(site, plan, x)


def sun(site: Site, plan: Plan, x: float, colors: Palette) -> None:
    """The sun with its glow: high and white by day, low, large and golden at sunset."""
    geo = site.geometry
    low = site.time is Time.SUNSET
    y = geo.horizon - 0.06 * geo.unit if low else geo.height * site.dice.uniform(0.14, 0.2)
    x = geo.width * site.dice.uniform(0.3, 0.7) if low else x
    r = geo.unit * (0.13 if low else 0.06)
    warm = rgb("#ffcf70") if low else rgb("#fff6c8")
    plan.base += [glow(x, y, r * (6 if low else 8), warm, 0.75 if low else 0.6), glow(x, y, r * 2, rgb("#fff4d0"), 0.8)]
    disc = Linear((x, y - r), (x, y + r), (Stop(0, rgb("#fffbe0")), Stop(1, rgb("#ffc65a" if low else "#ffefa0"))))
    plan.base.append(Mark(Path().circle(x, y, r), disc))
    face_light(site, plan, x)


def face_light(site: Site, plan: Plan, x: float) -> None:
    """Let the subjects be lit from where the moon or sun stands."""
    side = -0.75 if x < site.geometry.width / 2 else 0.75
    plan.light = type(plan.light)(plan.light.shade, plan.light.lit, side, -0.75)


def clouds(site: Site, plan: Plan, colors: Palette, count: int = 6, speed: float = 0.006) -> None:
    """Soft heaps that drift; each a row of round puffs over a flat foot."""
    if not site.has("clouds"):
        return
    geo, dice = site.geometry, site.dice
    lit = {Time.DAY: WHITE, Time.SUNSET: rgb("#ffc9a0"), Time.NIGHT: rgb("#6f86c4")}[site.time]
    under = {Time.DAY: rgb("#c9dcf0"), Time.SUNSET: rgb("#c0628a"), Time.NIGHT: rgb("#2c3f78")}[site.time]
    lit, under = lit.mixed(colors.sky[0], 0.7 * colors.veil), under.mixed(colors.sky[0].scaled(0.8), 0.8 * colors.veil)
    count = round(count * (1 + colors.veil))
    strip = Strip(0.06, geo.horizon, 0.0, drift=speed * dice.choice((-1, 1)))
    for x in site.spread(count):
        y = geo.horizon * dice.uniform(0.14, 0.5)
        size = geo.unit * dice.uniform(0.035, 0.08)
        strip.top, strip.bottom = min(strip.top, y - 2.1 * size), max(strip.bottom, y + 2)
        path = heap(site, x, y, size)
        alpha = 0.92 if site.time is Time.DAY else 0.6
        fill = down(y - size * 1.8, y, lit.alpha(alpha), lit.alpha(alpha), under.alpha(alpha * 0.85))
        strip.items.append(Mark(path, fill))
    plan.strips.append(strip)


def heap(site: Site, x: float, y: float, size: float) -> Path:
    """The outline of a cloud: three to five puffs on a flat foot at `y`, its ends rounded."""
    puffs = site.dice.randint(3, 5)
    half = (puffs - 1) / 2
    wide, thick = size * (half * 1.05 + 0.55), size * 0.3
    path = Path().rect(x - wide, y - 2 * thick, 2 * wide, 2 * thick)
    for end in (x - wide, x + wide):
        path.circle(end, y - thick, thick)
    for k in range(puffs):
        r = size * (1.05 - 0.55 * abs(k - half) / max(1.0, half)) * site.dice.uniform(0.9, 1.08)
        dome(path, x + (k - half) * size * 1.05, y - thick, min(r, y))
    return path


def dome(path: Path, x: float, y: float, r: float) -> None:
    """The upper half of a circle a little drawn out upwards, on its foot at y."""
    k, tall = r * KAPPA, 1.2 * r
    path.move(x - r, y).curve((x - r, y - tall * KAPPA), (x - k, y - tall), (x, y - tall))
    path.curve((x + k, y - tall), (x + r, y - tall * KAPPA), (x + r, y)).close()
