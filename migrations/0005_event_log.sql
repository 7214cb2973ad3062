-- The log in partitions by day, so that retention drops tables instead of deleting rows; where an event comes from; and
-- facts that came twice. Copies the events that are there: takes as long as that.

-- The names of the old table's constraints are needed again.
ALTER TABLE events RENAME TO events_in_one;
ALTER TABLE events_in_one RENAME CONSTRAINT events_pkey TO events_in_one_pkey;
ALTER TABLE events_in_one RENAME CONSTRAINT events_tenant_id_message_id_key TO events_in_one_message_key;

CREATE TABLE events (
    tenant_id           text NOT NULL,
    seq                 bigint NOT NULL,
    -- The database's time of the append. Partitions are by it.
    logged_at           timestamptz NOT NULL DEFAULT now(),
    message_id          text NOT NULL,
    -- In byte order, so that the types with a beginning in common lie side by side in the index, whatever the database's
    -- own order is.
    type                text COLLATE "C" NOT NULL,
    version             text NOT NULL,
    broadcaster_user_id bigint NOT NULL,
    subscription_id     text NOT NULL,
    sent_at             timestamptz NOT NULL,
    received_at         timestamptz NOT NULL,
    -- kick: a webhook. gateway: what the gateway itself has to say. replay: an event once more, because somebody asked.
    -- test: made up, because somebody asked; counts nowhere.
    origin              text NOT NULL DEFAULT 'kick' CHECK (origin IN ('kick', 'gateway', 'replay', 'test')),
    -- What is the same for the same fact under two message ids; NULL when the type has nothing of the kind.
    fingerprint         bytea,
    -- The event that told of the same fact first (P9). Such an event is stored and not streamed.
    duplicate_of        bigint,
    -- The event that this one repeats.
    replay_of           bigint,
    -- The bytes that Kick signed.
    body                bytea NOT NULL,
    -- A partitioned table's key has to hold the partition's column. That a number is given once, and a message stored once,
    -- is the doing of whoever holds the tenant's counter row.
    PRIMARY KEY (tenant_id, seq, logged_at)
) PARTITION BY RANGE (logged_at);

CREATE INDEX events_by_message ON events (tenant_id, message_id);
CREATE INDEX events_by_fingerprint ON events (tenant_id, fingerprint, seq)
    WHERE fingerprint IS NOT NULL AND duplicate_of IS NULL;
-- Chat is most of a log, and most readers want the rest, or one broadcaster. An expression, so that a statement that says
-- `seq + 0` means these: to the planner the primary key looks as good, since it guesses for the average tenant.
CREATE INDEX events_by_type ON events (tenant_id, type, (seq + 0));
CREATE INDEX events_by_broadcaster ON events (tenant_id, broadcaster_user_id, (seq + 0));

-- How long this tenant's events are kept; NULL: as long as the deployment's.
ALTER TABLE event_logs ADD COLUMN keep interval CHECK (keep > interval '0');

-- Makes the partitions for the days (UTC) from `first` to `last`. Attaching locks nobody out, which creating a
-- partition in place would. Functions, because whoever makes partitions has to own the table, and the gateway's role need not.
CREATE FUNCTION keep_event_partitions(first date, last date) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET timezone = 'UTC' AS $$
DECLARE
    day date := first;
    name text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(6722310001);
    WHILE day <= last LOOP
        name := 'events_' || to_char(day, 'YYYYMMDD');
        IF to_regclass(name) IS NULL THEN
            EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
            EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                name, day::timestamptz, (day + 1)::timestamptz);
            made := made + 1;
        END IF;
        day := day + 1;
    END LOOP;
    RETURN made;
END $$;

-- The partitions, oldest first, with the day after their last.
CREATE FUNCTION event_partitions() RETURNS TABLE (name text, ends_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT SET timezone = 'UTC' AS $$
    SELECT relname::text, (to_date(substring(relname FROM 8), 'YYYYMMDD') + 1)::timestamptz
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'events'::regclass ORDER BY relname
$$;

-- Lets every log begin behind the partitions that end before `time`, which are dropped next. The last number of a tenant
-- in a partition is one look into its index.
CREATE FUNCTION expire_event_partitions(before timestamptz) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    partition record;
BEGIN
    IF NOT EXISTS (SELECT FROM event_partitions() WHERE ends_at <= before) THEN
        RETURN;
    END IF;
    -- In the order of appends, so that they and this wait for each other one way only.
    PERFORM FROM event_logs ORDER BY tenant_id FOR NO KEY UPDATE;
    FOR partition IN SELECT * FROM event_partitions() WHERE ends_at <= before LOOP
        EXECUTE format(
            'UPDATE event_logs SET first_seq = gone.seq + 1
             FROM event_logs AS log
             CROSS JOIN LATERAL (
                 SELECT seq FROM %I AS old WHERE old.tenant_id = log.tenant_id ORDER BY seq DESC LIMIT 1
             ) AS gone
             WHERE event_logs.tenant_id = log.tenant_id AND event_logs.first_seq <= gone.seq', partition.name);
    END LOOP;
END $$;

-- Drops the oldest partition if it ends before `time` and every log begins behind it; returns whether it did. One in a
-- transaction, and without a lock on a counter row: whoever holds one may wait for the table.
--
-- Whoever reads or writes is waited for a moment, and waits behind this as long; then an error says that it has to be
-- tried again.
CREATE FUNCTION drop_oldest_event_partition(before timestamptz) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT SET lock_timeout = '250ms' AS $$
DECLARE
    name text := (SELECT min(event_partitions.name) FROM event_partitions() WHERE ends_at <= before);
    is_needed boolean;
BEGIN
    IF name IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'SELECT EXISTS (
             SELECT FROM event_logs
             CROSS JOIN LATERAL (
                 SELECT seq FROM %I AS old WHERE old.tenant_id = event_logs.tenant_id ORDER BY seq DESC LIMIT 1
             ) AS last
             WHERE last.seq >= event_logs.first_seq
         )', name) INTO is_needed;
    IF is_needed THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE %I', name);
    RETURN true;
END $$;

SELECT keep_event_partitions(
    coalesce((SELECT (min(received_at) AT TIME ZONE 'UTC')::date FROM events_in_one), (now() AT TIME ZONE 'UTC')::date),
    (now() AT TIME ZONE 'UTC')::date + 7);

INSERT INTO events (
    tenant_id, seq, logged_at, message_id, type, version, broadcaster_user_id, subscription_id, sent_at, received_at,
    origin, body)
SELECT tenant_id, seq, received_at, message_id, type, version, broadcaster_user_id, subscription_id, sent_at,
    received_at, CASE WHEN starts_with(type, 'gateway.') THEN 'gateway' ELSE 'kick' END, body
FROM events_in_one;

DROP TABLE events_in_one;
