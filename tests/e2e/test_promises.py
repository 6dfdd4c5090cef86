"""What the README promises and no other module proves from end to end: the demo, hashed keys, nothing beside the command."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tests.e2e.server import Server, environment, running
from wanserve.domain.generation import Generation
from wanserve.media import probe

ROOT = Path(__file__).parents[2]
LISTENING = "0A"
"""How Linux writes the state of a socket that listens."""


def test_the_demo_leaves_the_documents_video(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "demo.py")]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["kitten.mp4"]
    kitten = Generation("wan2.2-t2v-plus", "A kitten running in the moonlight", "", 1920, 1080, 150, 30, 0)
    assert says_what_it_is(probe.check(tmp_path / "kitten.mp4", kitten))


def test_a_video_of_the_preview_engine_is_playable_and_says_what_it_is(server: Server, tmp_path: Path) -> None:
    output = server.wait(server.submit("two dogs", seed=7), "SUCCEEDED")
    file = tmp_path / "dogs.mp4"
    file.write_bytes(server.http.get(str(output["video_url"])).content)
    # Decodes every frame, and holds size, length and rate to what was asked.
    facts = probe.check(file, Generation("wan2.2-t2v-plus", "two dogs", "", 640, 480, 150, 30, 7))
    assert facts.codec == "h264"
    assert says_what_it_is(facts)


def says_what_it_is(facts: probe.VideoFacts) -> bool:
    """Whether the file names the engine that drew it."""
    return "animatic" in " ".join(facts.tags.values())


def test_no_file_holds_a_key_and_the_database_holds_its_hash(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--no-worker") as server:
        server.submit()
        stored = {file.name: file.read_bytes() for file in server.data_dir.rglob("*") if file.is_file()}
        secret = server.key
    assert [name for name, content in stored.items() if secret.encode() in content] == []
    database = b"".join(content for name, content in stored.items() if name.startswith("wanserve.db"))
    assert sha256(secret.encode()).hexdigest().encode() in database


def test_there_is_one_child_one_port_and_one_folder_and_nothing_beside(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        server.wait(server.submit(), "SUCCEEDED")
        tree = [server.process.pid, *descendants(server.process.pid)]
        assert tree == [server.process.pid, server.child_pid()]
        assert ports(tree) == [int(server.url.rpartition(":")[2])]
        names = {path.name for path in server.data_dir.iterdir()}
    assert {"wanserve.db", "blobs", "scratch", "link-secret"} <= names
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "data.log"]


def descendants(pid: int) -> list[int]:
    """The processes that this one has started, and theirs."""
    children = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return [*children, *(one for child in children for one in descendants(child))]


def ports(pids: list[int]) -> list[int]:
    """The TCP ports at which these processes listen."""
    links = [str(link.readlink()) for pid in pids for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    tables = [Path("/proc/net") / name for name in ("tcp", "tcp6")]
    rows = [line.split() for table in tables if table.exists() for line in table.read_text().splitlines()[1:]]
    return sorted(
        int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in links
    )
