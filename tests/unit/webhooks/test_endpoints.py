"""The use cases of webhooks: whose they are, what is refused, and what becomes of an endpoint after a try."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import pytest

from tests.samples import VIDEO, unaccepted
from wanserve.domain.errors import InvalidRequest, WebhookNotFound
from wanserve.domain.task import Succeeded
from wanserve.domain.webhook_store import DeliverySearch
from wanserve.domain.webhooks import ENDPOINTS_MAX, FAILING_MS_MAX, ROTATION_MS, Delivery, DeliveryState, Tried
from wanserve.store.memory import MemoryTasks
from wanserve.store.memory_webhooks import MemoryWebhooks
from wanserve.webhook_endpoints import KEPT_MS, SLICE, Webhooks

URL = "https://ann.example/hook"
BROKEN = Tried(500, "the receiver answered 500")


@dataclass
class Scene:
    """Webhooks on a store in memory, with a clock that stands still."""

    now_ms: int = 1000
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        self.store = MemoryWebhooks(lambda: self.now_ms)
        self.tasks = MemoryTasks(lambda: self.now_ms, self.store.task_ended)
        self.hooks = Webhooks(self.store, new_id=lambda: f"we_{next(self.numbers)}", chance=lambda: 0.5)

    def taken(self) -> Delivery:
        """A delivery that is taken and not yet tried."""
        new = unaccepted()
        self.tasks.add(new, 100).result()
        claimed = self.tasks.claim("worker", [new.generation.model], 60, None)
        assert claimed is not None
        self.tasks.settle(claimed, Succeeded(VIDEO))
        return self.take()

    def take(self) -> Delivery:
        (due,) = self.store.due()
        (delivery,) = self.store.take(due.destination, 1, 10)
        return delivery

    def row(self) -> Delivery:
        return self.store.deliveries(DeliverySearch())[0]


def test_an_endpoint_has_a_secret_of_its_own() -> None:
    hooks = Scene().hooks
    first, second = hooks.add("ann", URL), hooks.add("ben", URL, ["video.failed"])
    assert first.secret != second.secret
    assert first.secret.startswith("whsec_")
    assert hooks.all("ann") == [first]
    assert hooks.all(None) == [first, second]
    assert hooks.get(first.id) == hooks.get(first.id, "ann") == first


def test_what_may_not_be_added_is_refused() -> None:
    hooks = Scene().hooks
    with pytest.raises(InvalidRequest, match=r"^url: "):
        hooks.add("ann", "http://ann.example/")
    with pytest.raises(InvalidRequest, match=r"^events: "):
        hooks.add("ann", URL, ["video.made"])
    for _ in range(ENDPOINTS_MAX):
        hooks.add("ann", URL)
    with pytest.raises(InvalidRequest, match=f"^url: an account may have {ENDPOINTS_MAX} webhooks"):
        hooks.add("ann", URL)
    assert replace(hooks, allow_private=True).add("ben", "http://10.0.0.1/").url == "http://10.0.0.1/"


def test_an_account_reaches_only_its_own() -> None:
    hooks = Scene().hooks
    theirs = hooks.add("ben", URL)
    for endpoint_id in (theirs.id, "we_9"):
        with pytest.raises(WebhookNotFound, match=f"^there is no webhook {endpoint_id}$"):
            hooks.remove(endpoint_id, "ann")
    assert hooks.all("ben") == [theirs]
    hooks.remove(theirs.id, "ben")
    assert hooks.all("ben") == []
    for use in (hooks.enable, hooks.rotate, hooks.remove):
        with pytest.raises(WebhookNotFound):
            use(theirs.id)
    with pytest.raises(InvalidRequest, match=r"^id: there is no delivery msg_9$"):
        hooks.replay("msg_9")


def test_a_rotation_gives_another_secret_and_keeps_the_first_for_a_day() -> None:
    scene = Scene()
    first = scene.hooks.add("ann", URL)
    second = scene.hooks.rotate(first.id)
    assert second.secrets(scene.now_ms + ROTATION_MS - 1) == (second.secret, first.secret)
    assert second.secrets(scene.now_ms + ROTATION_MS) == (second.secret,)


def test_a_failed_try_is_made_again_by_the_plan_and_a_success_ends_it() -> None:
    scene = Scene()
    scene.hooks.add("ann", URL)
    scene.hooks.note(scene.taken(), BROKEN)
    assert (scene.row().state, scene.row().next_ms) == (DeliveryState.PENDING, 6000)
    scene.now_ms = 6000
    scene.hooks.note(scene.take(), Tried(503, "busy", retry_after_s=90))
    assert scene.row().next_ms == 6000 + 90_000
    scene.now_ms = 96_000
    scene.hooks.note(scene.take(), Tried(200))
    assert (scene.row().state, scene.row().tries) == (DeliveryState.DELIVERED, 3)


def test_after_a_day_a_delivery_has_failed_and_can_be_replayed() -> None:
    scene = Scene()
    scene.hooks.add("ann", URL)
    began_ms, delivery = scene.now_ms, scene.taken()
    scene.hooks.note(delivery, BROKEN)
    while (next_ms := scene.row().next_ms) is not None:
        scene.now_ms = next_ms
        scene.hooks.note(scene.take(), BROKEN)
    assert (scene.row().state, scene.row().tries) == (DeliveryState.FAILED, 11)
    assert 23 * 3_600_000 < scene.now_ms - began_ms <= 24 * 3_600_000
    scene.hooks.replay(delivery.id)
    assert scene.take().id == delivery.id


def test_a_receiver_that_is_gone_is_disabled_at_once(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    added = scene.hooks.add("ann", f"{URL}?token=secret")
    with caplog.at_level(logging.WARNING):
        scene.hooks.note(scene.taken(), Tried(410, "the receiver answered 410"))
    assert scene.row().state is DeliveryState.FAILED
    assert scene.hooks.get(added.id).disabled_why == "the receiver answered 410 Gone"
    assert f"webhook {added.id} is disabled: the receiver answered 410 Gone" in caplog.text
    assert "secret" not in caplog.text
    scene.hooks.enable(added.id)
    assert scene.hooks.get(added.id).disabled_ms is None


def test_a_receiver_that_fails_for_days_is_disabled() -> None:
    scene = Scene()
    added = scene.hooks.add("ann", URL)
    scene.hooks.note(scene.taken(), BROKEN)
    scene.now_ms += FAILING_MS_MAX - 1
    scene.hooks.note(scene.take(), BROKEN)
    assert scene.hooks.get(added.id).disabled_ms is None
    scene.now_ms += FAILING_MS_MAX
    scene.hooks.note(scene.take(), BROKEN)
    assert scene.hooks.get(added.id).disabled_why == "every try of the last three days failed"
    # Once it is enabled its failures are counted anew.
    scene.hooks.enable(added.id)
    scene.hooks.note(scene.taken(), BROKEN)
    assert scene.hooks.get(added.id).disabled_ms is None


def test_old_deliveries_are_forgotten_all_of_them() -> None:
    scene = Scene()
    scene.hooks.add("ann", URL)
    for _ in range(SLICE + 1):
        scene.hooks.note(scene.taken(), Tried(200))
    scene.now_ms += KEPT_MS
    scene.hooks.forget_old()
    assert len(scene.hooks.deliveries(DeliverySearch(limit=SLICE * 2))) == SLICE + 1
    scene.now_ms += 1
    scene.hooks.forget_old()
    assert scene.hooks.deliveries(DeliverySearch()) == []
