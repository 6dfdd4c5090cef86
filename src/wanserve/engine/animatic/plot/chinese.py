"""Reads Chinese sentences: what stands before 的 describes the noun after it, what follows a noun is what it does.

Like the English reader it goes through a sentence once. A number with its measure word opens a noun phrase, which
reaches to its head noun; whatever else stands in between describes that noun.
"""

from dataclasses import dataclass, field

from wanserve.engine.animatic.plot.chinese_clauses import (
    AT,
    EXISTS,
    MEASURE_WORDS,
    OBJECT,
    OF,
    POSTPOSITIONS,
    flavor_follows,
    head_follows,
    location_follows,
    names_part,
    names_role,
    something_exists,
    split_measure,
)
from wanserve.engine.animatic.plot.deeds import give
from wanserve.engine.animatic.plot.mentions import (
    GLOBAL,
    MOVES,
    NOUNS,
    Attributes,
    Findings,
    Kind,
    Mention,
    make_mention,
    unknown_mention,
)
from wanserve.engine.animatic.words.lexicon import Lexicon, Token, Verb

TOWARDS = frozenset({"到", "向", "往", "朝", "去"})
FROM = "从"
JOINED = ("", "and")
CARRIED = ("hold", "wear", "ride")
"""The links of what its owner has about it: nothing else is located by it."""


@dataclass
class ChineseReader:
    """Reads one Chinese sentence into findings.

    `pending` are mentions inside a description, whose owner is the noun to come. `open`: a number or a demonstrative
    came, its head noun did not. `measured`: a measure word did, so that a noun follows and not a manner. `at`: an 在
    came, and its location is being read. `located` is the noun of a location that began the clause: "on the table
    there is". `counted`: a number came just before.
    """

    lexicon: Lexicon
    findings: Findings
    sentence: int
    attributes: Attributes = field(default_factory=Attributes)
    pending: list[Mention] = field(default_factory=list)
    open: bool = False
    measured: bool = False
    at: bool = False
    link: str = ""
    verb: Verb | None = None
    owner: Mention | None = None
    subject: Mention | None = None
    last: Mention | None = None
    located: Mention | None = None
    in_back: bool = False
    counted: bool = False
    previous: Token | None = None
    clause: int = 0

    def read(self, tokens: list[Token]) -> None:
        """Read the sentence."""
        tokens = [piece for token in tokens for piece in split_measure(token)]
        for i, token in enumerate(tokens):
            self.previous = tokens[i - 1] if i else None
            self._take(token, tokens[i + 1 :])
        self._end_clause()

    def _take(self, token: Token, rest: list[Token]) -> None:
        counted, self.counted = self.counted, token.is_any("numbers")
        if counted and token.text in MEASURE_WORDS:
            self.open = self.measured = True
        elif not self._take_particle(token, rest):
            self._take_content(token, rest)

    def _take_particle(self, token: Token, rest: list[Token]) -> bool:
        """Take a comma, an 在, a 的, a "no", or the announcement of the background. Returns whether the token is one."""
        if token.ends_clause:
            self._end_clause(listed=token.text == "、")
        elif token.text in AT:
            self._end_unknown()
            self.at = True
        elif token.text == OF:
            self._after_of(rest)
        elif token.is_any("negations"):
            self.attributes.negated = True
        elif token.is_any("background"):
            self.in_back = True
        else:
            return False
        return True

    def _take_content(self, token: Token, rest: list[Token]) -> None:
        if self._is_relation(token, rest):
            self._relate(token)
        elif self._is_noun(token):
            self._note_names(token)
            self._take_noun(token, rest)
        elif token.is_any("verbs"):
            self._take_verb(token, rest)
        elif token.is_any(*GLOBAL):
            self._note_names(token)
        elif token.is_any("moves", "sides"):
            self._place(token)
        elif not self._take_link(token):
            self._take_attribute(token)

    def _is_noun(self, token: Token) -> bool:
        """Whether the token is a noun here, and neither what the noun before it does nor a time or a weather."""
        acts = token.is_any("verbs") and self.last is not None and not self.open
        timely = token.is_any("weathers", "times") and not self.open
        return token.is_any(*NOUNS) and not acts and not timely

    def _take_link(self, token: Token) -> bool:
        """Take a simile, a conjunction, a demonstrative or a pronoun. Returns whether the token is one."""
        if token.is_any("similes"):
            self.link, self.owner = "like", self.last
        elif token.is_any("conjunction"):
            if self.last is not None:
                self.link, self.owner, self.verb = "and", self.last, None
        elif token.text in OBJECT and not self.open:
            self._hold_next()
        elif token.text in MEASURE_WORDS:
            self.open = True
        elif token.is_any("determiner"):
            self.open = self.attributes.definite = True
        elif token.is_any("pronoun"):
            self.subject = self.last = self._antecedent() or self.subject
        else:
            return False
        return True

    def _hold_next(self) -> None:
        """Take a 把: the next noun is what the subject handles."""
        if self.subject is not None:
            self.link, self.owner, self.verb = "hold", self.subject, None

    def _take_attribute(self, token: Token) -> None:
        """Take a number, colour, size or age, or a word that is not known."""
        if self.attributes.take(token):
            self.open = self.open or token.is_any("numbers")
        elif not token.meanings and (self.open or self.last is None or self.link):
            self.attributes.unknown.append(token.text)

    def _antecedent(self) -> Mention | None:
        return next((m for m in self.findings.mentions if m.main and m.kind is not Kind.UNKNOWN), None)

    def _note_names(self, token: Token) -> None:
        for table in GLOBAL:
            if token.name(table) and not self.attributes.negated:
                self.findings.add_name(table, self.sentence, token.name(table))

    def _is_relation(self, token: Token, rest: list[Token]) -> bool:
        """Whether the token says where something is with respect to the noun just before it."""
        if not token.is_any("relations") or self.last is None:
            return False
        if not self._follows_noun():
            self.at = self.at and token.text not in POSTPOSITIONS
            return token.text in POSTPOSITIONS
        located = self.at or self.last in self.pending or self.located is not None
        return located or bool(self.last.link) or something_exists(rest)

    def _follows_noun(self) -> bool:
        return self.previous is not None and self.previous.is_any(*NOUNS)

    def _relate(self, token: Token) -> None:
        """Take a postposition: the noun before it is where something else is."""
        base, relation = self.last, token.name("relations")
        if base is None or not self._follows_noun() or base.link in CARRIED:
            return
        begins = base in self.findings.mentions and base.link in JOINED and not self.at
        base.link = relation
        if begins:
            self.subject = None if self.subject is base else self.subject
            self.located = base
        else:
            self._end_location(base)

    def _end_location(self, base: Mention) -> None:
        """End a location: it says where the subject is, or else what the clause is still to name."""
        if base.owner is None and base is not self.located:
            base.owner = self.subject if self.subject is not base else None
        if base.owner is None:
            self.located = base
        self.at = False

    def _take_noun(self, token: Token, rest: list[Token]) -> None:
        if self.attributes.negated:
            self.findings.excluded.update((*token.meanings.values(), token.text))
            self.attributes = Attributes()
        elif rest and self._joins(token, rest[0]):
            if token.is_any("places", "hints"):
                self._add_place(token)
        else:
            self._finish(make_mention(self.lexicon, token, self.attributes, self.sentence), rest)

    def _joins(self, token: Token, follower: Token) -> bool:
        """Whether the noun only describes the noun directly after it: a robot cat."""
        if not follower.is_any("subjects", "roles", "clothing") or follower.is_any("relations", "verbs"):
            return False
        return not self.at and (not token.is_any("roles") or follower.is_any("roles", "clothing"))

    def _add_place(self, token: Token) -> None:
        place = make_mention(self.lexicon, token, Attributes(), self.sentence)
        place.link = "in"
        self.findings.mentions.append(place)

    def _finish(self, mention: Mention, rest: list[Token]) -> None:
        """End the noun phrase with this noun, or keep the noun as part of a description of one to come."""
        attributes, self.attributes = self.attributes, Attributes()
        if self._describes(rest):
            self._describe(mention, attributes)
            return
        self._hang(mention)
        self._settle(mention)
        self.at = self.at and mention.link not in JOINED

    def _settle(self, mention: Mention) -> None:
        """Add a head noun: what was said before it is its own."""
        self.findings.mentions.append(mention)
        for described in self.pending:
            described.owner = mention
        self.pending = []
        self.last, self.open, self.measured = mention, False, False

    def _describe(self, mention: Mention, attributes: Attributes) -> None:
        """Keep a noun as part of a description of the noun to come, which gets the number and the verbs."""
        self.attributes = Attributes(
            attributes.count, verbs=attributes.verbs, definite=attributes.definite, opened=True
        )
        plain = self.link in JOINED and not self.at
        mention.verbs = []
        mention.link = "of" if plain else self.link or "in"
        mention.verb = None if plain else self.verb
        if self.open and attributes.count == mention.count:
            mention.count = 1
        self.pending.append(mention)
        self.last = mention
        self.findings.mentions.append(mention)
        self.link, self.verb = "", None

    def _describes(self, rest: list[Token]) -> bool:
        """Whether the noun stands in a description: the head noun comes after a 的."""
        busy = self.at or self.link not in JOINED
        if flavor_follows(rest):
            return True
        if len(rest) > 1 and rest[0].text == OF:
            unnamed = self.subject is None or self.subject.kind is Kind.PLACE
            return not names_part(rest[1]) and (busy or unnamed)
        return busy and self._awaits_noun() and head_follows(rest)

    def _hang(self, mention: Mention) -> None:
        """Set the mention's link and owner from what stood before it."""
        mention.clause = self.clause
        mention.counted = mention.counted or self.open
        link, owner, verb = self.link, self.owner, self.verb
        self.link, self.verb, self.owner = "", None, mention
        if self.at:
            mention.link, mention.owner = "in", self.subject
            return
        if link == "and" and owner is not None and owner.link not in JOINED:
            link, owner = owner.link, owner.owner
        if link in JOINED:
            self._begin(mention, owner if link == "and" else None)
        else:
            mention.link, mention.owner, mention.verb = link, owner, verb
        if self.in_back and mention.link in ("", "and", "verb"):
            mention.link = "back"

    def _begin(self, mention: Mention, joined: Mention | None) -> None:
        """Make the mention a subject, alone or joined to another one; a part or a garment belongs to the subject."""
        if self.located is not None and self.located.owner is None:
            self.located.owner = mention
        mention.link, mention.owner = ("and" if joined is not None else ""), joined
        lone = joined is None and self.subject is not None and self.subject.kind is not Kind.PLACE
        if lone and mention.kind in (Kind.PART, Kind.CLOTHES):
            mention.link, mention.owner = "with", self.subject
        elif mention.kind is not Kind.PLACE:
            self.subject = mention

    def _after_of(self, rest: list[Token]) -> None:
        """Take a 的: what was unknown before it was an adjective."""
        self.attributes.unknown = []
        self.at = self.at and location_follows(rest)
        self.link = self.link if self.link == "and" else ""

    def _take_verb(self, token: Token, rest: list[Token]) -> None:
        verb = self.lexicon.verbs[token.name("verbs")]
        if self.subject is None and not self.attributes.opened:
            self._end_unknown()
        self.at = False
        if self.attributes.negated:
            self.attributes = Attributes()
        elif (self.open and names_role(rest)) or self._says_what_is_there(token):
            self.attributes.verbs.append(verb)
        elif self._awaits_noun() and head_follows(rest):
            self.attributes.verbs.append(verb)
            self.link, self.verb, self.owner = (verb.object or "verb"), verb, None
        else:
            self._give(verb)

    def _awaits_noun(self) -> bool:
        """Whether a noun must still come: a number or a demonstrative announced it, or the clause has no subject."""
        return self.open or self.subject is None

    def _says_what_is_there(self, verb: Token) -> bool:
        """Whether the verb says that something is at the location that began the clause: "on the table lies"."""
        return self.located is not None and self.located.owner is None and verb.text in EXISTS

    def _give(self, verb: Verb) -> None:
        """Give the verb to the subject; that of a part, such as the hair, is nobody's."""
        self._end_unknown()
        part = self.last is not None and self.last.kind is Kind.PART and self.last.link in ("", "and", "with")
        owner = self.last if part else self.subject
        if owner is not None and not verb.quiet:
            give(owner, verb)
        self.link, self.owner, self.verb = (verb.object or "verb") if owner is not None else "", owner, verb

    def _place(self, token: Token) -> None:
        """Take a direction of motion or a side of the picture."""
        side = token.name("sides")
        if side in MOVES and self.subject is not None and self._goes_there():
            self.subject.way = MOVES[side]
        elif side and self._comes_from_there():
            return
        elif token.is_any("moves") and self.subject is not None:
            dx, dy = MOVES[token.name("moves")]
            way = self.subject.way
            self.subject.way = (way[0] or dx, way[1] or dy)
        else:
            self._take_side(side)

    def _goes_there(self) -> bool:
        """Whether a side of the picture is where somebody goes: a verb or a "towards" stands before it."""
        before = self.previous
        return before is not None and (before.text in TOWARDS or before.is_any("verbs"))

    def _comes_from_there(self) -> bool:
        """Whether a side of the picture is where somebody comes from, which says nothing of where they are."""
        return self.previous is not None and self.previous.text == FROM

    def _take_side(self, side: str) -> None:
        """Take a side of the picture, at which the noun before it is."""
        if side == "back":
            self.in_back = True
        elif side and self.last is not None:
            self.last.side = side

    def _end_unknown(self) -> None:
        """Make a mention of an unknown noun: what a measure word announced, or what begins the sentence."""
        self._color_garment()
        unknown, self.attributes.unknown = self.attributes.unknown, []
        manner = bool(unknown) and len(unknown[-1]) == 1 and not self.measured
        if unknown and (self.last is None or (self.open and not manner)):
            mention = unknown_mention(unknown[-1], self.attributes, self.sentence)
            self.attributes = Attributes()
            self._hang(mention)
            self._settle(mention)

    def _color_garment(self) -> None:
        """Give the colour of a garment that no table has to who wears it."""
        if self.link == "wear" and self.attributes.color and self.owner is not None:
            self.owner.clothes = self.owner.clothes or self.attributes.color
            self.attributes.color = ""

    def _end_clause(self, *, listed: bool = False) -> None:
        self._end_unknown()
        self.attributes, self.pending = Attributes(), []
        self.open = self.measured = self.at = False
        self.clause += not listed
        self.in_back = self.in_back and listed
        if listed and self.last is not None:
            self.link, self.owner = "and", self.last
        else:
            self.link, self.verb, self.owner = "", None, None
            self.located = None
