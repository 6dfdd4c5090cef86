"""Which task made a file: told to the account that made it and to the server's owner, and to nobody else."""

from dataclasses import replace

import pytest

from tests.samples import VIDEO, unaccepted
from wanserve.domain.account import Key
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.marks import MadeFile
from wanserve.domain.task import Succeeded
from wanserve.provenance import Provenance
from wanserve.store.memory import MemoryTasks

HASH = "ab" * 32
ANN = Key("ann", "ann", "0" * 64, 0)
BEN = replace(ANN, name="ben", account="ben")


@pytest.fixture
def provenance() -> Provenance:
    store = MemoryTasks(lambda: 5000)
    store.add(unaccepted("ann"), 10).result()
    task = store.claim("worker", ["wan2.2-t2v-plus"], 60, None)
    assert task is not None
    assert store.settle(task, Succeeded(VIDEO, {"mp4": HASH, "webp": "cd" * 32}))
    return Provenance(store)


@pytest.mark.parametrize("sha256", [HASH, HASH.upper()])
def test_the_account_that_made_it_finds_it(provenance: Provenance, sha256: str) -> None:
    (found,) = provenance.made_by(ANN, sha256)
    (usage,) = provenance.store.usage(None)
    assert found == MadeFile(usage.task_id, "ann", "mp4", "wan2.2-t2v-plus", "animatic", usage.ended_ms)


def test_another_account_learns_as_much_as_of_a_file_that_nobody_made(provenance: Provenance) -> None:
    assert provenance.made_by(BEN, HASH) == provenance.made_by(BEN, "0" * 64) == []


def test_the_servers_owner_finds_it(provenance: Provenance) -> None:
    assert provenance.made_by(replace(BEN, owner=True), HASH) == provenance.made_by(ANN, HASH) == provenance.find(HASH)


@pytest.mark.parametrize("text", ["", "a", HASH[:-1], HASH + "a", "g" * 64, f" {HASH[1:]}", "٠" * 64, f"{HASH}\n"])
def test_what_is_no_hash_is_refused(provenance: Provenance, text: str) -> None:
    with pytest.raises(InvalidRequest, match="sha256: must be the SHA-256 of a file, as 64 hex digits"):
        provenance.made_by(ANN, text)
