"""Forms the plurals of English nouns and the inflected forms of English verbs, by rule and by list. Pure."""

from collections.abc import Iterator

VOWELS = "aeiou"
IRREGULAR_PLURALS = {
    "mouse": "mice", "goose": "geese", "ox": "oxen", "wolf": "wolves", "man": "men", "woman": "women", "foot": "feet",
    "child": "children", "person": "people", "leaf": "leaves", "fish": "fish", "sheep": "sheep", "deer": "deer",
    "knife": "knives", "loaf": "loaves", "shelf": "shelves", "calf": "calves", "elf": "elves", "scarf": "scarves",
    "tooth": "teeth", "potato": "potatoes", "tomato": "tomatoes", "cactus": "cacti", "thief": "thieves",
    "fisherman": "fishermen", "policeman": "policemen", "fireman": "firemen", "snowman": "snowmen", "bison": "bison",
    "aircraft": "aircraft", "salmon": "salmon", "squid": "squid", "shrimp": "shrimp", "moose": "moose",
    "businessman": "businessmen", "salesman": "salesmen", "gentleman": "gentlemen", "grandchild": "grandchildren",
}  # fmt: skip
IRREGULAR_PASTS = {
    "run": ("ran",), "flee": ("fled",), "drive": ("drove", "driven"), "stride": ("strode",), "tread": ("trod",),
    "creep": ("crept",), "leap": ("leapt", "leaped"), "fly": ("flew", "flown"), "take": ("took", "taken"),
    "swim": ("swam", "swum"), "dive": ("dove", "dived"), "fall": ("fell", "fallen"), "spin": ("spun",),
    "grow": ("grew", "grown"), "stand": ("stood",), "rise": ("rose", "risen"), "sit": ("sat",), "lie": ("lay", "lain"),
    "lay": ("laid",), "sleep": ("slept",), "wake": ("woke", "woken"), "kneel": ("knelt",), "slide": ("slid",),
    "ride": ("rode", "ridden"), "wear": ("wore", "worn"), "hold": ("held",), "bring": ("brought",), "give": ("gave",),
    "catch": ("caught",), "drink": ("drank", "drunk"), "eat": ("ate", "eaten"), "bite": ("bit", "bitten"),
    "read": ("read",), "write": ("wrote", "written"), "draw": ("drew", "drawn"), "speak": ("spoke", "spoken"),
    "tell": ("told",), "sing": ("sang", "sung"), "think": ("thought",), "win": ("won",), "throw": ("threw", "thrown"),
    "shoot": ("shot",), "fling": ("flung",), "hit": ("hit",), "strike": ("struck",), "swing": ("swung",),
    "fight": ("fought",), "make": ("made",), "build": ("built",), "cut": ("cut",), "sweep": ("swept",), "put": ("put",),
    "weave": ("wove", "woven"), "dig": ("dug",), "weep": ("wept",), "shake": ("shook", "shaken"), "bend": ("bent",),
    "meet": ("met",), "hang": ("hung",), "shine": ("shone",), "feed": ("fed",), "teach": ("taught",), "set": ("set",),
    "blow": ("blew", "blown"), "slink": ("slunk",), "do": ("did", "done"), "go": ("went", "gone"), "cast": ("cast",),
    "spread": ("spread",), "see": ("saw", "seen"), "become": ("became",), "tie": ("tied",), "show": ("showed", "shown"),
}  # fmt: skip
DOUBLED = frozenset(
    """
    run hop skip bat hit cut dig jog pet chop sip bob swim sit spin put get grab grip hug nap rub snap step stop strut
    tap tip tug trot trim win wag zip scrub shop slip slam strum drum drop plan hum nod mop dip drag flip flap gallop
    clap wrap chat knit trek set snip sprint jut squat unplug crop dub hem jam map pat pop quip rip rob sag sob spot
    stun swat thin top trap whip
    """.split()
) - {"gallop", "trek", "sprint"}
"""Verbs that double the last letter before -ing and -ed."""


def plural(phrase: str) -> str:
    """The plural of an English noun phrase, whose last word takes it."""
    *head, word = phrase.split(" ")
    if word in IRREGULAR_PLURALS:
        many = IRREGULAR_PLURALS[word]
    elif word.endswith(("s", "x", "ch", "sh")):
        many = word + "es"
    elif word.endswith("y") and word[-2:-1] not in VOWELS:
        many = word[:-1] + "ies"
    else:
        many = word + "s"
    return " ".join((*head, many))


def verb_forms(phrase: str) -> Iterator[tuple[str, str]]:
    """The forms of an English verb, each as (text, `base` | `s` | `ing` | `ed`): of its first word or, of two, of either.

    "pick up" is inflected in front, "ice skate" at the end; the forms that nobody says do no harm.
    """
    yield from _inflected(*phrase.split(" "))
    if phrase.count(" ") == 1:
        first, last = phrase.split(" ")
        yield from ((f"{first} {form}", kind) for form, kind in _inflected(last))


def _inflected(word: str, *rest: str) -> Iterator[tuple[str, str]]:
    forms = [(word, "base"), (_third_person(word), "s"), (_participle(word), "ing")]
    forms += [(past, "ed") for past in IRREGULAR_PASTS.get(word, (_past(word),))]
    for form, kind in forms:
        yield " ".join((form, *rest)), kind


def _third_person(word: str) -> str:
    if word == "be":
        return "is"
    if word.endswith(("s", "x", "ch", "sh", "o", "z")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in VOWELS:
        return word[:-1] + "ies"
    return word + "s"


def _participle(word: str) -> str:
    if word.endswith("ie"):
        return word[:-2] + "ying"
    if word.endswith("e") and not word.endswith(("ee", "oe", "ye")) and word != "be":
        return word[:-1] + "ing"
    return (word + word[-1] if word in DOUBLED else word) + "ing"


def _past(word: str) -> str:
    if word.endswith("e"):
        return word + "d"
    if word.endswith("y") and word[-2:-1] not in VOWELS:
        return word[:-1] + "ied"
    return (word + word[-1] if word in DOUBLED else word) + "ed"
