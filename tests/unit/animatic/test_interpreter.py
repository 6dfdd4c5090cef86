"""The storyboard that is made of a prompt and its negative prompt."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanserve.engine.animatic.interpreter import MAX_COUNT, MAX_SUBJECTS, make_storyboard
from wanserve.engine.animatic.lexicon import load_lexicon
from wanserve.engine.animatic.storyboard import Motion, Setting, Storyboard, Time, Weather

LEXICON = load_lexicon()


def board(prompt: str, negative: str = "") -> Storyboard:
    return make_storyboard(LEXICON, prompt, negative)


@pytest.mark.parametrize(
    ("prompt", "setting"),
    [
        ("a cat under the full moon", Setting.NIGHT),
        ("月光下的猫", Setting.NIGHT),
        ("a dog at sunset", Setting.SUNSET),
        ("夕阳下的狗", Setting.SUNSET),
        ("a dog on the beach", Setting.BEACH),
        ("沙滩上的狗", Setting.BEACH),
        ("a cat in the woods", Setting.FOREST),
        ("森林里的猫", Setting.FOREST),
        ("a cat in winter", Setting.SNOW),
        ("雪地里的猫", Setting.SNOW),
        ("a cat in the street", Setting.CITY),
        ("城市里的猫", Setting.CITY),
        ("a cat among the dunes", Setting.DESERT),
        ("沙漠里的猫", Setting.DESERT),
        ("a cat under the sea", Setting.UNDERWATER),
        ("海底的猫", Setting.UNDERWATER),
        ("a wolf in a meadow", Setting.MEADOW),
        ("草地上的狼", Setting.MEADOW),
        ("a cat in outer space", Setting.SPACE),
        ("太空中的猫", Setting.SPACE),
        ("a cat in the Alps", Setting.MOUNTAINS),
        ("高山上的猫", Setting.MOUNTAINS),
        ("a cat in the living room", Setting.INDOORS),
        ("客厅里的猫", Setting.INDOORS),
    ],
)
def test_each_setting_is_reached_in_both_languages(prompt: str, setting: Setting) -> None:
    assert board(prompt).setting is setting


@pytest.mark.parametrize(
    ("prompt", "weather"),
    [
        ("a dog in the rain", Weather.RAIN),
        ("雨中的狗", Weather.RAIN),
        ("a dog while snow is falling", Weather.SNOW),
        ("下雪了，一只狗", Weather.SNOW),
        ("a dog on a windy day", Weather.WIND),
        ("大风中的狗", Weather.WIND),
        ("a dog in the mist", Weather.FOG),
        ("大雾中的狗", Weather.FOG),
        ("a dog in a thunderstorm", Weather.STORM),
        ("暴风雨中的狗", Weather.STORM),
        ("it is raining cats and dogs", Weather.RAIN),
        ("a dog", Weather.CLEAR),
    ],
)
def test_each_weather_is_reached_in_both_languages(prompt: str, weather: Weather) -> None:
    assert board(prompt).weather is weather


@pytest.mark.parametrize(
    ("prompt", "setting", "motion"),
    [
        ("a goldfish", Setting.UNDERWATER, Motion.SWIM),
        ("a dolphin in the ocean", Setting.UNDERWATER, Motion.SWIM),
        ("a boy swimming in the sea", Setting.UNDERWATER, Motion.SWIM),
        ("a bluebird", Setting.MEADOW, Motion.FLY),
        ("a taxi", Setting.CITY, Motion.RUN),
        ("a taxi at night", Setting.CITY, Motion.RUN),
        ("a camel at sunset", Setting.DESERT, Motion.WALK),
        ("a deer under the moon", Setting.NIGHT, Motion.WALK),
        ("a snowman, snow is falling at night", Setting.SNOW, Motion.STAND),
        ("a penguin", Setting.SNOW, Motion.WALK),
        ("a camel", Setting.DESERT, Motion.WALK),
        ("a rocket", Setting.SPACE, Motion.FLY),
        ("a sailboat", Setting.BEACH, Motion.SWIM),
        ("a kangaroo", Setting.DESERT, Motion.JUMP),
        ("a house", Setting.MEADOW, Motion.STAND),
        ("a cat sitting, then running", Setting.MEADOW, Motion.RUN),
    ],
)
def test_what_is_not_said_suits_the_subject(prompt: str, setting: Setting, motion: Motion) -> None:
    found = board(prompt)
    assert (found.setting, found.motion) == (setting, motion)


@pytest.mark.parametrize(
    ("prompt", "counts"),
    [
        ("a cat and a dog", {"cat": 1, "dog": 1}),
        ("three birds", {"bird": 3}),
        ("3 small birds", {"bird": 3}),
        ("two red cars and a bus", {"car": 2, "bus": 1}),
        ("birds", {"bird": 2}),
        ("12 balloons", {"balloon": MAX_COUNT}),
        ("a 30 year old man", {"man": 1}),
        ("两只狗", {"dog": 2}),
        ("三只小鸟和一只猫", {"bird": 3, "cat": 1}),
        ("a cat, a dog, a pig, a cow, a fox, a bear", {"cat": 1, "dog": 1, "pig": 1, "cow": 1}),
        ("the cat looks at the cat", {"cat": 1}),
        ("a robot cat", {"cat": 1}),
        ("two dragon boats and a cat", {"sailboat": 2, "cat": 1}),
        ("猫狗", {"cat": 1, "dog": 1}),
    ],
)
def test_subjects_are_counted(prompt: str, counts: dict[str, int]) -> None:
    found = board(prompt)
    assert {c.subject.name: c.count for c in found.groups} == counts
    assert len(found.groups) <= MAX_SUBJECTS


@pytest.mark.parametrize(
    ("prompt", "direction"),
    [
        ("to the left", (-1, 0)),
        ("向左", (-1, 0)),
        ("to the right", (1, 0)),
        ("往右", (1, 0)),
        ("up", (0, -1)),
        ("", (0, 0)),
    ],
)
def test_directions_are_read(prompt: str, direction: tuple[int, int]) -> None:
    assert board(f"a cat flying {prompt}").direction == direction


@pytest.mark.parametrize(
    ("prompt", "color"), [("a red car", "red"), ("蓝色的汽车", "blue"), ("a car under a blue sky", "")]
)
def test_a_colour_belongs_to_the_subject_after_it(prompt: str, color: str) -> None:
    assert board(prompt).groups[0].color == color


def test_up_and_down_matter_only_in_the_air() -> None:
    assert board("a car driving down the street").direction == (0, 0)
    assert board("a kite flying down").direction == (0, 1)


def test_an_orange_is_a_fruit_only_when_nothing_else_is_orange() -> None:
    assert board("an orange").groups[0].subject.name == "orange"
    assert [(c.subject.name, c.color) for c in board("an orange cat").groups] == [("cat", "orange")]


def test_time_of_day_is_told_apart_from_the_place() -> None:
    found = board("a cat in the forest at night")
    assert (found.setting, found.time) == (Setting.FOREST, Time.NIGHT)
    assert board("a cat in the forest").time is Time.DAY
    assert board("a cat on the beach at sunset").time is Time.SUNSET


@pytest.mark.parametrize(
    ("negative", "name"),
    [
        ("flowers", "flowers"),
        ("花", "flowers"),
        ("people", "people"),
        ("人物", "people"),
        ("no clouds", "clouds"),
        ("云", "clouds"),
        ("blurry, trees", "trees"),
        ("moon", "moon"),
        ("月亮", "moon"),
        ("stars", "stars"),
        ("rain", "rain"),
        ("雨", "rain"),
        ("cat", "cat"),
        ("猫", "cat"),
    ],
)
def test_the_negative_prompt_takes_things_away_in_both_languages(negative: str, name: str) -> None:
    assert name in board("a dog in a meadow", negative).without


def test_naming_the_only_subject_leaves_the_scene_and_says_so() -> None:
    found = board("a cat in a meadow", "cats")
    assert found.groups == ()
    assert found.setting is Setting.MEADOW
    assert found.notes == ('left out "cat": the negative prompt names it',)


WAN_CHINESE = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，"
    "低质量，JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，"
    "毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走"
)
WAN_ENGLISH = (
    "Bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, images, overall gray, "
    "worst quality, low quality, JPEG compression residue, ugly, incomplete, extra fingers, poorly drawn hands, "
    "poorly drawn faces, deformed, disfigured, misshapen limbs, fused fingers, still picture, messy background, "
    "three legs, many people in the background, walking backwards"
)


@pytest.mark.parametrize(
    "negative", [WAN_CHINESE, WAN_ENGLISH, "blurry, low quality, watermark, text, bad anatomy, extra limbs"]
)
def test_the_negative_prompts_that_come_with_the_models_take_nothing_away(negative: str) -> None:
    assert board("a man walking in a meadow", negative).without == frozenset()


def test_people_in_the_negative_prompt_bar_every_person() -> None:
    assert [c.subject.name for c in board("a woman, a man and a dog", "people").groups] == ["dog"]


def test_weather_in_the_negative_prompt_does_not_happen() -> None:
    assert board("a dog in the rain", "rain").weather is Weather.CLEAR


@pytest.mark.parametrize(
    ("prompt", "thing"),
    [
        ("a zorgblatt dancing", '"zorgblatt"'),
        ("a beautiful shiny zorgblatt in the rain", '"zorgblatt"'),
        ("a zorgblatt in the snow", '"zorgblatt"'),
        ("the zorgblatt under the moon", '"zorgblatt"'),
        ("zorgblatt", '"zorgblatt"'),
        ("一个神秘的钉子户在跳舞", '"钉子户"'),
        ("一个钉子户在跳舞", '"钉子户"'),
        ("?!", "what the prompt says"),
    ],
)
def test_an_unknown_subject_is_said_and_stood_in_for(prompt: str, thing: str) -> None:
    found = board(prompt)
    assert [c.subject.name for c in found.groups] == ["paper star"]
    assert found.notes == (f"no picture for {thing}: drew a paper star in its place",)


@pytest.mark.parametrize("prompt", ["a kitten with a zorgblatt", "a zorgblatt beside the cat", "a cat, a zorgblatt"])
def test_an_unknown_thing_beside_a_known_one_is_left_out_and_said(prompt: str) -> None:
    found = board(prompt)
    assert [c.subject.name for c in found.groups] == ["cat"]
    assert found.notes == ('no picture for "zorgblatt": left it out',)


@pytest.mark.parametrize(
    "prompt",
    [
        "A kitten running in the moonlight",
        "一只小猫在月光下奔跑",
        "two dogs and a red car on the beach",
        "一只神秘的猫在森林里",
        "a man walking in a meadow",
    ],
)
def test_what_is_all_known_has_no_note(prompt: str) -> None:
    assert board(prompt).notes == ()


@pytest.mark.parametrize(
    "prompt",
    ["a beautiful sunset over the ocean", "snow falling in the forest", "the waves crash on the shore", "星空"],
)
def test_a_view_needs_no_subject_and_no_note(prompt: str) -> None:
    found = board(prompt)
    assert (found.groups, found.notes) == ((), ())


@settings(deadline=None)
@given(st.text(max_size=300), st.text(max_size=100))
def test_any_two_texts_make_a_storyboard(prompt: str, negative: str) -> None:
    found = board(prompt, negative)
    assert all(1 <= c.count <= MAX_COUNT for c in found.groups)
