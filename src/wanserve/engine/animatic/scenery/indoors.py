"""Draws rooms: walls, floors and what stands along the wall, from a table; and the surfaces of still lifes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import FilledPath, Item, Linear, Path, Sticker, Stop, glow, vertical_gradient
from wanserve.engine.animatic.scene import Time
from wanserve.engine.animatic.scenery.elements import Scenery, SceneryContext, ScrollingStrip
from wanserve.engine.animatic.scenery.palette import Palette

LAMPS = frozenset({"couch-and-lamp", "own:lamp", "own:chandelier", "own:fireplace"})
"""The pieces that give light."""


@dataclass(frozen=True, slots=True)
class Room:
    """How a room looks: the colours of wall and floor, their patterns, and what stands and hangs along the wall.

    `standing` and `hung` name pieces of art with their height in units; of each list a part is drawn, in turn.
    """

    wall: str
    floor: str
    pattern: str = "plain"
    ground: str = "boards"
    standing: tuple[tuple[str, float], ...] = ()
    hung: tuple[tuple[str, float], ...] = ()
    rug: str = ""
    lamp: str = "#fff0c8"


PLANT, SOFA, BOOKCASE = ("potted-plant", 0.24), ("couch-and-lamp", 0.36), ("own:bookshelf", 0.56)
WINDOW, PICTURE, CLOCK = ("window", 0.3), ("framed-picture", 0.17), ("mantelpiece-clock", 0.12)
ROOMS: Mapping[str, Room] = {
    "room": Room("#f0d8b8 #e2bf98", "#b98253 #8f6040", "stripes", "boards", (SOFA, PLANT, ("own:fireplace", 0.4), BOOKCASE), (WINDOW, PICTURE, WINDOW), "#c9564c"),
    "bedroom": Room("#cfd9ee #aebde0", "#b08a6a #8a684e", "dots", "boards", (("bed", 0.36), ("own:wardrobe", 0.56), PLANT, ("own:lamp", 0.34)), (WINDOW, PICTURE), "#7f8fc0"),
    "kitchen": Room("#fbe9c9 #f0d3a2", "#d9d2c6 #b5aca0", "tiles", "tiles", (("own:stove", 0.36), ("own:sink", 0.36), ("own:refrigerator", 0.58), ("own:oven", 0.36)), (("own:cupboard", 0.2), WINDOW, ("own:cupboard", 0.2))),
    "bathroom": Room("#d4ecee #a8d3d8", "#e3e8ea #bcc7cb", "tiles", "tiles", (("bathtub", 0.34), ("toilet", 0.3), ("own:sink", 0.34), ("shower", 0.5)), (("mirror", 0.24), WINDOW)),
    "restaurant": Room("#8c5a44 #6d4032", "#7a5138 #553726", "panels", "boards", (("own:table", 0.3), ("chair", 0.3), PLANT, ("own:table", 0.3)), (PICTURE, ("own:chandelier", 0.2), WINDOW), "", "#ffd68a"),
    "shop": Room("#fdf1dc #f2dcb4", "#d8c9b4 #b9a68c", "stripes", "tiles", (("own:shop-shelf", 0.5), ("shopping-cart", 0.3), ("own:shop-shelf", 0.5), PLANT), (("own:sign", 0.16), WINDOW)),
    "office": Room("#e4e9ef #c6d0db", "#8f98a6 #6d7683", "panels", "carpet", (("own:desk", 0.34), ("own:bookshelf", 0.54), PLANT, ("file-cabinet", 0.34)), (WINDOW, CLOCK, WINDOW), "", "#f4f8ff"),
    "classroom": Room("#e8efdc #ccdcb4", "#b98f62 #93703f", "plain", "boards", (("own:desk", 0.28), ("chair", 0.26), ("own:desk", 0.28), ("globe-showing-asia-australia", 0.16)), (("own:blackboard", 0.36), CLOCK, WINDOW)),
    "library": Room("#7d5a3e #5e4230", "#8a5e3c #654228", "panels", "boards", (BOOKCASE, BOOKCASE, BOOKCASE, ("own:desk", 0.3)), (("own:lamp", 0.12), PICTURE), "#7a2f38", "#ffdf9a"),
    "museum": Room("#f3f1ec #dcd8ce", "#c9c2b4 #a39c8d", "plain", "tiles", (("own:statue", 0.5), ("amphora", 0.3), PLANT, ("moai", 0.4)), (PICTURE, ("framed-picture", 0.26), PICTURE), "", "#fff8e6"),
    "laboratory": Room("#e9f3f6 #c4dde6", "#d5dde0 #b2bec3", "tiles", "tiles", (("own:desk", 0.32), ("microscope", 0.26), ("own:server", 0.44), ("alembic", 0.26)), (("own:cupboard", 0.2), CLOCK, WINDOW), "", "#f0fbff"),
    "gym": Room("#dfe3e8 #b9c0ca", "#c99a5f #a0763f", "panels", "boards", (("own:barbell", 0.16), ("own:treadmill", 0.34), ("own:punching-bag", 0.4), ("own:barbell", 0.16)), (("mirror", 0.34), WINDOW), "", "#ffffff"),
    "stage": Room("#5c1026 #3a0818", "#8a5a38 #5c3a22", "curtain", "boards", (), (), "", "#fff2c0"),
    "corridor": Room("#a8a294 #86806f", "#6f6a60 #4f4b44", "bricks", "tiles", (("door", 0.48), ("own:stairs", 0.4), ("door", 0.48)), (("own:lamp", 0.12), PICTURE), "", "#ffe3a0"),
    "workshop": Room("#b08a62 #8c6a48", "#86796a #645a4e", "planks", "concrete", (("own:desk", 0.32), ("toolbox", 0.16), ("own:easel", 0.44), ("ladder", 0.5)), (("hammer", 0.14), ("carpentry-saw", 0.14), WINDOW), "", "#ffe7b0"),
    "cave": Room("#4b4550 #2c2833", "#3f3a40 #28242a", "rocks", "concrete", (("rock", 0.16), ("rock", 0.24), ("gem-stone", 0.1)), (), "", "#ffb46a"),
    "spaceship": Room("#5f6b80 #3a4356", "#4a5366 #2d3444", "panels", "concrete", (("own:control-panel", 0.34), ("own:server", 0.44), ("own:control-panel", 0.34)), (("own:porthole", 0.3), ("own:porthole", 0.3)), "", "#8fe0ff"),
}  # fmt: skip


def room(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """A room of the table: the wall with what stands along it, and the floor."""
    look = ROOMS[context.place]
    geo = context.geometry
    floor = geo.ground - 0.1 * geo.unit
    light = colors.stain
    top, bottom = (rgb(c).hue_shifted(context.rng.uniform(-14, 14)).times(light) for c in look.wall.split())
    wall = ScrollingStrip(0.6, 0.0, floor, solid=0.0)
    wall.items.append(FilledPath(Path().rect(0, 0, geo.period, floor), vertical_gradient(0, floor, top, bottom)))
    wall.items += PATTERNS[look.pattern](context, top, bottom, floor)
    if look.pattern not in ("curtain", "rocks"):
        skirting = bottom.mixed(WHITE if context.time is Time.DAY else BLACK, 0.3)
        wall.items.append(FilledPath(Path().rect(0, floor - 0.028 * geo.unit, geo.period, 0.028 * geo.unit), skirting))
    if context.has("furniture"):
        wall.items += _furnished(context, look, light, floor)
    scenery.strips.append(wall)
    scenery.strips.append(_floor(context, look, light, floor))


def _furnished(context: SceneryContext, look: Room, light: Color, floor: float) -> list[Item]:
    """What stands along the wall and hangs between, in turn, with light from lamps and windows."""
    geo, rng = context.geometry, context.rng
    items: list[Item] = []
    if not look.standing and not look.hung:
        return items
    order = _in_turn(context, look)
    count = max(4, round(geo.period / (0.46 * geo.unit)))
    for i, x in enumerate(context.spread(count, 0.1)):
        name, size = order[i % len(order)]
        hung = (name, size) in look.hung
        tall = size * geo.unit * rng.uniform(0.94, 1.06)
        foot = floor - geo.unit * rng.uniform(0.2, 0.26) if hung else floor + 0.014 * geo.unit
        if name == "own:chandelier":
            foot = 0.3 * geo.unit
        items.append(Sticker(name, x, foot, tall, rng.random() < 0.5 and not hung, light))
        if name == "window":
            sun = rgb("#fffbe0") if context.time is Time.DAY else rgb("#9fb4ff")
            items.append(glow(x, foot - tall / 2, tall * 1.1, sun, 0.3))
        if name in LAMPS:
            items.append(glow(x, foot - tall * 0.7, tall * 0.9, rgb(look.lamp), 0.45))
    return items


def _in_turn(context: SceneryContext, look: Room) -> list[tuple[str, float]]:
    """The pieces in their order along the wall: one that stands, one that hangs, and so on, from a random one."""
    standing = _turned(look.standing, context.rng.randrange(9))
    hung = _turned(look.hung, context.rng.randrange(9))
    pairs = [piece for pair in zip(standing, hung, strict=False) for piece in pair]
    return pairs or [*look.standing, *look.hung]


def _turned(pieces: tuple[tuple[str, float], ...], by: int) -> list[tuple[str, float]]:
    at = by % max(1, len(pieces))
    return [*pieces[at:], *pieces[:at]] * 3


def _floor(context: SceneryContext, look: Room, light: Color, floor: float) -> ScrollingStrip:
    """The floor, to the lower edge."""
    geo = context.geometry
    far, near = (rgb(c).times(light) for c in look.floor.split())
    strip = ScrollingStrip(1.0, floor, float(geo.height), solid=floor)
    fill = vertical_gradient(floor, geo.height, far, near)
    strip.items.append(FilledPath(Path().rect(0, floor, geo.period, geo.height - floor), fill))
    strip.items += GROUNDS[look.ground](context, far, near, floor)
    if look.rug and context.has("furniture"):
        color = rgb(look.rug).times(light)
        for x in context.spread(1, 0.2):
            for part, tone in ((1.0, color), (0.86, color.mixed(WHITE, 0.55)), (0.76, color)):
                rug = Path().ellipse(x, geo.ground + 0.025 * geo.unit, 0.6 * geo.unit * part, 0.075 * geo.unit * part)
                strip.items.append(FilledPath(rug, tone))
    return strip


Pattern = Callable[[SceneryContext, Color, Color, float], list[Item]]


def _plain(context: SceneryContext, top: Color, bottom: Color, floor: float) -> list[Item]:
    return []


def _stripes(context: SceneryContext, top: Color, bottom: Color, floor: float) -> list[Item]:
    geo = context.geometry
    path = Path()
    count = max(8, round(geo.period / (0.11 * geo.unit)))
    for i in range(count):
        path.rect(i * geo.period / count, 0, geo.period / count / 2, floor)
    return [FilledPath(path, top.mixed(WHITE, 0.3).alpha(0.35))]


def _dots(context: SceneryContext, top: Color, bottom: Color, floor: float) -> list[Item]:
    geo = context.geometry
    path = Path()
    columns = max(10, round(geo.period / (0.1 * geo.unit)))
    step = geo.period / columns
    for row in range(int(floor / step) + 1):
        for column in range(columns):
            path.circle((column + 0.5 * (row % 2) + 0.25) * step, (row + 0.5) * step, 0.008 * geo.unit)
    return [FilledPath(path, top.mixed(WHITE, 0.6).alpha(0.5))]


def _tiles(context: SceneryContext, top: Color, bottom: Color, floor: float) -> list[Item]:
    return [FilledPath(_grid(context, floor, 0.1, 0), bottom.mixed(WHITE, 0.5).alpha(0.7))]


def _bricks(context: SceneryContext, top: Color, bottom: Color, floor: float) -> list[Item]:
    return [FilledPath(_grid(context, floor, 0.08, 1), bottom.mixed(BLACK, 0.22).alpha(0.7))]


def _grid(context: SceneryContext, floor: float, part: float, shifted: int) -> Path:
    """The joints between tiles, or of bricks, whose every second row is shifted."""
    geo = context.geometry
    path, thin = Path(), max(1.0, 0.004 * geo.unit)
    columns = max(6, round(geo.period / (part * (1 + shifted) * geo.unit)))
    wide, tall = geo.period / columns, part * geo.unit * (1.0 if not shifted else 0.62)
    for row in range(int(floor / tall) + 1):
        y = floor - row * tall
        path.rect(0, y, geo.period, thin)
        for column in range(columns):
            path.rect((column + 0.5 * shifted * (row % 2)) * wide, y - tall, thin, tall)
    return path


def _panels(context: SceneryContext, top: Color, bottom: Color, floor: float) -> list[Item]:
    """Wooden or metal panels on the lower half of the wall."""
    geo = context.geometry
    count = max(5, round(geo.period / (0.3 * geo.unit)))
    wide, head = geo.period / count, floor - 0.26 * geo.unit
    path, rail = Path(), Path().rect(0, head - 0.02 * geo.unit, geo.period, 0.02 * geo.unit)
    for i in range(count):
        path.rect((i + 0.08) * wide, head + 0.03 * geo.unit, 0.84 * wide, 0.17 * geo.unit)
    lower = FilledPath(Path().rect(0, head, geo.period, floor - head), bottom.mixed(BLACK, 0.1))
    return [lower, FilledPath(path, bottom.mixed(WHITE, 0.12)), FilledPath(rail, bottom.mixed(WHITE, 0.25))]


def _planks(context: SceneryContext, top: Color, bottom: Color, floor: float) -> list[Item]:
    geo = context.geometry
    path = Path()
    count = max(10, round(geo.period / (0.14 * geo.unit)))
    for i in range(count):
        path.rect(i * geo.period / count, 0, max(1.0, 0.006 * geo.unit), floor)
    return [FilledPath(path, bottom.mixed(BLACK, 0.25).alpha(0.7))]


def _curtain(context: SceneryContext, top: Color, bottom: Color, floor: float) -> list[Item]:
    """The folds of a curtain, a valance above, and cones of light from spotlights."""
    geo, rng = context.geometry, context.rng
    items: list[Item] = []
    count = max(12, round(geo.period / (0.12 * geo.unit)))
    wide = geo.period / count
    for i in range(count):
        fill = Linear(
            (i * wide, 0),
            ((i + 1) * wide, 0),
            (Stop(0, top.mixed(BLACK, 0.35)), Stop(0.45, top.mixed(WHITE, 0.14)), Stop(1, top.mixed(BLACK, 0.4))),
        )
        items.append(FilledPath(Path().rect(i * wide, 0, wide + 1, floor), fill))
    scallops = Path()
    for i in range(count // 2):
        scallops.ellipse((i + 0.5) * 2 * wide, 0, wide, 0.12 * geo.unit)
    items.append(FilledPath(scallops, rgb("#d9a441").times(top.mixed(WHITE, 0.6))))
    for x in context.spread(4, 0.3):
        slant = rng.uniform(-0.25, 0.25) * geo.unit
        cone = Path().polygon(
            [
                (x - 0.02 * geo.unit, 0),
                (x + 0.02 * geo.unit, 0),
                (x + slant + 0.2 * geo.unit, floor),
                (x + slant - 0.2 * geo.unit, floor),
            ]
        )
        fill = Linear((x, 0), (x, floor), (Stop(0, rgb("#fff6d0").alpha(0.5)), Stop(1, rgb("#fff6d0").alpha(0.04))))
        items.append(FilledPath(cone, fill))
    return items


def _rocks(context: SceneryContext, top: Color, bottom: Color, floor: float) -> list[Item]:
    """The walls of a cave: boulders, and stalactites from above, with the glow of a way out."""
    geo, rng = context.geometry, context.rng
    out = rgb("#ffd9a0")
    items: list[Item] = [glow(x, floor - 0.24 * geo.unit, 0.5 * geo.unit, out, 0.6) for x in context.spread(1, 0.3)]
    for shade, count in ((bottom.mixed(BLACK, 0.2), 9), (bottom.mixed(BLACK, 0.4), 11)):
        teeth = Path()
        for x in context.spread(count, 0.45):
            long, wide = geo.unit * rng.uniform(0.1, 0.34), geo.unit * rng.uniform(0.03, 0.08)
            teeth.polygon([(x - wide, 0), (x + wide, 0), (x + wide * 0.1, long)])
        lumps = Path()
        for x in context.spread(count, 0.5):
            r = geo.unit * rng.uniform(0.06, 0.16)
            lumps.ellipse(x, floor, r * 1.4, r)
        items += [FilledPath(teeth, shade), FilledPath(lumps, shade)]
    return items


PATTERNS: Mapping[str, Pattern] = {
    "plain": _plain,
    "stripes": _stripes,
    "dots": _dots,
    "tiles": _tiles,
    "bricks": _bricks,
    "panels": _panels,
    "planks": _planks,
    "curtain": _curtain,
    "rocks": _rocks,
}


def _boards(context: SceneryContext, far: Color, near: Color, floor: float) -> list[Item]:
    geo, rng = context.geometry, context.rng
    seams = Path()
    for k in (0.1, 0.24, 0.42, 0.66):
        seams.rect(0, floor + k * (geo.height - floor), geo.period, 0.003 * geo.unit)
    for x in context.spread(14, 0.5):
        y = floor + rng.choice((0.1, 0.24, 0.42)) * (geo.height - floor)
        seams.rect(x, y, 0.004 * geo.unit, 0.15 * (geo.height - floor))
    return [FilledPath(seams, near.mixed(BLACK, 0.18))]


def _checks(context: SceneryContext, far: Color, near: Color, floor: float) -> list[Item]:
    """Tiles in rows that grow towards the front."""
    geo = context.geometry
    tall, path, y, row = 0.05 * geo.unit, Path(), floor, 0
    count = 2 * max(4, round(geo.period / (0.36 * geo.unit)))
    wide = geo.period / count
    while y < geo.height:
        for i in range(count // 2):
            path.rect((2 * i + row % 2) * wide, y, wide, tall)
        y, tall, row = y + tall, tall * 1.35, row + 1
    return [FilledPath(path, far.mixed(WHITE, 0.28).alpha(0.55))]


def _speckled(context: SceneryContext, far: Color, near: Color, floor: float) -> list[Item]:
    geo, rng = context.geometry, context.rng
    specks = Path()
    for x in context.spread(70, 0.5):
        specks.ellipse(x, rng.uniform(floor, geo.height), geo.unit * 0.008, geo.unit * 0.003)
    return [FilledPath(specks, near.mixed(BLACK, 0.2).alpha(0.6))]


GROUNDS: Mapping[str, Pattern] = {"boards": _boards, "tiles": _checks, "carpet": _speckled, "concrete": _speckled}


@dataclass(frozen=True, slots=True)
class Surface:
    """What a still life stands on and before: the colours of the backdrop and of the surface, and what is behind."""

    backdrop: str
    top: str
    front: str
    kind: str
    behind: tuple[tuple[str, float], ...] = ()


SURFACES: Mapping[str, Surface] = {
    "table": Surface("#f2e2c8 #d9bf98", "#b67b48 #8f5a30", "#7a4a26", "boards", (("window", 0.42), ("potted-plant", 0.3))),
    "studio": Surface("#e9edf4 #c3ccda", "#dfe4ec #c4ccd8", "#aab4c4", "plain"),
    "windowsill": Surface("#bfe0f5 #e6f3df", "#f4efe6 #d8d0c2", "#c2b8a6", "plain", (("evergreen-tree", 0.26), ("deciduous-tree", 0.3), ("hibiscus", 0.16))),
    "picnic": Surface("#8fcdf0 #cfe9b0", "#e8534f #c93f40", "#a8c46a", "checks", (("deciduous-tree", 0.34), ("evergreen-tree", 0.3), ("tulip", 0.14))),
    "counter": Surface("#f6ead6 #e5d2b2", "#e6e2da #c8c2b6", "#8f6a4a", "tiles", (("own:cupboard", 0.26), ("window", 0.36))),
    "desk": Surface("#d4dae4 #b1bccb", "#c79a64 #a37a48", "#825c34", "boards", (("books", 0.2), ("own:lamp", 0.4), ("framed-picture", 0.24))),
    "shelf": Surface("#efe3f2 #cfbfda", "#a8744a #855433", "#6d4328", "boards", (("books", 0.22), ("potted-plant", 0.24))),
}  # fmt: skip


def still_life(context: SceneryContext, scenery: Scenery, colors: Palette) -> None:
    """A surface that fills the lower third, seen a little from above, and a soft backdrop with something behind."""
    geo, rng = context.geometry, context.rng
    look, light = SURFACES[context.place], colors.stain
    shift = rng.uniform(-35, 35)
    top, bottom = (rgb(c).hue_shifted(shift).times(light) for c in look.backdrop.split())
    edge = geo.ground - 0.16 * geo.unit
    wall = ScrollingStrip(0.5, 0.0, edge, solid=0.0)
    wall.items.append(FilledPath(Path().rect(0, 0, geo.period, edge), vertical_gradient(0, edge, top, bottom)))
    for x in context.spread(3, 0.3):
        wall.items.append(
            glow(x, rng.uniform(0.2, 0.5) * edge, geo.unit * rng.uniform(0.3, 0.5), top.mixed(WHITE, 0.7), 0.4)
        )
    if context.has("furniture"):
        wall.items += _behind(context, look, bottom, light, edge)
        if context.place == "windowsill":
            wall.items += _panes(context, light, edge)
    scenery.strips.append(wall)
    far, near = (rgb(c).hue_shifted(shift * 0.25).times(light) for c in look.top.split())
    lip = geo.height - 0.05 * geo.frame
    board = ScrollingStrip(1.0, edge, float(geo.height), solid=edge)
    board.items.append(
        FilledPath(
            Path().rect(0, edge, geo.period, geo.height - edge),
            vertical_gradient(edge, lip, far.mixed(WHITE, 0.12), near),
        )
    )
    if look.kind != "plain":
        ground = {"boards": _boards, "checks": _checks, "tiles": _checks}[look.kind]
        board.items += ground(context, far, near, edge)
    front = rgb(look.front).times(light)
    board.items.append(
        FilledPath(
            Path().rect(0, lip, geo.period, geo.height - lip + 1),
            vertical_gradient(lip, geo.height, front.mixed(WHITE, 0.12), front),
        )
    )
    board.items.append(
        FilledPath(Path().rect(0, lip - 0.006 * geo.frame, geo.period, 0.006 * geo.frame), near.mixed(WHITE, 0.35))
    )
    scenery.strips.append(board)


def _panes(context: SceneryContext, light: Color, edge: float) -> list[Item]:
    """The white frame of a large window, through which what is behind is seen."""
    geo, bars = context.geometry, Path()
    wide, count = 0.028 * geo.unit, max(2, round(geo.period / (0.62 * geo.unit)))
    for i in range(count):
        bars.rect((i + 0.5) * geo.period / count, 0, wide, edge)
    bars.rect(0, edge - 0.62 * geo.unit, geo.period, wide)
    return [FilledPath(bars, rgb("#fbf7ee").times(light))]


def _behind(context: SceneryContext, look: Surface, air: Color, light: Color, edge: float) -> list[Item]:
    """What stands behind the surface, paler than what is in front, as if out of focus."""
    geo, rng = context.geometry, context.rng
    items: list[Item] = []
    if not look.behind:
        return items
    for i, x in enumerate(context.spread(max(3, round(geo.period / (0.6 * geo.unit))), 0.25)):
        name, size = look.behind[(i + rng.randrange(2)) % len(look.behind)]
        foot = edge - (0.1 * geo.unit if name in ("window", "framed-picture", "own:cupboard") else -0.01 * geo.unit)
        items.append(Sticker(name, x, foot, size * geo.unit, rng.random() < 0.5, light.mixed(air, 0.25)))
    items.append(FilledPath(Path().rect(0, 0, geo.period, edge), air.alpha(0.34)))
    return items
