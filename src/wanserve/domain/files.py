"""How the files of tasks are named: in the blob store, while they are written, and for those who download them."""

import re
from typing import Final

from wanserve.domain.blobs import Download
from wanserve.domain.task import Task, Variant

_KEY: Final = re.compile(r"videos/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/[0-9]+\.[a-z0-9]+", re.ASCII)


def file_key(task_id: str, attempt: int, variant: Variant = Variant.VIDEO) -> str:
    """The key of an attempt's file: no two attempts share one, so a late attempt overwrites nothing."""
    return f"videos/{task_id}/{attempt}.{variant}"


def task_of(key: str) -> str | None:
    """The id of the task whose file has this key, whether or not there is such a task; None for any other name.

    A bucket may have files of other programs. Those are never taken for files of a task that is gone.
    """
    ours = _KEY.fullmatch(key)
    return ours[1] if ours else None


def files_of(task: Task) -> list[str]:
    """The keys of all files of the task's newest attempt."""
    return [file_key(task.id, task.attempt, variant) for variant in Variant]


def download_of(task_id: str, variant: Variant = Variant.VIDEO) -> Download:
    """How a file of the task is sent: under the task's name, whichever attempt made it."""
    if variant is Variant.PREVIEW:
        # A later one takes its place.
        return Download(variant.media_type, f"{task_id}.{variant}", "no-store")
    return Download(variant.media_type, f"{task_id}.{variant}")


def unfinished_name(task_id: str, attempt: int, variant: Variant = Variant.VIDEO) -> str:
    """The name of an attempt's file while it is written."""
    return f"{task_id}.{attempt}.{variant}"
