"""What the marks add to a task: labels and signed Content Credentials in a video and its two stills, read back.

Compared with the rest of the same task of the preview engine, the fastest that there is: draw, encode, read back.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

from bench.clip import CLIP
from bench.result import Result, Target, ratio
from tests.marks import MARKS
from wanserve.domain.generation import Generation
from wanserve.domain.marks import DigitalSource, Origin
from wanserve.domain.task import Variant
from wanserve.engine.animatic.engine import AnimaticEngine
from wanserve.media import mp4, probe
from wanserve.media.marks.marker import MARKED, Marker
from wanserve.media.stills import Stills

ROUNDS = 5
SIZES = {"1080p": (1920, 1080), "480p": (832, 480)}


def run(folder: Path) -> Result:
    """Make each clip some times, and mark it each time."""
    engine, marker = AnimaticEngine(), Marker.by(MARKS)
    engine.load(CLIP.model)
    marker.try_out()
    figures: dict[str, float] = {}
    for name, (width, height) in SIZES.items():
        clip = replace(CLIP, width=width, height=height)
        rest, marks, added = [], [], 0
        for number in range(ROUNDS):
            files = {kind: folder / f"{name}-{number}.{kind}" for kind in MARKED}
            rest.append(_seconds(partial(_make, engine, clip, files)))
            before = files[Variant.VIDEO].stat().st_size
            origin = Origin("task", "wanserve", engine.name, clip.model, DigitalSource.ALGORITHMIC, 0)
            marks.append(_seconds(partial(marker.mark, files, origin)))
            added = files[Variant.VIDEO].stat().st_size - before
        figures |= {
            f"ratio_{name}": ratio(marks, rest),
            f"marks_ms_{name}": round(1000 * median(marks), 1),
            f"rest_ms_{name}": round(1000 * median(rest)),
            f"video_bytes_more_{name}": added,
        }
    return Result("marks", figures, [Target(f"ratio_{name}", "<=", 0.05) for name in SIZES])


def _make(engine: AnimaticEngine, clip: Generation, files: dict[Variant, Path]) -> None:
    stills = Stills(clip)
    made = engine.generate(clip, lambda _: None)
    mp4.write(files[Variant.VIDEO], made, clip, mp4.provenance(engine.name, clip), stills.add)
    stills.write(files[Variant.THUMBNAIL], files[Variant.SPRITESHEET])
    probe.check(files[Variant.VIDEO], clip)
    engine.clean_up()


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
