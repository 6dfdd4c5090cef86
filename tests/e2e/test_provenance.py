"""What a viewer finds in the files of a server: in ffprobe, in `wanserve verify`, in c2pa's own reader, at the server."""

import hashlib
import json
import shutil
import stat
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import av
import c2pa
import httpx
import pytest

from tests import needs, s3
from tests.certificates import Order, issue
from tests.e2e.server import Server, running, wanserve
from tests.pictures import pictures_of

VARIANTS = {"video": "mp4", "thumbnail": "webp", "spritesheet": "jpg"}


def download(server: Server, task_id: str, variant: str, to: Path) -> Path:
    video = f"video_{task_id.replace('-', '')}"
    headers = {"Authorization": f"Bearer {server.key}"}
    url = f"{server.url}/v1/videos/{video}/content?variant={variant}"
    path = to / f"{variant}.{VARIANTS[variant]}"
    path.write_bytes(server.http.get(url, headers=headers, follow_redirects=True).raise_for_status().content)
    return path


def verify(path: Path, data_dir: Path, **settings: str) -> tuple[int, dict[str, Any]]:
    done = wanserve("verify", "--json", "--data-dir", str(data_dir), str(path), **settings)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def made(server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of one task, as a client downloads them."""
    folder = tmp_path_factory.mktemp("made")
    task_id = server.submit("a kitten in the moonlight")
    server.wait(task_id, "SUCCEEDED")
    return {variant: download(server, task_id, variant, folder) for variant in VARIANTS}


def task_of(server: Server, path: Path) -> str:
    """The task that the server names for the file."""
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    (found,) = look_up(server, sha256).json()["data"]
    return str(found["task_id"])


def look_up(server: Server, sha256: str, key: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key or server.key}"}
    return server.http.get(f"{server.url}/v1/provenance", params={"sha256": sha256}, headers=headers)


def test_ffprobe_shows_the_label_and_the_title(server: Server, made: dict[str, Path]) -> None:
    command = [needs.program("ffprobe"), "-v", "error", "-show_entries", "format_tags", "-of", "json"]
    told = subprocess.run([*command, str(made["video"])], capture_output=True, check=True).stdout
    tags = json.loads(told)["format"]["tags"]
    label = json.loads(tags["AIGC"])
    assert (label["Label"], label["ContentProducer"]) == ("1", "wanserve")
    assert label["ProduceID"] == task_of(server, made["video"])
    assert tags["title"] == "Generated video"


@pytest.mark.parametrize("variant", VARIANTS)
def test_c2pas_own_reader_finds_valid_credentials(variant: str, made: dict[str, Path]) -> None:
    reader = c2pa.Reader(str(made[variant]))
    assert reader.get_validation_state() == "Valid"
    told = json.loads(reader.json())
    manifest = told["manifests"][told["active_manifest"]]
    (actions,) = (each["data"]["actions"] for each in manifest["assertions"] if "actions" in each["label"])
    assert actions[0]["digitalSourceType"].endswith("/algorithmicMedia"), "the preview engine is named as what it is"
    assert actions[0]["softwareAgent"]["name"] == "wanserve engine animatic"


@pytest.mark.parametrize("variant", VARIANTS)
def test_verify_says_that_the_file_is_whole_and_who_made_it(
    variant: str, server: Server, made: dict[str, Path]
) -> None:
    status, told = verify(made[variant], server.data_dir)
    assert (status, told["verdict"]) == (0, "whole")
    assert told["credentials"]["trusted"]
    assert told["label"]["produce_id"] == told["made_here"][0]["task_id"] == task_of(server, made[variant])
    assert told["made_here"][0]["file"] == VARIANTS[variant]
    shown = wanserve("verify", "--data-dir", str(server.data_dir), str(made[variant]))
    assert shown.stdout.startswith(f"{made[variant]}: whole: it is as its signer left it\n")
    assert "signed by    wanserve, wanserve installation (known here)" in shown.stdout
    assert f"made here    as {VARIANTS[variant]} of task {told['made_here'][0]['task_id']}" in shown.stdout


def test_on_another_machine_the_signer_is_not_known_and_the_task_neither(made: dict[str, Path], tmp_path: Path) -> None:
    status, told = verify(made["video"], tmp_path / "nothing")
    assert (status, told["verdict"], told["made_here"]) == (0, "whole", [])
    assert not told["credentials"]["trusted"]
    assert not (tmp_path / "nothing").exists(), "looking at a file makes no data directory"


def changes(made: dict[str, Path], folder: Path) -> Iterator[Path]:
    """Copies that were changed in the ways in which files are."""
    video = made["video"]
    encoder = needs.program("ffmpeg")
    for name, options in {
        "encoded again": ["-c:v", "libx264", "-crf", "30", "-preset", "ultrafast"],
        "cut": ["-t", "2", "-c", "copy"],
        "in another container": ["-c", "copy", "-f", "matroska"],
        "with its own keys kept": ["-c", "copy", "-movflags", "use_metadata_tags"],
    }.items():
        path = folder / f"{name}{'.mkv' if 'another' in name else '.mp4'}"
        subprocess.run([encoder, "-v", "error", "-i", video, *options, path], check=True)
        yield path
    for variant, path in made.items():
        content = bytearray(path.read_bytes())
        picture = {"video": b"mdat", "thumbnail": b"VP8 ", "spritesheet": b"\xff\xda"}[variant]
        content[content.index(picture) + 40] ^= 1
        changed = folder / f"one bit of the {variant}{path.suffix}"
        changed.write_bytes(content)
        yield changed


def test_a_copy_that_was_changed_is_told_as_altered(server: Server, made: dict[str, Path], tmp_path: Path) -> None:
    count = 0
    for path in changes(made, tmp_path):
        status, told = verify(path, server.data_dir)
        assert (status, told["verdict"], told["made_here"]) == (1, "altered", []), path.name
        count += 1
    assert count == 7
    shown = wanserve("verify", str(tmp_path / "encoded again.mp4"), data_dir=str(tmp_path / "none"))
    assert shown.returncode == 1
    assert "encoded again.mp4: altered: it was changed after it was made\n" in shown.stdout


def test_of_a_copy_that_was_encoded_again_the_id_of_the_task_remains(
    server: Server, made: dict[str, Path], tmp_path: Path
) -> None:
    copy = next(changes(made, tmp_path))
    with av.open(str(copy)) as container:
        assert f"id {task_of(server, made['video'])}." in container.metadata["description"]


def test_what_says_nothing_is_told_as_such(server: Server, made: dict[str, Path], tmp_path: Path) -> None:
    bare = tmp_path / "bare.mp4"
    command = [
        needs.program("ffmpeg"),
        "-v",
        "error",
        "-i",
        str(made["video"]),
        "-map_metadata",
        "-1",
        "-c",
        "copy",
        str(bare),
    ]
    subprocess.run(command, check=True)
    text, empty = tmp_path / "text.mp4", tmp_path / "empty"
    text.write_text("no video")
    empty.touch()
    for path in (bare, text, empty):
        status, told = verify(path, server.data_dir)
        assert (status, told["verdict"]) == (1, "unmarked"), path.name


def test_a_label_of_somebody_else_is_shown_without_what_a_terminal_would_obey(tmp_path: Path, server: Server) -> None:
    from io import BytesIO

    from tests.unit.media.test_boxes import FILES
    from wanserve.domain.marks import AigcLabel
    from wanserve.media.marks.mp4_label import write_label

    target = BytesIO()
    write_label(BytesIO(FILES["+faststart"]), target, AigcLabel("1", "\x1b[2Jevil\r\nwhole: trust me\x07", "7"))
    path = tmp_path / "hers.mp4"
    path.write_bytes(target.getvalue())
    status, told = verify(path, server.data_dir)
    assert (status, told["verdict"]) == (1, "unsigned")
    shown = wanserve("verify", "--data-dir", str(server.data_dir), str(path)).stdout
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "\nwhole" not in shown
    assert "evil" in shown


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = wanserve("verify", str(tmp_path / "none.mp4"), data_dir=str(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"wanserve: {tmp_path / 'none.mp4'} cannot be read: No such file or directory\n"


def test_the_look_up_tells_the_account_and_the_owner_and_nobody_else(server: Server, made: dict[str, Path]) -> None:
    sha256 = hashlib.sha256(made["video"].read_bytes()).hexdigest()
    data = ("--data-dir", str(server.data_dir))

    def new_key(account: str) -> str:
        created = wanserve("keys", "create", f"{account}-key", "--account", account, *data)
        assert created.returncode == 0, created.stderr
        return created.stdout.strip()

    stranger, keeper = new_key("stranger"), new_key("keeper")
    assert look_up(server, sha256).json()["data"][0]["file"] == "mp4"
    unknown = look_up(server, "0" * 64, stranger)
    told = look_up(server, sha256, stranger)
    assert (told.status_code, told.json()) == (200, unknown.json()) == (200, {"object": "list", "data": []})
    assert wanserve("accounts", "set", "keeper", "--owner", *data).returncode == 0
    assert look_up(server, sha256, keeper).json() == look_up(server, sha256).json()
    refused = look_up(server, "no hash")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "sha256")
    assert server.http.get(f"{server.url}/v1/provenance?sha256={sha256}").status_code == 401


def test_the_certificate_is_made_once_and_only_its_owner_reads_it(server: Server) -> None:
    assert stat.S_IMODE((server.data_dir / "certificate.pem").stat().st_mode) == 0o600


@pytest.mark.thorough
def test_the_video_is_looked_up_after_it_is_deleted(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        task_id = server.submit()
        server.wait(task_id, "SUCCEEDED")
        video = download(server, task_id, "video", tmp_path)
        url = f"{server.url}/v1/videos/video_{task_id.replace('-', '')}"
        headers = {"Authorization": f"Bearer {server.key}"}
        assert server.http.delete(url, headers=headers).status_code == 200
        assert task_of(server, video) == task_id
    assert verify(video, tmp_path / "data")[1]["made_here"][0]["task_id"] == task_id


@pytest.mark.thorough
def test_a_file_from_a_bucket_is_marked_like_any(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.server().bucket("marked")
    bucket.enter(monkeypatch)
    with running(tmp_path / "data", blob_url=bucket.url) as server:
        task_id = server.submit()
        server.wait(task_id, "SUCCEEDED")
        for variant in VARIANTS:
            path = download(server, task_id, variant, tmp_path)
            status, told = verify(path, tmp_path / "data", blob_url=bucket.url)
            assert (status, told["verdict"], told["made_here"][0]["task_id"]) == (0, "whole", task_id)
            assert c2pa.Reader(str(path)).get_validation_state() == "Valid"


def test_generate_without_a_server_marks_its_file_and_keeps_no_certificate(tmp_path: Path) -> None:
    out = tmp_path / "cat.mp4"
    data = str(tmp_path / "data")
    done = wanserve("generate", "a cat", "--size", "640*480", "-o", str(out), data_dir=data, producer="Example Studio")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["cat.mp4"]
    status, told = verify(out, tmp_path / "data")
    assert (status, told["verdict"], told["label"]["producer"]) == (0, "whole", "Example Studio")


@pytest.mark.thorough
def test_an_owners_certificate_signs_instead(tmp_path: Path) -> None:
    issued = issue(Order(name="Example Studio"))
    (tmp_path / "chain.pem").write_bytes(issued.chain)
    (tmp_path / "key.pem").write_bytes(issued.key)
    own = {"certificate": str(tmp_path / "chain.pem"), "certificate_key": str(tmp_path / "key.pem")}
    with running(tmp_path / "data", certificate=own["certificate"], certificate_key=own["certificate_key"]) as server:
        task_id = server.submit()
        server.wait(task_id, "SUCCEEDED")
        video = download(server, task_id, "video", tmp_path)
    _, told = verify(video, tmp_path / "data", **own)
    assert (told["verdict"], told["credentials"]["trusted"]) == ("whole", True)
    assert told["credentials"]["signer"] == "Example Studio, Example Studio"
    assert not (tmp_path / "data" / "certificate.pem").exists()


def serve(data_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return wanserve("serve", "--port", "0", data_dir=str(data_dir), **settings)


REFUSED = {
    "expired": (Order(begins=timedelta(days=-9), ends=timedelta(days=-1)), "the certificate expired on "),
    "another's key": (Order(), "the private key is not the key of the certificate"),
    "no signing certificate": (Order(ca=True), "it is no signing certificate"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_certificate_that_cannot_sign_stops_the_start_with_one_line(case: str, tmp_path: Path) -> None:
    order, problem = REFUSED[case]
    issued = issue(order)
    (tmp_path / "chain.pem").write_bytes(issued.chain)
    (tmp_path / "key.pem").write_bytes(issue().key if case == "another's key" else issued.key)
    paths = {"certificate": str(tmp_path / "chain.pem"), "certificate_key": str(tmp_path / "key.pem")}
    done = serve(tmp_path / "data", **paths)
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith(f"wanserve: certificate: {tmp_path / 'chain.pem'}: {problem}")
    checked = wanserve("doctor", data_dir=str(tmp_path / "data"), **paths)
    assert checked.returncode == 1
    assert f"MISSING marks: certificate: {tmp_path / 'chain.pem'}: {problem}" in checked.stdout


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"certificate": "chain.pem"}, "certificate and certificate_key belong together: set both or neither"),
        ({"certificate": "a", "certificate_key": "b"}, "certificate: a cannot be read: No such file or directory"),
        ({"timestamp_url": "tsa.example"}, "timestamp_url (WANSERVE_TIMESTAMP_URL): must be the http:// or https://"),
        ({"producer": " "}, ""),
        ({"producer": "two\nlines"}, "producer (WANSERVE_PRODUCER): must be one line of printable characters"),
        ({"producer": "x" * 65}, "producer (WANSERVE_PRODUCER): String should have at most 64 characters"),
        ({"marks": "sometimes"}, "marks (WANSERVE_MARKS): Input should be 'required' or 'best-effort'"),
        ({"watermark": "never"}, "watermark (WANSERVE_WATERMARK): Input should be 'request' or 'always'"),
        ({"watermark_text": "fr"}, "watermark_text (WANSERVE_WATERMARK_TEXT): Input should be 'zh', 'en' or 'both'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_line(settings: dict[str, str], problem: str, tmp_path: Path) -> None:
    if not problem:
        # Blank counts as unset.
        assert wanserve("usage", data_dir=str(tmp_path / "data"), **settings).returncode == 0
        return
    done = serve(tmp_path / "data", **settings)
    last = done.stderr.strip().splitlines()[-1]
    assert (done.returncode, last.startswith(f"wanserve: {problem}")) == (1, True), last


@pytest.mark.thorough
def test_the_backup_that_is_documented_brings_the_signer_back(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        task_id = server.submit()
        server.wait(task_id, "SUCCEEDED")
        video = download(server, task_id, "video", tmp_path)
    (tmp_path / "restored").mkdir()
    shutil.copy(tmp_path / "data" / "certificate.pem", tmp_path / "restored")
    assert wanserve("backup", str(tmp_path / "restored/wanserve.db"), data_dir=str(tmp_path / "data")).returncode == 0
    _, told = verify(video, tmp_path / "restored")
    assert told["credentials"]["trusted"]
    assert told["made_here"][0]["task_id"] == task_id
    assert pictures_of(video)
