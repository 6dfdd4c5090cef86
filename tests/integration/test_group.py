"""Two processes that make one video: its bytes, a cancel, and that the two processes end together."""

import os
import resource
import select
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.marks import MARKS
from tests.pictures import pictures_of
from wanserve.blobs.target import DiskTarget
from wanserve.domain.attempt import Fault
from wanserve.domain.errors import Canceled, SetupError
from wanserve.domain.generation import Generation
from wanserve.domain.progress import Progress
from wanserve.engine.wan.context_parallel import allowed_gpu_counts, check_gpu_count
from wanserve.engine.wan.library_logging import silence_libraries
from wanserve.models.sampling import SHAPE_1_3B, SHAPE_14B, WAN_MODELS, Precision, WanModelCard
from wanserve.worker.ports import Absent
from wanserve.worker.protocol import Cancel, ChildConfig, Crashed, Done, Event, Generate, Loaded
from wanserve.worker.supervisor import DIED, Supervisor

ASSETS = Path(__file__).parents[1] / "assets"
TURBO = "wanx2.1-t2v-turbo"
PLUS = "wan2.2-t2v-plus"
TIMEOUT_S = 200
SMALL = Generation(TURBO, "a cat", "", 96, 64, 9, 16, 5)
LONG = Generation(TURBO, "a cat", "", 256, 256, 17, 16, 3)
LARGE = Generation(TURBO, "a cat", "", 4096, 4096, 81, 16, 3)
"""The noise alone takes 150 MB."""


def tiny(model: str, weights: str) -> WanModelCard:
    """The model's card with tiny weights, in fp32 and few steps."""
    sampling = replace(WAN_MODELS[model].sampling, weights=str(ASSETS / weights), steps=5, precision=Precision.FP32)
    return replace(WAN_MODELS[model], sampling=sampling)


CARDS = {TURBO: tiny(TURBO, "tiny-wan"), PLUS: tiny(PLUS, "tiny-wan22")}


class Child:
    """The worker's child process with `gpus` ranks, and the folder of its videos."""

    def __init__(self, folder: Path, gpus: int) -> None:
        for name in ("blobs", "scratch"):
            (folder / name).mkdir(parents=True)
        self.blobs = folder / "blobs"
        self.supervisor = Supervisor(
            ChildConfig("wan", DiskTarget(self.blobs), folder / "scratch", "critical", MARKS, CARDS, gpus=gpus),
            os.environ,
        )
        self.made = 0

    def load(self, model: str = TURBO) -> None:
        """Start the process if it is not running, and send the command to load the model."""
        if isinstance(self.supervisor.state, Absent):
            self.supervisor.start()
        self.supervisor.load(model)

    def next_event(self) -> Event:
        """Wait for the next event."""
        event = self.supervisor.next_event(TIMEOUT_S)
        assert event is not None, "the child sent no event in time"
        return event

    def last_event(self) -> Event:
        """Wait for the event that ends the job: the first one that is not Progress."""
        while isinstance(event := self.next_event(), Progress):
            pass
        return event

    def generate(self, generation: Generation) -> None:
        """Send the command to make the video."""
        self.made += 1
        self.supervisor.send(Generate("task", self.made, generation))

    def video(self) -> list[str]:
        """Wait for the video, and return its pictures, each as a hash."""
        done = self.last_event()
        assert isinstance(done, Done), done
        return pictures_of(self.blobs / done.video.key)

    def generate_until_denoising(self, generation: Generation) -> None:
        """Send the command to make the video, and wait until the denoising has started."""
        self.generate(generation)
        while True:
            event = self.next_event()
            assert isinstance(event, Progress)
            if event.fraction > 0.1:
                return

    @property
    def pids(self) -> list[int]:
        """The process ids of the first rank and of the peers."""
        assert self.supervisor.pid is not None
        return [self.supervisor.pid, *(peer.pid for peer in psutil.Process(self.supervisor.pid).children())]


@pytest.fixture(scope="module")
def children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Child]]:
    """One child without peers, and three with two ranks each. All start at once, because importing torch takes long."""
    made = [Child(tmp_path_factory.mktemp("child"), gpus) for gpus in (1, 2, 2, 2)]
    for child in made:
        child.load()
    yield made
    for child in made:
        child.supervisor.close()


def ready(child: Child) -> Child:
    """Wait until the child has loaded its first model."""
    assert child.last_event() == Loaded(TURBO)
    return child


@pytest.fixture(scope="module")
def alone(children: list[Child]) -> Child:
    return ready(children[0])


@pytest.fixture(scope="module")
def group(children: list[Child]) -> Child:
    return ready(children[1])


def open_pidfd(pid: int) -> int:
    """Open a file descriptor that becomes readable when the process ends."""
    return os.pidfd_open(pid)


def ends_soon(end: int) -> bool:
    """Whether the process of this pidfd ends within the timeout. Closes the pidfd."""
    readable, _, _ = select.select([end], [], [], TIMEOUT_S)
    os.close(end)
    return bool(readable)


def make_equal_files(alone: Child, group: Child, generation: Generation) -> bool:
    """Whether both children make the same file of the generation, byte for byte."""
    alone.generate(generation)
    group.generate(generation)
    return alone.video() == group.video()


def peer_sends_half(group: Child, generation: Generation) -> bool:
    """Whether the peer sends queries, keys, values and results of half the tokens and heads at each self-attention."""
    peer = psutil.Process(group.pids[1])
    before = peer.io_counters().write_chars
    group.generate(generation)
    group.video()
    tokens = ((generation.frames - 1) // 4 + 1) * generation.width * generation.height // 256
    guided_steps, layers, width, number_bytes = 2 * 5, 2, 24, 4
    share = guided_steps * layers * 4 * (tokens // 2) * (width // 2) * number_bytes
    return bool(peer.io_counters().write_chars - before > share)


@pytest.mark.parametrize(("width", "height", "frames"), [(96, 64, 9), (80, 48, 9), (48, 48, 1)])
def test_two_ranks_make_what_one_makes(alone: Child, group: Child, width: int, height: int, frames: int) -> None:
    """The last two sizes have an odd number of tokens, which two ranks cannot share evenly."""
    assert make_equal_files(alone, group, Generation(TURBO, "a cat", "", width, height, frames, 16, 5))


def test_the_work_is_shared_and_not_done_twice(group: Child) -> None:
    assert peer_sends_half(group, SMALL)


def test_a_cancel_stops_both_ranks_and_both_go_on_with_another_size(alone: Child, group: Child) -> None:
    pids = group.pids
    assert len(pids) == 2
    group.generate_until_denoising(LONG)
    group.supervisor.send(Cancel())
    crashed = group.last_event()
    assert isinstance(crashed, Crashed)
    assert crashed.code == Canceled.code
    assert make_equal_files(alone, group, Generation(TURBO, "a dog", "rain", 64, 80, 5, 16, 7))
    assert group.pids == pids


def test_two_ranks_share_two_experts_too(alone: Child, group: Child) -> None:
    pids = group.pids
    for child in (alone, group):
        child.load(PLUS)
    for child in (alone, group):
        assert child.last_event() == Loaded(PLUS)
    assert make_equal_files(alone, group, replace(SMALL, model=PLUS))
    assert peer_sends_half(group, replace(SMALL, model=PLUS))
    assert make_equal_files(alone, group, Generation(PLUS, "a cat", "", 48, 48, 9, 16, 5))
    assert group.pids == pids


def test_the_first_rank_ends_with_its_peer(group: Child) -> None:
    first, peer = group.pids
    end = open_pidfd(first)
    os.kill(peer, signal.SIGKILL)
    assert ends_soon(end)
    assert group.last_event() == Crashed(DIED, "the worker's process ended: exit status 1", retryable=True)


def limit_memory(pid: int) -> None:
    """Let the process allocate at most 100 MB more than it has now."""
    limit = psutil.Process(pid).memory_info().vms + 100_000_000
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))


def test_memory_that_runs_out_in_a_peer_ends_both(children: list[Child]) -> None:
    group = ready(children[2])
    ends = [open_pidfd(pid) for pid in group.pids]
    limit_memory(group.pids[1])
    group.generate(LARGE)
    crashed = group.last_event()
    assert isinstance(crashed, Crashed)
    assert crashed.retryable
    assert all(ends_soon(end) for end in ends)


def test_no_peer_outlives_the_first_rank(children: list[Child]) -> None:
    group = ready(children[3])
    first, peer = group.pids
    end = open_pidfd(peer)
    os.kill(first, signal.SIGKILL)
    assert ends_soon(end)
    assert group.last_event() == Crashed(
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
