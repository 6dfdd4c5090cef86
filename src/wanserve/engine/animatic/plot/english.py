"""Reads English sentences: noun phrases, the verbs that belong to them, and how one hangs on another.

A shallow reader, not a parser: it goes through a sentence once, from left to right. A noun phrase ends at its last noun.
What stood between two noun phrases (a preposition, a verb, a comma, an "and") says how the second hangs on the first.
"""

from dataclasses import dataclass, field

from wanserve.engine.animatic.plot.mentions import (
    NOUNS,
    Attributes,
    Findings,
    Kind,
    Mention,
    make_mention,
    unknown_mention,
)
from wanserve.engine.animatic.words.lexicon import Lexicon, Token, Verb

MOVES = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
GLOBAL = ("times", "weathers", "styles", "shots", "camera")
"""The tables whose words hold for the whole picture."""

STYLE_NOUNS = frozenset({"style", "film", "look", "aesthetic", "photo", "photograph", "art", "animation", "feel"})
ADJECTIVES_OF_STYLE = frozenset({"paper", "vintage", "sketch"})
"""Styles whose words before a noun mostly describe the noun: "a vintage car"."""

PREPOSITIONS = frozenset({"in", "on", "at", "under", "above", "by", "among", "inside", "beneath", "from", "over"})
UNITS = frozenset(
    {"year", "years", "second", "seconds", "minute", "minutes", "mm", "fps", "degree", "degrees", "k", "d"}
)
"""What a number in digits counts that is nothing to be drawn."""

TRANSPARENT = frozenset({Kind.PART})
POSSESSED = frozenset({Kind.PART, Kind.CLOTHES})
FINITE = frozenset({"s", "ed"})


@dataclass
class EnglishReader:
    """Reads one English sentence into findings."""

    lexicon: Lexicon
    findings: Findings
    sentence: int
    attributes: Attributes = field(default_factory=Attributes)
    nouns: list[Token] = field(default_factory=list)
    link: str = ""
    verb: Verb | None = None
    owner: Mention | None = None
    subject: Mention | None = None
    last: Mention | None = None
    fresh: bool = False
    """Only adverbs and auxiliaries came since the last mention."""
    auxiliary: bool = False
    """The last word was a form of "to be" or another auxiliary, or "to"."""
    in_back: bool = False
    passed_of: bool = False

    def read(self, tokens: list[Token]) -> None:
        """Read the sentence."""
        for i, token in enumerate(tokens):
            following = tokens[i + 1] if i + 1 < len(tokens) else None
            self._take(token, following)
        self._end_phrase()

    def _take(self, token: Token, following: Token | None) -> None:
        if token.ends_clause:
            self._end_clause()
        elif token.is_any("determiner"):
            negated = self.attributes.negated and not self.nouns
            self._end_phrase()
            self.attributes.opened, self.attributes.negated = True, negated
            self.attributes.definite = token.text not in ("a", "an", "another")
        elif self._is_noun_here(token, following):
            self._note_names(token, following)
            if _is_located(token):
                self._end_phrase()
                self._set_link("in")
            self.nouns.append(token)
        elif token.is_any("verbs"):
            self._take_verb(token, following)
        elif not self._take_link(token, following) and not self._take_description(token, following):
            self._take_unknown(token)

    def _is_noun_here(self, token: Token, following: Token | None) -> bool:
        """Whether the token is a noun: it can be one, and is not used as a verb, a colour or a preposition."""
        if not token.is_any(*NOUNS) or token.is_any("relations", "copula"):
            return False
        if token.is_any("colors") and following is not None and not following.ends_clause:
            if (following.is_any(*NOUNS) and not _is_located(following)) or not following.meanings:
                return False
        if token.is_any("times", "weathers") and (not self.attributes.opened or self.attributes.definite):
            return False
        introduced = self.attributes.opened or bool(self.attributes.color or self.attributes.size or self.nouns)
        if token.text in self.lexicon.articled and not introduced:
            return False
        if not token.is_any("verbs"):
            return True
        if token.form == "ing":
            return self.attributes.opened and following is not None and following.text == "of"
        if self.nouns and token.form in FINITE:
            return False
        if self.attributes.opened or self.attributes.color or self.attributes.size or self.nouns:
            return not self.nouns or following is None or not following.is_any("determiner")
        return not (self.auxiliary or (self.last is not None and self.fresh))

    def _take_description(self, token: Token, following: Token | None) -> bool:
        """Take an adjective, a global word or an adverb; a colour after "is" is the subject's."""
        if token.is_any("copula"):
            self._end_phrase()
            self.auxiliary = True
            return True
        if token.is_any(*GLOBAL):
            self._note_names(token, following)
            if (
                token.is_any("times", "weathers")
                and not self.nouns
                and following is not None
                and not following.is_any(*NOUNS)
            ):
                self.attributes, self.fresh = Attributes(), False
            return True
        if token.is_any("moves", "sides"):
            self._end_phrase()
            self._place(token)
            return True
        if token.text.isdigit() and following is not None and following.text in UNITS:
            return True
        known = self.attributes.take(token)
        if (
            known
            and self.auxiliary
            and self.subject
            and not (following and (following.is_any(*NOUNS, "colors") or not following.meanings))
        ):
            self.subject.color = self.subject.color or self.attributes.color
            self.attributes = Attributes()
        return known

    def _note_names(self, token: Token, following: Token | None) -> None:
        """Note what holds for the whole picture, unless the word only describes a noun."""
        if self.attributes.negated:
            self.findings.excluded.update(token.meanings.values())
            return
        if token.name("weathers") == "snow" and self.link == "in":
            self.findings.add_name("ground", self.sentence, "snow")
        for table in GLOBAL:
            name = token.name(table)
            alone = " " not in token.text
            described = name in ADJECTIVES_OF_STYLE and alone and not _ends_a_style(following)
            if table == "styles" and name == "black and white" and (self.attributes.opened or self.link == "wear"):
                self.attributes.color = "black"
            elif name and not described and not (table == "styles" and self.link == "wear"):
                self.findings.add_name(table, self.sentence, name)

    def _place(self, token: Token) -> None:
        """Take a direction of motion or a side of the picture."""
        if token.is_any("moves") and self._has_motion():
            owner = self._actor()
            if owner is not None:
                dx, dy = MOVES[token.name("moves")]
                owner.way = (owner.way[0] or dx, owner.way[1] or dy)
        elif token.name("sides") == "back":
            self.in_back = True
            if self.last is not None and self.last.link not in ("", "and"):
                self.last.link = "back"
        elif token.is_any("sides") or token.is_any("moves"):
            side = token.name("sides") or token.name("moves")
            target = self.last
            if target is not None and side in ("left", "right", "center", "front"):
                target.side = side
        self.fresh = False

    def _has_motion(self) -> bool:
        owner = self._actor()
        return owner is not None and any(v.motion not in ("", "stand", "sit", "lie") for v in owner.verbs)

    def _actor(self) -> Mention | None:
        """Whoever did the last verb: the last mention that has one, else the subject."""
        for mention in reversed(self.findings.mentions):
            if mention.sentence != self.sentence:
                break
            if mention.verbs and mention.kind in (Kind.THING, Kind.PERSON, Kind.UNKNOWN):
                return mention
        return self.subject

    def _take_link(self, token: Token, following: Token | None) -> bool:
        """Take a preposition, a conjunction, a "no" or another word that links what follows to what came before."""
        table = next(
            (
                t
                for t in ("negations", "similes", "background", "relations", "conjunction", "prepositions", "pronoun")
                if token.is_any(t)
            ),
            "",
        )
        if not table:
            return False
        self._end_phrase()
        if table == "negations":
            self.attributes.negated = True
        elif table == "relations":
            self._set_link(token.name("relations"))
        elif table == "similes":
            self._set_link("like")
        elif table == "background":
            self._set_link("back")
        elif table == "conjunction":
            self._conjoin(token)
        elif table == "pronoun":
            self.fresh = True
            if token.text not in ("who", "which"):
                self.subject = self._antecedent() or self.subject
                self.last = self.subject
            self.link = ""
        elif token.text == "of" and self.last is not None and self.fresh:
            self.passed_of = True
            self._set_link("of")
        else:
            self._set_link("prep")
            self.auxiliary = token.text == "to"
        return True

    def _antecedent(self) -> Mention | None:
        """Whom a pronoun means: the first main mention of a person or an animal, else of anything."""
        mains = [m for m in self.findings.mentions if m.main and m.kind is not Kind.UNKNOWN]
        return next((m for m in mains if m.kind is Kind.PERSON), mains[0] if mains else None)

    def _set_link(self, link: str) -> None:
        self.link, self.owner, self.verb = link, self.last, None
        self.fresh = self.auxiliary = False

    def _conjoin(self, token: Token) -> None:
        if token.text in (
            "as",
            "while",
            "when",
            "but",
            "because",
            "so",
            "until",
            "after",
            "once",
            "whose",
            "where",
            "since",
            "then",
        ) or token.text.startswith("as "):
            self.link, self.owner, self.verb, self.fresh = "clause", None, None, False
        elif self.last is not None:
            self.link, self.owner = "and", self.last
            self.fresh = False
        self.auxiliary = False
        if token.text == "as the":
            self.attributes.opened = self.attributes.definite = True
        elif token.text.startswith("as "):
            self.subject = self.last = self._antecedent() or self.subject
            self.fresh = True

    def _take_verb(self, token: Token, following: Token | None) -> None:
        verb = self.lexicon.verbs[token.name("verbs")]
        if self.attributes.negated:
            self.attributes = Attributes()
            return
        describes = token.form in ("ing", "ed") and not self.nouns and self._describes(following)
        if describes:
            self.attributes.verbs.append(verb)
            return
        self._end_phrase()
        owner = self._doer(token, verb)
        later = owner is not None and owner.sentence < self.sentence and owner.verbs
        if owner is not None and not verb.quiet and not later:
            self._give_verb(owner, verb)
        self.link, self.owner, self.verb = (verb.object or "verb"), owner, verb
        self.fresh = self.auxiliary = False

    def _describes(self, following: Token | None) -> bool:
        """Whether a participle stands before its noun: "a flying bird", "running horses"."""
        named = bool(self.attributes.unknown) and not self.attributes.opened
        if named or self.auxiliary or following is None or not following.is_any("subjects", "roles"):
            return False
        expected = self.link not in ("", "and", "clause", "verb") and not self.fresh
        return self.attributes.opened or self.last is None or expected

    def _doer(self, token: Token, verb: Verb) -> Mention | None:
        """Whose verb it is: a participle's is the noun just before it where that can do it, any other the subject's."""
        last = self.last
        if last is None or self.subject is None:
            return last
        directly = self.fresh and not (self.auxiliary and token.form == "ing")
        if token.form == "ing" and directly and last is not self.subject:
            return self._able(last, verb)
        if self.fresh and last.link in ("", "and", "clause") and last.kind in TRANSPARENT:
            return last
        if self.fresh and last.link == "and" and last.kind in (Kind.THING, Kind.PERSON):
            self._promote(last)
            return last
        if self.auxiliary and self.fresh and last.kind is Kind.PART and last.link not in ("with",):
            return last
        return self.subject

    def _able(self, last: Mention, verb: Verb) -> Mention | None:
        """The noun before a participle, or the subject where the noun cannot do what the verb says."""
        if last.kind is Kind.PART:
            return last
        if last.kind is Kind.CLOTHES or last.wearable:
            return last.owner if last.owner is not None and last.owner.kind is not Kind.PART else self.subject
        if last.kind is Kind.PLACE or (last.owner is not None and last.link in ("hold", "wear", "use")):
            return self.subject
        subject = self.lexicon.subjects.get(last.name) if last.kind is Kind.THING else None
        if subject is not None and not subject.mobile and verb.motion not in ("fall", "spin", "float", "grow", "stand"):
            return self.subject
        if last.link == "and":
            self._promote(last)
        return last

    def _promote(self, mention: Mention) -> None:
        """Make a subject of what looked like a second object: "a man riding a horse and a woman walking"."""
        mention.link, mention.owner = "and", None
        self.subject = mention

    def _give_verb(self, owner: Mention, verb: Verb) -> None:
        """Give the verb to its owner, and to those that an "and" joins to it before either had a verb."""
        owner.verbs.append(verb)
        joined = owner
        while joined.link == "and" and joined.owner is not None and not joined.owner.verbs:
            joined = joined.owner
            joined.verbs.append(verb)

    def _take_unknown(self, token: Token) -> None:
        if self.nouns:
            self._end_phrase()
        if self.attributes.opened or self.last is None or not self.fresh:
            self.attributes.unknown.append(token.text)
        if not self.attributes.opened:
            self.fresh = self.fresh and token.text.endswith("ly")

    def _end_clause(self) -> None:
        self._end_phrase()
        self.fresh = self.auxiliary = False
        if self.subject is None:
            self.link, self.owner = "", None
        elif self.last is not None:
            keep = self.link == "wear" or self.last.link in ("wear", "hold", "with", "like", "back")
            self.link, self.owner = ("and" if not keep else self.link or self.last.link), self.last

    def _end_phrase(self) -> None:
        """End the noun phrase, if one is open, and hang it on what came before."""
        mention = self._phrase()
        attributes, self.attributes, self.nouns = self.attributes, Attributes(), []
        if mention is None:
            return
        if attributes.negated:
            self.findings.excluded.update((mention.name, mention.word, *self._names_of(mention)))
            return
        self._hang(mention)
        self.findings.mentions.append(mention)
        self.last, self.fresh, self.auxiliary = mention, True, False

    def _names_of(self, mention: Mention) -> list[str]:
        return list(self.lexicon.words.get(mention.word, {}).values())

    def _phrase(self) -> Mention | None:
        """The mention of the open noun phrase: of its last noun, or of the owner of a part: "the cat's eyes"."""
        if not self.nouns:
            unknown = self.attributes.unknown
            return (
                unknown_mention(unknown[-1], self.attributes, self.sentence) if unknown and self._nameable() else None
            )
        head = self.nouns[-1]
        for token in self.nouns[:-1]:
            if token.is_any("colors") and not self.attributes.color:
                self.attributes.color = token.name("colors")
        mention = make_mention(self.lexicon, head, self.attributes, self.sentence)
        if mention.kind in POSSESSED and len(self.nouns) > 1:
            holder = next((t for t in reversed(self.nouns[:-1]) if t.is_any("subjects", "roles")), None)
            if holder is not None and (holder.owner or mention.kind is Kind.PART):
                color = mention.color if mention.kind is Kind.CLOTHES else ""
                mention = make_mention(self.lexicon, holder, self.attributes, self.sentence)
                mention.color, mention.clothes = "", color
        for token in self.nouns[:-1]:
            mention.place = mention.place or token.name("places")
        return mention

    def _nameable(self) -> bool:
        return self.attributes.opened or self.last is None

    def _hang(self, mention: Mention) -> None:
        """Set the mention's link and owner from what stood before it."""
        link, owner = self.link, self.owner
        if link == "of" and owner is not None:
            link, owner = self._through_of(mention, owner)
        if link == "and" and owner is not None:
            link, owner = self._coordinate(mention, owner)
        if link in ("", "clause") or (link == "and" and owner is None):
            mention.link = "" if self.subject is None or link != "and" else "and"
            if mention.kind not in (Kind.PLACE,):
                self.subject = mention
        else:
            mention.link, mention.owner, mention.verb = link, owner, self.verb
        if self.in_back and mention.link in ("", "and", "verb"):
            mention.link = "back"
        self.link, self.owner = "verb", mention

    def _through_of(self, mention: Mention, owner: Mention) -> tuple[str, Mention | None]:
        """What "a bowl of fruit" or "a view of the city" hangs on: the second noun takes the place of the first."""
        holds = "container" in self.lexicon.words.get(owner.word, {})
        if holds or owner.kind is Kind.PART or (owner.kind is Kind.UNKNOWN and owner.link == ""):
            mention.count = max(mention.count, owner.count)
            if owner is self.subject:
                self.subject = None
            if holds and owner in self.findings.mentions:
                self.findings.mentions.remove(owner)
            if owner.kind is Kind.UNKNOWN:
                return "prep", owner
            return owner.link, owner.owner
        return "prep", owner

    def _coordinate(self, mention: Mention, owner: Mention) -> tuple[str, Mention | None]:
        """What the second of two nouns joined by "and" or a comma hangs on: what the first hangs on."""
        if owner.link in ("", "and"):
            return "and", owner
        return owner.link, owner.owner


def _ends_a_style(following: Token | None) -> bool:
    """Whether a word that may be a style is one: nothing follows that it could describe."""
    return following is None or following.ends_clause or following.text in STYLE_NOUNS


def _is_located(token: Token) -> bool:
    """Whether the phrase is a place with its preposition: "at home"."""
    first, _, rest = token.text.partition(" ")
    return bool(rest) and first in PREPOSITIONS
