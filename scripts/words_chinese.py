"""The Chinese words that hold a word of the engine's tables inside them: which of them mean it, and which do not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

NATURE = frozenset("山海河湖岛街林雨雪雾夜月冰草花树云风车船桥")
AROUND = frozenset(
    "上下里中内外滨洋流泊堤峡崖脊麓际沙边面顶腰坡脚谷间岸底旁畔头口浪滩景色夜天地区湾村路道光雪雨冰林石岩洞风水点滴丛"
)
"""A word of one of NATURE and one of AROUND, like the shore of a sea, means the first."""

DISTRICTS = frozenset("市县城区湾洲带")
"""After the name of a place they keep its meaning, too."""

COMPLEMENTS = frozenset("来去上下进出过回到向着了起开入动越离行翔舞跃奔在")
"""After a verb they say where to, and it keeps its meaning."""

WHERE = frozenset("上下里中内前后旁边间")
"""After a place they say where in it; what a stop word begins with may belong to the place before."""

MANNERS = frozenset("快慢高低远直猛狂急轻疾齐先再同共")
"""Before a verb's character they say how, and it keeps its meaning: 平滑 is smooth, and slides nowhere."""

POINTERS = frozenset("这那该某每各此几半一两三四五六七八九十好老小大新旧")
"""Before a table's word they say which, how many or how it is."""

NUMERALS = frozenset("mqt")
NAMES = ("nr", "nt", "nz", "j", "i", "l")
"""jieba's parts of speech for names of people and bodies, abbreviations and set phrases."""

WINDS = frozenset("大狂寒冷海山春秋北南东西晚热和清凉暴强疾阵微")
"""What the wind may be called by: in other words that end in 风 it means a manner."""

HEADS = frozenset(
    "鸟鱼猫狗犬猪羊鹿兔狼鼠猴驴鸭鹤蛇虾蟹熊豹鲸鸡牛龙鹰树船塔桥刀剑茶汤粥饼碗碟杯瓶鞋笔灯井墓纸伞鼓竹桃梨枣肉庙花车旗盆锅枪箭弓斧铲钟"
)
"""Subjects of one character that a noun which ends in them nearly always is: 野猫 is a cat, but 罗马 no horse."""

OBJECTS = frozenset("鱼鸟猫狗羊猪鸭船花树茶汤鼓旗伞剑刀枪箭灯纸车杯桥塔")
"""And those that a verb which ends in them has as its object: 养猫."""

PLAIN_VERBS = frozenset("骑喝喂遛")
"""Verbs that mean nothing else with any object."""

SURE = 4.0
"""How common a stop word must be to end in what a word of the tables begins with: 放风 would break 放风筝."""

RARE = 3.5
"""And a name."""

PERIODS = frozenset("年月日天次岁点分时倍成级种者层期届季章路号")


@dataclass(frozen=True)
class Tables:
    """The Chinese words of the engine: each one with its pairs of table and name, and those that need no protection."""

    words: Mapping[str, tuple[tuple[str, str], ...]]
    quiet: frozenset[str] = frozenset()

    def has(self, word: str) -> bool:
        """Whether a table has the word, be it one whose words need no protection."""
        return word in self.words or word in self.quiet

    def inside(self, word: str) -> list[tuple[int, str]]:
        """The words that a reader who takes the longest first from the left would find within, with their places."""
        found, at = [], 0
        longest = max(map(len, self.words))
        while at < len(word):
            sizes = range(min(longest, len(word) - at), 0, -1)
            size = next((n for n in sizes if word[at : at + n] in self.words and n < len(word)), 0)
            if size:
                found.append((at, word[at : at + size]))
            at += max(1, size)
        return found

    def overlaps(self, word: str, least: int) -> bool:
        """Whether a longer word of the tables may begin within the word and end after it, like 风筝 after 放风.

        So many characters at `least` must be the same.
        """
        return any(word[at:] in self.starts for at in range(1, len(word) + 1 - least))

    @cached_property
    def starts(self) -> frozenset[str]:
        """What the words of two and more characters begin with, without their last character."""
        return frozenset(word[:n] for word in self.words for n in range(1, len(word)))

    def thing(self, word: str) -> str | None:
        """The subject that the word names, if any."""
        return next((name for table, name in self.words.get(word, ()) if table == "subjects"), None)

    def does(self, word: str) -> bool:
        """Whether the word is a verb."""
        return any(table in ("motions", "activities") for table, _ in self.words.get(word, ()))

    def is_place(self, word: str) -> bool:
        """Whether the word is a place, or something that is found in one."""
        return any(table in ("settings", "hints") for table, _ in self.words.get(word, ()))

    def only(self, word: str, *tables: str) -> bool:
        """Whether the word is in these tables alone."""
        return all(table in tables for table, _ in self.words.get(word, ()))


def sort_words(
    tables: Tables, dictionary: Iterable[tuple[str, float, str]], least: float, decided: Mapping[str, str | None]
) -> tuple[list[str], dict[str, str]]:
    """The stop words, and the words that are mapped to the subject at their end.

    `dictionary` has words with their part of speech and frequency; the rarer than `least` are left out. `decided` is the
    reviewers' word: the subject that it means, "" for none so that it is a stop word, or None to leave it to the tables.
    """
    stops: set[str] = set()
    kinds: dict[str, str] = {}
    for word, frequency, part in dictionary:
        found = tables.inside(word)
        if tables.has(word) or word in decided or frequency < least or not found:
            continue
        if _is_deed(tables, word, found):
            continue
        if _is_kind(tables, word, part, found):
            kinds[word] = tables.thing(found[-1][1]) or ""
        elif not _means_it(tables, word, part, found) and not _may_straddle(tables, word, part, frequency):
            stops.add(word)
    chosen = {w: what for w, what in decided.items() if what is not None and not tables.has(w) and tables.inside(w)}
    kinds |= {word: subject for word, subject in chosen.items() if subject}
    stops |= {word for word, subject in chosen.items() if not subject}
    return sorted(stops), dict(sorted(kinds.items()))


def _is_deed(tables: Tables, word: str, found: list[tuple[int, str]]) -> bool:
    """Whether it is wholly words of the tables, a verb and its object: 喝咖啡, but not 吹牛, which is to boast."""
    last = found[-1][1]
    covered = sum(len(inner) for _, inner in found) == len(word)
    meant = len(last) > 1 or last in OBJECTS or word[0] in PLAIN_VERBS
    return covered and meant and tables.thing(last) is not None and any(tables.does(inner) for _, inner in found[:-1])


def _is_kind(tables: Tables, word: str, part: str, found: list[tuple[int, str]]) -> bool:
    """Whether the word is a noun for the subject at its end, and its other characters would be misread: 金枪鱼, 牛车."""
    at, last = found[-1]
    if at + len(last) != len(word) or len(found) < 2 or part != "n":
        return False
    if not all(tables.only(inner, "subjects", "settings", "hints", "times", "weathers") for _, inner in found[:-1]):
        return False
    return tables.thing(last) is not None and (len(last) > 1 or last in HEADS)


def _may_straddle(tables: Tables, word: str, part: str, frequency: float) -> bool:
    """Whether the word would more often break others in two than protect what is inside it, like 里拉 in 车站里拉琴."""
    doubtful = part[0] in "vf" or (part in NAMES and frequency < RARE) or part == "ns"
    if frequency < SURE and word[0] in WHERE and any(tables.does(inner) for _, inner in tables.inside(word)):
        return True
    return frequency < SURE and tables.overlaps(word, 1 if doubtful else 2)


def _means_it(tables: Tables, word: str, part: str, found: list[tuple[int, str]]) -> bool:
    """Whether the words inside are meant, so that the whole needs no entry."""
    at, last = found[-1]
    covered = sum(len(inner) for _, inner in found) == len(word)
    ends = at + len(last) == len(word)
    if _is_done(tables, word, found) or _is_place(tables, word, found):
        return True
    if part[0] in NUMERALS and found[0][0] == 0 and tables.only(found[0][1], "numbers"):
        return word[-1] not in PERIODS
    if part in NAMES:
        return part in ("l", "nz") and ends and len(last) > 1 and tables.thing(last) is not None
    if _points_at_it(tables, word, found) or (covered and len(found) < len(word) and part[0] in "nvsfa"):
        return True
    if part[0] == "v":
        return _verb_means_it(tables, found, ends=ends)
    return ends and part[0] in "nsf" and _end_means_it(tables, last, word)


def _points_at_it(tables: Tables, word: str, found: list[tuple[int, str]]) -> bool:
    """Whether it is a word for a thing after a word for which one, or for a part of nature with its surroundings."""
    at, last = found[-1]
    if word[0] in POINTERS and at <= 2 and at + len(last) == len(word) and tables.thing(last) is not None:
        return True
    return word[0] in NATURE and all(c in AROUND for c in word[1:])


def _is_done(tables: Tables, word: str, found: list[tuple[int, str]]) -> bool:
    """Whether it is a verb of the tables with where to after it or how before it, like 游过去 and 高举."""
    at, inner = found[0]
    if at == 1 and word[0] in MANNERS and len(inner) == len(word) - 1:
        return tables.does(inner)
    return at == 0 and tables.does(inner) and all(c in COMPLEMENTS for c in word[len(inner) :])


def _is_place(tables: Tables, word: str, found: list[tuple[int, str]]) -> bool:
    """Whether it is the name of a place of the tables, like 清华大学, or such a place with its surroundings."""
    (start, first), (at, last) = found[0], found[-1]
    if len(last) > 1 and at + len(last) == len(word) and tables.is_place(last):
        return True
    return (
        start == 0
        and len(first) > 1
        and tables.is_place(first)
        and all(c in AROUND | DISTRICTS for c in word[len(first) :])
    )


def _verb_means_it(tables: Tables, found: list[tuple[int, str]], *, ends: bool) -> bool:
    """Whether a verb is one of the table's with a direction after it, or has a subject as its object."""
    last = found[-1][1]
    if ends and tables.only(last, "motions") and len(last) > 1:
        return True
    return ends and tables.thing(last) is not None and (len(last) > 1 or last in OBJECTS)


def _end_means_it(tables: Tables, last: str, word: str) -> bool:
    """Whether a noun that ends in this word is a kind of it."""
    if last == "风":
        return word[-2] in WINDS
    if len(last) == 1 and tables.thing(last) is not None:
        return last in HEADS
    return not tables.only(last, "numbers", "motions", "directions", "negations", "colors")
