"""The limits of one account, set on the command line while a server serves."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.e2e.faults.harness import rig
from tests.e2e.server import POLL, SUBMIT, Server, running, wanserve
from wanserve.core import open_core
from wanserve.domain.catalogue import MODELS
from wanserve.settings import Settings

GOOD = {"model": "wan2.2-t2v-plus", "input": {"prompt": "a cat"}, "parameters": {"size": "640*480"}}


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that makes nothing, so that what is queued stays so. Its rates refill within a millisecond or two."""
    with running(
        tmp_path_factory.mktemp("accounts") / "data", "--no-worker", submit_rps="1000", query_rps="1000"
    ) as started:
        yield started


def new_account(server: Server, name: str) -> str:
    """An account's first key."""
    made = wanserve("keys", "create", name, "--account", name, "--data-dir", str(server.data_dir))
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def limit(server: Server, name: str, *limits: str) -> None:
    """Set an account's limits."""
    done = wanserve("accounts", "set", name, *limits, "--data-dir", str(server.data_dir))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def statuses(server: Server, path: str, body: object, key: str, count: int = 3) -> list[int]:
    """What so many requests, one right after the other, are answered."""
    return [server.post(path, body, key).status_code for _ in range(count)]


@pytest.mark.parametrize(
    ("flag", "path", "body", "passed"),
    [("--submit-rps", SUBMIT, GOOD, 200), ("--query-rps", POLL, {"task_id": "none"}, 404)],
)
def test_a_rate_counts_from_the_next_request_on_and_default_undoes_it(
    idle: Server, flag: str, path: str, body: object, passed: int
) -> None:
    name = flag.strip("-")
    key, other = new_account(idle, name), new_account(idle, f"other-{name}")
    assert statuses(idle, path, body, key) == [passed] * 3
    limit(idle, name, flag, "0.001")
    assert statuses(idle, path, body, key) == [passed, 429, 429]
    refused = idle.post(path, body, key)
    assert int(refused.headers["retry-after"]) > 900
    assert refused.json()["code"] == "Throttling.RateQuota"
    assert statuses(idle, path, body, other) == [passed] * 3
    limit(idle, name, flag, "default")
    assert statuses(idle, path, body, key) == [passed] * 3


def test_a_queue_limit_is_the_accounts_own_and_default_undoes_it(idle: Server) -> None:
    key, other = new_account(idle, "queue"), new_account(idle, "other-queue")
    assert statuses(idle, SUBMIT, GOOD, key, 1) == [200]
    limit(idle, "queue", "--max-queued", "2")
    assert statuses(idle, SUBMIT, GOOD, key) == [200, 429, 429]
    assert idle.post(SUBMIT, GOOD, key).json()["code"] == "Throttling.AllocationQuota"
    assert statuses(idle, SUBMIT, GOOD, other) == [200] * 3
    limit(idle, "queue", "--max-queued", "default")
    assert statuses(idle, SUBMIT, GOOD, key) == [200] * 3


def test_beyond_its_running_limit_an_account_waits_and_others_go_on(tmp_path: Path) -> None:
    """The worker's engine is held while other attempts are claimed, as by workers beside it that never end."""
    with rig(tmp_path, lease_seconds="600") as made:
        mine, theirs = new_account(made.server, "mine"), new_account(made.server, "theirs")
        made.accept_held("hold", theirs)
        with closing(open_core(Settings(data_dir=made.data_dir, lease_seconds=600))) as beside:
            running_ids = [made.accept(key=mine), made.accept(key=theirs), made.accept(key=theirs)]
            assert {task.id for task in (beside.tasks.claim("worker", MODELS) for _ in running_ids) if task} == set(
                running_ids
            )
        limit(made.server, "mine", "--max-running", "1")
        # Theirs has more tasks that run, so without the limit mine would be the next to be made.
        waiting, other = made.accept(key=mine), made.accept(key=theirs)
        made.release()
        made.assert_made_once(other)
        assert made.row("state", waiting) == "PENDING"
        limit(made.server, "mine", "--max-running", "default")
        made.assert_made_once(waiting)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "the following arguments are required: NAME"),
        (["nobody"], "give at least one limit, or --owner or --no-owner"),
        (["nobody", "--max-queued", "many"], "must be a whole number or default, and 'many' is neither"),
        (["nobody", "--max-queued", "1.5"], "must be a whole number or default, and '1.5' is neither"),
        (["nobody", "--submit-rps", "fast"], "must be a number or default, and 'fast' is neither"),
        (["nobody", "--max-running"], "expected one argument"),
    ],
)
def test_wrong_usage_is_exit_status_2_and_makes_nothing(tmp_path: Path, arguments: list[str], says: str) -> None:
    data = tmp_path / "data"
    done = wanserve("accounts", "set", *arguments, "--data-dir", str(data))
    assert done.returncode == 2
    assert "usage: wanserve accounts set" in done.stderr
    assert says in done.stderr
    assert not data.exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody", "--max-queued", "5"], "account: there is no account nobody"),
        (["nobody", "--owner"], "account: there is no account nobody"),
        (["ann", "--owner", "--max-queued", "0"], "max_queued: must be more than 0 and at most 1000000"),
        (["ann", "--max-queued", "0"], "max_queued: must be more than 0 and at most 1000000"),
        (["ann", "--max-running", "-3"], "max_running: must be more than 0 and at most 1000000"),
        (["ann", "--submit-rps", "nan"], "submit_rps: must be more than 0 and at most 1000000"),
        (["ann", "--max-queued", "9", "--query-rps", "1e9"], "query_rps: must be more than 0 and at most 1000000"),
    ],
)
def test_a_wrong_limit_is_one_clear_line_and_changes_nothing(
    idle: Server, tmp_path: Path, arguments: list[str], says: str
) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    assert wanserve("keys", "create", "one", "--account", "ann", *data).returncode == 0
    done = wanserve("accounts", "set", *arguments, *data)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"wanserve: {says}\n")
    (row,) = json.loads(wanserve("accounts", "list", "--json", *data).stdout)
    assert set(row.values()) == {"ann", row["created"], None, False}


@pytest.mark.thorough
def test_the_accounts_are_listed_with_what_is_their_own(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "data"))
    assert wanserve("accounts", "list", *data).stdout == "none\n"
    for name in ("ann", "ben"):
        assert wanserve("keys", "create", name, "--account", name, *data).returncode == 0
    wanserve("accounts", "set", "ben", "--submit-rps", "0.5", "--max-queued", "7", "--owner", *data)
    ann, ben = json.loads(wanserve("accounts", "list", "--json", *data).stdout)
    assert (ann["name"], ben["name"]) == ("ann", "ben")
    limits = ("submit_rps", "query_rps", "max_queued", "max_running")
    assert [ann[limit] for limit in limits] == [None] * 4
    assert [ben[limit] for limit in limits] == [0.5, None, 7, None]
    assert (ann["owner"], ben["owner"]) == (False, True)
    listed = wanserve("accounts", "list", *data).stdout.splitlines()
    assert re.split(r" {2,}", listed[0].strip()) == ["name", "created", *limits, "owner"]
    assert [re.split(r" {2,}", line.strip())[2:] for line in listed[1:]] == [
        [*["default"] * 4, "no"],
        ["0.5", "default", "7", "default", "yes"],
    ]
    assert wanserve("accounts", "set", "ben", "--no-owner", *data).returncode == 0
    _, ben = json.loads(wanserve("accounts", "list", "--json", *data).stdout)
    assert (ben["owner"], ben["max_queued"]) == (False, 7)
