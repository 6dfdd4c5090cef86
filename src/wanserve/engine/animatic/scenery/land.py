"""Knows open country: meadow, the hills of night and sunset."""

from wanserve.engine.animatic.color import BLACK, WHITE, Color
from wanserve.engine.animatic.drawing import Mark, Path, Sticker, down
from wanserve.engine.animatic.scenery.palette import Palette
from wanserve.engine.animatic.scenery.plan import Plan, Site, Strip, height_at, tuft
from wanserve.engine.animatic.scenery.sky import clouds

FLOWERS = ("tulip", "sunflower", "blossom", "hibiscus", "cherry-blossom", "rose")


def hills(
    site: Site, plan: Plan, colors: Palette, depth: float, rise: float, swell: float, color: Color
) -> list[tuple[float, float]]:
    """One range of hills whose middle is `rise` units above the horizon; returns its line."""
    geo = site.geometry
    line = site.ridge(geo.horizon - rise * geo.unit, swell * geo.unit, (2, 3, 5))
    top = min(y for _, y in line)
    strip = Strip(depth, top, float(geo.height), solid=max(y for _, y in line))
    shade = color.mixed(colors.sky[-1], 0.35)
    strip.items.append(Mark(Path().ridge(line, geo.height), down(top, geo.ground, color, shade)))
    plan.strips.append(strip)
    return line


def ground(site: Site, plan: Plan, colors: Palette) -> Strip:
    """The ground that the subjects stand on; returns its strip for what grows on it."""
    geo = site.geometry
    line = site.ridge(geo.ground - 0.09 * geo.unit, 0.012 * geo.unit, (2, 5))
    strip = Strip(1.0, min(y for _, y in line) - 0.03 * geo.unit, float(geo.height), solid=max(y for _, y in line) + 1)
    lit, dark = colors.near.mixed(WHITE, 0.08), colors.near.mixed(BLACK, 0.1).mixed(colors.front, 0.6)
    strip.items.append(Mark(Path().ridge(line, geo.height), down(geo.ground - 0.1 * geo.unit, geo.height, lit, dark)))
    plan.strips.append(strip)
    return strip


def grass(site: Site, strip: Strip, colors: Palette, count: int = 70) -> None:
    """Tufts all over the ground, larger towards the front."""
    if not site.has("grass"):
        return
    geo, dice = site.geometry, site.dice
    for shade, part in ((colors.near.scaled(0.86), 0.5), (colors.near.scaled(1.14), 0.5)):
        path = Path()
        for x in site.spread(int(count * part), 0.5):
            near = dice.random()
            y = geo.ground - 0.07 * geo.unit + near * 0.2 * geo.unit
            path.add(tuft(x, y, geo.unit * (0.012 + 0.02 * near), dice.uniform(-0.4, 0.4)))
        strip.items.append(Mark(path, shade))


def flowers(site: Site, strip: Strip, colors: Palette, count: int = 26) -> None:
    """Flowers in the grass, in rows from far to near."""
    if not site.has("flowers"):
        return
    geo, dice = site.geometry, site.dice
    spots = sorted((dice.random(), x) for x in site.spread(count, 0.5))
    for near, x in spots:
        y = geo.ground - 0.06 * geo.unit + near * 0.19 * geo.unit
        size = geo.unit * (0.035 + 0.035 * near)
        strip.items.append(Sticker(dice.choice(FLOWERS), x, y, size, dice.random() < 0.5, colors.stain))


def trees_on(
    site: Site,
    plan: Plan,
    colors: Palette,
    line: list[tuple[float, float]],
    names: tuple[str, ...],
    count: int,
    size: float,
) -> None:
    """Trees along the last strip's ridge."""
    if not site.has("trees"):
        return
    strip, geo = plan.strips[-1], site.geometry
    for x in site.spread(count):
        tall = site.around(size * geo.unit, 0.3)
        y = height_at(line, x) + tall * 0.08
        strip.top = min(strip.top, y - tall * 1.05)
        stain = colors.stain.mixed(colors.far, 0.35 * (1 - strip.depth))
        strip.items.insert(0, Sticker(site.dice.choice(names), x, y, tall, site.dice.random() < 0.5, stain))


def front_grass(site: Site, plan: Plan, colors: Palette) -> None:
    """Tall blades at the very front, dark and passing fast."""
    if not site.has("grass"):
        return
    geo, dice = site.geometry, site.dice
    strip = Strip(1.7, geo.height - 0.1 * geo.unit, float(geo.height))
    path = Path()
    for x in site.spread(16, 0.5):
        path.add(tuft(x, geo.height + 0.01 * geo.unit, geo.unit * dice.uniform(0.04, 0.085), dice.uniform(-0.4, 0.4)))
    strip.items.append(Mark(path, colors.front.scaled(0.62)))
    plan.strips.append(strip)


def meadow(site: Site, plan: Plan, colors: Palette) -> None:
    """Green hills with a few trees, grass and flowers."""
    clouds(site, plan, colors)
    hills(site, plan, colors, 0.12, 0.1, 0.05, colors.far)
    line = hills(site, plan, colors, 0.3, 0.02, 0.035, colors.middle)
    trees_on(site, plan, colors, line, ("deciduous-tree",), 7, 0.16)
    strip = ground(site, plan, colors)
    grass(site, strip, colors)
    flowers(site, strip, colors)
    front_grass(site, plan, colors)


def night_hills(site: Site, plan: Plan, colors: Palette) -> None:
    """Dark hills under the moon."""
    clouds(site, plan, colors, 3, 0.004)
    hills(site, plan, colors, 0.1, 0.12, 0.06, colors.far)
    line = hills(site, plan, colors, 0.26, 0.03, 0.04, colors.middle)
    trees_on(site, plan, colors, line, ("evergreen-tree", "deciduous-tree"), 9, 0.13)
    strip = ground(site, plan, colors)
    grass(site, strip, colors)
    front_grass(site, plan, colors)


def sunset_hills(site: Site, plan: Plan, colors: Palette) -> None:
    """Hills against the low sun."""
    clouds(site, plan, colors, 7, 0.004)
    hills(site, plan, colors, 0.1, 0.09, 0.05, colors.far)
    line = hills(site, plan, colors, 0.28, 0.02, 0.035, colors.middle)
    trees_on(site, plan, colors, line, ("deciduous-tree",), 6, 0.15)
    strip = ground(site, plan, colors)
    grass(site, strip, colors)
    front_grass(site, plan, colors)
