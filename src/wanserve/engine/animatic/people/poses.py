"""Computes the angles of a person's joints at each time, from the tables of stances and actions. Pure."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from wanserve.engine.animatic.people.actions import ACTIONS, Action
from wanserve.engine.animatic.people.stances import STANCES, Key, Stance

Track = tuple[tuple[float, float, str], ...]
"""A channel's keyframes: time in the cycle, value, ease."""

ADDED = ("lean", "nod", "yaw", "roll", "tilt", "rise", "look")
"""The channels in which an action adds to the stance; in the others it replaces it."""

REST: Mapping[str, float] = MappingProxyType(
    {"hip": 0.99, "u": -0.98, "ar": 0.96, "ao": 6.0, "lids": 1.0, "smile": 0.7}
)
BLINK_EVERY, BLINK = 3.7, 0.16
BREATH = 3.6


@dataclass(frozen=True, slots=True)
class Leg:
    """A foot's place: forward, up (from the hip) and outwards in leg lengths; the toe's turn upwards in degrees.

    `clear` is its height over the ground in leg lengths, which counts instead of `up` in a grounded stance.
    """

    forward: float
    up: float
    out: float
    toe: float
    clear: float


@dataclass(frozen=True, slots=True)
class Arm:
    """An arm's direction from hanging, in degrees, its reach (1 is straight), and the elbow's turn outwards, 0 to 1.

    `near` draws the hand to the action's spot of the head, 0 to 1.
    """

    forward: float
    out: float
    reach: float
    elbow: float
    near: float


@dataclass(frozen=True, slots=True)
class Joints:
    """A pose: angles in degrees, shifts of the hip in heights, the right and the left limbs, and the face.

    `seat` is the hip's height over the ground in heights; where it is 0, `hip` is its height in leg lengths.
    """

    hip: float
    seat: float
    sway: float
    rise: float
    pitch: float
    lean: float
    roll: float
    yaw: float
    nod: float
    look: float
    tilt: float
    legs: tuple[Leg, Leg]
    arms: tuple[Arm, Arm]
    mouth: float
    smile: float
    lids: float
    breath: float
    grounded: bool


def stance_of(name: str) -> Stance:
    """The stance of this name; standing for a name that is not known."""
    return STANCES.get(name, STANCES["stand"])


def action_of(name: str) -> Action:
    """The action of this name; none for a name that is not known."""
    return ACTIONS.get(name, ACTIONS[""])


def joints(stance: str, action: str, step: float, t: float, phase: float) -> Joints:
    """The pose at gait cycle `step` and time `t` in seconds. `phase`, 0 to 1, shifts what is periodic in time."""
    body, deed = stance_of(stance), action_of(action)
    beat = step if body.seconds == 0 else t / body.seconds + phase
    under = _read(_stance_tracks(stance), beat % 1.0, body.alternate)
    over = _read(_action_tracks(action), (t / deed.seconds + phase) % 1.0, alternate=False)
    added = {c: under.get(c, 0.0) + over.get(c, 0.0) for c in ADDED}
    hidden = {f"{side}.{channel}" for channel in over for side in "rl"}
    values = {c: v for c, v in under.items() if c not in hidden} | over | added
    breath = math.sin(math.tau * (t / BREATH + phase))

    def at(channel: str) -> float:
        return values.get(channel, REST.get(channel, 0.0))

    def side(limb: str, channel: str) -> float:
        return values.get(f"{limb}.{channel}", at(channel))

    def leg(s: str) -> Leg:
        return Leg(side(s, "f"), side(s, "u"), side(s, "o"), side(s, "p"), side(s, "g"))

    def arm(s: str) -> Arm:
        return Arm(side(s, "af"), side(s, "ao") + breath, side(s, "ar"), side(s, "el"), side(s, "an"))

    return Joints(
        hip=at("hip"),
        seat=at("seat"),
        sway=at("sway"),
        rise=at("rise"),
        pitch=at("pitch"),
        lean=at("lean"),
        roll=at("roll"),
        yaw=at("yaw"),
        nod=at("nod"),
        look=at("look"),
        tilt=at("tilt"),
        legs=(leg("r"), leg("l")),
        arms=(arm("r"), arm("l")),
        mouth=at("mouth"),
        smile=at("smile"),
        lids=at("lids") * _blink(t, phase),
        breath=breath,
        grounded=body.grounded,
    )


def _blink(t: float, phase: float) -> float:
    """How far the eyes are open: 1, but for a short while every few seconds."""
    since = (t + phase * BLINK_EVERY + 1.0) % BLINK_EVERY
    return 1.0 if since > BLINK else 1.0 - math.sin(math.pi * since / BLINK)


def _read(tracks: Mapping[str, Track], at: float, alternate: bool) -> dict[str, float]:
    """All channels at this time of the cycle; those of the left side half a cycle later where they alternate."""
    values = {channel: _sample(track, at) for channel, track in tracks.items()}
    if alternate:
        later = (at + 0.5) % 1.0
        values |= {f"l.{c}": _sample(t, later) for c, t in tracks.items() if c in LIMB_CHANNELS}
    return values


LIMB_CHANNELS = frozenset("f u o p g af ao ar el an".split())


@cache
def _stance_tracks(name: str) -> Mapping[str, Track]:
    return _tracks(stance_of(name).keys)


@cache
def _action_tracks(name: str) -> Mapping[str, Track]:
    return _tracks(action_of(name).keys)


def _tracks(keys: tuple[Key, ...]) -> Mapping[str, Track]:
    """The keyframes by channel, in the order of their times."""
    tracks: dict[str, list[tuple[float, float, str]]] = {}
    for key in sorted(keys, key=lambda k: k.at):
        for channel, value in key.values.items():
            tracks.setdefault(channel, []).append((key.at, value, key.ease))
    return MappingProxyType({channel: tuple(track) for channel, track in tracks.items()})


def _sample(track: Track, at: float) -> float:
    """The channel's value at a time of the cycle, between the keyframes before and after it."""
    before = after = track[0]
    for key in track:
        if key[0] <= at:
            before = key
    after = next((key for key in track if key[0] > at), track[0])
    first = before if before[0] <= at else track[-1]
    gap = (after[0] - first[0]) % 1.0 or 1.0
    part = ((at - first[0]) % 1.0) / gap
    return first[1] + (after[1] - first[1]) * EASES[after[2]](min(1.0, part))


def _over(x: float) -> float:
    """Arrive with an overshoot."""
    y = x - 1
    return 1 + 2.7 * y**3 + 1.7 * y * y


Ease = Callable[[float], float]
EASES: Mapping[str, Ease] = MappingProxyType(
    {
        "smooth": lambda x: x * x * (3 - 2 * x),
        "line": lambda x: x,
        "in": lambda x: x * x,
        "out": lambda x: x * (2 - x),
        "over": _over,
    }
)
