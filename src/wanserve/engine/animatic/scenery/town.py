"""Draws places that people built under the open sky: a street, a market, a stadium; and the sky above."""

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import FilledPath, Item, Path, Sticker, glow, vertical_gradient
from wanserve.engine.animatic.scene import Time
from wanserve.engine.animatic.scenery.built import NEON, houses, lamps, pavement, skyline
from wanserve.engine.animatic.scenery.elements import Scenery, SceneryContext, ScrollingStrip
from wanserve.engine.animatic.scenery.land import ground
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.sky import clouds

AWNINGS = ("#e0554f", "#3f8f6b", "#e2a33c", "#4a7fc1", "#b15fa8")
CROWD = ("#f2f2f2", "#e5484d", "#3f8ae0", "#f4c430", "#2f3a4a")
"""The colours of the clothes in the stands."""

FRUIT = (
    "tangerine",
    "red-apple",
    "watermelon",
    "carrot",
    "bread",
    "fish",
    "grapes",
    "tomato",
    "cheese-wedge",
    "ear-of-corn",
)


def street(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Houses close by on the far side of a street, trees along the pavement, lamps."""
    clouds(context, scenery, colors, 4)
    geo = context.geometry
    if context.has("buildings"):
        skyline(context, scenery, colors, 0.15, 0.3, 11, colors.middle.mixed(colors.sky[-1], 0.3), 0.6)
        houses(context, scenery, colors, 1.45)
    pavement(context, scenery, colors)
    if context.has("trees"):
        strip = ScrollingStrip(0.96, geo.ground, geo.ground)
        foot = geo.ground - 0.06 * geo.unit
        for x in context.spread(3, 0.3):
            tall = context.around(0.34 * geo.unit, 0.15)
            strip.top = min(strip.top, foot - tall)
            strip.items.append(Sticker("deciduous-tree", x, foot, tall, context.rng.random() < 0.5, colors.stain))
        scenery.strips.append(strip)
    lamps(context, scenery, colors, geo.ground - 0.065 * geo.unit)


def market(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Stalls under striped awnings, full of fruit, on a paved square."""
    geo, rng = context.geometry, context.rng
    clouds(context, scenery, colors, 3)
    if context.has("buildings"):
        houses(context, scenery, colors, 1.3)
    strip = ScrollingStrip(0.8, geo.ground, geo.ground)
    foot = geo.ground - 0.06 * geo.unit
    count = max(3, round(geo.period / (0.5 * geo.unit)))
    for x in context.spread(count, 0.06):
        _stall(context, strip, colors, x, foot, 0.9 * geo.period / count, rng.choice(AWNINGS))
    strip.top = foot - 0.42 * geo.unit
    strip.bottom = foot + 2
    scenery.strips.append(strip)
    pavement(context, scenery, colors)


def _stall(
    context: SceneryContext, strip: ScrollingStrip, colors: Palette, x: float, foot: float, wide: float, awning: str
) -> None:
    """Add a stall around x: two posts, a dark inside, a table with fruit, the awning, and its light after sunset."""
    geo, rng = context.geometry, context.rng
    half, top = wide / 2, foot - 0.4 * geo.unit
    wood = rgb("#a8744a").times(colors.stain)
    posts = (
        Path()
        .rect(x - half * 0.94, top, 0.016 * geo.unit, foot - top)
        .rect(x + half * 0.9, top, 0.016 * geo.unit, foot - top)
    )
    strip.items.append(FilledPath(posts, wood.mixed(BLACK, 0.2)))
    inside = Path().rect(x - half * 0.9, top + 0.06 * geo.unit, 1.8 * half, 0.2 * geo.unit)
    strip.items.append(FilledPath(inside, rgb("#4a3a34").times(colors.stain).mixed(colors.sky[-1], 0.15)))
    table = foot - 0.13 * geo.unit
    for k in range(5):
        px = x + (k - 2) * half * 0.36
        strip.items.append(
            Sticker(rng.choice(FRUIT), px, table + 0.01 * geo.unit, 0.075 * geo.unit, rng.random() < 0.5, colors.stain)
        )
    front = Path().rect(x - half * 0.96, table, 1.92 * half, foot - table)
    strip.items.append(
        FilledPath(front, vertical_gradient(table, foot, wood.mixed(WHITE, 0.15), wood.mixed(BLACK, 0.15)))
    )
    strip.items += _awning(x, half, top, top + 0.09 * geo.unit, rgb(awning).times(colors.stain), colors)
    if context.time is not Time.DAY:
        strip.items.append(glow(x, top + 0.14 * geo.unit, 0.26 * geo.unit, rgb("#ffd98a"), 0.55))


def _awning(x: float, half: float, top: float, low: float, color: Color, colors: Palette) -> list[Item]:
    """A white awning with stripes of that colour and a scalloped lower edge."""
    roof = Path().polygon([(x - half, low), (x - half * 0.86, top), (x + half * 0.86, top), (x + half, low)])
    stripes = Path()
    for k in range(4):
        a, b = -1 + 0.5 * k, -1 + 0.5 * k + 0.25
        stripes.polygon(
            [(x + a * half, low), (x + a * half * 0.86, top), (x + b * half * 0.86, top), (x + b * half, low)]
        )
    for k in range(8):
        stripes.circle(x + (k - 3.5) * half / 4, low, half / 8)
    return [FilledPath(roof, WHITE.times(colors.stain)), FilledPath(stripes, color)]


def stadium(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Stands full of people, floodlights, and a mown pitch with white lines."""
    geo = context.geometry
    clouds(context, scenery, colors, 3)
    foot = geo.ground - 0.07 * geo.unit
    top = foot - 0.34 * geo.unit
    scenery.strips.append(_stands(context, colors, top, foot))
    _floodlights(context, scenery, colors, top)
    _mow(context, ground(context, scenery, colors), colors, foot)


def _stands(context: SceneryContext, colors: Palette, top: float, foot: float) -> ScrollingStrip:
    """The stands of a stadium: rows of people, the edge of the roof above, boards in bright colours at their foot."""
    geo, rng = context.geometry, context.rng
    strip = ScrollingStrip(0.35, foot - 0.4 * geo.unit, foot + 2, solid=foot)
    wall = rgb("#6d7f96").times(colors.stain)
    fill = vertical_gradient(top, foot, wall.mixed(BLACK, 0.15), wall.mixed(WHITE, 0.12))
    strip.items.append(FilledPath(Path().rect(0, top, geo.period, foot - top), fill))
    for color in CROWD if context.has("people") else ():
        crowd = Path()
        for _ in range(110):
            row = rng.randrange(7)
            crowd.circle(rng.uniform(0, geo.period), top + (0.03 + 0.04 * row) * geo.unit, 0.011 * geo.unit)
        strip.items.append(FilledPath(crowd, rgb(color).times(colors.stain)))
    roof = Path().rect(0, top - 0.03 * geo.unit, geo.period, 0.03 * geo.unit)
    strip.items.append(FilledPath(roof, wall.mixed(WHITE, 0.4)))
    boards = Path().rect(0, foot - 0.04 * geo.unit, geo.period, 0.045 * geo.unit)
    strip.items.append(FilledPath(boards, rgb("#e9edf2").times(colors.stain)))
    for i, x in enumerate(context.spread(6, 0.1)):
        board = Path().rect(x - 0.09 * geo.unit, foot - 0.035 * geo.unit, 0.18 * geo.unit, 0.03 * geo.unit)
        strip.items.append(FilledPath(board, rgb(NEON[i % len(NEON)]).times(colors.stain)))
    return strip


def _mow(context: SceneryContext, field: ScrollingStrip, colors: Palette, foot: float) -> None:
    """Make the ground a pitch: short grass in bands of two greens, with white lines, up to the foot of the stands."""
    geo = context.geometry
    turf, paler = colors.near, colors.near.mixed(WHITE, 0.14)
    field.top = min(field.top, foot)
    field.items = [
        FilledPath(
            Path().rect(0, foot, geo.period, geo.height - foot),
            vertical_gradient(foot, geo.height, turf, turf.mixed(BLACK, 0.12)),
        )
    ]
    bands = Path()
    count = 2 * max(4, round(geo.period / (0.44 * geo.unit)))
    for i in range(0, count, 2):
        x, wide = i * geo.period / count, geo.period / count
        bands.polygon([(x, foot), (x + wide, foot), (x + wide, geo.height), (x, geo.height)])
    field.items.append(FilledPath(bands, paler.alpha(0.6)))
    lines = (
        Path()
        .rect(0, foot + 0.03 * geo.unit, geo.period, 0.006 * geo.unit)
        .rect(0, geo.ground + 0.09 * geo.unit, geo.period, 0.01 * geo.unit)
    )
    field.items.append(FilledPath(lines, WHITE.times(colors.stain).alpha(0.9)))
    field.solid = foot + 1


def _floodlights(context: SceneryContext, scenery: Scenery, colors: Palette, top: float) -> None:
    geo = context.geometry
    strip = ScrollingStrip(0.34, top - 0.3 * geo.unit, top)
    for x in context.spread(3, 0.1):
        head = top - 0.22 * geo.unit
        strip.items.append(
            FilledPath(
                Path()
                .rect(x - 0.008 * geo.unit, head, 0.016 * geo.unit, 0.22 * geo.unit)
                .rect(x - 0.06 * geo.unit, head - 0.05 * geo.unit, 0.12 * geo.unit, 0.05 * geo.unit),
                rgb("#59636f").times(colors.stain),
            )
        )
        lamps_on = Path()
        for k in range(4):
            lamps_on.circle(x + (k - 1.5) * 0.027 * geo.unit, head - 0.025 * geo.unit, 0.01 * geo.unit)
        strip.items.append(FilledPath(lamps_on, rgb("#fffbe6")))
        if context.time is not Time.DAY:
            strip.items.append(glow(x, head - 0.02 * geo.unit, 0.3 * geo.unit, rgb("#f4f8ff"), 0.55))
    scenery.strips.append(strip)


def sky(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """High in the air: banks of clouds below and around, at several distances."""
    geo, rng = context.geometry, context.rng
    white = WHITE.times(colors.stain.mixed(WHITE, 0.25))
    for depth, level, size, alpha in (
        (0.1, 0.86, 0.16, 0.55),
        (0.3, 0.94, 0.2, 0.75),
        (0.6, 1.02, 0.26, 0.92),
        (1.4, 1.12, 0.3, 0.96),
    ):
        y = geo.height * level
        strip = ScrollingStrip(depth, y - 0.3 * geo.unit, float(geo.height), drift=0.006 * depth)
        bank = Path()
        for x in context.spread(max(6, round(geo.period / (size * 0.9 * geo.unit))), 0.45):
            r = size * geo.unit * rng.uniform(0.55, 1.0)
            bank.ellipse(x, y, r * 1.2, r * 0.62)
        fill = vertical_gradient(
            y - 0.2 * geo.unit, y + 0.16 * geo.unit, white.alpha(alpha), colors.sky[-1].mixed(white, 0.5).alpha(alpha)
        )
        strip.items.append(FilledPath(bank, fill))
        scenery.strips.append(strip)
    clouds(context, scenery, colors, 6, 0.01)
    scenery.floor = geo.height * 0.5 + 0.24 * geo.unit
    scenery.shadow = 0.0
