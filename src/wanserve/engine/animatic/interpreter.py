"""Knows how a reading becomes a storyboard: which of the words win, and what suits what is left unsaid."""

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
"""Ends what only describes the thing that comes after it."""

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
"""What a subject does when the prompt does not say; the others walk."""

HOMES_KEPT_IN_THE_DARK = frozenset(Setting) - {Setting.MEADOW, Setting.FOREST, Setting.INDOORS}
"""Homes that a subject keeps by night and at sunset: a taxi stays in the city, a camel in the desert."""

DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
STAND_IN = Subject("paper star", "star", Rig.FLOAT, 0.34, Setting.MEADOW)


def make_storyboard(lexicon: Lexicon, prompt: str, negative: str) -> Storyboard:
    """Read a prompt and its negative prompt into a storyboard. Never raises, whatever the texts hold."""
    reading = lexicon.read(prompt)
    without = _without(reading, lexicon.read(negative))
    asked = _groups(lexicon, reading)
    groups = tuple(c for c in asked if not _is_excluded(c.subject, without))
    notes = [f'left out "{c.subject.name}": the negative prompt names it' for c in asked if c not in groups]
    setting = _setting(reading, asked)
    if asked:
        if left_out := _unknown_noun(reading):
            notes.append(f'no picture for "{left_out[:40]}": left it out')
    elif (stand_in := _unknown(reading)) is not None:
        groups = (SubjectGroup(STAND_IN),)
        notes.append(f"no picture for {stand_in}: drew a paper star in its place")
    motion = _motion(reading, groups)
    if motion is Motion.SWIM and setting is Setting.BEACH and not _has_boat(groups):
        setting = Setting.UNDERWATER
    return Storyboard(
        groups,
        setting,
        motion,
        _direction(reading, motion),
        _weather(reading, without),
        _time(reading, setting),
        without,
        tuple(notes),
    )


def _without(reading: ParsedText, negative: ParsedText) -> frozenset[str]:
    """All names that must not be drawn: of scenery, subjects and weather."""
    negated = [p for p in reading.parts if isinstance(p, Match) and p.negated]
    hits = [*negated, *(p for p in negative.parts if isinstance(p, Match))]
    tables = ("removals", "subjects", "weathers")
    return frozenset(name for hit in hits for kind, name in hit.meanings if kind in tables)


def _is_excluded(subject: Subject, without: frozenset[str]) -> bool:
    """Whether the subject must not be drawn; a person is also barred where people are."""
    return subject.name in without or ("people" in without and subject.rig is Rig.WALKER)


def _groups(lexicon: Lexicon, reading: ParsedText) -> list[SubjectGroup]:
    """The subjects in the order of the text, each with the count and colour said shortly before it."""
    groups: dict[str, SubjectGroup] = {}
    said = PendingAttributes()
    for part in reading.parts:
        if isinstance(part, str):
            said.pass_by(part)
        elif part.name("subjects") is None:
            said.note(part)
        elif not part.negated:
            said = _add_subject(lexicon, part, said, groups)
    if not groups and said.color in lexicon.subjects:
        groups[said.color] = SubjectGroup(lexicon.subjects[said.color])
    return list(groups.values())


def _add_subject(
    lexicon: Lexicon, hit: Match, said: "PendingAttributes", groups: dict[str, SubjectGroup]
) -> "PendingAttributes":
    """Add the subject that was hit, unless there are enough; returns what is said from there on."""
    subject = lexicon.subjects[hit.name("subjects") or ""]
    first = groups.pop(said.compound, SubjectGroup(subject))
    if len(groups) < MAX_SUBJECTS:
        count = max(said.count, first.count, 2 if hit.plural and hit.word != subject.name else 1)
        groups.setdefault(subject.name, SubjectGroup(subject, count, said.color or first.color))
    return PendingAttributes(compound=subject.name if hit.word.isascii() else "")


@dataclass
class PendingAttributes:
    """The count and the colour that wait for their subject; two unknown words between, and they are forgotten.

    `compound` is the English subject just before: a robot cat is a cat, not a robot and a cat.
    """

    count: int = 0
    color: str = ""
    quiet: int = 0
    compound: str = ""

    def pass_by(self, word: str) -> None:
        """An unknown word, or a number in digits."""
        self.compound = ""
        self.quiet += word not in MEASURE_WORDS
        if self.quiet > 2:
            self.count, self.color, self.quiet = 0, "", 0
        if word in DIGITS:
            self.count, self.quiet = min(MAX_COUNT, int(word)), 0

    def take_over(self, gone: SubjectGroup | None) -> None:
        """What was said of the first half of a compound goes to the whole."""
        if gone is not None:
            self.count, self.color = max(self.count, gone.count), self.color or gone.color

    def note(self, hit: Match) -> None:
        """A known word that is no subject."""
        self.compound = ""
        number, color = hit.name("numbers"), hit.name("colors")
        if number is not None:
            self.count, self.quiet = int(number), 0
        if color is not None:
            self.color, self.quiet = color, 0


def _setting(reading: ParsedText, groups: list[SubjectGroup]) -> Setting:
    """The setting that is named, else hinted at, else told by light or weather, else the subject's home."""
    named = [*reading.names("settings"), *reading.names("hints")]
    home = groups[0].subject.home if groups else Setting.MEADOW
    if named:
        setting = Setting(named[0])
        return Setting.UNDERWATER if setting is Setting.BEACH and home is Setting.UNDERWATER else setting
    if "snow" in reading.names("weathers"):
        return Setting.SNOW
    times = reading.names("times")
    if home not in HOMES_KEPT_IN_THE_DARK and times and times[0] in ("night", "sunset"):
        return Setting(times[0])
    return home


def _time(reading: ParsedText, setting: Setting) -> Time:
    times = reading.names("times")
    if setting is Setting.NIGHT or setting is Setting.SPACE:
        return Time.NIGHT
    if times:
        return Time(times[0])
    return Time.SUNSET if setting is Setting.SUNSET else Time.DAY


def _motion(reading: ParsedText, groups: tuple[SubjectGroup, ...]) -> Motion:
    """The first motion that is named; standing and sitting give way to any other."""
    named = [Motion(n) for n in reading.names("motions")]
    moving = [m for m in named if m is not Motion.STAND]
    if moving or named:
        return (moving or named)[0]
    return OWN_MOTION.get(groups[0].subject.rig, Motion.WALK) if groups else Motion.STAND


def _direction(reading: ParsedText, motion: Motion) -> tuple[int, int]:
    """Which way it goes; up and down matter only in the air: who walks down a street stays on it."""
    x = y = 0
    for name in reading.names("directions"):
        dx, dy = DIRECTIONS[name]
        x, y = x or dx, y or dy
    return x, y if motion in (Motion.FLY, Motion.FLOAT) else 0


def _weather(reading: ParsedText, without: frozenset[str]) -> Weather:
    named = [Weather(n) for n in reading.names("weathers") if n not in without]
    return Weather.STORM if Weather.STORM in named else (named[0] if named else Weather.CLEAR)


def _has_boat(groups: tuple[SubjectGroup, ...]) -> bool:
    return any(c.subject.rig in (Rig.BOAT, Rig.FLOAT) for c in groups)


def _unknown(reading: ParsedText) -> str | None:
    """What to call the thing that has no picture, in quotes, or None where the prompt asks for scenery only."""
    scenic = any(h.name(t) for h in reading.hits for t in ("settings", "hints", "times", "weathers"))
    words = _unknown_noun(reading)
    if words:
        return f'"{words[:40]}"'
    if scenic:
        return None
    first = next((p for p in reading.parts if isinstance(p, str) and p.isalpha()), None)
    return f'"{first[:40]}"' if first else "what the prompt says"


def _unknown_noun(reading: ParsedText) -> str:
    """The last unknown word after an article or a number, up to a verb, a preposition or the end; "" where none is."""
    chunk: list[str] = []
    inside = False
    for part in reading.parts:
        if chunk and _ends_noun(part):
            break
        if inside and _continues_noun(part):
            chunk.append(str(part))
        else:
            chunk, inside = [], _precedes_noun(part) or (inside and part == ATTRIBUTIVE)
    return "".join(chunk if not "".join(chunk).isascii() else chunk[-1:])


def _continues_noun(part: Match | str) -> bool:
    """Whether this may be a part of an unknown thing's name."""
    return isinstance(part, str) and part not in DETERMINERS | MEASURE_WORDS | {ATTRIBUTIVE} and not _ends_noun(part)


def _precedes_noun(part: Match | str) -> bool:
    """Whether a thing is named next: after an article, a number or a measure word."""
    return part.name("numbers") is not None if isinstance(part, Match) else part in DETERMINERS | MEASURE_WORDS


def _ends_noun(part: Match | str) -> bool:
    """Whether a thing's name cannot go on here."""
    if isinstance(part, Match):
        # "in the snow" is one known phrase, and it begins as a preposition does.
        return part.name("motions") is not None or part.word.split()[0] in PREPOSITIONS
    return part in PREPOSITIONS or not part.isalnum()
