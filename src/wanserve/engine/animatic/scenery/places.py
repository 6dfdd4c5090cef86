"""Knows which planner draws which setting."""

import random
from collections.abc import Callable, Mapping

from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scenery import land
from wanserve.engine.animatic.scenery.palette import Palette, palette
from wanserve.engine.animatic.scenery.plan import Plan, Site
from wanserve.engine.animatic.scenery.sky import paint_sky
from wanserve.engine.animatic.storyboard import Setting, Storyboard

Planner = Callable[[Site, Plan, Palette], None]
PLANNERS: Mapping[Setting, Planner] = {
    Setting.NIGHT: land.night_hills,
    Setting.SUNSET: land.sunset_hills,
    Setting.MEADOW: land.meadow,
}


def plan_place(board: Storyboard, geometry: Geometry, dice: random.Random) -> Plan:
    """The place of a storyboard; other dice give other hills, stars and colours."""
    site = Site(geometry, board.setting, board.time, dice, board.without)
    colors = palette(board.setting, board.time, dice.uniform(-9, 9))
    plan = Plan(colors.light, colors.rim)
    paint_sky(site, plan, colors)
    PLANNERS.get(board.setting, land.meadow)(site, plan, colors)
    return plan
