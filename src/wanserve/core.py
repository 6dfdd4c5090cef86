"""The half of the composition root that every command needs: opens the use cases on a database.

It is apart from app.py so that a command which only reads the database loads nothing of the server.
"""

import random
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from wanserve.domain.blobs import LinkSecret
from wanserve.domain.catalogue import MODELS
from wanserve.domain.errors import SetupError
from wanserve.domain.marks import CertificateStore
from wanserve.domain.overview import OverviewStore
from wanserve.domain.ports import TimesStore, TokenStore
from wanserve.domain.rules import SEED_MAX
from wanserve.keys import Keys
from wanserve.machine.certificate_file import FileCertificate
from wanserve.machine.clocks import RetentionClock, now_ms, uptime_ms
from wanserve.machine.data_dir_lock import lock_data_dir, lock_file, lock_for_migration
from wanserve.machine.link_secret import FileLinkSecret
from wanserve.models.catalogue import Catalogue, Served
from wanserve.sessions import Sessions
from wanserve.settings import CERTIFICATE_FILE, POSTGRES_URLS, Settings
from wanserve.store.opened import OpenedStores
from wanserve.store.sqlite.backup import back_up
from wanserve.store.sqlite.database import Database
from wanserve.store.sqlite.keys import SqliteKeys
from wanserve.store.sqlite.overview import SqliteOverview
from wanserve.store.sqlite.sessions import SqliteSessions
from wanserve.store.sqlite.tasks import SqliteTasks
from wanserve.store.sqlite.times import SqliteTimes
from wanserve.store.sqlite.webhooks import SqliteWebhooks
from wanserve.tasks import Tasks
from wanserve.webhook_endpoints import Webhooks

UNKNOWN: Final = Served(MODELS, frozenset())
"""What is served, for a command that does not examine this machine."""

SQLITE_URL: Final = "sqlite://"

Move = Callable[[Path, str, Mapping[str, bytes]], dict[str, int]]

UUIDS_AT_ONCE: Final = 256
"""How many ids are made from one read of randomness, which is 4 KiB."""


@dataclass(frozen=True, slots=True)
class Core:
    """The use cases on an opened database: what the server and the command line share.

    `reads_block`: a read of the store takes a round trip over a network, and must not run on the event loop. `tokens`
    are the rate limits that several servers share; None where there is one server, which counts by itself. For
    `database_id` see OpenedStores.
    """

    tasks: Tasks
    keys: Keys
    sessions: Sessions
    times: TimesStore
    webhooks: Webhooks
    overview: OverviewStore
    catalogue: Catalogue
    reads_block: bool
    link_secret: LinkSecret
    certificate: CertificateStore
    database_id: str
    tokens: TokenStore | None
    _close: Callable[[], None]

    def close(self) -> None:
        """Finish the queued writes. The core must not be used afterwards."""
        self._close()


def make_folders(settings: Settings) -> None:
    """Make the data directory where it is new. Raises SetupError."""
    try:
        for folder in (settings.data_dir, settings.blobs_dir, settings.scratch_dir):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SetupError(f"the data directory {settings.data_dir} cannot be made: {error.strerror}") from error


def open_core(settings: Settings, served: Served = UNKNOWN, *, owner: bool = False, sweeps: bool = False) -> Core:
    """Open the database of the data directory, making both where they are new. Raises SetupError.

    `served` is what is served by the settings. `owner` says that this process has locked the data directory already;
    without the lock the schema is not changed while a server runs, which may be an older version. `sweeps` says that
    this process sweeps, as servers and workers do and commands do not.
    """
    make_folders(settings)
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        return _core(settings, _postgres("database_url").open_postgres(url, owner=owner, sweeps=sweeps), served)
    lock = lock_file(settings.data_dir)
    # Where the lock file is deleted, a second server can start: then this one writes nothing more.
    database = Database(
        settings.database_file,
        nullcontext() if owner else lock_for_migration(settings.data_dir),
        [lock] if owner else [],
    )
    link_secret = FileLinkSecret(settings.data_dir / "link-secret")
    tasks, keys = SqliteTasks(database, now_ms), SqliteKeys(database, now_ms)
    sessions, times = SqliteSessions(database, now_ms), SqliteTimes(database, now_ms)
    webhooks, overview = SqliteWebhooks(database, now_ms), SqliteOverview(database, now_ms)
    certificate = FileCertificate(settings.certificate_file)
    stores = OpenedStores(
        tasks, keys, sessions, times, webhooks, overview, link_secret, certificate, database.id(), database.close
    )
    return _core(settings, stores, served)


def _postgres(setting: str) -> ModuleType:
    """The module that opens PostgreSQL. Raises SetupError, which begins with `setting`, where the driver is missing."""
    try:
        # Only here, because the driver is an extra, and takes longer to import than most commands take to run.
        return import_module("wanserve.store.postgres.opening")
    except ImportError as error:
        raise SetupError(f"{setting}: {error.name} is not installed: pip install 'wanserve[postgres]'") from None


def _core(settings: Settings, stores: OpenedStores, served: Served) -> Core:
    catalogue = Catalogue(stores.tasks, served, time.monotonic)
    tasks = Tasks(
        store=stores.tasks,
        catalogue=catalogue.models,
        new_id=Uuids(),
        new_seed=new_seed,
        policy=settings.policy(),
        retention_clock=RetentionClock(stores.tasks.now_ms, uptime_ms),
        refused=stores.refused,
    )
    keys = Keys(stores.keys, MODELS, lambda: f"sk-{secrets.token_hex(24)}")
    return Core(
        tasks,
        keys,
        Sessions(stores.sessions, keys, new_token, time.monotonic),
        stores.times,
        Webhooks(stores.webhooks, allow_private=settings.webhooks_private),
        stores.overview,
        catalogue,
        stores.reads_block,
        stores.link_secret,
        stores.certificate,
        stores.database_id,
        stores.tokens,
        stores.close,
    )


def back_up_database(settings: Settings, target: Path) -> None:
    """Copy the database to a new file, also while a server writes to it. Raises SetupError."""
    if settings.database_url is not None:
        raise SetupError("the tasks are in PostgreSQL: back it up by pg_dump, or by its own continuous archiving")
    back_up(settings.database_file, target)


def move_installation(settings: Settings, source: str | None, target: str | None) -> dict[str, int]:
    """Move tasks, ledger, keys and limits from SQLite into an empty PostgreSQL database; the files stay where they are.

    `source` is the URL of the database of a data directory that nobody serves, by default of this one's; `target` is
    that of the other database, by default the one of the settings. Returns the number of rows by table. Raises SetupError.
    """
    file = settings.database_file if source is None else _sqlite_file(source)
    if not file.is_file():
        raise SetupError(f"--from: there is no database {file}")
    url = target or (settings.database_url.get_secret_value() if settings.database_url else "")
    if not url.startswith(POSTGRES_URLS):
        raise SetupError("--to: must be postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    move: Move = _postgres("--to").move
    link_secret, certificate = file.parent / "link-secret", file.parent / CERTIFICATE_FILE
    with lock_data_dir(file.parent):
        # Brings an older schema up to this version's.
        Database(file).close()
        secrets_of: dict[str, bytes] = {}
        if link_secret.exists():
            secrets_of["links"] = FileLinkSecret(link_secret).read()
        if certificate.exists():
            secrets_of["certificate"] = certificate.read_bytes()
        return move(file, url, secrets_of)


def _sqlite_file(url: str) -> Path:
    if not url.startswith(SQLITE_URL):
        raise SetupError("--from: must be sqlite:///FILE with the path of a wanserve.db")
    return Path(url.removeprefix(SQLITE_URL)).absolute()


@dataclass(frozen=True, slots=True)
class Uuids:
    """Fresh random UUIDs (version 4), from the system's randomness. May be called from any thread.

    Every request takes one. The randomness is read for many at a time: a read releases the GIL, which a busy writer
    thread takes at once, and the two then slow each other down.
    """

    _digits: list[str] = field(default_factory=list, init=False)

    def __call__(self) -> str:
        """The text of one: 8-4-4-4-12 hex digits."""
        try:
            digits = self._digits.pop()
        except IndexError:
            block = secrets.token_hex(16 * UUIDS_AT_ONCE)
            digits, *others = (block[first : first + 32] for first in range(0, len(block), 32))
            self._digits.extend(others)
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def new_token() -> str:
    """The text of a fresh token of a session or a sign-in link: 256 random bits."""
    return secrets.token_urlsafe(32)


def new_seed() -> int:
    """The seed of a request that names none."""
    return random.getrandbits(SEED_MAX.bit_length())
