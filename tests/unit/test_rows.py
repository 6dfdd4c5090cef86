"""What a store writes of a task, a key, usage and a worker is read back as it was, whatever is in it."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.samples import new_task
from wanserve.domain.account import Key, Limits
from wanserve.domain.catalogue import MODELS, NO_CHOICES, Choices, LoraChoice, ModelCard
from wanserve.domain.generation import NOTHING_CHOSEN, Generation, LoraUse
from wanserve.domain.progress import Stage
from wanserve.domain.task import Failure, State, Task, Usage, Video
from wanserve.domain.worker import WorkerHealth, WorkerRow
from wanserve.models.sampling import WAN_MODELS
from wanserve.store import rows

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
NAME = st.text("abc-猫", min_size=1, max_size=5)
TIME = st.integers(0, 2**53)
COUNT = st.integers(0, 10_000)

LORAS = st.lists(st.builds(LoraUse, NAME, st.floats(-10, 10)), max_size=2).map(tuple)

GENERATIONS = st.builds(
    Generation,
    model=NAME,
    prompt=TEXT,
    negative_prompt=TEXT,
    width=COUNT,
    height=COUNT,
    frames=COUNT,
    fps=st.integers(1, 120),
    seed=st.integers(0, 2**31 - 1),
    prompt_extend=st.booleans(),
    watermark=st.booleans(),
    profile=st.just("") | NAME,
    steps=st.none() | st.integers(1, 1000),
    guidance_scale=st.none() | st.floats(1, 100),
    loras=LORAS,
)
VIDEOS = st.builds(
    Video,
    key=NAME,
    size_bytes=TIME,
    engine=NAME,
    notes=st.lists(TEXT, max_size=3).map(tuple),
    profile=TEXT,
    actual_prompt=st.none() | TEXT,
    scene=TEXT,
)
TASKS = st.builds(
    Task,
    id=NAME,
    account=NAME,
    generation=GENERATIONS,
    submitted_ms=TIME,
    state=st.sampled_from(State),
    attempt=COUNT,
    attempts_spent=COUNT,
    progress=st.floats(0, 1),
    started_ms=st.none() | TIME,
    ended_ms=st.none() | TIME,
    lease_until_ms=st.none() | TIME,
    video=st.none() | VIDEOS,
    failure=st.none() | st.builds(Failure, code=NAME, message=TEXT),
    remixed_from=st.none() | NAME,
    losses=COUNT,
    worker_id=st.none() | NAME,
    stage=st.none() | st.sampled_from(Stage),
    step=COUNT,
    steps=COUNT,
    ends_ms=st.none() | TIME,
    changes=COUNT,
)
LIMITS = st.builds(
    Limits,
    submit_rps=st.none() | st.floats(0.1, 100),
    query_rps=st.none() | st.floats(0.1, 100),
    max_queued=st.none() | COUNT,
    max_running=st.none() | COUNT,
)
KEYS = st.builds(
    Key,
    name=NAME,
    account=NAME,
    sha256=NAME,
    created_ms=TIME,
    models=st.none() | st.frozensets(NAME, max_size=3),
    revoked_ms=st.none() | TIME,
    limits=LIMITS,
    owner=st.booleans(),
)
USAGES = st.builds(
    Usage,
    task_id=NAME,
    account=NAME,
    model=NAME,
    width=COUNT,
    height=COUNT,
    seconds=st.floats(0, 1000),
    engine=NAME,
    ended_ms=TIME,
    chosen=st.just(NOTHING_CHOSEN) | GENERATIONS.map(lambda made: made.chosen),
)
CARDS = st.builds(
    replace,
    st.sampled_from(list(MODELS.values())),
    profile=st.just("") | NAME,
    choices=st.just(NO_CHOICES)
    | st.builds(
        Choices,
        st.lists(NAME, max_size=2).map(tuple),
        st.none() | st.tuples(COUNT, COUNT),
        st.none() | st.tuples(st.floats(1, 100), st.floats(1, 100)),
        st.lists(st.builds(LoraChoice, NAME, st.floats(-1, 1), st.tuples(st.floats(-1, 0), st.just(2.0)))).map(tuple),
        st.integers(1, 10),
    ),
)


def columns(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


@given(TASKS)
def test_a_task_is_read_as_it_was_written(task: Task) -> None:
    row = (*rows.new_row(task), *rows.life_row(task), task.changes)
    assert len(row) == len(columns(rows.TASK_COLUMNS))
    assert rows.read_task(row) == task


@given(TASKS)
def test_what_never_changes_and_what_does_have_columns_of_their_own(task: Task) -> None:
    other = replace(task, state=State.RUNNING, attempt=task.attempt + 1, worker_id="another", progress=0.5)
    assert rows.new_row(other) == rows.new_row(task)
    changed = dict(zip(columns(rows.LIFE_COLUMNS), rows.life_row(other), strict=True))
    assert (changed["state"], changed["attempt"], changed["worker_id"]) == ("RUNNING", task.attempt + 1, "another")


@given(TASKS)
def test_every_value_is_of_a_type_that_a_database_takes(task: Task) -> None:
    for value in (*rows.new_row(task), *rows.life_row(task)):
        assert value is None or isinstance(value, str | int | float)


@given(KEYS)
def test_a_key_is_read_as_it_was_written(key: Key) -> None:
    limits = key.limits
    row = (key.name, key.account, key.sha256, key.created_ms, rows.models_text(key.models), key.revoked_ms)
    account = (limits.submit_rps, limits.query_rps, limits.max_queued, limits.max_running, int(key.owner))
    assert rows.read_key((*row, *account)) == key
    assert len(row) + len(account) == len(columns(rows.KEY_COLUMNS))


@given(USAGES)
def test_a_row_of_the_ledger_is_read_as_it_was_written(usage: Usage) -> None:
    assert rows.read_usage(rows.usage_row(usage)) == usage
    assert len(rows.usage_row(usage)) == len(columns(rows.USAGE_COLUMNS))


@given(
    st.lists(NAME, max_size=3).map(tuple),
    st.builds(WorkerHealth, st.booleans(), st.none() | TEXT, *[st.dictionaries(NAME, TEXT, max_size=2)] * 2),
    st.lists(CARDS, unique_by=lambda card: card.name),
)
def test_a_worker_is_read_as_it_was_written(
    devices: tuple[str, ...], health: WorkerHealth, cards: list[ModelCard]
) -> None:
    worker = WorkerRow("1", "here", "host", "gpu", devices, "wan", {card.name: card for card in cards}, health, 7)
    assert rows.read_worker(rows.worker_row(worker, 7)) == worker


def test_a_worker_of_another_version_is_read_as_far_as_it_is_known() -> None:
    """One of before choices tells nothing of them, and one of a later version may tell more."""
    card = MODELS["wanx2.1-t2v-plus"]
    row = list(rows.worker_row(WorkerRow("1", "here", "host", "gpu", (), "wan", {card.name: card}), 7))
    at = columns(rows.WORKER_COLUMNS).index("models")
    (facts,) = json.loads(str(row[at]))
    del facts["choices"], facts["profile"]
    row[at] = json.dumps([facts | {"of_tomorrow": 1}])
    assert rows.read_worker(tuple(row)).models == {card.name: card}


def test_what_chose_nothing_has_no_value_in_its_column() -> None:
    written = dict(zip(columns(rows.NEW_COLUMNS), rows.new_row(new_task()), strict=True))
    assert written["chosen"] is None


def test_of_an_engines_own_kind_of_card_only_what_every_card_has_is_kept() -> None:
    card = next(iter(WAN_MODELS.values()))
    row: tuple[Any, ...] = rows.worker_row(WorkerRow("1", "here", "host", "gpu", (), "wan", {card.name: card}), 7)
    (kept,) = json.loads(row[columns(rows.WORKER_COLUMNS).index("models")])
    assert "sampling" not in kept
    found = rows.read_worker(row).models[card.name]
    assert type(found) is ModelCard
    assert (found.name, found.sizes, found.frames, found.steps) == (card.name, card.sizes, card.frames, card.steps)
