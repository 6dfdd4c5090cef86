"""The library of Standard Webhooks verifies what is sent, also while two secrets sign."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from wanserve.domain.webhooks import WebhookEndpoint, secret_text, signed_headers
from wanserve.webhook_endpoints import new_secret


@given(st.binary(min_size=24, max_size=64), st.dictionaries(st.text(), st.text()))
def test_the_library_verifies_ours(random: bytes, told: dict[str, str]) -> None:
    import json

    secret, body = secret_text(random), json.dumps(told).encode()
    headers = signed_headers([secret], "msg_1", int(time.time()), body)
    assert Webhook(secret).verify(body, headers) == told


def test_both_secrets_are_good_during_a_rotation_and_no_others() -> None:
    old, new, other = new_secret(), new_secret(), new_secret()
    endpoint = WebhookEndpoint("we_1", "ann", "https://a.example/", (), new, 0, old, old_until_ms=1000)
    body = b'{"type":"webhook.test"}'
    during = signed_headers(endpoint.secrets(999), "msg_1", int(time.time()), body)
    after = signed_headers(endpoint.secrets(1000), "msg_1", int(time.time()), body)
    for secret in (old, new):
        assert Webhook(secret).verify(body, during) == {"type": "webhook.test"}
    Webhook(new).verify(body, after)
    for secret, headers in ((old, after), (other, during), (other, after)):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)


def test_another_body_id_or_time_is_refused() -> None:
    secret, body, now_s = new_secret(), b"{}", int(time.time())
    good = signed_headers([secret], "msg_1", now_s, body)
    Webhook(secret).verify(body, good)
    for headers, sent in (
        (good, b"{ }"),
        (good | {"webhook-id": "msg_2"}, body),
        (good | {"webhook-timestamp": str(now_s - 1)}, body),
        (signed_headers([secret], "msg_1", now_s - 3600, body), body),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(sent, headers)
