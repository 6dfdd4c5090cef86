"""The command line as scripts rely on it: what goes where, exit statuses, one clear line and no trace."""

import json
import os
import re
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from uuid import UUID

import pytest

from tests.e2e.server import WANSERVE, Server, environment, running, wanserve
from tests.pictures import pictures_of
from wanserve.domain.generation import Generation
from wanserve.media import probe


def told(*arguments: str, **settings: str) -> str:
    """What a command that goes well prints."""
    done = wanserve(*arguments, **settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*arguments: str, **settings: str) -> str:
    """The one line of a command that fails."""
    done = wanserve(*arguments, **settings)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"wanserve: [^\n]+\n", done.stderr), done.stderr
    return done.stderr


def test_generate_makes_a_video_with_no_server_store_lock_or_ledger(tmp_path: Path) -> None:
    data = tmp_path / "data"
    out = tmp_path / "cat.mp4"
    arguments = ("generate", "a zorgblatt in the snow", "-o", str(out), "--size", "640*480", "--seed", "7")
    done = wanserve(*arguments, data_dir=str(data))
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{out}\n"
    assert 'no picture for "zorgblatt"' in done.stderr
    assert not data.exists()
    assert [file.name for file in tmp_path.iterdir()] == ["cat.mp4"]
    facts = probe.check(out, Generation("wan2.2-t2v-plus", "x", "", 640, 480, 150, 30, 7))
    assert "animatic" in " ".join(facts.tags.values())
    first = pictures_of(out)
    assert wanserve(*arguments).returncode == 0
    assert pictures_of(out) == first


def test_generate_goes_through_a_server_where_it_is_told_one(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "dog.mp4"
    through = ("--url", server.url, "--key", server.key, "--size", "640*480", "-o", str(out))
    done = wanserve("generate", "a dog at the beach", *through, "--negative", "clouds", "--seed", "3")
    assert done.returncode == 0, done.stderr
    made = re.search(r"video_(\w+) succeeded", done.stderr)
    assert made
    shown = json.loads(told("tasks", "show", str(UUID(made[1])), "--json", "--data-dir", str(server.data_dir)))
    assert (shown["negative_prompt"], shown["seed"], shown["width"]) == ("clouds", 3, 640)
    assert out.stat().st_size == shown["video"]["size_bytes"]
    assert shown["video"]["scene"]["place"] == "beach"
    assert [lead["name"] for lead in shown["video"]["scene"]["leads"]] == ["dog"]


@pytest.mark.thorough
def test_generate_says_plainly_what_is_wrong(server: Server, tmp_path: Path) -> None:
    out = ("-o", str(tmp_path / "x.mp4"))
    assert "prompt: must not be blank" in refused("generate", " ", *out)
    assert "size: wan2.2-t2v-plus makes 640*480" in refused("generate", "a cat", "--size", "1*1", *out)
    assert "size: must be" in refused("generate", "a cat", "--size", "big", *out)
    assert "model: must be one of" in refused("generate", "a cat", "--model", "sora", *out)
    assert "seed: must be 0 to" in refused("generate", "a cat", "--seed", "-1", *out)
    assert "there is no folder" in refused("generate", "a cat", "-o", str(tmp_path / "no" / "x.mp4"))
    assert "engine" in refused("generate", "a cat", "--engine", "wan", *out)
    through = ("--url", server.url, "--key", server.key)
    assert "there is no folder" in refused("generate", "a cat", *through, "-o", str(tmp_path / "no" / "x.mp4"))
    assert "Is a directory" in wanserve("generate", "a cat", *through, "--size", "640*480", "-o", str(tmp_path)).stderr
    nowhere = ("--url", "http://127.0.0.1:1", "--key", "k")
    assert "the request to http://127.0.0.1:1 failed" in refused("generate", "a cat", *nowhere, *out)
    assert "is not the address of a server" in refused("generate", "a cat", "--url", "nowhere", "--key", "k", *out)
    wrong_key = wanserve("generate", "a cat", "--url", server.url, "--key", "k", *out)
    assert wrong_key.returncode == 1
    assert "the key is unknown or revoked" in wrong_key.stderr
    assert "Traceback" not in wrong_key.stderr
    assert not (tmp_path / "x.mp4").exists()


@pytest.mark.thorough
def test_generate_finds_the_server_and_its_key_in_the_environment(server: Server, tmp_path: Path) -> None:
    where = {"url": server.url, "key": server.key}
    out = tmp_path / "x.mp4"
    made = wanserve("generate", "a cat", "--size", "640*480", "-o", str(out), **where)
    assert (made.returncode, made.stdout) == (0, f"{out}\n"), made.stderr
    assert "video_" in made.stderr
    assert out.read_bytes()[4:8] == b"ftyp"
    # A flag comes first, and what only an engine takes is not for a server.
    assert "the key is unknown" in wanserve("generate", "a cat", "--key", "k", "-o", str(out), **where).stderr
    local = wanserve("generate", "a cat", "--size", "640*480", "--engine", "animatic", "-o", str(out), **where)
    assert local.returncode == 0
    assert "video_" not in local.stderr


def test_generate_makes_a_video_of_each_prompt_and_says_which_failed(server: Server, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a dog\n\n  a bird  \n")
    out = tmp_path / "out.mp4"
    arguments = ("generate", "a cat", "--file", str(prompts), "-o", str(out), "--size", "640*480", "--json")
    for where in (("--engine", "animatic"), ("--url", server.url, "--key", server.key)):
        done = wanserve(*arguments, *where)
        assert done.returncode == 0, done.stderr
        rows = sorted((json.loads(line) for line in done.stdout.splitlines()), key=lambda row: str(row["file"]))
        assert [row["prompt"] for row in rows] == ["a cat", "a dog", "a bird"]
        assert [row["file"] for row in rows] == [str(tmp_path / f"out-0{number}.mp4") for number in (1, 2, 3)]
        assert [row["recipe"]["size"] for row in rows] == ["640x480"] * 3
        assert all(Path(row["file"]).read_bytes()[4:8] == b"ftyp" for row in rows)
        assert "a dog: " in done.stderr
        # Only who makes the video knows the scene: a server is asked for it.
        leads = [row["scene"] and [lead["name"] for lead in row["scene"]["leads"]] for row in rows]
        assert leads == ([["cat"], ["dog"], ["bird"]] if "--engine" in where else [None] * 3)
    assert len({row["id"] for row in rows}) == 3
    (tmp_path / "out-02.mp4").unlink()
    (tmp_path / "out-02.mp4").mkdir()
    done = wanserve(*arguments, "--url", server.url, "--key", server.key)
    assert done.returncode == 1
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["file"], "Is a directory" in row["error"]) for row in rows if row["error"]] == [(None, True)]
    assert len(rows) == 3


def test_generate_reads_prompts_of_standard_input(tmp_path: Path) -> None:
    arguments = ["generate", "-", "-o", str(tmp_path / "out.mp4"), "--size", "640*480"]
    done = subprocess.run(
        [WANSERVE, *arguments],
        input="a cat\n",
        env=environment(),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'out.mp4'}\n"), done.stderr
    done = subprocess.run(
        [WANSERVE, *arguments], input="\n", env=environment(), capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 2
    assert "there is no prompt" in done.stderr


@pytest.mark.thorough
def test_the_command_that_a_first_start_ends_with_makes_a_video(tmp_path: Path) -> None:
    with running(tmp_path / "data") as server:
        key, _, command, *_ = server.log.read_text().partition("The key of account")[2].splitlines()
        assert key.endswith(server.key)
        where = environment() | {"PATH": f"{Path(WANSERVE).parent}:{os.environ['PATH']}"}
        shell = command.removeprefix("A first video: ")
        done = subprocess.run(
            ["bash", "-c", shell], cwd=tmp_path, env=where, capture_output=True, text=True, timeout=280, check=False
        )
    assert (done.returncode, done.stdout) == (0, "out.mp4\n"), done.stderr
    assert (tmp_path / "out.mp4").read_bytes()[4:8] == b"ftyp"


def test_nothing_is_made_where_one_of_several_prompts_cannot_be(tmp_path: Path) -> None:
    assert "prompt: must not be blank" in refused("generate", "a cat", " ", "-o", str(tmp_path / "out.mp4"))
    assert list(tmp_path.iterdir()) == []
    assert "No such file" in refused("generate", "--file", str(tmp_path / "none.txt"))
    (tmp_path / "latin.txt").write_bytes("für".encode("latin-1"))
    assert "is not a text in UTF-8" in refused("generate", "--file", str(tmp_path / "latin.txt"))


def test_keys_are_made_listed_restricted_and_revoked(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    secret = told("keys", "create", "one", "--account", "ann", "--models", "wanx2.1-t2v-turbo", *data)
    assert re.fullmatch(r"sk-[0-9a-f]{48}\n", secret)
    (row,) = json.loads(told("keys", "list", "--json", *data))
    assert (row["name"], row["account"], row["models"], row["revoked"]) == ("one", "ann", ["wanx2.1-t2v-turbo"], None)
    told("keys", "restrict", "one", *data)
    told("keys", "revoke", "one", *data)
    (row,) = json.loads(told("keys", "list", "--json", *data))
    assert row["models"] is None
    assert row["revoked"] is not None
    assert secret.strip() not in told("keys", "list", *data)
    assert "already" in refused("keys", "create", "one", *data)
    assert "no key named two" in refused("keys", "revoke", "two", *data)
    assert "models: sora is not one of" in refused("keys", "create", "two", "--models", "sora", *data)


def test_tasks_and_usage_tell_what_was_made(server: Server) -> None:
    data = ("--data-dir", str(server.data_dir))
    task_id = server.submit("two birds")
    server.wait(task_id, "SUCCEEDED")
    ended = json.loads(told("tasks", "list", "--all", "--json", *data))
    assert task_id in [row["id"] for row in ended]
    assert task_id not in told("tasks", "list", "--json", *data)
    assert "state: SUCCEEDED" in told("tasks", "show", task_id, *data)
    (bill,) = [row for row in json.loads(told("usage", "--json", *data)) if row["task_id"] == task_id]
    assert (bill["account"], bill["model"], bill["seconds"]) == ("default", "wan2.2-t2v-plus", 5.0)
    assert (bill["width"], bill["height"], bill["engine"]) == (640, 480, "animatic")
    assert task_id in told("usage", "--account", "default", *data)
    assert task_id not in told("usage", "--account", "nobody", *data)
    assert "is SUCCEEDED and cannot become CANCELED" in refused("tasks", "cancel", task_id, *data)
    assert "there is no task x" in refused("tasks", "show", "x", *data)


def test_models_tell_names_sizes_and_engine() -> None:
    rows = json.loads(told("models", "--json"))
    assert {row["name"]: row["default_size"] for row in rows} == {
        "wan2.2-t2v-plus": "1920*1080",
        "wanx2.1-t2v-turbo": "1280*720",
        "wanx2.1-t2v-plus": "1280*720",
    }
    assert {row["engine"] for row in rows} == {"animatic"}
    assert "640*480" in told("models")


@pytest.mark.thorough
def test_doctor_says_what_this_machine_can_run(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    findings = json.loads(told("doctor", "--json", *data))
    assert {"engine", "video", "SQLite", "data directory", "disk"} <= {finding["about"] for finding in findings}
    assert all(finding["fine"] is not False for finding in findings)
    assert "animatic" in told("doctor", *data)
    assert not (tmp_path / "data").exists()
    (tmp_path / "file").touch()
    blocked = wanserve("doctor", "--data-dir", str(tmp_path / "file" / "data"))
    assert blocked.returncode == 1
    assert "MISSING data directory: " in blocked.stdout


@pytest.mark.parametrize("arguments", [[], ["fly"], ["keys"], ["generate"], ["serve", "--port", "many"]])
def test_wrong_usage_is_exit_status_2(arguments: list[str]) -> None:
    assert wanserve(*arguments).returncode == 2


def test_a_setting_that_is_none_stops_the_start_with_its_name() -> None:
    assert "no_such (WANSERVE_NO_SUCH): there is no such setting" in refused("serve", no_such="1")
    assert "port" in refused("serve", "--port", "70000")


def test_a_data_directory_that_cannot_be_made_is_said_plainly() -> None:
    assert "the data directory /proc/nowhere cannot be made" in refused("keys", "list", "--data-dir", "/proc/nowhere")
    assert "the data directory /proc/nowhere cannot be made" in refused("serve", "--data-dir", "/proc/nowhere")


@pytest.mark.parametrize("answer", [b"[]", b"{}", b"<html>", b'{"openapi": "3.1.0"}'])
def test_an_address_that_is_no_wanserve_is_said_plainly(tmp_path: Path, answer: bytes) -> None:
    class Stranger(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        thread = threading.Thread(target=stranger.handle_request)
        thread.start()
        url = f"http://127.0.0.1:{stranger.server_port}"
        done = wanserve("generate", "a cat", "--url", url, "--key", "k", "-o", str(tmp_path / "x.mp4"))
        thread.join()
    assert done.returncode == 1
    assert "is there a wanserve at this address?" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_directory_that_cannot_be_locked_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    assert "lock" in refused("serve", "--port", "0", "--data-dir", str(tmp_path))


def test_the_version_is_told() -> None:
    assert re.fullmatch(r"wanserve \d+\.\d+\.\d+\n", told("--version"))
