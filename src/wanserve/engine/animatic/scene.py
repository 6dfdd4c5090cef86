"""Describes what a prompt asks to see: who does what, where, in which light, and how the camera looks at it.

Pure data. `Scene.as_json` is what a program can test against; the task keeps it.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Motion(StrEnum):
    """What a subject does. Animals and things know the first row; people know all."""

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
    SIT = "sit"
    LIE = "lie"
    CRAWL = "crawl"
    CLIMB = "climb"
    KNEEL = "kneel"
    SQUAT = "squat"
    SKATE = "skate"
    RIDE = "ride"
    ROW = "row"


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


class Shot(StrEnum):
    """How near the camera is, or from where it looks."""

    MEDIUM = "medium"
    CLOSE_UP = "close-up"
    WIDE = "wide"
    AERIAL = "aerial"
    LOW = "low"


class CameraMove(StrEnum):
    """What the camera does. NONE leaves it to the renderer; STATIC forbids any."""

    NONE = "none"
    STATIC = "static"
    ZOOM_IN = "zoom in"
    ZOOM_OUT = "zoom out"
    PAN_LEFT = "pan left"
    PAN_RIGHT = "pan right"
    TILT_UP = "tilt up"
    TILT_DOWN = "tilt down"
    ORBIT = "orbit"
    FOLLOW = "follow"
    SHAKE = "shake"


class Style(StrEnum):
    """The look of the picture."""

    PLAIN = "plain"
    WATERCOLOR = "watercolor"
    OIL = "oil"
    BLACK_AND_WHITE = "black and white"
    SKETCH = "sketch"
    ANIME = "anime"
    NEON = "neon"
    PIXEL = "pixel"
    VINTAGE = "vintage"
    PAPER = "paper"


class Relation(StrEnum):
    """Where a subject is, or what it does, with respect to another one."""

    NONE = ""
    LEFT_OF = "left of"
    RIGHT_OF = "right of"
    ON = "on"
    UNDER = "under"
    ABOVE = "above"
    IN_FRONT_OF = "in front of"
    BEHIND = "behind"
    BESIDE = "beside"
    IN = "in"
    RIDING = "riding"
    CHASING = "chasing"
    FOLLOWING = "following"
    MEETING = "meeting"
    PUSHING = "pushing"
    PULLING = "pulling"
    GIVING = "giving"
    USING = "using"


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


class Medium(StrEnum):
    """Where a subject is at home: on the ground, in the air, in the water, on the water, or on a wall."""

    GROUND = "ground"
    AIR = "air"
    WATER = "water"
    FLOAT = "float"
    HUNG = "hung"


ANIMATE = frozenset(
    {Rig.LEGS, Rig.GALLOP, Rig.WALKER, Rig.WADDLE, Rig.DANCER, Rig.HOP, Rig.BIRD, Rig.WINGS, Rig.FISH, Rig.CRAWL, Rig.HEAD}
)  # fmt: skip
"""The rigs of what moves by itself and lives."""

VEHICLES = frozenset({Rig.WHEELS, Rig.GLIDE, Rig.CRAFT, Rig.BOAT})
"""The rigs of what people drive."""


SMALL = 0.6
"""The height below which a thing stands on a table rather than on the floor, in metres."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A kind of thing that can be drawn.

    `art` is its name in the art pack; "" for a person, who is drawn from a `Person`. `metres` is its true height.
    `faces` is the direction in which its art looks: -1 left, 1 right. Art that is only a head has a `body`, `beast` or
    `figure`, in the colour `coat` (a second colour is for its legs). A subject that shines has the colour of its
    `glow`. `held`: it fits into a hand.
    """

    name: str
    art: str
    rig: Rig
    metres: float
    home: str
    medium: Medium = Medium.GROUND
    faces: int = -1
    held: bool = False
    body: str = ""
    coat: str = ""
    glow: str = ""

    @property
    def animate(self) -> bool:
        """Whether it lives and moves by itself."""
        return self.rig in ANIMATE

    @property
    def mobile(self) -> bool:
        """Whether it can go somewhere: it lives, or it is a vehicle."""
        return self.animate or self.rig in VEHICLES

    @property
    def small(self) -> bool:
        """Whether it is a thing that stands on a table rather than on the floor."""
        return not self.mobile and self.metres < SMALL


@dataclass(frozen=True, slots=True)
class Person:
    """Who a person is: `who` as in `people.look.Look`, or `couple`; the outfit, and the hair's colour, "" for any."""

    who: str
    outfit: str = "plain"
    hair: str = ""


@dataclass(frozen=True, slots=True)
class Lead:
    """One of the main subjects: what it is, how many, and what they do.

    `way` is (x, y), each -1, 0 or 1, y down; (0, 0) where the prompt gives none. `side` is `left`, `right`, `center`,
    `front` or "". `relation` is to the lead with the index `to`. `action` is a gesture of people, `holds` is in
    their hand, `activity` a whole picture of somebody who does what they do.
    """

    subject: Subject
    count: int = 1
    color: str = ""
    size: str = ""
    motion: Motion = Motion.STAND
    way: tuple[int, int] = (0, 0)
    side: str = ""
    relation: Relation = Relation.NONE
    to: int | None = None
    person: Person | None = None
    action: str = ""
    activity: str = ""
    holds: Subject | None = None

    def as_json(self) -> dict[str, Any]:
        """The lead as JSON, without what is not said."""
        said: dict[str, Any] = {
            "name": self.subject.name,
            "count": self.count,
            "motion": self.motion.value,
            "color": self.color,
            "size": self.size,
            "direction": _direction(self.way),
            "side": self.side,
            "action": self.action,
            "holds": self.holds.name if self.holds else "",
        }
        if self.person is not None:
            said["person"] = self.person.who
            said["outfit"] = self.person.outfit
        if self.relation and self.to is not None:
            said["relation"] = self.relation.value
            said["to"] = self.to
        return {key: value for key, value in said.items() if value != ""}


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that was understood. `without` names what must not be drawn, `unknown` the nouns without a picture.

    `stand_in` says what is drawn in place of the main thing where that is unknown: `place`, `paper star` or "".
    `notes` are sentences for the user.
    """

    leads: tuple[Lead, ...] = ()
    place: str = "meadow"
    time: Time = Time.DAY
    weather: Weather = Weather.CLEAR
    shot: Shot = Shot.MEDIUM
    move: CameraMove = CameraMove.NONE
    style: Style = Style.PLAIN
    without: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()
    stand_in: str = ""
    notes: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """The scene as JSON: what is kept with the task, without the notes."""
        return {
            "leads": [lead.as_json() for lead in self.leads],
            "place": self.place,
            "time": self.time.value,
            "weather": self.weather.value,
            "camera": {"shot": self.shot.value, "move": self.move.value},
            "style": self.style.value,
            "without": sorted(self.without),
            "unknown": list(self.unknown),
            "stand_in": self.stand_in,
        }


def _direction(way: tuple[int, int]) -> str:
    across = {-1: "left", 0: "", 1: "right"}[way[0]]
    upright = {-1: "up", 0: "", 1: "down"}[way[1]]
    return " ".join(word for word in (upright, across) if word)
