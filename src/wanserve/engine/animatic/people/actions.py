"""The table of actions: what the arms and the head do while the body stands, walks or sits. Pure data.

The keyframes are those of `stances.py`. Arms, mouth and mood replace those of the stance; the trunk and head add to it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wanserve.engine.animatic.people.stances import Key, key

Spot = tuple[float, float, float]
"""A place of the head from its middle: outwards to the hand's side, forward, and up, in head heights."""

MOUTH: Spot = (0.10, 0.56, -0.27)
BEFORE_MOUTH: Spot = (0.2, 0.8, -0.3)
EAR: Spot = (0.47, 0.12, -0.2)
EYES: Spot = (0.2, 0.58, 0.0)
BROW: Spot = (0.4, 0.42, 0.16)
CHIN: Spot = (0.06, 0.52, -0.5)
CAMERA: Spot = (0.3, 0.66, -0.06)


@dataclass(frozen=True, slots=True)
class Grip:
    """How an action holds a thing: its height in standing heights, which point of it is in the hand, and its turn.

    `up` is that point's height in the thing, 0 its foot; `turn` is degrees clockwise, and `follow` how far it turns with
    the forearm. `both`: it is between the hands.
    """

    height: float = 0.17
    up: float = 0.3
    turn: float = 0.0
    follow: float = 0.0
    both: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """A cycle of keyframes of `seconds`, the spot of the head that hands go to, and the grip of what is held."""

    seconds: float
    keys: tuple[Key, ...]
    spot: Spot = MOUTH
    grip: Grip = Grip()


ACTIONS: Mapping[str, Action] = MappingProxyType({
    "": Action(1.0, ()),
    "hold": Action(4.0, (key(0.0, r_af=44, r_ao=-6, r_ar=0.66), key(0.5, r_af=46)), grip=Grip(0.2, 0.3)),
    "carry": Action(2.0, (key(0.0, af=40, ao=-8, ar=0.72, lean=-2), key(0.5, af=41)), grip=Grip(0.22, 0.22, both=True)),
    "drink": Action(4.0, (
        key(0.0, r_af=42, r_ao=-6, r_ar=0.68, r_an=0.0, nod=3), key(0.3, r_an=1.0, nod=-10, mouth=0.1),
        key(0.6, r_an=1.0, nod=-13), key(0.85, r_an=0.0, nod=2, smile=1.0),
    ), grip=Grip(0.1, 0.4)),
    "eat": Action(2.4, (
        key(0.0, r_af=40, r_ao=-6, r_ar=0.66, r_an=0.0, nod=10, l_af=38, l_ao=-8, l_ar=0.66, mouth=0.0),
        key(0.3, r_an=1.0, nod=2, mouth=0.7), key(0.45, r_an=1.0, mouth=0.1), key(0.7, r_an=0.0, nod=8, mouth=0.25),
        key(0.85, mouth=0.0),
    ), grip=Grip(0.09, 0.4)),
    "read": Action(6.0, (
        key(0.0, af=50, ao=-11, ar=0.68, nod=15, look=-0.3), key(0.8, look=0.3), key(0.5, nod=16),
    ), grip=Grip(0.16, 0.25, both=True)),
    "write": Action(1.6, (
        key(0.0, r_af=46, r_ao=-16, r_ar=0.74, l_af=44, l_ao=-6, l_ar=0.74, nod=16),
        key(0.3, r_ao=-9, r_ar=0.77), key(0.6, r_ao=-12, r_ar=0.73), key(0.8, r_ao=-7, r_ar=0.76),
    ), grip=Grip(0.1, 0.1, 30)),
    "type": Action(0.5, (
        key(0.0, af=46, ao=-7, ar=0.74, nod=9), key(0.25, r_af=42, l_af=49), key(0.6, r_af=49, l_af=42),
    ), grip=Grip(0.17, 0.1, both=True)),
    "phone": Action(5.0, (key(0.0, r_an=1.0, tilt=6, nod=0, mouth=0.0), key(0.2, mouth=0.4), key(0.3, mouth=0.1),
        key(0.4, mouth=0.45), key(0.55, tilt=8, nod=5, mouth=0.0)), spot=EAR, grip=Grip(0.1, 0.5)),
    "photograph": Action(4.0, (key(0.0, an=1.0, nod=0), key(0.5, nod=3)), spot=CAMERA, grip=Grip(0.1, 0.4, both=True)),
    "paint": Action(2.2, (
        key(0.0, r_af=72, r_ao=4, r_ar=0.8, l_af=42, l_ao=-2, l_ar=0.66), key(0.25, r_af=88, r_ao=-8),
        key(0.5, r_af=66, r_ao=-16), key(0.75, r_af=82, r_ao=6), key(0.4, nod=4), key(0.9, nod=-3),
    ), grip=Grip(0.14, 0.15, 20, 0.6)),
    "point": Action(3.6, (
        key(0.0, r_af=86, r_ao=20, r_ar=0.99, look=-0.3, mouth=0.2, smile=1), key(0.5, r_af=90, mouth=0.0),
    ), grip=Grip(0.2, 0.1, follow=1.0)),
    "wave": Action(1.1, (
        key(0.0, r_af=126, r_ao=58, r_ar=0.88, smile=1, mouth=0.3, tilt=3), key(0.5, r_ao=30, r_af=138, r_ar=0.92, tilt=5),
    ), grip=Grip(0.2, 0.1, follow=1.0)),
    "clap": Action(0.55, (
        key(0.0, af=54, ao=-4, ar=0.7, smile=1, mouth=0.3), key(0.5, "in", ao=-22, nod=3),
    )),
    "talk": Action(3.2, (
        key(0.0, r_af=62, r_ao=8, r_ar=0.66, l_af=52, l_ao=2, l_ar=0.68, mouth=0.0, nod=0, smile=0.6),
        key(0.12, mouth=0.5), key(0.2, mouth=0.15), key(0.25, r_ao=34, r_af=80, l_ao=20), key(0.32, mouth=0.55, nod=4),
        key(0.45, mouth=0.1, l_af=76, l_ao=32), key(0.55, mouth=0.5, r_ao=6), key(0.66, mouth=0.2, tilt=4),
        key(0.75, r_af=72, r_ao=26, l_ao=6, mouth=0.5), key(0.9, mouth=0.0, tilt=0),
    )),
    "think": Action(6.0, (
        key(0.0, r_an=1.0, l_af=46, l_ao=-26, l_ar=0.62, tilt=-5, nod=-4, look=0.4, smile=0.0),
        key(0.5, tilt=-2, look=-0.1, nod=2),
    ), spot=CHIN),
    "pray": Action(5.0, (key(0.0, af=62, ao=-24, ar=0.6, nod=14, lids=0.0, smile=0.4), key(0.5, nod=17))),
    "cheer": Action(0.8, (
        key(0.0, af=172, ao=26, ar=0.97, mouth=0.9, smile=1, nod=-6, rise=0.0), key(0.4, "out", af=160, ao=36, ar=0.86),
        key(0.5, rise=0.012),
    ), grip=Grip(0.2, 0.1)),
    "hug": Action(4.0, (key(0.0, af=60, ao=-18, ar=0.72, el=0.7, tilt=6, smile=1, lids=0.0), key(0.5, tilt=3, ar=0.68)),
        grip=Grip(0.26, 0.35, both=True)),
    "throw": Action(1.8, (
        key(0.0, r_af=40, r_ao=6, r_ar=0.7, l_af=30, l_ao=6, l_ar=0.7, yaw=0, lean=0),
        key(0.35, r_af=190, r_ao=24, r_ar=0.7, l_af=80, l_ao=10, l_ar=0.9, yaw=-26, lean=-8, el=0.6),
        key(0.42, r_af=196), key(0.54, "in", r_af=70, r_ao=-6, r_ar=0.99, l_af=-10, yaw=24, lean=14, mouth=0.3),
        key(0.7, "out", r_af=10, r_ao=-16, r_ar=0.9, yaw=20), key(1.0, el=0.0),
    ), grip=Grip(0.11, 0.5)),
    "swing": Action(1.7, (
        key(0.0, r_af=60, l_af=60, ao=-20, ar=0.78, yaw=-6, lean=0),
        key(0.38, "out", r_af=158, l_af=150, r_ao=0, l_ao=-30, ar=0.74, yaw=-32, lean=-6, nod=3),
        key(0.46, r_af=164), key(0.6, "in", r_af=48, l_af=48, ao=-20, ar=0.97, yaw=24, lean=16),
        key(0.72, "over", r_af=26, l_af=28, yaw=30, lean=18), key(0.9, ar=0.84),
    ), grip=Grip(0.42, 0.08, -66, 1.0)),
    "punch": Action(1.0, (
        key(0.0, af=62, ao=-8, ar=0.52, yaw=0, el=0.2, lean=5, smile=-0.3), key(0.16, r_ar=0.44, yaw=-10),
        key(0.28, "in", r_ar=0.99, r_af=86, r_ao=-10, yaw=28), key(0.45, "out", r_ar=0.52, r_af=62, yaw=0),
        key(0.62, l_ar=0.44, yaw=10), key(0.74, "in", l_ar=0.99, l_af=86, l_ao=-10, yaw=-28),
        key(0.92, "out", l_ar=0.52, l_af=62, yaw=0),
    )),
    "kick": Action(1.5, (
        key(0.0, r_f=0.0, r_g=0.0, r_p=0, af=14, ao=22, ar=0.85, lean=0),
        key(0.3, r_f=-0.55, r_g=0.22, r_p=-40, lean=10, r_af=50, l_af=-30),
        key(0.48, "in", r_f=0.66, r_g=0.4, r_p=16, lean=-14, r_af=-40, l_af=60, mouth=0.3),
        key(0.62, "out", r_f=0.6, r_g=0.5), key(0.85, r_f=0.0, r_g=0.05), key(1.0, r_g=0.0),
    )),
    "push": Action(2.4, (
        key(0.0, af=76, ao=-2, ar=0.8, lean=20, nod=-8, smile=-0.2), key(0.5, ar=0.93, lean=25, af=72),
    ), grip=Grip(0.3, 0.3, both=True)),
    "pull": Action(2.2, (
        key(0.0, af=66, ao=-8, ar=0.95, lean=-4), key(0.5, ar=0.58, lean=-16, af=50, el=0.3, mouth=0.2), key(0.8, lean=-8),
    ), grip=Grip(0.3, 0.3, follow=1.0)),
    "lift": Action(3.2, (
        key(0.0, af=166, ao=4, ar=0.8, el=0.6, nod=-4, mouth=0.0), key(0.35, "over", ar=0.99, af=174, mouth=0.3, rise=0.0),
        key(0.75, ar=0.98, rise=0.0),
    ), grip=Grip(0.22, 0.1, both=True)),
    "stir": Action(1.3, (
        key(0.0, r_af=46, r_ao=-14, r_ar=0.74, l_af=40, l_ao=2, l_ar=0.68, nod=12), key(0.25, r_af=52, r_ao=-4),
        key(0.5, r_af=46, r_ao=4, r_ar=0.78), key(0.75, r_af=40, r_ao=-4), key(0.6, nod=14),
    ), grip=Grip(0.16, 0.85, 10)),
    "wash": Action(1.2, (
        key(0.0, r_af=42, l_af=46, ao=-16, ar=0.74, nod=12), key(0.25, r_ao=-10, l_ao=-22), key(0.5, r_af=46, l_af=42),
        key(0.75, r_ao=-22, l_ao=-10),
    ), grip=Grip(0.1, 0.5, both=True)),
    "scrub": Action(0.7, (
        key(0.0, r_af=56, r_ao=-14, r_ar=0.78, l_af=36, l_ao=4, l_ar=0.8, lean=18, nod=2), key(0.5, r_af=64, r_ao=6, r_ar=0.94),
    ), grip=Grip(0.09, 0.4)),
    "sweep": Action(1.5, (
        key(0.0, r_af=34, r_ao=-16, r_ar=0.78, l_af=44, l_ao=-22, l_ar=0.6, lean=10, yaw=-10, nod=8),
        key(0.5, r_af=48, r_ao=-4, r_ar=0.9, l_ao=-12, lean=14, yaw=12),
    ), grip=Grip(0.62, 0.62, -24)),
    "brush": Action(0.6, (key(0.0, r_an=0.9, mouth=0.15, el=0.6), key(0.5, r_an=1.0, tilt=2, mouth=0.25)), grip=Grip(0.08, 0.2, -60)),
    "guitar": Action(0.9, (
        key(0.0, r_af=34, r_ao=-22, r_ar=0.62, l_af=54, l_ao=26, l_ar=0.74, el=0.3, nod=6, smile=1),
        key(0.25, tilt=2), key(0.5, r_af=24, r_ao=-18, nod=9), key(0.75, tilt=-2),
    ), grip=Grip(0.46, 0.3, 52)),
    "piano": Action(1.4, (
        key(0.0, r_af=50, l_af=44, ao=-2, ar=0.8, nod=6, roll=0), key(0.2, r_ao=10, r_af=46, l_af=50),
        key(0.45, r_ao=-6, l_ao=10, r_af=52, nod=10), key(0.7, l_ao=-6, l_af=46, roll=3), key(0.85, r_af=46),
    )),
    "drums": Action(0.6, (
        key(0.0, r_af=70, l_af=40, ao=2, ar=0.74, nod=4, smile=1), key(0.5, r_af=40, l_af=70, nod=9),
    ), grip=Grip(0.16, 0.05, 0, 1.0)),
    "flute": Action(2.4, (
        key(0.0, r_an=1.0, l_an=0.9, el=0.7, tilt=-4), key(0.5, tilt=-7, l_an=0.94),
    ), spot=BEFORE_MOUTH, grip=Grip(0.24, 0.8, 100)),
    "trumpet": Action(2.4, (
        key(0.0, r_an=0.92, l_an=0.84, el=0.4, nod=-8), key(0.5, nod=-12),
    ), spot=BEFORE_MOUTH, grip=Grip(0.16, 0.5)),
    "violin": Action(1.3, (
        key(0.0, r_af=52, r_ao=8, r_ar=0.86, l_af=84, l_ao=16, l_ar=0.74, tilt=10, nod=4, el=0.5, lids=0.2),
        key(0.5, r_af=74, r_ao=-20, r_ar=0.7, tilt=13),
    ), grip=Grip(0.26, 0.4, -50, both=True)),
    "conduct": Action(1.5, (
        key(0.0, af=100, ao=20, ar=0.76, nod=0), key(0.25, "in", af=52, ao=4, ar=0.82, nod=6), key(0.5, af=76, ao=38),
        key(0.75, r_ao=0, l_ao=12, af=66), key(0.9, tilt=3),
    ), grip=Grip(0.14, 0.05, follow=1.0)),
    "sew": Action(1.8, (
        key(0.0, r_af=46, r_ao=-20, r_ar=0.66, l_af=44, l_ao=-18, l_ar=0.66, nod=16),
        key(0.5, "out", r_af=66, r_ao=2, r_ar=0.72, nod=12),
    ), grip=Grip(0.1, 0.35)),
    "dig": Action(1.8, (
        key(0.0, r_af=40, l_af=52, ao=-16, ar=0.78, lean=14, nod=4), key(0.3, r_af=60, l_af=70, lean=8, ar=0.68),
        key(0.48, "in", r_af=26, l_af=40, ar=0.95, lean=32), key(0.75, r_af=58, l_af=66, lean=10, yaw=20), key(0.95, yaw=0),
    ), grip=Grip(0.6, 0.62, -18)),
    "shoot": Action(2.6, (
        key(0.0, r_af=78, r_ao=-6, r_ar=0.56, l_af=88, l_ao=-8, l_ar=0.97, yaw=14, el=0.5),
        key(0.45, r_ar=0.44, yaw=18), key(0.6, r_ar=0.42), key(0.66, "in", r_ar=0.6, yaw=10), key(0.9, yaw=14),
    ), grip=Grip(0.24, 0.3)),
    "cry": Action(2.0, (key(0.0, an=1.0, nod=20, lean=6, smile=-1, lids=0.0, el=0.2), key(0.25, nod=17, rise=0.003),
        key(0.5, nod=21, rise=0.0), key(0.75, nod=18)), spot=EYES),
    "laugh": Action(0.7, (
        key(0.0, mouth=0.9, smile=1, nod=-9, lids=0.12, r_af=36, r_ao=-20, r_ar=0.62, l_af=12, l_ao=14, l_ar=0.9, lean=-3),
        key(0.5, nod=-4, mouth=0.7, lean=2, rise=0.004),
    )),
    "shake": Action(1.1, (key(0.0, look=-0.7, smile=-0.2), key(0.5, look=0.7))),
    "stretch": Action(5.0, (
        key(0.0, af=150, ao=20, ar=0.8, lean=0), key(0.4, af=174, ao=16, ar=1.0, lean=-8, nod=-12, lids=0.0, mouth=0.4),
        key(0.6, lids=0.0), key(0.8, lids=1.0, mouth=0.0, lean=0), key(1.0, nod=0),
    )),
    "bow": Action(4.0, (
        key(0.0, lean=0, nod=0, af=6, ao=5, ar=0.96), key(0.35, lean=46, nod=16, af=30, lids=0.1), key(0.6, lean=46),
        key(0.9, lean=0, nod=0, lids=1.0),
    )),
    "salute": Action(5.0, (key(0.0, r_an=1.0, el=0.7, smile=0.3), key(0.5, nod=-1)), spot=BROW),
    "smoke": Action(5.0, (
        key(0.0, r_an=1.0, nod=0), key(0.2, r_an=1.0), key(0.45, r_an=0.0, r_af=40, r_ao=14, r_ar=0.62, nod=-6, mouth=0.2),
        key(0.75, r_an=0.0, mouth=0.0),
    ), spot=(0.24, 0.62, -0.3), grip=Grip(0.07, 0.3, -50)),
    "kiss": Action(4.0, (key(0.0, nod=2, lean=2, lids=0.0, af=40, ao=-4, ar=0.8, tilt=4), key(0.5, lean=7, tilt=9))),
})  # fmt: skip
