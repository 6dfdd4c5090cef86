"""Extracts the prompt from a chat model's answer, or refuses the answer."""

import json
import re
import unicodedata
from typing import Final

from wanserve.prompts.instructions import Brief
from wanserve.prompts.wording import Language, is_mostly_chinese, length, plainly, quoted

CHARACTERS: Final = 2000
"""A longer prompt is refused: the models read 512 tokens."""

PROMPT_FIELD: Final = "prompt"
"""The field of a structured answer that has the prompt."""

LEEWAY: Final = 3
"""Chat models count badly: an answer may be this many times shorter or longer than asked."""

_UNITS: Final = {Language.CHINESE: "characters", Language.ENGLISH: "words"}
_RAW_CHARACTERS: Final = 4 * CHARACTERS
_JOINERS: Final = "\u200c\u200d"
"""Invisible, but they hold an emoji or a Persian word together."""

_CHAT_TOKEN: Final = re.compile(r"<\|[^|<>]{1,40}\|>")
_MARKUP: Final = re.compile(r"^`{3,}\w*$|[*`]+|__+")
_LINE_START: Final = re.compile(r"^(?:#{1,6} |>+ ?|[-+•] |-{3,}$)")
_ASIDE: Final = re.compile(
    r"#|.*[:：]$"
    r"|(?:sure|certainly|of course|okay|here(?:'s| is)|note|explanation|let me know|i hope|feel free|would you)\b"
    r"|好的|当然|注[：:意]|备注|说明|希望|如需|如果[您你]",
    re.IGNORECASE,
)
_LABEL: Final = re.compile(
    r"\A(?:"
    r"(?:(?:sure|certainly|of course|okay)\b[^:：]{0,40}?[!,.] *)?"
    r"(?:here(?:'s| is)\b[^:：.]{0,80}"
    r"|(?:(?:the|your|final|rewritten|revised|extended|expanded|enhanced|improved|video|output) ){0,4}"
    r"(?:prompt|description|version|output|answer)) ?[:：]"
    r"|(?:好的|当然)?[，,！!。]?(?:以下|这|是|为?[您你]的?|改写|扩写|优化|润色|最终|完整|后|的|视频|画面|中文){0,8}"
    r"(?:提示词|描述|版本|结果|输出|回答)(?:如下)?[：:]"
    r")",
    re.IGNORECASE,
)
_REFUSAL: Final = re.compile(
    r"(?:i'm (?:very |so )?(?:sorry|unable|not able)|(?:very |so )?sorry\b|(?:i|my) apolog|i am (?:sorry|unable|not able)"
    r"|i (?:can't|cannot|can not|won't|will not)\b|as an ai\b|please (?:provide|share|give|tell)|could you\b)"
    r"|(?:很|非常|十分)?抱歉|对不起|我(?:无法|不能|没法|不会)|作为(?:一[个名])?(?:AI|人工智能)|请(?:提供|告诉|给出|您)",
    re.IGNORECASE,
)
_SURROUNDING: Final = ('""', "''", "“”", "‘’", "「」", "『』")


class Unusable(Exception):
    """The endpoint gave no usable prompt. The message says why and never quotes the user or the endpoint."""


def said(body: bytes) -> str:
    """The text of the first choice of a chat completion. Raises Unusable."""
    try:
        completion = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise Unusable("the answer is no JSON in UTF-8") from error
    match completion:
        case {"choices": [{"finish_reason": "length" | "content_filter"}, *_]}:
            raise Unusable("the answer was cut off")
        case {"choices": [{"message": {"content": str(text)}}, *_]}:
            return _structured(text) or text
        case _:
            raise Unusable("the answer is no chat completion with text in it")


def _structured(text: str) -> str | None:
    """The prompt in an answer by the JSON schema; None where the endpoint wrote another text."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    prompt = answer.get(PROMPT_FIELD) if isinstance(answer, dict) else None
    return prompt if isinstance(prompt, str) else None


def usable(text: str, prompt: str, brief: Brief) -> str:
    """The prompt in the answer, as one paragraph. Raises Unusable where it cannot replace `prompt`."""
    kept = _after_thinking(text)
    if len(kept) > _RAW_CHARACTERS:
        raise Unusable("the answer is far too long")
    found = cleaned(kept)
    if not any(map(str.isalpha, found)):
        raise Unusable("the answer is empty")
    if _REFUSAL.match(plainly(found)):
        raise Unusable("the chat model refused or asked back")
    if found.startswith(("{", "[")):
        raise Unusable("the answer is no prose")
    if is_mostly_chinese(found) is not (brief.language is Language.CHINESE):
        raise Unusable("the answer is in another language than the prompt")
    _check_length(found, prompt, brief)
    written = plainly(found)
    if any(words not in written for words in quoted(prompt)):
        raise Unusable("the answer lost a quoted text")
    return found


def cleaned(text: str) -> str:
    """The text as one paragraph, without markup, labels, remarks, surrounding quotes and invisible characters."""
    seen = "".join(letter for letter in _CHAT_TOKEN.sub("", text) if _is_visible(letter))
    lines = [" ".join(_MARKUP.sub("", line.strip()).split()) for line in seen.splitlines()]
    longest = max(lines, key=len, default="")
    kept = [_LINE_START.sub("", line) for line in lines if line is longest or not _ASIDE.match(plainly(line))]
    found = " ".join(filter(None, kept))
    # A label may stand inside the quotes or before them.
    for _ in range(2):
        found = _LABEL.sub("", _unquoted(found)).strip()
    return found


def _after_thinking(text: str) -> str:
    # By search, not by a regular expression, which would take seconds on an answer of nothing but opening tags. A
    # model's template may have opened the block already; a block that is never closed holds the whole answer.
    for tag in ("think", "thinking", "thought"):
        text = text.rpartition(f"</{tag}>")[2].partition(f"<{tag}>")[0]
    return text


def _is_visible(letter: str) -> bool:
    return letter in _JOINERS or letter.isspace() or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _unquoted(text: str) -> str:
    for opening, closing in _SURROUNDING:
        inner = text[1:-1]
        if len(text) > 1 and text[0] == opening and text[-1] == closing and not {opening, closing} & set(inner):
            return inner.strip()
    return text


def _check_length(found: str, prompt: str, brief: Brief) -> None:
    size, was = length(found, brief.language), length(prompt, brief.language)
    unit = _UNITS[brief.language]
    if size < max(brief.least / LEEWAY, was / 2):
        raise Unusable(f"the answer is far too short: {size} {unit}")
    if size > max(brief.most * LEEWAY, was * 2) or len(found) > CHARACTERS:
        raise Unusable(f"the answer is far too long: {size} {unit}")
