"""Puts a head together: hair behind, skin, hair, hat, and the features that move. Pure. Lengths as in `faces.py`."""

from dataclasses import replace

from wanserve.engine.animatic.color import Color
from wanserve.engine.animatic.drawing import Path
from wanserve.engine.animatic.people import faces
from wanserve.engine.animatic.people.hair import hair_behind, hair_over
from wanserve.engine.animatic.people.hats import BEFORE_FACE, COVERS, hat
from wanserve.engine.animatic.people.ink import Ink
from wanserve.engine.animatic.people.trunk import Trunk

UNDER_HAT = {"afro": "short", "curly": "short", "bun": "bob", "side": "short", "bunches": "braids", "tuft": "shaved"}
WOMEN = frozenset({"woman", "girl", "old woman"})
"""The hair that fits under a hat, for styles that do not."""

HIDES_HAIR = frozenset({"swimcap", "rainhood", "ninja", "veil", "knight", "mothelmet", "wig"})
OPEN_HATS = frozenset(
    {"", "tiara", "flowers", "circlet", "crown", "goggles", "eyemask", "mask", "frill", "cap", "clown", "bridal"}
)


def behind(trunk: Trunk) -> list[Ink]:
    """The hair behind the head; none where a hat hides it."""
    if trunk.wear.hat in HIDES_HAIR:
        return []
    return hair_behind(_style(trunk), trunk.side, _hair(trunk))


def skull(trunk: Trunk) -> list[Ink]:
    """The head without its features: skin, beard, hair and hat."""
    look, side, tones = trunk.look, trunk.side, trunk.tones
    style = "shaved" if trunk.wear.hat in HIDES_HAIR else _style(trunk)
    over = hair_over(style, side, _hair(trunk))
    inks = [*faces.skin(look, trunk.build, side, tones), *(faces.beard(look, side, tones) if look.beard else []), *over]
    worn = [] if trunk.wear.hat in BEFORE_FACE else hat(trunk.wear.hat, side, tones, look.top, look.accent)
    inks += worn
    if tones.rim is not None:
        outline = Path().add(faces.outline(look, trunk.build, side))
        for ink in over[:1] + inks[len(inks) - len(worn) :]:
            if not ink.width:
                outline.add(ink.path)
        inks.insert(0, faces.rim_of(outline, tones.rim, tones))
    return inks


def features(trunk: Trunk) -> list[Ink]:
    """Brows, nose, blush, glasses, and what covers the face."""
    look, side, tones = trunk.look, trunk.side, trunk.tones
    shown = replace(look, hair=_hair(trunk)) if look.beard else look
    inks = faces.features(shown, trunk.build, side, tones)
    if look.glasses:
        inks += faces.glasses(trunk.build, side, tones)
    cover = trunk.wear.hat if trunk.wear.hat in BEFORE_FACE else COVERS.get(trunk.wear.hat, "")
    return inks + hat(cover, side, tones, look.top, look.accent)


def _style(trunk: Trunk) -> str:
    style = trunk.look.hair_style
    if trunk.wear.hat in OPEN_HATS:
        return style
    under = UNDER_HAT.get(style, style)
    return "bob" if under == "short" and trunk.look.who in WOMEN else under


def _hair(trunk: Trunk) -> Color:
    return trunk.tones.skin(trunk.look.hair)
