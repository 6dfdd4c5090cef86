"""What opening one database gives."""

from collections.abc import Callable
from dataclasses import dataclass, field

from wanserve.domain.blobs import LinkSecret
from wanserve.domain.idempotency import RefusedSubmits
from wanserve.domain.marks import CertificateStore
from wanserve.domain.overview import OverviewStore
from wanserve.domain.ports import KeyStore, Refusals, SessionStore, TaskStore, TimesStore, TokenStore
from wanserve.domain.webhook_store import WebhookStore


@dataclass(frozen=True, slots=True)
class OpenedStores:
    """Everything that one database holds. `tokens` only where several servers share it.

    `database_id` tells the database from every other one; it stays the same when the database is copied or moved.
    `reads_block`: a read takes a round trip over a network, and must not run on an event loop.
    """

    tasks: TaskStore
    keys: KeyStore
    sessions: SessionStore
    times: TimesStore
    webhooks: WebhookStore
    overview: OverviewStore
    link_secret: LinkSecret
    certificate: CertificateStore
    database_id: str
    close: Callable[[], None]
    refused: Refusals = field(default_factory=RefusedSubmits)
    tokens: TokenStore | None = None
    reads_block: bool = False
