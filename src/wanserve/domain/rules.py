"""Knows what may be asked: turns a request into a Generation, or names the field and the rule that it breaks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wanserve.domain.catalog import ModelCard, Size
from wanserve.domain.errors import InvalidRequest, SizeNotMade
from wanserve.domain.generation import Generation

PROMPT_CHARACTERS = 800
"""Longer prompts are cut here, never refused, as the hosted service does."""

NEGATIVE_PROMPT_CHARACTERS = 500
SEED_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """What a client asked for, already of the right types, not yet held against the rules.

    `None` stands for what was left out. `size` is width and height in pixels, `seconds` how long the video is to play.
    """

    model: str
    prompt: str
    negative_prompt: str | None = None
    size: Size | None = None
    count: int | None = None
    seed: int | None = None
    prompt_extend: bool | None = None
    watermark: bool | None = None
    seconds: int | None = None


def check(request: VideoRequest, models: Mapping[str, ModelCard], new_seed: Callable[[], int]) -> Generation:
    """The generation that the request asks for; `new_seed` is called where it names no seed.

    Raises InvalidRequest with the field (one of VideoRequest's) and the rule.
    """
    card = models.get(request.model)
    if card is None:
        raise InvalidRequest("model", f"must be one of {', '.join(models)}")
    width, height = _size(request.size, card)
    if request.count not in (None, 1):
        raise InvalidRequest("count", "must be 1: one video a task")
    seed = new_seed() if request.seed is None else request.seed
    if not 0 <= seed <= SEED_MAX:
        raise InvalidRequest("seed", f"must be 0 to {SEED_MAX}")
    prompt = _text("prompt", request.prompt, PROMPT_CHARACTERS)
    if not prompt.strip():
        raise InvalidRequest("prompt", "must not be blank")
    return Generation(
        model=card.name,
        prompt=prompt,
        negative_prompt=_text("negative_prompt", request.negative_prompt or "", NEGATIVE_PROMPT_CHARACTERS),
        width=width,
        height=height,
        frames=_frames(request.seconds, card),
        fps=card.fps,
        seed=seed,
        prompt_extend=request.prompt_extend is not False,
        watermark=request.watermark is True,
    )


def _size(asked: Size | None, card: ModelCard) -> Size:
    if asked is None:
        return card.default_size
    if asked not in card.sizes:
        raise SizeNotMade(card.name, card.sizes)
    return asked


def _frames(seconds: int | None, card: ModelCard) -> int:
    if seconds is None:
        return card.frames
    if seconds not in card.lengths:
        raise InvalidRequest("seconds", f"{card.name} makes {' or '.join(map(str, card.lengths))}")
    return card.frames_in(seconds)


def _text(field: str, text: str, limit: int) -> str:
    # PostgreSQL stores no NUL and nothing encodes half a surrogate pair: refused here, so that no store has to.
    kept = text[:limit]
    if "\x00" in kept:
        raise InvalidRequest(field, "must not contain the character U+0000")
    try:
        kept.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(field, "must not contain half of a surrogate pair") from error
    return kept
