"""Says in one line, without a password, what PostgreSQL answered."""

import re
from typing import Final

import psycopg

_PASSWORD: Final = re.compile(r"(://[^:/@\s]*:|\bpassword=)[^@&\s\"]*")


def reason(error: psycopg.Error) -> str:
    """The first line of the error's message, without a password: some of libpq's messages repeat the URL."""
    line = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return _PASSWORD.sub(r"\1***", line)
