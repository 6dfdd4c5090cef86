"""The child process from its parent's side: it loads, makes, stops when told, and ends with its pipe."""

import errno
import json
import logging
import os
import signal
from collections.abc import Iterator
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, cast

import av
import pytest

from tests.marks import MARKS
from tests.pictures import pictures_of
from tests.samples import new_generation
from wanserve.blobs.disk import DiskBlobs
from wanserve.blobs.target import DiskTarget
from wanserve.domain.attempt import Fault
from wanserve.domain.errors import BlobUnavailable, Canceled, EngineFailed
from wanserve.domain.files import file_key, task_of, unfinished_name
from wanserve.domain.generation import Generation
from wanserve.domain.progress import Progress, Stage
from wanserve.domain.task import Variant
from wanserve.media import probe
from wanserve.media.marks.marker import Marker
from wanserve.worker import supervisor
from wanserve.worker.child import result_of
from wanserve.worker.jobs import JobRunner
from wanserve.worker.ports import Absent, ChildState, Ready
from wanserve.worker.protocol import (
    Cancel,
    ChildConfig,
    Crashed,
    Done,
    Event,
    Generate,
    Loaded,
    Probe,
    Probed,
)
from wanserve.worker.supervisor import DIED, Supervisor

LONG = Generation("wan2.2-t2v-plus", "a cat", "", 1920, 1080, 3000, 30, 1)


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Supervisor]:
    for folder in ("blobs", "scratch"):
        (tmp_path / folder).mkdir()
    started = Supervisor(
        ChildConfig("animatic", DiskTarget(tmp_path / "blobs"), tmp_path / "scratch", "error", MARKS), os.environ
    )
    started.start()
    started.load("wan2.2-t2v-plus")
    assert ended(started) == Loaded("wan2.2-t2v-plus")
    yield started
    started.close()


def ended(child: Supervisor, progress: list[float] | None = None) -> Event:
    """The event that ends what was ordered; the progress before it goes to the list."""
    while True:
        event = child.next_event(60)
        assert event is not None, "the child is silent"
        if not isinstance(event, Progress):
            return event
        if progress is not None:
            progress.append(event.fraction)


def test_it_makes_encodes_reads_back_and_stores_one_video_after_another(child: Supervisor, tmp_path: Path) -> None:
    for number in (1, 2):
        child.send(Generate("task", number, new_generation()))
        done = ended(child)
        assert isinstance(done, Done)
        assert done.video.key == f"videos/task/{number}.mp4"
        file = tmp_path / "blobs" / done.video.key
        facts = probe.check(file, new_generation())
        assert done.video.size_bytes == facts.bytes == file.stat().st_size
        assert min(astuple(done.timings)) > 0
        assert "Generated video" in facts.tags["comment"]
        assert "animatic" in facts.tags["comment"]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_it_stores_two_stills_and_the_scene_beside_each_video(child: Supervisor, tmp_path: Path) -> None:
    asked = replace(new_generation(), width=640, height=480, frames=30)
    child.send(Generate("task", 1, asked))
    done = ended(child)
    assert isinstance(done, Done)
    stored = {path.name: path for path in (tmp_path / "blobs/videos/task").iterdir()}
    assert set(stored) == {"1.mp4", "1.webp", "1.jpg", "1.json"}
    assert stored["1.json"].read_text(encoding="utf-8") == done.video.scene
    understood = json.loads(done.video.scene)
    assert [lead["name"] for lead in understood["leads"]] == ["cat"]
    assert understood["time"] == "night"
    for name, size in (("1.webp", (640, 480)), ("1.jpg", (1600, 1200))):
        with av.open(str(stored[name])) as container:
            stream = container.streams.video[0]
            assert (stream.width, stream.height) == size
    assert list((tmp_path / "scratch").iterdir()) == []


def test_the_mark_comes_on_what_the_engine_draws_and_on_the_stills(child: Supervisor, tmp_path: Path) -> None:
    """Drawing it leaves the engine's own drawing as it was, frame by frame and clip by clip."""
    asked = replace(new_generation(), width=640, height=480)
    for number, watermark in enumerate([True, False, True, False], start=1):
        child.send(Generate("task", number, replace(asked, watermark=watermark)))
        assert isinstance(ended(child), Done)
    for variant in (Variant.VIDEO, Variant.THUMBNAIL, Variant.SPRITESHEET):
        marked, plain, *again = (
            pictures_of(tmp_path / "blobs" / file_key("task", number, variant)) for number in (1, 2, 3, 4)
        )
        assert marked != plain
        assert again == [marked, plain]


@pytest.mark.parametrize("variant", [Variant.THUMBNAIL, Variant.SPRITESHEET, Variant.SCENE])
def test_files_beside_the_video_that_cannot_be_written_are_told_and_leave_nothing(
    child: Supervisor, tmp_path: Path, variant: Variant
) -> None:
    in_the_way = tmp_path / "scratch" / unfinished_name("task", 1, variant)
    in_the_way.mkdir()
    child.send(Generate("task", 1, new_generation()))
    crashed = ended(child)
    assert isinstance(crashed, Crashed)
    assert (crashed.code, crashed.retryable, crashed.fault) == ("media_unavailable", True, Fault.MACHINE)
    assert list((tmp_path / "scratch").iterdir()) == [in_the_way]
    assert list((tmp_path / "blobs").iterdir()) == []


def test_a_video_that_cannot_be_stored_leaves_nothing_half_made_and_its_stills_came_before_it(
    child: Supervisor, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "blobs" / file_key("task", 1)
    (in_the_way / "folder").mkdir(parents=True)
    child.send(Generate("task", 1, new_generation()))
    crashed = ended(child)
    assert isinstance(crashed, Crashed)
    assert crashed.code == "blob_unavailable"
    assert list((tmp_path / "scratch").iterdir()) == []
    assert {path.name for path in in_the_way.parent.iterdir()} == {"1.mp4", "1.webp", "1.jpg", "1.json"}


def test_progress_grows_and_a_cancel_stops_it_at_the_next_step(child: Supervisor, tmp_path: Path) -> None:
    pid = child.pid
    child.send(Generate("long", 1, LONG))
    told: list[float] = []
    while len(told) < 3:
        event = child.next_event(60)
        assert isinstance(event, Progress)
        told.append(event.fraction)
    assert told == sorted(set(told))
    assert told[-1] < 0.5
    child.send(Cancel())
    crashed = ended(child)
    assert isinstance(crashed, Crashed)
    assert crashed.code == Canceled.code
    assert list((tmp_path / "scratch").iterdir()) == []
    child.send(Cancel())
    child.send(Generate("next", 1, new_generation()))
    assert isinstance(ended(child), Done)
    assert child.pid == pid


def test_a_stages_last_step_is_told_however_soon_it_comes(child: Supervisor) -> None:
    child.send(Generate("task", 1, new_generation()))
    told: list[Progress] = []
    while isinstance(event := child.next_event(60), Progress):
        told.append(event)
    assert isinstance(event, Done)
    # How long a stage took is measured by it; and the file is finished after it.
    assert [each.stage for each in told if each.is_last_step] == [Stage.ENCODE]
    assert told[-1].stage is Stage.STORE


def test_what_cannot_be_written_is_told_and_the_child_goes_on(child: Supervisor, tmp_path: Path) -> None:
    (tmp_path / "scratch").rmdir()
    (tmp_path / "scratch").touch()
    for order in (Generate("task", 1, new_generation()), Probe()):
        child.send(order)
        crashed = ended(child)
        assert isinstance(crashed, Crashed)
        assert (crashed.code, crashed.retryable, crashed.fault) == ("media_unavailable", True, Fault.MACHINE)
    (tmp_path / "scratch").unlink()
    child.send(Generate("task", 2, new_generation()))
    assert isinstance(ended(child), Done), "the folder is made anew"


def test_a_probe_leaves_nothing(child: Supervisor, tmp_path: Path) -> None:
    child.send(Probe())
    assert ended(child) == Probed()
    assert [path for folder in ("blobs", "scratch") for path in (tmp_path / folder).rglob("*")] == []


@dataclass(frozen=True)
class KeepsAll(DiskBlobs):
    """Deletes nothing, as where the process is killed before it does."""

    def delete(self, key: str) -> None:
        raise BlobUnavailable("killed")


def test_a_probe_that_is_cut_short_leaves_a_file_that_the_sweeper_knows(tmp_path: Path) -> None:
    nobody: Any = None
    blobs = KeepsAll(tmp_path / "blobs")
    config = ChildConfig("animatic", DiskTarget(blobs.root), tmp_path / "scratch", "critical", MARKS)
    with pytest.raises(BlobUnavailable):
        JobRunner(nobody, nobody, nobody, blobs, config, Marker.by(config.marks)).probe()
    (key,) = blobs.keys()
    assert task_of(key) is not None, "else it would lie there for ever"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (OSError(errno.ENOSPC, "full"), Fault.MACHINE),
        (OSError(errno.EMFILE, "too many"), Fault.MACHINE),
        (OSError(errno.EFBIG, "too large"), Fault.MACHINE),
        (RuntimeError("can't start new thread"), Fault.MACHINE),
        (OSError(errno.ENOENT, "not there"), Fault.TASK),
        (ZeroDivisionError(), Fault.TASK),
        (MemoryError(), Fault.TASK),
    ],
)
def test_what_the_system_says_of_itself_is_the_machines_fault_wherever_it_was_raised(
    error: Exception, fault: Fault
) -> None:
    def work() -> Loaded:
        raise error

    def wrapped() -> Loaded:
        try:
            return work()
        except OSError as cause:
            raise ValueError("as libraries do") from cause

    for told in (result_of(work), result_of(wrapped)):
        assert isinstance(told, Crashed)
        assert (told.fault, told.retryable) == (fault, True)


def test_its_death_is_told_once_and_a_fresh_one_loads(child: Supervisor) -> None:
    child.kill()
    assert isinstance(child.state, Absent)
    assert child.next_event(1) is None
    child.send(Cancel())
    child.start()
    child.load("wanx2.1-t2v-plus")
    assert ended(child) == Loaded("wanx2.1-t2v-plus")
    assert cast("ChildState", child.state) == Ready("wanx2.1-t2v-plus")


def test_a_child_that_dies_by_itself_is_a_crash_with_its_status(child: Supervisor) -> None:
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    crashed = ended(child)
    assert crashed == Crashed(DIED, "the worker's process ended: killed by SIGKILL", retryable=True, fault=Fault.WORKER)
    assert isinstance(child.state, Absent)


def test_it_answers_while_it_renders_and_owes_an_answer_while_it_is_stopped(child: Supervisor) -> None:
    assert child.pid is not None
    child.ping()
    assert child.silent_s() == 0.0, "it has just been heard"
    child.send(Generate("long", 1, LONG))
    assert isinstance(child.next_event(60), Progress)
    os.kill(child.pid, signal.SIGSTOP)
    while child.next_event(supervisor.PING_SECONDS) is not None:
        pass
    child.ping()
    first = child.silent_s()
    assert first > 0
    child.ping()
    assert child.silent_s() >= first, "a second question does not excuse the first"
    os.kill(child.pid, signal.SIGCONT)
    while child.silent_s():
        child.next_event(60)
    child.kill()


def test_an_idle_child_answers_with_nothing_but_an_answer(child: Supervisor) -> None:
    while not child.silent_s():
        child.ping()
    assert child.next_event(60) is None
    assert child.silent_s() == 0.0


def test_after_a_crash_that_may_have_broken_it_it_is_gone_before_it_is_given_more(tmp_path: Path) -> None:
    started = Supervisor(
        ChildConfig("animatic", DiskTarget(tmp_path), tmp_path / "none", "critical", MARKS), os.environ
    )
    started.start()
    started.load("wan2.2-t2v-plus")
    assert isinstance(ended(started), Loaded)
    started.send(Generate("task", 1, replace(new_generation(), frames=cast("int", "many"))))
    crashed = ended(started)
    assert isinstance(crashed, Crashed)
    assert crashed.code == "internal_error"
    assert isinstance(started.state, Absent)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_goes_to_the_whole_group_leaves_it_to_its_parent(child: Supervisor, number: int) -> None:
    assert child.pid is not None
    child.send(Generate("task", 1, new_generation()))
    os.kill(child.pid, number)
    assert isinstance(ended(child), Done)


def test_it_ends_when_its_pipe_closes_even_while_it_renders(child: Supervisor) -> None:
    child.send(Generate("long", 1, LONG))
    assert isinstance(child.next_event(60), Progress)
    pid = child.pid
    child.close()
    assert not Path(f"/proc/{pid}").exists()


def test_an_engine_that_does_not_load_is_told_and_tried_again_ever_later(tmp_path: Path) -> None:
    child = Supervisor(ChildConfig("no such engine", DiskTarget(tmp_path), tmp_path, "critical", MARKS), os.environ)
    pauses = []
    for _ in range(3):
        pauses.append(child.pause_s())
        child.start()
        crashed = ended(child)
        assert isinstance(crashed, Crashed)
        child.close()
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1]
    assert isinstance(child.state, Absent)
    assert child.state.problem


def refuse() -> Done:
    raise EngineFailed("it cannot")


def run_out() -> Done:
    raise MemoryError


def stumble() -> Done:
    raise ZeroDivisionError("a bug")


def stop() -> Done:
    raise Canceled("asked")


@pytest.mark.parametrize(
    ("work", "told"),
    [
        (refuse, Crashed("engine_failed", "it cannot", retryable=False)),
        (run_out, Crashed("engine_exhausted", "the engine ran out of memory", retryable=True)),
        (stumble, Crashed("internal_error", "the engine stopped at an unexpected error", retryable=True)),
        (stop, Crashed("canceled", "asked", retryable=False)),
        (lambda: Loaded("some"), Loaded("some")),
    ],
)
def test_whatever_goes_wrong_becomes_an_event(work: object, told: Event, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL):
        assert callable(work)
        assert result_of(work) == told
