"""Describes what a prompt asks to see: the subjects, what they do, the place, the weather and the light. Pure data."""

from dataclasses import dataclass
from enum import StrEnum


class Setting(StrEnum):
    """The place."""

    NIGHT = "night"
    SUNSET = "sunset"
    BEACH = "beach"
    FOREST = "forest"
    SNOW = "snow"
    CITY = "city"
    DESERT = "desert"
    UNDERWATER = "underwater"
    MEADOW = "meadow"
    SPACE = "space"
    MOUNTAINS = "mountains"
    INDOORS = "indoors"


class Motion(StrEnum):
    """What the subjects do."""

    RUN = "run"
    WALK = "walk"
    JUMP = "jump"
    FLY = "fly"
    SWIM = "swim"
    FALL = "fall"
    SPIN = "spin"
    GROW = "grow"
    FLOAT = "float"
    STAND = "stand"
    DANCE = "dance"


class Weather(StrEnum):
    """The weather."""

    CLEAR = "clear"
    RAIN = "rain"
    SNOW = "snow"
    WIND = "wind"
    FOG = "fog"
    STORM = "storm"


class Time(StrEnum):
    """The time of day, which decides the light."""

    DAY = "day"
    SUNSET = "sunset"
    NIGHT = "night"


class Rig(StrEnum):
    """How a subject's art is animated: what its legs, wings or wheels do."""

    LEGS = "legs"
    GALLOP = "gallop"
    WALKER = "walker"
    WADDLE = "waddle"
    DANCER = "dancer"
    HOP = "hop"
    BIRD = "bird"
    WINGS = "wings"
    FISH = "fish"
    CRAWL = "crawl"
    HEAD = "head"
    WHEELS = "wheels"
    GLIDE = "glide"
    CRAFT = "craft"
    BOAT = "boat"
    FLOAT = "float"
    BALL = "ball"
    SPIN = "spin"
    TALL = "tall"
    THING = "thing"


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind of thing that can be drawn.

    `art` is its name in the art pack; a name like `@man` stands for a person, whose art depends on the motion. `size`
    is its height as a multiple of `Geometry.unit`. `faces` is the direction in which its art looks: -1 left, 1 right.
    Art that is only a head has a `body`, `beast` or `figure`, in the colour `coat` (a second colour is for its legs). A
    subject that shines has the colour of its `glow`.
    """

    name: str
    art: str
    rig: Rig
    size: float
    home: Setting
    faces: int = -1
    body: str = ""
    coat: str = ""
    glow: str = ""


@dataclass(frozen=True, slots=True)
class SubjectGroup:
    """A subject of the prompt, how many of it, and the name of its colour where the prompt gives one."""

    subject: Subject
    count: int = 1
    color: str = ""


@dataclass(frozen=True, slots=True)
class Storyboard:
    """Everything that is drawn. `direction` is (x, y), each -1, 0 or 1, y down.

    `without` names what must not be drawn. `notes` are sentences for the user.
    """

    groups: tuple[SubjectGroup, ...]
    setting: Setting
    motion: Motion
    direction: tuple[int, int]
    weather: Weather
    time: Time
    without: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
