-- The log of verified webhooks, one per tenant, numbered without gaps in commit order (P10,
-- docs/decisions/0004-gapless-sequence.md).

-- The counter row of a tenant's log. Whoever appends locks it until commit; that lock is the order.
CREATE TABLE event_logs (
    tenant_id text PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
    epoch     bigint NOT NULL,
    first_seq bigint NOT NULL DEFAULT 1,
    last_seq  bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE events (
    tenant_id           text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    seq                 bigint NOT NULL,
    message_id          text NOT NULL,
    type                text NOT NULL,
    version             text NOT NULL,
    broadcaster_user_id bigint NOT NULL,
    subscription_id     text NOT NULL,
    sent_at             timestamptz NOT NULL,
    received_at         timestamptz NOT NULL,
    -- The bytes that Kick signed.
    body                bytea NOT NULL,
    PRIMARY KEY (tenant_id, seq),
    -- Same message, delivered any number of times to any replica: one event (P9).
    UNIQUE (tenant_id, message_id)
);

-- Retention deletes by age; rows arrive in that order.
CREATE INDEX events_by_age ON events USING brin (received_at);
