"""Reads English sentences: noun phrases, the verbs that belong to them, and how one hangs on another.

A shallow reader, not a parser: it goes through a sentence once, from left to right. A noun phrase ends at its last noun.
What stood between two noun phrases (a preposition, a verb, a comma, an "and") says how the second hangs on the first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from wanserve.engine.animatic.plot.deeds import Moment, doer, give
from wanserve.engine.animatic.plot.mentions import GLOBAL, MOVES, NOUNS, Attributes, Findings, Kind, Mention
from wanserve.engine.animatic.plot.phrases import Phrase, is_located
from wanserve.engine.animatic.words.lexicon import Lexicon, Token, Verb

STYLE_NOUNS = frozenset({"style", "film", "look", "aesthetic", "photo", "photograph", "art", "animation", "feel"})
ADJECTIVES_OF_STYLE = frozenset({"paper", "vintage", "sketch"})
"""Styles whose words before a noun mostly describe the noun: "a vintage car"."""

OUT_THERE = frozenset({"underwater", "outdoors", "indoors"})
"""The adverbs that are places after a noun."""

UNITS = frozenset(
    {"year", "years", "second", "seconds", "minute", "minutes", "mm", "fps", "degree", "degrees", "k", "d"}
)
"""What a number in digits counts that is nothing to be drawn."""

CLAUSES = frozenset(
    {"as", "while", "when", "but", "because", "so", "until", "after", "once", "whose", "where", "since", "then"}
)
"""The conjunctions after which a new subject comes."""

NEW_SENTENCE = frozenset({":", "\u2014"})
VERBAL = ("s", "ed", "ing", "ly")
"""The endings of words that are no nouns, mostly."""

LINKS = ("negations", "similes", "background", "relations", "conjunction", "prepositions", "pronoun")
HUMAN = frozenset({"he", "she", "his", "her", "him"})
CARRIES = frozenset({"ride", "drive", "on", "in"})
"""The links of what carries the subject: where it goes, the subject does."""

KEPT_OVER_COMMAS = frozenset({"wear", "hold", "with", "like", "back"})
RESTING = frozenset({"", "stand", "sit", "lie"})


@dataclass
class EnglishReader:
    """Reads one English sentence into findings.

    `link`, `owner` and `verb` say how the next noun hangs on what came before. `fresh`: only adverbs and auxiliaries
    came since the last mention. `auxiliary`: a form of "to be", another auxiliary or "to" came.
    """

    lexicon: Lexicon
    findings: Findings
    sentence: int
    phrase: Phrase = field(default_factory=Phrase)
    link: str = ""
    verb: Verb | None = None
    owner: Mention | None = None
    subject: Mention | None = None
    last: Mention | None = None
    fresh: bool = False
    auxiliary: bool = False
    in_back: bool = False
    since: int = 0
    """How many mentions there were when a pronoun last named the subject."""

    def read(self, tokens: list[Token]) -> None:
        """Read the sentence."""
        for i, token in enumerate(tokens):
            self._take(token, tokens[i + 1] if i + 1 < len(tokens) else None)
        self._end_phrase()

    def _take(self, token: Token, following: Token | None) -> None:
        if token.ends_clause:
            self._end_clause(begins=token.text in NEW_SENTENCE)
        elif token.is_any("determiner"):
            self._open_phrase(token)
        elif self.phrase.takes(token, following, self.lexicon, after_subject=self._expects_verb(token)):
            self._take_noun(token, following)
        elif token.is_any("verbs") and not self._is_unpictured_noun(token):
            self._take_verb(token, following)
        elif token.is_any(*LINKS):
            self._take_link(token)
        elif not self._take_description(token, following):
            self._take_unknown(token)

    def _expects_verb(self, token: Token) -> bool:
        """Whether a verb may come now: after a noun and adverbs, or after an "and": "sits and watches"."""
        goes_on = self.link == "and" and self.subject is not None and bool(self.subject.verbs) and token.form == "s"
        return self.auxiliary or goes_on or (self.last is not None and self.fresh)

    def _is_unpictured_noun(self, token: Token) -> bool:
        """Whether a word that may be a verb is a noun without a picture here: "up a steep pass"."""
        said = self.phrase.attributes
        return token.form == "base" and said.opened and bool(said.unknown) and not self.phrase.nouns

    def _open_phrase(self, token: Token) -> None:
        negated = self.phrase.attributes.negated and not self.phrase.nouns
        self._end_phrase()
        self.phrase.attributes.opened, self.phrase.attributes.negated = True, negated
        self.phrase.attributes.definite = token.text not in ("a", "an", "another")
        self.phrase.attributes.of_animal = token.text == "its"

    def _take_noun(self, token: Token, following: Token | None) -> None:
        self._note_names(token, following)
        if is_located(token) or (token.text in OUT_THERE and self.phrase.nouns):
            self._end_phrase()
            self._set_link("in")
        self.phrase.nouns.append(token)

    def _take_description(self, token: Token, following: Token | None) -> bool:
        """Take an adjective, a number, a side, a time or an auxiliary. Returns whether the token is one."""
        if token.is_any("copula"):
            self._end_phrase()
            self.auxiliary = True
        elif token.is_any(*GLOBAL):
            self._take_global(token, following)
        elif token.is_any("moves", "sides"):
            self._end_phrase()
            self._place(token)
        elif not (token.text.isdigit() and following is not None and following.text in UNITS):
            return self._take_attribute(token, following)
        return True

    def _take_global(self, token: Token, following: Token | None) -> None:
        """Take what holds for the whole picture; a time or a weather that no noun follows ends what was begun."""
        self._note_names(token, following)
        ends = following is not None and not following.is_any(*NOUNS)
        if token.is_any("times", "weathers") and ends and not self.phrase.nouns:
            self.phrase, self.fresh = Phrase(), False

    def _take_attribute(self, token: Token, following: Token | None) -> bool:
        """Take a number, colour, size or age; after "is" a colour is the subject's."""
        known = self.phrase.attributes.take(token)
        more = following is not None and (following.is_any(*NOUNS, "colors") or not following.meanings)
        if known and self.auxiliary and self.subject is not None and not more:
            self.subject.color = self.subject.color or self.phrase.attributes.color
            self.phrase.attributes = Attributes()
        return known

    def _note_names(self, token: Token, following: Token | None) -> None:
        """Note what holds for the whole picture, unless the word only describes a noun."""
        if self.phrase.attributes.negated:
            self.findings.excluded.update(token.meanings.values())
            return
        if token.name("weathers") == "snow" and self.link == "in":
            self.findings.add_name("ground", self.sentence, "snow")
        for table in GLOBAL:
            name = token.name(table)
            if name and not (table == "styles" and self._describes_a_noun(token, following)):
                self.findings.add_name(table, self.sentence, name)

    def _describes_a_noun(self, token: Token, following: Token | None) -> bool:
        """Whether a style is only an adjective here: "a vintage car", "a black and white cat", "in a neon jacket"."""
        name = token.name("styles")
        if following is not None and following.text in STYLE_NOUNS:
            return False
        if name == "black and white" and (self.phrase.attributes.opened or self.link == "wear"):
            self.phrase.attributes.color = "black"
            return True
        ends = following is None or following.ends_clause
        return self.link == "wear" or (name in ADJECTIVES_OF_STYLE and " " not in token.text and not ends)

    def _place(self, token: Token) -> None:
        """Take a direction of motion or a side of the picture."""
        actor = self._actor()
        side = token.name("sides") or token.name("moves")
        if token.is_any("moves") and actor is not None and _can_go(actor):
            dx, dy = MOVES[token.name("moves")]
            # Who goes left and up a hill goes left.
            actor.way = (actor.way[0] or dx, actor.way[1]) if actor.way != (0, 0) else (dx, dy)
        elif side == "back":
            self._put_in_back()
        elif self.last is not None and side in ("left", "right", "center", "front"):
            self.last.side = side
        self.fresh = False

    def _put_in_back(self) -> None:
        """Put what follows into the background, and the last noun too where it hangs on another one."""
        self.in_back = True
        if self.last is not None and self.last.link not in ("", "and"):
            self.last.link = "back"

    def _actor(self) -> Mention | None:
        """Whoever did the last verb: the last mention that has one, else the subject."""
        here = [
            m for m in self.findings.mentions[self.since :] if m.sentence == self.sentence and m.link not in CARRIES
        ]
        able = (m for m in reversed(here) if m.verbs and m.kind in (Kind.THING, Kind.PERSON, Kind.UNKNOWN))
        return next(able, self.subject)

    def _take_link(self, token: Token) -> None:
        """Take a preposition, a conjunction, a "no" or another word that links what follows to what came before."""
        table = next(t for t in LINKS if token.is_any(t))
        self._end_phrase()
        take: dict[str, Callable[[Token], None]] = {
            "negations": self._negate,
            "similes": lambda _: self._set_link("like"),
            "background": lambda _: self._set_link("back"),
            "relations": lambda t: self._set_link(t.name("relations")),
            "conjunction": self._conjoin,
            "pronoun": self._refer,
            "prepositions": self._relate,
        }
        take[table](token)

    def _negate(self, _: Token) -> None:
        self.phrase.attributes.negated = True

    def _refer(self, token: Token) -> None:
        """Take a pronoun: it means the main person, or the first thing."""
        self.fresh, self.link = True, ""
        if token.text not in ("who", "which"):
            self.subject = self.last = self._antecedent(human=token.text in HUMAN) or self.subject
            self.since = len(self.findings.mentions)

    def _relate(self, token: Token) -> None:
        """Take a preposition that says nothing of where; an "of" may pass on what its first noun hangs on."""
        self._set_link("of" if token.text == "of" and self.last is not None and self.fresh else "prep")
        self.auxiliary = token.text == "to"

    def _antecedent(self, *, human: bool = False) -> Mention | None:
        """Whom a pronoun means: a person of the sentence that has the first main mention, else that mention.

        A `human` pronoun, such as "she", also means a person of a later sentence.
        """
        mains = [m for m in self.findings.mentions if m.main and m.kind is not Kind.UNKNOWN]
        people = (m for m in mains if m.kind is Kind.PERSON and (human or m.sentence == mains[0].sentence))
        return next(people, mains[0] if mains else None)

    def _set_link(self, link: str) -> None:
        self.link, self.owner, self.verb = link, self.last, None
        self.fresh = self.auxiliary = False

    def _conjoin(self, token: Token) -> None:
        first, _, rest = token.text.partition(" ")
        self.auxiliary = False
        if first in CLAUSES:
            self.link, self.owner, self.verb, self.fresh = "clause", None, None, False
        elif self.last is not None:
            self.link, self.owner, self.fresh = "and", self.last, False
        if rest == "the":
            self.phrase.attributes.opened = self.phrase.attributes.definite = True
        elif rest:
            self.subject = self.last = self._antecedent() or self.subject
            self.fresh = True

    def _take_verb(self, token: Token, following: Token | None) -> None:
        verb = self.lexicon.verbs[token.name("verbs")]
        if self.phrase.attributes.negated:
            self.phrase.attributes = Attributes()
            return
        if token.form in ("ing", "ed") and not self.phrase.nouns and self._describes(following):
            self.phrase.attributes.verbs.append(verb)
            return
        self._end_phrase()
        owner = self._doer(token, verb)
        if owner is not None and not verb.quiet and not self._acted_before(owner):
            give(owner, verb)
        self.link, self.owner, self.verb = (verb.object or "verb"), owner, verb
        self.fresh = self.auxiliary = False

    def _doer(self, token: Token, verb: Verb) -> Mention | None:
        """Whose verb it is; what an "and" joined becomes the subject where a verb of its own follows."""
        owner = doer(self.lexicon, token, verb, Moment(self.subject, self.last, self.fresh, self.auxiliary))
        busy = self.subject is not None and bool(self.subject.verbs)
        if busy and owner not in (None, self.subject) and owner.link == "and" and owner.kind is not Kind.PART:
            # It looked like a second object: "a man riding a horse and a woman walking".
            owner.owner, self.subject = None, owner
        return owner

    def _acted_before(self, owner: Mention) -> bool:
        """Whether an earlier sentence says what the mention does: that is what is drawn."""
        return owner.sentence < self.sentence and bool(owner.verbs)

    def _describes(self, following: Token | None) -> bool:
        """Whether a participle stands before its noun: "a flying bird", "running horses"."""
        said = self.phrase.attributes
        named = bool(said.unknown) and not said.opened
        if named or self.auxiliary or following is None or not following.is_any("subjects", "roles"):
            return False
        expected = self.link not in ("", "and", "clause", "verb") and not self.fresh
        return said.opened or self.last is None or expected

    def _take_unknown(self, token: Token) -> None:
        if self.phrase.nouns:
            self._end_phrase()
            if self.last is not None and not token.text.endswith(VERBAL):
                self.last.tail = token.text
                return
        said = self.phrase.attributes
        if said.opened or self.last is None or not self.fresh:
            said.unknown.append(token.text)
        if not said.opened:
            self.fresh = self.fresh and token.text.endswith("ly")

    def _end_clause(self, *, begins: bool) -> None:
        """End a clause; after a colon what follows begins anew."""
        self._end_phrase()
        self.fresh = self.auxiliary = False
        if self._is_heading():
            # "Pixel art illustration, a woman reads": what follows is the first noun of the sentence.
            begins, self.last = True, None
        self.subject = None if begins else self.subject
        if self.subject is None:
            self.link, self.owner = "", None
        elif self.last is not None:
            keep = self.link == "wear" or self.last.link in KEPT_OVER_COMMAS
            self.link, self.owner = ("and" if not keep else self.link or self.last.link), self.last

    def _is_heading(self) -> bool:
        """Whether only the kind of picture was named so far."""
        here = [m for m in self.findings.mentions if m.sentence == self.sentence]
        return len(here) == 1 and here[0].name == "scenic" and not here[0].verbs and not here[0].place

    def _end_phrase(self) -> None:
        """End the noun phrase, if one is open, and hang it on what came before."""
        phrase, self.phrase = self.phrase, Phrase()
        mention = phrase.mention(self.lexicon, self.sentence, nameable=self.last is None)
        if mention is None:
            self._color_without_noun(phrase.attributes.color)
            return
        if phrase.attributes.negated:
            meanings = self.lexicon.words.get(mention.word, {})
            self.findings.excluded.update((mention.name, mention.word, *meanings.values()))
            return
        self._hang(mention)
        self.findings.mentions.append(mention)
        self.last, self.fresh, self.auxiliary = mention, True, False

    def _color_without_noun(self, color: str) -> None:
        """Give a colour that no noun follows to the noun before it, or to the clothes: "two fencers in white"."""
        if not color:
            return
        person = self.owner if self.owner is not None and self.owner.kind is Kind.PERSON else None
        if self.link == "in" and person is not None:
            person.clothes = person.clothes or color
        elif self.last is not None and self.last is self.subject:
            self.last.color = self.last.color or color

    def _hang(self, mention: Mention) -> None:
        """Set the mention's link and owner from what stood before it."""
        link, owner = self._attachment(mention)
        if link in ("", "clause") or (link == "and" and owner is None):
            mention.link = "" if self.subject is None or link != "and" else "and"
            self.subject = mention if mention.kind is not Kind.PLACE else self.subject
        else:
            mention.link, mention.owner, mention.verb = link, owner, self.verb
        if self.in_back and mention.link in ("", "and", "verb"):
            mention.link = "back"
        self.link, self.owner = "verb", mention

    def _attachment(self, mention: Mention) -> tuple[str, Mention | None]:
        """How the mention hangs on what: an "of" or an "and" may pass on the link of the noun before it."""
        link, owner = self.link, self.owner
        if link == "of" and owner is not None:
            link, owner = self._through_of(mention, owner)
        if link != "and" or owner is None:
            return link, owner
        if mention.kind is Kind.PERSON and owner.kind is Kind.CLOTHES:
            # Nobody wears a person: "a woman in a red dress and a man".
            return link, None
        # The second of two nouns joined by "and" or a comma hangs on what the first hangs on.
        return (link, owner) if owner.link in ("", "and") else (owner.link, owner.owner)

    def _through_of(self, mention: Mention, owner: Mention) -> tuple[str, Mention | None]:
        """What "a bowl of fruit" or "a view of the city" hangs on: the second noun takes the place of the first."""
        holds = "container" in self.lexicon.words.get(owner.word, {})
        unknown = owner.kind is Kind.UNKNOWN and owner.link == ""
        if not (holds or unknown or owner.kind is Kind.PART):
            return "prep", owner
        mention.count = max(mention.count, owner.count)
        self.subject = None if owner is self.subject else self.subject
        if holds and owner in self.findings.mentions:
            self.findings.mentions.remove(owner)
        return ("prep", owner) if unknown and not holds else (owner.link, owner.owner)


def _can_go(actor: Mention) -> bool:
    """Whether a direction can be where it goes: it does nothing, or something other than to stand, sit or lie."""
    return not actor.verbs or any(v.motion not in RESTING for v in actor.verbs)
