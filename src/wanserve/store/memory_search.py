"""What a search finds, for the in-memory twin of the task table."""

from string import ascii_lowercase, ascii_uppercase

from wanserve.domain.search import Search
from wanserve.domain.task import Task


def fits(task: Task, search: Search) -> bool:
    """Whether the search finds the task, as far as its text does not decide."""
    exact = (search.model, task.generation.model), (search.seed, task.generation.seed), (search.task_id, task.id)
    if task.state not in search.states or any(asked not in (None, value) for asked, value in exact):
        return False
    return (
        (search.since_ms is None or task.submitted_ms >= search.since_ms)
        and (search.until_ms is None or task.submitted_ms < search.until_ms)
        and (search.ended_since_ms is None or task.ended_ms is None or task.ended_ms >= search.ended_since_ms)
    )


def has_text(task: Task, text: str | None) -> bool:
    """Whether the text is in the task's prompt, as a search means that."""
    return _lower(text or "") in _lower(task.generation.prompt)


def _lower(text: str) -> str:
    """The text with its ASCII letters in lower case, and no others, as the databases do it."""
    return text.translate(_LOWER)


_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
