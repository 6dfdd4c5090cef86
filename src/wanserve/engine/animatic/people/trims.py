"""Draws what is on a garment, by the names that outfits use. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

from wanserve.engine.animatic.people.collars import COLLARS
from wanserve.engine.animatic.people.details import DETAILS
from wanserve.engine.animatic.people.garments import TrimDrawer
from wanserve.engine.animatic.people.ink import Ink
from wanserve.engine.animatic.people.jackets import JACKETS
from wanserve.engine.animatic.people.trunk import Trunk

TRIMS: Mapping[str, TrimDrawer] = MappingProxyType({**COLLARS, **JACKETS, **DETAILS})


def trims(trunk: Trunk) -> list[Ink]:
    """All that is on the garment, in the order in which the outfit names it."""
    return [ink for name in trunk.wear.trim for ink in TRIMS[name](trunk)]
