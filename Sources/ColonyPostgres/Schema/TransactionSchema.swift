#if Postgres
/// The tables and functions of transactions, as statements that make them.
///
/// - `coordinator` has one row for each coordinator that is enlisted or has run out lately.
/// - `distributed_transaction` has one row for each transaction. It is written when the transaction begins and when its state or its
///   owner changes. Whoever decides about a transaction locks its row first, so that decisions have one order and a takeover comes
///   between two of them.
/// - `transaction_decision` has one row for each later batch of decisions, in the bytes that every journal uses.
/// - `transaction_watch` has one row for each engine that waits for a transaction. The next decision takes it away and notifies the
///   channel of that engine; without a watch nobody is notified, because notifications stand in line for the commit.
///
/// `epoch` tells decisions apart that were sent before and after an answer was lost: see ``PostgresTransactionJournal``.
///
/// All leases are counted by the server's `clock_timestamp()`. The states are numbers: below 2 a transaction is worked on, 2 is stuck,
/// above it has ended.
enum TransactionSchema {
    /// Raised with every change of what is below; the number is kept in `transaction_meta`.
    static let version = 1

    static let statements = tables + coordinators + decisions + claiming + waiting

    private static let tables = """
        CREATE SEQUENCE IF NOT EXISTS $schema$.coordinator_token;
        CREATE SEQUENCE IF NOT EXISTS $schema$.transaction_number;
        CREATE TABLE IF NOT EXISTS $schema$.coordinator (
            token bigint NOT NULL PRIMARY KEY,
            owner text COLLATE "C" NOT NULL,
            expires_at timestamptz NOT NULL
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE IF NOT EXISTS $schema$.distributed_transaction (
            number bigint NOT NULL PRIMARY KEY,
            id text COLLATE "C" NOT NULL UNIQUE,
            kind text COLLATE "C" NOT NULL,
            label text COLLATE "C" NOT NULL,
            definition text COLLATE "C" NOT NULL,
            version bigint NOT NULL,
            outline bytea NOT NULL,
            input bytea NOT NULL,
            timeout_ns bigint,
            started_ms bigint NOT NULL,
            beginning bytea NOT NULL,
            beginning_count int NOT NULL,
            state smallint NOT NULL,
            changed_ms bigint NOT NULL,
            holder bigint NOT NULL,
            epoch bigint NOT NULL DEFAULT 0,
            cancels boolean NOT NULL DEFAULT false,
            ended_at timestamptz
        ) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
        CREATE INDEX IF NOT EXISTS distributed_transaction_open
            ON $schema$.distributed_transaction (holder, number) WHERE state < 2;
        CREATE INDEX IF NOT EXISTS distributed_transaction_cancel
            ON $schema$.distributed_transaction (holder) WHERE cancels AND state < 2;
        CREATE INDEX IF NOT EXISTS distributed_transaction_end
            ON $schema$.distributed_transaction (ended_at) WHERE state > 2;
        CREATE INDEX IF NOT EXISTS distributed_transaction_state ON $schema$.distributed_transaction (state, number);
        CREATE TABLE IF NOT EXISTS $schema$.transaction_decision (
            number bigint NOT NULL,
            position int NOT NULL,
            total int NOT NULL,
            at_ms bigint NOT NULL,
            entries bytea NOT NULL,
            PRIMARY KEY (number, position)
        ) WITH (autovacuum_vacuum_scale_factor = 0.05);
        CREATE TABLE IF NOT EXISTS $schema$.transaction_watch (
            id text COLLATE "C" NOT NULL,
            engine text COLLATE "C" NOT NULL,
            expires_at timestamptz NOT NULL,
            PRIMARY KEY (id, engine)
        ) WITH (autovacuum_vacuum_scale_factor = 0.05);
        CREATE INDEX IF NOT EXISTS transaction_watch_end ON $schema$.transaction_watch (expires_at);

        """

    private static let coordinators = """
        -- Rows that somebody is just renewing are left alone.
        CREATE OR REPLACE FUNCTION $schema$.enlist_coordinator(p_owner text, p_lease bigint) RETURNS bigint
        LANGUAGE plpgsql AS $body$
        DECLARE
            t bigint;
        BEGIN
            DELETE FROM $schema$.coordinator WHERE token IN (
                SELECT token FROM $schema$.coordinator WHERE expires_at <= clock_timestamp()
                LIMIT 100 FOR UPDATE SKIP LOCKED);
            INSERT INTO $schema$.coordinator (token, owner, expires_at) VALUES (
                nextval('$schema$.coordinator_token'), p_owner,
                clock_timestamp() + make_interval(secs => p_lease / 1e9::float8)
            ) RETURNING token INTO t;
            RETURN t;
        END
        $body$;

        -- No row if it is not enlisted; otherwise one without an identifier, and one for each transaction to be cancelled. A renewal
        -- that is lost with the server is renewed again, so it need not wait for the disk.
        CREATE OR REPLACE FUNCTION $schema$.renew_coordinator(p_token bigint, p_lease bigint) RETURNS TABLE (o_id text)
        LANGUAGE plpgsql AS $body$
        BEGIN
            PERFORM set_config('synchronous_commit', 'off', true);
            IF p_lease = 0 THEN
                DELETE FROM $schema$.coordinator WHERE token = p_token AND expires_at > clock_timestamp();
            ELSE
                UPDATE $schema$.coordinator SET
                    expires_at = clock_timestamp() + make_interval(secs => p_lease / 1e9::float8)
                WHERE token = p_token AND expires_at > clock_timestamp();
            END IF;
            IF NOT FOUND THEN
                RETURN;
            END IF;
            RETURN QUERY
            SELECT NULL::text
            UNION ALL
            SELECT id FROM $schema$.distributed_transaction WHERE holder = p_token AND cancels AND state < 2;
        END
        $body$;

        """

    private static let decisions = """
        -- Whether it was begun: 'begun', 'exists', or 'stranger' if the coordinator is not enlisted. Takes some that ended long ago
        -- away: more than it adds, so that the tables follow what is kept.
        CREATE OR REPLACE FUNCTION $schema$.begin_transaction(
            p_id text, p_kind text, p_label text, p_definition text, p_version bigint, p_outline bytea, p_input bytea,
            p_timeout bigint, p_started bigint, p_beginning bytea, p_count int, p_state int, p_changed bigint,
            p_holder bigint, p_retention bigint
        ) RETURNS text LANGUAGE plpgsql AS $body$
        BEGIN
            IF EXISTS (SELECT FROM $schema$.distributed_transaction WHERE id = p_id) THEN
                RETURN 'exists';
            END IF;
            IF NOT EXISTS (
                SELECT FROM $schema$.coordinator WHERE token = p_holder AND expires_at > clock_timestamp()
            ) THEN
                RETURN 'stranger';
            END IF;
            INSERT INTO $schema$.distributed_transaction (
                number, id, kind, label, definition, version, outline, input, timeout_ns, started_ms, beginning,
                beginning_count, state, changed_ms, holder, ended_at
            ) VALUES (
                nextval('$schema$.transaction_number'), p_id, p_kind, p_label, p_definition, p_version, p_outline,
                p_input, p_timeout, p_started, p_beginning, p_count, p_state, p_changed,
                CASE WHEN p_state < 2 THEN p_holder ELSE 0 END, CASE WHEN p_state > 2 THEN clock_timestamp() END
            ) ON CONFLICT (id) DO NOTHING;
            IF NOT FOUND THEN
                RETURN 'exists';
            END IF;
            WITH gone AS (
                DELETE FROM $schema$.distributed_transaction WHERE number IN (
                    SELECT number FROM $schema$.distributed_transaction
                    WHERE state > 2 AND ended_at <= clock_timestamp() - make_interval(secs => p_retention / 1e9::float8)
                    ORDER BY ended_at LIMIT 4 FOR UPDATE SKIP LOCKED)
                RETURNING number
            )
            DELETE FROM $schema$.transaction_decision d USING gone WHERE d.number = gone.number;
            RETURN 'begun';
        END
        $body$;

        -- Writes down decisions about a transaction whose row the caller has locked. With a count only if there are so many entries.
        CREATE OR REPLACE FUNCTION $schema$.add_decision(
            p_number bigint, p_id text, p_present int, p_holder bigint, p_after int, p_state int, p_at bigint, p_count int,
            p_entries bytea
        ) RETURNS boolean LANGUAGE plpgsql AS $body$
        DECLARE
            d record;
        BEGIN
            SELECT position, total INTO d FROM $schema$.transaction_decision
            WHERE number = p_number ORDER BY position DESC LIMIT 1;
            IF NOT FOUND THEN
                SELECT 0 AS position, beginning_count AS total INTO d FROM $schema$.distributed_transaction
                WHERE number = p_number;
            END IF;
            IF d.total <> coalesce(p_after, d.total) THEN
                RETURN false;
            END IF;
            INSERT INTO $schema$.transaction_decision (number, position, total, at_ms, entries)
            VALUES (p_number, d.position + 1, d.total + p_count, p_at, p_entries);
            IF p_state <> p_present THEN
                UPDATE $schema$.distributed_transaction SET
                    state = p_state, changed_ms = p_at, holder = CASE WHEN p_state < 2 THEN p_holder ELSE 0 END,
                    ended_at = CASE WHEN p_state > 2 THEN clock_timestamp() END
                WHERE number = p_number;
            END IF;
            FOR d IN DELETE FROM $schema$.transaction_watch WHERE id = p_id RETURNING engine LOOP
                PERFORM pg_notify('colony_' || d.engine, p_id);
            END LOOP;
            RETURN true;
        END
        $body$;

        CREATE OR REPLACE FUNCTION $schema$.append_decision(
            p_id text, p_holder bigint, p_epoch bigint, p_state int, p_at bigint, p_count int, p_entries bytea,
            p_synced boolean
        ) RETURNS boolean LANGUAGE plpgsql AS $body$
        DECLARE
            t record;
        BEGIN
            IF NOT p_synced THEN
                PERFORM set_config('synchronous_commit', 'off', true);
            END IF;
            SELECT number, state INTO t FROM $schema$.distributed_transaction
            WHERE id = p_id AND holder = p_holder AND epoch = p_epoch AND state < 2 FOR NO KEY UPDATE;
            IF NOT FOUND THEN
                RETURN false;
            END IF;
            RETURN $schema$.add_decision(
                t.number, p_id, t.state, p_holder, NULL, p_state, p_at, p_count, p_entries);
        END
        $body$;

        CREATE OR REPLACE FUNCTION $schema$.intervene_in_transaction(
            p_id text, p_after int, p_state int, p_at bigint, p_count int, p_entries bytea
        ) RETURNS boolean LANGUAGE plpgsql AS $body$
        DECLARE
            t record;
        BEGIN
            SELECT number, state INTO t FROM $schema$.distributed_transaction
            WHERE id = p_id AND state = 2 FOR NO KEY UPDATE;
            IF NOT FOUND THEN
                RETURN false;
            END IF;
            RETURN $schema$.add_decision(t.number, p_id, t.state, 0, p_after, p_state, p_at, p_count, p_entries);
        END
        $body$;

        """

    private static let claiming = """
        -- Whose transactions are to be had: nobody's, and those of coordinators that are gone. The rows of those that have run out are
        -- taken away first, so that a renewal which is under way either counts or comes too late.
        CREATE OR REPLACE FUNCTION $schema$.dead_holders() RETURNS bigint[]
        LANGUAGE plpgsql AS $body$
        DECLARE
            h bigint[] := '{}';
            last bigint := -1;
        BEGIN
            LOOP
                SELECT holder INTO last FROM $schema$.distributed_transaction
                WHERE state < 2 AND holder > last ORDER BY holder LIMIT 1;
                EXIT WHEN NOT FOUND;
                IF NOT EXISTS (
                    SELECT FROM $schema$.coordinator WHERE token = last AND expires_at > clock_timestamp()
                ) THEN
                    h := h || last;
                END IF;
            END LOOP;
            IF h = '{}' THEN
                RETURN h;
            END IF;
            PERFORM FROM $schema$.coordinator WHERE token = ANY (h) ORDER BY token FOR UPDATE;
            DELETE FROM $schema$.coordinator WHERE token = ANY (h) AND expires_at <= clock_timestamp();
            RETURN ARRAY(
                SELECT x FROM unnest(h) AS x WHERE NOT EXISTS (SELECT FROM $schema$.coordinator WHERE token = x));
        END
        $body$;

        -- A row without an identifier if the coordinator is enlisted; one for each transaction that it is given, with its epoch; and if
        -- those are fewer than asked for, one for each definition that was not asked for, without an epoch.
        CREATE OR REPLACE FUNCTION $schema$.claim_transactions(
            p_token bigint, p_limit int, p_definitions text[], p_versions bigint[]
        ) RETURNS TABLE (o_text text, o_number bigint, o_epoch bigint) LANGUAGE plpgsql AS $body$
        DECLARE
            dead bigint[];
            count bigint;
        BEGIN
            IF NOT EXISTS (
                SELECT FROM $schema$.coordinator WHERE token = p_token AND expires_at > clock_timestamp()
            ) THEN
                RETURN;
            END IF;
            RETURN QUERY SELECT NULL::text, NULL::bigint, NULL::bigint;
            dead := $schema$.dead_holders();
            IF dead = '{}' THEN
                RETURN;
            END IF;
            RETURN QUERY
            UPDATE $schema$.distributed_transaction t SET holder = p_token
            FROM (
                SELECT c.number FROM $schema$.distributed_transaction c
                WHERE c.state < 2 AND c.holder = ANY (dead) AND EXISTS (
                    SELECT FROM unnest(p_definitions, p_versions) AS d (name, version)
                    WHERE d.name = c.definition AND d.version = c.version)
                ORDER BY c.number LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
            ) mine
            WHERE t.number = mine.number
            RETURNING t.id, t.number, t.epoch;
            GET DIAGNOSTICS count = ROW_COUNT;
            IF count < p_limit THEN
                RETURN QUERY
                SELECT DISTINCT c.definition, c.version, NULL::bigint FROM $schema$.distributed_transaction c
                WHERE c.state < 2 AND c.holder = ANY (dead) AND NOT EXISTS (
                    SELECT FROM unnest(p_definitions, p_versions) AS d (name, version)
                    WHERE d.name = c.definition AND d.version = c.version);
            END IF;
        END
        $body$;

        """

    private static let waiting = """
        -- How many entries a transaction has; nothing if there is none. From then on the engine is told of the next decision. The row is
        -- locked, so that no decision that is just being written down is missed.
        CREATE OR REPLACE FUNCTION $schema$.watch_transaction(p_id text, p_engine text, p_ms bigint) RETURNS int
        LANGUAGE plpgsql AS $body$
        DECLARE
            t record;
            c int;
        BEGIN
            PERFORM set_config('synchronous_commit', 'off', true);
            SELECT number, beginning_count, state INTO t FROM $schema$.distributed_transaction WHERE id = p_id FOR SHARE;
            IF NOT FOUND THEN
                RETURN NULL;
            END IF;
            SELECT total INTO c FROM $schema$.transaction_decision
            WHERE number = t.number ORDER BY position DESC LIMIT 1;
            INSERT INTO $schema$.transaction_watch (id, engine, expires_at)
            VALUES (p_id, p_engine, clock_timestamp() + make_interval(secs => p_ms / 1e3::float8))
            ON CONFLICT (id, engine) DO UPDATE SET expires_at = excluded.expires_at;
            DELETE FROM $schema$.transaction_watch WHERE (id, engine) IN (
                SELECT id, engine FROM $schema$.transaction_watch WHERE expires_at < clock_timestamp()
                ORDER BY expires_at LIMIT 4 FOR UPDATE SKIP LOCKED);
            RETURN coalesce(c, t.beginning_count);
        END
        $body$;

        """
}
#endif
