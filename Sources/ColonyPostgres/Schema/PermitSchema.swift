#if Postgres
/// The tables and functions of permits, as statements that make them.
///
/// Whoever decides about the permits of a name first locks the row of the name in `permit_name`, so that the sum of what is
/// held can be trusted until the decision is committed.
enum PermitSchema {
    static let statements = tables + decisions + waiting

    private static let tables = """
        CREATE TABLE IF NOT EXISTS $schema$.permit_name (
            name text COLLATE "C" NOT NULL PRIMARY KEY
        );
        CREATE TABLE IF NOT EXISTS $schema$.permit (
            name text COLLATE "C" NOT NULL,
            owner text COLLATE "C" NOT NULL,
            permits int NOT NULL,
            token bigint NOT NULL,
            duration_ns bigint NOT NULL,
            granted_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            PRIMARY KEY (name, owner)
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE IF NOT EXISTS $schema$.claim (
            name text COLLATE "C" NOT NULL,
            owner text COLLATE "C" NOT NULL,
            permits int NOT NULL,
            ticket bigint NOT NULL,
            since timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            PRIMARY KEY (name, owner)
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE IF NOT EXISTS $schema$.permit_watch (
            name text COLLATE "C" NOT NULL,
            owner text COLLATE "C" NOT NULL,
            engine text COLLATE "C" NOT NULL,
            PRIMARY KEY (name, owner, engine)
        ) WITH (autovacuum_vacuum_scale_factor = 0.05);
        CREATE INDEX IF NOT EXISTS permit_watch_engine ON $schema$.permit_watch (engine);

        """

    private static let decisions = """
        -- Locks a name and forgets what has run out of it.
        CREATE OR REPLACE FUNCTION $schema$.lock_permits(p_name text) RETURNS timestamptz
        LANGUAGE plpgsql AS $body$
        DECLARE
            t timestamptz;
        BEGIN
            LOOP
                PERFORM 1 FROM $schema$.permit_name WHERE name = p_name FOR UPDATE;
                EXIT WHEN FOUND;
                INSERT INTO $schema$.permit_name (name) VALUES (p_name) ON CONFLICT DO NOTHING;
            END LOOP;
            t := clock_timestamp();
            DELETE FROM $schema$.permit WHERE name = p_name AND expires_at <= t;
            DELETE FROM $schema$.claim WHERE name = p_name AND expires_at <= t;
            RETURN t;
        END
        $body$;

        -- Tells who has to look: the first of those who claim, for nobody else would be granted anything, or all who wait.
        CREATE OR REPLACE FUNCTION $schema$.announce_permits(p_name text) RETURNS void
        LANGUAGE plpgsql AS $body$
        DECLARE
            first text;
        BEGIN
            SELECT owner INTO first FROM $schema$.claim WHERE name = p_name ORDER BY ticket LIMIT 1;
            PERFORM pg_notify('colony_' || w.engine, '+' || w.owner || chr(10) || p_name)
            FROM $schema$.permit_watch w WHERE w.name = p_name AND (first IS NULL OR w.owner = first);
        END
        $body$;

        -- What stands in the way of a request under a locked name; no owner if nothing does.
        CREATE OR REPLACE FUNCTION $schema$.permit_obstacle(
            p_name text, p_owner text, p_permits int, p_limit int, p_now timestamptz,
            OUT o_available int, OUT o_owner text, OUT o_token bigint, OUT o_remaining bigint
        ) LANGUAGE plpgsql AS $body$
        DECLARE
            r record;
        BEGIN
            SELECT greatest(0, p_limit - coalesce(sum(permits), 0)) INTO o_available
            FROM $schema$.permit WHERE name = p_name;
            SELECT * INTO r FROM $schema$.claim WHERE name = p_name ORDER BY ticket LIMIT 1;
            IF FOUND AND r.owner <> p_owner THEN
                o_owner := r.owner;
                o_token := 0;
                o_remaining := $schema$.microseconds(r.expires_at - p_now);
            ELSIF o_available < p_permits THEN
                SELECT * INTO r FROM $schema$.permit WHERE name = p_name ORDER BY expires_at LIMIT 1;
                o_owner := r.owner;
                o_token := r.token;
                o_remaining := $schema$.microseconds(r.expires_at - p_now);
            END IF;
        END
        $body$;

        CREATE OR REPLACE FUNCTION $schema$.take_permits(
            p_name text, p_owner text, p_permits int, p_limit int, p_duration bigint, p_claim bigint,
            OUT o_code text, OUT o_available int, OUT o_owner text, OUT o_token bigint, OUT o_remaining bigint
        ) LANGUAGE plpgsql AS $body$
        DECLARE
            t timestamptz;
            p $schema$.permit%ROWTYPE;
        BEGIN
            t := $schema$.lock_permits(p_name);
            SELECT * INTO p FROM $schema$.permit WHERE name = p_name AND owner = p_owner;
            IF FOUND THEN
                o_available := p.permits;
                IF p.permits <> p_permits THEN
                    o_code := 'other';
                    RETURN;
                END IF;
                UPDATE $schema$.permit SET
                    duration_ns = p_duration,
                    expires_at = greatest(expires_at, t + make_interval(secs => p_duration / 1e9::float8))
                WHERE name = p_name AND owner = p_owner;
                o_code := 'granted';
                o_owner := p_owner;
                o_token := p.token;
                RETURN;
            END IF;
            SELECT b.o_available, b.o_owner, b.o_token, b.o_remaining
            INTO o_available, o_owner, o_token, o_remaining
            FROM $schema$.permit_obstacle(p_name, p_owner, p_permits, p_limit, t) b;
            IF o_owner IS NOT NULL THEN
                o_code := 'refused';
                -- A claim that is lost is made again, so it need not wait for the disk.
                PERFORM set_config('synchronous_commit', 'off', true);
                IF p_claim IS NOT NULL THEN
                    INSERT INTO $schema$.claim AS c (name, owner, permits, ticket, since, expires_at) VALUES (
                        p_name, p_owner, p_permits, nextval('$schema$.token'), t,
                        t + make_interval(secs => p_claim / 1e9::float8)
                    ) ON CONFLICT (name, owner) DO UPDATE SET
                        permits = excluded.permits, expires_at = excluded.expires_at;
                END IF;
                RETURN;
            END IF;
            INSERT INTO $schema$.permit (name, owner, permits, token, duration_ns, granted_at, expires_at) VALUES (
                p_name, p_owner, p_permits, nextval('$schema$.token'), p_duration, t,
                t + make_interval(secs => p_duration / 1e9::float8)
            ) RETURNING token INTO o_token;
            o_code := 'granted';
            o_owner := p_owner;
            DELETE FROM $schema$.claim WHERE name = p_name AND owner = p_owner;
            IF FOUND THEN
                -- The place of this owner was before that of others, for whom enough may be left.
                PERFORM $schema$.announce_permits(p_name);
            END IF;
        END
        $body$;

        CREATE OR REPLACE FUNCTION $schema$.return_permits(
            p_name text, p_owner text, p_token bigint, OUT o_ended boolean
        ) LANGUAGE plpgsql AS $body$
        DECLARE
            has_left boolean := false;
        BEGIN
            PERFORM $schema$.lock_permits(p_name);
            DELETE FROM $schema$.permit
            WHERE name = p_name AND owner = p_owner AND (p_token IS NULL OR token = p_token);
            o_ended := FOUND;
            IF p_token IS NULL THEN
                DELETE FROM $schema$.claim WHERE name = p_name AND owner = p_owner;
                has_left := FOUND;
            END IF;
            IF o_ended OR has_left THEN
                PERFORM $schema$.announce_permits(p_name);
            END IF;
        END
        $body$;

        """

    private static let waiting = """
        -- Whether a request would be granted, and if not, when something runs out by itself. The engine is told of what
        -- changes from now on.
        CREATE OR REPLACE FUNCTION $schema$.watch_permits(
            p_name text, p_owner text, p_permits int, p_limit int, p_engine text,
            OUT o_free boolean, OUT o_remaining bigint
        ) LANGUAGE plpgsql AS $body$
        DECLARE
            t timestamptz;
            e timestamptz;
        BEGIN
            PERFORM set_config('synchronous_commit', 'off', true);
            t := $schema$.lock_permits(p_name);
            INSERT INTO $schema$.permit_watch (name, owner, engine) VALUES (p_name, p_owner, p_engine)
            ON CONFLICT DO NOTHING;
            o_free := EXISTS (SELECT FROM $schema$.permit WHERE name = p_name AND owner = p_owner)
                OR (SELECT b.o_owner IS NULL
                    FROM $schema$.permit_obstacle(p_name, p_owner, p_permits, p_limit, t) b);
            SELECT min(x.expires_at) INTO e FROM (
                SELECT expires_at FROM $schema$.permit WHERE name = p_name
                UNION ALL SELECT expires_at FROM $schema$.claim WHERE name = p_name
            ) x;
            o_remaining := $schema$.microseconds(e - t);
        END
        $body$;

        """

    static let sweeping = """
        DELETE FROM $schema$.permit_watch w WHERE NOT EXISTS (SELECT FROM $schema$.engine e WHERE e.id = w.engine);
        DELETE FROM $schema$.permit_name WHERE name IN (
            SELECT n.name FROM $schema$.permit_name n
            WHERE NOT EXISTS (
                SELECT FROM $schema$.permit p
                WHERE p.name = n.name AND p.expires_at > clock_timestamp() - interval '1 minute'
            ) AND NOT EXISTS (
                SELECT FROM $schema$.claim c
                WHERE c.name = n.name AND c.expires_at > clock_timestamp() - interval '1 minute'
            )
            LIMIT 1000 FOR UPDATE SKIP LOCKED);
        DELETE FROM $schema$.permit WHERE expires_at < clock_timestamp() - interval '1 minute';
        DELETE FROM $schema$.claim WHERE expires_at < clock_timestamp() - interval '1 minute';

        """
}
#endif
