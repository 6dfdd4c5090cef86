"""Checks a request against the rules of its model, and makes a Generation of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wanserve.domain.catalogue import DOCUMENT_480P, TIERS, ModelCard, Size
from wanserve.domain.choosing import LoraRequest, choose
from wanserve.domain.errors import InvalidRequest, SizeNotMade
from wanserve.domain.generation import Generation

PROMPT_CHARACTERS = 800
"""Longer prompts are cut here, never refused, as the hosted service does."""

NEGATIVE_PROMPT_CHARACTERS = 500
SEED_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class VideoRequest:
    """What a client asked for: parsed, and not yet checked against the rules.

    None in a field: the client sent none. `size` is width and height in pixels, which may also come as `width` and
    `height`, or as a `tier` such as 720P. `seconds` is the length of the video. `frames` and `fps` cannot be chosen: a
    client may send them only with the values that the model has. `webhook_url` is told of the task's end. `steps`,
    `guidance_scale`, `profile` and `loras` say how the model is sampled, where its owner allows a choice.
    """

    model: str | None
    prompt: str
    negative_prompt: str | None = None
    size: Size | None = None
    count: int | None = None
    seed: int | None = None
    prompt_extend: bool | None = None
    watermark: bool | None = None
    seconds: int | None = None
    width: int | None = None
    height: int | None = None
    tier: str | None = None
    frames: int | None = None
    fps: int | None = None
    steps: int | None = None
    guidance_scale: float | None = None
    webhook_url: str | None = None
    profile: str | None = None
    loras: tuple[LoraRequest, ...] = ()


@dataclass(frozen=True, slots=True)
class RemixRequest:
    """A new prompt for the settings of another task: its model, size, length, seed and all else but its webhook."""

    source_id: str
    prompt: str
    webhook_url: str | None = None


SubmitRequest = VideoRequest | RemixRequest
"""What a submit may ask for."""


def request_like(made: Generation, prompt: str, webhook_url: str | None) -> VideoRequest:
    """The request for another prompt with all the other settings of a generation."""
    return VideoRequest(
        model=made.model,
        prompt=prompt,
        negative_prompt=made.negative_prompt,
        size=(made.width, made.height),
        seed=made.seed,
        prompt_extend=made.prompt_extend,
        watermark=made.watermark,
        seconds=round(made.seconds),
        steps=made.steps,
        guidance_scale=made.guidance_scale,
        webhook_url=webhook_url,
        profile=made.profile or None,
        loras=tuple(LoraRequest(lora.name, lora.strength) for lora in made.loras),
    )


def check(
    request: VideoRequest, models: Mapping[str, ModelCard], new_seed: Callable[[], int], default_model: str = ""
) -> Generation:
    """The generation that the request asks for; `new_seed` is called where it names no seed.

    Raises InvalidRequest with the field (one of VideoRequest's) and the rule.
    """
    card = models.get(default_model if request.model is None else request.model)
    if card is None:
        raise InvalidRequest("model", f"must be one of {', '.join(models)}")
    width, height = _size(request, card)
    if request.fps not in (None, card.fps):
        raise InvalidRequest("fps", f"must be {card.fps}, which is what {card.name} is made with, or left out")
    chosen = choose(card, request.profile, request.steps, request.guidance_scale, request.loras)
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
        frames=_frames(request.seconds, request.frames, card),
        fps=card.fps,
        seed=seed,
        prompt_extend=request.prompt_extend is not False,
        watermark=request.watermark is True,
        profile=chosen.profile,
        steps=chosen.steps,
        guidance_scale=chosen.guidance_scale,
        loras=chosen.loras,
    )


def _size(request: VideoRequest, card: ModelCard) -> Size:
    asked = request.size
    if request.width is not None or request.height is not None:
        pair = _pair(request)
        if asked not in (None, pair):
            raise InvalidRequest("width", "width and height are another size than size")
        if pair not in card.sizes:
            raise InvalidRequest(
                "width", f"width and height must be a size of the model: {SizeNotMade(card.name, card.sizes).problem}"
            )
        asked = pair
    if request.tier is not None:
        return _of_tier(request.tier, asked, card)
    if asked is None:
        return card.default_size
    if asked not in card.sizes:
        raise SizeNotMade(card.name, card.sizes)
    return asked


def _pair(request: VideoRequest) -> Size:
    if request.width is None:
        raise InvalidRequest("width", "is required beside height")
    if request.height is None:
        raise InvalidRequest("height", "is required beside width")
    return request.width, request.height


def _of_tier(text: str, asked: Size | None, card: ModelCard) -> Size:
    """The size that was asked for, if it belongs to the tier; else the model's first size of the tier, a landscape."""
    tiers = {name: [size for size in sizes if size in card.sizes] for name, sizes in TIERS.items()}
    made = [name for name, sizes in tiers.items() if sizes]
    name = text.upper()
    if name not in made:
        raise InvalidRequest("tier", f"{card.name} makes {' and '.join(made)}")
    if asked is None:
        return tiers[name][0]
    if asked not in TIERS[name] and (name, asked) != ("480P", DOCUMENT_480P):
        raise InvalidRequest("tier", f"{text} has no such size as {asked[0]}*{asked[1]}")
    if asked not in card.sizes:
        raise SizeNotMade(card.name, card.sizes)
    return asked


def _frames(seconds: int | None, frames: int | None, card: ModelCard) -> int:
    if seconds is None and frames is None:
        return card.frames
    if seconds is not None and seconds not in card.lengths:
        raise InvalidRequest("seconds", f"{card.name} makes {' or '.join(map(str, card.lengths))}")
    made = [card.frames_in(each) for each in card.lengths if seconds in (None, each)]
    if frames is not None and frames not in made:
        raise InvalidRequest("frames", f"{card.name} makes {' or '.join(map(str, made))}")
    return frames or made[0]


def _text(field: str, text: str, limit: int) -> str:
    # PostgreSQL stores no NUL, and half a surrogate pair cannot be encoded. Refused here, so that no store has to.
    kept = text[:limit]
    if "\x00" in kept:
        raise InvalidRequest(field, "must not contain the character U+0000")
    try:
        kept.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(field, "must not contain half of a surrogate pair") from error
    return kept
