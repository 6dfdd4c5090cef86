"""Gives a picture the look of a style: a change of every colour, and a texture over the whole frame. Pure."""

import colorsys
import random
from collections.abc import Callable, Mapping

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import FilledPath, Item, Path, Radial, Stop
from wanserve.engine.animatic.scene import Style

Grade = Callable[[Color], Color]
"""From a colour of the plain picture to the style's. Keeps the alpha."""

PIXELS_ACROSS = 160
"""How many large pixels the shorter side of a frame has in pixel art."""

PAPER = rgb("#f6efe0")
SEPIA = rgb("#6b4a2a")
INK = rgb("#2f2f38")


def luma(color: Color) -> int:
    """The brightness of a colour, 0 to 255 (BT.601 weights)."""
    return round(0.299 * color.r + 0.587 * color.g + 0.114 * color.b)


def _plain(color: Color) -> Color:
    return color


def _watercolor(color: Color) -> Color:
    """Paler, as pigment on white paper."""
    return _saturated(color, 0.82).mixed(PAPER, 0.26)


def _oil(color: Color) -> Color:
    """Deep and warm, with strong contrasts."""
    return _contrasted(_saturated(color, 1.3), 1.1).mixed(rgb("#c98a3a"), 0.07)


def _black_and_white(color: Color) -> Color:
    gray = luma(color)
    return _contrasted(Color(gray, gray, gray, color.a), 1.12)


def _sketch(color: Color) -> Color:
    """Graphite on paper: light tones become paper, dark ones ink."""
    return INK.mixed(PAPER, min(1.0, (luma(color) / 255) ** 0.75)).alpha(color.a / 255)


def _anime(color: Color) -> Color:
    """Clear, bright colours in few steps."""
    return _stepped(_saturated(color, 1.32), 24).mixed(WHITE, 0.04)


def _neon(color: Color) -> Color:
    """Darkness in violet, lights in magenta and cyan."""
    gray = luma(color) / 255
    hue, light, saturation = colorsys.rgb_to_hls(color.r / 255, color.g / 255, color.b / 255)
    target = 0.88 if hue < 0.2 or hue > 0.72 else 0.52 + 0.16 * (hue - 0.2)
    r, g, b = colorsys.hls_to_rgb(target, light * (0.35 + 0.75 * gray), min(1.0, saturation * 1.25 + 0.22))
    return Color(round(r * 255), round(g * 255), round(b * 255), color.a)


def _pixel(color: Color) -> Color:
    return _stepped(_saturated(color, 1.15), 36)


def _vintage(color: Color) -> Color:
    """Brown as an old photograph, faded in the shadows."""
    gray = luma(color)
    toned = SEPIA.mixed(rgb("#f5e6c8"), gray / 255)
    return color.mixed(toned, 0.78).mixed(rgb("#8a6f4d"), 0.08)


def _paper(color: Color) -> Color:
    """Matt coloured paper."""
    return _stepped(_saturated(color, 0.92), 20).mixed(PAPER, 0.1)


GRADES: Mapping[Style, Grade] = {
    Style.PLAIN: _plain,
    Style.WATERCOLOR: _watercolor,
    Style.OIL: _oil,
    Style.BLACK_AND_WHITE: _black_and_white,
    Style.SKETCH: _sketch,
    Style.ANIME: _anime,
    Style.NEON: _neon,
    Style.PIXEL: _pixel,
    Style.VINTAGE: _vintage,
    Style.PAPER: _paper,
}


def texture(style: Style, width: int, height: int, rng: random.Random) -> list[Item]:
    """What lies over the whole frame: the grain of paper, strokes of a brush, a dark or pale border. Often nothing."""
    unit = min(width, height)
    if style in (Style.WATERCOLOR, Style.PAPER):
        return [*_blots(width, height, unit, rng), _border(width, height, PAPER, 0.75)]
    if style is Style.SKETCH:
        return [_hatching(width, height, unit, rng), _border(width, height, PAPER, 0.9)]
    if style is Style.OIL:
        return _strokes(width, height, unit, rng)
    if style in (Style.VINTAGE, Style.BLACK_AND_WHITE):
        return [_border(width, height, BLACK, 0.42)]
    if style is Style.NEON:
        return [_border(width, height, rgb("#12042e"), 0.5)]
    return []


def _border(width: int, height: int, color: Color, strength: float) -> Item:
    """A border that fades towards the middle."""
    reach = 0.62 * (width**2 + height**2) ** 0.5
    stops = (Stop(0.0, color.alpha(0)), Stop(0.62, color.alpha(0)), Stop(1.0, color.alpha(strength)))
    return FilledPath(Path().rect(0, 0, width, height), Radial((width / 2, height / 2), reach, stops))


def _blots(width: int, height: int, unit: int, rng: random.Random) -> list[Item]:
    """Pale blots where the water dried, and the tooth of the paper."""
    tooth, blots = Path(), Path()
    for _ in range(420):
        tooth.circle(rng.uniform(0, width), rng.uniform(0, height), unit * rng.uniform(0.0012, 0.003))
    for _ in range(16):
        radius = unit * rng.uniform(0.05, 0.16)
        blots.ellipse(rng.uniform(0, width), rng.uniform(0, height), radius, radius * rng.uniform(0.5, 0.9))
    return [FilledPath(blots, WHITE.alpha(0.09)), FilledPath(tooth, WHITE.alpha(0.3))]


def _hatching(width: int, height: int, unit: int, rng: random.Random) -> Item:
    """Fine slanting lines all over the paper."""
    lines = Path()
    x = -0.4 * height
    while x < width:
        x += unit * rng.uniform(0.012, 0.02)
        thick = unit * rng.uniform(0.0006, 0.0013)
        lines.polygon([(x, height), (x + thick, height), (x + 0.4 * height + thick, 0), (x + 0.4 * height, 0)])
    return FilledPath(lines, INK.alpha(0.1))


def _strokes(width: int, height: int, unit: int, rng: random.Random) -> list[Item]:
    """Short curved strokes of a brush, lighter and darker ones."""
    strokes: list[Item] = []
    for color, alpha in ((WHITE, 0.1), (BLACK, 0.09)):
        path = Path()
        for _ in range(170):
            x, y = rng.uniform(0, width), rng.uniform(0, height)
            long, thick, bend = unit * rng.uniform(0.04, 0.1), unit * 0.007, unit * rng.uniform(-0.02, 0.02)
            path.move(x, y).curve((x + long * 0.3, y + bend), (x + long * 0.7, y + bend), (x + long, y))
            path.curve((x + long * 0.7, y + bend + thick), (x + long * 0.3, y + bend + thick), (x, y)).close()
        strokes.append(FilledPath(path, color.alpha(alpha)))
    return strokes


def _saturated(color: Color, factor: float) -> Color:
    gray = luma(color)
    r, g, b = (min(255, max(0, round(gray + (x - gray) * factor))) for x in color[:3])
    return Color(r, g, b, color.a)


def _contrasted(color: Color, factor: float) -> Color:
    r, g, b = (min(255, max(0, round(128 + (x - 128) * factor))) for x in color[:3])
    return Color(r, g, b, color.a)


def _stepped(color: Color, step: int) -> Color:
    r, g, b = (min(255, step * round(x / step)) for x in color[:3])
    return Color(r, g, b, color.a)
