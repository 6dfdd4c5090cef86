"""The scene that is read out of a prompt: who, what, where and how, in both languages."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanserve.engine.animatic.plot.leads import MAX_COUNT
from wanserve.engine.animatic.plot.plot import read_scene
from wanserve.engine.animatic.plot.relations import MAX_LEADS
from wanserve.engine.animatic.scene import CameraMove, Motion, Relation, Scene, Shot, Style, Time, Weather
from wanserve.engine.animatic.words.lexicon import load_lexicon

LEXICON = load_lexicon()

WAN_NEGATIVE = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，丑陋的，"
    "残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，"
    "三条腿，背景人很多，倒着走"
)
WAN_NEGATIVE_EN = (
    "Bright tones, overexposed, static, blurred details, subtitles, style, works, paintings, images, static, overall gray, "
    "worst quality, low quality, JPEG compression residue, ugly, incomplete, extra fingers, poorly drawn hands, poorly "
    "drawn faces, deformed, disfigured, misshapen limbs, fused fingers, still picture, messy background, three legs, many "
    "people in the background, walking backwards"
)


def scene(prompt: str, negative: str = "") -> Scene:
    return read_scene(LEXICON, prompt, negative)


def names(prompt: str) -> list[str]:
    return [lead.subject.name for lead in scene(prompt).leads]


@pytest.mark.parametrize(
    ("prompt", "leads"),
    [
        ("a bird and a cat", ["bird", "cat"]),
        ("一只鸟和一只猫", ["bird", "cat"]),
        ("A cat sits in a garden. A dog barks behind the house.", ["cat"]),
        ("CG game concept digital art, a robot standing in a hall. Two women walk by.", ["robot"]),
        ("a robot cat", ["cat"]),
        ("does the cat like it", ["cat"]),
        ("a baseball bat", ["baseball bat"]),
        ("a fire hydrant", ["fire hydrant"]),
        ("an orange chair", ["chair"]),
        ("an orange", ["orange"]),
        ("an orange on a plate", ["orange", "plate"]),
        ("a crystal-clear lake in the heart of the forest", []),
        ("a view of the city with a person", []),
        ("a red ball and a blue ball", ["ball", "ball"]),
        ("the cat looks at the cat", ["cat"]),
        ("牛仔裤", ["jeans"]),
        ("惊人的日落", []),
        ("一位司机开着出租车", ["driver", "taxi"]),
        ("a cat like a lion", ["cat"]),
        ("Gwen Stacy reading a book", ["person"]),
        ("格温·斯泰西在阅读一本书", ["person"]),
        ("the camera zooms in on a sleeping fox", ["fox"]),
        ("桌子上放着一个苹果和一根香蕉", ["apple", "banana"]),
        ("a bowl of apples", ["apple"]),
        ("a painting of a horse", ["horse"]),
        ("🐱", ["cat"]),
    ],
)
def test_the_leads_are_what_the_prompt_is_about(prompt: str, leads: list[str]) -> None:
    found = names(prompt)
    assert found[: len(leads)] == leads if leads else not found


@pytest.mark.parametrize(
    ("prompt", "counts"),
    [
        ("three birds", [3]),
        ("3 small birds", [3]),
        ("birds", [3]),
        ("12 balloons", [MAX_COUNT]),
        ("a 30 year old man", [1]),
        ("两只狗", [2]),
        ("三只小鸟和一只猫", [3, 1]),
        ("two red cars and a bus", [2, 1]),
        ("a couple dancing", [2]),
        ("scissors", [1]),
        ("a fish", [1]),
    ],
)
def test_subjects_are_counted(prompt: str, counts: list[int]) -> None:
    assert [lead.count for lead in scene(prompt).leads] == counts


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a cat running and a dog sleeping", [("cat", "run", ""), ("dog", "lie", "")]),
        ("a dog sleeps while a cat runs to the left", [("dog", "lie", ""), ("cat", "run", "left")]),
        ("a red car driving from left to right", [("car", "run", "right")]),
        ("一辆红色的汽车从左向右行驶", [("car", "run", "right")]),
        ("a bird flying up", [("bird", "fly", "up")]),
        ("a cat on the left of a dog", [("cat", "stand", ""), ("dog", "stand", "")]),
        ("a girl whose hair is flowing in the wind", [("girl", "stand", "")]),
        ("a cat stands still as the camera moves around and the music dances", [("cat", "stand", "")]),
        ("a flying pig", [("pig", "fly", "")]),
        ("一只在草地上奔跑的狗", [("dog", "run", "")]),
        ("a horse", [("horse", "stand", "")]),
        ("a goldfish", [("tropical fish", "swim", "")]),
        ("a cat does not run", [("cat", "stand", "")]),
        ("a man wearing a blue suit walking from right to left", [("man", "walk", "left")]),
        (
            "a rider pedals up a steep pass, from right to left",
            [("jockey", "ride", "left"), ("bicycle", "run", "left")],
        ),
        ("a yellow bulldozer pushes a heap of earth to the left", [("bulldozer", "run", "left")]),
        ("huskies run. The runners hiss, and they all move from right to left.", [("dog", "run", "left")]),
        ("a black cat walks. The cat stops, and goes on to the left.", [("black cat", "walk", "left")]),
        ("a cat sits on a windowsill and watches the rain", [("cat", "sit", "")]),
        ("a duck and a swan swimming on a lake", [("duck", "swim", ""), ("swan", "swim", "")]),
        ("a fish underwater", [("fish", "swim", "")]),
        ("a skilled potter spins", [("potter", "dance", "")]),
        ("枫叶从枝头慢慢飘落", [("leaf", "fall", "down")]),
        ("一只刺猬沿着小路往右走去", [("hedgehog", "walk", "right")]),
        ("石板路两旁挂满红灯笼，一只黑猫走向右边", [("black cat", "walk", "right")]),
        ("一艘船减速停车", [("sailboat", "stand", "")]),
    ],
)
def test_a_motion_belongs_to_the_subject_before_it(prompt: str, said: list[tuple[str, str, str]]) -> None:
    leads = scene(prompt).as_json()["leads"]
    assert [(lead["name"], lead["motion"], lead.get("direction", "")) for lead in leads] == said


@pytest.mark.parametrize(
    ("prompt", "color"),
    [
        ("a red car", "red"),
        ("蓝色的汽车", "blue"),
        ("a car under a blue sky", ""),
        ("a cat with green eyes", ""),
        ("the car is yellow", "yellow"),
        ("a woman in a red dress", "red"),
        ("一个穿着红色裙子的女孩", "red"),
        ("a man wearing a black coat and a white hat", "black"),
        ("a black cat", "black"),
        ("一只黑色的猫", "black"),
        ("一个红绿灯", ""),
        ("一个橙子", ""),
        ("a cat on a red sofa", ""),
    ],
)
def test_a_colour_belongs_to_its_own_subject(prompt: str, color: str) -> None:
    assert scene(prompt).leads[0].color == color


@pytest.mark.parametrize(
    ("prompt", "relation", "other"),
    [
        ("a bicycle on the left of a car, front view", Relation.LEFT_OF, "car"),
        ("一辆自行车在一辆汽车的右边，正视图", Relation.RIGHT_OF, "car"),
        ("a toaster on the top of a microwave", Relation.ON, "microwave"),
        ("a toaster on the bottom of a microwave", Relation.UNDER, "microwave"),
        ("a cat sitting on a chair", Relation.ON, "chair"),
        ("一只猫坐在椅子上", Relation.ON, "chair"),
        ("a dog chasing a cat", Relation.CHASING, "cat"),
        ("一只狗在追一只猫", Relation.CHASING, "cat"),
        ("a man riding a horse", Relation.RIDING, "horse"),
        ("宇航员在月球上骑马", Relation.RIDING, "horse"),
        ("a cat under a tree", Relation.UNDER, "tree"),
        ("a boy standing in front of a bus", Relation.IN_FRONT_OF, "bus"),
        ("a butterfly above a flower", Relation.ABOVE, "flower"),
        ("花瓶里有一朵玫瑰", Relation.IN, "vase"),
    ],
)
def test_relations_are_read(prompt: str, relation: Relation, other: str) -> None:
    leads = scene(prompt).leads
    assert leads[0].relation is relation
    assert leads[0].to is not None
    assert leads[leads[0].to].subject.name == other


@pytest.mark.parametrize(
    ("prompt", "who", "outfit", "action"),
    [
        ("a chef cooking", "person", "chef", "stir"),
        ("一位厨师在做饭", "person", "chef", "stir"),
        ("an old man waving", "old man", "shirt", "wave"),
        ("a woman drinking coffee", "woman", "plain", "drink"),
        ("a person is clapping", "person", "plain", "clap"),
        ("一个人在刷牙", "person", "plain", "brush"),
        ("a knight swinging a sword", "man", "knight", "swing"),
    ],
)
def test_people_have_a_role_and_do_something(prompt: str, who: str, outfit: str, action: str) -> None:
    lead = scene(prompt).leads[0]
    assert lead.person is not None
    assert (lead.person.who, lead.person.outfit, lead.action) == (who, outfit, action)


def test_what_a_person_holds_is_no_subject_of_its_own() -> None:
    found = scene("a girl holding an umbrella")
    assert [lead.as_json()["holds"] for lead in found.leads] == ["umbrella"]
    assert scene("一个女孩拿着雨伞").leads[0].as_json()["holds"] == "umbrella"
    assert scene("a man reading").leads[0].as_json()["holds"] == "book"


@pytest.mark.parametrize(
    ("prompt", "place"),
    [
        ("a dog on the beach", "beach"),
        ("沙滩上的狗", "beach"),
        ("a cat in the kitchen", "kitchen"),
        ("厨房里的猫", "kitchen"),
        ("a panda drinking coffee in a cafe in Paris", "restaurant"),
        ("alley", "street"),
        ("an astronaut riding a horse on the moon", "mars"),
        ("a lake with mountains in the background", "lake"),
        ("a cat under the sea", "underwater"),
        ("a zorgblatt in the forest", "forest"),
        ("a dolphin in the ocean", "underwater"),
        ("a sailboat in a meadow", "sea"),
        ("a cat while snow falls", "snow"),
        ("castle", "castle"),
        ("a duck in the meadow", "meadow"),
        ("a surfer rides a wave at dawn", "beach"),
        ("a cat under a tree", "garden"),
        ("iceberg", "snow"),
        ("Concept art, an indoor gymnasium. Treadmills line the walls like trains in stations.", "gym"),
    ],
)
def test_the_place_is_the_one_that_is_named(prompt: str, place: str) -> None:
    assert scene(prompt).place == place


def test_prompts_that_name_no_place_do_not_all_end_in_one() -> None:
    animals = ["cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "fox", "wolf", "rabbit"]
    places = [scene(f"a {name}").place for name in animals]
    assert max(map(places.count, places)) <= 4
    assert scene("a cat").place == scene("一只猫").place


@pytest.mark.parametrize(
    ("prompt", "time", "weather"),
    [
        ("a cat under the full moon", Time.NIGHT, Weather.CLEAR),
        ("夕阳下的狗", Time.SUNSET, Weather.CLEAR),
        ("A dog stands in a field. The scene is set at dusk. Rain is falling.", Time.SUNSET, Weather.RAIN),
        ("雨中的狗", Time.DAY, Weather.RAIN),
        ("a dog in a thunderstorm at night", Time.NIGHT, Weather.STORM),
        ("大雾中的狗", Time.DAY, Weather.FOG),
        ("it is raining cats and dogs", Time.DAY, Weather.RAIN),
        ("an astronaut in space", Time.NIGHT, Weather.CLEAR),
        ("a dog, no rain", Time.DAY, Weather.CLEAR),
    ],
)
def test_time_and_weather_are_read_anywhere(prompt: str, time: Time, weather: Weather) -> None:
    found = scene(prompt)
    assert (found.time, found.weather) == (time, weather)


@pytest.mark.parametrize(
    ("prompt", "shot", "move", "style"),
    [
        ("a cat, close-up", Shot.CLOSE_UP, CameraMove.NONE, Style.PLAIN),
        ("特写，一只猫", Shot.CLOSE_UP, CameraMove.NONE, Style.PLAIN),
        ("aerial view of a horse", Shot.AERIAL, CameraMove.NONE, Style.PLAIN),
        ("a cat, wide shot, zoom in", Shot.WIDE, CameraMove.ZOOM_IN, Style.PLAIN),
        ("一只猫，推镜头", Shot.MEDIUM, CameraMove.ZOOM_IN, Style.PLAIN),
        ("a cat, pan right, watercolor painting", Shot.MEDIUM, CameraMove.PAN_RIGHT, Style.WATERCOLOR),
        ("一只猫，向左移镜头，水彩画", Shot.MEDIUM, CameraMove.PAN_LEFT, Style.WATERCOLOR),
        ("a cat, tilt up, Van Gogh style", Shot.MEDIUM, CameraMove.TILT_UP, Style.OIL),
        ("a cat, black and white", Shot.MEDIUM, CameraMove.NONE, Style.BLACK_AND_WHITE),
        ("In a still frame, a cat, pixel art", Shot.MEDIUM, CameraMove.STATIC, Style.PIXEL),
        ("the camera orbits around a cat, cyberpunk style", Shot.MEDIUM, CameraMove.ORBIT, Style.NEON),
        ("a black and white cat", Shot.MEDIUM, CameraMove.NONE, Style.PLAIN),
        ("a vintage car", Shot.MEDIUM, CameraMove.NONE, Style.PLAIN),
        ("a cat, anime style", Shot.MEDIUM, CameraMove.NONE, Style.ANIME),
        ("a black and white photo of a cat", Shot.MEDIUM, CameraMove.NONE, Style.BLACK_AND_WHITE),
        ("pencil sketch of a cat", Shot.MEDIUM, CameraMove.NONE, Style.SKETCH),
    ],
)
def test_camera_and_style_are_read(prompt: str, shot: Shot, move: CameraMove, style: Style) -> None:
    found = scene(prompt)
    assert (found.shot, found.move, found.style) == (shot, move, style)


@pytest.mark.parametrize(
    ("prompt", "side"), [("a cat on the left, a dog on the right", "left"), ("a cat in the center", "center")]
)
def test_a_side_of_the_picture_is_a_place_and_no_direction(prompt: str, side: str) -> None:
    lead = scene(prompt).leads[0]
    assert (lead.side, lead.way) == (side, (0, 0))


@pytest.mark.parametrize(
    ("prompt", "note"),
    [
        ("a zorgblatt", 'no picture for "zorgblatt": drew a paper star in its place'),
        ("a zorgblatt in the forest", 'no picture for "zorgblatt": showed only the place'),
        ("a husky", 'drew "dog" for "husky"'),
    ],
)
def test_what_is_drawn_instead_is_said(prompt: str, note: str) -> None:
    assert note in scene(prompt).notes


@pytest.mark.parametrize(
    "prompt",
    [
        "a cat running under the full moon",
        "a beautiful sunset at the beach",
        "夕阳下的海滩",
        "the city at night, high quality, 4k, cinematic lighting",
        "three birds flying over a lake with a gentle breeze and a sense of peace",
    ],
)
def test_what_is_all_known_has_no_note(prompt: str) -> None:
    assert scene(prompt).notes == ()


@pytest.mark.parametrize("negative", [WAN_NEGATIVE, WAN_NEGATIVE_EN])
@pytest.mark.parametrize(
    "prompt",
    [
        "a gray cat walking in a crowd of people, three legs",
        "一只灰色的猫在走路",
        "two women in a garden, oil painting",
        "a static shot of a picture",
    ],
)
def test_the_negative_prompt_that_comes_with_wan_takes_nothing_away(prompt: str, negative: str) -> None:
    assert scene(prompt, negative).as_json() | {"without": []} == scene(prompt).as_json() | {"without": []}


@pytest.mark.parametrize(
    ("prompt", "negative", "key", "value"),
    [
        ("a cat and a dog", "dogs", "leads", ["cat"]),
        ("一只猫和一只狗", "狗", "leads", ["cat"]),
        ("a man and a horse", "people", "leads", ["horse"]),
        ("a girl holding an umbrella", "umbrella", "holds", ""),
        ("a red car", "red", "color", ""),
        ("a car in the rain", "rain", "weather", "clear"),
        ("a cat, no dogs", "", "leads", ["cat"]),
    ],
)
def test_the_negative_prompt_removes_what_it_names(prompt: str, negative: str, key: str, value: object) -> None:
    found = scene(prompt, negative).as_json()
    first: dict[str, Any] = found["leads"][0]
    told = {
        "leads": [lead["name"] for lead in found["leads"]],
        "holds": first.get("holds", ""),
        "color": first.get("color", ""),
    }
    assert (told | {"weather": found["weather"]})[key] == value


@pytest.mark.parametrize("negative", ["flowers", "trees", "clouds", "cars, sun", "花，树"])
def test_scenery_in_the_negative_prompt_is_kept_for_the_scenery(negative: str) -> None:
    assert scene("a cat", negative).without & {"flowers", "trees", "clouds", "cars", "sun"}


PAIRS = [
    ("a red cat running to the left in the forest at night", "一只红色的猫晚上在森林里向左奔跑"),
    ("two dogs playing on the beach at sunset", "日落时两只狗在沙滩上玩耍"),
    ("a girl riding a bicycle in the park", "一个女孩在公园里骑自行车"),
    ("an eagle flying over the mountains, close-up", "一只老鹰在高山上飞翔，特写"),
    ("a panda drinking coffee in a cafe in Paris, zoom in", "一只熊猫在巴黎的咖啡馆里喝咖啡，推镜头"),
    ("a bottle on the left of a cup", "一个瓶子在一个杯子的左边"),
    ("a chef cooking in the kitchen", "一位厨师在厨房里做饭"),
    ("a dog chasing a cat", "一只狗在追一只猫"),
    ("a blue car and a yellow bus in the city, rain", "城市里的一辆蓝色汽车和一辆黄色公交车，下雨"),
    ("a cat sitting on a chair", "一只猫坐在椅子上"),
]


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_both_languages_give_the_same_scene(english: str, chinese: str) -> None:
    assert scene(english).as_json() == scene(chinese).as_json()


def test_a_couple_in_evening_wear_has_its_umbrellas_in_its_hands() -> None:
    for prompt in (
        "a couple in evening wear under matching umbrellas",
        "the man and the woman, a couple with umbrellas",
    ):
        found = scene(prompt).leads
        assert [lead.holds.name for lead in found if lead.holds is not None], prompt
        assert "umbrella" not in [lead.subject.name for lead in found], prompt


def test_clothes_are_read_by_their_longest_word() -> None:
    assert scene("an astronaut in a black spacesuit").leads[0].as_json()["outfit"] == "astronaut"
    assert scene("a majestic horse, its coat gleaming under the golden afternoon sun").leads[0].subject.name == "horse"
    assert names("a horse, its coat gleaming under the afternoon sun") == ["horse"]


@pytest.mark.parametrize(
    ("prompt", "leads"),
    [
        ("Pixel art illustration, Gwen Stacy reads a book", ["person"]),
        ("a dog is playing drums", ["dog", "drum"]),
        ("一位老人在湖边拉小提琴", ["old man"]),
        ("a hot air balloon floats over a field of sunflowers", ["hot air balloon"]),
        ("a cat under a table", ["cat", "dining table"]),
        ("a bicycle by the roadside, the sun casting shadows", ["bicycle"]),
        ("a cat and the moon", ["cat"]),
        ("a round pizza with mushrooms and onions", ["pizza"]),
        ("a panda student in a classroom", ["panda"]),
        ("a cat works as a lifeguard at a pool", ["cat"]),
        ("a horse rider", ["jockey"]),
        ("a girl gives a bone to a dog", ["girl", "dog"]),
        ("一个女孩把书放在桌子上", ["girl"]),
        ("🐱🚗", ["cat", "car"]),
        ("fireworks over the city", ["fireworks"]),
        ("无人机在城市上空飞行", ["drone"]),
    ],
)
def test_what_a_verb_a_heading_or_a_picture_names(prompt: str, leads: list[str]) -> None:
    assert names(prompt) == leads


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=300), st.text(max_size=100))
def test_any_two_texts_make_a_scene(prompt: str, negative: str) -> None:
    found = scene(prompt, negative)
    assert len(found.leads) <= MAX_LEADS
    assert all(1 <= lead.count <= MAX_COUNT for lead in found.leads)
    assert json.loads(json.dumps(found.as_json(), ensure_ascii=False)) == found.as_json()


WORDS = sorted(word for word in LEXICON.words if len(word) > 1)


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(WORDS), max_size=40), st.sampled_from([" ", ", ", " and ", " on a ", "的", "在", "。"]))
def test_any_known_words_make_a_scene(words: list[str], between: str) -> None:
    found = scene(between.join(words))
    assert all(lead.to is None or lead.to < len(found.leads) for lead in found.leads)
    assert all(lead.motion in Motion for lead in found.leads)
