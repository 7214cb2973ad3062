-- The grants of Kick accounts, how broadcasters get to them, and what they subscribe to.

CREATE TABLE logins (
    id                            text PRIMARY KEY,
    tenant_id                     text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    app_id                        text NOT NULL REFERENCES apps (id),
    kick_user_id                  bigint NOT NULL,
    username                      text NOT NULL,
    slug                          text,
    state                         text NOT NULL CHECK (state IN ('connected', 'reconnect_required', 'disconnected')),
    scopes                        text[] NOT NULL,
    connected_at                  timestamptz NOT NULL DEFAULT now(),

    -- Sealed (P6). The previous refresh token is kept until the new pair has worked once (P4); it is the same
    -- ciphertext that stood in refresh_token_sealed, so both columns are sealed for the column name 'refresh_token'.
    access_token_sealed           bytea,
    refresh_token_sealed          bytea,
    previous_refresh_token_sealed bytea,
    access_expires_at             timestamptz,
    refresh_issued_at             timestamptz,
    refreshed_at                  timestamptz,
    -- Number of the stored pair: every stored rotation raises it.
    generation                    bigint NOT NULL DEFAULT 1,

    -- When somebody should refresh, and who does (P3, P4): an attempt is committed before Kick is called. Its fence
    -- is the number that its result must present; whoever takes over an expired lease raises it.
    refresh_due_at                timestamptz,
    refresh_fence                 bigint NOT NULL DEFAULT 0,
    refresh_lease_until           timestamptz,
    refresh_attempt_started_at    timestamptz,
    refresh_failures              bigint NOT NULL DEFAULT 0,
    last_error                    text,

    -- When somebody should compare what the login wants with what Kick has.
    subscriptions_due_at          timestamptz,
    subscriptions_lease_until     timestamptz,

    UNIQUE (tenant_id, app_id, kick_user_id)
);

-- A webhook names an app (by its URL) and a broadcaster: who wants it?
CREATE INDEX logins_by_broadcaster ON logins (app_id, kick_user_id) WHERE state <> 'disconnected';
CREATE INDEX logins_refresh_due ON logins (refresh_due_at) WHERE state = 'connected';
CREATE INDEX logins_subscriptions_due ON logins (subscriptions_due_at) WHERE state = 'connected';

-- A link that a tenant sends to a broadcaster. Used up by a login, not by being looked at.
CREATE TABLE connect_links (
    id         text PRIMARY KEY,
    tenant_id  text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    token_hash bytea NOT NULL UNIQUE,
    scopes     text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    login_id   text REFERENCES logins (id) ON DELETE SET NULL,
    used_at    timestamptz
);

-- One trip to Kick's consent page and back. Deleted by the callback, so a state works once.
CREATE TABLE login_attempts (
    state_hash      bytea PRIMARY KEY,
    tenant_id       text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    app_id          text NOT NULL REFERENCES apps (id),
    link_id         text NOT NULL REFERENCES connect_links (id) ON DELETE CASCADE,
    -- The browser that began must be the one that comes back: hash of its cookie.
    browser_hash    bytea NOT NULL,
    verifier_sealed bytea NOT NULL,
    scopes          text[] NOT NULL,
    expires_at      timestamptz NOT NULL
);

CREATE INDEX login_attempts_expiry ON login_attempts (expires_at);

CREATE TABLE event_subscriptions (
    tenant_id            text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    login_id             text NOT NULL REFERENCES logins (id) ON DELETE CASCADE,
    broadcaster_user_id  bigint NOT NULL,
    type                 text NOT NULL,
    state                text NOT NULL CHECK (state IN ('pending', 'active', 'failed')),
    kick_subscription_id text,
    last_error           text,
    updated_at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (login_id, type)
);

CREATE INDEX event_subscriptions_of_tenant ON event_subscriptions (tenant_id, login_id);
