"""The proportions of people: where their joints are, and how thick their limbs. Pure.

All lengths are fractions of the standing height; heights are above the ground.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

ANKLE = 0.036
"""The height of the ankle."""


@dataclass(frozen=True, slots=True)
class Build:
    """One person's proportions. Widths of the trunk are half widths; `arm` and `leg` name radii of limbs."""

    head: float = 0.193
    shoulder: float = 0.762
    hip: float = 0.47
    shoulders: float = 0.092
    waist: float = 0.074
    hips: float = 0.081
    depth: float = 0.064
    arm_length: float = 0.31
    arm: tuple[float, float, float] = (0.034, 0.030, 0.025)
    leg: tuple[float, float, float] = (0.043, 0.037, 0.030)
    hand: float = 0.029
    foot: float = 0.12
    belly: float = 0.0
    bust: float = 0.0
    stoop: float = 0.0
    young: float = 0.0

    @property
    def chin(self) -> float:
        """The height of the chin."""
        return 1.0 - self.head

    @property
    def leg_length(self) -> float:
        """From hip to ankle."""
        return self.hip - ANKLE

    @property
    def upper_arm(self) -> float:
        """From shoulder to elbow."""
        return 0.47 * self.arm_length

    @property
    def fore_arm(self) -> float:
        """From elbow to the middle of the hand."""
        return 0.53 * self.arm_length

    @property
    def trunk(self) -> float:
        """From hip to shoulder."""
        return self.shoulder - self.hip


MAN = Build()
WOMAN = replace(
    MAN,
    shoulders=0.078,
    waist=0.058,
    hips=0.079,
    depth=0.056,
    arm=(0.029, 0.026, 0.021),
    leg=(0.041, 0.033, 0.025),
    hand=0.025,
    foot=0.105,
    bust=0.012,
    arm_length=0.3,
)
BOY = Build(
    head=0.25,
    shoulder=0.712,
    hip=0.395,
    shoulders=0.082,
    waist=0.076,
    hips=0.081,
    depth=0.066,
    arm_length=0.285,
    arm=(0.034, 0.031, 0.027),
    leg=(0.043, 0.039, 0.033),
    hand=0.031,
    foot=0.12,
    young=0.6,
)
BABY = Build(
    head=0.345,
    shoulder=0.632,
    hip=0.265,
    shoulders=0.088,
    waist=0.105,
    hips=0.105,
    depth=0.1,
    arm_length=0.25,
    arm=(0.043, 0.041, 0.035),
    leg=(0.056, 0.05, 0.043),
    hand=0.038,
    foot=0.12,
    belly=0.012,
    young=1.0,
)

BUILDS: Mapping[str, Build] = MappingProxyType(
    {
        "man": MAN,
        "woman": WOMAN,
        "boy": BOY,
        "girl": replace(BOY, shoulders=0.077, waist=0.071, arm=(0.031, 0.028, 0.024), leg=(0.041, 0.036, 0.03)),
        "baby": BABY,
        "old man": replace(MAN, belly=0.012, waist=0.078, stoop=0.16),
        "old woman": replace(WOMAN, waist=0.066, hips=0.082, bust=0.012, stoop=0.16),
    }
)
