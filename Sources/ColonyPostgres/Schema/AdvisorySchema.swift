#if Postgres
/// The table and functions of advisory locks, as statements that make them.
///
/// Who holds a key is known to the server's lock table alone. `advisory_lease` only says what that table cannot: for whom a
/// session holds the key, with which token, and until when. A row counts while the session that wrote it holds the key.
enum AdvisorySchema {
    static let statements = """
        CREATE TABLE IF NOT EXISTS $schema$.advisory_lease (
            key bigint NOT NULL PRIMARY KEY,
            name text COLLATE "C" NOT NULL,
            owner text COLLATE "C" NOT NULL,
            token bigint NOT NULL,
            pid int NOT NULL,
            duration_ns bigint NOT NULL,
            granted_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            renewals bigint NOT NULL DEFAULT 0
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

        -- The key of a name: the number itself if the name is one as bigint prints it, else the server's own hash of text, so
        -- that every client can compute it by asking.
        CREATE OR REPLACE FUNCTION $schema$.advisory_key(p_name text) RETURNS bigint
        LANGUAGE plpgsql IMMUTABLE STRICT AS $body$
        BEGIN
            IF p_name ~ '^(0|-?[1-9][0-9]{0,18})$' THEN
                IF p_name::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN
                    RETURN p_name::bigint;
                END IF;
            END IF;
            RETURN hashtextextended(p_name, 0);
        END
        $body$;

        -- The process of the server whose session holds a key; NULL if none does.
        CREATE OR REPLACE FUNCTION $schema$.advisory_holder(p_key bigint) RETURNS int
        LANGUAGE sql VOLATILE AS $body$
            SELECT l.pid FROM pg_locks l
            WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.granted
                AND l.classid = ((p_key >> 32) & 4294967295)::oid AND l.objid = (p_key & 4294967295)::oid
                AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
            LIMIT 1
        $body$;

        CREATE OR REPLACE FUNCTION $schema$.advisory_acquire(
            p_name text, p_owner text, p_duration bigint,
            OUT o_granted boolean, OUT o_owner text, OUT o_token bigint, OUT o_remaining bigint
        ) LANGUAGE plpgsql AS $body$
        DECLARE
            k bigint := $schema$.advisory_key(p_name);
            a $schema$.advisory_lease%ROWTYPE;
            t timestamptz := clock_timestamp();
            holder int;
            is_mine boolean := false;
        BEGIN
            o_granted := false;
            SELECT * INTO a FROM $schema$.advisory_lease WHERE key = k;
            -- A session gets its own key again without asking, so whether it has it is looked up first.
            IF a.pid = pg_backend_pid() THEN
                is_mine := coalesce($schema$.advisory_holder(k) = pg_backend_pid(), false);
            END IF;
            IF is_mine AND a.expires_at > t THEN
                IF a.owner = p_owner AND a.name = p_name THEN
                    UPDATE $schema$.advisory_lease SET
                        duration_ns = p_duration,
                        expires_at = greatest(expires_at, t + make_interval(secs => p_duration / 1e9::float8)),
                        renewals = renewals + 1
                    WHERE key = k;
                    o_granted := true;
                END IF;
                o_owner := a.owner;
                o_token := a.token;
                o_remaining := $schema$.microseconds(a.expires_at - t);
                RETURN;
            END IF;
            IF NOT is_mine THEN
                is_mine := pg_try_advisory_lock(k);
            END IF;
            IF is_mine THEN
                t := clock_timestamp();
                INSERT INTO $schema$.advisory_lease AS l
                    (key, name, owner, token, pid, duration_ns, granted_at, expires_at)
                VALUES (
                    k, p_name, p_owner, nextval('$schema$.token'), pg_backend_pid(), p_duration, t,
                    t + make_interval(secs => p_duration / 1e9::float8)
                ) ON CONFLICT (key) DO UPDATE SET
                    name = excluded.name, owner = excluded.owner, token = nextval('$schema$.token'),
                    pid = excluded.pid, duration_ns = excluded.duration_ns, granted_at = excluded.granted_at,
                    expires_at = excluded.expires_at, renewals = 0
                RETURNING l.token INTO o_token;
                o_granted := true;
                o_owner := p_owner;
                RETURN;
            END IF;
            SELECT r.o_owner, r.o_token, r.o_remaining INTO o_owner, o_token, o_remaining
            FROM $schema$.advisory_present(p_name) r;
        END
        $body$;

        -- Who holds the key of a name. A holder that is no engine of Colony is called after its session, without a token.
        CREATE OR REPLACE FUNCTION $schema$.advisory_present(
            p_name text, OUT o_owner text, OUT o_token bigint, OUT o_remaining bigint, OUT o_duration bigint,
            OUT o_age bigint, OUT o_renewals bigint, OUT o_foreign boolean
        ) LANGUAGE plpgsql AS $body$
        DECLARE
            k bigint := $schema$.advisory_key(p_name);
            a $schema$.advisory_lease%ROWTYPE;
            holder int;
        BEGIN
            holder := $schema$.advisory_holder(k);
            IF holder IS NULL THEN
                RETURN;
            END IF;
            SELECT * INTO a FROM $schema$.advisory_lease WHERE key = k AND pid = holder;
            o_foreign := NOT FOUND;
            IF o_foreign THEN
                o_owner := 'session ' || holder;
                o_token := 0;
                RETURN;
            END IF;
            IF a.expires_at <= clock_timestamp() THEN
                -- It has run out, and its engine is about to give the key back.
                o_owner := a.owner;
                o_token := 0;
                o_remaining := 1;
                RETURN;
            END IF;
            o_owner := a.owner;
            o_token := a.token;
            o_remaining := $schema$.microseconds(a.expires_at - clock_timestamp());
            o_duration := a.duration_ns;
            o_age := $schema$.microseconds(clock_timestamp() - a.granted_at);
            o_renewals := a.renewals;
        END
        $body$;

        CREATE OR REPLACE FUNCTION $schema$.advisory_release(
            p_name text, p_owner text, p_token bigint, OUT o_ended boolean
        ) LANGUAGE plpgsql AS $body$
        DECLARE
            k bigint := $schema$.advisory_key(p_name);
            e timestamptz;
        BEGIN
            DELETE FROM $schema$.advisory_lease
            WHERE key = k AND name = p_name AND owner = p_owner AND pid = pg_backend_pid()
                AND (p_token IS NULL OR token = p_token)
            RETURNING expires_at INTO e;
            o_ended := false;
            IF FOUND THEN
                PERFORM pg_advisory_unlock(k);
                o_ended := e > clock_timestamp();
            END IF;
        END
        $body$;

        -- Gives the key of a lease back if it has run out.
        --
        -- Returns how much longer it runs otherwise, and NULL if there is nothing more to do.
        CREATE OR REPLACE FUNCTION $schema$.advisory_expire(p_name text, p_token bigint) RETURNS bigint
        LANGUAGE plpgsql AS $body$
        DECLARE
            k bigint := $schema$.advisory_key(p_name);
            e timestamptz;
        BEGIN
            SELECT expires_at INTO e FROM $schema$.advisory_lease
            WHERE key = k AND token = p_token AND pid = pg_backend_pid();
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            IF e > clock_timestamp() THEN
                RETURN $schema$.microseconds(e - clock_timestamp());
            END IF;
            DELETE FROM $schema$.advisory_lease WHERE key = k AND token = p_token;
            PERFORM pg_advisory_unlock(k);
            RETURN NULL;
        END
        $body$;

        -- Gives a key back that was taken by a statement which then failed.
        CREATE OR REPLACE FUNCTION $schema$.advisory_repair(p_name text) RETURNS void
        LANGUAGE plpgsql AS $body$
        DECLARE
            k bigint := $schema$.advisory_key(p_name);
        BEGIN
            IF $schema$.advisory_holder(k) = pg_backend_pid() AND NOT EXISTS (
                SELECT FROM $schema$.advisory_lease WHERE key = k AND pid = pg_backend_pid())
            THEN
                PERFORM pg_advisory_unlock(k);
            END IF;
        END
        $body$;

        """
}
#endif
