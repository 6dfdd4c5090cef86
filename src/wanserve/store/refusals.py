"""The errors about idempotency keys, with the same messages in every store."""

from wanserve.domain.errors import InvalidRequest
from wanserve.domain.idempotency import KeyedSubmit


def key_of_another_request(submit: KeyedSubmit) -> InvalidRequest:
    """The key was used for a request that was not equal to this one."""
    return InvalidRequest(
        "Idempotency-Key", f"{submit.key} was used for another request: use a new key for each request"
    )


def key_of_a_forgotten_task(submit: KeyedSubmit) -> InvalidRequest:
    """The key's task was deleted, and the key must not make another one while it is valid."""
    return InvalidRequest("Idempotency-Key", f"{submit.key} was used for a task that no longer exists: use a new key")
