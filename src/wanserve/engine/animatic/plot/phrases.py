"""Reads English noun phrases: tells nouns from verbs and adjectives, and finds what a phrase is about."""

from dataclasses import dataclass, field

from wanserve.engine.animatic.plot.mentions import (
    NOUNS,
    Attributes,
    Kind,
    Mention,
    make_mention,
    unknown_mention,
)
from wanserve.engine.animatic.words.lexicon import Lexicon, Token

FINITE = frozenset({"s", "ed"})
POSSESSED = frozenset({Kind.PART, Kind.CLOTHES})
DRESSED_UP = frozenset({
    "student", "astronaut", "chef", "detective", "knight", "pirate", "king", "queen", "samurai", "ninja", "wizard",
    "princess", "superhero", "warrior", "scientist", "teacher", "doctor", "cowboy",
})  # fmt: skip
"""The roles that animals have in stories: a panda student."""

PLAIN_PLACES = frozenset({"park", "garden"})
"""Places whose words follow that of another one: a market square, a temple courtyard."""

PREPOSITIONS = frozenset({"in", "on", "at", "under", "above", "by", "among", "inside", "beneath", "from", "over"})


@dataclass
class Phrase:
    """The noun phrase that is being read: what was said before its nouns, and the nouns so far."""

    attributes: Attributes = field(default_factory=Attributes)
    nouns: list[Token] = field(default_factory=list)

    @property
    def introduced(self) -> bool:
        """Whether an article, a number, an adjective or a noun came, so that a noun may follow."""
        said = self.attributes
        return said.opened or bool(said.color or said.size or self.nouns)

    def takes(self, token: Token, following: Token | None, lexicon: Lexicon, *, after_subject: bool) -> bool:
        """Whether the token is a noun of this phrase: it can be one, and is not used as something else.

        `after_subject`: a verb is expected, as only adverbs came since a noun.
        """
        if not token.is_any(*NOUNS) or token.is_any("relations", "copula"):
            return False
        if _is_color_of(token, following) or self._is_time(token):
            return False
        if token.text in lexicon.articled and not self.introduced:
            return False
        return not token.is_any("verbs") or self._verb_is_noun(token, following, after_subject=after_subject)

    def _is_time(self, token: Token) -> bool:
        """Whether it is the time or the weather, and not a thing: "at night", "under the moon", but "a moon"."""
        return token.is_any("times", "weathers") and (not self.attributes.opened or self.attributes.definite)

    def _verb_is_noun(self, token: Token, following: Token | None, *, after_subject: bool) -> bool:
        """Whether a word that may be a verb is a noun here: "a swing", but "she swings"."""
        if token.form == "ing":
            return self.attributes.opened and following is not None and following.text == "of"
        if self.nouns:
            return not self._is_done_by_noun(token, following)
        return self.introduced or not after_subject

    def _is_done_by_noun(self, token: Token, following: Token | None) -> bool:
        """Whether a word after a noun is what that does: "the dogs run", "the dog runs", "a dog eats the food"."""
        agrees = token.form in FINITE or (token.form == "base" and self.nouns[-1].plural)
        return agrees or (following is not None and following.is_any("determiner"))

    def mention(self, lexicon: Lexicon, sentence: int, *, nameable: bool) -> Mention | None:
        """What the phrase is about: its last noun, or whose part that is: "the cat's eyes".

        Without a noun it is an unknown one where an article stands before, or where the phrase is `nameable`.
        """
        said = self.attributes
        if not self.nouns:
            return self._unknown(sentence, nameable=nameable)
        said.color = said.color or self._told_before("colors")
        mention = make_mention(lexicon, self._head(lexicon), said, sentence)
        mention = self._owner(lexicon, mention, sentence) or mention
        if said.of_animal and mention.wearable:
            mention.kind = Kind.PART
        before = self._told_before("places")
        if before and (not mention.place or mention.place in PLAIN_PLACES):
            mention.place = before
        return mention

    def _head(self, lexicon: Lexicon) -> Token:
        """The noun that the phrase is about: the last one, but a panda that is dressed up is a panda."""
        last = self.nouns[-1]
        animals = (t for t in self.nouns[:-1] if t.is_any("subjects") and lexicon.subjects[t.name("subjects")].animate)
        return next(animals, last) if last.name("roles") in DRESSED_UP else last

    def _unknown(self, sentence: int, *, nameable: bool) -> Mention | None:
        """The noun without a picture that the phrase ends with; None where it is not a noun phrase at all."""
        said = self.attributes
        if said.unknown and (said.opened or nameable):
            return unknown_mention(said.unknown[-1], said, sentence)
        return None

    def _told_before(self, table: str) -> str:
        """What the nouns before the last one say of it: the colour of "orange juice", the place of "a temple garden"."""
        return next((t.name(table) for t in self.nouns[:-1] if t.is_any(table)), "")

    def _owner(self, lexicon: Lexicon, part: Mention, sentence: int) -> Mention | None:
        """Whose part or garment the last noun is, where a noun before it says so."""
        if part.kind not in POSSESSED:
            return None
        holder = next((t for t in reversed(self.nouns[:-1]) if t.is_any("subjects", "roles")), None)
        if holder is None or not (holder.owner or part.kind is Kind.PART):
            return None
        owner = make_mention(lexicon, holder, self.attributes, sentence)
        owner.color, owner.clothes = "", part.color if part.kind is Kind.CLOTHES else ""
        return owner


def is_located(token: Token) -> bool:
    """Whether the phrase is a place with its preposition: "at home"."""
    first, _, rest = token.text.partition(" ")
    return bool(rest) and first in PREPOSITIONS


def _is_color_of(token: Token, following: Token | None) -> bool:
    """Whether a word that is a fruit and a colour is the colour here: "an orange chair", "an orange scarf"."""
    if not token.is_any("colors") or following is None or following.ends_clause:
        return False
    return (following.is_any(*NOUNS) and not is_located(following)) or not following.meanings
