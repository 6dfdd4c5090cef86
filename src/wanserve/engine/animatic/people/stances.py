"""The table of stances: what the whole body does, as keyframes over one cycle. Pure data.

A keyframe has its time in the cycle, 0 to 1, the channels that it sets, and how the movement arrives at it. Channels that
a keyframe does not name pass through it. Angles are degrees. The channels are:

- hip: the hip's height over the ankles, in leg lengths, 1 standing; seat: the same in heights over the ground, if not 0
- pitch: turn of the whole body, forward is positive; lean: of the trunk alone; roll: sideways; yaw: of the shoulders
- sway, rise: shift of the hip sideways and up, in heights; nod, look, tilt: the head down, aside, and to the shoulder
- f, g, o, p: each foot's distance before the hip, height over the ground and distance outwards, in leg lengths, and the
  turn of its toe upwards; u: its height over the hip in a stance that is not on the ground
- af, ao, ar, el: each arm's turn forward and outwards, its reach (1 is straight), and how far the elbow is raised outwards
- an: how far the hand is drawn to a spot of the head, 1 at the spot; mouth, smile, lids: open mouth, mood, open eyes

A channel of a limb counts for both sides; "r." and "l." before it restrict it to one. In an alternating stance the left
side does half a cycle later what the right one does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Channels = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Key:
    """A keyframe. `ease` tells how the movement arrives: smooth, line, in (slow start), out (slow end) or over."""

    at: float
    values: Channels
    ease: str = "smooth"


@dataclass(frozen=True, slots=True)
class Stance:
    """A cycle of keyframes. It advances with the steps where `seconds` is 0. `width` and `height` are its extent.

    `bent`: the legs do not hang from the hips, so a skirt lies on them. `level`: seen from the side only.
    """

    seconds: float
    keys: tuple[Key, ...]
    alternate: bool = False
    grounded: bool = True
    bent: bool = False
    level: bool = False
    width: float = 0.5
    height: float = 1.08


def key(at: float, ease: str = "smooth", /, **values: float) -> Key:
    """A keyframe; `r_` and `l_` before a channel stand for "r." and "l."."""
    names = {k: f"{k[0]}.{k[2:]}" if k[:2] in {"r_", "l_"} else k for k in values}
    return Key(at, MappingProxyType({names[k]: v for k, v in values.items()}), ease)


STANCES: Mapping[str, Stance] = MappingProxyType({
    "stand": Stance(5.2, (
        key(0.0, hip=0.998, sway=-0.006, roll=0.6, tilt=1.0, look=0.1, af=2, ao=7, ar=0.988, o=0.06, f=0.0),
        key(0.5, sway=0.006, roll=-0.6, tilt=-1.5, look=-0.12, af=4, ao=8),
    )),
    "walk": Stance(0, (
        key(0.0, "line", f=0.31, p=15, hip=0.955, af=-30, ar=0.97, ao=7, yaw=-9, lean=4, g=0.0, nod=1),
        key(0.08, p=0, g=0.0),
        key(0.25, hip=0.998, sway=-0.012, roll=-1.6, yaw=0, nod=-1),
        key(0.38, p=0),
        key(0.5, "line", f=-0.31, p=-24, g=0.0, hip=0.955, af=32, ar=0.9, ao=5, yaw=9, nod=1),
        key(0.6, f=-0.27, p=-44, g=0.05),
        key(0.75, f=0.06, p=-14, g=0.15, hip=0.998, sway=0.012, roll=1.6, yaw=0, nod=-1),
        key(0.9, f=0.33, p=16, g=0.06),
        key(1.0, "line", f=0.31, g=0.0),
    ), alternate=True, width=0.66),
    "run": Stance(0, (
        key(0.0, "line", f=0.4, p=6, g=0.0, hip=0.93, af=-62, ar=0.74, ao=10, yaw=-14, lean=13, nod=-5),
        key(0.08, p=0),
        key(0.14, hip=0.9, sway=-0.008, roll=-2),
        key(0.2, p=0),
        key(0.36, "line", f=-0.5, p=-42, g=0.0, hip=0.97),
        key(0.43, hip=1.02),
        key(0.5, f=-0.62, p=-66, g=0.2, hip=0.93, af=52, ar=0.66, ao=2, yaw=14),
        key(0.64, f=-0.3, g=0.5, p=-60, hip=0.9, sway=0.008, roll=2),
        key(0.8, f=0.36, g=0.38, p=-16),
        key(0.86, hip=0.97),
        key(0.93, f=0.5, g=0.12, p=8, hip=1.02),
        key(1.0, "line", f=0.4, g=0.0, hip=0.93),
    ), alternate=True, width=0.86),
    "sit": Stance(6.0, (
        key(0.0, seat=0.27, f=0.47, o=0.06, af=33, ao=3, ar=0.84, lean=-2, tilt=1.5, look=0.15),
        key(0.5, lean=-1, tilt=-1.5, look=-0.15, af=35),
    ), bent=True, width=0.56, height=0.84),
    "kneel": Stance(6.0, (
        key(0.0, hip=0.5, f=-0.5, p=-84, o=0.05, af=10, ao=6, ar=0.9, nod=6, tilt=1),
        key(0.5, tilt=-1, nod=8),
    ), bent=True, width=0.56, height=0.84),
    "squat": Stance(5.0, (
        key(0.0, hip=0.37, f=0.12, o=0.16, lean=24, af=52, ao=-4, ar=0.82, nod=-14),
        key(0.5, hip=0.385, lean=26, nod=-12),
    ), bent=True, width=0.56, height=0.74),
    "lie": Stance(6.0, (
        key(0.0, seat=0.072, pitch=-90, u=-0.985, r_f=0.3, r_u=-0.72, p=-16, af=6, ao=8, ar=0.96, nod=4, lids=0.0),
    ), grounded=False, bent=True, level=True, width=1.12, height=0.36),
    "jump": Stance(1.15, (
        key(0.0, hip=0.97, lean=2, af=10, ao=12, ar=0.93, r_f=0.0, l_f=0.0, r_g=0.0, l_g=0.0, p=0.0, o=0.06),
        key(0.13, "out", hip=0.62, lean=28, af=-30, ao=12, nod=-14),
        key(0.24, hip=0.99, lean=2, af=62, ao=20, r_g=0.0, l_g=0.0, r_f=0.0, l_f=0.0, p=-30, nod=-8),
        key(0.36, hip=0.99, af=172, ao=24, ar=0.98, r_g=0.18, l_g=0.36, r_f=-0.22, l_f=0.16, mouth=0.6, smile=1),
        key(0.62, r_g=0.16, l_g=0.3, r_f=-0.2, l_f=0.16, p=-20, af=164, ao=30),
        key(0.9, r_f=0.02, l_f=0.06, r_g=0.0, l_g=0.0, p=-12, af=60, ao=34, hip=0.97, mouth=0.2),
        key(1.0, lean=2, nod=0),
    ), width=0.72, height=1.34),
    "swim": Stance(1.5, (
        key(0.0, seat=0.2, pitch=82, u=-0.97, f=0.10, p=-62, af=176, ar=0.98, ao=8, el=0.0, nod=-58, roll=10),
        key(0.16, f=-0.08), key(0.33, f=0.10),
        key(0.28, af=92, ar=0.82),
        key(0.5, f=-0.08, af=8, ar=0.9, roll=-10), key(0.66, f=0.10), key(0.83, f=-0.08),
        key(0.64, af=-54, ar=0.78, el=0.6),
        key(0.84, "line", af=-130, ar=0.74, el=0.6),
        key(1.0, "line", af=-184, ar=0.98, el=0.0),
    ), alternate=True, grounded=False, level=True, width=1.3, height=0.6),
    "climb": Stance(1.9, (
        key(0.0, hip=0.98, f=0.22, g=0.08, p=8, af=150, ar=0.97, ao=4, nod=-20, lean=3, roll=-3, rise=0.0),
        key(0.5, f=0.28, g=0.44, af=118, ar=0.62, roll=3, rise=0.02),
        key(0.75, f=0.16, rise=0.0), key(0.25, f=0.3, rise=0.01),
    ), alternate=True, level=True, width=0.6, height=1.22),
    "fly": Stance(2.4, (
        key(0.0, seat=0.22, pitch=76, u=-0.99, l_f=-0.03, r_f=0.06, r_u=-0.94, p=-64, r_af=176, l_af=170, ar=0.99, ao=3,
           nod=-56, rise=0.0, smile=1),
        key(0.5, rise=0.012, l_f=0.0, r_f=0.02, pitch=80),
    ), grounded=False, level=True, width=1.42, height=0.6),
    "dance": Stance(2.2, (
        key(0.0, hip=0.97, sway=-0.03, roll=6, tilt=-7, r_af=150, r_ao=38, r_ar=0.86, l_af=20, l_ao=52, l_ar=0.7,
           r_f=0.0, l_f=0.12, r_o=0.1, l_o=0.22, l_p=-22, r_p=0, yaw=12, mouth=0.35, smile=1, el=0.3),
        key(0.125, hip=0.93),
        key(0.25, hip=0.98, sway=0.0, roll=0, l_g=0.12, r_g=0.0, l_f=0.02),
        key(0.375, hip=0.93, l_g=0.0),
        key(0.5, hip=0.97, sway=0.03, roll=-6, tilt=7, l_af=150, l_ao=38, l_ar=0.86, r_af=20, r_ao=52, r_ar=0.7,
           r_f=0.12, l_f=0.0, r_o=0.22, l_o=0.1, r_p=-22, l_p=0, yaw=-12),
        key(0.625, hip=0.93),
        key(0.75, hip=0.98, sway=0.0, roll=0, r_g=0.12, l_g=0.0, r_f=0.02),
        key(0.875, hip=0.93, r_g=0.0),
    ), width=0.8, height=1.2),
    "fall": Stance(0.9, (
        key(0.0, hip=1.0, pitch=-14, r_f=0.3, l_f=-0.25, r_u=-0.76, l_u=-0.85, p=-20, r_af=150, r_ao=42, l_af=110, l_ao=60,
           ar=0.9, o=0.16, mouth=0.9, smile=-0.4),
        key(0.5, r_f=-0.2, l_f=0.32, r_u=-0.85, l_u=-0.74, r_af=105, r_ao=62, l_af=155, l_ao=40),
    ), grounded=False, width=0.92, height=1.22),
    "crawl": Stance(1.5, (
        key(0.0, hip=0.5, lean=84, f=-0.26, p=-80, g=0.0, af=108, ar=0.98, ao=2, nod=-54),
        key(0.5, "line", f=-0.56, af=70, ar=0.97),
        key(0.75, g=0.06, ar=0.86),
        key(1.0, f=-0.26, g=0.0, ar=0.98),
    ), alternate=True, bent=True, level=True, width=0.98, height=0.56),
    "skate": Stance(1.9, (
        key(0.0, hip=0.88, lean=20, f=0.16, o=0.05, g=0.0, p=0, af=-38, ao=26, ar=0.9, nod=-12, roll=-4, sway=-0.02),
        key(0.4, "line", f=-0.05, o=0.06),
        key(0.55, f=-0.42, o=0.34, g=0.03, p=-26, af=48, ao=16, ar=0.82, roll=4, sway=0.02),
        key(0.78, f=-0.2, o=0.1, g=0.16, p=-24, hip=0.88),
    ), alternate=True, width=0.86),
    "ride": Stance(0, (
        key(0.0, "line", seat=0.46, f=0.3, g=0.17, o=0.09, p=2, lean=16, af=62, ao=-2, ar=0.9, nod=-10),
        key(0.25, f=0.44, g=0.3), key(0.5, f=0.3, g=0.4), key(0.75, f=0.18, g=0.3, p=-10),
    ), alternate=True, bent=True, width=0.62, height=1.06),
    "row": Stance(2.2, (
        key(0.0, seat=0.13, f=0.74, o=0.06, p=34, lean=26, af=78, ao=-6, ar=0.97, nod=-12),
        key(0.45, lean=-16, af=58, ar=0.56, el=0.3, nod=4),
        key(0.6, lean=-14, af=48, ar=0.62),
    ), bent=True, width=0.78, height=0.72),
})  # fmt: skip
