"""Draws the city."""

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import FilledPath, Path, glow, vertical_gradient
from wanserve.engine.animatic.scene import Time
from wanserve.engine.animatic.scenery.elements import Scenery, SceneryContext, ScrollingStrip
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.sky import clouds

NEON = ("#ff5fa2", "#53d8fb", "#ffd166", "#8c7bff", "#7cf29c")
FACADES = ("#d98f6a", "#c9a27a", "#8fa6c4", "#b5838d", "#7f9c8f", "#e0b47c")


def city(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Two skylines, a row of houses with lit windows by night, a street with lamps."""
    clouds(context, scenery, colors, 4)
    if context.has("buildings"):
        skyline(context, scenery, colors, 0.07, 0.44, 16, colors.far.mixed(colors.sky[-1], 0.35), 0.4)
        skyline(context, scenery, colors, 0.18, 0.34, 13, colors.middle, 0.75)
        houses(context, scenery, colors)
    pavement(context, scenery, colors)
    lamps(context, scenery, colors, context.geometry.ground - 0.065 * context.geometry.unit)


def skyline(
    context: SceneryContext,
    scenery: Scenery,
    colors: Palette,
    depth: float,
    tall: float,
    count: int,
    color: Color,
    lit: float,
) -> None:
    """Towers in one colour; `lit` is how many windows shine by night."""
    geo, rng = context.geometry, context.rng
    foot = geo.ground - 0.05 * geo.unit
    strip = ScrollingStrip(depth, foot, foot)
    walls, lights = Path(), Path()
    wide = geo.period / count
    for x in context.spread(count, 0.12):
        top = foot - context.around(tall * geo.unit, 0.42)
        half = wide * rng.uniform(0.36, 0.56)
        strip.top = min(strip.top, top - 0.05 * geo.unit)
        walls.rect(x - half, top, 2 * half, foot - top)
        roof = rng.random()
        if roof < 0.3:
            walls.rect(x - half * 0.5, top - 0.03 * geo.unit, half, 0.03 * geo.unit)
        elif roof < 0.5:
            walls.rect(x - half * 0.06, top - 0.05 * geo.unit, half * 0.12, 0.05 * geo.unit)
        _windows(context, lights, x - half, top, 2 * half, foot - top, 0.012 * geo.unit, lit)
    strip.items.append(FilledPath(walls, vertical_gradient(strip.top, foot, color, color.mixed(colors.sky[-1], 0.4))))
    night = context.time is Time.NIGHT
    glass = rgb("#ffe2a0").alpha(0.85 if depth > 0.1 else 0.5) if night else color.mixed(WHITE, 0.28).alpha(0.6)
    strip.items.append(FilledPath(lights, glass))
    scenery.strips.append(strip)


def _windows(
    context: SceneryContext, path: Path, x: float, y: float, w: float, h: float, size: float, lit: float
) -> None:
    """Add a grid of windows to the path; each window is there with probability `lit`."""
    columns, rows = max(1, int(w / (size * 2.4))), max(1, min(26, int(h / (size * 2.9))))
    gap_x, gap_y = w / columns, h / rows
    for row in range(rows):
        for column in range(columns):
            if context.rng.random() < lit * 0.6:
                path.rect(x + (column + 0.28) * gap_x, y + (row + 0.25) * gap_y, gap_x * 0.44, gap_y * 0.5)


def houses(context: SceneryContext, scenery: Scenery, colors: Palette, size: float = 1.0) -> None:
    """Shops and houses along the far pavement, each with another front; `size` is how close they are."""
    geo, rng = context.geometry, context.rng
    foot = geo.ground - 0.065 * geo.unit
    strip = ScrollingStrip(0.45, foot, float(geo.height), solid=foot)
    count = max(4, round(geo.period / (0.3 * size * geo.unit)))
    wide = geo.period / count
    night = context.time is Time.NIGHT
    for i in range(count):
        x, tall = i * wide, size * geo.unit * rng.uniform(0.2, 0.36)
        top = foot - tall
        strip.top = min(strip.top, top - 0.02 * geo.unit)
        front = rgb(rng.choice(FACADES)).times(colors.stain.mixed(WHITE, 0.12))
        strip.items.append(
            FilledPath(
                Path().rect(x + 1, top, wide - 2, tall), vertical_gradient(top, foot, front, front.mixed(BLACK, 0.18))
            )
        )
        strip.items.append(
            FilledPath(Path().rect(x - 2, top - 0.012 * geo.unit, wide + 4, 0.018 * geo.unit), front.mixed(BLACK, 0.3))
        )
        panes = Path()
        _windows(context, panes, x + wide * 0.08, top + tall * 0.06, wide * 0.84, tall * 0.58, 0.028 * geo.unit, 1.3)
        strip.items.append(FilledPath(panes, rgb("#ffdf94").alpha(0.92) if night else colors.sky[0].mixed(WHITE, 0.35)))
        shop = rgb(rng.choice(NEON)) if night else front.mixed(WHITE, 0.35)
        strip.items.append(
            FilledPath(
                Path().rect(x + wide * 0.1, foot - tall * 0.28, wide * 0.8, tall * 0.28), shop.mixed(BLACK, 0.42)
            )
        )
        strip.items.append(FilledPath(Path().rect(x + wide * 0.06, foot - tall * 0.33, wide * 0.88, tall * 0.07), shop))
        if night:
            strip.items.append(glow(x + wide / 2, foot - tall * 0.3, wide * 0.55, shop, 0.4))
    strip.items.append(FilledPath(Path().rect(0, foot - 1, geo.period, geo.height - foot + 1), colors.near))
    scenery.strips.append(strip)


def pavement(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Pavement, kerb and road with dashes, lamps with their light by night."""
    geo = context.geometry
    top = geo.ground - 0.075 * geo.unit
    strip = ScrollingStrip(1.0, top, float(geo.height), solid=top + 1)
    pave = colors.near.mixed(WHITE, 0.26)
    strip.items.append(FilledPath(Path().rect(0, top, geo.period, 0.035 * geo.unit), pave))
    strip.items.append(
        FilledPath(Path().rect(0, top + 0.03 * geo.unit, geo.period, 0.012 * geo.unit), pave.mixed(BLACK, 0.25))
    )
    road = top + 0.042 * geo.unit
    strip.items.append(
        FilledPath(
            Path().rect(0, road, geo.period, geo.height - road),
            vertical_gradient(road, geo.height, colors.near, colors.front),
        )
    )
    count = max(6, round(geo.period / (0.26 * geo.unit)))
    dash, y = geo.period / count, geo.ground + 0.062 * geo.unit
    lines, joints = Path(), Path()
    for i in range(count):
        x = i * dash
        lines.polygon(
            [
                (x, y),
                (x + dash * 0.5, y),
                (x + dash * 0.47, y + 0.014 * geo.unit),
                (x - dash * 0.03, y + 0.014 * geo.unit),
            ]
        )
        joints.rect(x, top, 0.003 * geo.unit, 0.03 * geo.unit)
    strip.items += [FilledPath(lines, rgb("#f4e6b8").times(colors.stain)), FilledPath(joints, pave.mixed(BLACK, 0.18))]
    scenery.strips.append(strip)


def lamps(context: SceneryContext, scenery: Scenery, colors: Palette, foot: float) -> None:
    """Street lamps on the pavement, with their light after sunset."""
    geo = context.geometry
    strip = ScrollingStrip(0.97, foot - 0.44 * geo.unit, foot)
    post = rgb("#39404e").times(colors.stain.mixed(WHITE, 0.3))
    for x in context.spread(max(2, round(geo.width / (0.9 * geo.unit))), 0.1):
        top, w = foot - 0.36 * geo.unit, 0.007 * geo.unit
        path = Path().rect(x - w, top, 2 * w, 0.36 * geo.unit).rect(x - w, top - w, 0.07 * geo.unit, 2 * w)
        path.rect(x - 2 * w, foot - 0.03 * geo.unit, 4 * w, 0.03 * geo.unit)
        strip.items.append(FilledPath(path, post))
        head = x + 0.065 * geo.unit
        strip.items.append(
            FilledPath(Path().ellipse(head, top + 0.005 * geo.unit, 0.024 * geo.unit, 0.011 * geo.unit), rgb("#fff1c4"))
        )
        if context.time is not Time.DAY:
            strip.items.append(glow(head, top + 0.01 * geo.unit, 0.14 * geo.unit, rgb("#ffdf9a"), 0.55))
    scenery.strips.append(strip)
