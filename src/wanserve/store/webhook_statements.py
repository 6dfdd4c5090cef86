"""Every SQL statement of the webhooks, for all SQL stores: named parameters are written `:name`, the time is `:now_ms`."""

from typing import Final

from wanserve.store.webhook_rows import DELIVERY_COLUMNS, ENDPOINT_COLUMNS

# Not more than the account may have: counted by the statement that adds it.
ADD_ENDPOINT: Final = f"""
    INSERT INTO webhook_endpoints (id, account, url, events, secret, created_ms)
    SELECT :id, :account, :url, :events, :secret, CAST(:now_ms AS BIGINT)
    WHERE (SELECT count(*) FROM webhook_endpoints WHERE account = :account) < :most
    RETURNING {ENDPOINT_COLUMNS}
"""
ENDPOINTS: Final = f"""
    SELECT {ENDPOINT_COLUMNS} FROM webhook_endpoints
    WHERE CAST(:account AS TEXT) IS NULL OR account = :account ORDER BY created_ms, id
"""
ENDPOINT: Final = f"SELECT {ENDPOINT_COLUMNS} FROM webhook_endpoints WHERE id = :id"
REMOVE_ENDPOINT: Final = "DELETE FROM webhook_endpoints WHERE id = :id RETURNING id"
ENABLE_ENDPOINT: Final = """
    UPDATE webhook_endpoints SET disabled_ms = NULL, disabled_why = NULL, failing_since_ms = NULL WHERE id = :id RETURNING id
"""
DISABLE_ENDPOINT: Final = """
    UPDATE webhook_endpoints SET disabled_ms = :now_ms, disabled_why = :why
    WHERE id = :id AND disabled_ms IS NULL RETURNING id
"""
# Runs in the transaction that removes or disables the endpoint: nothing would send them any more.
GIVE_UP: Final = """
    UPDATE webhook_deliveries SET state = 'failed', next_ms = NULL, error = :why
    WHERE destination = :id AND state = 'pending'
"""
ROTATE_SECRET: Final = """
    UPDATE webhook_endpoints
    SET old_secret = secret, old_until_ms = CAST(:now_ms AS BIGINT) + CAST(:both_ms AS BIGINT), secret = :secret
    WHERE id = :id RETURNING id
"""
KEEP_ACCOUNT_SECRET: Final = """
    INSERT INTO webhook_secrets (account, secret) VALUES (:account, :secret) ON CONFLICT (account) DO NOTHING
"""
ROTATE_ACCOUNT_SECRET: Final = """
    INSERT INTO webhook_secrets (account, secret) VALUES (:account, :secret) ON CONFLICT (account) DO UPDATE
    SET old_secret = webhook_secrets.secret, old_until_ms = CAST(:now_ms AS BIGINT) + CAST(:both_ms AS BIGINT),
        secret = excluded.secret
"""
ACCOUNT_SECRET: Final = "SELECT secret, old_secret, old_until_ms FROM webhook_secrets WHERE account = :account"

DUE: Final = """
    SELECT destination, account FROM webhook_deliveries
    WHERE state = 'pending' AND next_ms <= :now_ms GROUP BY destination, account ORDER BY min(next_ms)
"""
# The conditions stand twice: two that take at once must not both get a row.
TAKE: Final = f"""
    UPDATE webhook_deliveries SET next_ms = CAST(:now_ms AS BIGINT) + CAST(:lease_ms AS BIGINT)
    WHERE state = 'pending' AND next_ms <= :now_ms AND id IN (
        SELECT id FROM webhook_deliveries
        WHERE destination = :destination AND state = 'pending' AND next_ms <= :now_ms ORDER BY next_ms, id LIMIT :limit
    )
    RETURNING {DELIVERY_COLUMNS}
"""
# By the number of its tries a late note of an earlier try changes nothing.
NOTE: Final = """
    UPDATE webhook_deliveries SET
        state = :state, tries = tries + 1, next_ms = CAST(:now_ms AS BIGINT) + CAST(:pause_ms AS BIGINT),
        tried_ms = :now_ms, status = :status, error = :error
    WHERE id = :id AND state = 'pending' AND tries = :tries RETURNING id
"""
NOTE_SUCCESS: Final = "UPDATE webhook_endpoints SET failing_since_ms = NULL WHERE id = :endpoint_id"
NOTE_FAILURE: Final = """
    UPDATE webhook_endpoints SET failing_since_ms = coalesce(failing_since_ms, CAST(:now_ms AS BIGINT))
    WHERE id = :endpoint_id RETURNING failing_since_ms
"""
GIVE_BACK: Final = """
    UPDATE webhook_deliveries SET next_ms = :now_ms WHERE id = :id AND state = 'pending' AND tries = :tries
"""
DELIVERIES: Final = f"""
    SELECT {DELIVERY_COLUMNS} FROM webhook_deliveries
    WHERE (CAST(:account AS TEXT) IS NULL OR account = :account) AND (:failed_only = 0 OR state = 'failed')
    ORDER BY created_ms DESC, id DESC LIMIT :limit
"""
REPLAY: Final = """
    UPDATE webhook_deliveries SET state = 'pending', tries = 0, next_ms = :now_ms, status = NULL, error = NULL
    WHERE id = :id RETURNING id
"""
WAITING: Final = "SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'"
FORGET: Final = """
    DELETE FROM webhook_deliveries WHERE id IN (
        SELECT id FROM webhook_deliveries WHERE state <> 'pending' AND created_ms < :before_ms ORDER BY created_ms LIMIT :limit
    )
    RETURNING id
"""
