"""Runs the child's jobs with one engine: loads a model, makes a video, writes a test file."""

import hashlib
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, assert_never

from wanserve.domain.attempt import Timings
from wanserve.domain.blobs import BlobStore
from wanserve.domain.errors import Canceled, MarksFailed, MediaFailed, MediaUnavailable, Superseded, UpstreamFailed
from wanserve.domain.files import download_of, file_key, unfinished_name
from wanserve.domain.generation import Generation
from wanserve.domain.marks import Origin
from wanserve.domain.ports import Clip, Engine, Frame, Order, RemoteVideo
from wanserve.domain.progress import NOT_BEGUN, Progress, Stage
from wanserve.domain.task import Variant, Video
from wanserve.media import finished_file, mp4, probe
from wanserve.media.errors import media_errors
from wanserve.media.interpolation import how_interpolated, interpolate
from wanserve.media.marks.marker import MARKED, Marker
from wanserve.media.rewatermark import REMADE, draw_watermark
from wanserve.media.stills import Stills
from wanserve.models.frame_rate import as_drawn
from wanserve.prompts.chat import PromptExtender
from wanserve.worker.pipe import CommandReader, EventSender, Job
from wanserve.worker.previews import Previews
from wanserve.worker.protocol import ChildConfig, Done, Generate, Load, Loaded, Probe, Probed, Storing
from wanserve.worker.uploads import Uploads

PROGRESS_SECONDS: Final = 0.1
"""Progress within a stage is sent at most this often: the heartbeat would ignore more."""

MADE: Final = Progress(1.0, Stage.ENCODE)
"""Every picture is drawn. What remains is the end of the file, and to read it back."""

PROBE_BYTES: Final = 32_000_000
"""As large as a long video of the real models at 1080p."""

REMOTE_PROBE_BYTES: Final = 100_000
"""What of it is sent to another machine: whether that takes a file is tested, and not how fast the line is."""

PROBE_CHUNK: Final = 1_000_000

PROBE_FILES: Final = 8
"""More than are open at a time while a video is encoded, moved and read back."""

Result = Loaded | Done | Probed
"""The event of a job that succeeded."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The files of an attempt before they are stored, and how many seconds generating and encoding took."""

    size_bytes: int
    generate_s: float
    encode_s: float
    notes: tuple[str, ...] = ()
    profile: str = ""
    actual_prompt: str | None = None
    scene: str = ""


@dataclass(slots=True)
class JobRunner:
    """Runs one job after another with one engine."""

    sender: EventSender
    commands: CommandReader
    engine: Engine
    blobs: BlobStore
    config: ChildConfig
    marker: Marker
    extender: PromptExtender | None = None
    _sent_at: float = field(default=0.0, init=False)
    _stage: Stage | None = field(default=None, init=False)
    _latest: Progress = field(default=NOT_BEGUN, init=False)
    _previews: Previews | None = field(default=None, init=False)

    def run(self, job: Job) -> Result:
        """Run the job. Raises WanserveError."""
        match job:
            case Load():
                self.engine.load(job.model)
                return Loaded(job.model)
            case Generate():
                return self.generate(job)
            case Probe():
                self.probe()
                return Probed()
            case _:
                assert_never(job)

    def probe(self) -> None:
        """Mark a picture, and write, store and delete a file as a video's is. Raises MediaUnavailable, MarksFailed, BlobUnavailable."""
        # Named like a file that no task has: one that a killed child leaves behind is swept.
        name, key = f"probe-{os.getpid()}", file_key(str(uuid.uuid4()), 0)
        self.marker.try_out()
        with working_folder(self.config.scratch), media_errors("cannot write a file as large as a video"):
            unfinished = self.config.scratch / name
            try:
                _write_probe(unfinished)
                if self.config.blobs.remote:
                    os.truncate(unfinished, REMOTE_PROBE_BYTES)
                self.blobs.put(key, unfinished)
            finally:
                unfinished.unlink(missing_ok=True)
            self.blobs.delete(key)

    def generate(self, job: Generate) -> Done:
        """Write the prompt out where that is asked for, generate, encode, read back, store. Raises WanserveError.

        The stills are stored first: a stored video always has its stills. An error leaves nothing in scratch.
        """
        made, self._stage, self._latest = job.generation, None, NOT_BEGUN
        if self.config.marks.watermark_always:
            made = replace(made, watermark=True)
        self._previews = Previews(self.blobs, self.config.scratch, self._origin(job), job.attempt)
        if self.extender is not None and made.prompt_extend:
            made = replace(made, prompt=self.extender.extend(made, self._report))
        begun = time.monotonic()
        drawn = self._as_drawn(made)
        # Where it is drawn here, whoever makes the pictures, another server is not asked for it too.
        asked = replace(drawn, watermark=drawn.watermark and not self.config.marks.watermark_always)
        result = self.engine.generate(asked, self._report)
        with unfinished_files(self.config.scratch, job) as unfinished:
            match result:
                case Clip():
                    finished = self._encode(result, drawn, made, job, unfinished, begun)
                case RemoteVideo():
                    finished = self._fetch(result, job, unfinished, begun)
                case _:
                    assert_never(result)
            hashes = {kind.value: _sha256(unfinished[kind]) for kind in MARKED}
            self._report(Progress(1.0, Stage.STORE))
            self._store(job, unfinished, told=bool(finished.scene))
        rewritten = made.prompt if made.prompt != job.generation.prompt else finished.actual_prompt
        key = file_key(job.task_id, job.attempt)
        video = Video(
            key, finished.size_bytes, self.engine.name, finished.notes, finished.profile, rewritten, finished.scene
        )
        stored_s = time.monotonic() - begun - finished.generate_s - finished.encode_s
        return Done(video, Timings(finished.generate_s, finished.encode_s, stored_s), hashes)

    def _store(self, job: Generate, unfinished: Mapping[Variant, Path], *, told: bool) -> None:
        uploads = Uploads(self.blobs, self._tell_storing, self.commands.cancel_requested)
        scene = (Variant.SCENE,) if told else ()
        for variant in (*scene, Variant.THUMBNAIL, Variant.SPRITESHEET, Variant.VIDEO):
            key = file_key(job.task_id, job.attempt, variant)
            uploads.put(key, unfinished[variant], download_of(job.task_id, variant))

    def _as_drawn(self, made: Generation) -> Generation:
        """What the engine is asked for: a model with weights has a frame rate of its own, which may be lower."""
        card = self.config.cards.get(made.model)
        return made if card is None else as_drawn(made, card.sampling.fps)

    def _encode(
        self,
        clip: Clip,
        drawn: Generation,
        made: Generation,
        job: Generate,
        unfinished: Mapping[Variant, Path],
        begun: float,
    ) -> Finished:
        """Draw the clip's frames, interpolate them where the video has more, encode and mark them, and read the file back."""
        frames = TimedFrames(clip.frames, time.monotonic() - begun)
        clip = replace(clip, frames=frames)
        notes: tuple[str, ...] = ()
        if drawn != made:
            notes = (how_interpolated(drawn, made),)
            clip = replace(
                clip,
                frames=interpolate(frames, drawn, made, self._report_again),
                how=", ".join(filter(None, (clip.how, *notes))),
            )
        stills = Stills(made)
        tags = mp4.provenance(self.engine.name, made, clip.how, job.task_id)
        mp4.write(unfinished[Variant.VIDEO], clip, made, tags, stills.add, self.config.marks.watermark_text)
        self._report(MADE)
        stills.write(unfinished[Variant.THUMBNAIL], unfinished[Variant.SPRITESHEET])
        if clip.scene:
            with media_errors("cannot write what was understood of the prompt"):
                unfinished[Variant.SCENE].write_text(clip.scene, encoding="utf-8")
        missing = self.marker.mark(unfinished, self._origin(job))
        encode_s = time.monotonic() - begun - frames.seconds
        facts = probe.check(unfinished[Variant.VIDEO], made, tags)
        notes = (*clip.notes, *notes, *missing)
        return Finished(facts.bytes, frames.seconds, encode_s, notes, clip.profile, scene=clip.scene)

    def _fetch(self, video: RemoteVideo, job: Generate, unfinished: Mapping[Variant, Path], begun: float) -> Finished:
        """Have the upstream make the video, check its file, make stills of it, and mark them. Its pictures are kept as they are."""
        fetched = video.fetch(Order(job.task_id, job.attempt, job.upstream), unfinished[Variant.VIDEO])
        generate_s = time.monotonic() - begun
        path, remade = unfinished[Variant.VIDEO], tuple[str, ...]()
        try:
            facts = finished_file.examine(path, self._report_made)
            with media_errors(f"cannot read {path.name}"), path.open("rb") as received:
                if self.config.marks.watermark_always:
                    path.unlink()
                    draw_watermark(received, path, self.config.marks.watermark_text, self._report_made)
                    remade = (REMADE,)
                stills = finished_file.stills_of(path, facts, job.generation)
                stills.write(unfinished[Variant.THUMBNAIL], unfinished[Variant.SPRITESHEET])
                missing = self.marker.mark(unfinished, self._origin(job), received)
            # The labels moved the pictures within the file.
            facts = finished_file.examine(path, self._report_made)
        except (MediaUnavailable, MarksFailed):
            raise
        except MediaFailed as error:
            raise UpstreamFailed(f"the file that it sent is not a usable video: {error}") from error
        notes = (*fetched.notes, *finished_file.differences(facts, job.generation), *remade, *missing)
        encode_s = time.monotonic() - begun - generate_s
        return Finished(facts.bytes, generate_s, encode_s, notes, actual_prompt=fetched.actual_prompt)

    def _origin(self, job: Generate) -> Origin:
        engine, now_ms = self.engine, time.time_ns() // 1_000_000
        producer, model = self.config.marks.producer, job.generation.model
        return Origin(job.task_id, producer, engine.name, model, engine.digital_source, now_ms)

    def _tell_storing(self, problem: str | None) -> None:
        if self.config.blobs.remote:
            self.sender.send(Storing(problem))

    def _report_made(self) -> None:
        self._report(MADE)

    def _report_again(self) -> None:
        """Say that work goes on where no step of the engine says so; it can be canceled here too."""
        self._report(self._latest)

    def _report(self, progress: Progress) -> None:
        if self.commands.cancel_requested.is_set():
            if self.commands.superseded:
                raise Superseded("another attempt has the task")
            raise Canceled("a cancel was requested")
        if progress.picture is not None and self._previews is not None:
            self._previews.offer(progress.step, progress.picture)
        now, self._latest = time.monotonic(), replace(progress, picture=None)
        # A stage's first and last step are always told: how long it took is measured by them.
        if now - self._sent_at >= PROGRESS_SECONDS or progress.stage is not self._stage or progress.is_last_step:
            self._sent_at, self._stage = now, progress.stage
            preview = self._previews.stored if self._previews else 0
            self.sender.send(replace(progress, fraction=min(progress.fraction, 1.0), picture=None, preview=preview))


@contextmanager
def unfinished_files(scratch: Path, job: Generate) -> Iterator[dict[Variant, Path]]:
    """Where each file of the attempt is written; an error in the block removes them."""
    paths = {variant: scratch / unfinished_name(job.task_id, job.attempt, variant) for variant in Variant}
    with ExitStack() as unless_done:
        for path in paths.values():
            unless_done.callback(_remove, path)
        with working_folder(scratch):
            yield paths
        unless_done.pop_all()


def _remove(path: Path) -> None:
    # The parent's sweep deletes what cannot be removed now. An error here would hide the one that led here.
    with suppress(OSError):
        path.unlink(missing_ok=True)


@contextmanager
def working_folder(folder: Path) -> Iterator[None]:
    """Make the folder if somebody has removed it. Raises MediaUnavailable."""
    with media_errors(f"the folder {folder} cannot be made"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    yield


def _sha256(path: Path) -> str:
    with media_errors(f"cannot read {path.name}"), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_probe(file: Path) -> None:
    """Write a file as large as a video, with as many files open as while a video is made. Raises OSError."""
    chunk = os.urandom(PROBE_CHUNK)
    with ExitStack() as files:
        opened, *_ = (files.enter_context(file.open("wb")) for _ in range(PROBE_FILES))
        for _ in range(PROBE_BYTES // PROBE_CHUNK):
            opened.write(chunk)


class TimedFrames(Iterator[Frame]):
    """Passes frames on, and adds the seconds that drawing them takes to those that were spent before."""

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
