"""Builds the scenery of a scene, with the function that draws its place."""

import random
from collections.abc import Callable, Mapping

from wanserve.engine.animatic.geometry import Geometry
from wanserve.engine.animatic.scene import VEHICLES, Lead, Medium, Motion, Scene, Weather
from wanserve.engine.animatic.scenery import built, country, indoors, land, shores, space, town, water, ways, wild
from wanserve.engine.animatic.scenery.elements import Scenery, SceneryContext
from wanserve.engine.animatic.scenery.palette import Palette, overcast, palette
from wanserve.engine.animatic.scenery.sky import paint_sky
from wanserve.engine.animatic.weather import fog

SceneryBuilder = Callable[[SceneryContext, Scenery, Palette], None]
BUILDERS: Mapping[str, SceneryBuilder] = {
    "hills": land.rolling_hills,
    "beach": water.beach,
    "forest": wild.forest,
    "snow": wild.snow,
    "city": built.city,
    "desert": wild.desert,
    "underwater": water.underwater,
    "meadow": land.meadow,
    "space": space.space,
    "mountains": wild.mountains,
    "street": town.street,
    "road": ways.road,
    "railway": ways.railway,
    "bridge": ways.bridge,
    "market": town.market,
    "stadium": town.stadium,
    "sky": town.sky,
    "sea": water.beach,
    "lake": shores.lake,
    "river": shores.river,
    "waterfall": shores.waterfall,
    "harbour": shores.harbour,
    "pool": shores.pool,
    **dict.fromkeys(country.COUNTRIES, country.country),
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

WATERSIDE = frozenset({"beach", "lake", "river", "waterfall", "harbour", "pool"})
DUSTY_PLACES = frozenset({"desert", "beach", "snow", "hills", "mars", "canyon", "volcano", "road"})
PAINTED = {
    "park": "meadow", "garden": "meadow", "farm": "meadow", "village": "hills", "volcano": "volcano", "castle": "hills",
    "temple": "forest", "church": "hills", "campsite": "forest", "playground": "meadow", "gas station": "city",
    "airport": "city", "mars": "mars", "canyon": "canyon", "street": "city", "road": "hills", "railway": "hills",
    "bridge": "city", "market": "city", "stadium": "meadow", "sea": "beach", "lake": "mountains",
    "river": "meadow", "waterfall": "forest", "harbour": "beach", "pool": "meadow",
}  # fmt: skip
"""The places that have the colours of another one."""


LEVEL = frozenset({*country.COUNTRIES, "meadow", "hills", "forest", "snow", "desert", "mountains", "city"})
"""The places where a train brings its track along."""

CLOSER = {
    "kitchen": "counter", "restaurant": "table", "room": "table", "office": "desk", "library": "desk",
    "workshop": "desk", "bedroom": "table",
}  # fmt: skip
"""What is seen of a place from so near that small things fill the picture."""


def _is_small(scene: Scene) -> bool:
    """Whether the scene shows nothing but small things."""
    return bool(scene.leads) and all(e.person is None and e.subject.small for e in scene.leads)


def base_of(place: str) -> str:
    """The place whose builder draws this one."""
    if place in BUILDERS:
        return place
    return "meadow"


def build_scenery(scene: Scene, geometry: Geometry, rng: random.Random) -> Scenery:
    """Build the scenery of a scene. Other random numbers give other hills, stars and colours."""
    place = _shown_place(scene)
    weather = Weather.CLEAR if place in WITHOUT_SKY else scene.weather
    without = scene.without | HIDDEN_BY_WEATHER.get(weather, set())
    context = SceneryContext(geometry, place, scene.time, rng, without, place not in WITHOUT_SKY, _afloat(scene, place))
    painted = "room" if place in INDOORS else PAINTED.get(place, place)
    colors = overcast(palette(painted, scene.time, rng.uniform(-9, 9)), weather, scene.time)
    scenery = Scenery(colors.light, colors.rim)
    paint_sky(context, scenery, colors)
    BUILDERS[place](context, scenery, colors)
    _lay_track(context, scenery, colors, scene)
    if place in DUSTY_PLACES and weather in (Weather.CLEAR, Weather.WIND) and not context.afloat:
        scenery.dust = colors.near.mixed(colors.sky[-1], 0.35)
    if weather is Weather.FOG:
        scenery.strips += fog(geometry, rng, colors.sky[-1])
        scenery.strips.sort(key=lambda s: s.depth)
    if "shadows" in without:
        scenery.shadow = 0.0
    return scenery


def _shown_place(scene: Scene) -> str:
    """The place whose builder draws the scene: a surface where nothing but small things is shown."""
    return base_of(CLOSER.get(scene.place, scene.place) if _is_small(scene) else scene.place)


def _lay_track(context: SceneryContext, scenery: Scenery, colors: Palette, scene: Scene) -> None:
    """Lay a track where a train runs through a place that has none."""
    if context.place in LEVEL and any(_runs_on_rails(lead) for lead in scene.leads):
        ways.lay_track(context, next(s for s in scenery.strips if s.depth == 1), colors)


def _runs_on_rails(lead: Lead) -> bool:
    return lead.subject.home == "station" and lead.subject.rig in VEHICLES


def _afloat(scene: Scene, place: str) -> bool:
    """Whether the camera is on the water: at sea, or where the first lead sails, floats or swims."""
    if place == "sea":
        return True
    if place not in WATERSIDE or not scene.leads:
        return False
    first = scene.leads[0]
    return first.subject.medium is Medium.FLOAT or first.motion in (Motion.SWIM, Motion.ROW)
