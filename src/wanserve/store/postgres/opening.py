"""Opens every store on one PostgreSQL database. The driver is an extra, so only this module is imported from outside."""

from wanserve.store.opened import OpenedStores
from wanserve.store.postgres.database import PostgresDatabase
from wanserve.store.postgres.keys import PostgresKeys
from wanserve.store.postgres.move import move
from wanserve.store.postgres.overview import PostgresOverview
from wanserve.store.postgres.sessions import PostgresSessions
from wanserve.store.postgres.shared import PostgresCertificate, PostgresLinkSecret, PostgresRefusals, PostgresTokens
from wanserve.store.postgres.tasks import PostgresTasks
from wanserve.store.postgres.times import PostgresTimes
from wanserve.store.postgres.webhooks import PostgresWebhooks

__all__ = ["move", "open_postgres"]


def open_postgres(url: str, *, owner: bool, sweeps: bool) -> OpenedStores:
    """The stores; see PostgresDatabase. Raises SetupError."""
    database = PostgresDatabase(url, owner=owner, sweeps=sweeps)
    tasks, refused = PostgresTasks(database), PostgresRefusals(database)

    def close() -> None:
        refused.close()
        tasks.close()
        database.close()

    return OpenedStores(
        tasks,
        PostgresKeys(database),
        PostgresSessions(database),
        PostgresTimes(database),
        PostgresWebhooks(database),
        PostgresOverview(database),
        PostgresLinkSecret(database),
        PostgresCertificate(database),
        database.id(),
        close,
        refused,
        PostgresTokens(database),
        reads_block=True,
    )
