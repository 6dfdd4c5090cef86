"""The sweeper: what nobody holds is taken back, and a sweep that fails is tried again."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from wanserve.blobs.store import DiskBlobs
from wanserve.domain.account import Key
from wanserve.domain.catalog import MODELS
from wanserve.domain.errors import StoreUnavailable
from wanserve.domain.rules import VideoRequest
from wanserve.domain.task import Failure, State, Task, Variant, Video
from wanserve.metrics import Meters
from wanserve.store.memory import MemoryTasks
from wanserve.tasks import Policy, Tasks, file_key, files_of, unfinished_name
from wanserve.worker.sweeper import Sweeper

KEY = Key("ann", "ann", "00", 0)


class Scene:
    """Use cases on a clock that the test moves, with files on a real disk."""

    def __init__(self, folder: Path) -> None:
        ids = iter(range(100))
        self.now = 0
        self.store = MemoryTasks()
        policy = Policy(lease_ms=1000, retention_ms=60_000)
        self.tasks = Tasks(self.store, MODELS, lambda: self.now, lambda: str(next(ids)), lambda: 7, policy)
        self.scratch, self.files = folder / "scratch", folder / "blobs"
        self.scratch.mkdir()
        self.files.mkdir()
        self.blobs = DiskBlobs(self.files)
        self.sweeper = Sweeper(self.tasks, self.blobs, self.scratch, Meters())

    def running(self) -> Task:
        """A task that an attempt has."""
        self.tasks.submit(KEY, VideoRequest("wan2.2-t2v-plus", "a cat")).result(0)
        task = self.tasks.claim(MODELS)
        assert task is not None
        return task

    def file(self, key: str) -> str:
        """A stored file."""
        made = self.scratch / "made"
        made.write_bytes(b"video")
        self.blobs.put(key, made)
        return key


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_orphans_go_and_what_a_task_has_or_makes_stays(scene: Scene) -> None:
    done = scene.running()
    kept = scene.file(file_key(done.id, 1))
    scene.tasks.succeed(done, Video(kept, 5, "animatic"))
    making = scene.file(file_key(scene.running().id, 1))
    for orphan in (file_key(done.id, 2), file_key("unknown", 1), "stray"):
        scene.file(orphan)
    scene.sweeper.sweep_files()
    assert sorted(scene.blobs.keys()) == sorted([kept, making])


def test_past_its_retention_a_tasks_file_goes_with_it(scene: Scene) -> None:
    task = scene.running()
    scene.tasks.succeed(task, Video(scene.file(file_key(task.id, 1)), 5, "animatic"))
    scene.now += 60_001
    scene.sweeper.sweep_files()
    assert list(scene.blobs.keys()) == []
    assert scene.store.find(task.id) is None
    assert len(scene.tasks.usage(None)) == 1


def test_past_its_retention_a_videos_stills_go_with_it_and_those_of_others_stay(scene: Scene) -> None:
    old = scene.running()
    scene.tasks.succeed(old, Video(file_key(old.id, 1), 5, "animatic"))
    for key in files_of(old):
        scene.file(key)
    scene.now += 60_001
    new = scene.running()
    scene.tasks.succeed(new, Video(file_key(new.id, 1), 5, "animatic"))
    kept = [scene.file(key) for key in files_of(new)]
    scene.sweeper.sweep_files()
    assert len(kept) == 3
    assert sorted(scene.blobs.keys()) == sorted(kept)


def test_stills_go_with_their_attempt_and_those_that_are_being_made_stay(scene: Scene) -> None:
    stills = (Variant.THUMBNAIL, Variant.SPRITESHEET)
    making, lost = scene.running(), scene.running()
    scene.tasks.fail(lost, Failure("worker_died", "killed"), retryable=True)
    kept = [scene.file(file_key(making.id, 1, still)) for still in stills]
    for orphaned in ((making.id, 2), (lost.id, 1), ("unknown", 1)):
        for still in stills:
            scene.file(file_key(*orphaned, still))
    for task_id in (making.id, lost.id):
        for still in stills:
            (scene.scratch / unfinished_name(task_id, 1, still)).write_bytes(b"half")
    scene.sweeper.sweep_files()
    assert sorted(scene.blobs.keys()) == sorted(kept)
    assert {left.name for left in scene.scratch.iterdir()} == {unfinished_name(making.id, 1, still) for still in stills}


def test_a_start_takes_all_back_and_clears_what_was_left_half_made(scene: Scene) -> None:
    task = scene.running()
    scene.file(file_key(task.id, 1))
    (scene.scratch / "half.mp4").write_bytes(b"half")
    scene.sweeper.start_afresh()
    assert scene.tasks.find(task.id).state is State.PENDING
    assert list(scene.scratch.iterdir()) == []
    assert list(scene.blobs.keys()) == []


def test_leases_that_ran_out_are_seen_and_a_failing_sweep_is_tried_again(scene: Scene) -> None:
    task = scene.running()
    scene.file("stray")
    scene.now += 1001
    faults = [StoreUnavailable("busy"), ValueError("a bug")]

    class Faulty(MemoryTasks):
        """Fails a few times before it works."""

        def expired(self, now_ms: int) -> list[Task]:
            if faults:
                raise faults.pop(0)
            return scene.store.expired(now_ms)

        def settle(self, task: Task, lease_before_ms: int | None = None) -> bool:
            return scene.store.settle(task, lease_before_ms)

        def find(self, task_id: str) -> Task | None:
            return scene.store.find(task_id)

    tasks = replace(scene.tasks, store=Faulty())
    scene.sweeper = Sweeper(tasks, scene.blobs, scene.scratch, Meters(), check_s=0.01, files_every=2)
    thread = threading.Thread(target=scene.sweeper.run)
    thread.start()
    seen = 0
    while scene.tasks.find(task.id).state is not State.PENDING:
        seen = scene.store.wait(seen, 1)
    while list(scene.blobs.keys()):
        pass
    scene.sweeper.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert faults == []


def test_a_clock_that_jumps_ahead_takes_nothing_from_a_worker_that_lives(scene: Scene) -> None:
    lives, dead = scene.running(), scene.running()
    scene.now += 3_600_000
    scene.sweeper.sweep_leases()
    assert {task.id for task in scene.tasks.running()} == {lives.id, dead.id}
    assert scene.tasks.renew(lives, 0.5)
    scene.sweeper.sweep_leases()
    assert [task.id for task in scene.tasks.running()] == [lives.id]
    assert scene.tasks.find(dead.id).state is State.PENDING


def test_what_a_killed_child_left_half_made_goes_and_what_is_being_made_stays(scene: Scene) -> None:
    lost, running, done = scene.running(), scene.running(), scene.running()
    scene.tasks.fail(lost, Failure("worker_died", "killed"), retryable=True)
    scene.tasks.succeed(done, Video(scene.file(file_key(done.id, 1)), 5, "animatic"))
    names = [unfinished_name(task.id, 1) for task in (lost, running, done)]
    for name in [*names, "stray", unfinished_name(running.id, 2)]:
        (scene.scratch / name).write_bytes(b"half")
    scene.sweeper.sweep_files()
    assert [left.name for left in scene.scratch.iterdir()] == [names[1]]
