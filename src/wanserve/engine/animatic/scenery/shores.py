"""Draws fresh water and built shores: lake, river, waterfall, harbour, swimming pool."""

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import FilledPath, Path, Sticker, vertical_gradient
from wanserve.engine.animatic.scene import Time
from wanserve.engine.animatic.scenery.elements import (
    Glint,
    Scenery,
    SceneryContext,
    ScrollingStrip,
    SwayingShape,
)
from wanserve.engine.animatic.scenery.land import floor, flowers, front_grass, grass, ground, hills, trees_on
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.sky import clouds
from wanserve.engine.animatic.scenery.wild import peaks

SHINE = {Time.DAY: WHITE, Time.SUNSET: rgb("#ffd9a0"), Time.NIGHT: rgb("#c4d4ff")}


def lake(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """A lake among hills that mirrors the sky, with a wooded shore, reeds and lilies; for swimmers the water itself."""
    geo = context.geometry
    clouds(context, scenery, colors, 5)
    if context.rng.random() < 0.5 and context.has("mountains"):
        peaks(context, scenery, colors, 0.05, 0.3, 6, colors.far, 0.8)
    line = hills(context, scenery, colors, 0.12, 0.06, 0.04, colors.middle)
    trees_on(context, scenery, colors, line, ("evergreen-tree", "deciduous-tree"), 12, 0.12)
    shore = geo.horizon + 0.01 * geo.unit
    _water(context, scenery, colors, shore, 0.3, mirrored=True)
    if context.afloat:
        _afloat(context, scenery, colors)
        return
    _bank(context, scenery, colors)


def river(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """A river that flows by between a far bank with trees and the near one; for boats the river itself."""
    geo = context.geometry
    clouds(context, scenery, colors, 5)
    hills(context, scenery, colors, 0.1, 0.1, 0.05, colors.far)
    line = hills(context, scenery, colors, 0.26, 0.04, 0.02, colors.middle)
    trees_on(context, scenery, colors, line, ("deciduous-tree",), 10, 0.17)
    shore = geo.horizon + 0.05 * geo.unit
    _water(context, scenery, colors, shore, 0.5, mirrored=True)
    way = context.rng.choice((-1, 1))
    for depth, y, alpha in ((0.5, shore + 0.03 * geo.unit, 0.4), (0.7, shore + 0.075 * geo.unit, 0.5)):
        strip = ScrollingStrip(depth, y - 0.01 * geo.unit, y + 0.02 * geo.unit, drift=0.05 * way)
        ripples = Path()
        for x in context.spread(16, 0.5):
            ripples.ellipse(x, y, geo.unit * context.rng.uniform(0.03, 0.09), 0.0035 * geo.unit)
        strip.items.append(FilledPath(ripples, SHINE[context.time].alpha(alpha)))
        scenery.strips.append(strip)
    if context.afloat:
        _afloat(context, scenery, colors)
        return
    _bank(context, scenery, colors)


def waterfall(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Cliffs from which water falls into a pool, with spray at its foot and woods above."""
    geo, rng = context.geometry, context.rng
    clouds(context, scenery, colors, 4)
    hills(context, scenery, colors, 0.08, 0.2, 0.05, colors.far)
    shore = geo.horizon + 0.06 * geo.unit
    top = geo.horizon - 0.5 * geo.unit
    strip = ScrollingStrip(0.3, top - 0.2 * geo.unit, float(geo.height), solid=shore)
    rock = rgb("#8a7f78").times(colors.stain).mixed(colors.sky[-1], 0.15)
    fall_x, half = 0.5 * geo.width, 0.13 * geo.unit
    for side in (-1, 1):
        near, far = fall_x + side * half, fall_x + side * 0.72 * geo.width
        _cliff(context, strip, rock, (near, far), (top, shore), side)
        if context.has("trees"):
            _cliff_trees(context, strip, colors, near, top, side)
    foam = WHITE.times(colors.stain.mixed(WHITE, 0.4))
    water = rgb("#8fd0ee").times(colors.stain)
    brink = top + 0.05 * geo.unit
    fall = Path().polygon(
        [(fall_x - half, brink), (fall_x + half, brink), (fall_x + half * 1.15, shore), (fall_x - half * 1.15, shore)]
    )
    strip.items.append(FilledPath(fall, vertical_gradient(top, shore, water.mixed(foam, 0.5), foam)))
    scenery.strips.append(strip)
    scenery.swaying_shapes += _falling(context, fall_x, half, brink, shore)
    _water(context, scenery, colors, shore, 0.4, mirrored=False)
    for _ in range(3):
        x = fall_x + half * rng.uniform(-1, 1)
        spray = FilledPath(Path().ellipse(x, shore, half * 0.9, 0.06 * geo.unit), foam.alpha(0.5))
        scenery.swaying_shapes.append(SwayingShape(spray, x, shore + 0.3 * geo.unit, 0.03, 0.3, rng.random(), 0.3))
    if context.afloat:
        _afloat(context, scenery, colors)
        return
    _bank(context, scenery, colors)


def _cliff(
    context: SceneryContext,
    strip: ScrollingStrip,
    rock: Color,
    x: tuple[float, float],
    y: tuple[float, float],
    side: int,
) -> None:
    """Add a cliff beside a waterfall: from the water to its far end in `x`, from its top to the shore in `y`."""
    unit, rng = context.geometry.unit, context.rng
    (near, far), (top, shore) = x, y
    brow = near + side * 0.1 * unit
    outline = [(near, shore), (near + side * 0.02 * unit, top + 0.05 * unit), (brow, top)]
    steps = 5
    for k in range(1, steps + 1):
        at = brow + (far - near) * k / steps
        outline.append((at, top + unit * (0.05 * k + rng.uniform(-0.03, 0.03))))
    outline.append((far, shore))
    fill = vertical_gradient(top, shore, rock.mixed(WHITE, 0.16), rock.mixed(BLACK, 0.3))
    strip.items.append(FilledPath(Path().polygon(outline), fill))
    cracks = Path()
    for _ in range(9):
        cx, cy = rng.uniform(min(near, far), max(near, far)), rng.uniform(top + 0.12 * unit, shore)
        corners = ((0.0, 0.0), (0.1, 0.012), (0.09, 0.02), (-0.01, 0.012))
        cracks.polygon([(cx + dx * unit, cy + dy * unit) for dx, dy in corners])
    strip.items.append(FilledPath(cracks, rock.mixed(BLACK, 0.35).alpha(0.5)))


def _cliff_trees(
    context: SceneryContext, strip: ScrollingStrip, colors: Palette, near: float, top: float, side: int
) -> None:
    """Add evergreens behind the edge of a cliff whose end at the water is at x = `near`."""
    unit = context.geometry.unit
    for k in range(4):
        x, foot = near + side * unit * (0.12 + 0.18 * k), top + unit * (0.06 + 0.05 * k)
        tree = Sticker("evergreen-tree", x, foot, unit * context.rng.uniform(0.14, 0.22), False, colors.stain)
        strip.items.insert(0, tree)


def _falling(context: SceneryContext, x: float, half: float, top: float, bottom: float) -> list[SwayingShape]:
    """Streaks in the falling water that swing to and fro a little, as if they fell."""
    rng, geo = context.rng, context.geometry
    streaks = []
    for _ in range(7):
        at = x + half * rng.uniform(-0.85, 0.85)
        path = Path().rect(at, top, 0.008 * geo.unit, bottom - top)
        streaks.append(
            SwayingShape(
                FilledPath(path, WHITE.alpha(0.35)),
                at,
                bottom + geo.unit,
                0.006,
                rng.uniform(0.5, 0.9),
                rng.random(),
                0.3,
            )
        )
    return streaks


def harbour(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Moored boats, a lighthouse far out, cranes, and a quay of stone with bollards; for boats the basin itself."""
    geo, rng = context.geometry, context.rng
    clouds(context, scenery, colors, 5)
    shore = geo.horizon
    far = ScrollingStrip(0.08, shore - 0.25 * geo.unit, shore + 2)
    if context.has("buildings"):
        for x in context.spread(3, 0.3):
            name = rng.choice(("building-construction", "lighthouse", "own:skyline", "house"))
            far.items.append(
                Sticker(
                    name,
                    x,
                    shore + 0.004 * geo.unit,
                    geo.unit * rng.uniform(0.1, 0.2),
                    rng.random() < 0.5,
                    colors.stain.mixed(colors.sky[-1], 0.2),
                )
            )
    scenery.strips.append(far)
    _water(context, scenery, colors, shore, 0.2, mirrored=False)
    boats = ScrollingStrip(0.55, shore - 0.2 * geo.unit, geo.ground)
    for x in context.spread(4, 0.3):
        name = rng.choice(("sailboat", "motor-boat", "ferry", "sailboat"))
        tall = geo.unit * rng.uniform(0.14, 0.26)
        boats.items.append(Sticker(name, x, geo.ground - 0.1 * geo.unit, tall, rng.random() < 0.5, colors.stain))
    boats.top = geo.ground - 0.4 * geo.unit
    if context.afloat:
        _afloat(context, scenery, colors)
        return
    scenery.strips.append(boats)
    top = geo.ground - 0.06 * geo.unit
    stone = rgb("#b8afa2").times(colors.stain)
    quay = ScrollingStrip(1.0, top, float(geo.height), solid=top)
    quay.items.append(floor(geo, top, stone.mixed(WHITE, 0.15), stone.mixed(BLACK, 0.15)))
    joints = Path().rect(0, top, geo.period, 0.014 * geo.unit)
    for x in context.spread(max(6, round(geo.period / (0.22 * geo.unit))), 0.0):
        joints.rect(x, top, 0.004 * geo.unit, geo.height - top)
    quay.items.append(FilledPath(joints, stone.mixed(BLACK, 0.25).alpha(0.7)))
    iron = rgb("#39424e").times(colors.stain)
    for x in context.spread(4, 0.2):
        bollard = Path().rect(x - 0.015 * geo.unit, top - 0.04 * geo.unit, 0.03 * geo.unit, 0.05 * geo.unit)
        bollard.ellipse(x, top - 0.04 * geo.unit, 0.026 * geo.unit, 0.012 * geo.unit)
        quay.items.append(FilledPath(bollard, iron))
    quay.top = top - 0.06 * geo.unit
    scenery.strips.append(quay)


def pool(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """A swimming pool: loungers and palms behind, the blue basin, a tiled edge; for swimmers the basin itself."""
    geo = context.geometry
    clouds(context, scenery, colors, 4)
    hills(context, scenery, colors, 0.1, 0.04, 0.03, colors.middle)
    back = geo.horizon + 0.04 * geo.unit
    deck = ScrollingStrip(0.5, back, float(geo.height), solid=back)
    deck.items.append(
        FilledPath(Path().rect(0, back, geo.period, geo.height - back), rgb("#e7dcc8").times(colors.stain))
    )
    scenery.strips.append(deck)
    things = ScrollingStrip(0.55, back - 0.34 * geo.unit, back + 0.06 * geo.unit)
    if context.has("furniture"):
        for i, x in enumerate(context.spread(5, 0.15)):
            name, size = (("umbrella-on-ground", 0.22), ("palm-tree", 0.36), ("own:sandcastle", 0.13))[i % 3]
            things.items.append(
                Sticker(name, x, back + 0.045 * geo.unit, size * geo.unit, context.rng.random() < 0.5, colors.stain)
            )
    scenery.strips.append(things)
    _water(context, scenery, colors, back + 0.07 * geo.unit, 0.8, mirrored=False, tint=rgb("#3fc0e0"))
    if context.afloat:
        _afloat(context, scenery, colors, rgb("#35b5da"))
        return
    top = geo.ground - 0.055 * geo.unit
    edge = ScrollingStrip(1.0, top, float(geo.height), solid=top)
    tile = rgb("#f1ece2").times(colors.stain)
    edge.items.append(floor(geo, top, tile, tile.mixed(BLACK, 0.12)))
    joints = Path()
    count = max(8, round(geo.period / (0.13 * geo.unit)))
    for i in range(count):
        joints.rect(i * geo.period / count, top, 0.004 * geo.unit, geo.height - top)
    for y in (top + 0.05 * geo.unit, top + 0.12 * geo.unit):
        joints.rect(0, y, geo.period, 0.004 * geo.unit)
    edge.items += [
        FilledPath(joints, tile.mixed(BLACK, 0.2).alpha(0.7)),
        FilledPath(Path().rect(0, top, geo.period, 0.014 * geo.unit), rgb("#4a8fb8").times(colors.stain)),
    ]
    scenery.strips.append(edge)


def _water(
    context: SceneryContext,
    scenery: Scenery,
    colors: Palette,
    shore: float,
    depth: float,
    mirrored: bool,
    tint: Color | None = None,
) -> None:
    """Water from the shore down, lighter where it mirrors the horizon, with glints that come and go."""
    geo, rng = context.geometry, context.rng
    base = (tint or rgb("#3f8fc4")).times(colors.stain)
    far = base.mixed(colors.sky[-1], 0.55)
    strip = ScrollingStrip(depth, shore, float(geo.height), solid=shore)
    strip.items.append(
        FilledPath(
            Path().rect(0, shore, geo.period, geo.height - shore),
            vertical_gradient(shore, geo.height, far, base.mixed(colors.sky[0], 0.25), base.mixed(BLACK, 0.15)),
        )
    )
    if mirrored:
        shade = Path()
        for x in context.spread(26, 0.5):
            shade.ellipse(
                x, shore + geo.unit * rng.uniform(0.004, 0.04), geo.unit * rng.uniform(0.03, 0.08), geo.unit * 0.006
            )
        strip.items.append(FilledPath(shade, colors.middle.mixed(base, 0.4).alpha(0.55)))
    scenery.strips.append(strip)
    scenery.glint_color = SHINE[context.time].alpha(0.55)
    floor = geo.height if context.afloat else geo.ground - 0.07 * geo.unit
    for _ in range(26):
        y = shore + (floor - shore) * rng.random() ** 1.3
        near = (y - shore) / max(1.0, geo.height - shore)
        scenery.front_glints.append(Glint(geo.width * rng.random(), y, geo.unit * (0.02 + 0.1 * near), rng.random()))


def _afloat(context: SceneryContext, scenery: Scenery, colors: Palette, tint: Color | None = None) -> None:
    """Two low waves, one behind and one before what floats."""
    geo = context.geometry
    scenery.floor, scenery.water, scenery.shadow = geo.horizon + 0.24 * geo.unit, True, 0.0
    base = (tint or rgb("#3f8fc4")).times(colors.stain)
    for depth, y, alpha in ((0.7, geo.horizon + 0.13 * geo.unit, 0.6), (1.25, scenery.floor - 0.012 * geo.unit, 0.85)):
        crest = context.ridge(y, 0.008 * geo.unit, (6, 11), 110)
        strip = ScrollingStrip(depth, y - 0.03 * geo.unit, float(geo.height), drift=0.03)
        strip.items.append(FilledPath(Path().ridge(crest, geo.height), SHINE[context.time].alpha(0.55)))
        under = [(x, cy + 0.006 * geo.unit) for x, cy in crest]
        lit = base.mixed(colors.sky[-1], 0.3).alpha(alpha)
        strip.items.append(
            FilledPath(
                Path().ridge(under, geo.height),
                vertical_gradient(y, geo.height, lit, base.mixed(BLACK, 0.1).alpha(min(1.0, alpha + 0.12))),
            )
        )
        scenery.strips.append(strip)


def _bank(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """The near bank: grass, flowers and stones, and reeds at its edge."""
    geo, rng = context.geometry, context.rng
    strip = ground(context, scenery, colors)
    grass(context, strip, colors, 60)
    flowers(context, strip, colors, 8)
    if context.has("rocks"):
        for x in context.spread(5, 0.5):
            strip.items.append(
                Sticker(
                    "rock",
                    x,
                    geo.ground + geo.unit * rng.uniform(-0.07, -0.04),
                    geo.unit * rng.uniform(0.03, 0.06),
                    rng.random() < 0.5,
                    colors.stain,
                )
            )
    if context.has("grass"):
        reed = rgb("#6f9a4a").times(colors.stain)
        for x in context.spread(12, 0.5):
            foot, tall = geo.ground - 0.07 * geo.unit, geo.unit * rng.uniform(0.07, 0.15)
            blade = (
                Path().move(x - 0.004 * geo.unit, foot).line(x, foot - tall).line(x + 0.004 * geo.unit, foot).close()
            )
            blade.ellipse(x, foot - tall, 0.006 * geo.unit, 0.02 * geo.unit)
            scenery.swaying_shapes.append(
                SwayingShape(
                    FilledPath(blade, reed.mixed(BLACK, rng.uniform(0, 0.25))), x, foot, 0.06, 0.25, rng.random(), 1.0
                )
            )
    front_grass(context, scenery, colors)
