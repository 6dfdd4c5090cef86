"""The English nouns of WordNet: which subject of the engine shows them best, and which of them name a person."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PERSON = "18"
PICTURABLE = {"05": "animal", "06": "artifact", "13": "food", "17": "object", "20": "plant"}
"""The files of WordNet's lexicographers whose nouns one can see, by number."""

DEPTH = 4
"""How many steps up from a noun a subject may be."""

COMMON = 2.2
"""The least frequency of a word, as the logarithm of its count in a thousand million words."""

NOUNS = 0.6
"""The least share of a word's counted uses that must be the noun's."""


@dataclass(frozen=True)
class Synset:
    """One meaning: its file, its words, and the meanings just above it."""

    file: str
    words: tuple[str, ...]
    above: tuple[str, ...]


@dataclass
class WordNet:
    """The nouns, and how often a word is each part of speech."""

    synsets: dict[str, Synset] = field(default_factory=dict)
    senses: dict[str, list[str]] = field(default_factory=dict)
    uses: dict[str, dict[str, int]] = field(default_factory=dict)

    def mostly_noun(self, word: str) -> bool:
        """Whether most counted uses of the word are a noun's; one that was never counted must be no other word."""
        uses = self.uses.get(word, {})
        total = sum(uses.values())
        if total == 0:
            return set(uses) <= {"n"}
        return uses.get("n", 0) / total >= NOUNS

    def upwards(self, synset: str, depth: int) -> Iterator[str]:
        """The meaning and those above it, the nearest first, up to that many steps."""
        queue, seen = deque([(synset, 0)]), {synset}
        while queue:
            at, steps = queue.popleft()
            yield at
            for above in self.synsets[at].above if steps < depth else ():
                if above not in seen:
                    seen.add(above)
                    queue.append((above, steps + 1))


def read_wordnet(folder: Path) -> WordNet:
    """Read the files `data.noun`, `index.noun` and `index.sense` of a WordNet folder."""
    net = WordNet()
    for line in _lines(folder / "data.noun"):
        parts = line.split(" | ")[0].split()
        count = int(parts[3], 16)
        words = tuple(parts[4 + 2 * i].replace("_", " ") for i in range(count))
        pointers = parts[5 + 2 * count :]
        above = tuple(pointers[i + 1] for i in range(0, len(pointers) - 3, 4) if pointers[i] == "@")
        is_name = any(pointers[i] == "@i" for i in range(0, len(pointers) - 3, 4))
        net.synsets[parts[0]] = Synset("name" if is_name else parts[1], words, above)
    for line in _lines(folder / "index.noun"):
        parts = line.split()
        count = int(parts[2])
        net.senses[parts[0].replace("_", " ")] = parts[-count:]
    for line in _lines(folder / "index.sense"):
        key, _, _, tagged = line.split()
        word, code = key.split("%")
        part = {"1": "n", "2": "v"}.get(code[0], "a")
        uses = net.uses.setdefault(word.replace("_", " "), {})
        uses[part] = uses.get(part, 0) + int(tagged)
    return net


def _lines(file: Path) -> Iterable[str]:
    return (line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("  "))


@dataclass(frozen=True)
class English:
    """What the tables and the reviewers say of English.

    `taken` are the words that the tables have. Words that are `wide` are no good for what is below them in WordNet: a
    bulldozer is a vehicle, but no car.
    """

    taken: frozenset[str]
    subjects: dict[str, list[str]]
    wide: frozenset[str]
    decided: dict[str, str | None]
    frequency: Callable[[str], float]


def kinds_of(net: WordNet, english: English) -> dict[str, str]:
    """English noun to subject, or to "" where one can see it but no picture is near.

    The reviewers' word is the last one, and only they say "": WordNet holds too much that nobody would draw.
    """
    anchors = _anchors(net, english)
    kinds: dict[str, str] = {}
    for word, first in _common(net, english):
        found = next((anchors[s] for s in net.upwards(first, DEPTH) if s in anchors), "")
        if found and word not in english.decided:
            kinds[word] = found
    kinds |= {word: what for word, what in english.decided.items() if what is not None and word not in english.taken}
    return dict(sorted(kinds.items()))


def people_of(net: WordNet, words: Iterable[str], taken: frozenset[str]) -> list[str]:
    """Those of the reviewed words that WordNet, too, knows as a person, and that no table has."""
    return sorted(
        word
        for word in words
        if word not in taken and any(net.synsets[s].file == PERSON for s in net.senses.get(word, ()))
    )


def _common(net: WordNet, english: English) -> Iterator[tuple[str, str]]:
    """The common words whose first meaning is something that one can see, with that meaning."""
    for word, senses in net.senses.items():
        first = net.synsets[senses[0]]
        plain = word.isascii() and word.isalpha() and len(word) > 2
        if not plain or word in english.taken or first.file not in PICTURABLE or word not in first.words:
            continue
        if net.mostly_noun(word) and english.frequency(word) >= COMMON:
            yield word, senses[0]


def _anchors(net: WordNet, english: English) -> dict[str, str]:
    """The meaning that each subject's words stand for: the first that one can see. A subject's own name goes first."""
    anchors: dict[str, str] = {}
    named = [(name, name) for name in english.subjects]
    rest = [(name, word) for name, words in english.subjects.items() for word in words]
    for name, word in named + rest:
        seen = [s for s in net.senses.get(word, ()) if net.synsets[s].file in PICTURABLE]
        if seen and word not in english.wide:
            anchors.setdefault(seen[0], name)
    return anchors
