"""The webhooks in any SQL database: the same statements on each."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final

from wanserve.domain.webhook_store import DeliverySearch, Due, NewEndpoint
from wanserve.domain.webhooks import Delivery, DeliveryState, Tried, WebhookEndpoint, signing_secrets
from wanserve.store import webhook_statements as sql
from wanserve.store.rows import Fetched, Value
from wanserve.store.webhook_rows import events_text, read_delivery, read_endpoint

Step = tuple[str, Mapping[str, Value]]
"""A statement with its values. Those that it does not name are ignored."""

REMOVED: Final = "the endpoint was removed"


class SqlWebhooks(ABC):
    """The WebhookStore on a database that runs statements for it."""

    @abstractmethod
    def now_ms(self) -> int:
        """See WebhookStore."""

    @abstractmethod
    def read(self, step: Step) -> list[Fetched]:
        """The rows of a SELECT. Raises StoreUnavailable."""

    @abstractmethod
    def write(self, *steps: Step) -> list[list[Fetched]]:
        """Run the statements in one durable transaction. Returns the rows of each. Raises StoreUnavailable."""

    def add_endpoint(self, new: NewEndpoint, most: int) -> WebhookEndpoint | None:
        """See WebhookStore."""
        values = asdict(new) | {"events": events_text(new.events), "most": most, "now_ms": self.now_ms()}
        (rows,) = self.write((sql.ADD_ENDPOINT, values))
        return read_endpoint(rows[0]) if rows else None

    def endpoints(self, account: str | None) -> list[WebhookEndpoint]:
        """See WebhookStore."""
        return [read_endpoint(row) for row in self.read((sql.ENDPOINTS, {"account": account}))]

    def endpoint(self, endpoint_id: str) -> WebhookEndpoint | None:
        """See WebhookStore."""
        rows = self.read((sql.ENDPOINT, {"id": endpoint_id}))
        return read_endpoint(rows[0]) if rows else None

    def remove_endpoint(self, endpoint_id: str) -> bool:
        """See WebhookStore."""
        values: dict[str, Value] = {"id": endpoint_id, "why": REMOVED}
        return bool(self.write((sql.REMOVE_ENDPOINT, values), (sql.GIVE_UP, values))[0])

    def enable_endpoint(self, endpoint_id: str) -> bool:
        """See WebhookStore."""
        return bool(self.write((sql.ENABLE_ENDPOINT, {"id": endpoint_id}))[0])

    def disable_endpoint(self, endpoint_id: str, why: str) -> bool:
        """See WebhookStore."""
        values: dict[str, Value] = {"id": endpoint_id, "why": why, "now_ms": self.now_ms()}
        return bool(self.write((sql.DISABLE_ENDPOINT, values), (sql.GIVE_UP, values))[0])

    def rotate_secret(self, endpoint_id: str, secret: str, both_ms: int) -> bool:
        """See WebhookStore."""
        values: dict[str, Value] = {"id": endpoint_id, "secret": secret, "both_ms": both_ms, "now_ms": self.now_ms()}
        return bool(self.write((sql.ROTATE_SECRET, values))[0])

    def account_secrets(self, account: str, new: str) -> tuple[str, ...]:
        """See WebhookStore."""
        rows = self.read((sql.ACCOUNT_SECRET, {"account": account}))
        if not rows:
            self.write((sql.KEEP_ACCOUNT_SECRET, {"account": account, "secret": new}))
            rows = self.read((sql.ACCOUNT_SECRET, {"account": account}))
        return signing_secrets(*rows[0], now_ms=self.now_ms())

    def rotate_account_secret(self, account: str, secret: str, both_ms: int) -> None:
        """See WebhookStore."""
        values: dict[str, Value] = {"account": account, "secret": secret}
        self.write((sql.ROTATE_ACCOUNT_SECRET, values | {"both_ms": both_ms, "now_ms": self.now_ms()}))

    def due(self) -> list[Due]:
        """See WebhookStore."""
        return [Due(*row) for row in self.read((sql.DUE, {"now_ms": self.now_ms()}))]

    def take(self, destination: str, limit: int, lease_ms: int) -> list[Delivery]:
        """See WebhookStore."""
        values: dict[str, Value] = {"destination": destination, "limit": limit, "lease_ms": lease_ms}
        (rows,) = self.write((sql.TAKE, values | {"now_ms": self.now_ms()}))
        return [read_delivery(row) for row in rows]

    def note(self, delivery: Delivery, tried: Tried, pause_ms: int | None) -> int | None:
        """See WebhookStore."""
        ended = DeliveryState.DELIVERED if tried.delivered else DeliveryState.FAILED
        values: dict[str, Value] = {
            "id": delivery.id,
            "tries": delivery.tries,
            "state": ended if pause_ms is None else DeliveryState.PENDING,
            "pause_ms": pause_ms,
            "status": tried.status,
            "error": tried.error,
            "endpoint_id": delivery.endpoint_id,
            "now_ms": self.now_ms(),
        }
        endpoint = sql.NOTE_SUCCESS if tried.delivered else sql.NOTE_FAILURE
        _, since = self.write((sql.NOTE, values), (endpoint, values))
        return since[0][0] if since else None

    def give_back(self, delivery: Delivery) -> None:
        """See WebhookStore."""
        self.write((sql.GIVE_BACK, {"id": delivery.id, "tries": delivery.tries, "now_ms": self.now_ms()}))

    def deliveries(self, search: DeliverySearch) -> Sequence[Delivery]:
        """See WebhookStore."""
        values: dict[str, Value] = {"account": search.account, "limit": search.limit}
        found = self.read((sql.DELIVERIES, values | {"failed_only": int(search.failed_only)}))
        return [read_delivery(row) for row in found]

    def replay(self, delivery_id: str) -> bool:
        """See WebhookStore."""
        return bool(self.write((sql.REPLAY, {"id": delivery_id, "now_ms": self.now_ms()}))[0])

    def waiting(self) -> int:
        """See WebhookStore."""
        return int(self.read((sql.WAITING, {}))[0][0])

    def forget(self, created_before_ms: int, limit: int) -> int:
        """See WebhookStore."""
        return len(self.write((sql.FORGET, {"before_ms": created_before_ms, "limit": limit}))[0])
