"""Extracts the prompt from a chat model's answer, or refuses the answer."""

import json
import re
import unicodedata
from typing import Final

from wanserve.prompts.instructions import Instructions
from wanserve.prompts.wording import Language, is_mostly_chinese, length, normalise_quotes, quoted_texts

MAX_CHARACTERS: Final = 2000
"""A longer prompt is refused: the models read 512 tokens."""

PROMPT_FIELD: Final = "prompt"
"""The field of a structured answer that has the prompt."""

LENGTH_TOLERANCE: Final = 3
"""Chat models count badly: an answer may be this many times shorter or longer than the instructions say."""

_UNITS: Final = {Language.CHINESE: "characters", Language.ENGLISH: "words"}
_MAX_RAW_CHARACTERS: Final = 4 * MAX_CHARACTERS
_JOINERS: Final = "\u200c\u200d"
"""Invisible characters that join the parts of an emoji or of a Persian word."""

_CHAT_TOKEN: Final = re.compile(r"<\|[^|<>]{1,40}\|>")
_MARKUP: Final = re.compile(r"^`{3,}\w*$|[*`]+|__+")
_LINE_START: Final = re.compile(r"^(?:#{1,6} |>+ ?|[-+•] |-{3,}$)")
_REMARK: Final = re.compile(
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
_QUOTE_PAIRS: Final = ('""', "''", "“”", "‘’", "「」", "『』")


class UnusableAnswer(Exception):
    """The endpoint gave no usable prompt. The message says why, and never quotes the user or the endpoint."""


def completion_text(body: bytes) -> str:
    """Return the text of the first choice of a chat completion. Raises UnusableAnswer."""
    try:
        completion = json.loads(body.decode())
    except (ValueError, RecursionError) as error:
        raise UnusableAnswer("the answer is not JSON in UTF-8") from error
    match completion:
        case {"choices": [{"finish_reason": "length" | "content_filter"}, *_]}:
            raise UnusableAnswer("the answer was cut off")
        case {"choices": [{"message": {"content": str(text)}}, *_]}:
            return _structured(text) or text
        case _:
            raise UnusableAnswer("the answer is not a chat completion with text")


def _structured(text: str) -> str | None:
    """The prompt in an answer by the JSON schema; None where the endpoint wrote another text."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        return None
    prompt = answer.get(PROMPT_FIELD) if isinstance(answer, dict) else None
    return prompt if isinstance(prompt, str) else None


def extract_prompt(text: str, prompt: str, instructions: Instructions) -> str:
    """Return the prompt in the answer, as one paragraph. Raises UnusableAnswer where it cannot replace `prompt`."""
    kept = _without_reasoning(text)
    if len(kept) > _MAX_RAW_CHARACTERS:
        raise UnusableAnswer("the answer is far too long")
    found = clean(kept)
    if not any(map(str.isalpha, found)):
        raise UnusableAnswer("the answer is empty")
    if _REFUSAL.match(normalise_quotes(found)):
        raise UnusableAnswer("the chat model refused or asked back")
    if found.startswith(("{", "[")):
        raise UnusableAnswer("the answer is not prose")
    if is_mostly_chinese(found) is not (instructions.language is Language.CHINESE):
        raise UnusableAnswer("the answer is in another language than the prompt")
    _check_length(found, prompt, instructions)
    normalised = normalise_quotes(found)
    if any(quote not in normalised for quote in quoted_texts(prompt)):
        raise UnusableAnswer("the answer lost a quoted text")
    return found


def clean(text: str) -> str:
    """Return the text as one paragraph, without markup, labels, remarks, outer quotes and invisible characters."""
    visible = "".join(letter for letter in _CHAT_TOKEN.sub("", text) if _is_visible(letter))
    lines = [" ".join(_MARKUP.sub("", line.strip()).split()) for line in visible.splitlines()]
    longest = max(lines, key=len, default="")
    kept = [_LINE_START.sub("", line) for line in lines if line is longest or not _REMARK.match(normalise_quotes(line))]
    found = " ".join(filter(None, kept))
    # A label may be inside the quotes or before them.
    for _ in range(2):
        found = _LABEL.sub("", _without_quotes(found)).strip()
    return found


def _without_reasoning(text: str) -> str:
    # With string searches, because a regular expression takes seconds on an answer that consists of opening tags. A
    # model's template may have opened the block already. A block that is never closed contains the whole answer.
    for tag in ("think", "thinking", "thought"):
        text = text.rpartition(f"</{tag}>")[2].partition(f"<{tag}>")[0]
    return text


def _is_visible(letter: str) -> bool:
    return letter in _JOINERS or letter.isspace() or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def _without_quotes(text: str) -> str:
    for opening, closing in _QUOTE_PAIRS:
        inner = text[1:-1]
        if len(text) > 1 and text[0] == opening and text[-1] == closing and not {opening, closing} & set(inner):
            return inner.strip()
    return text


def _check_length(found: str, prompt: str, instructions: Instructions) -> None:
    size, prompt_size = length(found, instructions.language), length(prompt, instructions.language)
    unit = _UNITS[instructions.language]
    if size < max(instructions.min_length / LENGTH_TOLERANCE, prompt_size / 2):
        raise UnusableAnswer(f"the answer is far too short: {size} {unit}")
    if size > max(instructions.max_length * LENGTH_TOLERANCE, prompt_size * 2) or len(found) > MAX_CHARACTERS:
        raise UnusableAnswer(f"the answer is far too long: {size} {unit}")
