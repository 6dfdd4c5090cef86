"""What whole clauses say of the camera's motion, in both languages."""

import pytest

from wanserve.engine.animatic.plot.camera_words import CHINESE, ENGLISH, camera_moves
from wanserve.engine.animatic.plot.plot import read_scene
from wanserve.engine.animatic.scene import CameraMove
from wanserve.engine.animatic.words.lexicon import Lexicon


def first(text: str) -> str:
    """The move that comes first in a text, "" where there is none."""
    return min(camera_moves(text), default=(0, ""))[1]


@pytest.mark.parametrize(
    ("text", "move"),
    [
        ("the camera slowly zooms in on the cat", "zoom in"),
        ("the camera is moving closer", "zoom in"),
        ("the camera pulls back to show the valley", "zoom out"),
        ("the camera pans slowly to the left", "pan left"),
        ("the view glides from left to right", "pan left"),
        ("the shot drifts gently to the right", "pan right"),
        ("the camera is panning across the room", "pan right"),
        ("the camera tilts up", "tilt up"),
        ("the camera rises above the roofs", "tilt up"),
        ("the camera descends into the valley", "tilt down"),
        ("the camera circles the tower", "orbit"),
        ("the camera keeps pace with the horse", "follow"),
        ("the frame is shaking", "shake"),
        ("the camera does not move", "static"),
        ("a fixed camera", ""),
        ("镜头缓缓推进", "zoom in"),
        ("镜头慢慢拉远", "zoom out"),
        ("镜头向左平移", "pan left"),
        ("镜头从左向右移动", "pan right"),
        ("镜头缓缓上升", "tilt up"),
        ("摄像机逐渐下降", "tilt down"),
        ("镜头围绕着雕像", "orbit"),
        ("镜头紧紧跟着小狗", "follow"),
        ("镜头微微抖动", "shake"),
        ("镜头固定不动", "static"),
    ],
)
def test_a_clause_about_the_camera_says_its_move(text: str, move: str) -> None:
    assert first(text) == move


@pytest.mark.parametrize(
    "text",
    [
        "a man zooms in on a motorcycle",
        "the camera. A bird rises from the lake",
        "a photographer holds up his hand, the sun rises",
        "小狗向左跑",
        "一只鸟从镜头前飞过。太阳上升",
        "",
    ],
)
def test_what_is_not_said_of_the_camera_moves_nothing(text: str) -> None:
    assert list(camera_moves(text)) == []


def test_of_two_moves_the_first_that_is_said_counts(lexicon: Lexicon) -> None:
    prompt = "A cat sits on a wall. The camera tilts up, and then the camera zooms out."
    assert read_scene(lexicon, prompt).move is CameraMove.TILT_UP
    assert first(prompt.lower()) == "tilt up"


def test_that_the_camera_stands_counts_only_where_it_does_not_move(lexicon: Lexicon) -> None:
    assert read_scene(lexicon, "A cat. The camera is static, then the camera zooms in.").move is CameraMove.ZOOM_IN
    assert read_scene(lexicon, "A cat. The camera is static.").move is CameraMove.STATIC


@pytest.mark.parametrize("patterns", [ENGLISH, CHINESE])
def test_every_move_can_be_said_in_both_languages(patterns: tuple[tuple[object, str], ...]) -> None:
    assert {move for _, move in patterns} == set(CameraMove) - {CameraMove.NONE}
