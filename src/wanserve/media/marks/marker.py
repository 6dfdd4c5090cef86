"""Marks the finished files of an attempt as generated, and reads each back: a file without its marks is an error."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from av.video.frame import VideoFrame

from wanserve.domain.errors import MarksFailed
from wanserve.domain.generation import Generation
from wanserve.domain.marks import AigcLabel, Certificate, DigitalSource, MarkSettings, MarksPolicy, Origin
from wanserve.domain.task import Variant
from wanserve.media.errors import media_errors
from wanserve.media.marks import credentials, mp4_label, xmp
from wanserve.media.stills import Stills

log = logging.getLogger("wanserve.marks")

MARKED: Final = (Variant.VIDEO, Variant.THUMBNAIL, Variant.SPRITESHEET)
"""The files with all marks. A preview has a label only: it is replaced by the next one a moment later."""

_TRIAL_SIDE: Final = 16


class Mark(Protocol):
    """One mark in the files of an attempt. `source` and `target` are open files; the target is empty."""

    @property
    def name(self) -> str:
        """What notes and the log call it."""

    def write(
        self, source: BinaryIO, target: BinaryIO, kind: Variant, origin: Origin, received: BinaryIO | None
    ) -> None:
        """Copy the file with the mark in it. `received` is the file as another server made it, where one did.

        Raises MarksFailed, MediaDamaged.
        """

    def require(self, file: BinaryIO, kind: Variant, origin: Origin) -> None:
        """Read the mark as its readers do. Raises MarksFailed, MediaDamaged where it is not there."""


@dataclass(frozen=True, slots=True)
class Label:
    """China's label, in pictures with IPTC's digital source type."""

    name = "label"

    def write(
        self, source: BinaryIO, target: BinaryIO, kind: Variant, origin: Origin, received: BinaryIO | None
    ) -> None:
        """See Mark."""
        if kind is Variant.VIDEO:
            before = None if received is None else mp4_label.read_label(received)
            label = AigcLabel.of(origin) if before is None else before.passed_on(origin)
            mp4_label.write_label(source, target, label)
            return
        target.write(labelled(source.read(), kind, origin))

    def require(self, file: BinaryIO, kind: Variant, origin: Origin) -> None:
        """See Mark."""
        if kind is Variant.VIDEO:
            label, source = mp4_label.read_label(file), origin.source.uri
        else:
            found = xmp.read_labels(file.read(), kind)
            label, source = (found.label, found.source) if found else (None, "")
        if label is None or origin.task_id not in (label.produce_id, label.propagate_id):
            raise MarksFailed("it has no label of this task in its metadata")
        if source != origin.source.uri:
            raise MarksFailed("its metadata do not tell its digital source type")


def labelled(picture: bytes, kind: Variant, origin: Origin) -> bytes:
    """The content of a picture's file with its labels. Raises MediaDamaged."""
    return xmp.with_labels(picture, kind, xmp.PictureLabels(AigcLabel.of(origin), origin.source.uri))


@dataclass(frozen=True, slots=True)
class SignedCredentials:
    """Content Credentials, signed with this certificate. They are the last mark: they cover the others."""

    certificate: Certificate
    name = "credentials"

    def write(
        self, source: BinaryIO, target: BinaryIO, kind: Variant, origin: Origin, received: BinaryIO | None
    ) -> None:
        """See Mark."""
        credentials.sign(source, target, kind.media_type, origin, self.certificate, received)

    def require(self, file: BinaryIO, kind: Variant, origin: Origin) -> None:
        """See Mark."""
        credentials.require(file, kind.media_type, origin, self.certificate)


def _as_signed(received: BinaryIO, origin: Origin) -> Origin:
    """The origin of a file that another server made: with its digital source type, where it is one that we know."""
    try:
        found = credentials.read(received, Variant.VIDEO.media_type)
    except MarksFailed:
        return origin
    told = {source.uri: source for source in DigitalSource}
    return origin if found is None else replace(origin, source=told.get(found.source, origin.source))


@dataclass(frozen=True, slots=True)
class Marker:
    """Writes these marks, one after another."""

    marks: Sequence[Mark]
    policy: MarksPolicy

    @classmethod
    def by(cls, settings: MarkSettings) -> "Marker":
        """The marker of a server."""
        return cls((Label(), SignedCredentials(settings.certificate)), settings.policy)

    def mark(self, files: Mapping[Variant, Path], origin: Origin, received: BinaryIO | None = None) -> list[str]:
        """Mark the files of MARKED. Returns a note for the user on each mark that is missing by the policy.

        `received` is the video as another server made it, where one did. Raises MarksFailed, MediaDamaged, MediaUnavailable.
        """
        notes: list[str] = []
        if received is not None:
            origin = _as_signed(received, origin)
        for kind in filter(files.__contains__, MARKED):
            with media_errors(f"cannot mark {files[kind].name}"):
                missing = self._mark_one(files[kind], kind, origin, received if kind is Variant.VIDEO else None)
            notes += [note for note in missing if note not in notes]
        return notes

    def try_out(self) -> None:
        """Mark two small pictures, as those of a video are marked. Raises MarksFailed, MediaUnavailable.

        By BEST_EFFORT what does not work is logged.
        """
        generation = Generation("none", "none", "", width=_TRIAL_SIDE, height=_TRIAL_SIDE, frames=1, fps=1, seed=0)
        origin = Origin("none", "none", "none", "none", DigitalSource.ALGORITHMIC, 0)
        with media_errors("cannot mark a picture"), tempfile.TemporaryDirectory(prefix="wanserve-marks-") as folder:
            files = {kind: Path(folder) / f"picture.{kind}" for kind in (Variant.THUMBNAIL, Variant.SPRITESHEET)}
            stills = Stills(generation)
            stills.add(VideoFrame(_TRIAL_SIDE, _TRIAL_SIDE, "yuv420p"))
            stills.write(files[Variant.THUMBNAIL], files[Variant.SPRITESHEET])
            self.mark(files, origin)

    def _mark_one(self, path: Path, kind: Variant, origin: Origin, received: BinaryIO | None) -> list[str]:
        notes: list[str] = []
        with ExitStack() as opened:
            current: BinaryIO = opened.enter_context(path.open("rb"))
            for mark in self.marks:
                # Without a name, so that nothing is left behind where this process is killed meanwhile.
                following: BinaryIO = opened.enter_context(tempfile.TemporaryFile(dir=path.parent))
                current.seek(0)
                if self._done(mark, notes, partial(mark.write, current, following, kind, origin, received)):
                    current = following
            path.unlink()
            with path.open("xb") as file:
                current.seek(0)
                shutil.copyfileobj(current, file)
        with path.open("rb") as file:
            for mark in self.marks:
                file.seek(0)
                self._done(mark, notes, partial(mark.require, file, kind, origin))
        return notes

    def _done(self, mark: Mark, notes: list[str], work: Callable[[], None]) -> bool:
        """Do it; False where it failed, with a note of that, unless every mark is required: then the error is raised."""
        try:
            work()
        except MarksFailed as error:
            if self.policy is MarksPolicy.REQUIRED:
                raise
            note = f"without its {mark.name}: {error}"
            if not any(each.startswith(f"without its {mark.name}: ") for each in notes):
                log.warning("the file is kept %s", note)
                notes.append(note)
            return False
        return True
