"""The child process: builds one engine, loads the models and makes the videos that it is ordered to.

It knows no store and no HTTP. It ends when its pipe closes, so that none outlives its parent.
"""

import errno
import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, assert_never

from wanserve.blobs.disk import DiskBlobs
from wanserve.domain.attempt import Spent
from wanserve.domain.errors import (
    Canceled,
    EngineExhausted,
    MachineFailed,
    SetupError,
    WanserveError,
)
from wanserve.domain.ports import BlobStore, Engine, Frame
from wanserve.domain.task import Variant, Video
from wanserve.engine.animatic.engine import AnimaticEngine
from wanserve.media import mp4, probe
from wanserve.media.errors import media_errors
from wanserve.media.stills import Stills
from wanserve.prompts.chat import extend
from wanserve.tasks import file_key, unfinished_name
from wanserve.telemetry import about, start_logging
from wanserve.worker.protocol import (
    UNSOUND,
    Cancel,
    Charge,
    Crashed,
    Done,
    Event,
    Generate,
    Load,
    Loaded,
    Order,
    Ping,
    Pong,
    Probe,
    Probed,
    Progress,
)

log = logging.getLogger("wanserve.worker.child")


def animatic(charge: Charge) -> Engine:  # noqa: ARG001 - it has nothing to set
    """The preview engine."""
    return AnimaticEngine()


def wan(charge: Charge) -> Engine:
    """The real models. Raises SetupError where their libraries are not installed."""
    # Imported here and in no other place: torch and diffusers take seconds, and a laptop has neither.
    try:
        from wanserve.engine.wan.quiet import silence_libraries  # noqa: PLC0415

        silence_libraries()
        from wanserve.engine.wan.engine import WanEngine  # noqa: PLC0415
    except ImportError as error:
        raise SetupError(
            f"the wan engine lacks a library: {error}; install with pip install 'wanserve[wan]'"
        ) from error
    return WanEngine(charge.cards, charge.gpus)


ENGINES: Final[dict[str, Callable[[Charge], Engine]]] = {"animatic": animatic, "wan": wan}
PROGRESS_SECONDS: Final = 0.1
"""Progress is told at most this often: more would only be thrown away by the heartbeat."""

PROBE_BYTES: Final = 32_000_000
"""As large as a long video of the real models at 1080p."""

PROBE_CHUNK: Final = 1_000_000

PROBE_FILES: Final = 8
"""More than are open at a time while a video is encoded, moved and read back."""

MACHINE_ERRNOS: Final = frozenset(
    {
        errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EAGAIN,
        errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOBUFS,
    }
)  # fmt: skip
"""What the system says of itself, whatever the video: full, broken or read-only disks, and its own limits."""

Work = Load | Generate | Probe
"""The orders that the child's main thread does one after another."""

Result = Loaded | Done | Probed
"""What it answers to them, where they did not fail."""


@dataclass(slots=True)
class Outbox:
    """Sends events up, from whichever thread."""

    pipe: "Connection[Event, Order]"
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, init=False)

    def tell(self, event: Event) -> None:
        """Send the event; where nobody listens any more, this process ends, as the Inbox would have it end."""
        try:
            with self._one_at_a_time:
                self.pipe.send(event)
        except OSError:
            os._exit(0)


class Inbox:
    """Reads the orders in a thread of its own, so that a cancel and a ping are heard while the engine works."""

    def __init__(self, outbox: "Outbox") -> None:
        self._outbox = outbox
        self._work: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self.cancel_asked = threading.Event()

    def start(self) -> None:
        """Begin to read."""
        threading.Thread(target=self._read, name="inbox", daemon=True).start()

    def next(self) -> Work:
        """Wait for the next model to load, video to make or probe to write."""
        return self._work.get()

    def _read(self) -> None:
        while True:
            try:
                order: Order = self._outbox.pipe.recv()
            except (EOFError, OSError):
                # The parent is gone or wants no more of us. Native code may hold the main thread for minutes, and
                # nothing that this process holds needs a clean end: an unfinished file is swept by the parent.
                os._exit(0)
            match order:
                case Generate():
                    self.cancel_asked.clear()
                    self._work.put(order)
                case Load() | Probe():
                    self._work.put(order)
                case Cancel():
                    self.cancel_asked.set()
                case Ping():
                    self._outbox.tell(Pong())
                case Charge():
                    raise AssertionError("the charge comes once, before the inbox reads")
                case _:
                    assert_never(order)


@dataclass(slots=True)
class Studio:
    """Makes one video after another with one engine."""

    outbox: Outbox
    inbox: Inbox
    engine: Engine
    blobs: BlobStore
    charge: Charge
    _told_at: float = field(default=0.0, init=False)

    def obey(self, order: Work) -> Result:
        """Do what was ordered. Raises WanserveError."""
        match order:
            case Load():
                self.engine.load(order.model)
                return Loaded(order.model)
            case Generate():
                return self.make(order)
            case Probe():
                self.probe()
                return Probed()
            case _:
                assert_never(order)

    def probe(self) -> None:
        """Write, store and delete a file as a video's is. Raises MediaUnavailable, BlobUnavailable."""
        name = f"probe-{os.getpid()}"
        chunk = os.urandom(PROBE_CHUNK)
        with working_folder(self.charge.scratch), media_errors("cannot write a file as large as a video"):
            unfinished = self.charge.scratch / name
            try:
                with ExitStack() as files:
                    file, *_ = (files.enter_context(unfinished.open("wb")) for _ in range(PROBE_FILES))
                    for _ in range(PROBE_BYTES // PROBE_CHUNK):
                        file.write(chunk)
                self.blobs.put(f"{name}/1", unfinished)
            finally:
                unfinished.unlink(missing_ok=True)
            self.blobs.delete(f"{name}/1")

    def make(self, order: Generate) -> Done:
        """Write the prompt out where that is wished, generate, encode, read back, store. Raises WanserveError.

        The stills are stored first: a video that is there has its own. After an error nothing is left in scratch.
        """
        made = order.generation
        if self.charge.llm is not None and made.prompt_extend:
            made = replace(made, prompt=extend(self.charge.llm, made, self._report))
        begun = time.monotonic()
        clip = self.engine.generate(made, self._report)
        frames = Timed(clip.frames, time.monotonic() - begun)
        with files_in(self.charge.scratch, order) as unfinished:
            stills = Stills(made)
            tags = mp4.provenance(self.engine.name, made, clip.how)
            mp4.write(unfinished[Variant.VIDEO], replace(clip, frames=frames), made, tags, stills.see)
            stills.write(unfinished[Variant.THUMBNAIL], unfinished[Variant.SPRITESHEET])
            encoded = time.monotonic()
            facts = probe.check(unfinished[Variant.VIDEO], made)
            for variant in (Variant.THUMBNAIL, Variant.SPRITESHEET, Variant.VIDEO):
                self.blobs.put(file_key(order.task_id, order.attempt, variant), unfinished[variant])
        key = file_key(order.task_id, order.attempt)
        rewritten = made.prompt if made.prompt != order.generation.prompt else None
        return Done(
            Video(key, facts.bytes, self.engine.name, tuple(clip.notes), clip.profile, rewritten),
            Spent(frames.seconds, encoded - begun - frames.seconds, time.monotonic() - encoded),
        )

    def _report(self, fraction: float) -> None:
        if self.inbox.cancel_asked.is_set():
            raise Canceled("a cancel was asked")
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            self.outbox.tell(Progress(min(fraction, 1.0)))


@contextmanager
def files_in(scratch: Path, order: Generate) -> Iterator[dict[Variant, Path]]:
    """Where each file of the attempt is while it is made; an error in the block takes them away."""
    paths = {variant: scratch / unfinished_name(order.task_id, order.attempt, variant) for variant in Variant}
    try:
        with working_folder(scratch):
            yield paths
    except BaseException:
        for path in paths.values():
            # What cannot be removed is swept by the parent, and no news next to the error that led here.
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise


@contextmanager
def working_folder(folder: Path) -> Iterator[None]:
    """Make the folder where it has gone: somebody may have cleaned up. Raises MediaUnavailable."""
    with media_errors(f"the folder {folder} cannot be made"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    yield


class Timed(Iterator[Frame]):
    """Hands frames on, and adds up the seconds that it takes to draw them to those that were spent before."""

    def __init__(self, frames: Iterator[Frame], seconds: float) -> None:
        self._frames = frames
        self.seconds = seconds

    def __next__(self) -> Frame:
        """The next frame."""
        begun = time.monotonic()
        try:
            return next(self._frames)
        finally:
            self.seconds += time.monotonic() - begun


def outcome(work: Callable[[], Result]) -> Result | Crashed:
    """Do the work and tell how it went: the outermost frame of this process, from which nothing escapes."""
    try:
        return work()
    except Canceled as error:
        return Crashed(error.code, str(error), error.retryable)
    except WanserveError as error:
        log.warning("%s: %s", error.code, error)
        return Crashed(error.code, str(error), error.retryable, error.fault)
    except MemoryError:
        log.exception("out of memory")
        return Crashed(EngineExhausted.code, "the engine ran out of memory", EngineExhausted.retryable)
    except Exception as error:
        log.exception("an unexpected error")
        if says := machine_error(error):
            return Crashed(MachineFailed.code, says, MachineFailed.retryable, MachineFailed.fault)
        return Crashed(WanserveError.code, "the engine stopped at an unexpected error", retryable=True)


def machine_error(error: BaseException | None) -> str:
    """What the system says of itself in this error or in one that led to it; else empty."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in MACHINE_ERRNOS:
            return f"this machine stopped the engine: {os.strerror(error.errno)}"
        if isinstance(error, RuntimeError) and str(error) == "can't start new thread":
            return "this machine stopped the engine: it may start no more threads"
        error = error.__cause__ or error.__context__
    return ""


def main() -> None:
    """Serve the pipe whose file descriptor is the only argument, until it closes or the engine is not to be trusted."""
    # Ctrl-C in a terminal and a supervisor's SIGTERM may go to a whole group; the parent decides when this process ends.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    pipe: Connection[Event, Order] = Connection(int(sys.argv[1]))
    charge = pipe.recv()
    assert isinstance(charge, Charge), "the parent sends the charge first"
    start_logging(charge.log_level)
    outbox = Outbox(pipe)
    inbox = Inbox(outbox)
    inbox.start()
    try:
        engine = ENGINES[charge.engine](charge)
    except SetupError as error:
        outbox.tell(Crashed(error.code, str(error), error.retryable))
        return
    studio = Studio(outbox, inbox, engine, DiskBlobs(charge.blobs), charge)
    while serve_next(studio):
        pass


def serve_next(studio: Studio) -> bool:
    """Obey one order and tell how it went; False where this process should rather be replaced by a fresh one."""
    order = studio.inbox.next()
    with about(order.task_id if isinstance(order, Generate) else None):
        event = outcome(partial(studio.obey, order))
    # Only now is the error gone, and with it the frames of the stack that held what was being made.
    studio.engine.rest()
    studio.outbox.tell(event)
    return not (isinstance(event, Crashed) and event.code in UNSOUND)


if __name__ == "__main__":
    main()
