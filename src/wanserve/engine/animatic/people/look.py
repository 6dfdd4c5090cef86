"""Chooses how a person looks: skin, hair and clothes, by a seed. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from wanserve.engine.animatic.color import BLACK, WHITE, Color, rgb
from wanserve.engine.animatic.people.outfits import OUTFITS, Outfit

__all__ = ["OUTFITS", "Look", "choose_look"]

SKINS = "#ffe0c8 #fbd3b4 #f3c39c #e8b48a #dca377 #c98d61 #b27548 #925b38 #7d4d33 #683f2c".split()
HAIRS = "#2b2320 #3a2a22 #54382a #7a4d2e #a2662f #c98b3f #e0b45c #b5532d #1f1d22".split()
DARK_HAIRS = "#2b2320 #3a2a22 #1f1d22 #332620".split()
GRAYS = "#d9dade #c3c5cb #eeeeee #a9abb2".split()
TOPS = "#d9534f #e8833a #edb93f #5aa469 #3f9aa0 #4a86c8 #6a6fc0 #a864a8 #e27c9c #f1ede4".split()
BOTTOMS = "#3f557f #4c5366 #6a5a4c #37404f #7c6f5c #55627a #2f3340".split()
SHOES = "#6b4a36 #3a3436 #f1efe9 #8a3f3a #4a5468".split()

STYLES = {
    "man": "short short short curly bald side side",
    "woman": "long long bob bun ponytail curly braids",
    "boy": "short short side curly",
    "girl": "ponytail braids bob long bunches",
    "baby": "tuft",
    "old man": "bald short side",
    "old woman": "bun bun bob curly",
}
MALE = frozenset({"man", "boy", "old man"})


@dataclass(frozen=True, slots=True)
class Look:
    """How one person looks. `who` is a key of `build.BUILDS`, and `outfit` one of OUTFITS."""

    who: str
    outfit: str
    skin: Color
    hair: Color
    hair_style: str
    top: Color
    bottom: Color
    shoes: Color
    beard: bool = False
    glasses: bool = False
    accent: Color = WHITE


def choose_look(
    who: str, outfit: str, rng: random.Random, clothes: Color | None = None, hair: Color | None = None
) -> Look:
    """Choose a look. `clothes` is the main garment's colour, `hair` the hair's. The same seed gives the same look.

    A "person", or who is not known, is a man or a woman; an outfit that is not known is "plain".
    """
    name = outfit if outfit in OUTFITS else "plain"
    wear = OUTFITS[name]
    gender = rng.choice(("man", "woman"))
    who = who if who in STYLES else wear.person or gender
    tone = rng.randrange(len(SKINS))
    natural = rgb(rng.choice(_hair_colors(who, tone)))
    style, dark_style = rng.choice(STYLES[who].split()), rng.random() < 0.3
    if tone >= len(SKINS) - 3 and dark_style and who not in ("baby", "old man"):
        style = "afro"
    bearded, glasses = rng.random(), rng.random()
    top, bottom, shoes, accent = _clothes(wear, rng, clothes)
    return Look(
        who,
        name,
        rgb(SKINS[tone]),
        hair or natural,
        _style(wear.hair, style, who),
        top,
        bottom,
        shoes,
        beard=_has_beard(who, name, bearded),
        glasses=glasses < {"old man": 0.5, "old woman": 0.6, "man": 0.12, "woman": 0.12}.get(who, 0.08)
        and not _masked(wear),
        accent=accent,
    )


def _hair_colors(who: str, tone: int) -> Sequence[str]:
    if who.startswith("old"):
        return GRAYS
    return HAIRS if tone < 4 else DARK_HAIRS + HAIRS[2:3]


def _style(asked: str, chosen: str, who: str) -> str:
    if who == "baby" or not asked or (asked != "bald" and who in MALE):
        return chosen
    return asked


def _has_beard(who: str, outfit: str, chance: float) -> bool:
    if who not in ("man", "old man") or outfit in ("nun", "ninja", "baby"):
        return False
    if outfit in ("santa", "wizard", "viking", "pirate", "king"):
        return True
    return chance < (0.4 if who == "old man" else 0.22)


def _masked(wear: Outfit) -> bool:
    return wear.hat in {"mask", "goggles", "eyemask", "ninja", "spacehelmet", "mothelmet"}


def _clothes(wear: Outfit, rng: random.Random, clothes: Color | None) -> tuple[Color, Color, Color, Color]:
    """The colours of top, bottom, shoes and accent."""
    top = rgb(rng.choice(wear.top.split() or TOPS))
    free = rgb(rng.choice(_apart(BOTTOMS, top)))
    shoe = rng.choice(wear.shoes.split() or SHOES)
    accent = rgb(rng.choice(wear.accent.split()))
    given = {"top": top, "bottom": free if wear.bottom in ("", "same", "top") else rgb(wear.bottom), "accent": accent}
    if clothes is not None:
        given[wear.main] = clothes.mixed(WHITE, 0.04).mixed(BLACK, 0.02)
    if wear.bottom in ("same", "top"):
        given["bottom"] = given["top"].mixed(BLACK, 0.06 if wear.bottom == "same" else 0.0)
    return given["top"], given["bottom"], _shoes(shoe, given), given["accent"]


def _shoes(shoe: str, given: dict[str, Color]) -> Color:
    if shoe == "bare":
        return Color(0, 0, 0, 0)
    return given[shoe] if shoe in given else rgb(shoe)


def _apart(words: Sequence[str], from_: Color) -> list[str]:
    """The colours that can be told from this one."""
    far = [w for w in words if sum(abs(a - b) for a, b in zip(rgb(w)[:3], from_[:3], strict=True)) > 110]
    return far or list(words)
