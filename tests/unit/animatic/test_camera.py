"""The camera: its window stays on the canvas, and moves the way that is asked for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wanserve.engine.animatic.camera import Camera, Window
from wanserve.engine.animatic.scene import CameraMove

SECONDS = 5.0
TIMES = [SECONDS * k / 40 for k in range(41)]


def windows(move: CameraMove) -> list[Window]:
    return [Camera(1280, 720, SECONDS, move).window(t) for t in TIMES]


@settings(deadline=None)
@given(st.sampled_from(CameraMove), st.integers(64, 2048), st.integers(64, 2048), st.floats(0, 12))
def test_the_window_is_always_on_the_canvas(move: CameraMove, width: int, height: int, t: float) -> None:
    camera = Camera(width, height, SECONDS, move)
    wide, tall = camera.canvas
    window = camera.window(t)
    assert window.x >= 0
    assert window.y >= 0
    assert window.x + window.width <= wide
    assert window.y + window.height <= tall
    assert abs(window.width / window.height - width / height) < 0.1 * width / height


def test_a_zoom_comes_closer_and_goes_away_again() -> None:
    closer = [w.width for w in windows(CameraMove.ZOOM_IN)]
    assert closer == sorted(closer, reverse=True)
    assert closer[0] > 1.25 * closer[-1]
    assert [w.width for w in windows(CameraMove.ZOOM_OUT)] == closer[::-1]


def test_a_tilt_slides_up_and_down() -> None:
    up = [w.y for w in windows(CameraMove.TILT_UP)]
    assert up == sorted(up, reverse=True)
    assert up[0] - up[-1] > 0.15 * 720
    down = [w.y for w in windows(CameraMove.TILT_DOWN)]
    assert down == sorted(down)


@pytest.mark.parametrize(("move", "sign"), [(CameraMove.PAN_RIGHT, 1), (CameraMove.PAN_LEFT, -1)])
def test_a_pan_passes_the_scene(move: CameraMove, sign: int) -> None:
    camera = Camera(1280, 720, SECONDS, move)
    assert sign * (camera.scroll(SECONDS) - camera.scroll(0.0)) > 0.3 * 1280


def test_a_static_camera_stands_and_one_that_is_told_nothing_drifts_a_little() -> None:
    assert {Camera(1280, 720, SECONDS, CameraMove.STATIC).scroll(t) for t in TIMES} == {0.0}
    drift = [Camera(1280, 720, SECONDS).scroll(t) for t in TIMES]
    assert 0 < max(drift) - min(drift) < 0.05 * 1280


def test_a_camera_that_shakes_goes_to_and_fro() -> None:
    xs = [w.x for w in windows(CameraMove.SHAKE)]
    turns = sum((b - a) * (c - b) < 0 for a, b, c in zip(xs, xs[1:], xs[2:], strict=False))
    assert turns > 8


def test_a_camera_that_follows_goes_with_its_subject() -> None:
    assert Camera(1280, 720, SECONDS, follow=-50.0).scroll(2.0) == -100.0
