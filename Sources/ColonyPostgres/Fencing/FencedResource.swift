#if Postgres
public import ColonyCore

/// The guard that makes a lock safe: a table and a function in *your* PostgreSQL database that refuse the writes of those
/// who have lost the lock.
///
/// ```sql
/// BEGIN;
/// SELECT colony_admit('orders/42', 34);   -- raises KF001 if a token greater than 34 was admitted before
/// UPDATE orders SET state = 'paid' WHERE id = 42;
/// COMMIT;
/// ```
///
/// Why a lock alone is not enough is told by the guard of the embedded engine and in *Fencing* of ColonyCoordination: a holder
/// may be stopped for longer than its lease, between "I hold the lock" and its write, and only the resource can refuse that
/// write then.
///
/// **What makes it hold here.** ``admission(of:)`` is a statement of your own transaction, so it works with every client of
/// PostgreSQL, in every language, on whatever connection the write is made. It changes the row of the resource, also when it
/// admits a token that was seen before, and so holds that row until your transaction ends: a holder with a later token waits
/// for the commit of an earlier one, and the other way round nobody is admitted any more. An error ends the transaction,
/// and with it the write; a transaction that is rolled back takes its admission with it.
///
/// It works with any lock whose tokens rise: every engine of Colony's, not only the one on PostgreSQL.
///
/// - SeeAlso: M. Kleppmann, *How to do distributed locking*, 2016, "Making the lock safe with fencing",
///   https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html.
public struct FencedResource: Hashable, Sendable {
    /// What is guarded; usually the name of the lock.
    public let name: String

    /// - Parameter name: 1 to 255 bytes of UTF-8 without control characters.
    /// - Throws: `InvalidName`, which quotes the text and says what is wrong with it.
    public init(_ name: String) throws(InvalidName) {
        self.init(guarding: try LeaseName(name))
    }

    /// The resource that is called like the lock that guards it.
    public init(guarding name: LeaseName) {
        self.name = name.rawValue
    }
}

extension FencedResource: ExpressibleByStringLiteral {
    /// Makes a resource from a literal in the program; a bad literal is a programmer's error and stops the program.
    public init(stringLiteral value: String) {
        self.init(guarding: LeaseName(stringLiteral: value))
    }
}

// MARK: - The guard

extension FencedResource {
    /// A statement with the values of its parameters, for the client library of your choice.
    public struct Statement: Hashable, Sendable {
        /// With `$1` and `$2` in place of the values.
        public let sql: String
        /// The name of the resource, of type `text`.
        public let resource: String
        /// The token, of type `bigint`.
        public let token: Int64
    }

    /// With what the function raises for a token that is too old.
    public static let staleState = SQLState(rawValue: "KF001")

    /// Statements that make the table `colony_fence` and the function `colony_admit` in the first schema of the search path.
    /// They may be run again, and belong into the migrations of your database.
    ///
    /// Whoever writes to the resource needs `SELECT`, `INSERT`, and `UPDATE` on the table.
    public static let installation = """
        CREATE TABLE IF NOT EXISTS colony_fence (
            resource text COLLATE "C" NOT NULL PRIMARY KEY,
            token bigint NOT NULL CHECK (token >= 0)
        ) WITH (fillfactor = 70);

        CREATE OR REPLACE FUNCTION colony_admit(p_resource text, p_token bigint) RETURNS void
        LANGUAGE plpgsql AS $body$
        DECLARE
            greatest_token bigint;
        BEGIN
            -- Also a token that was seen before writes the row, and so keeps it locked until the transaction ends.
            INSERT INTO colony_fence AS f (resource, token) VALUES (p_resource, p_token)
            ON CONFLICT (resource) DO UPDATE SET token = excluded.token WHERE f.token <= excluded.token;
            IF NOT FOUND THEN
                SELECT f.token INTO greatest_token FROM colony_fence f WHERE f.resource = p_resource;
                RAISE EXCEPTION 'a write to "%" with the fencing token % was refused: % was accepted before',
                    p_resource, p_token, greatest_token
                    USING ERRCODE = 'KF001', DETAIL = greatest_token::text,
                    HINT = 'The lock has passed on. Stop the protected work.';
            END IF;
        END
        $body$;
        """

    /// The statement that refuses `token` if a greater one was admitted for this resource before, and remembers it if not.
    ///
    /// Run it first in the transaction that does the protected writes, and let its error end the transaction. The same token
    /// is admitted any number of times: a holder writes more than once.
    ///
    /// - Throws: ``TokenOutOfRange`` if the token is greater than 2⁶³ − 1.
    public func admission(of token: FencingToken) throws(TokenOutOfRange) -> Statement {
        guard let number = Int64(exactly: token.rawValue) else { throw TokenOutOfRange(token: token) }
        return Statement(sql: "SELECT colony_admit($1, $2)", resource: self.name, token: number)
    }

    /// Reads the error of a statement of ``admission(of:)``.
    ///
    /// - Parameters:
    ///   - state: The SQLSTATE that the client library gives.
    ///   - detail: The detail of the error, which is the greatest token that was admitted.
    /// - Returns: `nil` for an error of another kind.
    public func staleToken(_ token: FencingToken, state: SQLState, detail: String?) -> StaleToken? {
        guard state == Self.staleState, let greatest = detail.flatMap({ FencingToken($0) }) else { return nil }
        return StaleToken(resource: self.name, token: token, greatest: greatest)
    }
}

/// A write was refused because its holder has lost the lock: a later holder has written already. *Not done.*
///
/// Stop the protected work; whoever holds the lock now goes on with it. Do not repeat the write with a new token unless
/// you read again what it was based on.
public struct StaleToken: Error, Hashable, Sendable, CustomStringConvertible {
    /// The ``FencedResource/name`` of what was to be written.
    public let resource: String
    /// The token that was refused.
    public let token: FencingToken
    /// The greatest token that was admitted.
    public let greatest: FencingToken

    /// Puts the parts together.
    public init(resource: String, token: FencingToken, greatest: FencingToken) {
        self.resource = resource
        self.token = token
        self.greatest = greatest
    }

    public var description: String {
        "a write to \"\(self.resource)\" with the fencing token \(self.token) was refused: "
            + "\(self.greatest) was accepted before, so the lock has passed on"
    }
}

/// A token that PostgreSQL cannot hold, whose `bigint` ends at 2⁶³ − 1. No engine of Colony grants such tokens.
public struct TokenOutOfRange: Error, Hashable, Sendable, CustomStringConvertible {
    /// The token that was refused.
    public let token: FencingToken

    /// Names the token.
    public init(token: FencingToken) {
        self.token = token
    }

    public var description: String {
        "the fencing token \(self.token) is greater than \(Int64.max), the greatest that PostgreSQL can hold"
    }
}
#endif
