"""What any file says of where it comes from: read without asking anybody, whatever the file is."""

import hashlib
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.certificates import issue
from tests.marks import MARKS
from wanserve.domain.marks import AigcLabel, DigitalSource, Origin
from wanserve.domain.task import Variant
from wanserve.media.marks.inspection import inspect
from wanserve.media.marks.marker import MARKED, Marker


@pytest.fixture
def marked(files: dict[Variant, Path], origin: Origin) -> dict[Variant, Path]:
    """The files of an attempt with all marks."""
    Marker.by(MARKS).mark(files, origin)
    return files


@pytest.mark.parametrize("kind", MARKED)
def test_all_marks_of_a_file_are_found(kind: Variant, marked: dict[Variant, Path], origin: Origin) -> None:
    path = marked[kind]
    found = inspect(path, MARKS.certificate.chain)
    assert (found.kind, found.problems) == (kind.media_type, [])
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.label == AigcLabel("1", "Example Studio", origin.task_id)
    assert found.credentials is not None
    assert found.credentials.trusted
    if kind is Variant.VIDEO:
        assert set(found.tags) == {"title", "artist", "comment", "description"}
    else:
        assert found.source == DigitalSource.TRAINED.uri
        assert found.program.startswith("wanserve ")


def test_the_kind_is_that_of_the_content_and_not_of_the_name(marked: dict[Variant, Path], tmp_path: Path) -> None:
    for kind in MARKED:
        path = tmp_path / f"{kind}.txt"
        path.write_bytes(marked[kind].read_bytes())
        found = inspect(path, issue().root)
        assert found.kind == kind.media_type
        assert found.credentials is not None
        assert not found.credentials.trusted, "by another root"


def test_as_a_program_it_answers_with_json(marked: dict[Variant, Path]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "wanserve.media.marks.inspection", str(marked[Variant.VIDEO])],
        input=MARKS.certificate.chain,
        capture_output=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert (told["credentials"]["trusted"], told["label"]["label"]) == (True, "1")


def test_a_list_of_other_files_is_not_followed(tmp_path: Path, marked: dict[Variant, Path]) -> None:
    """A playlist may name a file of another machine, or one beside it that is nobody's business."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        playlist, concat = tmp_path / "list.m3u8", tmp_path / "list.ffconcat"
        playlist.write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.ts\n#EXT-X-ENDLIST\n"
        )
        concat.write_text(f"ffconcat version 1.0\nfile {marked[Variant.VIDEO]}\n")
        for path in (playlist, concat):
            found = inspect(path)
            assert (found.kind, found.tags, found.label, found.credentials) == ("", {}, None, None)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\0\0\0\x08ftyp", b"\xff\xd8\xff\xe1", b"RIFF\0\0\0\0WEBP", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_none_of_these_files_says_nothing(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    found = inspect(path)
    assert (found.tags, found.label, found.credentials) == ({}, None, None)
