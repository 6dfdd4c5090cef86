"""Two processes that make one video: what comes of it, a cancel, and that neither outlives the other."""

import os
import resource
import select
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from wanserve.blobs.target import DiskTarget
from wanserve.domain.attempt import Fault
from wanserve.domain.errors import Canceled, SetupError
from wanserve.domain.generation import Generation
from wanserve.engine.wan.context_parallel import allowed_gpu_counts, check_gpu_count
from wanserve.engine.wan.library_logging import silence_libraries
from wanserve.models.sampling import SHAPE_1_3B, SHAPE_14B, WAN_MODELS, Precision, WanModelCard
from wanserve.worker.ports import Absent
from wanserve.worker.protocol import Cancel, ChildConfig, Crashed, Done, Event, Generate, Loaded, Progress
from wanserve.worker.supervisor import DIED, Supervisor

ASSETS = Path(__file__).parents[1] / "assets"
TURBO = "wanx2.1-t2v-turbo"
PLUS = "wan2.2-t2v-plus"
PATIENCE_S = 200
SMALL = Generation(TURBO, "a cat", "", 96, 64, 9, 16, 5)
LONG = Generation(TURBO, "a cat", "", 256, 256, 17, 16, 3)
LARGE = Generation(TURBO, "a cat", "", 4096, 4096, 81, 16, 3)
"""Its noise alone takes 150 MB."""


def tiny(model: str, weights: str) -> WanModelCard:
    """The model's card with tiny weights, in fp32 and few steps."""
    sampling = replace(WAN_MODELS[model].sampling, weights=str(ASSETS / weights), steps=5, precision=Precision.FP32)
    return replace(WAN_MODELS[model], sampling=sampling)


CARDS = {TURBO: tiny(TURBO, "tiny-wan"), PLUS: tiny(PLUS, "tiny-wan22")}


class Child:
    """The worker's child process with so many ranks, and where its videos are."""

    def __init__(self, folder: Path, gpus: int) -> None:
        for name in ("blobs", "scratch"):
            (folder / name).mkdir(parents=True)
        self.blobs = folder / "blobs"
        self.supervisor = Supervisor(
            ChildConfig("wan", DiskTarget(self.blobs), folder / "scratch", "critical", CARDS, gpus=gpus), os.environ
        )
        self.made = 0

    def begin(self, model: str = TURBO) -> None:
        """Have it load the model, once it is started."""
        if isinstance(self.supervisor.state, Absent):
            self.supervisor.start()
        self.supervisor.load(model)

    def told(self) -> Event:
        """What it says next."""
        event = self.supervisor.next_event(PATIENCE_S)
        assert event is not None, "the child is silent"
        return event

    def ended(self) -> Event:
        """The event that ends what was ordered."""
        while isinstance(event := self.told(), Progress):
            pass
        return event

    def draw(self, generation: Generation) -> None:
        """Order the video."""
        self.made += 1
        self.supervisor.send(Generate("task", self.made, generation))

    def video(self) -> bytes:
        """The file of the video that was ordered."""
        done = self.ended()
        assert isinstance(done, Done), done
        return (self.blobs / done.video.key).read_bytes()

    def denoising(self, generation: Generation) -> None:
        """Order the video, and wait until it is being denoised."""
        self.draw(generation)
        while True:
            event = self.told()
            assert isinstance(event, Progress)
            if event.fraction > 0.1:
                return

    @property
    def pids(self) -> list[int]:
        """The first rank's process, and the peers'."""
        assert self.supervisor.pid is not None
        return [self.supervisor.pid, *(peer.pid for peer in psutil.Process(self.supervisor.pid).children())]


@pytest.fixture(scope="module")
def children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Child]]:
    """One that works alone, and three of two ranks, all started at once: importing torch takes long."""
    made = [Child(tmp_path_factory.mktemp("child"), gpus) for gpus in (1, 2, 2, 2)]
    for child in made:
        child.begin()
    yield made
    for child in made:
        child.supervisor.close()


def ready(child: Child) -> Child:
    """The child, once its first model is loaded."""
    assert child.ended() == Loaded(TURBO)
    return child


@pytest.fixture(scope="module")
def alone(children: list[Child]) -> Child:
    return ready(children[0])


@pytest.fixture(scope="module")
def group(children: list[Child]) -> Child:
    return ready(children[1])


def end_of(pid: int) -> int:
    """A file that becomes readable when the process ends."""
    return os.pidfd_open(pid)


def has_ended(end: int) -> bool:
    """Whether the process ends, soon."""
    readable, _, _ = select.select([end], [], [], PATIENCE_S)
    os.close(end)
    return bool(readable)


def the_same(alone: Child, group: Child, generation: Generation) -> bool:
    """Whether both make the same file of it, to the byte."""
    alone.draw(generation)
    group.draw(generation)
    return alone.video() == group.video()


def does_its_share(group: Child, generation: Generation) -> bool:
    """Whether the peer sends queries, keys, values and results of half the tokens and half the heads at each attention."""
    peer = psutil.Process(group.pids[1])
    before = peer.io_counters().write_chars
    group.draw(generation)
    group.video()
    tokens = ((generation.frames - 1) // 4 + 1) * generation.width * generation.height // 256
    guided_steps, layers, width, number_bytes = 2 * 5, 2, 24, 4
    share = guided_steps * layers * 4 * (tokens // 2) * (width // 2) * number_bytes
    return bool(peer.io_counters().write_chars - before > share)


@pytest.mark.parametrize(("width", "height", "frames"), [(96, 64, 9), (80, 48, 9), (48, 48, 1)])
def test_two_ranks_make_what_one_makes(alone: Child, group: Child, width: int, height: int, frames: int) -> None:
    """The last two sizes have an odd number of tokens, which two ranks cannot share evenly."""
    assert the_same(alone, group, Generation(TURBO, "a cat", "", width, height, frames, 16, 5))


def test_the_work_is_shared_and_not_done_twice(group: Child) -> None:
    assert does_its_share(group, SMALL)


def test_a_cancel_stops_both_ranks_and_both_go_on_with_another_size(alone: Child, group: Child) -> None:
    pids = group.pids
    assert len(pids) == 2
    group.denoising(LONG)
    group.supervisor.send(Cancel())
    crashed = group.ended()
    assert isinstance(crashed, Crashed)
    assert crashed.code == Canceled.code
    assert the_same(alone, group, Generation(TURBO, "a dog", "rain", 64, 80, 5, 16, 7))
    assert group.pids == pids


def test_two_ranks_share_two_experts_too(alone: Child, group: Child) -> None:
    pids = group.pids
    for child in (alone, group):
        child.begin(PLUS)
    for child in (alone, group):
        assert child.ended() == Loaded(PLUS)
    assert the_same(alone, group, replace(SMALL, model=PLUS))
    assert does_its_share(group, replace(SMALL, model=PLUS))
    assert the_same(alone, group, Generation(PLUS, "a cat", "", 48, 48, 9, 16, 5))
    assert group.pids == pids


def test_the_first_rank_ends_with_its_peer(group: Child) -> None:
    first, peer = group.pids
    end = end_of(first)
    os.kill(peer, signal.SIGKILL)
    assert has_ended(end)
    assert group.ended() == Crashed(DIED, "the worker's process ended: exit status 1", retryable=True)


def leave_little_memory(pid: int) -> None:
    """Let the process take no more than 100 MB beside what it has."""
    limit = psutil.Process(pid).memory_info().vms + 100_000_000
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))


def test_memory_that_runs_out_in_a_peer_ends_both(children: list[Child]) -> None:
    group = ready(children[2])
    ends = [end_of(pid) for pid in group.pids]
    leave_little_memory(group.pids[1])
    group.draw(LARGE)
    crashed = group.ended()
    assert isinstance(crashed, Crashed)
    assert crashed.retryable
    assert all(has_ended(end) for end in ends)


def test_no_peer_outlives_the_first_rank(children: list[Child]) -> None:
    group = ready(children[3])
    first, peer = group.pids
    end = end_of(peer)
    os.kill(first, signal.SIGKILL)
    assert has_ended(end)
    assert group.ended() == Crashed(
        DIED, "the worker's process ended: killed by SIGKILL", retryable=True, fault=Fault.WORKER
    )


@pytest.mark.parametrize(
    ("heads", "numbers"),
    [(SHAPE_1_3B.heads, [2, 3, 4, 6, 12]), (SHAPE_14B.heads, [2, 4, 5, 8, 10, 20, 40]), (4, [2, 4]), (1, [])],
)
def test_the_heads_decide_how_many_devices_can_share(heads: int, numbers: list[int]) -> None:
    assert allowed_gpu_counts(heads) == numbers
    for gpus in (1, *numbers):
        check_gpu_count("some model", heads, gpus)
    for gpus in set(range(1, 65)) - {1, *numbers}:
        with pytest.raises(SetupError, match=f"some model has {heads} attention heads, which {gpus} GPUs cannot"):
            check_gpu_count("some model", heads, gpus)


def test_heads_that_do_not_divide_are_refused_with_the_numbers_that_do() -> None:
    silence_libraries()
    from wanserve.engine.wan.engine import WanEngine

    line = f"{TURBO} has 2 attention heads, which 3 GPUs cannot share evenly; 1 or 2 can"
    with pytest.raises(SetupError, match=line):
        WanEngine(CARDS, gpus=3).load(TURBO)
