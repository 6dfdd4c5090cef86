"""Reads the art pack, Noto Emoji pictures as SVG, and changes their colours by the light of the scene."""

import json
import lzma
import re
from dataclasses import dataclass
from importlib import resources

from wanserve.domain.errors import SetupError
from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.drawing import Affine, Path

FILL = re.compile(r'fill="(#[0-9a-fA-F]{3,6})"')
PAINTS = re.compile(r'(fill|stroke|stop-color)="(#[0-9a-fA-F]{6}|#[0-9a-fA-F]{3})"')
PAINTED_GROUP = re.compile(r"<g[^>]*\bfill=")
UNPAINTED = re.compile(r"<(path|circle|ellipse|rect|polygon)(?![^>]*\bfill=)")
PAINT = re.compile(r'(fill|stroke)="(?!none)[^"]*"')
HEAD = '<svg xmlns="http://www.w3.org/2000/svg" width="128" height="128" viewBox="0 0 128 128">'


@dataclass(frozen=True, slots=True)
class Light:
    """The light on a subject: the colours that multiply its shaded and its lit side, and where the light comes from.

    `from_x` and `from_y` are a direction on the screen, -1 to 1, y down: (-1, -1) is the upper left.
    """

    shade: Color
    lit: Color
    from_x: float = -0.6
    from_y: float = -0.8


@dataclass(frozen=True, slots=True)
class Art:
    """One picture: its SVG body in a box of 128 units, and its bounds in the box: left, top, right, bottom.

    `split` is where the fore legs end and the hind legs begin, as a fraction of the width.
    """

    name: str
    body: str
    box: tuple[float, float, float, float]
    split: float = 0.5

    @property
    def width(self) -> float:
        """In the picture's own units."""
        return self.box[2] - self.box[0]

    @property
    def height(self) -> float:
        """In the picture's own units."""
        return self.box[3] - self.box[1]

    def fit(self) -> Affine:
        """The transform that moves the middle of the feet to the origin and scales the height to 1."""
        k = 1 / self.height
        return Affine(a=k, e=k, c=-k * (self.box[0] + self.box[2]) / 2, f=-k * self.box[3])

    def cut(self, left: float, top: float, right: float, bottom: float) -> Path:
        """A rectangle in fractions of the bounds, 0.0 to 1.0. A side at an edge of the bounds is moved outwards."""
        x0, y0 = self.box[0] + left * self.width, self.box[1] + top * self.height
        x1, y1 = self.box[0] + right * self.width, self.box[1] + bottom * self.height
        grow = 20.0
        x0, y0 = x0 - grow * (left <= 0), y0 - grow * (top <= 0)
        x1, y1 = x1 + grow * (right >= 1), y1 + grow * (bottom >= 1)
        return Path().rect(x0, y0, x1 - x0, y1 - y0)

    def _painted(self) -> str:
        """The SVG body with an explicit colour where it uses SVG's default, black."""
        if PAINTED_GROUP.search(self.body):
            return self.body
        return UNPAINTED.sub(r'<\1 fill="#000000"', self.body)

    def svg(self) -> str:
        """The SVG in the original colours."""
        return f"{HEAD}{self.body}</svg>"

    def stained(self, light: Color) -> str:
        """The SVG under an even light of this colour."""
        body = self._painted()
        return f"{HEAD}{PAINTS.sub(lambda m: _paint(m, _under(rgb(m[2]), light)), body)}</svg>"

    def silhouette(self, color: Color) -> str:
        """The SVG with every colour replaced by this one."""
        body = self._painted()
        return f"{HEAD}{PAINT.sub(lambda m: _paint(m, color), body)}</svg>"

    def lit(self, light: Light, mirrored: bool, tint: Color | None = None) -> str:
        """The SVG lit from one side: each plain colour becomes a gradient across the whole picture.

        `mirrored`: the picture will be drawn mirrored, so the gradient is mirrored too. `tint` dyes the picture.
        """
        body = self._painted()
        x = -light.from_x if mirrored else light.from_x
        mid_x, mid_y = (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2
        reach_x, reach_y = x * self.width / 2, light.from_y * self.height / 2
        line = (
            f'gradientUnits="userSpaceOnUse" x1="{mid_x + reach_x:.1f}" y1="{mid_y + reach_y:.1f}" '
            f'x2="{mid_x - reach_x:.1f}" y2="{mid_y - reach_y:.1f}"'
        )
        middle = light.lit.mixed(light.shade, 0.5)
        defs = []
        for i, text in enumerate(sorted(set(FILL.findall(body)))):
            color = _dyed(rgb(text), tint)
            bright = _under(color, light.lit).mixed(light.lit, 0.10)
            defs.append(
                f'<linearGradient id="lit{i}" {line}><stop offset="0" stop-color="{bright.hex}"/>'
                f'<stop offset=".45" stop-color="{_under(color, middle).hex}"/>'
                f'<stop offset="1" stop-color="{_under(color, light.shade).hex}"/></linearGradient>'
            )
            body = body.replace(f'fill="{text}"', f'fill="url(#lit{i})"')
        body = PAINTS.sub(lambda m: _paint(m, _under(_dyed(rgb(m[2]), tint), middle)), body)
        return f"{HEAD}<defs>{''.join(defs)}</defs>{body}</svg>"


class ArtPack:
    """The pictures by name."""

    def __init__(self, arts: dict[str, Art]) -> None:
        self.arts = arts

    def __contains__(self, name: object) -> bool:
        return name in self.arts

    def __getitem__(self, name: str) -> Art:
        return self.arts[name]

    def sticker(self, name: str, light: Color | None, mirrored: bool) -> tuple[str, Affine]:
        """The SVG and the transform of a picture, as `canvas.ArtLookup` describes them."""
        art = self.arts[name]
        return (art.svg() if light is None else art.stained(light)), art.fit()


def load_pack() -> ArtPack:
    """Read the pack from the package's data. Raises SetupError where it is missing or damaged."""
    file = resources.files("wanserve.engine.animatic") / "art.json.xz"
    try:
        pack = json.loads(lzma.decompress(file.read_bytes()))
    except (OSError, lzma.LZMAError, ValueError) as error:
        raise SetupError(f"the animatic's art pack cannot be read ({error}); install wanserve again") from error
    return ArtPack({name: Art(name, art["svg"], (*art["box"],), art["split"]) for name, art in pack.items()})


def _paint(match: re.Match[str], color: Color) -> str:
    return f'{match[1]}="{color.hex}"'


def _dyed(color: Color, tint: Color | None) -> Color:
    """The colour dyed with the tint. The lightness stays, so that eyes stay dark and teeth white; panes stay pale blue."""
    if tint is None:
        return color
    strongest = max(color[:3])
    light = (strongest + sum(color[:3]) / 3) / 2
    glass = strongest == color.b > 220 and color.g > 180
    if strongest - min(color[:3]) < 40 or glass:
        return color
    toned = tint.brightened(light / 150) if light < 150 else tint.mixed(WHITE, (light - 150) / 230)
    return toned.mixed(BLACK, 0.04)


def _under(color: Color, light: Color) -> Color:
    """The colour under this light. A bluish light also reduces the saturation, as moonlight does."""
    chill = min(0.26, max(0.0, (light.b - light.r) / 255 * 1.2))
    gray = round(0.3 * color.r + 0.59 * color.g + 0.11 * color.b)
    return color.mixed(Color(gray, gray, gray), chill).times(light)
