"""How well the preview engine follows prompts: VBench's in two languages and at length, and a list of our own.

Scored on the scene that is read, and for a part of the prompts on frames. VBench's prompts are no part of this
repository: they are read from the folder `shared/prompts` beside it, and left out where it does not stand there.
"""

import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.adherence_frames import APART, Look, look
from bench.result import ROOT, Figure, Result, Target
from wanserve.domain.generation import Generation
from wanserve.engine.animatic.engine import AnimaticEngine
from wanserve.engine.animatic.scene import Lead, Motion, Relation, Scene
from wanserve.engine.animatic.words.lexicon import Lexicon, key, load_lexicon

VBENCH: Final = ROOT.parent / "shared" / "prompts"
OWN: Final = ROOT / "bench" / "adherence_prompts.json"
EVERY: Final = 4
"""Of this many prompts one is drawn and looked at."""

RELATIONS: Final = {
    "on the left of": Relation.LEFT_OF,
    "on the right of": Relation.RIGHT_OF,
    "on the top of": Relation.ON,
    "on the bottom of": Relation.UNDER,
}
INVERSE: Final = {
    Relation.LEFT_OF: Relation.RIGHT_OF,
    Relation.RIGHT_OF: Relation.LEFT_OF,
    Relation.ON: Relation.UNDER,
    Relation.UNDER: Relation.ON,
}


@dataclass
class Scores:
    """How many of the prompts of each kind were met."""

    met: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    missed: list[tuple[str, str, Scene]] = field(default_factory=list)

    def add(self, name: str, prompt: str, scene: Scene, *, met: bool) -> None:
        """Count one prompt."""
        self.asked[name] += 1
        self.met[name] += met
        if not met:
            self.missed.append((name, prompt, scene))

    def percent(self) -> dict[str, float]:
        """Of each kind the part that was met, in percent."""
        return {name: round(100 * self.met[name] / self.asked[name], 1) for name in sorted(self.asked)}


@dataclass(frozen=True)
class Reader:
    """Reads scenes, and knows what a word stands for."""

    engine: AnimaticEngine
    lexicon: Lexicon

    def scene(self, prompt: str) -> Scene:
        """The scene of a prompt."""
        return self.engine.read(Generation("preview", prompt, "", 640, 480, 30, 30, 7))

    def has(self, scene: Scene, thing: str) -> bool:
        """Whether a thing leads the scene, or is held by one that does."""
        return self.index(scene, thing) is not None or any(
            lead.holds and lead.holds.name == self.name(thing) for lead in scene.leads
        )

    def index(self, scene: Scene, thing: str) -> int | None:
        """The index of the lead that the word stands for."""
        return next((i for i, lead in enumerate(scene.leads) if self._is(lead, thing)), None)

    def name(self, thing: str) -> str:
        """The subject or role of a word, or the word itself."""
        meanings = self.lexicon.words.get(key(thing), {})
        return meanings.get("subjects") or meanings.get("roles") or thing

    def _is(self, lead: Lead, thing: str) -> bool:
        name = self.name(thing)
        return lead.subject.name in (name, thing) or (name == "person" and lead.person is not None)


@dataclass(frozen=True)
class Case:
    """One prompt of VBench with its scene, what must be seen in it, and its frames where it is looked at."""

    reader: Reader
    language: str
    prompt: str
    scene: Scene
    about: Mapping[str, Any]
    at: Look | None


def run(_: Path) -> Result:
    """Score all lists."""
    engine = AnimaticEngine()
    engine.load("any")
    reader = Reader(engine, load_lexicon())
    scores = Scores()
    figures: dict[str, Figure] = {}
    if VBENCH.is_dir():
        _score_vbench(reader, scores)
    else:
        figures["vbench"] = f"left out: there is no folder {VBENCH.name} beside the repository"
    _score_own(reader, scores)
    figures |= scores.percent() | _reading_ms(reader)
    return Result("adherence", figures, [target for target in TARGETS if target.figure in figures])


TARGETS: Final = [
    Target("object_class_en", ">=", 90),
    Target("object_class_zh", ">=", 90),
    Target("multiple_objects_en", ">=", 80),
    Target("multiple_objects_zh", ">=", 80),
    Target("placement_en", ">=", 95),
    Target("placement_zh", ">=", 95),
    Target("placement_on_frames", ">=", 95),
    Target("human_action_en", ">=", 60),
    Target("human_action_zh", ">=", 60),
    Target("own_main_long", ">=", 75),
    Target("own_main_short", ">=", 85),
    Target("own_direction", ">=", 90),
    Target("own_direction_on_frames", ">=", 90),
    Target("star_short", "<=", 4),
    Target("commonest_place_short", "<=", 4),
    Target("reading_ms_en", "<=", 10),
    Target("reading_ms_zh", "<=", 10),
]

LENGTH: Final = 800
"""Of how many characters the time of reading is told."""


def _reading_ms(reader: Reader) -> dict[str, Figure]:
    """The median time of reading 800 characters of our own prompts, in milliseconds."""
    figures: dict[str, Figure] = {}
    for language in ("en", "zh"):
        text = " ".join(entry["prompt"] for entry in _own_prompts() if entry["language"] == language)
        times = []
        for start in range(0, 20 * LENGTH, LENGTH):
            begun = time.perf_counter()
            reader.scene(text[start : start + LENGTH])
            times.append(time.perf_counter() - begun)
        figures[f"reading_ms_{language}"] = round(1000 * statistics.median(times), 2)
    return figures


def _score_vbench(reader: Reader, scores: Scores) -> None:
    full: list[dict[str, Any]] = json.loads((VBENCH / "vbench_full_info.json").read_text(encoding="utf-8"))
    chinese = (VBENCH / "vbench_zh.txt").read_text(encoding="utf-8").splitlines()
    long = (VBENCH / "vbench_long.txt").read_text(encoding="utf-8").splitlines()
    places: Counter[str] = Counter()
    for number, entry in enumerate(full):
        for language, prompt in (("en", entry["prompt_en"]), ("zh", chinese[number]), ("long", long[number])):
            scene = reader.scene(prompt)
            seen = number % EVERY == 0 and language != "long"
            look_at = look(reader.engine, scene, prompt) if seen and scene.leads else None
            for dimension in entry["dimension"]:
                if dimension in DIMENSIONS:
                    about = entry.get("auxiliary_info", {}).get(dimension, {})
                    DIMENSIONS[dimension](scores, Case(reader, language, prompt, scene, about, look_at))
            if language != "long":
                scores.add("star_short", prompt, scene, met=scene.stand_in == "paper star")
                places[json.dumps([scene.place, scene.time, scene.weather, scene.style])] += 1
    commonest = places.most_common(1)[0][1]
    scores.met["commonest_place_short"], scores.asked["commonest_place_short"] = commonest, sum(places.values())


def _object_class(scores: Scores, case: Case) -> None:
    met = case.reader.has(case.scene, case.about["object"])
    scores.add(f"object_class_{case.language}", case.prompt, case.scene, met=met)
    _seen(
        case.reader,
        scores,
        "object_class_on_frames",
        case.prompt,
        case.scene,
        [case.about["object"]],
        case.at if met else None,
    )


def _multiple_objects(scores: Scores, case: Case) -> None:
    things = case.about["object"].split(" and ")
    met = all(case.reader.has(case.scene, thing) for thing in things)
    scores.add(f"multiple_objects_{case.language}", case.prompt, case.scene, met=met)
    _seen(case.reader, scores, "multiple_objects_on_frames", case.prompt, case.scene, things, case.at if met else None)


def _color(scores: Scores, case: Case) -> None:
    color = case.about["color"]
    index = next((i for i, lead in enumerate(case.scene.leads) if lead.color == color), None)
    scores.add(f"color_{case.language}", case.prompt, case.scene, met=index is not None)
    if case.at is not None and index is not None:
        scores.add("color_on_frames", case.prompt, case.scene, met=case.at.has_color(index, color))


def _scene(scores: Scores, case: Case) -> None:
    name = case.about["scene"]["scene"]
    place = case.reader.lexicon.words.get(key(name), {}).get("places")
    met = (place is not None and case.scene.place == place) or case.reader.has(case.scene, name)
    scores.add(f"scene_{case.language}", case.prompt, case.scene, met=met)


def _human_action(scores: Scores, case: Case) -> None:
    people = [lead for lead in case.scene.leads if lead.person is not None]
    met = any(p.action or p.activity or p.holds or p.motion is not Motion.STAND for p in people)
    scores.add(f"human_action_{case.language}", case.prompt, case.scene, met=met)


def _placement(scores: Scores, case: Case) -> None:
    told = case.about["spatial_relationship"]
    a, b = case.reader.index(case.scene, told["object_a"]), case.reader.index(case.scene, told["object_b"])
    want = RELATIONS[told["relationship"]]
    met = a is not None and b is not None and a != b and _stands(case.scene.leads, a, b, want)
    scores.add(f"placement_{case.language}", case.prompt, case.scene, met=met)
    if case.at is not None and a is not None and b is not None and met:
        scores.add(
            "placement_on_frames", case.prompt, case.scene, met=_placed(case.at.middle(a), case.at.middle(b), want)
        )


def _stands(leads: Sequence[Lead], a: int, b: int, want: Relation) -> bool:
    """Whether the scene says that lead a stands so to lead b, or b the other way round to a."""
    return (leads[a].relation is want and leads[a].to == b) or (leads[b].relation is INVERSE[want] and leads[b].to == a)


def _placed(a: tuple[float, float], b: tuple[float, float], want: Relation) -> bool:
    """Whether the middles of two leads are so on the frame."""
    if min(*a, *b) < 0:
        return False
    apart = {
        Relation.LEFT_OF: b[0] - a[0],
        Relation.RIGHT_OF: a[0] - b[0],
        Relation.ON: b[1] - a[1],
        Relation.UNDER: a[1] - b[1],
    }
    return apart[want] > APART


def _seen(
    reader: Reader, scores: Scores, name: str, prompt: str, scene: Scene, things: Sequence[str], at: Look | None
) -> None:
    """Score whether each thing can be seen on the frames."""
    if at is None:
        return
    found = [at.found(i) for thing in things if (i := reader.index(scene, thing)) is not None]
    scores.add(name, prompt, scene, met=bool(found) and all(found))


Scoring = Callable[[Scores, Case], None]
DIMENSIONS: Final[Mapping[str, Scoring]] = {
    "object_class": _object_class,
    "multiple_objects": _multiple_objects,
    "color": _color,
    "scene": _scene,
    "human_action": _human_action,
    "spatial_relationship": _placement,
}


def _score_own(reader: Reader, scores: Scores) -> None:
    """Score our own prompts: each says what must be seen."""
    for number, entry in enumerate(_own_prompts()):
        prompt, see = entry["prompt"], entry["see"]
        scene = reader.scene(prompt)
        long = "long" if entry["long"] else "short"
        at = look(reader.engine, scene, prompt) if number % EVERY == 0 and scene.leads else None
        scores.add(f"own_main_{long}", prompt, scene, met=_main_is(reader, scene, see))
        _score_facts(scores, prompt, scene, see, at)


def _own_prompts() -> Iterator[dict[str, Any]]:
    yield from json.loads(OWN.read_text(encoding="utf-8"))


def _main_is(reader: Reader, scene: Scene, see: Mapping[str, Any]) -> bool:
    """Whether the first lead is one of the things that the prompt is about; of a view, whether the place is."""
    if "main" not in see:
        return scene.place in see["place"]
    return bool(scene.leads) and any(reader.index(scene, thing) == 0 for thing in see["main"])


def _score_facts(scores: Scores, prompt: str, scene: Scene, see: Mapping[str, Any], at: Look | None) -> None:
    """Score what else must be seen."""
    lead = scene.leads[0] if scene.leads else None
    told = scene.as_json()
    first: Mapping[str, Any] = told["leads"][0] if told["leads"] else {}
    said: dict[str, Callable[[], bool]] = {
        "place": lambda: scene.place in see["place"],
        "time": lambda: scene.time == see["time"],
        "weather": lambda: scene.weather == see["weather"],
        "shot": lambda: scene.shot == see["shot"],
        "camera": lambda: scene.move == see["camera"],
        "style": lambda: scene.style == see["style"],
        "color": lambda: first.get("color") == see["color"],
        "count": lambda: first.get("count") == min(5, see["count"]),
        "direction": lambda: first.get("direction") == see["direction"],
        "motion": lambda: first.get("motion") in see["motion"],
        "action": lambda: bool(
            lead and (lead.action or lead.activity or lead.holds or lead.motion is not Motion.STAND)
        ),
    }
    for name, holds in said.items():
        if name in see:
            scores.add(f"own_{name}", prompt, scene, met=holds())
    if at is not None:
        _score_frames(scores, prompt, scene, see, at)


def _score_frames(scores: Scores, prompt: str, scene: Scene, see: Mapping[str, Any], at: Look) -> None:
    scores.add("own_found_on_frames", prompt, scene, met=at.found(0))
    if see.get("direction") in ("left", "right"):
        way = -1 if see["direction"] == "left" else 1
        scores.add("own_direction_on_frames", prompt, scene, met=at.direction(0) == way)
    if see.get("time") == "night":
        scores.add("own_darkness_on_frames", prompt, scene, met=at.darker_than_by_day())
    if "color" in see and scene.leads[0].color == see["color"]:
        scores.add("own_color_on_frames", prompt, scene, met=at.has_color(0, see["color"]))
    if see.get("count", 1) > 1 and scene.leads[0].count > 1:
        scores.add("own_count_on_frames", prompt, scene, met=at.more_than_one(0))
