"""Draws the wilderness: forest, snow, desert, mountains."""

import itertools

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import FilledPath, Linear, Path, Point, Sticker, Stop, vertical_gradient
from wanserve.engine.animatic.scene import Time
from wanserve.engine.animatic.scenery.elements import Scenery, SceneryContext, ScrollingStrip, SwayingShape
from wanserve.engine.animatic.scenery.land import flowers, front_grass, grass, ground, hills, trees_on
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.sky import clouds


def forest(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Rows of trees that pale into the distance, near trunks, mushrooms and herbs, shafts of light."""
    hills(context, scenery, colors, 0.08, 0.16, 0.04, colors.far.mixed(colors.sky[-1], 0.3))
    _rank(context, scenery, colors, 0.14, 0.06, 0.26, 20, 0.62)
    _rank(context, scenery, colors, 0.3, 0.0, 0.36, 14, 0.36)
    _rank(context, scenery, colors, 0.55, -0.05, 0.52, 8, 0.12)
    if context.time is not Time.NIGHT and colors.veil < 0.3:
        _shafts(context, scenery, colors)
    strip = ground(context, scenery, colors)
    grass(context, strip, colors, 60)
    if context.has("trees"):
        _undergrowth(context, strip, colors)
    front_grass(context, scenery, colors)


def _rank(
    context: SceneryContext,
    scenery: Scenery,
    colors: Palette,
    depth: float,
    rise: float,
    size: float,
    count: int,
    haze: float,
) -> None:
    """Add a row of trees on its own ground. `haze`, 0.0 to 1.0, mixes in the colour of the air."""
    land = colors.middle.mixed(colors.far, haze)
    line = hills(context, scenery, colors, depth, rise, 0.012, land)
    if not context.has("trees"):
        return
    strip, geo, rng = scenery.strips[-1], context.geometry, context.rng
    stain = colors.stain.mixed(colors.far.mixed(colors.sky[-1], 0.3), haze * 0.9)
    for x in context.spread(count, 0.45):
        tall = context.around(size * geo.unit, 0.22)
        y = min(p[1] for p in line) + 0.03 * geo.unit
        strip.top = min(strip.top, y - tall * 1.02)
        name = "evergreen-tree" if rng.random() < 0.6 else "deciduous-tree"
        strip.items.append(Sticker(name, x, y, tall, rng.random() < 0.5, stain))


def _shafts(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Add slanting shafts of light that sway."""
    geo, rng = context.geometry, context.rng
    side = rng.choice((-1, 1))
    warm = rgb("#fff3c0") if context.time is Time.DAY else rgb("#ffb870")
    for _ in range(3):
        x, wide = geo.width * rng.uniform(0.05, 0.95), geo.unit * rng.uniform(0.05, 0.13)
        foot, top = geo.ground, -0.05 * geo.unit
        slant = side * 0.42 * geo.unit
        path = Path().polygon(
            [(x, top), (x + wide, top), (x + wide * 1.7 - slant, foot), (x - wide * 0.7 - slant, foot)]
        )
        fill = Linear((x, top), (x - slant, foot), (Stop(0, warm.alpha(0.34)), Stop(1, warm.alpha(0.0))))
        scenery.swaying_shapes.append(
            SwayingShape(FilledPath(path, fill), x, top, 0.035, rng.uniform(0.07, 0.14), rng.random(), 0.05)
        )


def _undergrowth(context: SceneryContext, strip: ScrollingStrip, colors: Palette) -> None:
    geo, rng = context.geometry, context.rng
    for near, x in sorted((rng.random(), x) for x in context.spread(12, 0.5)):
        y = geo.ground - 0.065 * geo.unit + near * 0.18 * geo.unit
        name = rng.choice(("mushroom", "herb", "seedling", "mushroom", "four-leaf-clover"))
        strip.items.append(Sticker(name, x, y, geo.unit * (0.035 + 0.035 * near), rng.random() < 0.5, colors.stain))


def snow(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """White hills, snowy firs, glittering snow drifts."""
    clouds(context, scenery, colors, 5, 0.004)
    if context.has("mountains"):
        peaks(context, scenery, colors, 0.08, 0.46, 7, colors.far, 0.8)
    line = hills(context, scenery, colors, 0.22, 0.05, 0.03, colors.middle)
    _firs(context, scenery, colors, line, 12, 0.15)
    line = hills(context, scenery, colors, 0.45, -0.03, 0.025, colors.middle.mixed(colors.near, 0.5))
    _firs(context, scenery, colors, line, 6, 0.26)
    strip = ground(context, scenery, colors)
    geo, rng = context.geometry, context.rng
    for x in context.spread(9, 0.5):
        y = geo.ground + geo.unit * rng.uniform(-0.05, 0.12)
        wide = geo.unit * rng.uniform(0.1, 0.22)
        strip.items.append(
            FilledPath(Path().ellipse(x, y, wide, wide * 0.09), colors.front.mixed(colors.accent, 0.25).alpha(0.5))
        )
    sparkle = Path()
    for x in context.spread(46, 0.5):
        sparkle.circle(x, geo.ground + geo.unit * rng.uniform(-0.07, 0.13), geo.unit * rng.uniform(0.0008, 0.002))
    strip.items.append(FilledPath(sparkle, WHITE.alpha(0.9)))


def _firs(
    context: SceneryContext, scenery: Scenery, colors: Palette, line: list[Point], count: int, size: float
) -> None:
    """Add fir trees with snow on their branches."""
    before = len(scenery.strips[-1].items)
    trees_on(context, scenery, colors, line, ("evergreen-tree",), count, size)
    strip = scenery.strips[-1]
    for tree in [i for i in strip.items if isinstance(i, Sticker)][: len(strip.items) - before]:
        white, h = colors.near.alpha(0.92), tree.height
        caps = Path()
        for up, wide in ((0.97, 0.1), (0.72, 0.17), (0.5, 0.22), (0.3, 0.26)):
            y = tree.y - up * h
            caps.move(tree.x, y - 0.05 * h).curve(
                (tree.x + 0.3 * wide * h, y), (tree.x + wide * h, y + 0.1 * h), (tree.x + wide * h, y + 0.11 * h)
            )
            caps.curve(
                (tree.x + 0.4 * wide * h, y + 0.08 * h),
                (tree.x - 0.4 * wide * h, y + 0.08 * h),
                (tree.x - wide * h, y + 0.11 * h),
            )
            caps.curve((tree.x - wide * h, y + 0.1 * h), (tree.x - 0.3 * wide * h, y), (tree.x, y - 0.05 * h)).close()
        strip.items.insert(strip.items.index(tree) + 1, FilledPath(caps, white))


def peaks(
    context: SceneryContext,
    scenery: Scenery,
    colors: Palette,
    depth: float,
    tall: float,
    count: int,
    color: Color,
    snowy: float,
) -> None:
    """Add a range of pointed mountains, each with a lit and a shaded face. The upper fraction `snowy` has snow."""
    geo, rng = context.geometry, context.rng
    foot = geo.horizon + 0.05 * geo.unit
    strip = ScrollingStrip(depth, foot, float(geo.height), solid=foot)
    side = 1 if scenery.light.from_x > 0 else -1
    lit, dark = color.mixed(WHITE, 0.12), color.mixed(BLACK, 0.16).mixed(colors.sky[0], 0.15)
    snow_lit = WHITE.times(colors.stain).mixed(color, 0.06)
    for x in sorted(context.spread(count, 0.4), key=lambda _: rng.random()):
        h = context.around(tall * geo.unit, 0.32)
        wide = h * rng.uniform(0.75, 1.05)
        top = foot - h
        strip.top = min(strip.top, top)
        ridge = [(x, top), (x + 0.07 * wide, top + 0.3 * h), (x - 0.05 * wide, top + 0.6 * h), (x + 0.04 * wide, foot)]
        strip.items.append(
            FilledPath(
                Path().polygon([(x - wide, foot), (x, top), (x + wide, foot)]),
                vertical_gradient(top, foot, lit, lit.mixed(colors.sky[-1], 0.5)),
            )
        )
        flank = [*ridge, (x + side * -wide, foot)]
        strip.items.append(
            FilledPath(Path().polygon(flank), vertical_gradient(top, foot, dark, dark.mixed(colors.sky[-1], 0.5)))
        )
        _cap(strip, x, top, wide, h, snowy * rng.uniform(0.3, 0.5), snow_lit)
    strip.items.append(
        FilledPath(Path().rect(0, foot - 1, geo.period, geo.height - foot + 1), color.mixed(colors.sky[-1], 0.5))
    )
    scenery.strips.append(strip)


def _cap(strip: ScrollingStrip, x: float, top: float, wide: float, h: float, part: float, white: Color) -> None:
    """Add the snow on one peak, with a zigzag lower edge."""
    if part < 0.1:
        return
    y, w = top + part * h, part * wide
    edge = [
        (x + w, y),
        (x + 0.55 * w, y - 0.1 * h * part),
        (x + 0.3 * w, y + 0.16 * h * part),
        (x, y - 0.12 * h * part),
    ]
    edge += [(x - 0.32 * w, y + 0.14 * h * part), (x - 0.6 * w, y - 0.12 * h * part), (x - w, y)]
    strip.items.append(FilledPath(Path().polygon([(x, top), *edge]), white.alpha(0.94)))


def mountains(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Two ranges with snow, firs on the foothills, an alpine meadow."""
    clouds(context, scenery, colors, 6)
    if context.has("mountains"):
        peaks(context, scenery, colors, 0.06, 0.46, 6, colors.far, 1.0)
        peaks(context, scenery, colors, 0.13, 0.26, 8, colors.middle, 0.5)
    line = hills(context, scenery, colors, 0.3, 0.01, 0.03, colors.near.mixed(colors.middle, 0.4))
    trees_on(context, scenery, colors, line, ("evergreen-tree",), 13, 0.14)
    strip = ground(context, scenery, colors)
    grass(context, strip, colors, 60)
    flowers(context, strip, colors, 10)
    front_grass(context, scenery, colors)


def desert(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Table mountains, dunes with a sharp shaded side, cacti and rocks."""
    clouds(context, scenery, colors, 2, 0.003)
    geo, rng = context.geometry, context.rng
    if context.has("mountains"):
        _mesas(context, scenery, colors)
    for depth, rise, swell, color in ((0.12, 0.04, 0.05, colors.far), (0.32, -0.03, 0.05, colors.middle)):
        line = hills(context, scenery, colors, depth, rise, swell, color)
        _lee(scenery.strips[-1], line, color.mixed(BLACK, 0.14).alpha(0.55), geo.height)
    if context.has("trees"):
        for x in context.spread(5, 0.4):
            tall = context.around(0.17 * geo.unit, 0.3)
            strip = scenery.strips[-1]
            y = geo.horizon + 0.1 * geo.unit
            strip.top = min(strip.top, y - tall)
            strip.items.append(Sticker("cactus", x, y, tall, rng.random() < 0.5, colors.stain))
    strip = ground(context, scenery, colors)
    for x in context.spread(12, 0.5):
        y, wide = geo.ground + geo.unit * rng.uniform(-0.04, 0.12), geo.unit * rng.uniform(0.1, 0.3)
        strip.items.append(
            FilledPath(Path().ellipse(x, y, wide, wide * 0.03), colors.front.mixed(BLACK, 0.06).alpha(0.55))
        )
    if context.has("rocks"):
        for x in context.spread(5, 0.5):
            y = geo.ground + geo.unit * rng.uniform(-0.05, 0.11)
            strip.items.append(
                Sticker(
                    "rock",
                    x,
                    y,
                    geo.unit * rng.uniform(0.02, 0.05),
                    rng.random() < 0.5,
                    colors.stain.mixed(colors.near, 0.3),
                )
            )


def _mesas(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    geo, rng = context.geometry, context.rng
    foot = geo.horizon + 0.06 * geo.unit
    strip = ScrollingStrip(0.06, foot, foot)
    color = colors.middle.mixed(rgb("#c2603a").times(colors.stain), 0.45).mixed(colors.sky[-1], 0.25)
    for x in context.spread(4, 0.4):
        h, w = geo.unit * rng.uniform(0.1, 0.22), geo.unit * rng.uniform(0.1, 0.24)
        top = foot - h
        strip.top = min(strip.top, top)
        outline = [
            (x - w * 1.25, foot),
            (x - w * 0.95, top + h * 0.5),
            (x - w * 0.86, top),
            (x + w * 0.8, top),
            (x + w * 0.9, top + h * 0.45),
        ]
        strip.items.append(
            FilledPath(
                Path().polygon([*outline, (x + w * 1.25, foot)]),
                vertical_gradient(top, foot, color, color.mixed(colors.sky[-1], 0.45)),
            )
        )
        for k in (0.16, 0.4):
            strip.items.append(
                FilledPath(
                    Path().rect(x - w * 0.86, top + h * k, w * 1.68, h * 0.06), color.mixed(BLACK, 0.15).alpha(0.5)
                )
            )
    scenery.strips.append(strip)


def _lee(strip: ScrollingStrip, line: list[Point], color: Color, floor: float) -> None:
    """Shade the side of each dune that falls to the right."""
    falling = [(a, b) for a, b in itertools.pairwise(line) if b[1] > a[1]]
    path = Path()
    for (x0, y0), (x1, y1) in falling:
        path.polygon([(x0, y0), (x1, y1), (x1 + 0.5, y1 + (floor - y1) * 0.25), (x0, y0 + (floor - y0) * 0.25)])
    strip.items.append(
        FilledPath(
            path,
            Linear(
                (0, min(y for _, y in line)),
                (0, floor),
                (Stop(0, color), Stop(0.5, color.alpha(0.0)), Stop(1, color.alpha(0.0))),
            ),
        )
    )
