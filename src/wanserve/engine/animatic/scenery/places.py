"""Builds the scenery of a storyboard, with the function that draws its setting."""

import random
from collections.abc import Callable, Mapping

from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scenery import built, land, space, water, wild
from wanserve.engine.animatic.scenery.elements import Scenery, SceneryContext
from wanserve.engine.animatic.scenery.palette import Palette, overcast, palette
from wanserve.engine.animatic.scenery.sky import paint_sky
from wanserve.engine.animatic.storyboard import Motion, Rig, Setting, Storyboard, Weather
from wanserve.engine.animatic.weather import fog

SceneryBuilder = Callable[[SceneryContext, Scenery, Palette], None]
BUILDERS: Mapping[Setting, SceneryBuilder] = {
    Setting.NIGHT: land.night_hills,
    Setting.SUNSET: land.sunset_hills,
    Setting.BEACH: water.beach,
    Setting.FOREST: wild.forest,
    Setting.SNOW: wild.snow,
    Setting.CITY: built.city,
    Setting.DESERT: wild.desert,
    Setting.UNDERWATER: water.underwater,
    Setting.MEADOW: land.meadow,
    Setting.SPACE: space.space,
    Setting.MOUNTAINS: wild.mountains,
    Setting.INDOORS: built.indoors,
}
WITHOUT_SKY = frozenset({Setting.UNDERWATER, Setting.SPACE, Setting.INDOORS})
"""The settings without a sky, and so without weather."""

HIDDEN_BY_WEATHER: Mapping[Weather, set[str]] = {
    Weather.RAIN: {"sun", "stars"},
    Weather.SNOW: {"sun", "stars"},
    Weather.FOG: {"sun", "stars"},
    Weather.STORM: {"sun", "stars", "moon"},
}
"""What the weather hides."""

DUSTY_SETTINGS = frozenset({Setting.DESERT, Setting.BEACH, Setting.SNOW, Setting.SUNSET, Setting.NIGHT})


def build_scenery(board: Storyboard, geometry: Geometry, rng: random.Random) -> Scenery:
    """Build the scenery of a storyboard. Other random numbers give other hills, stars and colours."""
    weather = Weather.CLEAR if board.setting in WITHOUT_SKY else board.weather
    without = board.without | HIDDEN_BY_WEATHER.get(weather, set())
    context = SceneryContext(geometry, board.setting, board.time, rng, without, _afloat(board))
    colors = overcast(palette(board.setting, board.time, rng.uniform(-9, 9)), weather, board.time)
    scenery = Scenery(colors.light, colors.rim)
    paint_sky(context, scenery, colors)
    BUILDERS[board.setting](context, scenery, colors)
    if board.setting in DUSTY_SETTINGS and weather in (Weather.CLEAR, Weather.WIND) and not context.afloat:
        scenery.dust = colors.near.mixed(colors.sky[-1], 0.35)
    if weather is Weather.FOG:
        scenery.strips += fog(geometry, rng, colors.sky[-1])
        scenery.strips.sort(key=lambda s: s.depth)
    if "shadows" in without:
        scenery.shadow = 0.0
    return scenery


def _afloat(board: Storyboard) -> bool:
    """Whether the beach is seen from the open sea."""
    rigs = {c.subject.rig for c in board.groups[:1]}
    return board.setting is Setting.BEACH and (
        Rig.BOAT in rigs or (Rig.FLOAT in rigs and board.motion in (Motion.SWIM, Motion.FLOAT))
    )
