"""A worker's child marks what it stores, or stores nothing: a mark taken out, a certificate that expired, no time stamp."""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from threading import Event as ThreadEvent
from typing import Any

import pytest

from tests.certificates import Order, issue
from tests.integration.test_child import ended
from tests.marks import MARKS, NotWritten
from tests.samples import new_generation
from tests.timestamps import authority
from wanserve.blobs.disk import DiskBlobs
from wanserve.blobs.target import DiskTarget
from wanserve.domain.attempt import Fault
from wanserve.domain.errors import MarksFailed
from wanserve.domain.files import file_key
from wanserve.domain.marks import Certificate, MarkSettings, MarksPolicy
from wanserve.domain.task import Variant
from wanserve.engine.animatic.engine import AnimaticEngine
from wanserve.machine.certificate import read_certificate
from wanserve.media.marks import credentials, mp4_label
from wanserve.media.marks.marker import MARKED, Marker
from wanserve.worker.jobs import JobRunner
from wanserve.worker.protocol import ChildConfig, Crashed, Done, Generate, Loaded, Probe, Probed
from wanserve.worker.supervisor import Supervisor

MODEL = "wan2.2-t2v-plus"
TASK = "19d8e7a6-c652-4f0e-9a53-0f6f4a1e2b3c"

Start = Callable[[MarkSettings], Supervisor]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """A function that starts a child with these marks; the blobs are in `blobs`."""
    started: list[Supervisor] = []

    def begin(marks: MarkSettings) -> Supervisor:
        config = ChildConfig("animatic", DiskTarget(tmp_path / "blobs"), tmp_path / "scratch", "error", marks)
        started.append(Supervisor(config, os.environ))
        started[-1].start()
        started[-1].load(MODEL)
        return started[-1]

    yield begin
    for each in started:
        each.close()


def made(child: Supervisor, task_id: str = TASK) -> Done | Crashed:
    child.send(Generate(task_id, 1, new_generation()))
    event = ended(child)
    assert isinstance(event, Done | Crashed)
    return event


def stored(folder: Path, variant: Variant = Variant.VIDEO, task_id: str = TASK) -> Path:
    return folder / "blobs" / file_key(task_id, 1, variant)


def test_every_stored_file_is_marked_and_its_hash_is_told(start: Start, tmp_path: Path) -> None:
    child = start(replace(MARKS, producer="Example Studio"))
    assert ended(child) == Loaded(MODEL)
    done = made(child)
    assert isinstance(done, Done)
    assert set(done.hashes) == {kind.value for kind in MARKED}
    for kind in MARKED:
        path = stored(tmp_path, kind)
        assert done.hashes[kind.value] == hashlib.sha256(path.read_bytes()).hexdigest()
        with path.open("rb") as file:
            found = credentials.read(file, kind.media_type, MARKS.certificate.chain)
        assert found is not None
        assert (found.trusted, found.made_by, found.model) == (True, "wanserve engine animatic", MODEL)
    with stored(tmp_path).open("rb") as file:
        label = mp4_label.read_label(file)
    assert label is not None
    assert (label.label, label.producer, label.produce_id) == ("1", "Example Studio", TASK)


def test_nothing_of_the_prompt_is_in_any_file(start: Start, tmp_path: Path) -> None:
    child = start(MARKS)
    assert ended(child) == Loaded(MODEL)
    child.send(Generate(TASK, 1, new_generation(prompt="A xylophonist of Zanzibar")))
    assert isinstance(ended(child), Done)
    for kind in MARKED:
        content = stored(tmp_path, kind).read_bytes().lower()
        for word in (b"xylophon", b"zanzibar", b"flowers"):
            assert word not in content


@dataclass
class Told:
    """What a JobRunner needs of its parent, in this process."""

    cancel_requested: ThreadEvent = field(default_factory=ThreadEvent)
    superseded: bool = False
    events: list[Any] = field(default_factory=list)

    def send(self, event: Any) -> None:
        self.events.append(event)


@pytest.mark.parametrize("number", [0, 1])
def test_a_task_whose_files_lack_a_mark_does_not_succeed(number: int, tmp_path: Path) -> None:
    whole = Marker.by(MARKS)
    marks = [NotWritten(mark) if place == number else mark for place, mark in enumerate(whole.marks)]
    config = ChildConfig("animatic", DiskTarget(tmp_path / "blobs"), tmp_path / "scratch", "critical", MARKS)
    told: Any = Told()
    engine = AnimaticEngine()
    engine.load(MODEL)
    runner = JobRunner(told, told, engine, DiskBlobs(tmp_path / "blobs"), config, replace(whole, marks=marks))
    job = Generate(TASK, 1, new_generation())
    with pytest.raises(MarksFailed):
        runner.generate(job)
    assert [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()] == []
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []
    runner.marker = whole
    assert isinstance(runner.generate(job), Done)


def expired() -> Certificate:
    issued = issue(Order(begins=timedelta(days=-9), ends=timedelta(days=-1)))
    return Certificate(issued.chain, issued.key)


def test_with_a_certificate_that_expired_no_task_is_claimed(start: Start) -> None:
    """As where a worker is started again later on."""
    event = ended(start(replace(MARKS, certificate=expired())))
    assert isinstance(event, Crashed)
    assert (event.code, event.retryable) == ("marks_failed", True)


def test_as_well_as_can_be_it_makes_the_video_with_a_note(start: Start, tmp_path: Path) -> None:
    child = start(replace(MARKS, certificate=expired(), policy=MarksPolicy.BEST_EFFORT))
    assert ended(child) == Loaded(MODEL)
    done = made(child)
    assert isinstance(done, Done)
    assert done.video.notes[-1].startswith("without its credentials: ")
    with stored(tmp_path).open("rb") as file:
        assert mp4_label.read_label(file) is not None


def test_an_authority_that_stamps_no_longer_stops_the_claims_until_it_does(start: Start, tmp_path: Path) -> None:
    with authority(tmp_path) as stamps:
        own = MARKS.certificate
        child = start(replace(MARKS, certificate=read_certificate(own.chain, own.key, stamps.url)))
        assert ended(child) == Loaded(MODEL)
        stamps.answers = "refused"
        crashed = made(child)
        assert isinstance(crashed, Crashed)
        assert (crashed.code, crashed.retryable, crashed.fault) == ("marks_failed", True, Fault.MACHINE)
        assert "Content Credentials cannot be signed" in crashed.message
        assert not stored(tmp_path).exists()
        child.send(Probe())
        assert isinstance(ended(child), Crashed), "a worker claims nothing until this is Probed"
        stamps.answers = "stamps"
        child.send(Probe())
        assert ended(child) == Probed()
        assert isinstance(made(child), Done)
        with stored(tmp_path).open("rb") as file:
            found = credentials.read(file, "video/mp4", own.chain)
        assert found is not None
        assert found.signed_at


def test_the_watermark_comes_always_where_the_owner_says_so(start: Start, tmp_path: Path) -> None:
    from tests.pictures import pictures_of

    asked = replace(new_generation(), width=640, height=480)
    pictures = {}
    for name, marks, watermark in (
        ("asked", MARKS, True),
        ("plain", MARKS, False),
        ("always", replace(MARKS, watermark_always=True), False),
    ):
        child = start(marks)
        assert ended(child) == Loaded(MODEL)
        child.send(Generate(name, 1, replace(asked, watermark=watermark)))
        assert isinstance(ended(child), Done)
        pictures[name] = [pictures_of(stored(tmp_path, kind, name)) for kind in MARKED]
    assert pictures["always"] == pictures["asked"]
    assert all(one != other for one, other in zip(pictures["always"], pictures["plain"], strict=True))
