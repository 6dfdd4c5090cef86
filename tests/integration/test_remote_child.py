"""A child process with the remote engine: it makes, checks, stores, and stops what it began; the file is not changed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import av
import pytest

from tests.certificates import Order, issue
from tests.integration.test_child import ended
from tests.integration.upstream import (
    ASKED,
    KEY,
    MODEL,
    Reply,
    StubUpstream,
    clip_bytes,
    hangs,
    is_now,
    says,
    stub,
)
from tests.marks import MARKS
from tests.pictures import pictures_of
from wanserve.blobs.target import DiskTarget
from wanserve.domain.attempt import Fault
from wanserve.domain.files import file_key
from wanserve.domain.marks import AigcLabel, DigitalSource, MarkSettings, Origin
from wanserve.domain.task import Variant
from wanserve.machine.certificate import read_certificate
from wanserve.media.marks import credentials, mp4_label
from wanserve.media.marks.marker import MARKED, Marker
from wanserve.models.upstream import Dialect
from wanserve.worker.ports import Absent
from wanserve.worker.protocol import Cancel, ChildConfig, Crashed, Done, Generate, Loaded
from wanserve.worker.supervisor import Supervisor


@dataclass
class Rig:
    """A stub, and a child that has it as its only upstream."""

    served: StubUpstream
    child: Supervisor
    folder: Path

    def order(self, attempt: int = 1) -> Generate:
        return Generate("task", attempt, ASKED, "stub")

    def left(self) -> list[str]:
        return [path.name for path in (self.folder / "scratch").iterdir()]


@contextmanager
def rigged(tmp_path: Path, dialect: Dialect, marks: MarkSettings) -> Iterator[Rig]:
    with stub(tmp_path, dialect) as served:
        for name in ("blobs", "scratch"):
            (tmp_path / name).mkdir()
        config = ChildConfig(
            "remote",
            DiskTarget(tmp_path / "blobs"),
            tmp_path / "scratch",
            "error",
            marks,
            upstreams={"stub": served.upstream(outage_s=0.2)},
        )
        child = Supervisor(config, os.environ)
        child.start()
        child.load(MODEL)
        assert ended(child) == Loaded(MODEL)
        yield Rig(served, child, tmp_path)
        child.close()


@pytest.fixture(params=list(Dialect))
def rig(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Rig]:
    with rigged(tmp_path, request.param, MARKS) as made:
        yield made


def test_the_upstreams_pictures_are_stored_as_they_are_with_stills_of_them(rig: Rig) -> None:
    progress: list[float] = []
    rig.child.send(rig.order())
    done = ended(rig.child, progress)
    assert isinstance(done, Done)
    assert progress == sorted(progress)
    stored = rig.folder / "blobs" / done.video.key
    assert pictures_of(stored) == pictures_of(rig.served.video)
    assert (done.video.engine, done.video.notes, done.video.size_bytes) == ("remote", (), stored.stat().st_size)
    assert done.video.actual_prompt == ("A kitten, extended" if rig.served.dialect is Dialect.DASHSCOPE else None)
    assert done.timings.generate_s > 0
    assert done.timings.store_s > 0
    for variant, side in ((Variant.THUMBNAIL, 64), (Variant.SPRITESHEET, 128)):
        with av.open(str(rig.folder / "blobs" / file_key("task", 1, variant))) as container:
            assert container.streams.video[0].width == side
    assert rig.left() == []


def test_its_files_are_marked_and_what_the_upstream_said_of_its_own_stays(rig: Rig, tmp_path: Path) -> None:
    theirs = issue(Order(name="Her Studio"))
    hers = replace(MARKS, producer="Her Studio", certificate=read_certificate(theirs.chain, theirs.key))
    path = tmp_path / "theirs.mp4"
    path.write_bytes(rig.served.video)
    origin = Origin("hers", "Her Studio", "animatic", MODEL, DigitalSource.ALGORITHMIC, 0)
    Marker.by(hers).mark({Variant.VIDEO: path}, origin)
    rig.served.video = path.read_bytes()
    rig.child.send(rig.order())
    assert isinstance(ended(rig.child), Done)
    for kind in MARKED:
        stored = rig.folder / "blobs" / file_key("task", 1, kind)
        with stored.open("rb") as file:
            found = credentials.read(file, kind.media_type, MARKS.certificate.chain)
        assert found is not None
        assert (found.trusted, found.made_by) == (True, "wanserve engine remote")
        assert found.source == DigitalSource.ALGORITHMIC.uri, "a preview engine made it there"
    with (rig.folder / "blobs" / file_key("task", 1)).open("rb") as file:
        label = mp4_label.read_label(file)
    assert label == AigcLabel("1", "Her Studio", "hers", "", "wanserve", "task")


@pytest.mark.parametrize("dialect", list(Dialect))
def test_the_mark_that_every_video_must_have_is_drawn_here(tmp_path: Path, dialect: Dialect) -> None:
    with rigged(tmp_path, dialect, replace(MARKS, watermark_always=True)) as rig:
        rig.child.send(Generate("task", 1, replace(ASKED, watermark=True), "stub"))
        done = ended(rig.child)
        assert isinstance(done, Done)
        assert done.video.notes == ("encoded again here, with the watermark",)
        (asked,) = rig.served.asked("submit")
        assert not asked.json().get("parameters", asked.json()).get("watermark"), "not twice"
        stored = rig.folder / "blobs" / done.video.key
        before, after = pictures_of(rig.served.video), pictures_of(stored)
        assert len(before) == len(after)
        assert all(one != other for one, other in zip(before, after, strict=True)), "on every picture"
        assert rig.left() == []


def test_what_differs_from_what_was_asked_is_noted(rig: Rig, tmp_path: Path) -> None:
    rig.served.video = clip_bytes(tmp_path, replace(ASKED, width=96, frames=9, fps=16))
    rig.child.send(rig.order())
    done = ended(rig.child)
    assert isinstance(done, Done)
    assert done.video.notes == (
        "size: 96x64 instead of 64x64",
        "number of frames: 9 instead of 6",
        "frame rate: 16 instead of 30",
    )


BAD_FILES = {"nothing": b"", "noise": bytes(range(256)) * 40, "cut": None}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_is_no_video_is_the_upstreams_fault_and_leaves_nothing(rig: Rig, content: bytes | None) -> None:
    whole = rig.served.video
    rig.served.script["content"] = [says(200, whole[: len(whole) * 2 // 3] if content is None else content)]
    rig.child.send(rig.order())
    crashed = ended(rig.child)
    assert isinstance(crashed, Crashed)
    assert (crashed.code, crashed.fault, crashed.retryable) == ("upstream_failed", Fault.UPSTREAM, True)
    assert "is not a usable video" in crashed.message
    assert rig.left() == []
    assert list((rig.folder / "blobs").iterdir()) == []
    rig.child.send(rig.order(2))
    assert isinstance(ended(rig.child), Done), "the child goes on"


EVENTS: list[tuple[str, Reply, tuple[str, Fault, bool, float | None]]] = [
    ("submit", says(400, {"error": {"message": "no"}}), ("upstream_refused", Fault.TASK, False, None)),
    ("submit", says(401, {}), ("upstream_denied", Fault.UPSTREAM, True, None)),
    ("submit", says(503, {}, Retry_After="9"), ("upstream_busy", Fault.UPSTREAM, True, 9.0)),
    ("poll", says(404, {}), ("upstream_forgot", Fault.UPSTREAM, True, None)),
    ("poll", is_now("failed", "server_error", "no"), ("upstream_task_failed", Fault.TASK, True, None)),
]


@pytest.mark.parametrize(("operation", "reply", "told"), EVENTS)
def test_what_goes_wrong_there_becomes_an_event_and_the_child_goes_on(
    rig: Rig, operation: str, reply: Reply, told: tuple[str, Fault, bool, float | None]
) -> None:
    pid = rig.child.pid
    rig.served.script[operation] = [reply]
    rig.child.send(rig.order())
    crashed = ended(rig.child)
    assert isinstance(crashed, Crashed)
    assert (crashed.code, crashed.fault, crashed.retryable, crashed.retry_after_s) == told
    assert KEY not in repr(crashed)
    rig.child.send(rig.order(2))
    assert isinstance(ended(rig.child), Done)
    assert rig.child.pid == pid


@pytest.mark.parametrize("superseded", [False, True])
def test_a_cancel_comes_through_a_poll_that_hangs(rig: Rig, superseded: bool) -> None:
    rig.served.script["poll"] = [hangs]
    rig.child.send(rig.order())
    rig.served.wait_for("poll")
    rig.child.send(Cancel(superseded=superseded))
    crashed = ended(rig.child)
    assert isinstance(crashed, Crashed)
    assert crashed.code == "canceled"
    assert len(rig.served.asked("cancel")) == (0 if superseded else 1)
    assert rig.left() == []
    rig.child.send(rig.order(2))
    assert isinstance(ended(rig.child), Done)


def test_a_child_that_is_killed_cancels_nothing(rig: Rig) -> None:
    rig.served.script["poll"] = [hangs]
    rig.child.send(rig.order())
    rig.served.wait_for("poll")
    rig.child.kill()
    assert isinstance(rig.child.state, Absent)
    assert rig.served.asked("cancel") == []
