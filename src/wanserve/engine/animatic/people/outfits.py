"""The table of outfits: which garments, hat and things a person wears, and their usual colours. Pure data."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Outfit:
    """What one kind of person wears.

    Colours are hex words; several are a choice, none is chosen freely. A bottom is also `same`, almost the top's colour,
    or `top`, and shoes are also `bare`, `top` or `accent`.

    `arms` and `legs` are how much of them cloth covers, 0 bare to 1; `boots` how much of the shin. `hem` is the length of
    a skirt or of a coat below the hip, in leg lengths, `flare` its width at the hem in hip widths, and `hem_top` tells
    that it is of the top's colour. `main` is the garment that takes the colour of a prompt. `cuffs` widens the sleeves.
    `hair` is a hair style, and `person` who wears it where the prompt leaves that open.
    """

    top: str = ""
    bottom: str = ""
    shoes: str = ""
    accent: str = "#f4f1ea"
    trim: tuple[str, ...] = ()
    hat: str = ""
    arms: float = 1.0
    legs: float = 1.0
    boots: float = 0.0
    hem: float = 0.0
    flare: float = 1.16
    hem_top: bool = False
    main: str = "top"
    cuffs: float = 1.0
    gloves: str = ""
    hair: str = ""
    person: str = ""


def _wear(trim: str = "", **parts: str | float | bool) -> Outfit:
    """An outfit; `trim` is words, drawn in this order on the trunk."""
    return Outfit(trim=tuple(trim.split()), **parts)  # type: ignore[arg-type]


def _long(trim: str = "", **parts: str | float | bool) -> Outfit:
    """A garment from the shoulders to the feet."""
    return _wear(trim, **{"hem": 0.96, "flare": 1.5, "hem_top": True, "legs": 0.0, **parts})


OUTFITS: Mapping[str, Outfit] = MappingProxyType({
    "plain": _wear("crew", arms=0.42),
    "shirt": _wear("collar buttons", arms=1),
    "hoodie": _wear("hood pocket strings"),
    "suit": _wear("blouse lapels tie", top="#39435c #4a4a55 #2f4a5e", bottom="same", shoes="#2c2a2e", accent="#b5343f"),
    "dress": _wear("neck belt", top="#e0526e #3f7fc4 #f0a63c #55a77b #8d62b8", arms=0.3, legs=0, hem=0.5, flare=1.75, hem_top=True, person="woman"),
    "gown": _long("neck belt", top="#8a5fb4 #c8455f #3a78a8 #3f8f77", arms=0, flare=2.3, shoes="#d9b64a", person="woman"),
    "skirt": _wear("crew belt", arms=0.42, legs=0, hem=0.42, flare=1.6, main="bottom", person="woman"),
    "coat": _wear("blouse lapels belt", top="#b98a56 #4b5a73 #7a4f4f #5f6b4f", hem=0.5, hem_top=True, shoes="#4a3830"),
    "winter": _wear("zip scarf", top="#3f7fb8 #c8503f #4f8f6a #7b5fa8", hat="woolly", hem=0.16, flare=1.2, hem_top=True, boots=0.5,
                    shoes="#6b4a36", accent="#f2c14e #e9e4da #e2574c", gloves="#5b4a6a", cuffs=1.16),
    "raincoat": _wear("hood buttons", top="#f5c531", hat="rainhood", hem=0.4, flare=1.5, hem_top=True, boots=0.6, shoes="#d9483b", cuffs=1.1),
    "chef": _wear("double neckerchief", top="#f6f4ef", bottom="#4a5160", hat="toque", accent="#d9483b", main="accent"),
    "waiter": _wear("blouse vest bowtie waist", top="#f6f4ef", bottom="#2f3038", accent="#33343d", shoes="#232328", main="accent"),
    "maid": _wear("neck apron collar", top="#3b3f52", hat="frill", arms=0.5, legs=0, hem=0.52, flare=1.8, hem_top=True, shoes="#2c2a2e", person="woman"),
    "doctor": _wear("blouse tie lapels stethoscope", top="#f7f7f5", bottom="#4c6b86", hem=0.5, hem_top=True, accent="#3f8a9a", main="accent"),
    "nurse": _wear("vee stethoscope badge", top="#4fa8b0 #6a8fd0", bottom="same", hat="cap", arms=0.5, accent="#f7f7f5", shoes="#f1efe9", person="woman"),
    "scientist": _wear("blouse lapels pens", top="#f7f7f5", bottom="#5b5f6e", hem=0.5, hem_top=True, hat="goggles", accent="#5a7fb0", main="accent"),
    "police": _wear("collar tie badge beltbuckle", top="#34527f", bottom="#26304a", hat="peaked", accent="#f0c24b", shoes="#23232a"),
    "firefighter": _wear("stripes zip", top="#d8a63c #c94f35", bottom="same", hat="firehelmet", accent="#e9e65a", boots=0.5, shoes="#33333b", cuffs=1.12),
    "soldier": _wear("collar pockets beltbuckle", top="#6f7a4e", bottom="#66703f", hat="helmet", boots=0.5, shoes="#4a3b2c", accent="#4a4f33"),
    "builder": _wear("collar vest_hi", top="#5d83b5", bottom="#4a5a7a", hat="hardhat", accent="#f58a2c", shoes="#8a5f3a", boots=0.3),
    "worker": _wear("crew bib", top="#c9d0d8 #e0b07c", bottom="#3f5f8f", hat="flatcap", arms=0.5, accent="#3f5f8f", shoes="#6b4a36", main="top"),
    "farmer": _wear("plaid bib", top="#c9503f", bottom="#4a6a9a", hat="straw", accent="#4a6a9a", shoes="#7a5233", boots=0.5),
    "gardener": _wear("crew apron", top="#e7c46a #8fc0a0", bottom="#5f6f52", hat="straw", arms=0.45, accent="#4f8a55", boots=0.5, shoes="#3f7a55"),
    "student": _wear("collar vneck straps", top="#3f5f94 #8a3f4a", bottom="#4b5163", accent="#d9483b", shoes="#3a3436"),
    "teacher": _wear("blouse cardigan", top="#7a9a6a #b0785a #5f7fa8", bottom="#4f4a55", accent="#f4f1ea"),
    "athlete": _wear("tank number", top="#e2483f #2f7fd0 #f0a62c", bottom="#33384a", arms=0, legs=0.3, shoes="#f4f4f2", accent="#ffffff"),
    "swimmer": _wear("swim", top="#2f6fc0 #d8405a", bottom="same", hat="swimcap", arms=0, legs=0, shoes="bare", accent="#f4f4f2"),
    "dancer": _wear("vee belt", top="#d8435f #7a4fb0", bottom="#2f2f3a", arms=1, shoes="#2a2a30", accent="#f0c24b", cuffs=1.1),
    "ballerina": _wear("neck", top="#f3a6c0", bottom="#f9d7e2", arms=0, legs=1, hem=0.2, flare=2.5, hem_top=True, shoes="#f08fb0", hair="bun", person="woman"),
    "skater": _wear("crew stripe", top="#5fb0c8 #e8a03c", hat="helmet_round", arms=0.5, legs=0.55, shoes="#e2483f", accent="#f4f4f2"),
    "boxer": _wear("bare waistband", bottom="#d8383a", legs=0.42, arms=0, gloves="#d8383a", accent="#f4e04f", shoes="#2f2f3a", boots=0.4, main="bottom", person="man"),
    "karate": _wear("wrap knot", top="#f7f5ef", bottom="same", accent="#2f2f36", shoes="bare", hem=0.2, hem_top=True, main="accent"),
    "cyclist": _wear("zip stripe", top="#e2483f #2fa0c8 #f0c02c", bottom="#2f3340", hat="bikehelmet", arms=0.45, legs=0.45, accent="#ffffff", gloves="#2f3340"),
    "biker": _wear("lapels zip", top="#34343c", bottom="#3f5578", accent="#d0d0d6", hat="mothelmet", shoes="#26262c", boots=0.4, gloves="#2a2a30", cuffs=1.1),
    "hiker": _wear("collar straps", top="#d8703c #4f9a7a", bottom="#8a7a58", hat="bucket", accent="#7a4a2c", shoes="#6b4a36", boots=0.3, arms=0.5),
    "diver": _wear("zip stripe", top="#2b3a4e", bottom="same", accent="#f0b429", hat="mask", shoes="#f0b429", gloves="#2b3a4e"),
    "astronaut": _wear("space", top="#f1f2f4", bottom="same", accent="#e2603f", hat="spacehelmet", gloves="#c9ced8", shoes="#9aa2b2", boots=0.45, cuffs=1.24),
    "pilot": _wear("collar tie wings stripes_cuff", top="#f6f4ef", bottom="#2b3552", hat="peaked", accent="#2b3552", shoes="#23232a", main="accent"),
    "sailor": _wear("sailor", top="#f6f4ef", bottom="#f1efe9", hat="sailor", accent="#2f5a9a", shoes="#2a2a30", main="accent"),
    "captain": _wear("blouse lapels tie goldbuttons", top="#2b3f66", bottom="#f1efe9", hat="captain", accent="#f0c24b", shoes="#23232a"),
    "pirate": _wear("stripe open sash", top="#f1ebdd", bottom="#5a4136", hat="tricorn", accent="#a8323a", boots=0.6, shoes="#33261f", main="accent", person="man"),
    "cowboy": _wear("plaid open bandana beltbuckle", top="#e9dcc0", bottom="#4a6a9a", hat="cowboy", accent="#8a5530", boots=0.5, shoes="#6b4026", main="accent", person="man"),
    "knight": _wear("armour", top="#b9c2ce", bottom="#a5aebb", hat="knight", accent="#b5343f", shoes="#8a94a4", boots=1.0, gloves="#98a2b0", cuffs=1.12, main="accent", person="man"),
    "samurai": _wear("wrap plates sash", top="#8f2f35", bottom="#3a3440", hat="kabuto", accent="#d9a93f", hem=0.3, flare=1.5, hem_top=True, shoes="#3a2f2a", boots=0.6, cuffs=1.3, person="man"),
    "ninja": _wear("wrap sash", top="#33343f", bottom="same", hat="ninja", accent="#b5343f", gloves="#33343f", shoes="#26262e", boots=0.5, main="accent"),
    "viking": _wear("fur beltbuckle", top="#8a6a45", bottom="#5a4636", hat="horned", accent="#d8c9a8", boots=0.6, shoes="#4f3a28", hem=0.25, hem_top=True, person="man"),
    "king": _long("ermine chain", top="#b0303f #6a3f98", hat="crown", accent="#f2c64a", flare=1.9, shoes="#5a3a2c", person="man"),
    "queen": _long("neck ermine chain", top="#7f3f98 #b0305f", hat="crown", accent="#f2c64a", flare=2.4, shoes="#d9b64a", person="woman"),
    "princess": _long("neck belt", top="#f08fb8 #8fb4ee #c79be8", hat="tiara", accent="#f2c64a", arms=0.25, flare=2.5, shoes="#f2c64a", hair="long", person="woman"),
    "prince": _wear("goldbuttons sash_across cape beltbuckle", top="#3f6fb5 #f1efe9", bottom="#f1efe9", hat="circlet", accent="#f2c64a", boots=0.7, shoes="#4f3527", person="man"),
    "wizard": _long("sash stars", top="#4a4fa8 #6a3f9a", hat="wizard", accent="#f2c64a", flare=1.8, cuffs=1.7, shoes="#5a4030", person="man"),
    "witch": _long("belt", hair="long", top="#3a3346 #4b2f5f", hat="witch", accent="#8f5fd0", flare=1.8, cuffs=1.4, shoes="#2a2630", person="woman"),
    "fairy": _wear("wings_fairy neck", top="#a8dc8a #f3a6d0 #9fd4f0", hat="flowers", arms=0, legs=0, hem=0.4, flare=2.0, hem_top=True, shoes="#7fc06a", person="woman"),
    "monk": _long("wrap sash_across", top="#d98a3a #b5653a", accent="#9a3f30", flare=1.35, cuffs=1.5, shoes="#7a5233", hair="bald", person="man"),
    "nun": _long("collar cross", top="#34343e", hat="veil", accent="#f6f4ef", flare=1.4, cuffs=1.4, shoes="#26262c", person="woman"),
    "priest": _long("whitecollar goldbuttons", top="#2f3038", accent="#f6f4ef", flare=1.3, shoes="#23232a", person="man"),
    "bride": _long("neck belt", top="#fbfaf6", hat="bridal", accent="#f3d9e0", arms=0, flare=2.6, shoes="#f4f1ea", person="woman"),
    "groom": _wear("blouse lapels bowtie flower", top="#2f313c", bottom="same", shoes="#23232a", accent="#e8607a", person="man"),
    "santa": _wear("furtrim beltbuckle", top="#d2313a", bottom="same", hat="santa", accent="#f8f6f2", boots=0.6, shoes="#2a2a30", hem=0.16, hem_top=True, gloves="#f8f6f2", cuffs=1.12, person="man"),
    "superhero": _wear("cape emblem trunks", top="#2f63c8 #c8303f", bottom="same", accent="#e2333d #f2c02c", hat="eyemask", boots=0.6, shoes="accent", gloves="accent"),
    "clown": _wear("dots ruff", top="#f2c02c", bottom="#3f8fd8", hat="clown", accent="#e2483f", shoes="#d8383a", gloves="#f8f6f2", cuffs=1.3),
    "judge": _long("whitecollar", top="#2f2f38", hat="wig", accent="#f6f4ef", flare=1.6, cuffs=1.6, shoes="#23232a"),
    "artist": _wear("stripe apron", top="#f4f1ea", bottom="#4a5a7a", hat="beret", accent="#3f6fa8", shoes="#5a4030", main="accent"),
    "musician": _wear("blouse vest waist", top="#f1ebdd", bottom="#3a3a44", hat="fedora", accent="#7a4a6a", shoes="#2a2a30", main="accent"),
    "singer": _wear("open_jacket sparkle", top="#c8305f #5f4fc0", bottom="#2f2f3a", accent="#f7e08a", shoes="#2a2a30"),
    "detective": _wear("blouse tie lapels belt", top="#b99a6a", bottom="#5a4f48", hat="fedora", hem=0.55, hem_top=True, accent="#5a3f34", shoes="#4a3830"),
    "kimono": _long("wrap obi flowers", top="#d8506f #4f7fc0 #7f5fb0", accent="#f2c64a", flare=1.12, cuffs=2.1, shoes="#7a5233", hair="bun", person="woman"),
    "hanfu": _long("wrap sash ribbons", top="#8fc8c0 #f0b8c0 #b8a8e0", accent="#d8607a", flare=2.0, cuffs=2.0, shoes="#5a4a5a", hair="long", person="woman"),
    "sari": _long("sari", top="#e0803a #c8305f #3f9a8a", accent="#f2c64a", flare=1.35, arms=0.3, shoes="#d9a93f", hair="braids", person="woman"),
    "robe": _long("wrap sash", top="#7a8fb8 #a8705a #6a9a8a", accent="#f1ebdd", flare=1.4, cuffs=1.5, shoes="#7a5233"),
    "apron": _wear("crew apron", arms=0.45, accent="#e8734f"),
    "baby": _wear("snaps", top="#9fd0ee #f6c6d4 #f7e2a0 #b8e0b0", bottom="top", shoes="top", accent="#ffffff", cuffs=1.05),
})  # fmt: skip
