#if Postgres
/// The tables and functions of leases, as statements that make them.
///
/// All decisions about a name are made in the server, in one round trip, by functions that begin by locking the row of the
/// name in `lease`. Whoever comes at the same time waits for that row, and then sees what was decided. A refusal is read
/// without a lock and writes nothing, so that a crowd that asks for a held name does not stand in line.
///
/// - `lease` has one row for each name that was held lately; a row that has run out is free. A release leaves the row, so that
///   the next grant need not touch an index.
/// - `waiter` has one row for each who waits in turn, ordered by `ticket`, and `watch` one for each engine that only wants to
///   know of the end of a lease.
/// - `engine` has the sign of life of each engine that has waiters. A waiter whose engine has been silent for longer than
///   three seconds counts as dead, and is passed over.
/// - `token` gives tokens and tickets, so that no ticket is ever the token of a grant.
///
/// All times are those of the server's `clock_timestamp()`. Who waits is told by `NOTIFY` on the channel of its engine: the
/// first waiter, and those who watch, and nobody else.
enum LeaseSchema {
    /// Raised with every change of what is below; the number is kept in `meta`.
    static let version = 1

    /// How long an engine may be silent until its waiters count as dead, as an interval.
    static let deadAfter = "interval '3 seconds'"

    static let statements =
        Self.tables + Self.decisions + Self.waiting + PermitSchema.statements + RegistrySchema.statements
        + AdvisorySchema.statements + Self.sweeping

    private static let tables = """
        CREATE SEQUENCE IF NOT EXISTS $schema$.token;
        CREATE TABLE IF NOT EXISTS $schema$.lease (
            name text COLLATE "C" NOT NULL PRIMARY KEY,
            owner text COLLATE "C" NOT NULL DEFAULT '',
            token bigint NOT NULL DEFAULT 0,
            duration_ns bigint NOT NULL DEFAULT 0,
            granted_at timestamptz NOT NULL DEFAULT '-infinity',
            expires_at timestamptz NOT NULL DEFAULT '-infinity',
            renewals bigint NOT NULL DEFAULT 0
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE IF NOT EXISTS $schema$.engine (
            id text COLLATE "C" NOT NULL PRIMARY KEY,
            seen_at timestamptz NOT NULL
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE IF NOT EXISTS $schema$.waiter (
            name text COLLATE "C" NOT NULL,
            ticket bigint NOT NULL,
            owner text COLLATE "C" NOT NULL,
            engine text COLLATE "C" NOT NULL,
            since timestamptz NOT NULL,
            PRIMARY KEY (name, ticket),
            UNIQUE (name, owner)
        ) WITH (autovacuum_vacuum_scale_factor = 0.05);
        CREATE INDEX IF NOT EXISTS waiter_engine ON $schema$.waiter (engine);
        CREATE TABLE IF NOT EXISTS $schema$.watch (
            name text COLLATE "C" NOT NULL,
            engine text COLLATE "C" NOT NULL,
            PRIMARY KEY (name, engine)
        ) WITH (autovacuum_vacuum_scale_factor = 0.05);
        CREATE INDEX IF NOT EXISTS watch_engine ON $schema$.watch (engine);

        """

    private static let decisions = """
        CREATE OR REPLACE FUNCTION $schema$.microseconds(p_interval interval) RETURNS bigint
        LANGUAGE sql IMMUTABLE STRICT AS $body$ SELECT greatest(1, (date_part('epoch', p_interval) * 1000000)::bigint) $body$;

        -- The first in the queue of a name whose engine is alive. Not in plain SQL, which would be planned anew at each call.
        CREATE OR REPLACE FUNCTION $schema$.head(
            p_name text, OUT o_owner text, OUT o_ticket bigint, OUT o_engine text, OUT o_dies timestamptz
        ) LANGUAGE plpgsql STABLE AS $body$
        BEGIN
            SELECT q.owner, q.ticket, q.engine, e.seen_at + \(deadAfter)
            INTO o_owner, o_ticket, o_engine, o_dies
            FROM $schema$.waiter q JOIN $schema$.engine e ON e.id = q.engine
            WHERE q.name = p_name
                AND e.seen_at BETWEEN clock_timestamp() - \(deadAfter) AND clock_timestamp() + \(deadAfter)
            ORDER BY q.ticket LIMIT 1;
        END
        $body$;

        -- Tells who has to look at a name that is free now.
        CREATE OR REPLACE FUNCTION $schema$.announce(p_name text) RETURNS void
        LANGUAGE plpgsql AS $body$
        DECLARE
            h record;
        BEGIN
            SELECT * INTO h FROM $schema$.head(p_name);
            IF h.o_ticket IS NOT NULL THEN
                PERFORM pg_notify('colony_' || h.o_engine, h.o_ticket::text);
            END IF;
            PERFORM pg_notify('colony_' || x.engine, '=' || p_name) FROM $schema$.watch x WHERE x.name = p_name;
        END
        $body$;

        -- Grants a name, or tells who is in the way. With an engine it takes a place in the queue then; without, it leaves no
        -- trace. A waiter that lost its place brings its ticket and the time that it has waited.
        CREATE OR REPLACE FUNCTION $schema$.acquire(
            p_name text, p_owner text, p_duration bigint, p_engine text, p_ticket bigint, p_waited bigint,
            OUT o_granted boolean, OUT o_owner text, OUT o_token bigint, OUT o_remaining bigint,
            OUT o_ticket bigint, OUT o_first boolean
        ) LANGUAGE plpgsql AS $body$
        DECLARE
            l $schema$.lease%ROWTYPE;
            h record;
            t timestamptz;
        BEGIN
            o_granted := false;
            o_first := false;
            SELECT * INTO l FROM $schema$.lease WHERE name = p_name;
            IF FOUND AND p_engine IS NULL AND l.owner <> p_owner AND l.expires_at > clock_timestamp() THEN
                o_owner := l.owner;
                o_token := l.token;
                o_remaining := $schema$.microseconds(l.expires_at - clock_timestamp());
                RETURN;
            END IF;
            LOOP
                SELECT * INTO l FROM $schema$.lease WHERE name = p_name FOR UPDATE;
                EXIT WHEN FOUND;
                INSERT INTO $schema$.lease (name) VALUES (p_name) ON CONFLICT (name) DO NOTHING;
            END LOOP;
            t := clock_timestamp();
            IF l.expires_at > t AND l.owner = p_owner THEN
                UPDATE $schema$.lease SET
                    duration_ns = p_duration,
                    expires_at = greatest(expires_at, t + make_interval(secs => p_duration / 1e9::float8)),
                    renewals = renewals + 1
                WHERE name = p_name;
                DELETE FROM $schema$.waiter WHERE name = p_name AND owner = p_owner;
                o_granted := true;
                o_owner := p_owner;
                o_token := l.token;
                RETURN;
            END IF;
            IF l.expires_at <= t THEN
                SELECT * INTO h FROM $schema$.head(p_name);
                IF h.o_ticket IS NULL OR h.o_owner = p_owner THEN
                    DELETE FROM $schema$.waiter WHERE name = p_name AND owner = p_owner;
                    UPDATE $schema$.lease SET
                        owner = p_owner, token = nextval('$schema$.token'), duration_ns = p_duration,
                        granted_at = t, expires_at = t + make_interval(secs => p_duration / 1e9::float8), renewals = 0
                    WHERE name = p_name RETURNING token INTO o_token;
                    o_granted := true;
                    o_owner := p_owner;
                    RETURN;
                END IF;
                o_owner := h.o_owner;
                o_token := h.o_ticket;
                o_remaining := $schema$.microseconds(h.o_dies - t);
            ELSE
                o_owner := l.owner;
                o_token := l.token;
                o_remaining := $schema$.microseconds(l.expires_at - t);
            END IF;
            -- Nothing from here on is worth waiting for the disk: a place that is lost is taken again.
            PERFORM set_config('synchronous_commit', 'off', true);
            IF p_engine IS NULL THEN
                RETURN;
            END IF;
            SELECT ticket INTO o_ticket FROM $schema$.waiter
            WHERE name = p_name AND owner = p_owner AND engine = p_engine;
            IF NOT FOUND THEN
                INSERT INTO $schema$.waiter (name, ticket, owner, engine, since) VALUES (
                    p_name, coalesce(p_ticket, nextval('$schema$.token')), p_owner, p_engine,
                    t - make_interval(secs => p_waited / 1e6::float8)
                ) ON CONFLICT (name, owner) DO UPDATE SET engine = excluded.engine RETURNING ticket INTO o_ticket;
            END IF;
            SELECT * INTO h FROM $schema$.head(p_name);
            o_first := h.o_ticket = o_ticket;
        END
        $body$;

        -- Ends what an owner holds; without a token also its places in the queue.
        CREATE OR REPLACE FUNCTION $schema$.release(p_name text, p_owner text, p_token bigint, OUT o_ended boolean)
        LANGUAGE plpgsql AS $body$
        DECLARE
            l $schema$.lease%ROWTYPE;
            mine boolean;
        BEGIN
            o_ended := false;
            IF p_token IS NOT NULL THEN
                SELECT * INTO l FROM $schema$.lease
                WHERE name = p_name AND owner = p_owner AND token = p_token AND expires_at > '-infinity' FOR UPDATE;
                IF NOT FOUND THEN
                    RETURN;
                END IF;
                mine := true;
            ELSE
                SELECT * INTO l FROM $schema$.lease WHERE name = p_name FOR UPDATE;
                mine := FOUND AND l.owner = p_owner AND l.expires_at > '-infinity';
                DELETE FROM $schema$.waiter WHERE name = p_name AND owner = p_owner;
                IF NOT mine AND NOT FOUND THEN
                    RETURN;
                END IF;
            END IF;
            IF mine THEN
                o_ended := l.expires_at > clock_timestamp();
                UPDATE $schema$.lease SET expires_at = '-infinity' WHERE name = p_name;
            END IF;
            IF mine OR coalesce(l.expires_at, '-infinity') <= clock_timestamp() THEN
                PERFORM $schema$.announce(p_name);
            END IF;
        END
        $body$;

        CREATE OR REPLACE FUNCTION $schema$.break_lease(p_name text) RETURNS SETOF $schema$.lease
        LANGUAGE plpgsql AS $body$
        DECLARE
            l $schema$.lease%ROWTYPE;
        BEGIN
            SELECT * INTO l FROM $schema$.lease WHERE name = p_name AND expires_at > clock_timestamp() FOR UPDATE;
            IF FOUND THEN
                UPDATE $schema$.lease SET expires_at = '-infinity' WHERE name = p_name;
                PERFORM $schema$.announce(p_name);
                RETURN NEXT l;
            END IF;
        END
        $body$;

        -- Renews each for its own duration. The rows are locked in one order, so that no two batches wait for each other.
        CREATE OR REPLACE FUNCTION $schema$.renew_many(
            p_names text[], p_owners text[], p_tokens bigint[], p_durations bigint[]
        ) RETURNS TABLE (o_name text, o_token bigint) LANGUAGE plpgsql AS $body$
        BEGIN
            PERFORM 1 FROM $schema$.lease WHERE name = ANY (p_names) ORDER BY name FOR UPDATE;
            RETURN QUERY
            UPDATE $schema$.lease l SET
                duration_ns = a.duration,
                expires_at = greatest(
                    l.expires_at, clock_timestamp() + make_interval(secs => a.duration / 1e9::float8)),
                renewals = l.renewals + 1
            FROM (
                SELECT u.name, u.owner, u.token, max(u.duration) AS duration
                FROM unnest(p_names, p_owners, p_tokens, p_durations) AS u (name, owner, token, duration)
                GROUP BY 1, 2, 3
            ) a
            WHERE l.name = a.name AND l.owner = a.owner AND l.token = a.token AND l.expires_at > clock_timestamp()
            RETURNING l.name, l.token;
        END
        $body$;

        """

    private static let waiting = """
        -- Leaves the queue, and lets the next look if the name is free.
        CREATE OR REPLACE FUNCTION $schema$.leave(p_name text, p_ticket bigint) RETURNS void
        LANGUAGE plpgsql AS $body$
        DECLARE
            l $schema$.lease%ROWTYPE;
        BEGIN
            PERFORM set_config('synchronous_commit', 'off', true);
            SELECT * INTO l FROM $schema$.lease WHERE name = p_name FOR UPDATE;
            DELETE FROM $schema$.waiter WHERE name = p_name AND ticket = p_ticket;
            IF FOUND AND coalesce(l.expires_at, '-infinity') <= clock_timestamp() THEN
                PERFORM $schema$.announce(p_name);
            END IF;
        END
        $body$;

        -- The grant of a name, or the first place in the queue of a free one.
        CREATE OR REPLACE FUNCTION $schema$.present(p_name text, OUT o_token bigint, OUT o_remaining bigint)
        LANGUAGE plpgsql AS $body$
        DECLARE
            l $schema$.lease%ROWTYPE;
            h record;
        BEGIN
            SELECT * INTO l FROM $schema$.lease WHERE name = p_name AND expires_at > clock_timestamp();
            IF FOUND THEN
                o_token := l.token;
                o_remaining := $schema$.microseconds(l.expires_at - clock_timestamp());
                RETURN;
            END IF;
            SELECT * INTO h FROM $schema$.head(p_name);
            o_token := h.o_ticket;
            o_remaining := $schema$.microseconds(h.o_dies - clock_timestamp());
        END
        $body$;

        -- Has an engine told of the end of grants of a name. The row of the name is locked, so that no release that comes at the
        -- same time can miss it.
        CREATE OR REPLACE FUNCTION $schema$.watch_name(
            p_name text, p_engine text, OUT o_token bigint, OUT o_remaining bigint
        ) LANGUAGE plpgsql AS $body$
        BEGIN
            PERFORM set_config('synchronous_commit', 'off', true);
            PERFORM 1 FROM $schema$.lease WHERE name = p_name FOR UPDATE;
            INSERT INTO $schema$.watch (name, engine) VALUES (p_name, p_engine) ON CONFLICT DO NOTHING;
            SELECT p.o_token, p.o_remaining INTO o_token, o_remaining FROM $schema$.present(p_name) p;
        END
        $body$;

        -- A sign of life of an engine. It is told, for what its notifications may have missed, which of its waiters are first
        -- in their queues and how long the lease before them still runs, what holds the names that it watches, and, in a row
        -- without a name, how many of its waiters stand in queues.
        CREATE OR REPLACE FUNCTION $schema$.beat(p_engine text) RETURNS TABLE (
            o_ticket bigint, o_name text, o_token bigint, o_remaining bigint
        ) LANGUAGE plpgsql AS $body$
        BEGIN
            PERFORM set_config('synchronous_commit', 'off', true);
            INSERT INTO $schema$.engine AS e (id, seen_at) VALUES (p_engine, clock_timestamp())
            ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp();
            RETURN QUERY
            SELECT h.o_ticket, mine.name, NULL::bigint,
                CASE WHEN l.name IS NULL THEN 0 ELSE $schema$.microseconds(l.expires_at - clock_timestamp()) END
            FROM (SELECT DISTINCT q.name FROM $schema$.waiter q WHERE q.engine = p_engine) mine
            CROSS JOIN LATERAL $schema$.head(mine.name) h
            LEFT JOIN $schema$.lease l ON l.name = mine.name AND l.expires_at > clock_timestamp()
            WHERE h.o_engine = p_engine
            UNION ALL
            SELECT NULL::bigint, x.name, p.o_token, p.o_remaining
            FROM $schema$.watch x CROSS JOIN LATERAL $schema$.present(x.name) p WHERE x.engine = p_engine
            UNION ALL
            SELECT NULL::bigint, NULL::text, count(*), NULL::bigint FROM $schema$.waiter q WHERE q.engine = p_engine;
        END
        $body$;

        CREATE OR REPLACE FUNCTION $schema$.forget_engine(p_engine text) RETURNS void
        LANGUAGE plpgsql AS $body$
        DECLARE
            q record;
        BEGIN
            PERFORM set_config('synchronous_commit', 'off', true);
            DELETE FROM $schema$.watch WHERE engine = p_engine;
            DELETE FROM $schema$.permit_watch WHERE engine = p_engine;
            DELETE FROM $schema$.registry_watch WHERE engine = p_engine;
            DELETE FROM $schema$.engine WHERE id = p_engine;
            FOR q IN DELETE FROM $schema$.waiter WHERE engine = p_engine RETURNING name LOOP
                PERFORM $schema$.announce(q.name)
                WHERE NOT EXISTS (
                    SELECT FROM $schema$.lease l WHERE l.name = q.name AND l.expires_at > clock_timestamp());
            END LOOP;
        END
        $body$;

        """

    private static let sweeping = """
        -- Removes what has been over for a minute, a bounded number at a time. What somebody is deciding about is left out.
        CREATE OR REPLACE FUNCTION $schema$.sweep() RETURNS void
        LANGUAGE plpgsql AS $body$
        BEGIN
            PERFORM set_config('synchronous_commit', 'off', true);
            DELETE FROM $schema$.lease WHERE name IN (
                SELECT name FROM $schema$.lease
                WHERE expires_at < clock_timestamp() - interval '1 minute'
                    AND granted_at < clock_timestamp() - interval '1 minute'
                LIMIT 1000 FOR UPDATE SKIP LOCKED);
            DELETE FROM $schema$.engine WHERE id IN (
                SELECT id FROM $schema$.engine WHERE seen_at < clock_timestamp() - interval '1 minute'
                LIMIT 1000 FOR UPDATE SKIP LOCKED);
            DELETE FROM $schema$.waiter WHERE (name, ticket) IN (
                SELECT q.name, q.ticket FROM $schema$.waiter q
                WHERE NOT EXISTS (SELECT FROM $schema$.engine e WHERE e.id = q.engine)
                    AND q.since < clock_timestamp() - interval '1 minute'
                LIMIT 1000 FOR UPDATE SKIP LOCKED);
            DELETE FROM $schema$.watch x WHERE NOT EXISTS (SELECT FROM $schema$.engine e WHERE e.id = x.engine);
            \(PermitSchema.sweeping)
            \(RegistrySchema.sweeping)
        END
        $body$;

        """
}
#endif
