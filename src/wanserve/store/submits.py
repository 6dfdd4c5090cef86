"""A submit that waits to be stored, in every SQL store."""

from typing import NamedTuple

from wanserve.domain.errors import WanserveError
from wanserve.domain.idempotency import SubmitIdentity
from wanserve.domain.task import NewTask


class PendingSubmit(NamedTuple):
    """A task to add, or the error to answer with where there was no earlier submit. See TaskStore.add, find_earlier."""

    account: str
    new: NewTask | WanserveError
    max_queued: int
    identity: SubmitIdentity | None
