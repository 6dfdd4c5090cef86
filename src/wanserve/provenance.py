"""The use case behind `wanserve verify` and `/v1/provenance`: which task made a file, by the file's hash."""

import re
from dataclasses import dataclass
from typing import Final

from wanserve.domain.account import Key
from wanserve.domain.errors import InvalidRequest
from wanserve.domain.marks import MadeFile
from wanserve.domain.ports import TaskStore

_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Provenance:
    """Finds the tasks that made a file, while their rows of the ledger live."""

    store: TaskStore

    def made_by(self, key: Key, sha256: str) -> list[MadeFile]:
        """The tasks of the key's account that made a file with this hash; of every account for the server's owner.

        Raises InvalidRequest for a text that is no SHA-256.
        """
        return [made for made in self.find(sha256) if key.owner or made.account == key.account]

    def find(self, sha256: str) -> list[MadeFile]:
        """The tasks of every account that made a file with this hash: for the server's owner. Raises InvalidRequest."""
        if not _SHA256.fullmatch(sha256):
            raise InvalidRequest("sha256", "must be the SHA-256 of a file, as 64 hex digits")
        return self.store.made(sha256.lower())
