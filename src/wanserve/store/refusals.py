"""The refusals of idempotency keys, which every store raises in the same words."""

from wanserve.domain.errors import InvalidRequest
from wanserve.domain.idempotency import KeyedSubmit


def key_of_another_request(submit: KeyedSubmit) -> InvalidRequest:
    """The key was used for a request that was not equal to this one."""
    return InvalidRequest("Idempotency-Key", f"{submit.key} was used for another request: take a new one for each")


def key_of_a_forgotten_task(submit: KeyedSubmit) -> InvalidRequest:
    """The key's task is no longer kept, and while the key is valid it must not make another one."""
    return InvalidRequest("Idempotency-Key", f"{submit.key} was used for a task that is no longer kept: take a new one")
