package import ColonyQueues
import GRDB

extension SQLiteOutbox {
    /// Writes so many equal messages down in one transaction, on a connection of its own; for workloads, which do not know GRDB.
    package func fill(with message: OutgoingMessage, times count: Int, to queue: QueueName) async throws {
        var configuration = Configuration()
        configuration.busyMode = .timeout(20)
        let database = try DatabaseQueue(path: self.path, configuration: configuration)
        defer { try? database.close() }
        try await database.write { database in
            try Self.install(in: database)
            for _ in 0..<count { try self.add(message, to: queue, in: database) }
        }
    }
}
