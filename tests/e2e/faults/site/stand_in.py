"""An engine that takes the animatic engine's place: one grey picture over and over, and any bad behaviour that is asked.

The first word of the prompt says which; every other prompt is made as it should be. `FAULT_ENGINE` is a folder of its own.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from wanserve.domain.errors import Canceled, EngineExhausted, EngineFailed
from wanserve.domain.generation import Generation
from wanserve.domain.marks import DigitalSource
from wanserve.domain.ports import Clip, Frame, Report
from wanserve.domain.progress import Progress, Stage

FOLDER = Path(os.environ["FAULT_ENGINE"])


class AnimaticEngine:
    """Satisfies `domain.ports.Engine`."""

    name = "animatic"
    digital_source = DigitalSource.ALGORITHMIC

    def load(self, model: str) -> None:
        (FOLDER / "weights").read_bytes()

    def generate(self, generation: Generation, report: Report) -> Clip:
        sys.audit("stand_in.generate")
        with (FOLDER / "asked").open("a") as asked:
            asked.write(f"{generation.prompt}\n")
        word = generation.prompt.split()[0]
        if word in BEHAVIOURS:
            BEHAVIOURS[word](report)
        return Clip(frames(generation, report, word))

    def clean_up(self) -> None:
        """See Engine."""


def frames(generation: Generation, report: Report, word: str) -> Iterator[Frame]:
    """The clip's frames, or what the word makes of them."""
    count = generation.frames + {"too-few": -1, "too-many": 1}.get(word, 0)
    height, width = generation.height // (2 if word == "too-small" else 1), generation.width
    picture = memoryview(bytearray(b"\x80") * (height * width * 3)).cast("B", (height, width, 3))
    if word == "wrong-type":
        picture = picture.cast("B").cast("b", (height, width, 3))
    for number in range(count):
        sys.audit("stand_in.frame", number)
        drawn = Progress(number / generation.frames, Stage.ENCODE, number, generation.frames)
        report(drawn)
        while word == "midway" and number == count // 2 and not (FOLDER / "go").exists():
            report(drawn)
            time.sleep(0.05)
        yield picture


def hold(report: Report) -> None:
    """Work on until the test lets go."""
    while not (FOLDER / "go").exists():
        report(Progress(0.5, Stage.DENOISE))
        time.sleep(0.05)


def hang(report: Report) -> None:
    """Do not even look whether a cancel was asked."""
    while True:
        time.sleep(3600)


def deaf(report: Report) -> None:
    """Work on, whatever is asked."""
    while True:
        with contextlib.suppress(Canceled):
            report(Progress(0.5, Stage.DENOISE))
        time.sleep(0.01)


def engine_failed(report: Report) -> None:
    raise EngineFailed("this prompt cannot be drawn")


def exhausted(report: Report) -> None:
    raise EngineExhausted("the device ran out of memory")


def out_of_memory(report: Report) -> None:
    raise MemoryError


def divides_by_zero(report: Report) -> None:
    1 // 0  # noqa: B018 - this is the bug


def poison(report: Report) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def faint_once(report: Report) -> None:
    """Run out of memory the first time only."""
    try:
        (FOLDER / "fainted").touch(exist_ok=False)
    except FileExistsError:
        return
    raise EngineExhausted("the device ran out of memory")


BEHAVIOURS: dict[str, Callable[[Report], None]] = {
    "hold": hold,
    "hang": hang,
    "deaf": deaf,
    "engine-failed": engine_failed,
    "exhausted": exhausted,
    "out-of-memory": out_of_memory,
    "divides-by-zero": divides_by_zero,
    "poison": poison,
    "faint-once": faint_once,
}
