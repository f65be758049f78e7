import ColonyCore
import ColonySQLite
import GRDB

/// A register in a file that all contenders write to, guarded by a `FencedResource`: the resource that a lock protects.
final class FencedRegister: Sendable {
    private let database: DatabaseQueue
    private let guardian: FencedResource = "register"
    private let isGuarded: Bool

    /// - Parameter isGuarded: Whether tokens are checked. Without, the register takes what anybody writes.
    init(_ path: String, isGuarded: Bool) throws {
        var configuration = Configuration()
        // A contender that is stopped in the middle of its write holds up the others until it goes on or dies.
        configuration.busyMode = .timeout(60)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = OFF")
        }
        self.isGuarded = isGuarded
        self.database = try DatabaseQueue(path: path, configuration: configuration)
        try self.database.write { database in
            try FencedResource.createTable(in: database)
            try database.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS register (
                        place INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, token INTEGER NOT NULL, who TEXT NOT NULL
                    ) STRICT
                    """)
        }
    }

    /// Writes once.
    ///
    /// - Returns: The place of this write among all that were accepted.
    /// - Throws: `StaleToken` if the register has seen a greater one.
    func write(_ token: FencingToken, by who: String) async throws -> Int64 {
        try await self.database.write { [guardian, isGuarded] database in
            if isGuarded { try guardian.admit(token, in: database) }
            try database.execute(
                sql: "INSERT INTO register (token, who) VALUES (?, ?)",
                arguments: [Int64(bitPattern: token.rawValue), who])
            return database.lastInsertedRowID
        }
    }
}
