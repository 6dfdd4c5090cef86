"""Knows where the wheels of the pictures are, and draws spokes that turn on them. Pure."""

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from wanserve.engine.animatic.drawing import Path


class Wheel(NamedTuple):
    """A wheel of a picture in the picture's box of 128 units: its middle and its radius."""

    x: float
    y: float
    r: float


def _wheels(text: str) -> tuple[Wheel, ...]:
    return tuple(Wheel(*map(float, each.split(","))) for each in text.split())


WHEELS: Mapping[str, tuple[Wheel, ...]] = MappingProxyType(
    {
        name: _wheels(text)
        for name, text in {
            "ambulance": "27.5,111,12 106,109.6,12",
            "articulated-lorry": "28,113,10 68.6,113,10 93.2,113,10 113,113,10",
            "auto-rickshaw": "20,107.3,15 102.6,107.3,15",
            "automobile": "28.7,110.7,13 102.6,109.6,13",
            "bicycle": "27.5,100,24 101.4,100,24",
            "bus": "20.5,111,12 96,111,12",
            "delivery-truck": "33.4,110.2,13 99,110.2,13",
            "fire-engine": "22.3,111.4,12 92.6,111.4,12",
            "kick-scooter": "21,111,12 108,113.7,10",
            "locomotive": "76,108.5,13 106.7,108.5,13",
            "minibus": "22.3,112.5,11 94.4,112.5,11",
            "motor-scooter": "22.3,105,17 103,105,17",
            "motorcycle": "18.2,105.5,18 107.3,105.5,18",
            "pickup-truck": "20.5,110,13 98.5,110,13",
            "police-car": "32.2,109.6,13 102.6,109.6,13",
            "racing-car": "32.8,107.3,14 102,107.3,14",
            "railway-car": "23,115,9 46.7,115,9 82.1,115,9 105.9,115,9",
            "sport-utility-vehicle": "27,109.6,13 92.6,109.6,13",
            "taxi": "31.6,109.6,13 102,109.6,13",
            "tractor": "30,103,19 99,100.2,23",
            "tram-car": "37.4,115,9 90.6,115,9",
            "trolleybus": "21,113,11 99,113,11",
        }.items()
    }
)

SPOKES = 3
REACH = 0.6
"""How far the spokes reach, as a part of the radius."""


def spokes(wheel: Wheel) -> Path:
    """Bars across a wheel, about the origin."""
    path = Path()
    long, half = REACH * wheel.r, 0.07 * wheel.r
    for k in range(SPOKES):
        cos, sin = math.cos(math.pi * k / SPOKES), math.sin(math.pi * k / SPOKES)
        corners = ((-long, -half), (long, -half), (long, half), (-long, half))
        path.polygon([(x * cos - y * sin, x * sin + y * cos) for x, y in corners])
    return path
