public import ColonyCore
public import GRDB

/// The guard that makes a lock safe: a table in *your* database that refuses the writes of those who have lost it.
///
/// ```swift
/// let orders = FencedResource("orders/42")
/// try await database.write { db in
///     try orders.admit(lease.token, in: db)
///     try Order(id: 42, state: "paid").update(db)
/// }
/// ```
///
/// **Why a lock alone is not enough.** A process takes a lock, and is then stopped: a long garbage collection, a laptop
/// lid, a hypervisor that moves it. Its lease runs out, another process takes the lock and writes. Then the first one goes
/// on, exactly where it was, between "I hold the lock" and the write. No check before the write helps, however late it
/// is made, because the pause may fall between the check and the write. Only the resource itself can refuse.
///
/// **The idea.** Every grant carries a number that is greater than that of every earlier grant, the *fencing token*. The
/// writer sends it along, and the resource remembers the greatest number it has seen and refuses smaller ones. Once the
/// second process has written with 34, the first one's 33 is stale, and its write is refused however late it comes.
///
/// **What makes it hold here.** The check and the write are in one transaction of one database. SQLite runs writing
/// transactions one after the other, so nobody gets between the two, and a write that is rolled back takes its check with
/// it. The guard therefore asks to be called inside your transaction, and it works with any lock whose tokens rise:
/// the embedded engine, the daemon, or any other engine of Colony.
///
/// - SeeAlso: M. Kleppmann, *How to do distributed locking*, 2016, "Making the lock safe with fencing",
///   https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html; M. Burrows, *The Chubby lock service for
///   loosely-coupled distributed systems*, OSDI 2006, section 2.4.
public struct FencedResource: Hashable, Sendable {
    /// What is guarded; usually the name of the lock.
    public let name: String

    /// - Parameter name: 1 to 255 bytes of UTF-8 without control characters.
    /// - Throws: `InvalidName`, which quotes the text and says what is wrong with it.
    public init(_ name: String) throws(InvalidName) {
        // One rule for all names; what a lock may be called, what it guards may be called too.
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
    /// The table that remembers the greatest token of each resource.
    public static let tableName = "colony_fence"

    /// Refuses `token` if a greater one was accepted for this resource before; else remembers it.
    ///
    /// Call it first in the transaction that does the protected writes, and let its error end the transaction. The same
    /// token is accepted any number of times: a holder writes more than once.
    ///
    /// - Precondition: `database` is inside a transaction. Outside of one nothing would tie the check to the write.
    /// - Throws: ``StaleToken`` if the token is older; ``TokenOutOfRange`` if it is greater than 2⁶³ − 1; `DatabaseError`.
    /// - Complexity: One statement, O(log *n*) in the number of resources; a second one if the token was seen before.
    public func admit(_ token: FencingToken, in database: Database) throws {
        precondition(
            database.isInsideTransaction,
            "the fencing token \(token) of \"\(self.name)\" was checked outside a transaction, where it protects nothing")
        guard let number = Int64(exactly: token.rawValue) else { throw TokenOutOfRange(token: token) }
        let accept = try database.cachedStatement(
            sql: """
                INSERT INTO \(Self.tableName) (resource, token) VALUES (?, ?)
                ON CONFLICT (resource) DO UPDATE SET token = excluded.token WHERE excluded.token > token
                """)
        try accept.execute(arguments: [self.name, number])
        if database.changesCount > 0 { return }
        let greatest = try self.greatestToken(in: database)
        guard let greatest, greatest != token else { return }
        throw StaleToken(resource: self.name, token: token, greatest: greatest)
    }

    /// The greatest token that was accepted for this resource, or `nil` before the first.
    public func greatestToken(in database: Database) throws -> FencingToken? {
        let select = try database.cachedStatement(sql: "SELECT token FROM \(Self.tableName) WHERE resource = ?")
        let number = try Int64.fetchOne(select, arguments: [self.name])
        return number.map { FencingToken(rawValue: UInt64($0)) }
    }

    /// Adds the making of the table to the migrations of your database, under the name `colony-fence-1`.
    public static func registerMigration(in migrator: inout DatabaseMigrator) {
        migrator.registerMigration("colony-fence-1") { database in
            try Self.createTable(in: database)
        }
    }

    /// Makes the table, for databases without migrations; does nothing if it is there.
    public static func createTable(in database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE IF NOT EXISTS \(Self.tableName) (
                    resource TEXT NOT NULL PRIMARY KEY,
                    token INTEGER NOT NULL CHECK (token >= 0)
                ) STRICT, WITHOUT ROWID
                """)
    }
}

/// A write was refused because its holder has lost the lock: a later holder has written already. *Not done.*
///
/// Stop the protected work; whoever holds the lock now goes on with it. Do not repeat the write with a new token unless
/// you read again what it was based on.
public struct StaleToken: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was to be written to.
    public let resource: String
    /// The token that was refused.
    public let token: FencingToken
    /// The greatest token that was accepted.
    public let greatest: FencingToken

    /// Describes a refusal.
    public init(resource: String, token: FencingToken, greatest: FencingToken) {
        self.resource = resource
        self.token = token
        self.greatest = greatest
    }

    public var description: String {
        "a write to \"\(self.resource)\" with the fencing token \(self.token) was refused: \(self.greatest) was accepted "
            + "before, so the lock has passed on"
    }
}

/// A token that SQLite cannot hold, whose integers end at 2⁶³ − 1. No engine of Colony grants such tokens.
public struct TokenOutOfRange: Error, Hashable, Sendable, CustomStringConvertible {
    /// The token that does not fit.
    public let token: FencingToken

    /// Describes a refusal.
    public init(token: FencingToken) {
        self.token = token
    }

    public var description: String {
        "the fencing token \(self.token) is greater than \(Int64.max), the greatest that SQLite can hold"
    }
}
