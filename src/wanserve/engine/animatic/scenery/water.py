"""Draws water: the beach, the open sea, and the world under water."""

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import FilledPath, Linear, Path, Sticker, Stop, vertical_gradient
from wanserve.engine.animatic.scene import Time
from wanserve.engine.animatic.scenery.elements import Glint, Scenery, SceneryContext, ScrollingStrip, SwayingShape
from wanserve.engine.animatic.scenery.land import ground
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.sky import clouds


def beach(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Sea to the horizon, surf, sand with palms; for boats the open sea alone."""
    geo = context.geometry
    clouds(context, scenery, colors, 6)
    shine = {Time.DAY: WHITE, Time.SUNSET: rgb("#ffd9a0"), Time.NIGHT: rgb("#c4d4ff")}[context.time]
    line = geo.horizon - 0.02 * geo.unit
    part = 0.35 if context.time is Time.DAY else 0.62
    deep = colors.middle.mixed(colors.sky[0], part)
    sea = vertical_gradient(line, geo.height, colors.far.mixed(colors.sky[-1], part), deep, deep.mixed(BLACK, 0.12))
    scenery.base.append(FilledPath(Path().rect(0, line, geo.width, geo.height - line), sea))
    scenery.glint_color = shine.alpha(0.5)
    floor = geo.height if context.afloat else geo.ground - 0.06 * geo.unit
    for _ in range(34):
        y = line + (floor - line) * context.rng.random() ** 1.3
        near = (y - line) / (geo.height - line)
        scenery.glints.append(
            Glint(geo.width * context.rng.random(), y, geo.unit * (0.02 + 0.11 * near), context.rng.random())
        )
    if context.has("mountains", "trees"):
        _islands(context, scenery, colors, line)
    if context.afloat:
        scenery.floor, scenery.water = geo.horizon + 0.24 * geo.unit, True
        _swell(context, scenery, colors, 0.7, geo.horizon + 0.1 * geo.unit, 0.08, 0.7)
        _swell(context, scenery, colors, 1.25, scenery.floor - 0.012 * geo.unit, 0.13, 0.85)
        scenery.shadow = 0.0
        return
    _surf(context, scenery, colors)
    strip = ground(context, scenery, colors)
    _sand(context, strip, colors)
    if context.has("trees"):
        _palms(context, scenery, strip, colors)


def _islands(context: SceneryContext, scenery: Scenery, colors: Palette, line: float) -> None:
    geo, rng = context.geometry, context.rng
    strip = ScrollingStrip(0.05, line, line + 1)
    color = colors.far.mixed(rgb("#4f8f6a").times(colors.stain), 0.45).mixed(colors.sky[-1], 0.35)
    for x in context.spread(2, 0.4):
        wide, tall = geo.unit * rng.uniform(0.14, 0.26), geo.unit * rng.uniform(0.03, 0.075)
        strip.top = min(strip.top, line - tall * 1.3)
        points = [
            (x - wide, line),
            (x - wide * 0.4, line - tall * 0.8),
            (x, line - tall),
            (x + wide * 0.45, line - tall * 0.5),
            (x + wide, line),
        ]
        strip.items.append(FilledPath(Path().ridge(points, line + 1), color))
    scenery.strips.append(strip)


def _swell(
    context: SceneryContext, scenery: Scenery, colors: Palette, depth: float, y: float, drift: float, alpha: float
) -> None:
    """A rolling wave across the whole frame, from its crest down."""
    geo = context.geometry
    crest = context.ridge(y, 0.011 * geo.unit, (7, 12), 120)
    strip = ScrollingStrip(depth, y - 0.03 * geo.unit, float(geo.height), drift=drift * 0.3)
    part = 0.2 if context.time is Time.DAY else 0.5
    lit = colors.far.mixed(colors.sky[-1], part).mixed(WHITE, 0.1).alpha(alpha)
    deep = colors.middle.mixed(colors.sky[0], part)
    fill = vertical_gradient(
        y - 0.02 * geo.unit, geo.height, lit, deep.alpha(alpha), deep.mixed(BLACK, 0.2).alpha(min(1.0, alpha + 0.1))
    )
    strip.items.append(FilledPath(Path().ridge(crest, geo.height), fill))
    foam = Path().ridge(crest, geo.height)
    under = [(x, cy + 0.008 * geo.unit) for x, cy in crest]
    strip.items.insert(0, FilledPath(foam, WHITE.times(colors.stain).alpha(0.8)))
    strip.items[1] = FilledPath(Path().ridge(under, geo.height), Linear((0, y), (0, geo.height), fill.stops))
    scenery.strips.append(strip)


def _surf(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Two lines of foam before the sand; the nearer one comes and goes."""
    geo = context.geometry
    white = WHITE.times(colors.stain)
    for rise, alpha, pace in ((0.115, 0.55, 0.16), (0.088, 0.95, 0.22)):
        y = geo.ground - rise * geo.unit
        crest = context.ridge(y, 0.006 * geo.unit, (5, 11), 96)
        wet = FilledPath(Path().ridge(crest, geo.height), white.alpha(alpha))
        shallow = FilledPath(
            Path().ridge([(x, cy + 0.012 * geo.unit) for x, cy in crest], geo.height),
            colors.far.mixed(colors.sky[-1], 0.2 if context.time is Time.DAY else 0.5).mixed(WHITE, 0.2).alpha(0.9),
        )
        strip = ScrollingStrip(0.8, y - 0.03 * geo.unit, float(geo.height), [wet, shallow], drift=0.02 * pace)
        scenery.strips.append(strip)


def _sand(context: SceneryContext, strip: ScrollingStrip, colors: Palette) -> None:
    geo, rng = context.geometry, context.rng
    dots = Path()
    for x in context.spread(90, 0.5):
        dots.circle(x, geo.ground + geo.unit * rng.uniform(-0.07, 0.135), geo.unit * rng.uniform(0.001, 0.003))
    strip.items.append(FilledPath(dots, colors.front.mixed(BLACK, 0.12)))
    for x in context.spread(5, 0.5):
        y = geo.ground + geo.unit * rng.uniform(-0.02, 0.11)
        strip.items.append(
            Sticker("spiral-shell", x, y, geo.unit * rng.uniform(0.025, 0.045), rng.random() < 0.5, colors.stain)
        )


def _palms(context: SceneryContext, scenery: Scenery, strip: ScrollingStrip, colors: Palette) -> None:
    """Palms at the back of the beach, in a strip of their own that moves almost with the ground."""
    geo, rng = context.geometry, context.rng
    foot = geo.ground - 0.05 * geo.unit
    grove = ScrollingStrip(0.92, foot, foot + 2)
    for x in context.spread(3, 0.3):
        tall = geo.unit * rng.uniform(0.42, 0.62)
        grove.top = min(grove.top, foot - tall)
        grove.items.append(Sticker("palm-tree", x, foot, tall, rng.random() < 0.5, colors.stain))
    scenery.strips.append(grove)


def underwater(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Blue water with rays of light, reefs, weeds that sway, corals on the sand."""
    geo, rng = context.geometry, context.rng
    _rays(context, scenery)
    for depth, rise, mix in ((0.1, 0.1, 0.3), (0.28, 0.0, 0.62)):
        line = context.ridge(geo.horizon - rise * geo.unit, 0.07 * geo.unit, (2, 5, 9))
        top = min(y for _, y in line)
        color = colors.middle.mixed(colors.sky[-1], 1 - mix).mixed(BLACK, 0.12 * mix)
        strip = ScrollingStrip(depth, top, float(geo.height), solid=max(y for _, y in line))
        strip.items.append(
            FilledPath(
                Path().ridge(line, geo.height), vertical_gradient(top, geo.height, color, color.mixed(BLACK, 0.12))
            )
        )
        scenery.strips.append(strip)
    if "fish" not in context.without:
        _shoal(context, scenery, colors)
    strip = ground(context, scenery, colors)
    strip.items[0] = FilledPath(
        _outline(strip),
        vertical_gradient(
            strip.top, geo.height, colors.near.mixed(colors.sky[1], 0.3), colors.near.mixed(colors.sky[-1], 0.45)
        ),
    )
    if context.has("trees"):
        for x in context.spread(8, 0.45):
            _weed(context, scenery, x, geo.ground - geo.unit * rng.uniform(-0.03, 0.05), colors)
    corals = [(rng.random(), x) for x in context.spread(8, 0.45)]
    for near, x in sorted(corals):
        y = geo.ground - 0.045 * geo.unit + near * 0.17 * geo.unit
        name = rng.choice(("coral", "coral", "spiral-shell", "rock"))
        size = geo.unit * (0.05 + 0.06 * near) * (1.0 if name == "coral" else 0.55)
        strip.items.append(Sticker(name, x, y, size, rng.random() < 0.5, colors.stain.times(Color(190, 222, 245))))
    scenery.shadow = 0.26


def _outline(strip: ScrollingStrip) -> Path:
    first = strip.items[0]
    return first.path if isinstance(first, FilledPath) else Path()


def _rays(context: SceneryContext, scenery: Scenery) -> None:
    geo, rng = context.geometry, context.rng
    light = rgb("#dff8ff") if context.time is not Time.NIGHT else rgb("#9fc0ff")
    for k in range(4):
        x, wide = geo.width * (0.14 + 0.24 * k + rng.uniform(-0.09, 0.09)), geo.unit * rng.uniform(0.04, 0.09)
        foot = geo.height * rng.uniform(0.55, 0.8)
        path = Path().polygon(
            [(x - wide * 0.4, -20), (x + wide * 0.4, -20), (x + wide * 1.5, foot), (x - wide * 1.5, foot)]
        )
        fill = Linear((0, 0), (0, foot), (Stop(0, light.alpha(0.3)), Stop(1, light.alpha(0.0))))
        scenery.swaying_shapes.append(
            SwayingShape(FilledPath(path, fill), x, -20.0, 0.09, rng.uniform(0.06, 0.13), rng.random(), 0.0)
        )


def _weed(context: SceneryContext, scenery: Scenery, x: float, y: float, colors: Palette) -> None:
    geo, rng = context.geometry, context.rng
    color = (
        rgb(rng.choice(("#2f9e6a", "#49b37a", "#7fb24a", "#c2577a"))).times(Color(150, 205, 225)).times(colors.stain)
    )
    for k in range(rng.randint(2, 4)):
        tall, foot = geo.unit * rng.uniform(0.1, 0.24), x + k * 0.02 * geo.unit
        w, bend = geo.unit * 0.011, tall * rng.uniform(-0.18, 0.18)
        path = (
            Path()
            .move(foot - w, y)
            .curve((foot - w + bend, y - tall * 0.3), (foot - w - bend, y - tall * 0.7), (foot, y - tall))
        )
        path.curve((foot + w - bend, y - tall * 0.7), (foot + w + bend, y - tall * 0.3), (foot + w, y)).close()
        fill = vertical_gradient(y - tall, y, color.mixed(WHITE, 0.15), color.mixed(BLACK, 0.2))
        scenery.swaying_shapes.append(
            SwayingShape(FilledPath(path, fill), foot, y, 0.16, 0.22, rng.random() * 0.3 + x / geo.width, 1.0)
        )


def _shoal(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Small fish far away that swim in one direction."""
    geo, rng = context.geometry, context.rng
    way = rng.choice((-1, 1))
    strip = ScrollingStrip(0.2, geo.height, 0.0, drift=way * 0.018)
    stain = colors.sky[1].mixed(WHITE, 0.15)
    for x in context.spread(7, 0.5):
        y, size = geo.height * rng.uniform(0.2, 0.62), geo.unit * rng.uniform(0.02, 0.04)
        strip.top, strip.bottom = min(strip.top, y - size), max(strip.bottom, y + 2)
        strip.items.append(Sticker("fish", x, y, size, way > 0, stain))
    scenery.strips.append(strip)
