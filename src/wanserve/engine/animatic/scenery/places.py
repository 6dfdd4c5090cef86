"""Knows which planner draws which setting."""

import random
from collections.abc import Callable, Mapping

from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scenery import built, land, space, water, wild
from wanserve.engine.animatic.scenery.palette import Palette, overcast, palette
from wanserve.engine.animatic.scenery.plan import Plan, Site
from wanserve.engine.animatic.scenery.sky import paint_sky
from wanserve.engine.animatic.storyboard import Motion, Rig, Setting, Storyboard, Weather
from wanserve.engine.animatic.weather import fog

Planner = Callable[[Site, Plan, Palette], None]
PLANNERS: Mapping[Setting, Planner] = {
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
ROOFED = frozenset({Setting.UNDERWATER, Setting.SPACE, Setting.INDOORS})
"""Where there is no sky, and so no weather."""

HIDDEN: Mapping[Weather, set[str]] = {
    Weather.RAIN: {"sun", "stars"},
    Weather.SNOW: {"sun", "stars"},
    Weather.FOG: {"sun", "stars"},
    Weather.STORM: {"sun", "stars", "moon"},
}
"""What a closed sky hides."""

DUSTY = frozenset({Setting.DESERT, Setting.BEACH, Setting.SNOW, Setting.SUNSET, Setting.NIGHT})


def plan_place(board: Storyboard, geometry: Geometry, dice: random.Random) -> Plan:
    """The place of a storyboard; other dice give other hills, stars and colours."""
    weather = Weather.CLEAR if board.setting in ROOFED else board.weather
    without = board.without | HIDDEN.get(weather, set())
    site = Site(geometry, board.setting, board.time, dice, without, _afloat(board))
    colors = overcast(palette(board.setting, board.time, dice.uniform(-9, 9)), weather, board.time)
    plan = Plan(colors.light, colors.rim)
    paint_sky(site, plan, colors)
    PLANNERS[board.setting](site, plan, colors)
    if board.setting in DUSTY and weather in (Weather.CLEAR, Weather.WIND) and not site.afloat:
        plan.dust = colors.near.mixed(colors.sky[-1], 0.35)
    if weather is Weather.FOG:
        plan.strips += fog(geometry, dice, colors.sky[-1])
        plan.strips.sort(key=lambda s: s.depth)
    if "shadows" in without:
        plan.shadow = 0.0
    return plan


def _afloat(board: Storyboard) -> bool:
    """Whether the beach is seen from the open sea."""
    rigs = {c.subject.rig for c in board.casts[:1]}
    return board.setting is Setting.BEACH and (
        Rig.BOAT in rigs or (Rig.FLOAT in rigs and board.motion in (Motion.SWIM, Motion.FLOAT))
    )
