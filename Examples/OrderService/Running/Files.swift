import ArgumentParser
import Foundation
import GRDB

/// Where the services keep their books: a file for each service, and one that Colony has for its own.
///
/// No service opens the books of another one. That they are in one folder is only for the example's sake.
struct Files: ParsableArguments {
    @Option(help: "The folder of all files.")
    var folder: String

    /// The journal of the sagas, the queue, and the locks: what all processes share.
    var colony: String { "\(self.folder)/colony.db" }
    var shop: String { "\(self.folder)/shop.db" }
    var stock: String { "\(self.folder)/stock.db" }
    var payment: String { "\(self.folder)/payment.db" }
    var shipping: String { "\(self.folder)/shipping.db" }
    /// What customers were told, a line of JSON for each order; written by them, and read by the audit.
    var answers: String { "\(self.folder)/answers.jsonl" }

    /// Opens the books of a service, and makes the tables that are missing.
    static func open(_ path: String, _ makeTables: @Sendable (Database) throws -> Void) throws -> DatabasePool {
        var configuration = Configuration()
        // Another process of the service may be writing, or may have been stopped while it did.
        configuration.busyMode = .timeout(5)
        configuration.prepareDatabase { db in
            // Without it a loss of power could take back what the saga has been told is done.
            try db.execute(sql: "PRAGMA synchronous = FULL")
        }
        let database = try DatabasePool(path: path, configuration: configuration)
        // In one transaction, because the processes of a service may all be starting at once.
        try database.write(makeTables)
        return database
    }
}
