"""Makes a scene of a prompt: reads its sentences, then decides who leads, where they are, and in which light. Pure."""

from dataclasses import replace

from wanserve.engine.animatic.plot.camera_words import camera_moves
from wanserve.engine.animatic.plot.chinese import ChineseReader
from wanserve.engine.animatic.plot.choosing import STAND_IN, Cast, choose_leads
from wanserve.engine.animatic.plot.english import EnglishReader
from wanserve.engine.animatic.plot.mentions import Findings
from wanserve.engine.animatic.plot.places import choose_place
from wanserve.engine.animatic.plot.without import excluded_names
from wanserve.engine.animatic.scene import CameraMove, Scene, Shot, Style, Time, Weather
from wanserve.engine.animatic.words.lexicon import Lexicon

LONGEST_PROMPT = 4000
"""Characters of a prompt that are read; what comes after is ignored."""


def read_scene(lexicon: Lexicon, prompt: str, negative: str = "") -> Scene:
    """Make a scene of a prompt and its negative prompt. Never raises, whatever the texts contain."""
    findings = find(lexicon, prompt)
    without = excluded_names(lexicon, negative[:LONGEST_PROMPT]) | findings.excluded
    cast = choose_leads(lexicon, findings, without)
    weather = _weather(findings, without)
    place = choose_place(findings, cast, weather)
    scene = Scene(
        cast.leads,
        place.name,
        _time(findings, cast, without, place.name),
        weather,
        Shot(findings.first("shots") or Shot.MEDIUM),
        _camera_move(findings),
        Style(findings.first("styles") or Style.PLAIN),
        frozenset(without),
        tuple(cast.unknown),
        notes=tuple(cast.notes),
    )
    return scene if cast.leads else _without_leads(scene, cast, place.named)


NIGHTLY = frozenset({"fireworks", "sparkler"})
"""What is seen by night."""


def find(lexicon: Lexicon, prompt: str) -> Findings:
    """Read all sentences of a prompt, each by the reader of its language."""
    findings = Findings()
    for _, move in sorted(camera_moves(prompt[:LONGEST_PROMPT].lower())):
        findings.add_name("camera", 0, move)
    for number, tokens in enumerate(lexicon.read(prompt[:LONGEST_PROMPT])):
        chinese = sum(len(t.text) for t in tokens if t.chinese)
        reader = ChineseReader if chinese * 3 > sum(len(t.text) for t in tokens if not t.chinese) else EnglishReader
        reader(lexicon, findings, number).read(tokens)
    return findings


def _without_leads(scene: Scene, cast: Cast, place_named: bool) -> Scene:
    """The scene of a prompt whose main thing has no picture: its place, or a paper star as the last resort."""
    if not cast.main_unknown and (place_named or cast.removed or cast.scenic):
        return scene
    what = f'"{cast.main_unknown}"' if cast.main_unknown else "what the prompt says"
    if place_named:
        note = f"no picture for {what}: showed only the place"
        return replace(scene, stand_in="place", notes=(note, *scene.notes))
    note = f"no picture for {what}: drew a paper star in its place"
    return replace(scene, leads=(STAND_IN,), stand_in="paper star", notes=(note, *scene.notes))


def _time(findings: Findings, cast: Cast, without: set[str], place: str) -> Time:
    """The time of day. Words for daylight count less than those for night and sunset, which are said on purpose."""
    named = [name for _, name in findings.names.get("times", ()) if name not in without]
    if place == "space":
        return Time.NIGHT
    if named:
        return Time(next((name for name in named if name != "day"), "day"))
    dark = findings.first("styles") == "neon" or any(lead.subject.name in NIGHTLY for lead in cast.leads)
    return Time.NIGHT if dark else Time.DAY


def _weather(findings: Findings, without: set[str]) -> Weather:
    named = [name for _, name in findings.names.get("weathers", ()) if name not in without]
    return Weather.STORM if "storm" in named else Weather(named[0] if named else Weather.CLEAR)


def _camera_move(findings: Findings) -> CameraMove:
    """The first move that is named; that the camera stands still counts only where no move is named."""
    named = [name for _, name in findings.names.get("camera", ())]
    moving = [name for name in named if name != "static"]
    return CameraMove((moving or named or ["none"])[0])
