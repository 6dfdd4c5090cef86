"""What may be asked of each model, and how each refusal names the field and the rule."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanserve.domain.catalogue import MODELS, Size
from wanserve.domain.errors import InvalidRequest, SizeNotMade
from wanserve.domain.generation import Generation
from wanserve.domain.rules import SEED_MAX, VideoRequest, check

DOCUMENT_SIZES = {
    "wan2.2-t2v-plus": {(640, 480), (1920, 1080)},
    "wanx2.1-t2v-turbo": {(640, 480), (1280, 720)},
    "wanx2.1-t2v-plus": {(1280, 720)},
}


def checked(**changed: object) -> Generation:
    request = {"model": "wan2.2-t2v-plus", "prompt": "a cat"} | changed
    return check(VideoRequest(**request), MODELS, lambda: 42)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "size"), [(model, size) for model, sizes in DOCUMENT_SIZES.items() for size in sizes]
)
def test_the_documents_five_sizes_are_made_as_asked(model: str, size: Size) -> None:
    made = checked(model=model, size=size)
    assert (made.width, made.height) == size


@pytest.mark.parametrize(
    ("model", "size"),
    [
        ("wan2.2-t2v-plus", (1280, 720)),
        ("wanx2.1-t2v-turbo", (1920, 1080)),
        ("wanx2.1-t2v-plus", (640, 480)),
        ("wanx2.1-t2v-plus", (1920, 1080)),
        ("wan2.2-t2v-plus", (480, 640)),
        ("wan2.2-t2v-plus", (99999, 99999)),
    ],
)
def test_a_size_that_the_model_lacks_is_refused_with_what_it_has(model: str, size: Size) -> None:
    with pytest.raises(InvalidRequest) as refused:
        checked(model=model, size=size)
    assert refused.value.field == "size"
    assert "{}*{}".format(*MODELS[model].default_size) in refused.value.problem


def test_of_a_tier_a_model_may_make_some_sizes_only() -> None:
    """As a model of another vendor's catalogue does: the tier alone gives its first size, and another of it is refused."""
    square = replace(MODELS["wanx2.1-t2v-plus"], sizes=((960, 960), (1088, 832)))

    def size_of(**asked: object) -> Size:
        made = check(VideoRequest(square.name, "a cat", **asked), {square.name: square}, lambda: 42)  # type: ignore[arg-type]
        return made.width, made.height

    assert size_of(tier="720P") == (960, 960)
    assert size_of(tier="720p", size=(1088, 832)) == (1088, 832)
    with pytest.raises(SizeNotMade) as refused:
        size_of(tier="720P", size=(1280, 720))
    assert refused.value.field == "size"
    with pytest.raises(InvalidRequest, match=f"tier: {square.name} makes 720P"):
        size_of(tier="480P")


def test_each_model_has_its_own_default_size() -> None:
    made = {model: checked(model=model) for model in MODELS}
    assert {model: (one.width, one.height) for model, one in made.items()} == {
        "wan2.2-t2v-plus": (1920, 1080),
        "wanx2.1-t2v-turbo": (1280, 720),
        "wanx2.1-t2v-plus": (1280, 720),
    }


def test_every_video_is_five_seconds_at_thirty_frames_a_second() -> None:
    for model in MODELS:
        assert (checked(model=model).seconds, checked(model=model).fps) == (5.0, 30)


def test_an_unknown_model_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InvalidRequest, match=r"model: must be one of wan2\.2-t2v-plus, "):
        checked(model="wan2.5-t2v")


@pytest.mark.parametrize("count", [0, 2, -1])
def test_only_one_video_a_task(count: int) -> None:
    with pytest.raises(InvalidRequest, match="count: must be 1"):
        checked(count=count)
    assert checked(count=1) == checked()


def test_long_prompts_are_cut_and_never_refused() -> None:
    made = checked(prompt="猫" * 900, negative_prompt="x" * 900)
    assert made.prompt == "猫" * 800
    assert made.negative_prompt == "x" * 500


@pytest.mark.parametrize("prompt", ["", " ", "\n\t", "\u3000", " " * 900 + "a cat"])
def test_a_blank_prompt_is_refused(prompt: str) -> None:
    with pytest.raises(InvalidRequest, match="prompt: must not be blank"):
        checked(prompt=prompt)


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
@pytest.mark.parametrize("text", ["a\x00b", "a \ud83d"])
def test_text_that_no_store_can_keep_is_refused(field: str, text: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{field}: must not contain"):
        checked(**{field: text})


@pytest.mark.parametrize("seed", [-1, SEED_MAX + 1])
def test_a_seed_outside_its_range_is_refused(seed: int) -> None:
    with pytest.raises(InvalidRequest, match="seed: must be 0 to 2147483647"):
        checked(seed=seed)


def test_a_seed_is_kept_and_drawn_where_there_is_none() -> None:
    assert (checked(seed=0).seed, checked(seed=SEED_MAX).seed, checked().seed) == (0, SEED_MAX, 42)


def test_no_negative_prompt_is_an_empty_one() -> None:
    assert checked(negative_prompt=None).negative_prompt == ""


@given(st.text(), st.text() | st.none(), st.integers(), st.none() | st.tuples(st.integers(), st.integers()))
def test_whatever_is_asked_is_a_generation_or_a_named_field(
    prompt: str, negative: str | None, seed: int, size: Size | None
) -> None:
    try:
        made = checked(prompt=prompt, negative_prompt=negative, seed=seed, size=size)
    except InvalidRequest as refused:
        field = refused.field
    else:
        field = ""
        assert 0 < len(made.prompt.strip()) <= 800
        assert len(made.negative_prompt) <= 500
        assert (made.width, made.height) in MODELS[made.model].sizes
    assert field in ("", "prompt", "negative_prompt", "seed", "size")


def test_four_seconds_are_made_where_five_are_the_rule() -> None:
    assert [checked(seconds=seconds).frames for seconds in (None, 5, 4)] == [150, 150, 120]
    with pytest.raises(InvalidRequest, match=r"seconds: wan2\.2-t2v-plus makes 5 or 4"):
        checked(seconds=8)
    # The real models make one frame more than their seconds hold.
    card = replace(MODELS["wan2.2-t2v-plus"], frames=81, fps=16)
    assert (card.frames_in(5), card.frames_in(4)) == (81, 65)
    short = replace(card, frames=17)
    assert short.lengths == (1,)


def test_a_watermark_is_drawn_only_where_it_is_asked_for() -> None:
    assert [checked(watermark=asked).watermark for asked in (None, False, True)] == [False, False, True]
