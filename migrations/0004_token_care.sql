-- Keys of the encryption at rest, what is known of a login's health, its orderly end, and the apps' own tokens.
-- Adds generated columns, which rewrites apps, logins and login_attempts once.

-- Data keys, each wrapped by a key of the environment (docs/decisions/0005-envelope-encryption.md). The newest one
-- writes. A row without wrapped_key stands for a key that is in the environment itself.
CREATE TABLE encryption_keys (
    id          text PRIMARY KEY,
    wrapped_key bytea,
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- The id of the key that sealed these bytes: it stands in them in the clear (version, length of the id, id, …).
CREATE FUNCTION sealed_key_id(sealed bytea) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN encode(substring(sealed FROM 3 FOR get_byte(sealed, 1)), 'escape');

INSERT INTO encryption_keys (id)
SELECT DISTINCT sealed_key_id(sealed) FROM (
    SELECT client_secret_sealed FROM apps
    UNION ALL SELECT access_token_sealed FROM logins
    UNION ALL SELECT refresh_token_sealed FROM logins
    UNION ALL SELECT previous_refresh_token_sealed FROM logins
    UNION ALL SELECT verifier_sealed FROM login_attempts
) AS present (sealed)
WHERE sealed IS NOT NULL;

-- Whatever is sealed refers to its key: one that is still in use cannot be deleted, whoever tries.
ALTER TABLE apps
    ADD COLUMN client_secret_key_id text
        GENERATED ALWAYS AS (sealed_key_id(client_secret_sealed)) STORED REFERENCES encryption_keys (id);

ALTER TABLE login_attempts
    ADD COLUMN verifier_key_id text
        GENERATED ALWAYS AS (sealed_key_id(verifier_sealed)) STORED REFERENCES encryption_keys (id);

ALTER TABLE logins
    ADD COLUMN access_token_key_id text
        GENERATED ALWAYS AS (sealed_key_id(access_token_sealed)) STORED REFERENCES encryption_keys (id),
    ADD COLUMN refresh_token_key_id text
        GENERATED ALWAYS AS (sealed_key_id(refresh_token_sealed)) STORED REFERENCES encryption_keys (id),
    ADD COLUMN previous_refresh_token_key_id text
        GENERATED ALWAYS AS (sealed_key_id(previous_refresh_token_sealed)) STORED REFERENCES encryption_keys (id),

    -- What was asked for at the last consent; scopes is what was granted.
    ADD COLUMN asked_scopes text[] NOT NULL DEFAULT '{}',
    -- How the last attempt ended, and when.
    ADD COLUMN last_refresh_outcome text
        CHECK (last_refresh_outcome IN ('renewed', 'postponed', 'refused', 'interrupted')),
    ADD COLUMN last_refresh_at timestamptz,
    -- Whether the log has been told that refreshing fails; it is told of the end then, too.
    ADD COLUMN failing_announced boolean NOT NULL DEFAULT false,

    -- The end of a login: from the wish to disconnect until Kick has revoked its tokens and its subscriptions are gone.
    ADD COLUMN disconnected_at timestamptz,
    ADD COLUMN teardown_due_at timestamptz,
    ADD COLUMN teardown_lease_until timestamptz,
    ADD COLUMN teardown_failures bigint NOT NULL DEFAULT 0;

UPDATE logins SET asked_scopes = scopes;

-- Due refreshes are claimed app by app: one app's trouble must not hold up the others.
DROP INDEX logins_refresh_due;
CREATE INDEX logins_refresh_due ON logins (app_id, refresh_due_at) WHERE state = 'connected';
CREATE INDEX logins_teardown_due ON logins (teardown_due_at) WHERE teardown_due_at IS NOT NULL;

-- One access token per app, for all replicas. Who holds the lease fetches the next one.
CREATE TABLE app_tokens (
    app_id       text PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    token_sealed bytea,
    token_key_id text GENERATED ALWAYS AS (sealed_key_id(token_sealed)) STORED REFERENCES encryption_keys (id),
    expires_at   timestamptz,
    -- Number of the stored token: every stored token raises it.
    generation   bigint NOT NULL DEFAULT 0,
    lease_until  timestamptz
);
