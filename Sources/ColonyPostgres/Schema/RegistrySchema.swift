#if Postgres
/// The tables and functions of the registry, as statements that make them.
///
/// Whoever changes a group first locks its row in `registry_group`, and draws the number of the change under that lock. So the
/// numbers of one group rise in the order in which its changes are committed, though a sequence alone would not promise that,
/// and a reader that has seen number *n* of a group has seen all of its changes up to *n*.
enum RegistrySchema {
    static let statements = tables + functions

    private static let tables = """
        CREATE SEQUENCE IF NOT EXISTS $schema$.revision;
        CREATE TABLE IF NOT EXISTS $schema$.registry_group (
            name text COLLATE "C" NOT NULL PRIMARY KEY,
            revision bigint NOT NULL,
            changed_at timestamptz NOT NULL
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE IF NOT EXISTS $schema$.registry_record (
            group_name text COLLATE "C" NOT NULL,
            key text COLLATE "C" NOT NULL,
            value bytea NOT NULL,
            version bigint NOT NULL,
            owner text COLLATE "C",
            expires_at timestamptz,
            PRIMARY KEY (group_name, key)
        ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE IF NOT EXISTS $schema$.registry_watch (
            group_name text COLLATE "C" NOT NULL,
            engine text COLLATE "C" NOT NULL,
            PRIMARY KEY (group_name, engine)
        ) WITH (autovacuum_vacuum_scale_factor = 0.05);
        CREATE INDEX IF NOT EXISTS registry_watch_engine ON $schema$.registry_watch (engine);

        """

    private static let functions = """
        -- The number of a change to a group whose row is locked, and who has to look.
        CREATE OR REPLACE FUNCTION $schema$.group_changed(p_group text) RETURNS bigint
        LANGUAGE plpgsql AS $body$
        DECLARE
            v bigint;
        BEGIN
            v := nextval('$schema$.revision');
            UPDATE $schema$.registry_group SET revision = v, changed_at = clock_timestamp() WHERE name = p_group;
            PERFORM pg_notify('colony_' || w.engine, '#' || p_group)
            FROM $schema$.registry_watch w WHERE w.group_name = p_group;
            RETURN v;
        END
        $body$;

        -- Locks a group and removes what has run out of it.
        CREATE OR REPLACE FUNCTION $schema$.lock_group(p_group text) RETURNS void
        LANGUAGE plpgsql AS $body$
        BEGIN
            LOOP
                PERFORM 1 FROM $schema$.registry_group WHERE name = p_group FOR UPDATE;
                EXIT WHEN FOUND;
                INSERT INTO $schema$.registry_group (name, revision, changed_at)
                VALUES (p_group, nextval('$schema$.revision'), clock_timestamp()) ON CONFLICT DO NOTHING;
            END LOOP;
            DELETE FROM $schema$.registry_record WHERE group_name = p_group AND expires_at <= clock_timestamp();
            IF FOUND THEN
                PERFORM $schema$.group_changed(p_group);
            END IF;
        END
        $body$;

        -- Whether a condition holds for the record that is there, if one is.
        CREATE OR REPLACE FUNCTION $schema$.registry_allows(
            p_condition text, p_version bigint, p_owner text, r $schema$.registry_record
        ) RETURNS boolean LANGUAGE sql IMMUTABLE AS $body$
            SELECT CASE p_condition
                WHEN 'always' THEN true
                WHEN 'absent' THEN r.key IS NULL
                WHEN 'version' THEN coalesce(r.version = p_version, false)
                ELSE r.key IS NULL OR coalesce(r.owner = p_owner, false)
            END
        $body$;

        CREATE OR REPLACE FUNCTION $schema$.put_record(
            p_group text, p_key text, p_value bytea, p_owner text, p_duration bigint, p_limit int,
            p_condition text, p_version bigint, p_expected text,
            OUT o_code text, OUT o_version bigint, OUT o_value bytea, OUT o_owner text
        ) LANGUAGE plpgsql AS $body$
        DECLARE
            r $schema$.registry_record%ROWTYPE;
        BEGIN
            PERFORM $schema$.lock_group(p_group);
            SELECT * INTO r FROM $schema$.registry_record WHERE group_name = p_group AND key = p_key;
            IF NOT $schema$.registry_allows(p_condition, p_version, p_expected, r) THEN
                o_code := 'conflict';
                o_version := r.version;
                o_value := r.value;
                o_owner := r.owner;
                RETURN;
            END IF;
            IF r.key IS NULL
                AND (SELECT count(*) FROM $schema$.registry_record WHERE group_name = p_group) >= p_limit
            THEN
                o_code := 'full';
                RETURN;
            END IF;
            o_code := 'written';
            o_version := $schema$.group_changed(p_group);
            INSERT INTO $schema$.registry_record (group_name, key, value, version, owner, expires_at) VALUES (
                p_group, p_key, p_value, o_version, p_owner,
                clock_timestamp() + make_interval(secs => p_duration / 1e9::float8)
            ) ON CONFLICT (group_name, key) DO UPDATE SET
                value = excluded.value, version = excluded.version, owner = excluded.owner,
                expires_at = excluded.expires_at;
        END
        $body$;

        CREATE OR REPLACE FUNCTION $schema$.remove_record(
            p_group text, p_key text, p_condition text, p_version bigint, p_expected text, OUT o_removed boolean
        ) LANGUAGE plpgsql AS $body$
        DECLARE
            r $schema$.registry_record%ROWTYPE;
        BEGIN
            o_removed := false;
            PERFORM 1 FROM $schema$.registry_record WHERE group_name = p_group AND key = p_key;
            IF NOT FOUND THEN
                RETURN;
            END IF;
            PERFORM $schema$.lock_group(p_group);
            SELECT * INTO r FROM $schema$.registry_record WHERE group_name = p_group AND key = p_key;
            IF FOUND AND $schema$.registry_allows(p_condition, p_version, p_expected, r) THEN
                DELETE FROM $schema$.registry_record WHERE group_name = p_group AND key = p_key;
                PERFORM $schema$.group_changed(p_group);
                o_removed := true;
            END IF;
        END
        $body$;

        -- A group as it is at one moment: its number in the first row, without a key, then its records. Only a group that is
        -- not there yet, or that has records which have run out, is locked and changed first.
        CREATE OR REPLACE FUNCTION $schema$.snapshot(p_group text) RETURNS TABLE (
            o_key text, o_version bigint, o_value bytea, o_owner text
        ) LANGUAGE plpgsql AS $body$
        BEGIN
            IF NOT EXISTS (SELECT FROM $schema$.registry_group WHERE name = p_group) OR EXISTS (
                SELECT FROM $schema$.registry_record WHERE group_name = p_group AND expires_at <= clock_timestamp())
            THEN
                PERFORM $schema$.lock_group(p_group);
            END IF;
            RETURN QUERY
            SELECT * FROM (
                SELECT NULL::text AS key, g.revision, NULL::bytea, NULL::text
                FROM $schema$.registry_group g WHERE g.name = p_group
                UNION ALL
                SELECT r.key, r.version, r.value, r.owner FROM $schema$.registry_record r WHERE r.group_name = p_group
            ) x ORDER BY x.key COLLATE "C" NULLS FIRST;
        END
        $body$;

        -- The number of a group, and when its next record runs out. The engine is told of what changes from now on.
        CREATE OR REPLACE FUNCTION $schema$.watch_group(
            p_group text, p_engine text, OUT o_revision bigint, OUT o_remaining bigint
        ) LANGUAGE plpgsql AS $body$
        BEGIN
            PERFORM set_config('synchronous_commit', 'off', true);
            PERFORM $schema$.lock_group(p_group);
            INSERT INTO $schema$.registry_watch (group_name, engine) VALUES (p_group, p_engine) ON CONFLICT DO NOTHING;
            SELECT revision INTO o_revision FROM $schema$.registry_group WHERE name = p_group;
            SELECT $schema$.microseconds(min(expires_at) - clock_timestamp()) INTO o_remaining
            FROM $schema$.registry_record WHERE group_name = p_group;
        END
        $body$;

        """

    static let sweeping = """
        DELETE FROM $schema$.registry_watch w WHERE NOT EXISTS (SELECT FROM $schema$.engine e WHERE e.id = w.engine);
        DELETE FROM $schema$.registry_group WHERE name IN (
            SELECT g.name FROM $schema$.registry_group g
            WHERE g.changed_at < clock_timestamp() - interval '1 day'
                AND NOT EXISTS (SELECT FROM $schema$.registry_record r WHERE r.group_name = g.name)
            LIMIT 1000 FOR UPDATE SKIP LOCKED);

        """
}
#endif
