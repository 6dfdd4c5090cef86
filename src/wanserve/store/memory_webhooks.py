"""The webhooks in memory: the same contract as the SQL stores, for tests."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from wanserve.domain.ports import Clock
from wanserve.domain.task import State, Task
from wanserve.domain.webhook_store import DeliverySearch, Due, NewEndpoint
from wanserve.domain.webhooks import Delivery, DeliveryState, EventType, Tried, WebhookEndpoint, signing_secrets
from wanserve.store.webhooks import REMOVED

_EVENTS = {
    State.SUCCEEDED: EventType.COMPLETED,
    State.FAILED: EventType.FAILED,
    State.CANCELED: EventType.CANCELED,
}


class MemoryWebhooks:
    """The WebhookStore in dicts. `task_ended` does what a trigger does in the SQL stores."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._endpoints: dict[str, WebhookEndpoint] = {}
        self._secrets: dict[str, tuple[str, str | None, int | None]] = {}
        self._outbox: dict[str, Delivery] = {}
        self._lock = threading.RLock()

    def task_ended(self, task: Task) -> None:
        """Write the rows of a task that has just ended."""
        event, message, ended_ms = _EVENTS[task.state], f"msg_{task.id.replace('-', '')}", task.ended_ms or 0
        code = None if task.failure is None else task.failure.code
        about = task.generation.model, code, None if task.failure is None else task.failure.message, ended_ms
        rows = [
            Delivery(f"{message}_{each.id[3:]}", task.id, task.account, event, each.id, None, each.id, *about)
            for each in self.endpoints(task.account)
            if each.disabled_ms is None and event in each.events
        ]
        if task.webhook_url is not None:
            host = f"{task.account} {'/'.join(task.webhook_url.split('/')[:3])}"
            rows.append(Delivery(message, task.id, task.account, event, None, task.webhook_url, host, *about))
        with self._lock:
            self._outbox |= {row.id: replace(row, next_ms=ended_ms) for row in rows}

    def now_ms(self) -> int:
        """See WebhookStore."""
        return self._clock()

    def add_endpoint(self, new: NewEndpoint, most: int) -> WebhookEndpoint | None:
        """See WebhookStore."""
        with self._lock:
            if len(self.endpoints(new.account)) >= most:
                return None
            added = WebhookEndpoint(new.id, new.account, new.url, new.events, new.secret, self._clock())
            self._endpoints[new.id] = added
        return added

    def endpoints(self, account: str | None) -> list[WebhookEndpoint]:
        """See WebhookStore."""
        with self._lock:
            found = [each for each in self._endpoints.values() if account in (None, each.account)]
        return sorted(found, key=lambda each: (each.created_ms, each.id))

    def endpoint(self, endpoint_id: str) -> WebhookEndpoint | None:
        """See WebhookStore."""
        return self._endpoints.get(endpoint_id)

    def remove_endpoint(self, endpoint_id: str) -> bool:
        """See WebhookStore."""
        with self._lock:
            self._give_up(endpoint_id, REMOVED)
            return self._endpoints.pop(endpoint_id, None) is not None

    def enable_endpoint(self, endpoint_id: str) -> bool:
        """See WebhookStore."""
        return self._change(endpoint_id, disabled_ms=None, disabled_why=None, failing_since_ms=None)

    def disable_endpoint(self, endpoint_id: str, why: str) -> bool:
        """See WebhookStore."""
        with self._lock:
            known = self._endpoints.get(endpoint_id)
            if known is None or known.disabled_ms is not None:
                return False
            self._give_up(endpoint_id, why)
            return self._change(endpoint_id, disabled_ms=self._clock(), disabled_why=why)

    def rotate_secret(self, endpoint_id: str, secret: str, both_ms: int) -> bool:
        """See WebhookStore."""
        known = self._endpoints.get(endpoint_id)
        if known is None:
            return False
        return self._change(endpoint_id, secret=secret, old_secret=known.secret, old_until_ms=self._clock() + both_ms)

    def account_secrets(self, account: str, new: str) -> tuple[str, ...]:
        """See WebhookStore."""
        return signing_secrets(*self._secrets.setdefault(account, (new, None, None)), now_ms=self._clock())

    def rotate_account_secret(self, account: str, secret: str, both_ms: int) -> None:
        """See WebhookStore."""
        present = self._secrets.get(account)
        self._secrets[account] = (secret, present[0], self._clock() + both_ms) if present else (secret, None, None)

    def due(self) -> list[Due]:
        """See WebhookStore."""
        first: dict[Due, int] = {}
        for row in self._due_rows():
            first.setdefault(Due(row.destination, row.account), row.next_ms or 0)
        return list(first)

    def take(self, destination: str, limit: int, lease_ms: int) -> list[Delivery]:
        """See WebhookStore."""
        with self._lock:
            due = [row for row in self._due_rows() if row.destination == destination][:limit]
            taken = [replace(row, next_ms=self._clock() + lease_ms) for row in due]
            self._outbox |= {row.id: row for row in taken}
        return taken

    def note(self, delivery: Delivery, tried: Tried, pause_ms: int | None) -> int | None:
        """See WebhookStore."""
        now_ms = self._clock()
        ended = DeliveryState.DELIVERED if tried.delivered else DeliveryState.FAILED
        with self._lock:
            row = self._taken(delivery)
            if row is not None:
                self._outbox[row.id] = replace(
                    row,
                    state=ended if pause_ms is None else DeliveryState.PENDING,
                    tries=row.tries + 1,
                    next_ms=None if pause_ms is None else now_ms + pause_ms,
                    tried_ms=now_ms,
                    status=tried.status,
                    error=tried.error,
                )
            endpoint = self._endpoints.get(delivery.endpoint_id or "")
            if endpoint is None:
                return None
            since_ms = None if tried.delivered else endpoint.failing_since_ms or now_ms
            self._change(endpoint.id, failing_since_ms=since_ms)
        return since_ms

    def give_back(self, delivery: Delivery) -> None:
        """See WebhookStore."""
        with self._lock:
            row = self._taken(delivery)
            if row is not None:
                self._outbox[row.id] = replace(row, next_ms=self._clock())

    def deliveries(self, search: DeliverySearch) -> Sequence[Delivery]:
        """See WebhookStore."""
        with self._lock:
            rows = list(self._outbox.values())
        found = [
            row
            for row in sorted(rows, key=lambda row: (row.created_ms, row.id), reverse=True)
            if search.account in (None, row.account) and (row.state is DeliveryState.FAILED or not search.failed_only)
        ]
        return found[: search.limit]

    def replay(self, delivery_id: str) -> bool:
        """See WebhookStore."""
        with self._lock:
            row = self._outbox.get(delivery_id)
            if row is None:
                return False
            self._outbox[row.id] = replace(
                row, state=DeliveryState.PENDING, tries=0, next_ms=self._clock(), status=None, error=None
            )
        return True

    def waiting(self) -> int:
        """See WebhookStore."""
        with self._lock:
            return sum(row.state is DeliveryState.PENDING for row in self._outbox.values())

    def forget(self, created_before_ms: int, limit: int) -> int:
        """See WebhookStore."""
        with self._lock:
            old = [
                row.id
                for row in self._outbox.values()
                if row.state is not DeliveryState.PENDING and row.created_ms < created_before_ms
            ][:limit]
            for each in old:
                del self._outbox[each]
        return len(old)

    def _due_rows(self) -> list[Delivery]:
        now_ms = self._clock()
        with self._lock:
            due = [
                row
                for row in self._outbox.values()
                if row.state is DeliveryState.PENDING and row.next_ms is not None and row.next_ms <= now_ms
            ]
        return sorted(due, key=lambda row: (row.next_ms or 0, row.id))

    def _taken(self, delivery: Delivery) -> Delivery | None:
        row = self._outbox.get(delivery.id)
        if row is None or row.state is not DeliveryState.PENDING or row.tries != delivery.tries:
            return None
        return row

    def _change(self, endpoint_id: str, **values: int | str | None) -> bool:
        with self._lock:
            known = self._endpoints.get(endpoint_id)
            if known is not None:
                self._endpoints[endpoint_id] = replace(known, **values)  # type: ignore[arg-type]
        return known is not None

    def _give_up(self, endpoint_id: str, why: str) -> None:
        for row in list(self._outbox.values()):
            if row.destination == endpoint_id and row.state is DeliveryState.PENDING:
                self._outbox[row.id] = replace(row, state=DeliveryState.FAILED, next_ms=None, error=why)
