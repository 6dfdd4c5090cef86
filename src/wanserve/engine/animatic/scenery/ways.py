"""Draws ways: a country road, a railway with its platform, a bridge over water."""

from wanserve.engine.animatic.color import BLACK, WHITE, rgb
from wanserve.engine.animatic.drawing import FilledPath, Path, Sticker, vertical_gradient
from wanserve.engine.animatic.scenery.built import skyline
from wanserve.engine.animatic.scenery.elements import Scenery, SceneryContext, ScrollingStrip
from wanserve.engine.animatic.scenery.land import floor, grass, ground, hills, trees_on
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.sky import clouds


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
    strip.items.append(floor(geo, top, tar.mixed(WHITE, 0.12), tar.mixed(BLACK, 0.2)))
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
    """A track, a platform's roof behind it, hills."""
    clouds(context, scenery, colors, 5)
    hills(context, scenery, colors, 0.1, 0.1, 0.05, colors.far)
    line = hills(context, scenery, colors, 0.28, 0.01, 0.03, colors.middle)
    trees_on(context, scenery, colors, line, ("evergreen-tree", "deciduous-tree"), 8, 0.13)
    if context.has("buildings"):
        _platform(context, scenery, colors)
    lay_track(context, ground(context, scenery, colors), colors)


def lay_track(context: SceneryContext, strip: ScrollingStrip, colors: Palette) -> None:
    """Rails on sleepers and ballast, along a strip of ground."""
    geo = context.geometry
    top = geo.ground - 0.045 * geo.unit
    stone = rgb("#a49a8e").times(colors.stain)
    strip.items.append(floor(geo, top, stone.mixed(WHITE, 0.08), stone.mixed(BLACK, 0.2)))
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
    deck.items.append(floor(geo, top, tar.mixed(WHITE, 0.18), tar.mixed(BLACK, 0.12)))
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
