"""Downloads a model's weights from the hub and prepares them, in a process of its own.

    python -m wanserve.models.download HUB_ID FOLDER [EXPERTS | --file NAME...]

Everything goes into `FOLDER.partial` first, which a later run resumes at the byte where the last one stopped. FOLDER
appears only when it is complete.
"""

import argparse
import errno
import fcntl
import hashlib
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from wanserve.domain.errors import SetupError, WanserveError
from wanserve.models.locations import PULLED, source_of
from wanserve.models.repair import remove_damaged, remove_unreadable
from wanserve.models.tensor_files import read_header, read_json, write_json
from wanserve.models.weights import INDEX, PART_SPECS, Checkpoint, check_layout, check_part, check_weights

try:
    from huggingface_hub import constants
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.file_download import hf_hub_url, http_get
    from huggingface_hub.hf_api import HfApi
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # theirs to offer

    from wanserve.models.bf16 import converted_size, to_bf16
    from wanserve.models.progress_bar import ProgressBar
except ImportError as error:
    raise SystemExit(f"{error.name} is not installed: pip install 'wanserve[wan]'") from None

PARALLEL_DOWNLOADS: Final = 4  # one connection alone does not use the whole bandwidth
LISTING_SECONDS: Final = 30
RESERVED_BYTES: Final = 10**9
"""Bytes that must stay free on the disk."""

_NEEDED_FILES: Final = re.compile(
    r"model_index\.json"
    r"|(scheduler|tokenizer|text_encoder|transformer|transformer_2|vae)/([\w.-]+\.json|spiece\.model)"
    r"|(text_encoder|transformer|transformer_2|vae)/(model|diffusion_pytorch_model)(-\d+-of-\d+)?\.safetensors"
)
"""The files that the pipeline loads. Repositories also hold pictures, other formats and other precisions."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file as the hub lists it. `digest` is the SHA-256 of a large file, and the git blob id of a small one."""

    name: str
    bytes: int
    digest: str
    large: bool

    def matches(self, file: Path) -> bool:
        """Whether the digest of the file on the disk is the hub's."""
        with file.open("rb") as opened:
            if self.large:
                return hashlib.file_digest(opened, "sha256").hexdigest() == self.digest
            blob = b"blob %d\0%b" % (self.bytes, opened.read())
            return hashlib.sha1(blob, usedforsecurity=False).hexdigest() == self.digest


@dataclass(frozen=True, slots=True)
class Download:
    """Downloads files of one revision of a repository into a folder. A file gets its name only when it is complete."""

    hub_id: str
    revision: str
    folder: Path

    def all(self, files: Sequence[HubFile]) -> None:
        """Download the files that are not there yet. Raises SetupError, OSError, or what the HTTP client raises."""
        missing = [file for file in files if not (self.folder / file.name).is_file()]
        if not missing:
            return
        total = sum(file.bytes for file in missing)
        progress = ProgressBar(self.hub_id, total, total - sum(self.missing_bytes(file) for file in missing))
        pool = ThreadPoolExecutor(PARALLEL_DOWNLOADS)
        try:
            for done in as_completed([pool.submit(self._one, file, progress) for file in missing]):
                done.result()
        finally:
            progress.stop()
            pool.shutdown(wait=False, cancel_futures=True)

    def missing_bytes(self, file: HubFile) -> int:
        """How many bytes of the file are not downloaded yet."""
        if (self.folder / file.name).is_file():
            return 0
        part = self._part(file)
        return file.bytes - (part.stat().st_size if part.is_file() else 0)

    def _one(self, file: HubFile, progress: ProgressBar) -> None:
        part = self._part(file)
        part.parent.mkdir(exist_ok=True)
        with part.open("wb" if self.missing_bytes(file) < 0 else "ab") as opened:
            http_get(
                hf_hub_url(self.hub_id, file.name, revision=self.revision),
                opened,
                resume_size=opened.tell(),
                headers=build_hf_headers(library_name="wanserve"),
                expected_size=file.bytes,
                displayed_filename=file.name,
                # Without this, http_get draws a bar for each file. Of a bar it calls only `update`.
                _tqdm_bar=cast("Any", progress),
            )
            opened.flush()
            os.fsync(opened.fileno())
        if not file.matches(part):
            part.unlink()
            raise SetupError(f"{file.name} of {self.hub_id} arrived damaged: run this again to fetch it again")
        part.rename(self.folder / file.name)

    def _part(self, file: HubFile) -> Path:
        return self.folder / f"{file.name}.part"


def pull(hub_id: str, folder: Path, experts: int) -> Checkpoint:
    """Put the repository's weights into `folder`, with the text encoder in bf16.

    Weights that are there are only checked. Where they were pulled and are damaged, what is missing is fetched again.

    Raises SetupError where the repository is not a model of `experts` transformers, or the disk has no room for it,
    and whatever huggingface_hub and the disk raise.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    if _holds_something(folder):
        _require_source(folder, hub_id)
        try:
            return check_weights(folder, experts)
        except SetupError:
            if source_of(folder) is None or partial.exists():
                raise
            remove_damaged(folder)
            folder.rename(partial)
    partial.mkdir(parents=True, exist_ok=True)
    with locked(partial):
        started = _started_revision(hub_id, partial)
        revision, files = list_files(hub_id, started)
        download = Download(hub_id, revision, partial)
        download.all([file for file in files if not file.name.endswith(".safetensors")])
        check_layout(partial, experts)
        if started is None:
            write_json(partial / "pulled.new", {"hub_id": hub_id, "revision": revision})
            (partial / "pulled.new").rename(partial / PULLED)
        if _is_converted(partial):
            files = [file for file in files if not file.name.startswith("text_encoder/")]
        _check_disk_space(download, files)
        download.all(files)
        if not _is_converted(partial):
            progress = ProgressBar("text encoder to bf16", converted_size(partial / "text_encoder"), 0)
            to_bf16(partial / "text_encoder", partial / "text_encoder.unfinished", progress.update)
            progress.stop()
            (partial / "text_encoder.unfinished").rename(partial / "text_encoder.bf16")
            _replace_text_encoder(partial)
        check_weights(partial, experts)
        partial.rename(folder)
    return check_weights(folder, experts)


def pull_files(hub_id: str, folder: Path, names: Sequence[str]) -> None:
    """Put these safetensors files of the repository into `folder`. Those that are there and whole are kept.

    Raises SetupError where the repository does not have one, or what arrived is not whole, and whatever huggingface_hub
    and the disk raise.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    if _holds_something(folder):
        _require_source(folder, hub_id)
        try:
            _read_headers(folder, names)
        except SetupError:
            if source_of(folder) is None or partial.exists():
                raise
            remove_unreadable(folder)
            folder.rename(partial)
        else:
            return
    partial.mkdir(parents=True, exist_ok=True)
    with locked(partial):
        started = _started_revision(hub_id, partial)
        revision, listed = _list(hub_id, started)
        files = [file for file in listed if file.name in names]
        if missing := sorted(set(names) - {file.name for file in files}):
            raise SetupError(f"{hub_id} has no {missing[0]} any more: set distill.file to another one")
        if started is None:
            write_json(partial / PULLED, {"hub_id": hub_id, "revision": revision})
        download = Download(hub_id, revision, partial)
        _check_disk_space(download, files)
        download.all(files)
        _read_headers(partial, names)
        partial.rename(folder)


def _read_headers(folder: Path, names: Sequence[str]) -> None:
    """Raise SetupError where one of the files is missing or damaged."""
    for name in names:
        read_header(folder / name)


def _holds_something(folder: Path) -> bool:
    return folder.exists() and any(folder.iterdir())


def _require_source(folder: Path, hub_id: str) -> None:
    """Raise SetupError where another repository was pulled into the folder."""
    if source_of(folder) not in (None, hub_id):
        raise SetupError(f"{folder} holds {source_of(folder)}: remove it to fetch {hub_id}")


@contextmanager
def locked(partial: Path) -> Iterator[None]:
    """Lock the folder for this process. Raises SetupError where another one has locked it."""
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SetupError(f"another process is writing into {partial}") from None
        yield
    finally:
        os.close(descriptor)


def _started_revision(hub_id: str, partial: Path) -> str | None:
    """The revision of which the partial folder holds files. A folder without a record of it is emptied: None."""
    if (partial / PULLED).is_file():
        record = read_json(partial / PULLED)
        if record.get("hub_id") != hub_id:
            raise SetupError(f"{partial} holds a part of {record.get('hub_id')}: remove it to fetch {hub_id}")
        _replace_text_encoder(partial)
        return str(record.get("revision"))
    for path in partial.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return None


def list_files(hub_id: str, revision: str | None) -> tuple[str, list[HubFile]]:
    """List the files that the pipeline needs. Returns the revision too: the one given, or the repository's newest."""
    found, listed = _list(hub_id, revision)
    files = [file for file in listed if _NEEDED_FILES.fullmatch(file.name)]
    if not any(file.name == INDEX for file in files):
        raise SetupError(f"{hub_id} has no {INDEX}: take the repository of the same name that ends in -Diffusers")
    return found, files


def _list(hub_id: str, revision: str | None) -> tuple[str, list[HubFile]]:
    """The revision, and all files of the repository."""
    hub = HfApi(library_name="wanserve")
    info = hub.model_info(hub_id, revision=revision, files_metadata=True, timeout=LISTING_SECONDS)
    files = [
        HubFile(file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else str(file.blob_id), bool(file.lfs))
        for file in info.siblings or ()
    ]
    return str(info.sha), files


def _check_disk_space(download: Download, files: Sequence[HubFile]) -> None:
    needed = RESERVED_BYTES + sum(download.missing_bytes(file) for file in files)
    # During the conversion the text encoder is on the disk twice: in fp32 and, half as large, in bf16.
    needed += sum(file.bytes for file in files if file.name.startswith("text_encoder/")) // 2
    free = shutil.disk_usage(download.folder).free
    if free < needed:
        raise SetupError(
            f"the disk of {download.folder} has {free / 1e9:.1f} GB free, and fetching {download.hub_id} "
            f"takes {needed / 1e9:.1f} GB: make room, or choose another data directory"
        )


def _is_converted(partial: Path) -> bool:
    """Whether the text encoder is complete and not in fp32."""
    try:
        return check_part(partial / "text_encoder", PART_SPECS["text_encoder"]).dtype != "F32"
    except SetupError:
        return False


def _replace_text_encoder(partial: Path) -> None:
    """Replace the downloaded text encoder by the converted one. Remove an unfinished conversion."""
    shutil.rmtree(partial / "text_encoder.unfinished", ignore_errors=True)
    converted = partial / "text_encoder.bf16"
    if converted.is_dir():
        shutil.rmtree(partial / "text_encoder", ignore_errors=True)
        converted.rename(partial / "text_encoder")


def explain(error: Exception, hub_id: str) -> str:
    """One line for the user: what went wrong and what to do."""
    resume = "what was downloaded is kept: run this again to continue"
    match error:
        case WanserveError():
            line = str(error)
        case GatedRepoError():
            line = (
                f"{hub_id} requires that you accept its terms: do so at {constants.ENDPOINT}/{hub_id} and set HF_TOKEN"
            )
        case RepositoryNotFoundError():
            line = f"{constants.ENDPOINT} has no {hub_id}, or it is private: check the name, or set HF_TOKEN"
        case RevisionNotFoundError():
            line = f"the revision of {hub_id} that was started is gone: remove the partial folder and run this again"
        case HfHubHTTPError() if error.response.status_code == 401:
            line = f"{constants.ENDPOINT} refuses the token: set another HF_TOKEN, or unset it"
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            line = f"the disk is full: make room; {resume}"
        case _:
            reason = next((text.strip() for text in str(error).splitlines() if text.strip()), "no reason given")
            line = f"fetching {hub_id} from {constants.ENDPOINT} failed: {type(error).__name__}: {reason}; {resume}"
    return line


def main(arguments: Sequence[str] | None = None) -> int:
    """Pull the weights that the command line names. Returns the exit status: 0, or 1 after one line on stderr."""
    parser = argparse.ArgumentParser("python -m wanserve.models.download")
    parser.add_argument("hub_id")
    parser.add_argument("folder", type=Path)
    parser.add_argument("experts", type=int, nargs="?", choices=(1, 2), default=1)
    parser.add_argument("--file", dest="files", action="append", help="these files alone, as they are")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.files:
            pull_files(options.hub_id, options.folder.absolute(), options.files)
        else:
            pull(options.hub_id, options.folder.absolute(), options.experts)
    except KeyboardInterrupt:
        line = f"fetching {options.hub_id} was stopped: run this again to continue"
    except Exception as error:  # noqa: BLE001 - the outermost frame of this process
        line = explain(error, options.hub_id)
    else:
        return 0
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
    return 1


if __name__ == "__main__":
    # Not sys.exit, which waits for the threads: a thread that gets no answer from the hub takes a minute to end.
    os._exit(main())
