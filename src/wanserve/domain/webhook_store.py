"""The port of the webhooks' endpoints and of their outbox."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wanserve.domain.webhooks import Delivery, EventType, Tried, WebhookEndpoint


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """An endpoint that was checked and is not yet stored: the store sets the time."""

    id: str
    account: str
    url: str
    events: tuple[EventType, ...]
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Due:
    """A destination that has deliveries to be tried now, and its account."""

    destination: str
    account: str


@dataclass(frozen=True, slots=True)
class DeliverySearch:
    """Which deliveries are listed, newest first; None in a field: of any."""

    account: str | None = None
    failed_only: bool = False
    limit: int = 100


class WebhookStore(Protocol):
    """The endpoints of webhooks, and the outbox. May be used from any thread. The store owns the clock.

    Rows of the outbox are written by the transaction that ends a task. Every method raises StoreUnavailable.
    """

    def now_ms(self) -> int:
        """The store's clock, in milliseconds since 1970, UTC."""

    def add_endpoint(self, new: NewEndpoint, most: int) -> WebhookEndpoint | None:
        """Store an endpoint. None where its account has `most` of them already."""

    def endpoints(self, account: str | None) -> list[WebhookEndpoint]:
        """The endpoints of an account, or of all where it is None, oldest first."""

    def endpoint(self, endpoint_id: str) -> WebhookEndpoint | None:
        """The endpoint, whichever account has it."""

    def remove_endpoint(self, endpoint_id: str) -> bool:
        """Remove the endpoint; its pending deliveries have failed then. False where there is none."""

    def enable_endpoint(self, endpoint_id: str) -> bool:
        """Tell the endpoint of what ends from now on. False where there is none."""

    def disable_endpoint(self, endpoint_id: str, why: str) -> bool:
        """Tell the endpoint nothing more; its pending deliveries have failed then. False where it is disabled already."""

    def rotate_secret(self, endpoint_id: str, secret: str, both_ms: int) -> bool:
        """Give the endpoint a new secret. The present one signs for `both_ms` more. False where there is none."""

    def account_secrets(self, account: str, new: str) -> tuple[str, ...]:
        """The secrets of the messages to URLs that came with the account's tasks, the present one first.

        It is `new` where there was none yet.
        """

    def rotate_account_secret(self, account: str, secret: str, both_ms: int) -> None:
        """Give the account this secret. The present one, where there is one, signs for `both_ms` more."""

    def due(self) -> list[Due]:
        """The destinations with deliveries to be tried now, the one that has waited longest first."""

    def take(self, destination: str, limit: int, lease_ms: int) -> list[Delivery]:
        """Take the `limit` oldest due deliveries of a destination. They are due again after `lease_ms`, unless noted."""

    def note(self, delivery: Delivery, tried: Tried, pause_ms: int | None) -> int | None:
        """Write how the try of a taken delivery ended; where it failed, it is tried again after the pause, or never.

        Returns since when its endpoint has been failing, or None.
        """

    def give_back(self, delivery: Delivery) -> None:
        """Let a delivery that was taken be due at once: its try was given up, and does not count."""

    def deliveries(self, search: DeliverySearch) -> Sequence[Delivery]:
        """The deliveries that the search finds, newest first."""

    def replay(self, delivery_id: str) -> bool:
        """Let a delivery be tried again from the start, whatever became of it. False where there is none."""

    def waiting(self) -> int:
        """The number of pending deliveries."""

    def forget(self, created_before_ms: int, limit: int) -> int:
        """Delete at most `limit` deliveries from before this time that are not pending. Returns how many it deleted."""
