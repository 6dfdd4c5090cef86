"""The ids that the server hands out."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor

from wanserve.core import UUIDS_AT_ONCE, Uuids, new_seed, new_token
from wanserve.domain.rules import SEED_MAX


def test_ids_are_random_uuids_and_none_comes_twice_also_from_several_threads() -> None:
    new_id, count = Uuids(), 5 * UUIDS_AT_ONCE
    with ThreadPoolExecutor(4) as threads:
        ids = list(threads.map(lambda _: new_id(), range(count)))
    assert len(set(ids)) == count
    assert all(str(uuid.UUID(text)) == text and uuid.UUID(text).version == 4 for text in ids)
    assert {uuid.UUID(text).variant for text in ids} == {uuid.RFC_4122}


def test_tokens_have_as_many_random_bits_as_a_key_and_none_comes_twice() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(r"[\w-]{43}", token, re.ASCII) for token in tokens), "six bits in each character"


def test_a_seed_is_one_that_may_be_asked_for() -> None:
    assert all(0 <= new_seed() <= SEED_MAX for _ in range(100))
