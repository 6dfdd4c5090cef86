"""The sweeper: what nobody holds is taken back, and a sweep that fails is tried again."""

import threading
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from tests.samples import heartbeat
from wanserve.blobs.disk import DiskBlobs
from wanserve.blobs.keys import OWNER
from wanserve.domain.account import Key
from wanserve.domain.catalogue import MODELS
from wanserve.domain.errors import BlobUnavailable, StoreUnavailable
from wanserve.domain.files import file_key, files_of, unfinished_name
from wanserve.domain.rules import VideoRequest
from wanserve.domain.search import Search
from wanserve.domain.task import Failure, Settlement, State, Task, Variant, Video
from wanserve.domain.worker import WorkerRow
from wanserve.keys import Keys
from wanserve.machine.clocks import RetentionClock
from wanserve.metrics import Metrics
from wanserve.sessions import SESSION_SECONDS, Sessions
from wanserve.store.memory import MemoryTasks
from wanserve.store.memory_keys import MemoryKeys
from wanserve.store.memory_sessions import MemorySessions
from wanserve.tasks import SLICE, Policy, Tasks
from wanserve.worker.sweepers import (
    KEYS_AT_ONCE,
    LeaseSweeper,
    OrphanSweeper,
    RetentionSweeper,
    ScratchSweeper,
    Sweepers,
)

KEY = Key("ann", "ann", "00", 0)
UNKNOWN = str(UUID(int=999_999))


class Scene:
    """Use cases on a clock that the test moves, with files on a real disk."""

    def __init__(self, folder: Path) -> None:
        ids = iter(str(UUID(int=number)) for number in range(1000))
        self.now = 0
        self.store = MemoryTasks(lambda: self.now)
        policy = Policy(lease_seconds=1, retention_ms=60_000)
        self.tasks = Tasks(self.store, lambda: MODELS, lambda: next(ids), lambda: 7, policy)
        keys = MemoryKeys(lambda: self.now)
        sessions = MemorySessions(keys, lambda: self.now)
        self.sessions = Sessions(sessions, Keys(keys, (), lambda: "sk"), lambda: str(next(ids)), lambda: 0.0)
        self.scratch, self.files = folder / "scratch", folder / "blobs"
        self.scratch.mkdir()
        self.files.mkdir()
        self.blobs = DiskBlobs(self.files)
        self.uptime_s = 0.0
        self.store.save_worker(WorkerRow("worker", "here", "host", "cpu", (), "animatic"))
        self.build()

    def build(
        self, tasks: Tasks | None = None, blobs: DiskBlobs | None = None, keys_at_once: int = KEYS_AT_ONCE
    ) -> None:
        """The sweepers, on other use cases or another blob store where one is given."""
        self.tasks, self.blobs = tasks or self.tasks, blobs or self.blobs
        self.leases = LeaseSweeper(self.tasks, Metrics())
        stopping = threading.Event()
        retention = RetentionSweeper(self.tasks, self.sessions, self.blobs, stopping, lambda: self.uptime_s)
        orphans = OrphanSweeper(self.tasks, self.blobs, stopping, keys_at_once)
        scratch = ScratchSweeper(self.tasks, self.scratch)
        self.sweepers = Sweepers(self.leases, [retention.sweep, orphans.sweep, scratch.sweep], stopping)

    def start_again(self) -> None:
        """What a start does."""
        self.leases.take_back_abandoned("here")
        self.sweepers.sweep_files()

    def all_running(self) -> set[str]:
        """The ids of what runs."""
        return {task.id for task in self.tasks.unfinished() if task.state is State.RUNNING}

    def running(self) -> Task:
        """A task that an attempt has."""
        self.tasks.submit(KEY, VideoRequest("wan2.2-t2v-plus", "a cat")).result(0)
        task = self.tasks.claim("worker", MODELS)
        assert task is not None
        return task

    def sweep(self) -> None:
        """Two looks, a minute apart."""
        for _ in range(2):
            self.sweepers.sweep_files()
            self.uptime_s += 60

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
    for orphan in (file_key(done.id, 2), file_key(UNKNOWN, 1)):
        scene.file(orphan)
    scene.sweep()
    assert sorted(scene.blobs.keys()) == sorted([kept, making])


def test_files_of_other_programs_stay(scene: Scene) -> None:
    others = [scene.file(name) for name in ("stray", "videos/holiday/1.mp4", "models/wan/1.bin")]
    scene.blobs.owner("database")
    scene.sweep()
    assert sorted(scene.blobs.keys()) == sorted([*others, OWNER])


def test_past_its_retention_a_tasks_file_goes_with_it(scene: Scene) -> None:
    task = scene.running()
    scene.tasks.succeed(task, Video(scene.file(file_key(task.id, 1)), 5, "animatic"))
    scene.now += 60_001
    scene.sweep()
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
    scene.sweep()
    assert len(kept) == len(Variant)
    assert sorted(scene.blobs.keys()) == sorted(kept)


def test_stills_go_with_their_attempt_and_those_that_are_being_made_stay(scene: Scene) -> None:
    stills = (Variant.THUMBNAIL, Variant.SPRITESHEET)
    making, lost = scene.running(), scene.running()
    scene.tasks.fail(lost, Failure("worker_died", "killed"), retryable=True)
    kept = [scene.file(file_key(making.id, 1, still)) for still in stills]
    for orphaned in ((making.id, 2), (lost.id, 1), (UNKNOWN, 1)):
        for still in stills:
            scene.file(file_key(*orphaned, still))
    for task_id in (making.id, lost.id):
        for still in stills:
            (scene.scratch / unfinished_name(task_id, 1, still)).write_bytes(b"half")
    scene.sweep()
    assert sorted(scene.blobs.keys()) == sorted(kept)
    assert {left.name for left in scene.scratch.iterdir()} == {unfinished_name(making.id, 1, still) for still in stills}


def test_a_start_takes_its_own_back_and_clears_what_was_left_half_made(scene: Scene) -> None:
    task = scene.running()
    scene.file(file_key(task.id, 1))
    (scene.scratch / "half.mp4").write_bytes(b"half")
    scene.start_again()
    assert scene.tasks.find(task.id).state is State.PENDING
    assert len(list(scene.scratch.iterdir())) == 1, "nothing is deleted on one look"
    assert len(list(scene.blobs.keys())) == 1
    scene.sweepers.sweep_files()
    assert list(scene.scratch.iterdir()) == []
    assert list(scene.blobs.keys()) == []


def test_leases_that_ran_out_are_seen_and_a_failing_sweep_is_tried_again(scene: Scene) -> None:
    task = scene.running()
    scene.file(file_key(UNKNOWN, 1))
    scene.now += 1001
    faults = [StoreUnavailable("busy"), ValueError("a bug")]

    class Faulty(MemoryTasks):
        """Fails a few times before it works."""

        def expired(self) -> list[Task]:
            if faults:
                raise faults.pop(0)
            return scene.store.expired()

        def settle(self, task: Task, settlement: Settlement, *, expired_only: bool = False) -> bool:
            return scene.store.settle(task, settlement, expired_only=expired_only)

        def find(self, task_id: str) -> Task | None:
            return scene.store.find(task_id)

    scene.build(replace(scene.tasks, store=Faulty(lambda: scene.now)))
    scene.sweepers.check_s, scene.sweepers.files_every = 0.01, 2
    thread = threading.Thread(target=scene.sweepers.run)
    thread.start()
    seen = 0
    while scene.tasks.find(task.id).state is not State.PENDING:
        seen = scene.store.wait(seen, 1)
    while list(scene.blobs.keys()):
        pass
    scene.sweepers.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert faults == []


def test_a_clock_that_jumps_ahead_takes_nothing_from_a_worker_that_lives(scene: Scene) -> None:
    lives, dead = scene.running(), scene.running()
    scene.now += 3_600_000
    scene.leases.sweep()
    assert scene.all_running() == {lives.id, dead.id}
    assert scene.tasks.renew(lives, heartbeat(0.5))
    scene.leases.sweep()
    assert scene.all_running() == {lives.id}
    assert scene.tasks.find(dead.id).state is State.PENDING


def test_what_a_killed_child_left_half_made_goes_and_what_is_being_made_stays(scene: Scene) -> None:
    lost, running, done = scene.running(), scene.running(), scene.running()
    scene.tasks.fail(lost, Failure("worker_died", "killed"), retryable=True)
    scene.tasks.succeed(done, Video(scene.file(file_key(done.id, 1)), 5, "animatic"))
    names = [unfinished_name(task.id, 1) for task in (lost, running, done)]
    for name in [*names, "stray", unfinished_name(running.id, 2)]:
        (scene.scratch / name).write_bytes(b"half")
    scene.sweep()
    assert [left.name for left in scene.scratch.iterdir()] == [names[1]]


def finished(scene: Scene) -> Task:
    """A task that has its video."""
    task = scene.running()
    scene.tasks.succeed(task, Video(scene.file(file_key(task.id, 1)), 5, "animatic"))
    return scene.tasks.find(task.id)


def test_a_clock_that_is_ahead_for_one_look_deletes_nothing(scene: Scene) -> None:
    kept = finished(scene)
    scene.sweepers.sweep_files()
    for ahead_ms in (90_000_000, 0, 90_000_000, 0):
        scene.uptime_s += 60
        scene.now += ahead_ms
        scene.sweepers.sweep_files()
        scene.now -= ahead_ms
    assert scene.tasks.find(kept.id) == kept
    assert list(scene.blobs.keys()) == files_of(kept)[:1]


def test_two_looks_at_one_moment_are_one(scene: Scene) -> None:
    kept = finished(scene)
    scene.now += 90_000_000
    for _ in range(5):
        scene.sweepers.sweep_files()
    assert scene.tasks.find(kept.id) == kept
    scene.uptime_s += 1
    scene.sweepers.sweep_files()
    assert list(scene.blobs.keys()) == []


def test_a_clock_that_stays_ahead_deletes_nothing_before_the_next_start(scene: Scene) -> None:
    clock = RetentionClock(lambda: scene.now, lambda: round(scene.uptime_s * 1000))
    scene.build(replace(scene.tasks, retention_clock=clock))
    kept = finished(scene)
    scene.now += 90_000_000
    for _ in range(4):
        scene.uptime_s += 5
        scene.sweepers.sweep_files()
        assert scene.tasks.get("ann", kept.id) == kept
    # And a clock that is set back, or both that go on, say when it is really over.
    scene.now -= 90_000_000
    scene.uptime_s += 61
    scene.now += 61_000
    scene.sweep()
    assert list(scene.blobs.keys()) == []


def test_the_clock_of_the_retention_never_runs_ahead_of_either(caplog: pytest.LogCaptureFixture) -> None:
    times = {"wall": 1_000_000, "uptime": 5000}
    clock = RetentionClock(lambda: times["wall"], lambda: times["uptime"])
    told = []
    for wall, uptime in ((1_010_000, 15_000), (91_010_000, 15_000), (91_020_000, 25_000), (900_000, 35_000)):
        times.update(wall=wall, uptime=uptime)
        told.append(clock())
    assert told == [1_010_000, 1_010_000, 1_020_000, 900_000]
    assert [record.getMessage() for record in caplog.records] == [
        "the clock was set ahead by 90000 s: the deletion of old tasks ignores this until the next start"
    ]


@pytest.mark.parametrize("what", ["retention", "orphans", "scratch"])
def test_one_thing_that_cannot_be_deleted_holds_up_no_other(scene: Scene, what: str) -> None:
    class Stubborn(DiskBlobs):
        """Has one file that stays."""

        def delete(self, key: str) -> None:
            if key == stays:
                raise BlobUnavailable(f"cannot delete {key}: not permitted")
            super().delete(key)

    scene.build(blobs=Stubborn(scene.files))
    olds = [finished(scene) for _ in range(3)]
    stays = files_of(olds[1])[0]
    if what == "orphans":
        for task in olds:
            scene.tasks.delete("ann", task.id)
    if what == "scratch":
        for number in range(3):
            (scene.scratch / f"stray-{number}").write_bytes(b"half")
        (scene.scratch / "stray-folder").mkdir()
    scene.now += 60_001
    for _ in range(3):
        scene.sweep()
    assert list(scene.blobs.keys()) == [stays]
    assert [path.name for path in scene.scratch.iterdir()] == (["stray-folder"] if what == "scratch" else [])
    assert scene.tasks.search(None, Search()).tasks == []


def test_a_start_takes_back_what_its_own_former_workers_ran_and_nothing_of_others(scene: Scene) -> None:
    own = scene.running()
    scene.store.save_worker(WorkerRow("another", "there", "host", "cpu", (), "animatic"))
    scene.tasks.submit(KEY, VideoRequest("wan2.2-t2v-plus", "a cat")).result(0)
    others = scene.tasks.claim("another", MODELS)
    assert others is not None
    scene.start_again()
    assert scene.tasks.find(own.id).state is State.PENDING
    assert scene.tasks.find(others.id) == others


def test_a_start_takes_back_each_task_for_itself(scene: Scene) -> None:
    tasks = [scene.running() for _ in range(3)]

    class Faulty(MemoryTasks):
        """Cannot write one of them."""

        def abandoned(self, installation: str) -> list[Task]:
            return scene.store.abandoned(installation)

        def settle(self, task: Task, settlement: Settlement, *, expired_only: bool = False) -> bool:
            if task.id == tasks[0].id:
                raise StoreUnavailable("busy")
            return scene.store.settle(task, settlement, expired_only=expired_only)

    known = scene.tasks
    scene.build(replace(scene.tasks, store=Faulty(lambda: scene.now)))
    scene.start_again()
    assert [known.find(task.id).state for task in tasks] == [State.RUNNING, State.PENDING, State.PENDING]


def test_the_retention_is_swept_in_slices_between_which_others_write(scene: Scene) -> None:
    sizes = []

    class Counting(MemoryTasks):
        """Tells how many go at a time."""

        def forget(self, ended_before_ms: int, limit: int) -> list[Task]:
            gone = super().forget(ended_before_ms, limit)
            sizes.append(len(gone))
            return gone

    scene.store = Counting(lambda: scene.now)
    scene.build(replace(scene.tasks, store=scene.store))
    for _ in range(3 * SLICE // 2):
        task = scene.running()
        scene.tasks.fail(task, Failure("engine_failed", "it cannot"), retryable=False)
    scene.now += 60_001
    scene.sweep()
    assert sizes == [SLICE, SLICE // 2, 0]


def test_sessions_that_have_expired_are_swept(scene: Scene) -> None:
    scene.sessions.store.add("00", "key", SESSION_SECONDS)
    scene.sessions.store.add("01", "key", SESSION_SECONDS + 1)
    scene.now = SESSION_SECONDS * 1000
    scene.sweep()
    assert scene.sessions.store.forget_expired(10) == 0
    scene.now += 1000
    assert scene.sessions.store.forget_expired(10) == 1


def test_folders_that_are_gone_stop_no_sweep(scene: Scene) -> None:
    scene.scratch.rmdir()
    scene.files.rmdir()
    old = scene.running()
    scene.tasks.fail(old, Failure("engine_failed", "it cannot"), retryable=False)
    scene.now += 60_001
    scene.sweep()
    assert scene.store.find(old.id) is None


def test_many_files_are_looked_through_in_parts_and_go_when_two_passes_have_found_them(scene: Scene) -> None:
    kept = finished(scene)
    for number in range(5):
        scene.file(file_key(str(UUID(int=1_000_000 + number)), 1))
    scene.build(keys_at_once=2)
    for _ in range(4):
        scene.sweepers.sweep_files()
    assert len(list(scene.blobs.keys())) == 6, "one pass of four parts deletes nothing"
    for _ in range(4):
        scene.sweepers.sweep_files()
    assert list(scene.blobs.keys()) == files_of(kept)[:1]
