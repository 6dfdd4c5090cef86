"""Turns a parsed prompt into a storyboard: resolves conflicting words, and chooses what the prompt does not say."""

from dataclasses import dataclass

from wanserve.engine.animatic.lexicon import Lexicon, Match, ParsedText
from wanserve.engine.animatic.storyboard import Motion, Rig, Setting, Storyboard, Subject, SubjectGroup, Time, Weather

MAX_SUBJECTS = 4
MAX_COUNT = 5
DETERMINERS = frozenset({"a", "an", "the", "one", "this", "that", "my", "his", "her"})
DIGITS = frozenset(str(n) for n in range(2, 21))
PREPOSITIONS = frozenset(
    """
    in on at with of over under through into and near by beside behind before after between above below around
    against across along toward towards upon is are was were who that which from to for
    在 和 与 跟 正
    """.split()
)

ATTRIBUTIVE = "的"
"""The Chinese particle between a description and the noun that it describes."""

MEASURE_WORDS = frozenset("只个条头匹位朵辆架艘隻個條頭輛")
OWN_MOTION = {
    Rig.FISH: Motion.SWIM,
    Rig.BOAT: Motion.SWIM,
    Rig.BIRD: Motion.FLY,
    Rig.WINGS: Motion.FLY,
    Rig.CRAFT: Motion.FLY,
    Rig.WHEELS: Motion.RUN,
    Rig.GLIDE: Motion.RUN,
    Rig.GALLOP: Motion.RUN,
    Rig.FLOAT: Motion.FLOAT,
    Rig.SPIN: Motion.SPIN,
    Rig.BALL: Motion.JUMP,
    Rig.HOP: Motion.JUMP,
    Rig.TALL: Motion.STAND,
    Rig.THING: Motion.STAND,
    Rig.DANCER: Motion.DANCE,
}
"""What a subject does by default, by its rig. Subjects with another rig walk."""

HOMES_KEPT_IN_THE_DARK = frozenset(Setting) - {Setting.MEADOW, Setting.FOREST, Setting.INDOORS}
"""The homes in which a subject stays at night and at sunset: a taxi stays in the city, a camel in the desert."""

DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
STAND_IN = Subject("paper star", "star", Rig.FLOAT, 0.34, Setting.MEADOW)


def make_storyboard(lexicon: Lexicon, prompt: str, negative: str) -> Storyboard:
    """Make a storyboard of a prompt and its negative prompt. Never raises, whatever the texts contain."""
    parsed = lexicon.read(prompt)
    without = _without(parsed, lexicon.read(negative))
    requested = _groups(lexicon, parsed)
    groups = tuple(g for g in requested if not _is_excluded(g.subject, without))
    notes = [f'left out "{g.subject.name}": the negative prompt names it' for g in requested if g not in groups]
    setting = _setting(parsed, requested)
    if requested:
        if left_out := _unknown_noun(parsed):
            notes.append(f'no picture for "{left_out[:40]}": left it out')
    elif (stand_in := _unknown(parsed)) is not None:
        groups = (SubjectGroup(STAND_IN),)
        notes.append(f"no picture for {stand_in}: drew a paper star in its place")
    motion = _motion(parsed, groups)
    if motion is Motion.SWIM and setting is Setting.BEACH and not _has_boat(groups):
        setting = Setting.UNDERWATER
    return Storyboard(
        groups,
        setting,
        motion,
        _direction(parsed, motion),
        _weather(parsed, without),
        _time(parsed, setting),
        without,
        tuple(notes),
    )


def _without(parsed: ParsedText, negative: ParsedText) -> frozenset[str]:
    """The names of the scenery, subjects and weather that must not be drawn."""
    negated = [p for p in parsed.parts if isinstance(p, Match) and p.negated]
    matches = [*negated, *(p for p in negative.parts if isinstance(p, Match))]
    tables = ("removals", "subjects", "weathers")
    return frozenset(name for match in matches for kind, name in match.meanings if kind in tables)


def _is_excluded(subject: Subject, without: frozenset[str]) -> bool:
    """Whether the subject must not be drawn. "people" excludes every person."""
    return subject.name in without or ("people" in without and subject.rig is Rig.WALKER)


def _groups(lexicon: Lexicon, parsed: ParsedText) -> list[SubjectGroup]:
    """The subjects in the order of the text, each with the count and colour that precede it."""
    groups: dict[str, SubjectGroup] = {}
    pending = PendingAttributes()
    for part in parsed.parts:
        if isinstance(part, str):
            pending.add_unknown(part)
        elif part.name("subjects") is None:
            pending.add_known(part)
        elif not part.negated:
            pending = _add_subject(lexicon, part, pending, groups)
    if not groups and pending.color in lexicon.subjects:
        groups[pending.color] = SubjectGroup(lexicon.subjects[pending.color])
    return list(groups.values())


def _add_subject(
    lexicon: Lexicon, match: Match, pending: "PendingAttributes", groups: dict[str, SubjectGroup]
) -> "PendingAttributes":
    """Add the matched subject, unless there are enough. Returns the attributes that are pending after it."""
    subject = lexicon.subjects[match.name("subjects") or ""]
    first = groups.pop(pending.compound, SubjectGroup(subject))
    if len(groups) < MAX_SUBJECTS:
        count = max(pending.count, first.count, 2 if match.plural and match.word != subject.name else 1)
        groups.setdefault(subject.name, SubjectGroup(subject, count, pending.color or first.color))
    return PendingAttributes(compound=subject.name if match.word.isascii() else "")


@dataclass
class PendingAttributes:
    """The count and the colour that belong to the next subject. They are dropped after three unknown words.

    `compound` is the English subject directly before: "a robot cat" is a cat, not a robot and a cat.
    """

    count: int = 0
    color: str = ""
    unknown_words: int = 0
    compound: str = ""

    def add_unknown(self, word: str) -> None:
        """Take a word that is not in the lexicon, or a number in digits."""
        self.compound = ""
        self.unknown_words += word not in MEASURE_WORDS
        if self.unknown_words > 2:
            self.count, self.color, self.unknown_words = 0, "", 0
        if word in DIGITS:
            self.count, self.unknown_words = min(MAX_COUNT, int(word)), 0

    def add_known(self, match: Match) -> None:
        """Take a word of the lexicon that is not a subject."""
        self.compound = ""
        number, color = match.name("numbers"), match.name("colors")
        if number is not None:
            self.count, self.unknown_words = int(number), 0
        if color is not None:
            self.color, self.unknown_words = color, 0


def _setting(parsed: ParsedText, groups: list[SubjectGroup]) -> Setting:
    """The setting that is named, or hinted at, or follows from weather or time, or is the first subject's home."""
    named = [*parsed.names("settings"), *parsed.names("hints")]
    home = groups[0].subject.home if groups else Setting.MEADOW
    if named:
        setting = Setting(named[0])
        return Setting.UNDERWATER if setting is Setting.BEACH and home is Setting.UNDERWATER else setting
    if "snow" in parsed.names("weathers"):
        return Setting.SNOW
    times = parsed.names("times")
    if home not in HOMES_KEPT_IN_THE_DARK and times and times[0] in ("night", "sunset"):
        return Setting(times[0])
    return home


def _time(parsed: ParsedText, setting: Setting) -> Time:
    times = parsed.names("times")
    if setting is Setting.NIGHT or setting is Setting.SPACE:
        return Time.NIGHT
    if times:
        return Time(times[0])
    return Time.SUNSET if setting is Setting.SUNSET else Time.DAY


def _motion(parsed: ParsedText, groups: tuple[SubjectGroup, ...]) -> Motion:
    """The first motion that is named. Any other motion takes precedence over standing and sitting."""
    named = [Motion(n) for n in parsed.names("motions")]
    moving = [m for m in named if m is not Motion.STAND]
    if moving or named:
        return (moving or named)[0]
    return OWN_MOTION.get(groups[0].subject.rig, Motion.WALK) if groups else Motion.STAND


def _direction(parsed: ParsedText, motion: Motion) -> tuple[int, int]:
    """The direction of the motion. Up and down count only in the air: to walk down a street is not a descent."""
    x = y = 0
    for name in parsed.names("directions"):
        dx, dy = DIRECTIONS[name]
        x, y = x or dx, y or dy
    return x, y if motion in (Motion.FLY, Motion.FLOAT) else 0


def _weather(parsed: ParsedText, without: frozenset[str]) -> Weather:
    named = [Weather(n) for n in parsed.names("weathers") if n not in without]
    return Weather.STORM if Weather.STORM in named else (named[0] if named else Weather.CLEAR)


def _has_boat(groups: tuple[SubjectGroup, ...]) -> bool:
    return any(c.subject.rig in (Rig.BOAT, Rig.FLOAT) for c in groups)


def _unknown(parsed: ParsedText) -> str | None:
    """The noun that has no picture, in quotes; None where the prompt asks for scenery only."""
    scenic = any(h.name(t) for h in parsed.matches for t in ("settings", "hints", "times", "weathers"))
    noun = _unknown_noun(parsed)
    if noun:
        return f'"{noun[:40]}"'
    if scenic:
        return None
    first = next((p for p in parsed.parts if isinstance(p, str) and p.isalpha()), None)
    return f'"{first[:40]}"' if first else "what the prompt says"


def _unknown_noun(parsed: ParsedText) -> str:
    """The last unknown noun after an article or a number, up to a verb, a preposition or the end; "" if none."""
    chunk: list[str] = []
    inside = False
    for part in parsed.parts:
        if chunk and _ends_noun(part):
            break
        if inside and _continues_noun(part):
            chunk.append(str(part))
        else:
            chunk, inside = [], _precedes_noun(part) or (inside and part == ATTRIBUTIVE)
    return "".join(chunk if not "".join(chunk).isascii() else chunk[-1:])


def _continues_noun(part: Match | str) -> bool:
    """Whether this may be a part of an unknown noun."""
    return isinstance(part, str) and part not in DETERMINERS | MEASURE_WORDS | {ATTRIBUTIVE} and not _ends_noun(part)


def _precedes_noun(part: Match | str) -> bool:
    """Whether a noun may follow: after an article, a number or a measure word."""
    return part.name("numbers") is not None if isinstance(part, Match) else part in DETERMINERS | MEASURE_WORDS


def _ends_noun(part: Match | str) -> bool:
    """Whether a noun ends before this."""
    if isinstance(part, Match):
        # "in the snow" is one phrase of the lexicon, and it begins with a preposition.
        return part.name("motions") is not None or part.word.split()[0] in PREPOSITIONS
    return part in PREPOSITIONS or not part.isalnum()
