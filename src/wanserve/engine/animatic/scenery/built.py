"""Knows what people build: the city with its street, and a room."""

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import Mark, Path, Sticker, down, glow
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.plan import Plan, Site, Strip
from wanserve.engine.animatic.scenery.sky import clouds
from wanserve.engine.animatic.storyboard import Time

NEON = ("#ff5fa2", "#53d8fb", "#ffd166", "#8c7bff", "#7cf29c")
FACADES = ("#d98f6a", "#c9a27a", "#8fa6c4", "#b5838d", "#7f9c8f", "#e0b47c")


def city(site: Site, plan: Plan, colors: Palette) -> None:
    """Two skylines, a row of houses with lit windows by night, a street with lamps."""
    clouds(site, plan, colors, 4)
    if site.has("buildings"):
        _skyline(site, plan, colors, 0.07, 0.44, 16, colors.far.mixed(colors.sky[-1], 0.35), 0.4)
        _skyline(site, plan, colors, 0.18, 0.34, 13, colors.middle, 0.75)
        _houses(site, plan, colors)
    _street(site, plan, colors)


def _skyline(
    site: Site, plan: Plan, colors: Palette, depth: float, tall: float, count: int, color: Color, lit: float
) -> None:
    """Towers in one colour; `lit` is how many windows shine by night."""
    geo, dice = site.geometry, site.dice
    foot = geo.ground - 0.05 * geo.unit
    strip = Strip(depth, foot, foot)
    walls, lights = Path(), Path()
    wide = geo.period / count
    for x in site.spread(count, 0.12):
        top = foot - site.around(tall * geo.unit, 0.42)
        half = wide * dice.uniform(0.36, 0.56)
        strip.top = min(strip.top, top - 0.05 * geo.unit)
        walls.rect(x - half, top, 2 * half, foot - top)
        roof = dice.random()
        if roof < 0.3:
            walls.rect(x - half * 0.5, top - 0.03 * geo.unit, half, 0.03 * geo.unit)
        elif roof < 0.5:
            walls.rect(x - half * 0.06, top - 0.05 * geo.unit, half * 0.12, 0.05 * geo.unit)
        _windows(site, lights, x - half, top, 2 * half, foot - top, 0.012 * geo.unit, lit)
    strip.items.append(Mark(walls, down(strip.top, foot, color, color.mixed(colors.sky[-1], 0.4))))
    night = site.time is Time.NIGHT
    glass = rgb("#ffe2a0").alpha(0.85 if depth > 0.1 else 0.5) if night else color.mixed(WHITE, 0.28).alpha(0.6)
    strip.items.append(Mark(lights, glass))
    plan.strips.append(strip)


def _windows(site: Site, path: Path, x: float, y: float, w: float, h: float, size: float, lit: float) -> None:
    """A grid of windows on a wall, each there with chance `lit`."""
    columns, rows = max(1, int(w / (size * 2.4))), max(1, min(26, int(h / (size * 2.9))))
    gap_x, gap_y = w / columns, h / rows
    for row in range(rows):
        for column in range(columns):
            if site.dice.random() < lit * 0.6:
                path.rect(x + (column + 0.28) * gap_x, y + (row + 0.25) * gap_y, gap_x * 0.44, gap_y * 0.5)


def _houses(site: Site, plan: Plan, colors: Palette) -> None:
    """Shops and houses along the far pavement, each with its own front."""
    geo, dice = site.geometry, site.dice
    foot = geo.ground - 0.065 * geo.unit
    strip = Strip(0.45, foot, float(geo.height), solid=foot)
    count = max(5, round(geo.period / (0.3 * geo.unit)))
    wide = geo.period / count
    night = site.time is Time.NIGHT
    for i in range(count):
        x, tall = i * wide, geo.unit * dice.uniform(0.2, 0.36)
        top = foot - tall
        strip.top = min(strip.top, top - 0.02 * geo.unit)
        front = rgb(dice.choice(FACADES)).times(colors.stain.mixed(WHITE, 0.12))
        strip.items.append(
            Mark(Path().rect(x + 1, top, wide - 2, tall), down(top, foot, front, front.mixed(BLACK, 0.18)))
        )
        strip.items.append(
            Mark(Path().rect(x - 2, top - 0.012 * geo.unit, wide + 4, 0.018 * geo.unit), front.mixed(BLACK, 0.3))
        )
        panes = Path()
        _windows(site, panes, x + wide * 0.08, top + tall * 0.06, wide * 0.84, tall * 0.58, 0.028 * geo.unit, 1.3)
        strip.items.append(Mark(panes, rgb("#ffdf94").alpha(0.92) if night else colors.sky[0].mixed(WHITE, 0.35)))
        shop = rgb(dice.choice(NEON)) if night else front.mixed(WHITE, 0.35)
        strip.items.append(
            Mark(Path().rect(x + wide * 0.1, foot - tall * 0.28, wide * 0.8, tall * 0.28), shop.mixed(BLACK, 0.42))
        )
        strip.items.append(Mark(Path().rect(x + wide * 0.06, foot - tall * 0.33, wide * 0.88, tall * 0.07), shop))
        if night:
            strip.items.append(glow(x + wide / 2, foot - tall * 0.3, wide * 0.55, shop, 0.4))
    strip.items.append(Mark(Path().rect(0, foot - 1, geo.period, geo.height - foot + 1), colors.near))
    plan.strips.append(strip)


def _street(site: Site, plan: Plan, colors: Palette) -> None:
    """Pavement, kerb and road with dashes, lamps with their light by night."""
    geo = site.geometry
    top = geo.ground - 0.075 * geo.unit
    strip = Strip(1.0, top, float(geo.height), solid=top + 1)
    pave = colors.near.mixed(WHITE, 0.26)
    strip.items.append(Mark(Path().rect(0, top, geo.period, 0.035 * geo.unit), pave))
    strip.items.append(
        Mark(Path().rect(0, top + 0.03 * geo.unit, geo.period, 0.012 * geo.unit), pave.mixed(BLACK, 0.25))
    )
    road = top + 0.042 * geo.unit
    strip.items.append(
        Mark(Path().rect(0, road, geo.period, geo.height - road), down(road, geo.height, colors.near, colors.front))
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
    strip.items += [Mark(lines, rgb("#f4e6b8").times(colors.stain)), Mark(joints, pave.mixed(BLACK, 0.18))]
    plan.strips.append(strip)
    _lamps(site, plan, colors, top + 0.01 * geo.unit)


def _lamps(site: Site, plan: Plan, colors: Palette, foot: float) -> None:
    geo = site.geometry
    strip = Strip(0.97, foot - 0.44 * geo.unit, foot)
    post = rgb("#39404e").times(colors.stain.mixed(WHITE, 0.3))
    for x in site.spread(max(2, round(geo.width / (0.9 * geo.unit))), 0.1):
        top, w = foot - 0.36 * geo.unit, 0.007 * geo.unit
        path = Path().rect(x - w, top, 2 * w, 0.36 * geo.unit).rect(x - w, top - w, 0.07 * geo.unit, 2 * w)
        path.rect(x - 2 * w, foot - 0.03 * geo.unit, 4 * w, 0.03 * geo.unit)
        strip.items.append(Mark(path, post))
        head = x + 0.065 * geo.unit
        strip.items.append(
            Mark(Path().ellipse(head, top + 0.005 * geo.unit, 0.024 * geo.unit, 0.011 * geo.unit), rgb("#fff1c4"))
        )
        if site.time is not Time.DAY:
            strip.items.append(glow(head, top + 0.01 * geo.unit, 0.14 * geo.unit, rgb("#ffdf9a"), 0.55))
    plan.strips.append(strip)


def indoors(site: Site, plan: Plan, colors: Palette) -> None:
    """A room: papered wall with a window and pictures, a sofa and a plant, boards and a rug."""
    geo, dice = site.geometry, site.dice
    floor = geo.ground - 0.1 * geo.unit
    wall = Strip(0.6, 0.0, floor, solid=0.0)
    wall.items.append(Mark(Path().rect(0, 0, geo.period, floor), down(0, floor, colors.far, colors.middle)))
    stripes = Path()
    count = max(8, round(geo.period / (0.11 * geo.unit)))
    for i in range(count):
        stripes.rect(i * geo.period / count, 0, geo.period / count / 2, floor)
    wall.items.append(Mark(stripes, colors.middle.mixed(WHITE, 0.22).alpha(0.5)))
    board = colors.near.mixed(WHITE, 0.55)
    wall.items.append(Mark(Path().rect(0, floor - 0.04 * geo.unit, geo.period, 0.04 * geo.unit), board))
    if site.has("furniture"):
        _furnish(site, wall, colors, floor)
    plan.strips.append(wall)
    ground = Strip(1.0, floor, float(geo.height), solid=floor)
    ground.items.append(
        Mark(Path().rect(0, floor, geo.period, geo.height - floor), down(floor, geo.height, colors.near, colors.front))
    )
    seams = Path()
    for k in (0.1, 0.24, 0.42, 0.66):
        seams.rect(0, floor + k * (geo.height - floor), geo.period, 0.003 * geo.unit)
    for x in site.spread(14, 0.5):
        seams.rect(
            x,
            floor + dice.choice((0.1, 0.24, 0.42)) * (geo.height - floor),
            0.004 * geo.unit,
            0.15 * (geo.height - floor),
        )
    ground.items.append(Mark(seams, colors.front.mixed(BLACK, 0.18)))
    for x in site.spread(1, 0.2):
        for part, tone in ((1.0, colors.accent), (0.86, colors.accent.mixed(WHITE, 0.6)), (0.76, colors.accent)):
            rug = Path().ellipse(x, geo.ground + 0.025 * geo.unit, 0.6 * geo.unit * part, 0.075 * geo.unit * part)
            ground.items.append(Mark(rug, tone.times(colors.stain)))
    plan.strips.append(ground)


def _furnish(site: Site, wall: Strip, colors: Palette, floor: float) -> None:
    """Window, sofa, picture, plant and shelf, in turn along the wall."""
    geo, dice = site.geometry, site.dice
    count = max(5, round(geo.period / (0.52 * geo.unit)))
    names = ["window", "couch-and-lamp", "framed-picture", "potted-plant", "window", "books"]
    start = dice.randrange(len(names))
    for i, x in enumerate(site.spread(count, 0.12)):
        name = names[(start + i) % len(names)]
        hung = name in ("window", "framed-picture", "books")
        size = (
            geo.unit
            * {"window": 0.3, "couch-and-lamp": 0.36, "framed-picture": 0.17, "potted-plant": 0.24, "books": 0.12}[name]
        )
        foot = floor - 0.24 * geo.unit if hung else floor + 0.012 * geo.unit
        if name == "books":
            shelf = Path().rect(x - size * 0.9, foot, size * 1.8, 0.014 * geo.unit)
            wall.items.append(Mark(shelf, colors.near.mixed(BLACK, 0.1)))
        wall.items.append(Sticker(name, x, foot, size, False, colors.stain))
        if name == "window" and site.time is Time.DAY:
            wall.items.append(glow(x, foot - size / 2, size * 1.1, rgb("#fffbe0"), 0.3))
        if name == "couch-and-lamp":
            wall.items.append(glow(x + size * 0.36, foot - size * 0.85, size * 0.8, rgb("#fff0b8"), 0.5))
