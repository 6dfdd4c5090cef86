"""Chooses the colours of each place by day, at sunset and at night, and under a closed sky."""

from dataclasses import dataclass, replace

from wanserve.engine.animatic.art import Light
from wanserve.engine.animatic.color import WHITE, Color, rgb
from wanserve.engine.animatic.scene import Time, Weather


@dataclass(frozen=True)
class Palette:
    """The colours of the sky from top to horizon, and of the ground from far to near. `accent` contrasts with them."""

    sky: tuple[Color, ...]
    far: Color
    middle: Color
    near: Color
    front: Color
    accent: Color
    light: Light
    rim: Color | None
    stain: Color
    """The colour of the light on the scenery's stickers."""
    veil: float = 0.0
    """How much of the sky is overcast, 0.0 to 1.0."""


GROUNDS = {
    "hills": "#a5c6a8 #7fb27a #76a65a #55853f #ffd98a",
    "beach": "#3f9fd0 #2f86c0 #f3dca6 #e3c488 #ffffff",
    "forest": "#8cc2a0 #5ea37a #6fae5a #3f7a44 #ffe08a",
    "snow": "#c3d6ee #dbe8f7 #f6faff #e3eefa #9fc0e6",
    "city": "#a9bdd6 #7f96b8 #59606e #464c58 #ffe7a0",
    "desert": "#eec98c #e6b268 #eebf78 #d9a05a #fff0c8",
    "underwater": "#1f7fb4 #17679c #d9c790 #b89f6a #ff7f8a",
    "meadow": "#a5d6a0 #83c777 #6fbf55 #4b9b41 #ffd84d",
    "space": "#3a2f6b #2d2456 #4b4478 #352f5c #ffd9a0",
    "mountains": "#9db4d8 #7d99bf #79b567 #568f4a #ffffff",
    "room": "#f3dcc0 #e8c8a4 #c08a5a #9c6b42 #d9645a",
    "volcano": "#8a7a84 #6f5f68 #5f5458 #453c40 #ff9a5c",
    "mars": "#d98a5c #c46e42 #c9734a #a2542f #ffd9a0",
    "canyon": "#dc9560 #c4703f #d98f57 #b06a3a #fff0c8",
    "sky": "#bcdcf4 #a4cdf0 #dceefb #c4def2 #ffffff",
}
SKIES = {
    "volcano": "#6a6f8a #a99aa0 #f0c8a8",
    "mars": "#c98a6a #e0ac84 #f6d9b4",
    "canyon": "#4f9bdc #a9cfe6 #fbe0b8",
    "beach": "#2f8fe0 #7cc3f2 #d9f1fb",
    "forest": "#7fc4d8 #b5e0d2 #e6f4d8",
    "snow": "#8db6e2 #bcd6f0 #e9f3fc",
    "city": "#5a9fe0 #a3cdf0 #e3f0f7",
    "desert": "#4fa3dc #a9d3e6 #fbe8c0",
    "underwater": "#5fd0ea #1f8fc8 #0b4f8a",
    "space": "#070616 #120c30 #2a1850",
    "room": "#f6e3cc #f3dcc0 #eed2b2",
}
DAY_SKY = "#3f97ea #8cc6f4 #e2f3fb"
NIGHT_SKY = "#050a26 #12204f #2f4a86"
SUNSET_SKY = "#3d2a6e #b5527e #ff9a5c #ffd98c"

DAY = Light(Color(186, 192, 222), WHITE)
LIGHTS = {
    Time.NIGHT: Light(Color(100, 112, 182), Color(212, 220, 252)),
    Time.SUNSET: Light(Color(142, 88, 122), Color(255, 214, 164)),
    Time.DAY: DAY,
}
PLACE_LIGHTS = {
    "underwater": Light(Color(150, 190, 216), Color(240, 252, 255), 0.1, -1.0),
    "space": Light(Color(134, 118, 186), Color(255, 252, 244)),
    "room": Light(Color(196, 168, 160), Color(255, 248, 232)),
}
RIMS = {Time.NIGHT: rgb("#b9ccff"), Time.SUNSET: rgb("#ffd08a"), Time.DAY: None}
PLACE_RIMS = {"underwater": rgb("#8fd0e8"), "space": RIMS[Time.NIGHT], "room": None}
STAINS = {Time.NIGHT: Color(84, 104, 168), Time.SUNSET: Color(196, 132, 138), Time.DAY: Color(255, 255, 255)}

OVERCAST = {
    Weather.RAIN: (rgb("#8b98a8"), 0.68), Weather.STORM: (rgb("#4d5668"), 0.8), Weather.FOG: (rgb("#d3dae0"), 0.62),
    Weather.SNOW: (rgb("#c3cedd"), 0.45), Weather.WIND: (WHITE, 0.0), Weather.CLEAR: (WHITE, 0.0),
}  # fmt: skip
"""The colour of an overcast sky, and how overcast it is, 0.0 to 1.0."""


def palette(place: str, time: Time, hue: float) -> Palette:
    """The colours of a place at a time of day. `hue` shifts those of the sky and the land, in degrees."""
    far, middle, near, front, accent = _colors(GROUNDS[place])
    light = PLACE_LIGHTS.get(place, LIGHTS[time])
    fixed = place in ("underwater", "room", "space")
    stain = WHITE if place == "space" else STAINS[time]
    land = [_at(time if place != "space" else Time.DAY, c).hue_shifted(hue) for c in (far, middle, near, front)]
    if fixed:
        sky = tuple(_at(time if place != "space" else Time.DAY, c) for c in _colors(SKIES[place]))
        light = light if time is Time.DAY or place == "space" else _dimmed(light, time)
    else:
        text = {Time.NIGHT: NIGHT_SKY, Time.SUNSET: SUNSET_SKY, Time.DAY: SKIES.get(place, DAY_SKY)}[time]
        sky = tuple(_colors(text))
    rim = PLACE_RIMS.get(place, RIMS[time])
    return Palette(
        tuple(c.hue_shifted(hue * 0.6) for c in sky), land[0], land[1], land[2], land[3], accent, light, rim, stain
    )


def overcast(colors: Palette, weather: Weather, time: Time) -> Palette:
    """The colours in this weather: greyer under an overcast sky, and unchanged in clear weather."""
    gray, part = OVERCAST.get(weather, (WHITE, 0.0))
    gray = gray.times(STAINS[time]) if time is not Time.DAY else gray
    if not part:
        return colors
    light = Light(colors.light.shade.mixed(gray, part * 0.35), colors.light.lit.mixed(gray, part * 0.45))
    far, middle, near, front = (
        c.mixed(gray, part * 0.4) for c in (colors.far, colors.middle, colors.near, colors.front)
    )
    sky = tuple(c.mixed(gray, part) for c in colors.sky)
    stain = colors.stain.mixed(gray, part * 0.3)
    return replace(
        colors, sky=sky, far=far, middle=middle, near=near, front=front, light=light, rim=None, stain=stain, veil=part
    )


def _colors(text: str) -> list[Color]:
    return [rgb(t) for t in text.split()]


def _at(time: Time, color: Color) -> Color:
    """A day colour as it looks at this time."""
    if time is Time.NIGHT:
        return color.times(Color(66, 88, 140)).mixed(Color(12, 20, 58), 0.30)
    if time is Time.SUNSET:
        return color.times(Color(246, 172, 150)).mixed(Color(86, 34, 84), 0.34)
    return color


def _dimmed(light: Light, time: Time) -> Light:
    stain = STAINS[time].mixed(WHITE, 0.4)
    return Light(light.shade.times(stain), light.lit.times(stain), light.from_x, light.from_y)
