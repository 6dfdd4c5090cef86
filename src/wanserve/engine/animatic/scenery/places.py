"""Builds the scenery of a scene, with the function that draws its place."""

import random
from collections.abc import Callable, Mapping

from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scene import Medium, Motion, Scene, Weather
from wanserve.engine.animatic.scenery import built, indoors, land, space, water, wild
from wanserve.engine.animatic.scenery.elements import Scenery, SceneryContext
from wanserve.engine.animatic.scenery.palette import Palette, overcast, palette
from wanserve.engine.animatic.scenery.sky import paint_sky
from wanserve.engine.animatic.weather import fog

SceneryBuilder = Callable[[SceneryContext, Scenery, Palette], None]
BUILDERS: Mapping[str, SceneryBuilder] = {
    "hills": land.sunset_hills,
    "beach": water.beach,
    "forest": wild.forest,
    "snow": wild.snow,
    "city": built.city,
    "desert": wild.desert,
    "underwater": water.underwater,
    "meadow": land.meadow,
    "space": space.space,
    "mountains": wild.mountains,
    **dict.fromkeys(indoors.ROOMS, indoors.room),
    **dict.fromkeys(indoors.SURFACES, indoors.still_life),
}
INDOORS = frozenset({*indoors.ROOMS, *indoors.SURFACES})
WITHOUT_SKY = INDOORS | {"underwater", "space"}
"""The places without a sky, and so without weather."""

HIDDEN_BY_WEATHER: Mapping[Weather, set[str]] = {
    Weather.RAIN: {"sun", "stars"},
    Weather.SNOW: {"sun", "stars"},
    Weather.FOG: {"sun", "stars"},
    Weather.STORM: {"sun", "stars", "moon"},
}
"""What the weather hides."""

DUSTY_PLACES = frozenset({"desert", "beach", "snow", "hills"})
LIKE = {
    "sea": "beach", "river": "beach", "lake": "beach", "harbour": "beach", "waterfall": "mountains", "street": "city",
    "road": "city", "bridge": "city", "sky": "mountains", "mars": "desert", "canyon": "desert", "volcano": "mountains",
}  # fmt: skip
def base_of(place: str) -> str:
    """The place whose builder draws this one."""
    if place in BUILDERS:
        return place
    return LIKE.get(place, "meadow")


def build_scenery(scene: Scene, geometry: Geometry, rng: random.Random) -> Scenery:
    """Build the scenery of a scene. Other random numbers give other hills, stars and colours."""
    place = base_of(scene.place)
    weather = Weather.CLEAR if place in WITHOUT_SKY else scene.weather
    without = scene.without | HIDDEN_BY_WEATHER.get(weather, set())
    context = SceneryContext(geometry, place, scene.time, rng, without, place not in WITHOUT_SKY, _afloat(scene, place))
    painted = "room" if place in INDOORS else place
    colors = overcast(palette(painted, scene.time, rng.uniform(-9, 9)), weather, scene.time)
    scenery = Scenery(colors.light, colors.rim)
    paint_sky(context, scenery, colors)
    BUILDERS[place](context, scenery, colors)
    if place in DUSTY_PLACES and weather in (Weather.CLEAR, Weather.WIND) and not context.afloat:
        scenery.dust = colors.near.mixed(colors.sky[-1], 0.35)
    if weather is Weather.FOG:
        scenery.strips += fog(geometry, rng, colors.sky[-1])
        scenery.strips.sort(key=lambda s: s.depth)
    if "shadows" in without:
        scenery.shadow = 0.0
    return scenery


def _afloat(scene: Scene, place: str) -> bool:
    """Whether the water is seen from the open sea."""
    if place != "beach" or not scene.leads:
        return False
    first = scene.leads[0]
    return scene.place == "sea" or first.subject.medium is Medium.FLOAT or first.motion is Motion.SWIM
