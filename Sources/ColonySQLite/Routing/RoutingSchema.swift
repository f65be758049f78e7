import GRDB

/// The tables of exchanges and topics, which came to be with those of queues.
enum RoutingSchema {
    static let tables = """
        -- One row: how often what is declared has changed, so that a process notices what another one has changed.
        CREATE TABLE routing (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            version INTEGER NOT NULL
        ) STRICT;

        INSERT INTO routing (id, version) VALUES (1, 0);

        -- The exchanges that were declared; the predefined ones have no row.
        CREATE TABLE exchange (
            name TEXT PRIMARY KEY,
            kind TEXT NOT NULL,
            alternate TEXT
        ) STRICT, WITHOUT ROWID;

        -- A binding leads to a queue or to another exchange. `argument` is the key, the pattern, or the headers of its condition.
        CREATE TABLE exchange_binding (
            number INTEGER PRIMARY KEY,
            exchange TEXT NOT NULL,
            to_exchange INTEGER NOT NULL,
            destination TEXT NOT NULL,
            condition TEXT NOT NULL,
            argument TEXT NOT NULL,
            UNIQUE (exchange, to_exchange, destination, condition, argument)
        ) STRICT;

        CREATE INDEX exchange_binding_destination ON exchange_binding (destination, to_exchange);
        """
}
