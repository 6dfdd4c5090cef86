"""The use cases of webhooks: who is told of what, and what becomes of a delivery after a try. Every policy is here."""

import logging
import random
import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from wanserve.domain.errors import InvalidRequest, WebhookNotFound
from wanserve.domain.webhook_store import DeliverySearch, NewEndpoint, WebhookStore
from wanserve.domain.webhooks import (
    ENDPOINTS_MAX,
    ROTATION_MS,
    SECRET_BYTES,
    Delivery,
    Tried,
    WebhookEndpoint,
    checked_url,
    has_failed_for_long,
    pause_ms,
    read_events,
    secret_text,
)

log = logging.getLogger(__name__)

KEPT_MS: Final = 7 * 24 * 3600 * 1000
"""How long deliveries that have ended are kept, for `wanserve webhooks deliveries` and `replay`."""

SLICE: Final = 500
"""One write removes at most this many rows."""

ASKED_FOR_NO_MORE: Final = "the receiver answered 410 Gone"
FAILED_FOR_DAYS: Final = "every try of the last three days failed"


def new_secret() -> str:
    """A fresh secret."""
    return secret_text(secrets.token_bytes(SECRET_BYTES))


def new_endpoint_id() -> str:
    """The id of a new endpoint."""
    return f"we_{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What can be done with webhooks. `allow_private`: also http:// and private addresses are allowed.

    `chance` gives random numbers from 0 to 1, for the jitter of the retries.
    """

    store: WebhookStore
    allow_private: bool = False
    new_id: Callable[[], str] = new_endpoint_id
    new_secret: Callable[[], str] = new_secret
    chance: Callable[[], float] = random.random

    def add(self, account: str, url: str, events: Collection[str] | None = None) -> WebhookEndpoint:
        """Tell this URL of these events of the account's videos, or of all. Raises InvalidRequest."""
        where = checked_url("url", url, allow_private=self.allow_private)
        new = NewEndpoint(self.new_id(), account, where, read_events(events), self.new_secret())
        added = self.store.add_endpoint(new, ENDPOINTS_MAX)
        if added is None:
            raise InvalidRequest("url", f"an account may have {ENDPOINTS_MAX} webhooks, and {account} has as many")
        return added

    def all(self, account: str | None) -> list[WebhookEndpoint]:
        """The endpoints of an account, or of all where it is None, oldest first."""
        return self.store.endpoints(account)

    def get(self, endpoint_id: str, account: str | None = None) -> WebhookEndpoint:
        """The endpoint. Raises WebhookNotFound, also where it is another account's than the named one."""
        found = self.store.endpoint(endpoint_id)
        if found is None or account not in (None, found.account):
            raise WebhookNotFound(endpoint_id)
        return found

    def remove(self, endpoint_id: str, account: str | None = None) -> None:
        """Remove the endpoint; what waits for it is not sent any more. Raises WebhookNotFound."""
        self.store.remove_endpoint(self.get(endpoint_id, account).id)

    def enable(self, endpoint_id: str) -> None:
        """Tell a disabled endpoint of what ends from now on. Raises WebhookNotFound."""
        if not self.store.enable_endpoint(endpoint_id):
            raise WebhookNotFound(endpoint_id)

    def rotate(self, endpoint_id: str) -> WebhookEndpoint:
        """Give the endpoint a new secret; for a day the present one signs too. Raises WebhookNotFound."""
        self.store.rotate_secret(self.get(endpoint_id).id, self.new_secret(), ROTATION_MS)
        return self.get(endpoint_id)

    def account_secret(self, account: str) -> str:
        """The secret of the messages to URLs that came with the account's tasks."""
        return self.account_secrets(account)[0]

    def account_secrets(self, account: str) -> tuple[str, ...]:
        """The same, and after it the one before the last rotation, for as long as that signs too."""
        return self.store.account_secrets(account, self.new_secret())

    def rotate_account_secret(self, account: str) -> str:
        """Give the account a new secret for such URLs; for a day the present one signs too."""
        self.store.rotate_account_secret(account, self.new_secret(), ROTATION_MS)
        return self.account_secret(account)

    def deliveries(self, search: DeliverySearch) -> Sequence[Delivery]:
        """The deliveries that the search finds, newest first."""
        return self.store.deliveries(search)

    def replay(self, delivery_id: str) -> None:
        """Send a message again, with the same id, and with all retries. Raises InvalidRequest."""
        if not self.store.replay(delivery_id):
            raise InvalidRequest("id", f"there is no delivery {delivery_id}")

    def note(self, delivery: Delivery, tried: Tried) -> None:
        """Write how a try ended, and disable the endpoint where it asked for that or has failed for days."""
        tries = delivery.tries + 1
        pause = None if tried.delivered or tried.gone else pause_ms(tries, self.chance(), tried.retry_after_s)
        failing_since_ms = self.store.note(delivery, tried, pause)
        if delivery.endpoint_id is None or tried.delivered:
            return
        if tried.gone:
            self._disable(delivery.endpoint_id, ASKED_FOR_NO_MORE)
        elif has_failed_for_long(failing_since_ms, self.store.now_ms()):
            self._disable(delivery.endpoint_id, FAILED_FOR_DAYS)

    def drop(self, delivery: Delivery, why: str) -> None:
        """End a delivery that can never be sent."""
        self.store.note(delivery, Tried(None, why), None)

    def forget_old(self) -> None:
        """Remove the deliveries that ended long ago, slice by slice."""
        before_ms = self.store.now_ms() - KEPT_MS
        while self.store.forget(before_ms, SLICE) == SLICE:
            pass

    def _disable(self, endpoint_id: str, why: str) -> None:
        if self.store.disable_endpoint(endpoint_id, why):
            log.warning("webhook %s is disabled: %s. `wanserve webhooks enable` enables it again", endpoint_id, why)
