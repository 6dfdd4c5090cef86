"""Defines the particles of Chinese clauses, and looks ahead for what they announce. Pure.

What a word means often depends on what comes later in its clause: a head noun after a 的, a location, or a verb that
says what there is.
"""

from wanserve.engine.animatic.plot.mentions import GLOBAL, NOUNS
from wanserve.engine.animatic.words.lexicon import Token

OF = "的"
"""The particle between a description and the noun that it describes."""

OBJECT = frozenset({"把", "将"})
"""What stands before an object that comes before its verb."""

AT = frozenset({"在", "于", "位于", "正在", "沿着", "沿", "从"})
"""The words after which a location comes."""

EXISTS = frozenset(
    {
        "有",
        "放着",
        "站着",
        "坐着",
        "摆着",
        "停着",
        "躺着",
        "挂着",
        "长着",
        "飘着",
        "飞着",
        "游着",
        "挂满",
        "摆满",
        "停满",
        "长满",
        "开满",
        "铺满",
        "堆满",
        "站满",
        "坐满",
    }
)
"""The verbs that say what there is at a location named before."""

MEASURE_WORDS = frozenset(
    """
    只 个 条 头 匹 位 辆 架 艘 隻 個 條 頭 輛 名 张 把 台 朵 棵 座 根 件 颗 本 支 块 片 杯 瓶 碗 双 对 群 幅 盆 顶 枚 列 副 扇 套 盏
    束 株 尊 口 串 部 栋 间 家 种 份 面 道
    """.split()
)
"""The words between a number and its noun."""

POSTPOSITIONS = frozenset("上下里中内前后旁边")
"""Single characters that are postpositions after a noun and parts of other words elsewhere."""


def head_follows(rest: list[Token]) -> bool:
    """Whether a 的 with a noun after it comes before the clause ends or another noun phrase begins."""
    for i, token in enumerate(rest):
        if _ends_description(token):
            return False
        if token.text == OF:
            return _can_be_described(rest[i + 1 :])
    return False


def _ends_description(token: Token) -> bool:
    """Whether no 的 after this token belongs to what is before it: the clause ends or another noun phrase begins."""
    counts = token.is_any("numbers") and not token.is_any("colors")
    return token.ends_clause or token.is_any("conjunction") or counts


def _can_be_described(rest: list[Token]) -> bool:
    """Whether what follows a 的, past adjectives, is a noun, and neither a location nor the end of the clause."""
    after = next((t for t in rest if not t.is_any("colors", "sizes", "ages") and t.text != OF), None)
    return after is not None and not after.ends_clause and not after.is_any("relations", "sides")


def flavor_follows(rest: list[Token]) -> bool:
    """Whether a character that no table has makes the noun an adjective: an ice cream that tastes of cherries, 樱桃味的."""
    return len(rest) > 2 and not rest[0].meanings and len(rest[0].text) == 1 and rest[1].text == OF


def names_part(head: Token) -> bool:
    """Whether the noun after a 的 is a part, a garment or a location of the noun before it: "the cat's eyes"."""
    garment = head.is_any("clothing") and not head.is_any("subjects")
    return garment or head.is_any("relations", "body", "scenic", "sides", *GLOBAL)


def names_role(rest: list[Token]) -> bool:
    """Whether the next word can only be a person or a thing, which the verb before it describes."""
    return bool(rest) and rest[0].is_any("roles", "subjects") and not rest[0].is_any("verbs")


def something_exists(rest: list[Token]) -> bool:
    """Whether the clause goes on with what there is at a location: "on the table lies an apple"."""
    for token in rest:
        if token.ends_clause:
            return False
        if token.text in EXISTS or token.is_any("verbs", "numbers", "colors"):
            return True
    return False


def location_follows(rest: list[Token]) -> bool:
    """Whether the next noun is itself a location: a noun with a postposition."""
    at = next((i for i, token in enumerate(rest) if token.is_any(*NOUNS)), None)
    return at is not None and at + 1 < len(rest) and rest[at + 1].is_any("relations")


def split_measure(token: Token) -> list[Token]:
    """An unknown run that begins with a measure word or holds a particle, as its pieces."""
    text = token.text
    if token.meanings or not token.chinese or len(text) < 2:
        return [token]
    if text[0] in MEASURE_WORDS:
        return [Token(text[0]), *split_measure(Token(text[1:]))]
    for i, char in enumerate(text):
        if char == OF or char in AT:
            before = [Token(text[:i])] if i else []
            after = split_measure(Token(text[i + 1 :])) if text[i + 1 :] else []
            return [*before, Token(char), *after]
    return [token]
