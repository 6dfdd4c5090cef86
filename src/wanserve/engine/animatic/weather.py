"""Draws the weather: rain, snow, leaves, gusts, fog, lightning, and the bubbles under water. Pure.

A particle layer is one path that repeats in both directions, so that it can move at its speed without end.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from wanserve.engine.animatic.color import WHITE, Color, rgb
from wanserve.engine.animatic.drawing import Path, glow
from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scene import Weather
from wanserve.engine.animatic.scenery.elements import ParticleLayer, ScrollingStrip

DROPS = ((0.5, 70, 0.25), (0.75, 50, 0.34), (1.15, 26, 0.42))
FLAKES = ((0.4, 90, 0.75), (0.7, 60, 0.85), (1.1, 34, 0.95), (1.8, 12, 0.8))
"""The nearness, the number and the alpha of each layer, from far to near."""

LEAVES = ("#d98a3a", "#c65f3a", "#e0b040")


@dataclass(frozen=True, slots=True)
class Flash:
    """Lightning: when it strikes, in seconds, and its bolt."""

    at: float
    bolt: Path


def particle_layers(weather: Weather, geometry: Geometry, rng: random.Random) -> list[ParticleLayer]:
    """The particles of this weather, from far to near."""
    if weather in (Weather.RAIN, Weather.STORM):
        heavy = 1.5 if weather is Weather.STORM else 1.0
        slant = (0.34 if weather is Weather.STORM else 0.14) * rng.choice((-1, 1))
        return [_rain(geometry, rng, near, round(n * heavy), alpha, slant) for near, n, alpha in DROPS]
    if weather is Weather.SNOW:
        return [_flakes(geometry, rng, near, n, alpha) for near, n, alpha in FLAKES]
    if weather is Weather.WIND:
        side = rng.choice((-1, 1))
        return [
            _gusts(geometry, rng, side),
            _leaves(geometry, rng, 12, 0.014, side * 0.62),
            _leaves(geometry, rng, 8, 0.022, side * 0.85),
        ]
    return []


def bubbles(geometry: Geometry, rng: random.Random) -> list[ParticleLayer]:
    """Bubbles that rise under water."""
    return [_rising(geometry, rng, *kind) for kind in ((0.004, 26, 0.1), (0.009, 14, 0.16), (0.016, 5, 0.22))]


def fog(geometry: Geometry, rng: random.Random, air: Color) -> list[ScrollingStrip]:
    """Banks of fog, in front of and behind the subjects."""
    u = geometry.unit
    banks = []
    for depth, y, alpha, drift in (
        (0.3, geometry.horizon - 0.1 * u, 0.8, 0.012),
        (0.6, geometry.horizon + 0.02 * u, 0.75, -0.014),
        (0.9, geometry.ground - 0.06 * u, 0.5, -0.018),
        (1.2, geometry.ground + 0.1 * u, 0.6, 0.022),
    ):
        strip = ScrollingStrip(depth, y - 0.26 * u, min(float(geometry.height), y + 0.2 * u), drift=drift)
        step = geometry.period / 14
        for k in range(14):
            x = (k + rng.uniform(0.2, 0.8)) * step
            strip.items.append(glow(x, y + u * rng.uniform(-0.06, 0.06), u * rng.uniform(0.14, 0.22), air, alpha))
        banks.append(strip)
    return banks


def flashes(geometry: Geometry, rng: random.Random, seconds: float) -> list[Flash]:
    """A flash of lightning about every two seconds, at random places."""
    found: list[Flash] = []
    at = rng.uniform(0.4, 1.2)
    while at < seconds and len(found) < 200:
        found.append(Flash(at, _bolt(geometry, rng)))
        at += rng.uniform(1.3, 2.6)
    return found


def scatter(
    geometry: Geometry, rng: random.Random, count: int, draw: Callable[[float, float], Path]
) -> tuple[Path, float, float]:
    """Draw `count` particles in a tile larger than the frame, repeated to the right and below. Returns its size too."""
    wide, tall = geometry.width * 1.1, geometry.height * 1.1
    path = Path()
    for _ in range(count):
        one = draw(rng.uniform(0, wide), rng.uniform(0, tall))
        for dx in (0.0, wide):
            for dy in (0.0, tall):
                path.add(one, dx, dy)
    return path, wide, tall


def _rising(geometry: Geometry, rng: random.Random, size: float, count: int, pace: float) -> ParticleLayer:
    u = geometry.unit
    path, wide, tall = scatter(geometry, rng, count, lambda x, y: _bubble(x, y, u * size * rng.uniform(0.6, 1.2)))
    return ParticleLayer(path, WHITE.alpha(0.34), wide, tall, (0.0, -u * pace), u * 0.012, 0.6)


def _leaves(geometry: Geometry, rng: random.Random, count: int, size: float, pace: float) -> ParticleLayer:
    u = geometry.unit
    path, wide, tall = scatter(geometry, rng, count, lambda x, y: _leaf(x, y, u * size, rng))
    return ParticleLayer(path, rgb(rng.choice(LEAVES)), wide, tall, (u * pace, u * 0.09), u * 0.05, 0.8)


def _rain(geometry: Geometry, rng: random.Random, near: float, count: int, alpha: float, slant: float) -> ParticleLayer:
    u = geometry.unit
    length, thick = u * 0.05 * near, max(0.7, u * 0.0016 * near)
    path, wide, tall = scatter(geometry, rng, count, lambda x, y: _streak(x, y, length, thick, slant))
    speed = u * 1.9 * near
    return ParticleLayer(path, rgb("#d6e6fa").alpha(alpha), wide, tall, (speed * slant, speed), depth=near * 0.5)


def _flakes(geometry: Geometry, rng: random.Random, near: float, count: int, alpha: float) -> ParticleLayer:
    u = geometry.unit
    path, wide, tall = scatter(
        geometry, rng, count, lambda x, y: _disc(x, y, max(0.7, u * 0.0042 * near * rng.uniform(0.7, 1.25)))
    )
    return ParticleLayer(
        path, WHITE.alpha(alpha), wide, tall, (u * 0.03 * near, u * 0.17 * near), u * 0.03 * near, near * 0.5
    )


def _gusts(geometry: Geometry, rng: random.Random, side: int) -> ParticleLayer:
    u = geometry.unit
    path, wide, tall = scatter(geometry, rng, 9, lambda x, y: _swoosh(x, y, u * rng.uniform(0.12, 0.3), u * 0.0022))
    return ParticleLayer(path, WHITE.alpha(0.34), wide, tall, (side * u * 1.1, u * 0.01), 0.0, 0.8)


def _streak(x: float, y: float, length: float, thick: float, slant: float) -> Path:
    return Path().polygon(
        [(x, y), (x + thick, y), (x + thick + slant * length, y + length), (x + slant * length, y + length)]
    )


def _disc(x: float, y: float, r: float) -> Path:
    points = [(x + r * math.cos(k * math.tau / 7), y + r * math.sin(k * math.tau / 7)) for k in range(7)]
    return Path().polygon(points) if r < 3 else Path().circle(x, y, r)


def _bubble(x: float, y: float, r: float) -> Path:
    """A ring with a highlight."""
    return Path().circle(x, y, r).ellipse(x, y, -r * 0.8, r * 0.8).circle(x - r * 0.35, y - r * 0.35, r * 0.2)


def _leaf(x: float, y: float, size: float, rng: random.Random) -> Path:
    angle = rng.uniform(0, math.tau)
    tip = (x + size * math.cos(angle), y + size * math.sin(angle))
    side = (-size * 0.55 * math.sin(angle), size * 0.55 * math.cos(angle))
    middle = ((x + tip[0]) / 2, (y + tip[1]) / 2)
    left, right = (middle[0] + side[0], middle[1] + side[1]), (middle[0] - side[0], middle[1] - side[1])
    return Path().move(x, y).curve(left, left, tip).curve(right, right, (x, y)).close()


def _swoosh(x: float, y: float, length: float, thick: float) -> Path:
    path = (
        Path()
        .move(x, y)
        .curve((x + length * 0.3, y - length * 0.06), (x + length * 0.7, y + length * 0.06), (x + length, y))
    )
    return path.curve(
        (x + length * 0.7, y + length * 0.06 + thick), (x + length * 0.3, y - length * 0.06 + thick), (x, y)
    ).close()


def _bolt(geometry: Geometry, rng: random.Random) -> Path:
    x, step = geometry.width * rng.uniform(0.15, 0.85), geometry.horizon / 7
    line = [(x, 0.0)]
    for k in range(7):
        line.append((line[-1][0] + geometry.unit * rng.uniform(-0.06, 0.06), step * (k + 1)))
    w = geometry.unit * 0.006
    return Path().polygon(
        [
            *[(px - w * (1 - i / 8), py) for i, (px, py) in enumerate(line)],
            *[(px + w * (1 - i / 8), py) for i, (px, py) in reversed(list(enumerate(line)))],
        ]
    )
