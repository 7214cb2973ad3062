-- Requests with an Idempotency-Key: which are under way, and what was answered to those that are over.

CREATE TABLE idempotency_records (
    -- Made anew with every claim, so that a claim that was taken over cannot end the one that took it.
    id            text PRIMARY KEY,
    tenant_id     text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    -- SHA-256 of the key that the caller made up.
    key_hash      bytea NOT NULL,
    -- SHA-256 of the request: the same key with another one is a mistake.
    fingerprint   bytea NOT NULL,
    state         text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done')),
    -- A request still running after this has lost its process.
    lease_until   timestamptz NOT NULL,
    status        bigint,
    -- Header fields and body: they may hold secrets, such as connect links.
    answer_sealed bytea,
    answer_key_id text GENERATED ALWAYS AS (sealed_key_id(answer_sealed)) STORED REFERENCES encryption_keys (id),
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    UNIQUE (tenant_id, key_hash),
    CHECK ((state = 'done') = (status IS NOT NULL AND answer_sealed IS NOT NULL))
) WITH (fillfactor = 70);

CREATE INDEX idempotency_records_expiry ON idempotency_records (expires_at);
