"""Rasterises drawings with ThorVG. The only module of the engine that uses the drawing library.

A process makes one `Painter`. It draws layers, each of them once; a `Canvas` is drawn for each frame. ThorVG owns what
was added to a canvas and frees it with the canvas, so a canvas must be closed, and its parts not used after that.
"""

import ctypes
import re
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from thorvg_python.base import Colorspace, ColorStop, EngineOption, Matrix, PathCommand, PointStruct, Result
from thorvg_python.canvas.sw import SwCanvas
from thorvg_python.engine import Engine
from thorvg_python.gradient.linear import LinearGradient
from thorvg_python.gradient.radial import RadialGradient
from thorvg_python.paint.picture import Picture
from thorvg_python.paint.scene import Scene
from thorvg_python.paint.shape import Shape

from wanserve.domain.errors import EngineExhausted, EngineFailed
from wanserve.domain.ports import Frame
from wanserve.engine.animatic.color import Color, rgb
from wanserve.engine.animatic.drawing import Affine, Fill, FilledPath, Item, Linear, Path, Radial

RGBA = Colorspace.ABGR8888
"""ThorVG names colour spaces from the highest byte of a little-endian word: this one is R, G, B, A in memory."""

VERBS = (PathCommand.CLOSE, PathCommand.MOVE_TO, PathCommand.LINE_TO, PathCommand.CUBIC_TO)

ArtLookup = Callable[[str, Color | None, bool], tuple[str, Affine]]
"""From (name, light, mirrored) to the art's SVG, and the transform to 1 pixel of height with its feet at the origin."""


@dataclass(frozen=True)
class Layer:
    """Pixels that were drawn once: R, G, B, A with premultiplied alpha, `width` x `height` x 4 bytes."""

    pixels: bytes
    width: int
    height: int

    def rows(self, top: int, bottom: int) -> "Layer":
        """A horizontal slice of the layer."""
        line = self.width * 4
        return Layer(self.pixels[top * line : bottom * line], self.width, bottom - top)

    @property
    def address(self) -> int:
        """The address of the pixels, valid as long as the layer exists."""
        return ctypes.cast(ctypes.c_char_p(self.pixels), ctypes.c_void_p).value or 0


@dataclass
class Band:
    """Opaque rows that are copied under everything else, from pixel row `top` on. `x` is the first visible column."""

    layer: Layer
    top: int
    x: int = 0


class Part:
    """Something on a canvas that can be moved, faded and hidden from frame to frame.

    The bundled ThorVG does not move a gradient when only the transform of its shape changes (fixed upstream in pull
    request 4528). A change of the opacity makes it update, so a part that is `shaded` changes it there and back.
    """

    def __init__(self, paint: Shape | Picture | Scene, shaded: bool) -> None:
        self.paint = paint
        self._shaded = shaded
        self._opacity = 255

    def place(self, where: Affine) -> None:
        """Set the transform."""
        self.paint.set_transform(Matrix(*where, 0.0, 0.0, 1.0))
        if self._shaded:
            self.paint.set_opacity(self._opacity ^ 1)
            self.paint.set_opacity(self._opacity)

    def fade(self, alpha: float) -> None:
        """Set the opacity: 0.0 transparent, 1.0 opaque."""
        self._opacity = round(255 * min(1.0, max(0.0, alpha)))
        self.paint.set_opacity(self._opacity)

    def show(self, visible: bool) -> None:
        """Show or hide the part."""
        self.paint.set_visible(visible)


SVG_COLOR = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b")
"""A colour in the art's SVG, which names colours in no other way."""


class Painter:
    """Draws layers, and makes the shapes and pictures of a canvas. `art` finds the SVG of a sticker.

    `grade` changes every colour that is drawn; None: none of them.
    """

    def __init__(
        self, art: ArtLookup, engine: Engine | None = None, grade: Callable[[Color], Color] | None = None
    ) -> None:
        self.engine = engine or Engine(threads=0)
        self.art = art
        self.grade = grade

    def graded(self, grade: Callable[[Color], Color] | None) -> "Painter":
        """A painter with the same engine and art that changes every colour."""
        return Painter(self.art, self.engine, grade)

    def layer(self, width: int, height: int, items: Iterable[tuple[Item, float]], top: float = 0.0) -> Layer:
        """Draw the items, each shifted right by its number, on `width` x `height` pixels from y = `top` down."""
        with Canvas(self, width, height) as canvas:
            for item, right in items:
                canvas.add_item(item, Affine(c=right, f=-top))
            canvas.draw(clear=True)
            return Layer(bytes(canvas.pixels), width, height)

    def shape(self, path: Path, fill: Fill) -> Shape:
        """Make a filled path."""
        shape = Shape(self.engine)
        _trace(shape, path)
        if isinstance(fill, Color):
            shape.set_fill_color(*self._toned(fill))
        else:
            shape.set_gradient(self._gradient(fill))
        return shape

    def picture(self, svg: str) -> Picture:
        """Make a picture from SVG text."""
        if self.grade is not None:
            svg = SVG_COLOR.sub(lambda found: self._toned(rgb(found[0])).hex, svg)
        picture = Picture(self.engine)
        if picture.load_data(svg.encode(), "svg", None, True) != Result.SUCCESS:
            raise EngineFailed("the art pack holds a picture that cannot be drawn")
        return picture

    def _toned(self, color: Color) -> Color:
        return self.grade(color) if self.grade is not None else color

    def _gradient(self, fill: Linear | Radial) -> LinearGradient | RadialGradient:
        gradient: LinearGradient | RadialGradient
        if isinstance(fill, Linear):
            gradient = LinearGradient(self.engine)
            gradient.set(*fill.start, *fill.end)
        else:
            gradient = RadialGradient(self.engine)
            gradient.set(*fill.center, fill.r, *fill.center, 0.0)
        gradient.set_color_stops([ColorStop(s.at, *self._toned(s.color)) for s in fill.stops])
        return gradient


class Canvas:
    """`width` x `height` pixels and the parts on them, which are drawn in the order in which they were added."""

    def __init__(self, painter: Painter, width: int, height: int, bands: Sequence[Band] = ()) -> None:
        self.painter = painter
        self.width, self.height = width, height
        self._bands = bands
        self._canvas = SwCanvas(painter.engine, EngineOption.NONE)
        self._free = weakref.finalize(self, self._canvas.destroy)
        try:
            self._canvas.set_target(width, height, cs=RGBA)
        except MemoryError:
            raise EngineExhausted(f"no memory for a picture of {width} x {height}") from None
        if self._canvas.buffer_arr is None:
            raise EngineFailed(f"cannot draw a picture of {width} x {height}")
        self.pixels: ctypes.Array[ctypes.c_uint32] = self._canvas.buffer_arr
        self.frame: Frame = memoryview(self.pixels).cast("B").cast("B", (height, width, 4))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the canvas and its parts; the garbage collector does the same. Closing twice is not an error."""
        self._free()

    def add_path(self, path: Path, fill: Fill) -> Part:
        """Add a filled path."""
        return self._add(self.painter.shape(path, fill), not isinstance(fill, Color))

    def add_layer(self, layer: Layer) -> Part:
        """Add a layer. It is fastest where it is only translated."""
        picture = Picture(self.painter.engine)
        picture.load_raw(layer.pixels, layer.width, layer.height, RGBA, True)
        return self._add(picture, shaded=False)

    def add_art(self, svg: str, clip: Path | None = None) -> Part:
        """Add a picture from SVG text, clipped to `clip` in the picture's units."""
        picture = self.painter.picture(svg)
        if clip is None:
            return self._add(picture, "Gradient" in svg)
        picture.set_clip(self.painter.shape(clip, Color(0, 0, 0)))
        scene = Scene(self.painter.engine)
        scene.add(picture)
        return self._add(scene, "Gradient" in svg)

    def add_item(self, item: Item, shift: Affine) -> Part:
        """Add an item that will not move."""
        if isinstance(item, FilledPath):
            part = self.add_path(item.path, item.fill)
            part.place(shift)
            return part
        svg, fit = self.painter.art(item.art, item.light, item.mirrored)
        part = self.add_art(svg)
        stand = Affine(a=-item.height if item.mirrored else item.height, e=item.height, c=item.x, f=item.y)
        part.place(fit.then(stand).then(shift))
        return part

    def draw(self, clear: bool = False) -> Frame:
        """Draw all parts over the bands. The next draw overwrites the frame that is returned."""
        for band in self._bands:
            self._copy(band)
        self._canvas.update()
        self._canvas.draw(clear)
        self._canvas.sync()
        return self.frame

    def _copy(self, band: Band) -> None:
        """Copy a band row by row, or all at once where it is as wide as the frame."""
        line = self.width * 4
        target = ctypes.addressof(self.pixels) + band.top * line
        source, stride = band.layer.address + band.x * 4, band.layer.width * 4
        if stride == line:
            ctypes.memmove(target, source, line * band.layer.height)
            return
        for row in range(band.layer.height):
            ctypes.memmove(target + row * line, source + row * stride, line)

    def _add(self, paint: Shape | Picture | Scene, shaded: bool) -> Part:
        self._canvas.add(paint)
        return Part(paint, shaded)


def _trace(shape: Shape, path: Path) -> None:
    if path.verbs:
        shape.append_path([VERBS[v] for v in path.verbs], [PointStruct(x, y) for x, y in path.points])
