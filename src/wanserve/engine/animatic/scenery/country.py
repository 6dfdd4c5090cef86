"""Draws places under the open sky from a table: the land, what grows on it, and what stands on it further back."""

from collections.abc import Mapping
from dataclasses import dataclass

from wanserve.engine.animatic.color import BLACK, WHITE, rgb
from wanserve.engine.animatic.drawing import FilledPath, Path, Sticker, glow, vertical_gradient
from wanserve.engine.animatic.scene import Time
from wanserve.engine.animatic.scenery.elements import Scenery, SceneryContext, ScrollingStrip
from wanserve.engine.animatic.scenery.land import floor, flowers, front_grass, grass, ground, hills, trees_on
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.sky import clouds
from wanserve.engine.animatic.scenery.wild import peaks

Pieces = tuple[tuple[str, float], ...]
"""Pieces of art, each with its height in units."""


@dataclass(frozen=True, slots=True)
class Country:
    """How open country looks.

    `far` stands on the hills at the horizon, `near` at the edge of the ground behind the subjects. `trees` grow on the
    hills. `cover` is what covers the ground: `grass`, `flowers`, `paving`, `sand`, `crops` or `path`.
    """

    far: Pieces = ()
    near: Pieces = ()
    trees: tuple[str, ...] = ("deciduous-tree",)
    cover: str = "grass"
    peaks: bool = False
    fence: bool = False
    many: int = 4
    lights: str = ""


TREE, FIR, PLANT = ("deciduous-tree", 0.4), ("evergreen-tree", 0.4), ("potted-plant", 0.16)
COUNTRIES: Mapping[str, Country] = {
    "park": Country((("fountain", 0.16), ("own:skyline", 0.2)), (TREE, ("own:bench", 0.17), TREE, ("own:street-lamp", 0.42)), cover="path"),
    "garden": Country((("house-with-garden", 0.2),), (("sunflower", 0.26), ("hibiscus", 0.14), PLANT, ("rose", 0.15), ("tulip", 0.16), ("own:fence", 0.14)), cover="flowers", many=9, fence=True),
    "farm": Country((("own:barn", 0.24), ("own:windmill", 0.26)), (("own:hay-bale", 0.15), ("tractor", 0.22), ("sheaf-of-rice", 0.16)), cover="crops", fence=True, many=4),
    "village": Country((("house", 0.14), ("church", 0.2), ("house-with-garden", 0.14)), (("house", 0.4), TREE, ("house-with-garden", 0.42), ("own:fence", 0.13), ("hut", 0.34)), cover="path", many=5),
    "volcano": Country((("volcano", 0.5),), (("rock", 0.14), ("rock", 0.2)), trees=(), cover="ash", many=5, lights="#ff7a3a"),
    "castle": Country((("castle", 0.4),), (TREE, ("own:street-lamp", 0.36), ("own:gate", 0.36), FIR), cover="path", many=4),
    "temple": Country((("japanese-castle", 0.3), ("shinto-shrine", 0.2)), (("shinto-shrine", 0.46), ("evergreen-tree", 0.44), ("red-paper-lantern", 0.16), ("own:statue", 0.3)), ("evergreen-tree",), "paving", many=4),
    "church": Country((("church", 0.36),), (("headstone", 0.15), ("evergreen-tree", 0.42), ("headstone", 0.13), ("own:fence", 0.13), TREE), cover="grass", many=6),
    "campsite": Country((("camping", 0.16),), (("tent", 0.26), ("evergreen-tree", 0.5), ("fire", 0.13), ("evergreen-tree", 0.44), ("wood", 0.1)), ("evergreen-tree",), "grass", peaks=True, many=6, lights="#ffb060"),
    "playground": Country((("ferris-wheel", 0.34), ("roller-coaster", 0.26), ("circus-tent", 0.24)), (("own:swing", 0.32), ("carousel-horse", 0.3), ("playground-slide", 0.32), TREE, ("balloon", 0.2)), cover="paving", many=5),
    "gas station": Country((("factory", 0.24), ("building-construction", 0.3)), (("fuel-pump", 0.3), ("oil-drum", 0.16), ("construction", 0.14), ("fuel-pump", 0.3), ("own:traffic-cone", 0.1)), (), "asphalt", many=5),
    "airport": Country((("own:control-tower", 0.28), ("airplane-departure", 0.08)), (("own:control-tower", 0.4), ("small-airplane", 0.2), ("luggage", 0.12)), (), "asphalt", many=3),
    "mars": Country((("rock", 0.1),), (("rock", 0.16), ("rock", 0.1), ("satellite-antenna", 0.22)), (), "dust", many=5),
    "canyon": Country((), (("rock", 0.12), ("cactus", 0.26), ("rock", 0.18)), (), "dust", many=5),
}  # fmt: skip


NEAR = 0.9
"""The depth from which on pieces stand beside the subjects, and not far behind them."""


def country(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """Open country of the table."""
    look, geo = COUNTRIES[context.place], context.geometry
    clouds(context, scenery, colors, 5)
    if look.peaks and context.has("mountains"):
        peaks(context, scenery, colors, 0.06, 0.34, 6, colors.far, 0.7)
    hills(context, scenery, colors, 0.12, 0.08, 0.045, colors.far)
    line = hills(context, scenery, colors, 0.3, 0.0, 0.03, colors.middle)
    if look.trees:
        trees_on(context, scenery, colors, line, look.trees, 6, 0.13)
    if context.has("buildings"):
        _stand(context, scenery, colors, look.far, 3, 0.3, geo.horizon + 0.045 * geo.unit, 0.25)
    strip = ground(context, scenery, colors)
    COVERS[look.cover](context, strip, colors)
    _furnish(context, scenery, colors, look)
    if look.cover in ("grass", "flowers", "crops"):
        front_grass(context, scenery, colors)


def _furnish(context: SceneryContext, scenery: Scenery, colors: Palette, look: Country) -> None:
    """Add what stands behind the subjects, and the light of fires in the sky."""
    geo = context.geometry
    if context.has("furniture"):
        if look.fence:
            _fence(context, scenery, colors)
        if context.has("trees"):
            _stand(context, scenery, colors, look.near, look.many, 0.94, geo.ground - 0.055 * geo.unit, 0.0)
    if look.lights:
        for x in context.spread(2, 0.3):
            scenery.base.append(glow(x % geo.width, geo.horizon, 0.5 * geo.unit, rgb(look.lights), 0.3))


def _stand(
    context: SceneryContext,
    scenery: Scenery,
    colors: Palette,
    pieces: Pieces,
    count: int,
    depth: float,
    foot: float,
    haze: float,
) -> None:
    """Add a strip on which these pieces stand in turn."""
    if not pieces:
        return
    geo, rng = context.geometry, context.rng
    strip = ScrollingStrip(depth, foot, foot + 0.04 * geo.unit)
    start = rng.randrange(len(pieces))
    stain = colors.stain.mixed(colors.far.mixed(colors.sky[-1], 0.3), haze)
    for i, spot in enumerate(context.spread(count, 0.22)):
        x = _aside(spot, geo.width) if depth > NEAR else spot
        name, size = pieces[(start + i) % len(pieces)]
        tall = context.around(size * geo.unit, 0.08)
        y = foot + geo.unit * rng.uniform(-0.012, 0.012)
        strip.top = min(strip.top, y - tall)
        strip.items.append(Sticker(name, x, y, tall, rng.random() < 0.5, stain))
        if name in ("own:street-lamp", "fire", "red-paper-lantern") and context.time is not Time.DAY:
            strip.top = min(strip.top, y - tall * 1.4)
            strip.items.append(glow(x, y - tall * 0.85, tall * 0.6, rgb("#ffdf9a"), 0.5))
    scenery.strips.append(strip)


def _aside(x: float, width: int) -> float:
    """The nearest position that is not behind the subjects, which stand in the middle."""
    off = x - width / 2
    reach = 0.2 * width
    return x if abs(off) > reach else width / 2 + (reach if off > 0 else -reach)


def _fence(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """A low wooden fence behind the ground."""
    geo = context.geometry
    foot, tall = geo.ground - 0.075 * geo.unit, 0.1 * geo.unit
    strip = ScrollingStrip(0.9, foot - tall, foot + 2)
    path = Path()
    count = max(10, round(geo.period / (0.075 * geo.unit)))
    step = geo.period / count
    for i in range(count):
        x = i * step
        path.polygon(
            [
                (x + 0.2 * step, foot),
                (x + 0.2 * step, foot - 0.8 * tall),
                (x + 0.4 * step, foot - tall),
                (x + 0.6 * step, foot - 0.8 * tall),
                (x + 0.6 * step, foot),
            ]
        )
    for part in (0.25, 0.6):
        path.rect(0, foot - part * tall - 0.007 * geo.unit, geo.period, 0.014 * geo.unit)
    wood = rgb("#e9dcc4").times(colors.stain)
    strip.items.append(
        FilledPath(path, vertical_gradient(foot - tall, foot, wood.mixed(WHITE, 0.2), wood.mixed(BLACK, 0.15)))
    )
    scenery.strips.append(strip)


def _grassy(context: SceneryContext, strip: ScrollingStrip, colors: Palette) -> None:
    grass(context, strip, colors)


def _flowery(context: SceneryContext, strip: ScrollingStrip, colors: Palette) -> None:
    grass(context, strip, colors, 50)
    flowers(context, strip, colors, 44)


def _path(context: SceneryContext, strip: ScrollingStrip, colors: Palette) -> None:
    """A light path through the grass, on which the subjects stand."""
    geo = context.geometry
    grass(context, strip, colors, 44)
    flowers(context, strip, colors, 8)
    line = context.ridge(geo.ground - 0.02 * geo.unit, 0.006 * geo.unit, (2, 5))
    back = [(x, y + 0.085 * geo.unit) for x, y in reversed(line)]
    sand = rgb("#e6d3ae").times(colors.stain).mixed(colors.near, 0.18)
    strip.items.append(
        FilledPath(
            Path().polygon([*line, *back]),
            vertical_gradient(
                geo.ground - 0.02 * geo.unit,
                geo.ground + 0.07 * geo.unit,
                sand.mixed(WHITE, 0.1),
                sand.mixed(BLACK, 0.1),
            ),
        )
    )


def _paving(context: SceneryContext, strip: ScrollingStrip, colors: Palette) -> None:
    """Slabs of stone, in rows that grow towards the front."""
    geo = context.geometry
    top = geo.ground - 0.06 * geo.unit
    stone = rgb("#cfc6b8").times(colors.stain)
    strip.items.append(floor(geo, top, stone.mixed(WHITE, 0.15), stone.mixed(BLACK, 0.14)))
    joints, y, tall, row = Path(), top, 0.03 * geo.unit, 0
    count = max(6, round(geo.period / (0.2 * geo.unit)))
    while y < geo.height:
        joints.rect(0, y, geo.period, max(1.0, 0.003 * geo.unit))
        for i in range(count):
            joints.rect((i + 0.5 * (row % 2)) * geo.period / count, y, max(1.0, 0.003 * geo.unit), tall)
        y, tall, row = y + tall, tall * 1.3, row + 1
    strip.items.append(FilledPath(joints, stone.mixed(BLACK, 0.24).alpha(0.6)))


def _asphalt(context: SceneryContext, strip: ScrollingStrip, colors: Palette) -> None:
    """Grey asphalt with a broad line."""
    geo = context.geometry
    top = geo.ground - 0.065 * geo.unit
    tar = rgb("#6d7480").times(colors.stain)
    strip.items.append(floor(geo, top, tar.mixed(WHITE, 0.1), tar.mixed(BLACK, 0.2)))
    strip.items.append(
        FilledPath(
            Path().rect(0, geo.ground + 0.06 * geo.unit, geo.period, 0.014 * geo.unit),
            rgb("#f0d98a").times(colors.stain),
        )
    )


def _crops(context: SceneryContext, strip: ScrollingStrip, colors: Palette) -> None:
    """Rows of crops that run into the distance."""
    geo = context.geometry
    grass(context, strip, colors, 40)
    rows = Path()
    count = max(8, round(geo.period / (0.16 * geo.unit)))
    for i in range(count):
        x = (i + 0.5) * geo.period / count
        rows.polygon(
            [
                (x - 0.012 * geo.unit, geo.ground - 0.07 * geo.unit),
                (x + 0.012 * geo.unit, geo.ground - 0.07 * geo.unit),
                (x + 0.05 * geo.unit, geo.height),
                (x - 0.05 * geo.unit, geo.height),
            ]
        )
    strip.items.append(FilledPath(rows, rgb("#a9853f").times(colors.stain).mixed(colors.near, 0.45).alpha(0.7)))


def _dusty(context: SceneryContext, strip: ScrollingStrip, colors: Palette) -> None:
    """Ripples and pebbles."""
    geo, rng = context.geometry, context.rng
    ripples = Path()
    for x in context.spread(14, 0.5):
        wide = geo.unit * rng.uniform(0.08, 0.24)
        ripples.ellipse(x, geo.ground + geo.unit * rng.uniform(-0.05, 0.12), wide, wide * 0.04)
    for x in context.spread(40, 0.5):
        ripples.circle(x, geo.ground + geo.unit * rng.uniform(-0.06, 0.13), geo.unit * rng.uniform(0.002, 0.006))
    strip.items.append(FilledPath(ripples, colors.front.mixed(BLACK, 0.18).alpha(0.6)))


COVERS = {
    "grass": _grassy,
    "flowers": _flowery,
    "path": _path,
    "paving": _paving,
    "asphalt": _asphalt,
    "crops": _crops,
    "dust": _dusty,
    "ash": _dusty,
}
