#if Postgres
extension PostgresBarrier {
    /// Statements that make the table `colony_barrier` and the functions `colony_barrier_enter` and `colony_barrier_keep` in the first schema of
    /// the search path. They may be run again, and belong into the migrations of your database.
    ///
    /// Whoever asks the barrier needs `SELECT`, `INSERT`, and `UPDATE` on the table; who sweeps it, `DELETE`.
    public static let installation = """
        CREATE TABLE IF NOT EXISTS colony_barrier (
            tx text COLLATE "C" NOT NULL,
            branch text COLLATE "C" NOT NULL,
            operation text COLLATE "C" NOT NULL CHECK (operation IN ('try', 'confirm', 'cancel')),
            author text NOT NULL CHECK (author IN ('try', 'confirm', 'cancel')),
            result text,
            ended_at timestamptz,
            PRIMARY KEY (tx, branch, operation)
        );
        CREATE INDEX IF NOT EXISTS colony_barrier_ended ON colony_barrier (ended_at) WHERE ended_at IS NOT NULL;
        CREATE INDEX IF NOT EXISTS colony_barrier_open ON colony_barrier (tx) WHERE ended_at IS NULL;

        CREATE OR REPLACE FUNCTION colony_barrier_enter(
            p_tx text, p_branch text, p_operation text, OUT decision text, OUT result text
        ) LANGUAGE plpgsql AS $body$
        DECLARE
            try_author text;
            own_author text;
        BEGIN
            -- The mark of the try comes first: whoever waits for it holds nothing yet that a try could wait for.
            IF p_operation = 'cancel' THEN
                INSERT INTO colony_barrier (tx, branch, operation, author) VALUES (p_tx, p_branch, 'try', 'cancel')
                ON CONFLICT DO NOTHING;
                IF NOT FOUND THEN
                    SELECT b.author INTO STRICT try_author FROM colony_barrier b
                    WHERE (b.tx, b.branch, b.operation) = (p_tx, p_branch, 'try');
                END IF;
            END IF;
            INSERT INTO colony_barrier (tx, branch, operation, author)
            VALUES (p_tx, p_branch, p_operation, p_operation) ON CONFLICT DO NOTHING;
            IF NOT FOUND THEN
                SELECT b.author, b.result INTO STRICT own_author, result FROM colony_barrier b
                WHERE (b.tx, b.branch, b.operation) = (p_tx, p_branch, p_operation);
            END IF;
            decision := CASE
                WHEN p_operation = 'cancel' AND try_author IS DISTINCT FROM 'try' THEN 'empty'
                WHEN own_author IS NULL THEN 'proceed'
                WHEN own_author = 'cancel' AND p_operation <> 'cancel' THEN 'hanging'
                ELSE 'repeated'
            END;
        END
        $body$;

        CREATE OR REPLACE FUNCTION colony_barrier_keep(p_tx text, p_branch text, p_operation text, p_result text) RETURNS void
        LANGUAGE sql AS $body$
            UPDATE colony_barrier SET result = p_result
            WHERE (tx, branch, operation) = (p_tx, p_branch, p_operation)
        $body$;
        """
}
#endif
