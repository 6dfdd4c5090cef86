"""Renders one clip: draws the layers of the scenery once, then moves everything and draws frame after frame."""

import ctypes
import math
import random
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace

from wanserve.domain.generation import Generation
from wanserve.domain.ports import Frame, Report
from wanserve.domain.progress import Progress, Stage
from wanserve.engine.animatic import styles
from wanserve.engine.animatic.actor import Actor, MotionContext, Pose
from wanserve.engine.animatic.ambient_parts import AmbientParts
from wanserve.engine.animatic.art import ArtPack
from wanserve.engine.animatic.camera import ZOOM, ZOOMS, Camera, Window
from wanserve.engine.animatic.canvas import Band, Canvas, Layer, Painter, Part
from wanserve.engine.animatic.cast import draw_cast, reflect
from wanserve.engine.animatic.drawing import Item, translation
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.motion import pose
from wanserve.engine.animatic.moving import cross, follow_speed
from wanserve.engine.animatic.scene import Scene, Style
from wanserve.engine.animatic.scenery.elements import Scenery, ScrollingStrip
from wanserve.engine.animatic.scenery.places import build_scenery
from wanserve.engine.animatic.staging import stage


class ClipRenderer:
    """Renders one clip. Parts are added to the canvas in the order in which they are drawn.

    `scaled`: the frames are not of the video's size, and the encoder scales them. The leads in `hidden` are not drawn.
    """

    def __init__(
        self, painter: Painter, pack: ArtPack, scene: Scene, generation: Generation, hidden: frozenset[int]
    ) -> None:
        self.generation = generation
        self.scaled = scene.move in ZOOMS or scene.style is Style.PIXEL
        width, height = _drawn_size(scene, generation)
        self.camera = Camera(width, height, generation.seconds, scene.move)
        self.geometry = geo = Geometry(*self.camera.canvas, scene.shot, 0 if scene.move in ZOOMS else height)
        painter = painter.graded(None if scene.style is Style.PLAIN else styles.GRADES[scene.style])
        scenery = build_scenery(scene, geo, _rng(generation, scene.place))
        actors = stage(scene, scenery, geo, _rng(generation, "cast"), pack)
        self.camera = replace(self.camera, follow=follow_speed(actors, scene), focus=_focus(actors, geo))
        self.actors = cross(actors, self.camera.follow, generation.seconds, geo.width)
        self.context = _motion_context(self.camera, scenery, geo)
        self.bands = [Band(painter.layer(geo.width, geo.height, [(i, 0.0) for i in scenery.base]), 0)]
        drawn_strips = [self._draw_strip(painter, s) for s in _trim(scenery.strips)]
        self.canvas = Canvas(painter, geo.width, geo.height, self.bands)
        self.ambient_parts = AmbientParts(self.canvas, scenery, geo)
        self.strips = [self._images(s, layer) for s, layer in drawn_strips if s.depth <= 1]
        self.ambient_parts.add_near(scenery)
        self.puppets = draw_cast(self.canvas, pack, self.actors, scenery, hidden)
        self.strips += [self._images(s, layer) for s, layer in drawn_strips if s.depth > 1]
        self.puppets += reflect(self.canvas, pack, self.actors, scenery, hidden)
        self.ambient_parts.add_weather(scene, _rng(generation, "weather"), generation.seconds)
        self._add_texture(painter, scene, geo)
        self.pixel_art = scene.style is Style.PIXEL
        self._seen = (ctypes.c_uint32 * (geo.width * geo.height))()

    def _add_texture(self, painter: Painter, scene: Scene, geo: Geometry) -> None:
        items = styles.texture(scene.style, geo.width, geo.height, _rng(self.generation, "texture"))
        if items:
            plain = painter.graded(None)
            self.canvas.add_layer(plain.layer(geo.width, geo.height, [(item, 0.0) for item in items]))

    def _draw_strip(self, painter: Painter, strip: ScrollingStrip) -> tuple[ScrollingStrip, Layer]:
        """Draw a strip's layer. The opaque rows of the nearest ground become a band, which is copied, not blended."""
        period, width = self.geometry.period, self.geometry.width
        top, bottom = max(0, int(strip.top)), min(self.geometry.height, math.ceil(strip.bottom))
        solid = min(bottom, math.ceil(min(strip.solid, bottom)))
        if strip.depth == 1 and solid < bottom and len(self.bands) == 1:
            wide = painter.layer(period + width, bottom - solid, _repeated(strip.items, period, width), solid)
            self.bands[0] = Band(self.bands[0].layer.rows(0, solid), 0)
            self.bands.append(Band(wide, solid))
            bottom = solid
        rows = max(1, bottom - top)
        layer = painter.layer(period, rows, _repeated(strip.items, period, 0), top)
        return replace(strip, top=top, bottom=bottom, items=[]), layer

    def _images(self, strip: ScrollingStrip, layer: Layer) -> tuple[ScrollingStrip, Part, Part]:
        return strip, self.canvas.add_layer(layer), self.canvas.add_layer(layer)

    def frames(self, report: Report) -> Iterator[Frame]:
        """Draw frame after frame. Closes the canvas at the end, and where the iterator is closed early."""
        with self.canvas:
            count = self.generation.frames
            for k in range(count):
                report(Progress(k / count, Stage.ENCODE, k, count))
                yield self._frame(k / self.generation.fps)
            report(Progress(1.0, Stage.ENCODE, count, count))

    def _frame(self, t: float) -> Frame:
        scroll, period = self.context.scroll(t), self.geometry.period
        for strip, one, two in self.strips:
            x = round(-(scroll * strip.depth + strip.drift * self.geometry.width * t)) % period
            one.place(translation(x, strip.top))
            two.place(translation(x - period, strip.top))
        for band in self.bands[1:]:
            band.x = round(scroll) % period
        self.ambient_parts.draw(t, scroll)
        poses: dict[int, Pose] = {}
        for index, actor in enumerate(self.actors):
            carrier = poses.get(actor.base) if actor.base is not None else None
            poses[index] = pose(actor, self.context, t, carrier)
        for index, puppet in self.puppets:
            puppet.draw(poses[index], self.context, t)
        frame = self._cut(self.canvas.draw(), self.camera.window(t))
        return _enlarged(frame, self.generation) if self.pixel_art else frame

    def _cut(self, frame: Frame, window: Window) -> Frame:
        """The part of the frame that the camera sees. Whole rows are only viewed, others are copied."""
        _, width, _ = frame.shape or ()
        if window.width == width:
            return frame[window.y : window.y + window.height]
        line, row = width * 4, window.width * 4
        source = ctypes.addressof(self.canvas.pixels) + window.y * line + window.x * 4
        target = ctypes.addressof(self._seen)
        for y in range(window.height):
            ctypes.memmove(target + y * row, source + y * line, row)
        return memoryview(self._seen).cast("B")[: row * window.height].cast("B", (window.height, window.width, 4))


def _drawn_size(scene: Scene, generation: Generation) -> tuple[int, int]:
    """The size in which the frames are drawn: the video's, but small for pixel art."""
    if scene.style is not Style.PIXEL:
        return generation.width, generation.height
    part = max(1, round(min(generation.width, generation.height) / styles.PIXELS_ACROSS))
    return max(2, generation.width // part), max(2, generation.height // part)


def _enlarged(frame: Frame, generation: Generation) -> Frame:
    """A small frame with every pixel as a square, about as large as the video."""
    height, width, _ = frame.shape or ()
    times = max(1, min(generation.width // width, generation.height // height))
    small = array("I", frame.cast("B").tobytes())
    wide = array("I", bytes(4 * width * times * height))
    for k in range(times):
        wide[k::times] = small
    line = width * times
    rows = b"".join(wide[y * line : (y + 1) * line].tobytes() * times for y in range(height))
    return memoryview(rows).cast("B", (height * times, line, 4))


def _focus(actors: list[Actor], geometry: Geometry) -> tuple[float, float]:
    """Where the window of a zoom lies so that the first actor's upper half is in its middle, as camera.focus has it."""
    if not actors:
        return 0.5, 0.45
    first = actors[0]
    y = geometry.ground - first.raised - 0.6 * first.size
    return _inside(first.x / geometry.width), _inside(y / geometry.height)


def _inside(middle: float) -> float:
    part = 1 / ZOOM
    return min(1.0, max(0.0, (middle - part / 2) / (1 - part)))


def _rng(generation: Generation, purpose: str) -> random.Random:
    """A random generator for each purpose, so that a subject less does not change the hills or the rain."""
    return random.Random(f"{generation.seed} {purpose}")


def _motion_context(camera: Camera, scenery: Scenery, geometry: Geometry) -> MotionContext:
    """What the motions of all actors depend on."""
    if scenery.floor is None:
        return MotionContext(geometry, camera, geometry.ground)
    return MotionContext(geometry, camera, scenery.floor, 0.05)


def _trim(strips: list[ScrollingStrip]) -> list[ScrollingStrip]:
    """Cut off the part of each strip that a nearer strip hides."""
    trimmed: list[ScrollingStrip] = []
    for i, strip in enumerate(strips):
        hidden = min((s.solid for s in strips[i + 1 :]), default=math.inf)
        trimmed.append(replace(strip, bottom=max(strip.top + 1, min(strip.bottom, hidden))))
    return trimmed


def _repeated(items: Iterable[Item], period: int, extra: int) -> Iterator[tuple[Item, float]]:
    """Yield each item with every shift by a period at which it is visible on `period + extra` columns."""
    for item in items:
        left, right = item.span()
        for shift in (-period, 0, period):
            if left + shift < period + extra and right + shift > 0:
                yield item, shift
