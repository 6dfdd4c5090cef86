"""A child whose model makes fewer frames a second than the video has: real processes and files, and no weights.

The preview engine stands in for the model, with the card of one.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest

from tests.marks import MARKS
from tests.pictures import pictures_of
from wanserve.blobs.target import DiskTarget
from wanserve.domain.errors import Canceled
from wanserve.domain.files import file_key
from wanserve.domain.generation import Generation
from wanserve.domain.progress import Progress, Stage
from wanserve.domain.task import Variant
from wanserve.media import probe
from wanserve.models.sampling import WAN_MODELS
from wanserve.worker.protocol import Cancel, ChildConfig, Crashed, Done, Event, Generate, Loaded
from wanserve.worker.supervisor import Supervisor

MODEL = "wanx2.1-t2v-turbo"
ASKED = Generation(MODEL, "A kitten running in the moonlight", "", 320, 192, frames=60, fps=30, seed=3)
DRAWN = replace(ASKED, frames=33, fps=16)
"""What the model makes for it, and what was asked before the setting was changed."""


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Supervisor]:
    config = ChildConfig(
        "animatic", DiskTarget(tmp_path / "blobs"), tmp_path / "scratch", "error", MARKS, dict(WAN_MODELS)
    )
    started = Supervisor(config, os.environ)
    started.start()
    started.load(MODEL)
    assert started.next_event(60) == Loaded(MODEL)
    yield started
    started.close()


def ended(child: Supervisor, told: list[Progress]) -> Event:
    """The event that ends what was ordered; the progress before it goes to the list."""
    while isinstance(event := child.next_event(60), Progress):
        told.append(event)
    assert event is not None, "the child is silent"
    return event


def made(child: Supervisor, asked: Generation, name: str, blobs: Path) -> tuple[Done, Path, list[Progress]]:
    told: list[Progress] = []
    child.send(Generate(name, 1, asked))
    done = ended(child, told)
    assert isinstance(done, Done), done
    return done, blobs / file_key(name, 1), told


def first_picture(file: Path) -> bytes:
    with av.open(str(file)) as container:
        return bytes(next(container.decode(video=0)).to_rgb().planes[0])


def test_the_file_has_the_frames_that_were_asked_for_and_says_how(child: Supervisor, tmp_path: Path) -> None:
    blobs = tmp_path / "blobs"
    done, file, told = made(child, ASKED, "task", blobs)
    facts = probe.check(file, ASKED)
    assert (facts.frames, facts.fps, facts.seconds) == (60, 30.0, 2.0)
    how = "interpolated from 16 to 30 frames a second by FFmpeg's minterpolate"
    assert facts.tags["description"].endswith(f", {how}, id task.")
    assert done.video.notes[-1] == how
    assert "kitten" not in json.dumps(facts.tags)
    for still in (Variant.THUMBNAIL, Variant.SPRITESHEET):
        assert (blobs / file_key("task", 1, still)).stat().st_size > 500
    fractions = [each.fraction for each in told]
    assert fractions == sorted(fractions)
    assert told[-1].stage is Stage.STORE
    _, copy, _ = made(child, ASKED, "again", blobs)
    assert pictures_of(copy) == pictures_of(file)


def test_a_task_from_before_the_setting_is_made_at_its_own_frame_rate(child: Supervisor, tmp_path: Path) -> None:
    done, plain, _ = made(child, DRAWN, "plain", tmp_path / "blobs")
    facts = probe.check(plain, DRAWN)
    assert (facts.frames, facts.fps) == (33, 16.0)
    assert "interpolated" not in facts.tags["description"] + str(done.video.notes)
    _, more, _ = made(child, ASKED, "more", tmp_path / "blobs")
    assert first_picture(more) == first_picture(plain)


def test_a_cancel_stops_it_and_leaves_nothing(child: Supervisor, tmp_path: Path) -> None:
    child.send(Generate("long", 1, replace(ASKED, width=1280, height=720, frames=1500)))
    for _ in range(3):
        assert isinstance(child.next_event(60), Progress)
    child.send(Cancel())
    crashed = ended(child, [])
    assert isinstance(crashed, Crashed)
    assert crashed.code == Canceled.code
    assert list((tmp_path / "scratch").iterdir()) == []
