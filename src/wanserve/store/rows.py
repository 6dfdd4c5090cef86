"""Converts tasks, keys, usage and workers to rows and back, for every SQL store."""

import json
from collections.abc import Collection
from dataclasses import asdict, astuple, fields
from typing import Any, Final

from wanserve.domain.account import Account, Key, Limits
from wanserve.domain.catalogue import Choices, LoraChoice, ModelCard
from wanserve.domain.generation import NOTHING_CHOSEN, Chosen, Generation, LoraUse
from wanserve.domain.marks import MadeFile
from wanserve.domain.progress import Heartbeat, Kind, Stage, StageTimes
from wanserve.domain.task import Failure, State, Task, Usage, Video
from wanserve.domain.worker import WorkerHealth, WorkerRow

Value = str | int | float | None
Row = tuple[Value, ...]
Fetched = tuple[Any, ...]
"""A row as the driver returns it, with the types of the migration's columns."""

GENERATION_COLUMNS: Final = (
    "model, prompt, negative_prompt, width, height, frames, fps, seed, prompt_extend, watermark, chosen"
)
LIFE_COLUMNS: Final = (
    "state, attempt, attempts_spent, losses, progress, started_ms, ended_ms, lease_until_ms, worker_id,"
    " video_key, video_bytes, engine, notes, profile, actual_prompt, failure_code, failure_message, stage, step, steps, ends_ms, preview,"
    " scene"
)
NEW_COLUMNS: Final = f"id, account, submitted_ms, remixed_from, webhook_url, {GENERATION_COLUMNS}"
TASK_COLUMNS: Final = f"{NEW_COLUMNS}, {LIFE_COLUMNS}, changes"
"""The order in which `read_task` reads."""

_STATES: Final = {state.value: state for state in State}
"""A look-up here takes a tenth of `State(...)`, which is in every poll."""


def life_row(task: Task) -> Row:
    """The values of LIFE_COLUMNS."""
    video, failure = task.video, task.failure
    return (
        task.state,
        task.attempt,
        task.attempts_spent,
        task.losses,
        task.progress,
        task.started_ms,
        task.ended_ms,
        task.lease_until_ms,
        task.worker_id,
        video.key if video else None,
        video.size_bytes if video else None,
        video.engine if video else None,
        json.dumps(video.notes, ensure_ascii=False) if video else None,
        video.profile if video else None,
        video.actual_prompt if video else None,
        failure.code if failure else None,
        failure.message if failure else None,
        task.stage,
        task.step,
        task.steps,
        task.ends_ms,
        task.preview,
        video.scene if video else None,
    )


def renewal_values(task: Task, lease_seconds: float, heartbeat: Heartbeat) -> dict[str, Value]:
    """The values of a heartbeat's statement, by name, without the time."""
    progress = heartbeat.progress
    return {
        "task_id": task.id,
        "attempt": task.attempt,
        "lease_ms": round(lease_seconds * 1000),
        "fraction": progress.fraction,
        "stage": progress.stage,
        "step": progress.step,
        "steps": progress.steps,
        "left_ms": heartbeat.left_ms,
        "preview": progress.preview,
    }


def new_row(task: Task) -> Row:
    """The values of NEW_COLUMNS, which never change after the submit."""
    made = task.generation
    return (
        task.id,
        task.account,
        task.submitted_ms,
        task.remixed_from,
        task.webhook_url,
        made.model,
        made.prompt,
        made.negative_prompt,
        made.width,
        made.height,
        made.frames,
        made.fps,
        made.seed,
        made.prompt_extend,
        made.watermark,
        _chosen_text(made.chosen),
    )


def read_task(row: Fetched) -> Task:
    """The task whose TASK_COLUMNS are in `row`."""
    (
        task_id, account, submitted_ms, remixed_from, webhook_url, model, prompt, negative_prompt, width, height, frames,
        fps, seed, prompt_extend, watermark, chosen, state, attempt, attempts_spent, losses, progress, started_ms, ended_ms, lease_until_ms,
        worker_id, video_key, video_bytes, engine, notes, profile, actual_prompt, failure_code, failure_message,
        stage, step, steps, ends_ms, preview, scene, changes,
    ) = row  # fmt: skip
    return Task(
        task_id,
        account,
        Generation(
            model,
            prompt,
            negative_prompt,
            width,
            height,
            frames,
            fps,
            seed,
            bool(prompt_extend),
            bool(watermark),
            *_read_chosen(chosen),
        ),
        submitted_ms,
        _STATES[state],
        attempt,
        attempts_spent,
        progress,
        started_ms,
        ended_ms,
        lease_until_ms,
        Video(video_key, video_bytes, engine, _read_notes(notes), profile or "", actual_prompt, scene or "")
        if video_key
        else None,
        Failure(failure_code, failure_message) if failure_code else None,
        remixed_from,
        losses,
        worker_id,
        Stage(stage) if stage else None,
        step,
        steps,
        ends_ms,
        preview,
        changes,
        webhook_url,
    )


def _read_notes(notes: str) -> tuple[str, ...]:
    # Most videos have none, and every poll reads them.
    return () if notes == "[]" else tuple(json.loads(notes))


def _chosen_text(chosen: Chosen) -> str | None:
    """The value of a column `chosen`: NULL where nothing was chosen, as in most rows."""
    return None if chosen == NOTHING_CHOSEN else json.dumps(asdict(chosen))


def _read_chosen(text: str | None) -> tuple[str, int | None, float | None, tuple[LoraUse, ...]]:
    """The fields of what was chosen, in their order."""
    if text is None:
        return "", None, None, ()
    chosen = json.loads(text)
    loras = tuple(LoraUse(lora["name"], lora["strength"]) for lora in chosen["loras"])
    return chosen["profile"], chosen["steps"], chosen["guidance_scale"], loras


KEY_COLUMNS: Final = (
    "keys.name, keys.account, keys.sha256, keys.created_ms, keys.models, keys.revoked_ms,"
    " accounts.submit_rps, accounts.query_rps, accounts.max_queued, accounts.max_running,"
    " accounts.owner"
)


def models_text(models: Collection[str] | None) -> str | None:
    """The value of a key's column `models`."""
    return None if models is None else json.dumps(sorted(models))


def read_key(row: Fetched) -> Key:
    """The key whose KEY_COLUMNS are in `row`."""
    name, account, sha256, created_ms, models, revoked_ms, *limits, owner = row
    allowed = None if models is None else frozenset(json.loads(models))
    return Key(name, account, sha256, created_ms, allowed, revoked_ms, Limits(*limits), bool(owner))


ACCOUNT_COLUMNS: Final = "id, created_ms, submit_rps, query_rps, max_queued, max_running, owner"


def read_account(row: Fetched) -> Account:
    """The account whose ACCOUNT_COLUMNS are in `row`."""
    name, created_ms, *limits, owner = row
    return Account(name, created_ms, Limits(*limits), bool(owner))


USAGE_COLUMNS: Final = "task_id, account, model, width, height, seconds, engine, ended_ms, chosen"


def usage_row(usage: Usage) -> Row:
    """The values of USAGE_COLUMNS."""
    *facts, _ = (getattr(usage, each.name) for each in fields(Usage))
    return *facts, _chosen_text(usage.chosen)


def read_usage(row: Fetched) -> Usage:
    """The ledger row whose USAGE_COLUMNS are in `row`."""
    task_id, account, model, width, height, seconds, engine, ended_ms, chosen = row
    known = Chosen(*_read_chosen(chosen))
    return Usage(task_id, account, model, width, height, seconds, engine, ended_ms, known)


MADE_COLUMNS: Final = "task_id, account, file, model, engine, ended_ms"
"""Of the ledger and its files together."""


def read_made(row: Fetched) -> MadeFile:
    """The file whose MADE_COLUMNS are in `row`."""
    return MadeFile(*row)


KIND_COLUMNS: Final = "model, width, height, frames, device, pace"
TIMES_COLUMNS: Final = f"{KIND_COLUMNS}, seconds"


def times_row(kind: Kind, times: StageTimes) -> Row:
    """The values of TIMES_COLUMNS."""
    return *astuple(kind), json.dumps(times)


def read_times(row: Fetched) -> tuple[Kind, StageTimes]:
    """The kind and the times whose TIMES_COLUMNS are in `row`. A stage that this version does not know is left out."""
    *kind, seconds = row
    known = {name: value for name, value in json.loads(seconds).items() if name in set(Stage)}
    return Kind(*kind), {Stage(name): value for name, value in known.items()}


WORKER_COLUMNS: Final = "id, installation, host, device, devices, engine, models, health, seen_ms"

_CARD_FIELDS: Final = frozenset(each.name for each in fields(ModelCard))


def worker_row(worker: WorkerRow, seen_ms: int) -> Row:
    """The values of WORKER_COLUMNS."""
    # Only the fields of ModelCard: an engine's own kind of card has more.
    cards = [
        {name: value for name, value in asdict(card).items() if name in _CARD_FIELDS} for card in worker.models.values()
    ]
    health = {
        "loaded": worker.health.loaded,
        "problem": worker.health.problem,
        "unloadable": worker.health.unloadable,
        "upstreams": worker.health.upstreams,
    }
    devices, models = json.dumps(worker.devices), json.dumps(cards)
    texts = worker.id, worker.installation, worker.host, worker.device
    return *texts, devices, worker.engine, models, json.dumps(health), seen_ms


def read_worker(row: Fetched) -> WorkerRow:
    """The worker whose WORKER_COLUMNS are in `row`."""
    worker_id, installation, host, device, devices, engine, models, health, seen_ms = row
    cards = (_read_card(card) for card in json.loads(models))
    return WorkerRow(
        worker_id,
        installation,
        host,
        device,
        tuple(json.loads(devices)),
        engine,
        {card.name: card for card in cards},
        WorkerHealth(**json.loads(health)),
        seen_ms,
    )


def _read_card(facts: dict[str, Any]) -> ModelCard:
    sizes = tuple((width, height) for width, height in facts["sizes"])
    width, height = facts["default_size"]
    known = {name: value for name, value in facts.items() if name in _CARD_FIELDS}
    read = {"sizes": sizes, "default_size": (width, height), "choices": _read_choices(facts.get("choices"))}
    return ModelCard(**known | read)


def _read_choices(facts: dict[str, Any] | None) -> Choices:
    """What a request may choose; nothing where a worker of an earlier version does not say."""
    if facts is None:
        return Choices()
    steps, scale = facts["steps"], facts["guidance_scale"]
    return Choices(
        tuple(facts["profiles"]),
        steps and tuple(steps),
        scale and tuple(scale),
        tuple(LoraChoice(**lora | {"strengths": tuple(lora["strengths"])}) for lora in facts["loras"]),
        facts["max_loras"],
    )
