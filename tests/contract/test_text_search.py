"""The contract of TaskStore where tasks are searched for a text of their prompts, or for their seed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.stores import STORES, opened
from tests.samples import unaccepted
from wanserve.domain.ports import TaskStore
from wanserve.domain.search import Search
from wanserve.domain.task import State
from wanserve.machine.clocks import now_ms

PROMPTS = {
    "cat": "A Cat in the RAIN, 100% wet",
    "ascii": "a cat_walk",
    "accents": "Ein großer Kater ÜBER dem Dach",
    "chinese": "一只小猫在月光下奔跑",
    "turkish": "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}stanbul",
}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TaskStore]:
    """Each store in turn, empty."""
    with opened(request.param, tmp_path, now_ms) as stores:
        yield stores.tasks


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, list(PROMPTS)),
        ("", list(PROMPTS)),
        ("cat", ["cat", "ascii"]),
        ("CAT", ["cat", "ascii"]),
        ("cat in the rain", ["cat"]),
        ("rain,  100", []),
        ("%", ["cat"]),
        ("100% WET", ["cat"]),
        ("1%t", []),
        ("_", ["ascii"]),
        ("cat_", ["ascii"]),
        ("a*", []),
        ("\\", []),
        ("'", []),
        ("小猫", ["chinese"]),
        ("月光下", ["chinese"]),
        ("月 光", []),
        ("kater ÜBER", ["accents"]),
        ("kater über", []),
        ("grosser", []),
        ("istanbul", []),
        ("\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}STANBUL", ["turkish"]),
        ("stanbul", ["turkish"]),
        ("moon", []),
        ("a\0b", []),
        ("\ud800", []),
    ],
)
def test_prompts_are_searched_for_a_text_as_it_is(store: TaskStore, text: str | None, found: list[str]) -> None:
    """ASCII letters regardless of case, and nothing else: so the same is found in every store."""
    names = {}
    for name, prompt in PROMPTS.items():
        new = unaccepted("ann", "small")
        new = replace(new, generation=replace(new.generation, prompt=prompt, negative_prompt="moon"))
        store.add(new, 10).result(10)
        names[new.id] = name
    store.add(unaccepted("ben", "small"), 10).result(10)
    search = Search(text=text, oldest_first=True)
    assert [names[task.id] for task in store.search("ann", search)] == found
    assert store.count("ann", search) == len(found)
    assert [names[task.id] for task in store.search(None, search) if task.account == "ann"] == found
    page = replace(search, states=[State.PENDING], skip=1, limit=2)
    assert [names[task.id] for task in store.search("ann", page)] == found[1:3]
    assert store.count("ann", page) == len(found)
    assert store.count("ann", replace(search, model="large")) == 0


def test_a_page_of_a_text_goes_on_behind_a_task_that_does_not_have_it(store: TaskStore) -> None:
    ids = []
    for prompt in ("a cat", "a dog", "another cat", "a bird"):
        new = unaccepted("ann", "small")
        store.add(replace(new, generation=replace(new.generation, prompt=prompt)), 10).result(10)
        ids.append(new.id)
    search = Search(text="Cat", oldest_first=True)
    assert [task.id for task in store.search("ann", replace(search, after=ids[1]))] == [ids[2]]
    assert [task.id for task in store.search("ann", replace(search, after=ids[0], limit=1))] == [ids[2]]
    assert store.count("ann", replace(search, after=ids[1])) == 2


def test_tasks_are_searched_for_their_seed(store: TaskStore) -> None:
    ids = []
    for seed in (0, 7, 7, 2**31 - 1):
        new = unaccepted("ann", "small")
        store.add(replace(new, generation=replace(new.generation, seed=seed)), 10).result(10)
        ids.append(new.id)
    for seed, found in ((0, ids[:1]), (7, ids[1:3]), (2**31 - 1, ids[3:]), (8, [])):
        search = Search(seed=seed, oldest_first=True)
        assert [task.id for task in store.search("ann", search)] == found
        assert store.count("ann", search) == len(found)
