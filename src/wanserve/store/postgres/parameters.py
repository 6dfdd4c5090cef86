"""Writes the parameters of the statements that all SQL stores share as psycopg names them."""

import re
from functools import lru_cache
from typing import Final

_PARAMETER: Final = re.compile(r"(?<!:):([a-z_]+)")


@lru_cache
def for_psycopg(statement: str) -> str:
    """The statement with `%(name)s` for each parameter `:name`."""
    return _PARAMETER.sub(r"%(\1)s", statement)
