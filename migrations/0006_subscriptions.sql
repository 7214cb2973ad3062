-- What tenants want of a broadcaster, and what Kick was last seen to have: two things now, compared broadcaster by
-- broadcaster (docs/decisions/0008-reconciling-subscriptions.md).

-- MARK: Wishes

DROP INDEX logins_by_broadcaster;

ALTER TABLE logins
    -- The event types that the tenant wants of this broadcaster; NULL: all that there are.
    ADD COLUMN wanted_types text[],
    -- Whether the broadcaster lets us have events at all. Deliveries go on when the tokens are dead; they end with the login.
    ADD COLUMN wants_events boolean NOT NULL
        GENERATED ALWAYS AS (state <> 'disconnected' AND 'events:subscribe' = ANY (scopes)) STORED,
    DROP COLUMN subscriptions_due_at,
    DROP COLUMN subscriptions_lease_until;

-- A webhook names an app (by its URL) and a broadcaster: who wants it?
CREATE INDEX logins_by_broadcaster ON logins (app_id, kick_user_id) WHERE wants_events;

-- MARK: What Kick has

-- A broadcaster of whom some tenant wants events through this app, or wanted: tenants that share app and broadcaster share
-- Kick's subscriptions.
CREATE TABLE watched_broadcasters (
    app_id              text NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    broadcaster_user_id bigint NOT NULL,
    -- When somebody should compare what is wanted with what Kick has, and who does: a number for each who took the lease.
    due_at              timestamptz NOT NULL DEFAULT now(),
    lease_until         timestamptz,
    fence               bigint NOT NULL DEFAULT 0,
    -- Raised by every change of a wish, so that who read the wishes before it knows that it is not done.
    wish_changes        bigint NOT NULL DEFAULT 0,
    -- Reviews in a row that came to nothing, and why the last did.
    failures            bigint NOT NULL DEFAULT 0,
    last_error          text,
    PRIMARY KEY (app_id, broadcaster_user_id)
) WITH (fillfactor = 70);

CREATE INDEX watched_broadcasters_due ON watched_broadcasters (due_at);

-- One wanted event type of a broadcaster at Kick.
CREATE TABLE kick_subscriptions (
    app_id              text NOT NULL,
    broadcaster_user_id bigint NOT NULL,
    type                text NOT NULL,
    -- pending: asked for, not confirmed. active: listed by Kick, or it delivers. silent: active, but nothing has come for
    -- far longer than usual. failed: Kick refused it. limited: the app has as many as Kick allows.
    state               text NOT NULL CHECK (state IN ('pending', 'active', 'silent', 'failed', 'limited')),
    state_since         timestamptz NOT NULL DEFAULT now(),
    -- The trouble that the tenants' logs have been told of; NULL: none.
    announced           text CHECK (announced IN ('silent', 'failed', 'limited', 'lost')),
    -- Kick's id of the one that counts.
    kick_id             text,
    -- When Kick was last asked to make it, with nothing seen of it since, and how often in a row. Committed before the call.
    requested_at        timestamptz,
    requests            bigint NOT NULL DEFAULT 0,
    -- How often Kick was asked, ever.
    total_requests      bigint NOT NULL DEFAULT 0,
    -- Last seen in Kick's list; and since when it is missing there.
    listed_at           timestamptz,
    missing_since       timestamptz,
    -- Refusals in a row, and before when it is not asked for again.
    failures            bigint NOT NULL DEFAULT 0,
    retry_at            timestamptz,
    last_error          text,
    -- The last delivery, through which of Kick's subscriptions, and the longest pause between two of late.
    delivered_at        timestamptz,
    delivered_by        text,
    deliveries          bigint NOT NULL DEFAULT 0,
    usual_gap_seconds   double precision,
    PRIMARY KEY (app_id, broadcaster_user_id, type),
    FOREIGN KEY (app_id, broadcaster_user_id) REFERENCES watched_broadcasters ON DELETE CASCADE
) WITH (fillfactor = 70);

-- Subscriptions that Kick was told to delete: its list may show them for a while, and they count for nothing.
CREATE TABLE deleted_kick_subscriptions (
    app_id              text NOT NULL,
    broadcaster_user_id bigint NOT NULL,
    kick_id             text NOT NULL,
    deleted_at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, broadcaster_user_id, kick_id),
    FOREIGN KEY (app_id, broadcaster_user_id) REFERENCES watched_broadcasters ON DELETE CASCADE
);

-- MARK: Quota

-- How many subscriptions of each type an app has, out of those that Kick allows.
CREATE TABLE subscription_quotas (
    app_id        text NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    type          text NOT NULL,
    -- What Kick listed for the whole app, and how many broadcasters it is wanted of.
    used          bigint NOT NULL DEFAULT 0,
    wanted        bigint NOT NULL DEFAULT 0,
    -- Kick said that there are too many: none is asked for before this time.
    blocked_until timestamptz,
    -- The percentage that was last warned of.
    warned        bigint NOT NULL DEFAULT 0,
    counted_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app_id, type)
);

-- The same by day (UTC), for the forecast.
CREATE TABLE subscription_quota_days (
    app_id text NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    type   text NOT NULL,
    day    date NOT NULL,
    wanted bigint NOT NULL,
    PRIMARY KEY (app_id, type, day)
);

ALTER TABLE apps
    -- Kick has verified this app: it may have ten times as many chat subscriptions.
    ADD COLUMN is_verified boolean NOT NULL DEFAULT false,
    -- When Kick's whole list of the app should be looked at, and by whom.
    ADD COLUMN census_due_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN census_lease_until timestamptz;

-- MARK: Whoever changes a wish has the broadcaster reviewed

CREATE FUNCTION review_broadcaster() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO watched_broadcasters (app_id, broadcaster_user_id, wish_changes)
    SELECT DISTINCT app_id, kick_user_id, 1
    FROM (VALUES (OLD.app_id, OLD.kick_user_id), (NEW.app_id, NEW.kick_user_id)) AS changed (app_id, kick_user_id)
    WHERE app_id IS NOT NULL
    ORDER BY 1, 2
    ON CONFLICT (app_id, broadcaster_user_id) DO UPDATE SET
        due_at = least(watched_broadcasters.due_at, now()), wish_changes = watched_broadcasters.wish_changes + 1;
    RETURN NULL;
END $$;

CREATE TRIGGER logins_wish_added AFTER INSERT OR DELETE ON logins
    FOR EACH ROW EXECUTE FUNCTION review_broadcaster();
CREATE TRIGGER logins_wish_changed AFTER UPDATE ON logins FOR EACH ROW
    WHEN ((OLD.state, OLD.wants_events, OLD.wanted_types, OLD.app_id, OLD.kick_user_id)
        IS DISTINCT FROM (NEW.state, NEW.wants_events, NEW.wanted_types, NEW.app_id, NEW.kick_user_id))
    EXECUTE FUNCTION review_broadcaster();

-- MARK: What is there already

INSERT INTO watched_broadcasters (app_id, broadcaster_user_id)
SELECT DISTINCT app_id, kick_user_id FROM logins;

INSERT INTO kick_subscriptions (app_id, broadcaster_user_id, type, state, kick_id)
SELECT DISTINCT ON (app_id, kick_user_id, type) app_id, kick_user_id, type, 'pending', kick_subscription_id
FROM event_subscriptions JOIN logins ON logins.id = login_id
WHERE kick_subscription_id IS NOT NULL
ORDER BY app_id, kick_user_id, type, updated_at DESC;

DROP TABLE event_subscriptions;
