-- Tenants, the Kick applications they go through, and their API keys.
-- Small tables; safe to apply at any size.

CREATE TABLE apps (
    id                   text PRIMARY KEY,
    name                 text NOT NULL,
    client_id            text NOT NULL UNIQUE,
    -- AES-256-GCM, bound to this row and column (P6).
    client_secret_sealed bytea NOT NULL,
    is_default           boolean NOT NULL DEFAULT false,
    created_at           timestamptz NOT NULL DEFAULT now()
);

-- At most one app is the one that tenants get when they name none.
CREATE UNIQUE INDEX apps_one_default ON apps (is_default) WHERE is_default;

CREATE TABLE tenants (
    id         text PRIMARY KEY,
    name       text NOT NULL UNIQUE,
    app_id     text NOT NULL REFERENCES apps (id),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    id         text PRIMARY KEY,
    tenant_id  text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    name       text NOT NULL,
    hint       text NOT NULL,
    -- SHA-256 of a 256-bit random secret: nothing to guess, so no slow hash is needed.
    token_hash bytea NOT NULL UNIQUE,
    scopes     text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);

CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id, id);
