"""Draws open country, the meadow and the hills, and what other places take from it."""

from wanserve.engine.animatic.color import BLACK, WHITE, Color
from wanserve.engine.animatic.drawing import FilledPath, Path, Sticker, vertical_gradient
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scenery.elements import Scenery, SceneryContext, ScrollingStrip, height_at, tuft
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.sky import clouds

FLOWERS = ("tulip", "sunflower", "blossom", "hibiscus", "cherry-blossom", "rose")


def hills(
    context: SceneryContext, scenery: Scenery, colors: Palette, depth: float, rise: float, swell: float, color: Color
) -> list[tuple[float, float]]:
    """Add a range of hills whose middle is `rise` units above the horizon. Returns its line."""
    geo = context.geometry
    line = context.ridge(geo.horizon - rise * geo.unit, swell * geo.unit, (2, 3, 5))
    top = min(y for _, y in line)
    strip = ScrollingStrip(depth, top, float(geo.height), solid=max(y for _, y in line))
    shade = color.mixed(colors.sky[-1], 0.35)
    strip.items.append(FilledPath(Path().ridge(line, geo.height), vertical_gradient(top, geo.ground, color, shade)))
    scenery.strips.append(strip)
    return line


def floor(geometry: Geometry, top: float, far: Color, near: Color) -> FilledPath:
    """Level ground from y = `top` down, from the colour far away to the one near by."""
    path = Path().rect(0, top, geometry.period, geometry.height - top)
    return FilledPath(path, vertical_gradient(top, geometry.height, far, near))


def ground(context: SceneryContext, scenery: Scenery, colors: Palette) -> ScrollingStrip:
    """Add the ground on which the subjects stand. Returns its strip, for what grows on it."""
    geo = context.geometry
    line = context.ridge(geo.ground - 0.09 * geo.unit, 0.012 * geo.unit, (2, 5))
    strip = ScrollingStrip(
        1.0, min(y for _, y in line) - 0.03 * geo.unit, float(geo.height), solid=max(y for _, y in line) + 1
    )
    lit, dark = colors.near.mixed(WHITE, 0.08), colors.near.mixed(BLACK, 0.1).mixed(colors.front, 0.6)
    strip.items.append(
        FilledPath(
            Path().ridge(line, geo.height), vertical_gradient(geo.ground - 0.1 * geo.unit, geo.height, lit, dark)
        )
    )
    scenery.strips.append(strip)
    return strip


def grass(context: SceneryContext, strip: ScrollingStrip, colors: Palette, count: int = 70) -> None:
    """Add tufts all over the ground, larger towards the front."""
    if not context.has("grass"):
        return
    geo, rng = context.geometry, context.rng
    for shade, part in ((colors.near.brightened(0.86), 0.5), (colors.near.brightened(1.14), 0.5)):
        path = Path()
        for x in context.spread(int(count * part), 0.5):
            near = rng.random()
            y = geo.ground - 0.07 * geo.unit + near * 0.2 * geo.unit
            path.add(tuft(x, y, geo.unit * (0.012 + 0.02 * near), rng.uniform(-0.4, 0.4)))
        strip.items.append(FilledPath(path, shade))


def flowers(context: SceneryContext, strip: ScrollingStrip, colors: Palette, count: int = 26) -> None:
    """Add flowers in the grass, from far to near."""
    if not context.has("flowers"):
        return
    geo, rng = context.geometry, context.rng
    spots = sorted((rng.random(), x) for x in context.spread(count, 0.5))
    for near, x in spots:
        y = geo.ground - 0.06 * geo.unit + near * 0.19 * geo.unit
        size = geo.unit * (0.035 + 0.035 * near)
        strip.items.append(Sticker(rng.choice(FLOWERS), x, y, size, rng.random() < 0.5, colors.stain))


def trees_on(
    context: SceneryContext,
    scenery: Scenery,
    colors: Palette,
    line: list[tuple[float, float]],
    names: tuple[str, ...],
    count: int,
    size: float,
) -> None:
    """Add trees along the ridge of the last strip."""
    if not context.has("trees"):
        return
    strip, geo = scenery.strips[-1], context.geometry
    for x in context.spread(count):
        tall = context.around(size * geo.unit, 0.3)
        y = height_at(line, x) + tall * 0.08
        strip.top = min(strip.top, y - tall * 1.05)
        stain = colors.stain.mixed(colors.far, 0.35 * (1 - strip.depth))
        strip.items.insert(0, Sticker(context.rng.choice(names), x, y, tall, context.rng.random() < 0.5, stain))


def front_grass(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Add tall, dark blades at the very front."""
    if not context.has("grass"):
        return
    geo, rng = context.geometry, context.rng
    strip = ScrollingStrip(1.7, geo.height - 0.1 * geo.unit, float(geo.height))
    path = Path()
    for x in context.spread(16, 0.5):
        path.add(tuft(x, geo.height + 0.01 * geo.unit, geo.unit * rng.uniform(0.04, 0.085), rng.uniform(-0.4, 0.4)))
    strip.items.append(FilledPath(path, colors.front.brightened(0.62)))
    scenery.strips.append(strip)


def meadow(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Green hills with a few trees, grass and flowers."""
    clouds(context, scenery, colors)
    hills(context, scenery, colors, 0.12, 0.1, 0.05, colors.far)
    line = hills(context, scenery, colors, 0.3, 0.02, 0.035, colors.middle)
    trees_on(context, scenery, colors, line, ("deciduous-tree",), 7, 0.16)
    strip = ground(context, scenery, colors)
    grass(context, strip, colors)
    flowers(context, strip, colors)
    front_grass(context, scenery, colors)


def rolling_hills(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Hills with a few trees on them."""
    clouds(context, scenery, colors, 7, 0.004)
    hills(context, scenery, colors, 0.1, 0.09, 0.05, colors.far)
    line = hills(context, scenery, colors, 0.28, 0.02, 0.035, colors.middle)
    trees_on(context, scenery, colors, line, ("deciduous-tree",), 6, 0.15)
    strip = ground(context, scenery, colors)
    grass(context, strip, colors)
    front_grass(context, scenery, colors)
