"""What is left of an invisible mark after the things that happen to videos, for the libraries that can be had from PyPI.

`python -m bench.invisible [METHOD ...]` prints a line for each method, each from a process of its own; the decision is
docs/adr/0042-invisible-marks.md. The libraries are no dependency of the project: `pip install invisible-watermark==0.2.0
blind-watermark==0.4.4 onnxruntime==1.32.0 torch==2.13.0 opencv-python==5.0.0.93 scikit-image==0.26.0`.

Clips last two seconds, at 8 frames a second. Twenty are of the preview engine: ten prompts in 832*480, then in 1280*720.
Four are photographs that come with scikit-image, across which a window moves, with the noise of a camera. Each clip has a
payload of its own of 32 bits in each frame, and is encoded as the server does it. A reader knows the clip's size and the
length of the payload, reads three frames and takes the majority for each bit.
"""

import argparse
import importlib
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final, Protocol

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from bench.interpolation import LARGE, MODEL, PROMPTS, SIZE, Pixels, draw, psnr
from bench.result import Figure, Result, Target, commit, machine
from wanserve.domain.catalogue import Size
from wanserve.domain.generation import Generation
from wanserve.domain.ports import Clip
from wanserve.engine.animatic.engine import AnimaticEngine
from wanserve.media import mp4

FRAMES, FPS = 17, 8
BITS: Final = 32
"""All that RivaGAN has."""

CROP: Final = 0.05
"""The share of the width and the height that is lost at each edge."""

REENCODED: Final = {"preset": "medium", "crf": "28"}
READ_FRAMES: Final = (3, 8, 13)
NOISE: Final = 2.0
"""The standard deviation of the noise on photographs, in grey levels."""

PHOTOGRAPHS: Final = ("coffee", "astronaut", "stereo_motorcycle", "rocket")


class Method(Protocol):
    """A library with one of its methods. Pictures are in red, green and blue; bits are 0 or 1."""

    def mark(self, picture: Pixels, payload: Sequence[int]) -> Pixels:
        """The picture with the payload in it."""

    def read(self, picture: Pixels) -> Sequence[int]:
        """The payload that is read from the picture, whether it has one or not."""


class InvisibleWatermark:
    """The library invisible-watermark, with its own settings."""

    def __init__(self, method: str) -> None:
        self._library: Any = importlib.import_module("imwatermark")
        self._method = method
        if method == "rivaGan":
            self._library.WatermarkEncoder.loadModel()
            self._library.WatermarkDecoder.loadModel()

    def mark(self, picture: Pixels, payload: Sequence[int]) -> Pixels:
        encoder = self._library.WatermarkEncoder()
        encoder.set_watermark("bits", payload)
        return _reversed(encoder.encode(_reversed(picture), self._method))

    def read(self, picture: Pixels) -> Sequence[int]:
        decoder = self._library.WatermarkDecoder("bits", BITS)
        return [int(bit) for bit in decoder.decode(_reversed(picture), self._method)]


class BlindWatermark:
    """The library blind-watermark, with its own settings and the passwords 1 and 1."""

    def __init__(self) -> None:
        self._library: Any = importlib.import_module("blind_watermark")
        self._library.bw_notes.close()  # it would greet on standard output

    def mark(self, picture: Pixels, payload: Sequence[int]) -> Pixels:
        mark = self._library.WaterMark(1, 1)
        mark.read_img(img=_reversed(picture).astype(np.float32))
        mark.read_wm(list(payload), mode="bit")
        return _reversed(np.rint(mark.embed()).astype(np.uint8))

    def read(self, picture: Pixels) -> Sequence[int]:
        mark = self._library.WaterMark(1, 1)
        found = mark.extract(embed_img=_reversed(picture).astype(np.float32), wm_shape=BITS, mode="bit")
        return [int(bit) for bit in found]


def _reversed(picture: Pixels) -> Pixels:
    """In blue, green and red, as OpenCV has it, and back."""
    return np.ascontiguousarray(picture[:, :, ::-1])


@dataclass(frozen=True, slots=True)
class Measured:
    """How a method is made, and on how many clips it is measured: the slow ones on the first clips, in 832*480, only."""

    make: Callable[[], Method]
    drawn: int = 20
    photographs: int = 4


METHODS: Final[Mapping[str, Measured]] = {
    "dwtDct": Measured(lambda: InvisibleWatermark("dwtDct")),
    "dwtDctSvd": Measured(lambda: InvisibleWatermark("dwtDctSvd")),
    "blind-watermark": Measured(BlindWatermark),
    "rivaGan": Measured(lambda: InvisibleWatermark("rivaGan"), drawn=4, photographs=1),
}


@dataclass(frozen=True, slots=True)
class Sample:
    """The frames of a clip. `kind` is "drawn" or "photographs"."""

    name: str
    kind: str
    frames: Sequence[Pixels]

    @property
    def payload(self) -> list[int]:
        """Its bits: half of them 1, in an order that its name decides."""
        order = np.random.default_rng(list(sha256(self.name.encode()).digest()))
        return [int(bit) for bit in order.permutation(BITS) % 2]

    @property
    def size(self) -> Size:
        height, width, _ = self.frames[0].shape
        return width, height


def samples(drawn: int, photographs: int) -> Iterator[Sample]:
    """The first clips of each kind, made one by one."""
    both = [(size, prompt) for size in (SIZE, LARGE) for prompt in PROMPTS]
    for (width, height), prompt in both[:drawn]:
        generation = Generation(MODEL, prompt, "", width, height, FRAMES, FPS, seed=7)
        yield Sample(f"{prompt}, {width}", "drawn", draw(generation))
    for number, name in enumerate(PHOTOGRAPHS[:photographs]):
        yield Sample(name, "photographs", list(_photographed(name, SIZE if number < 2 else LARGE)))


def _photographed(name: str, size: Size) -> Iterator[Pixels]:
    """A window that moves from the top left to the bottom right of the photograph, which is 15 % larger."""
    loaded: Any = getattr(importlib.import_module("skimage.data"), name)()
    photograph: Pixels = loaded[0] if isinstance(loaded, tuple) else loaded
    width, height = size
    rows, columns, _ = photograph.shape
    enlarged = 1.15 * max(width / columns, height / rows)
    whole = scaled(photograph, (round(columns * enlarged), round(rows * enlarged)))
    noise = np.random.default_rng(7)
    for number in range(FRAMES):
        x, y = (
            (all_of_it - part) * number // (FRAMES - 1)
            for all_of_it, part in zip(whole.shape[1::-1], size, strict=True)
        )
        noisy = whole[y : y + height, x : x + width] + noise.normal(0, NOISE, (height, width, 1))
        yield np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def scaled(picture: Pixels, size: Size) -> Pixels:
    """The picture in another size."""
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return _pixels(VideoReformatter().reformat(frame, *size, interpolation=Interpolation.BICUBIC))


def cropped(picture: Pixels) -> Pixels:
    """The picture without its edges; sides stay even, as H.264 wants them."""
    height, width, _ = picture.shape
    top, left = (round(side * CROP / 2) * 2 for side in (height, width))
    return picture[top : height - top, left : width - left]


def first_encoded(frames: Sequence[Pixels], size: Size, folder: Path) -> list[Pixels]:
    """The frames as they are in the server's own file."""
    path, (width, height) = folder / "first.mp4", size
    generation = Generation(MODEL, "a clip", "", width, height, len(frames), FPS, seed=7)
    mp4.write(path, Clip(np.ascontiguousarray(each).data for each in frames), generation, {})
    return list(_decoded(path))


def encoded_again(frames: Sequence[Pixels], folder: Path) -> list[Pixels]:
    """The frames after H.264 at CRF 28."""
    path = folder / "again.mp4"
    height, width, _ = frames[0].shape
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=dict(REENCODED))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for each in frames:
            container.mux(stream.encode(VideoFrame.from_ndarray(np.ascontiguousarray(each), format="rgb24")))
        container.mux(stream.encode())
    return list(_decoded(path))


def _decoded(path: Path) -> Iterator[Pixels]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield _pixels(frame)


def _pixels(frame: VideoFrame) -> Pixels:
    return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def attacked(frames: Sequence[Pixels], size: Size, folder: Path) -> Iterator[tuple[str, list[Pixels]]]:
    """What a reader may meet, by name: frames that it reads, scaled to the clip's size where a reader would do so."""
    half = size[0] // 2, size[1] // 2

    def all_scaled(pictures: Iterable[Pixels], to: Size) -> list[Pixels]:
        return [scaled(each, to) for each in pictures]

    yield "none", list(frames)
    yield "crf28", encoded_again(frames, folder)
    yield "half", all_scaled(all_scaled(frames, half), size)
    cut = [cropped(each) for each in frames]
    yield "crop", cut
    yield "crop_scaled", all_scaled(cut, size)
    yield "together", all_scaled(encoded_again(all_scaled(cut, half), folder), size)


def voted(method: Method, frames: Sequence[Pixels]) -> list[int]:
    """The payload by the majority of the frames that are read."""
    read = [method.read(frames[number]) for number in READ_FRAMES]
    return [int(2 * sum(bits) > len(read)) for bits in zip(*read, strict=True)]


def agreeing(one: Sequence[int], other: Sequence[int]) -> int:
    """How many bits are equal."""
    return sum(left == right for left, right in zip(one, other, strict=True))


@dataclass(slots=True)
class Tally:
    """What the clips of a method gave so far: bits that agree, by attack and kind of clip; PSNR by kind; CPU seconds a frame."""

    bits: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    unmarked: list[int] = field(default_factory=list)
    psnr_db: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    mark_s: list[float] = field(default_factory=list)
    read_s: list[float] = field(default_factory=list)

    def add(self, method: Method, sample: Sample, folder: Path) -> None:
        """Mark, encode, attack and read the clip."""
        with _timed(self.mark_s, FRAMES, counted=sample.size == SIZE):
            marked = [method.mark(frame, sample.payload) for frame in sample.frames]
        pairs = zip(marked, sample.frames, strict=True)
        self.psnr_db[sample.kind].append(fmean(psnr(one, other) for one, other in pairs))
        encoded = first_encoded(marked, sample.size, folder)
        for attack, frames in attacked(encoded, sample.size, folder):
            self.bits[f"{attack}_{sample.kind}"].append(agreeing(voted(method, frames), sample.payload))
        unmarked = first_encoded(sample.frames, sample.size, folder)
        with _timed(self.read_s, len(READ_FRAMES), counted=sample.size == SIZE):
            read = voted(method, unmarked)
        self.unmarked.append(agreeing(read, sample.payload))

    def figures(self) -> dict[str, Figure]:
        """Bits in percent, and how many clips gave their whole payload."""
        return {
            "clips_drawn": len(self.bits["none_drawn"]),
            "clips_photographs": len(self.bits["none_photographs"]),
            "bits_percent": {name: round(100 * fmean(bits) / BITS, 1) for name, bits in self.bits.items()},
            "whole_clips": {name: bits.count(BITS) for name, bits in self.bits.items()},
            "whole_together_percent": round(100 * _share_whole(self.bits, "together"), 1),
            "unmarked_bits_percent": round(100 * fmean(self.unmarked) / BITS, 1),
            "unmarked_most_bits": max(self.unmarked),
            "psnr_db": {kind: round(fmean(each), 1) for kind, each in self.psnr_db.items()},
            "least_psnr_db": round(min(chain.from_iterable(self.psnr_db.values())), 1),
            "mark_cpu_s": round(median(self.mark_s), 3),
            "read_cpu_s": round(median(self.read_s), 3),
        }


def _share_whole(bits: Mapping[str, Sequence[int]], attack: str) -> float:
    return fmean(agreed == BITS for kind in ("drawn", "photographs") for agreed in bits[f"{attack}_{kind}"])


@contextmanager
def _timed(seconds: list[float], frames: int, *, counted: bool) -> Iterator[None]:
    begun = time.process_time()
    yield
    if counted:
        seconds.append((time.process_time() - begun) / frames)


def measure(name: str, folder: Path) -> Result:
    """Measure one method, in a process that has loaded no other."""
    before = _memory_mb()
    method = METHODS[name].make()
    method.read(method.mark(np.zeros((LARGE[1], LARGE[0], 3), np.uint8), [0, 1] * (BITS // 2)))
    memory = {"memory_mb": round(_memory_mb() - before)}
    tally = Tally()
    for sample in samples(METHODS[name].drawn, METHODS[name].photographs):
        tally.add(method, sample, folder)
    targets = [Target("whole_together_percent", ">=", 95), Target("least_psnr_db", ">=", 38)]
    return Result(f"invisible {name}", tally.figures() | memory | {"preview_cpu_s": _preview_s(folder)}, targets)


def _preview_s(folder: Path) -> float:
    """CPU seconds of a frame of the preview engine in 832*480 as it is made today, drawn and encoded."""
    seconds: list[float] = []
    for prompt in PROMPTS:
        generation = Generation(MODEL, prompt, "", *SIZE, FRAMES, FPS, seed=7)
        engine = AnimaticEngine()
        engine.load(MODEL)
        with _timed(seconds, FRAMES, counted=True):
            mp4.write(folder / "preview.mp4", engine.generate(generation, lambda _: None), generation, {})
    return round(median(seconds), 4)


def _memory_mb() -> float:
    """The most memory that this process had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(argv: Sequence[str] | None = None) -> None:
    """Measure one method in this process, or each in one of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench.invisible")
    parser.add_argument("names", nargs="*", metavar="METHOD", help=f"of {', '.join(METHODS)} (default: all)")
    names = parser.parse_args(argv).names or list(METHODS)
    if strange := set(names) - set(METHODS):
        parser.error(f"there is no {', '.join(sorted(strange))}; there are {', '.join(METHODS)}")
    if len(names) == 1:
        with tempfile.TemporaryDirectory(prefix="wanserve-bench-") as folder:
            print(measure(names[0], Path(folder)).line(commit(), machine()), flush=True)
        return
    for name in names:
        subprocess.run([sys.executable, "-m", "bench.invisible", name], check=True)


if __name__ == "__main__":
    main()
