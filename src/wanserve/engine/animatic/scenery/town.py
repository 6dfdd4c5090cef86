"""Draws places that people built under the open sky: street, road, railway, bridge, market, stadium."""

from wanserve.engine.animatic.color import BLACK, WHITE, rgb
from wanserve.engine.animatic.drawing import FilledPath, Path, Sticker, glow, vertical_gradient
from wanserve.engine.animatic.scene import Time
from wanserve.engine.animatic.scenery.built import NEON, houses, lamps, pavement, skyline
from wanserve.engine.animatic.scenery.elements import Scenery, SceneryContext, ScrollingStrip
from wanserve.engine.animatic.scenery.land import grass, ground, hills, trees_on
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.sky import clouds

AWNINGS = ("#e0554f", "#3f8f6b", "#e2a33c", "#4a7fc1", "#b15fa8")
FRUIT = ("tangerine", "red-apple", "watermelon", "carrot", "bread", "fish", "grapes", "tomato", "cheese-wedge", "corn")


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


def road(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """A country road between hills, with a crash barrier and dashes."""
    geo = context.geometry
    clouds(context, scenery, colors, 5)
    hills(context, scenery, colors, 0.08, 0.12, 0.06, colors.far)
    line = hills(context, scenery, colors, 0.24, 0.03, 0.035, colors.middle)
    trees_on(context, scenery, colors, line, ("deciduous-tree", "evergreen-tree"), 8, 0.13)
    strip = ground(context, scenery, colors)
    grass(context, strip, colors, 40)
    top = geo.ground - 0.045 * geo.unit
    tar = rgb("#62697a").times(colors.stain)
    strip.items.append(
        FilledPath(
            Path().rect(0, top, geo.period, geo.height - top),
            vertical_gradient(top, geo.height, tar.mixed(WHITE, 0.12), tar.mixed(BLACK, 0.2)),
        )
    )
    edge = Path().rect(0, top, geo.period, 0.008 * geo.unit)
    count = max(6, round(geo.period / (0.26 * geo.unit)))
    dash, y = geo.period / count, geo.ground + 0.055 * geo.unit
    for i in range(count):
        x = i * dash
        edge.polygon(
            [
                (x, y),
                (x + dash * 0.5, y),
                (x + dash * 0.47, y + 0.014 * geo.unit),
                (x - dash * 0.03, y + 0.014 * geo.unit),
            ]
        )
    strip.items.append(FilledPath(edge, rgb("#f6efd2").times(colors.stain)))
    _barrier(context, scenery, colors, top)


def _barrier(context: SceneryContext, scenery: Scenery, colors: Palette, foot: float) -> None:
    geo = context.geometry
    tall = 0.06 * geo.unit
    strip = ScrollingStrip(0.98, foot - tall, foot)
    posts = Path()
    for x in context.spread(max(6, round(geo.period / (0.24 * geo.unit))), 0.0):
        posts.rect(x, foot - tall * 0.8, 0.012 * geo.unit, tall * 0.8)
    steel = rgb("#c3cad4").times(colors.stain)
    rail = Path().rect(0, foot - tall, geo.period, 0.022 * geo.unit)
    strip.items += [
        FilledPath(posts, steel.mixed(BLACK, 0.35)),
        FilledPath(rail, steel),
        FilledPath(
            Path().rect(0, foot - tall + 0.008 * geo.unit, geo.period, 0.004 * geo.unit), steel.mixed(BLACK, 0.25)
        ),
    ]
    scenery.strips.append(strip)


def railway(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Rails on sleepers and ballast, a platform's roof behind, hills."""
    geo = context.geometry
    clouds(context, scenery, colors, 5)
    hills(context, scenery, colors, 0.1, 0.1, 0.05, colors.far)
    line = hills(context, scenery, colors, 0.28, 0.01, 0.03, colors.middle)
    trees_on(context, scenery, colors, line, ("evergreen-tree", "deciduous-tree"), 8, 0.13)
    if context.has("buildings"):
        _platform(context, scenery, colors)
    strip = ground(context, scenery, colors)
    top = geo.ground - 0.045 * geo.unit
    stone = rgb("#a49a8e").times(colors.stain)
    strip.items.append(
        FilledPath(
            Path().rect(0, top, geo.period, geo.height - top),
            vertical_gradient(top, geo.height, stone.mixed(WHITE, 0.08), stone.mixed(BLACK, 0.2)),
        )
    )
    pebbles = Path()
    for x in context.spread(150, 0.5):
        pebbles.circle(x, context.rng.uniform(top, geo.height), 0.005 * geo.unit)
    strip.items.append(FilledPath(pebbles, stone.mixed(BLACK, 0.3).alpha(0.6)))
    sleepers = Path()
    count = max(10, round(geo.period / (0.12 * geo.unit)))
    for i in range(count):
        x = i * geo.period / count
        sleepers.polygon(
            [
                (x, geo.ground - 0.012 * geo.unit),
                (x + 0.05 * geo.unit, geo.ground - 0.012 * geo.unit),
                (x + 0.04 * geo.unit, geo.ground + 0.075 * geo.unit),
                (x - 0.022 * geo.unit, geo.ground + 0.075 * geo.unit),
            ]
        )
    strip.items.append(FilledPath(sleepers, rgb("#6b5140").times(colors.stain)))
    rails = (
        Path()
        .rect(0, geo.ground, geo.period, 0.01 * geo.unit)
        .rect(0, geo.ground + 0.05 * geo.unit, geo.period, 0.014 * geo.unit)
    )
    strip.items.append(FilledPath(rails, rgb("#d7dde6").times(colors.stain)))


def _platform(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """A platform with a roof on columns, a clock and a sign."""
    geo = context.geometry
    foot = geo.ground - 0.065 * geo.unit
    strip = ScrollingStrip(0.85, foot - 0.42 * geo.unit, foot + 2)
    steel, roof = rgb("#3f5a6e").times(colors.stain), rgb("#a8503f").times(colors.stain)
    for x in context.spread(2, 0.1):
        half = 0.5 * geo.unit
        strip.items.append(
            FilledPath(
                Path().rect(x - half, foot - 0.06 * geo.unit, 2 * half, 0.07 * geo.unit),
                rgb("#cfc8bb").times(colors.stain),
            )
        )
        posts = Path()
        for k in (-0.8, -0.27, 0.27, 0.8):
            posts.rect(x + k * half - 0.01 * geo.unit, foot - 0.38 * geo.unit, 0.02 * geo.unit, 0.33 * geo.unit)
        strip.items.append(FilledPath(posts, steel))
        top = foot - 0.42 * geo.unit
        strip.items.append(
            FilledPath(
                Path().polygon(
                    [
                        (x - half * 1.08, top + 0.05 * geo.unit),
                        (x - half * 0.94, top),
                        (x + half * 0.94, top),
                        (x + half * 1.08, top + 0.05 * geo.unit),
                    ]
                ),
                vertical_gradient(top, top + 0.05 * geo.unit, roof.mixed(WHITE, 0.15), roof),
            )
        )
        strip.items.append(Sticker("one-oclock", x, top + 0.16 * geo.unit, 0.09 * geo.unit, False, colors.stain))
        strip.items.append(
            Sticker("own:bench", x + 0.5 * half, foot - 0.055 * geo.unit, 0.12 * geo.unit, False, colors.stain)
        )
    scenery.strips.append(strip)


def bridge(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """The deck of a suspension bridge over water, with its cables, and a shore or a city beyond."""
    geo = context.geometry
    clouds(context, scenery, colors, 5)
    if context.has("buildings"):
        skyline(context, scenery, colors, 0.08, 0.22, 18, colors.far.mixed(colors.sky[-1], 0.3), 0.5)
    shore = geo.horizon + 0.02 * geo.unit
    water = rgb("#4b93c4").times(colors.stain).mixed(colors.sky[0], 0.2)
    sea = ScrollingStrip(0.14, shore, float(geo.height), solid=shore)
    sea.items.append(
        FilledPath(
            Path().rect(0, shore, geo.period, geo.height - shore),
            vertical_gradient(shore, geo.height, water.mixed(colors.sky[-1], 0.45), water),
        )
    )
    waves = Path()
    for x in context.spread(40, 0.5):
        waves.ellipse(x, context.rng.uniform(shore, geo.ground), 0.03 * geo.unit, 0.0025 * geo.unit)
    sea.items.append(FilledPath(waves, WHITE.alpha(0.3)))
    scenery.strips.append(sea)
    _cables(context, scenery, colors)
    top = geo.ground - 0.07 * geo.unit
    deck = ScrollingStrip(1.0, top, float(geo.height), solid=top)
    tar = rgb("#6a6f7c").times(colors.stain)
    deck.items.append(
        FilledPath(
            Path().rect(0, top, geo.period, geo.height - top),
            vertical_gradient(top, geo.height, tar.mixed(WHITE, 0.18), tar.mixed(BLACK, 0.12)),
        )
    )
    deck.items.append(FilledPath(Path().rect(0, top, geo.period, 0.02 * geo.unit), tar.mixed(WHITE, 0.4)))
    dashes = Path()
    count = max(6, round(geo.period / (0.28 * geo.unit)))
    for i in range(count):
        dashes.rect(i * geo.period / count, geo.ground + 0.06 * geo.unit, 0.5 * geo.period / count, 0.013 * geo.unit)
    deck.items.append(FilledPath(dashes, rgb("#f4e6b8").times(colors.stain)))
    scenery.strips.append(deck)


def _cables(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Towers, main cables that hang between them, hangers, and a railing."""
    geo = context.geometry
    foot, top = geo.ground - 0.06 * geo.unit, geo.ground - 0.62 * geo.unit
    strip = ScrollingStrip(0.92, top, foot + 2)
    red = rgb(context.rng.choice(("#c4503a", "#b9863c", "#5d7f98", "#7a8a94"))).times(colors.stain)
    towers, lines = Path(), Path()
    half, thin = geo.period / 2, max(1.0, 0.004 * geo.unit)
    for k in (0, 1):
        x = (k + 0.5) * half
        towers.rect(x - 0.05 * geo.unit, top, 0.024 * geo.unit, foot - top).rect(
            x + 0.03 * geo.unit, top, 0.024 * geo.unit, foot - top
        )
        for y in (top + 0.04 * geo.unit, top + 0.24 * geo.unit):
            towers.rect(x - 0.05 * geo.unit, y, 0.1 * geo.unit, 0.02 * geo.unit)
    for i in range(48):
        x = i * geo.period / 48
        part = abs((x / half + 0.5) % 1.0 - 0.5) * 2
        y = top + 0.03 * geo.unit + (1 - part) ** 2 * 0.42 * geo.unit
        after = abs(((x + geo.period / 48) / half + 0.5) % 1.0 - 0.5) * 2
        y2 = top + 0.03 * geo.unit + (1 - after) ** 2 * 0.42 * geo.unit
        lines.polygon([(x, y), (x + geo.period / 48, y2), (x + geo.period / 48, y2 + 2.2 * thin), (x, y + 2.2 * thin)])
        lines.rect(x, y, thin, foot - 0.08 * geo.unit - y)
    rail = Path().rect(0, foot - 0.09 * geo.unit, geo.period, 0.014 * geo.unit)
    for x in context.spread(max(20, round(geo.period / (0.05 * geo.unit))), 0.0):
        rail.rect(x, foot - 0.085 * geo.unit, thin, 0.085 * geo.unit)
    strip.items += [
        FilledPath(lines, red.mixed(WHITE, 0.15)),
        FilledPath(towers, vertical_gradient(top, foot, red.mixed(WHITE, 0.15), red.mixed(BLACK, 0.1))),
        FilledPath(rail, red.mixed(BLACK, 0.12)),
    ]
    scenery.strips.append(strip)


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
    geo, rng = context.geometry, context.rng
    half, top = wide / 2, foot - 0.4 * geo.unit
    wood = rgb("#a8744a").times(colors.stain)
    strip.items.append(
        FilledPath(
            Path()
            .rect(x - half * 0.94, top, 0.016 * geo.unit, foot - top)
            .rect(x + half * 0.9, top, 0.016 * geo.unit, foot - top),
            wood.mixed(BLACK, 0.2),
        )
    )
    back = rgb("#4a3a34").times(colors.stain)
    strip.items.append(
        FilledPath(
            Path().rect(x - half * 0.9, top + 0.06 * geo.unit, 1.8 * half, 0.2 * geo.unit),
            back.mixed(colors.sky[-1], 0.15),
        )
    )
    table = foot - 0.13 * geo.unit
    for k in range(5):
        px = x + (k - 2) * half * 0.36
        strip.items.append(
            Sticker(rng.choice(FRUIT), px, table + 0.01 * geo.unit, 0.075 * geo.unit, rng.random() < 0.5, colors.stain)
        )
    strip.items.append(
        FilledPath(
            Path().rect(x - half * 0.96, table, 1.92 * half, foot - table),
            vertical_gradient(table, foot, wood.mixed(WHITE, 0.15), wood.mixed(BLACK, 0.15)),
        )
    )
    cloth, color = Path(), rgb(awning).times(colors.stain)
    strip.items.append(
        FilledPath(
            Path().polygon(
                [
                    (x - half, top + 0.09 * geo.unit),
                    (x - half * 0.86, top),
                    (x + half * 0.86, top),
                    (x + half, top + 0.09 * geo.unit),
                ]
            ),
            WHITE.times(colors.stain),
        )
    )
    for k in range(4):
        a, b = -1 + 0.5 * k, -1 + 0.5 * k + 0.25
        cloth.polygon(
            [
                (x + a * half, top + 0.09 * geo.unit),
                (x + a * half * 0.86, top),
                (x + b * half * 0.86, top),
                (x + b * half, top + 0.09 * geo.unit),
            ]
        )
    for k in range(8):
        cloth.circle(x + (k - 3.5) * half / 4, top + 0.09 * geo.unit, half / 8)
    strip.items.append(FilledPath(cloth, color))
    if context.time is not Time.DAY:
        strip.items.append(glow(x, top + 0.14 * geo.unit, 0.26 * geo.unit, rgb("#ffd98a"), 0.55))


def stadium(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Stands full of people, floodlights, and a mown pitch with white lines."""
    geo, rng = context.geometry, context.rng
    clouds(context, scenery, colors, 3)
    foot = geo.ground - 0.07 * geo.unit
    strip = ScrollingStrip(0.35, foot - 0.4 * geo.unit, foot + 2, solid=foot)
    wall = rgb("#6d7f96").times(colors.stain)
    top = foot - 0.34 * geo.unit
    strip.items.append(
        FilledPath(
            Path().rect(0, top, geo.period, foot - top),
            vertical_gradient(top, foot, wall.mixed(BLACK, 0.15), wall.mixed(WHITE, 0.12)),
        )
    )
    if context.has("people"):
        for color in ("#f2f2f2", "#e5484d", "#3f8ae0", "#f4c430", "#2f3a4a"):
            crowd = Path()
            for _ in range(110):
                row = rng.randrange(7)
                crowd.circle(rng.uniform(0, geo.period), top + (0.03 + 0.04 * row) * geo.unit, 0.011 * geo.unit)
            strip.items.append(FilledPath(crowd, rgb(color).times(colors.stain)))
    strip.items.append(
        FilledPath(Path().rect(0, top - 0.03 * geo.unit, geo.period, 0.03 * geo.unit), wall.mixed(WHITE, 0.4))
    )
    strip.items.append(
        FilledPath(
            Path().rect(0, foot - 0.04 * geo.unit, geo.period, 0.045 * geo.unit), rgb("#e9edf2").times(colors.stain)
        )
    )
    for i, x in enumerate(context.spread(6, 0.1)):
        strip.items.append(
            FilledPath(
                Path().rect(x - 0.09 * geo.unit, foot - 0.035 * geo.unit, 0.18 * geo.unit, 0.03 * geo.unit),
                rgb(NEON[i % len(NEON)]).times(colors.stain),
            )
        )
    scenery.strips.append(strip)
    _floodlights(context, scenery, colors, top)
    field = ground(context, scenery, colors)
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
