import ColonyQueues
import ColonySQLite
import ColonyTransactions
import Foundation
import GRDB

/// Everything that the services have written down.
struct Books {
    /// What a customer was told.
    struct Answer: Codable {
        var order: String
        var isPlaced: Bool
    }

    var answers: [Answer] = []
    var sagas: [TransactionSummary] = []
    var placed: [PlacedOrder] = []
    var accounts: [Account] = []
    var charges: [Charge] = []
    var items: [Item] = []
    var reservations: [Reservation] = []
    var deliveries: [Delivery] = []
    var shipments: [Shipment] = []
    /// Messages on their way to shipping, in the outbox or in the queue.
    var messages = 0
    /// Messages that were given up.
    var deadLetters = 0

    init(_ files: Files) async throws {
        // In the direction in which orders move on, so that none can get past.
        let journal = SQLiteTransactionJournal(path: files.colony)
        while true {
            let page = try await journal.list(Set(TransactionState.allCases), limit: 1_000, after: self.sagas.last)
            self.sagas += page
            if page.count < 1_000 { break }
        }
        let outbox = SQLiteOutbox(path: files.shop)
        self.messages += try await outbox.status().waiting
        let engine = SQLiteQueueEngine(path: files.colony)
        if let queue = try await engine.inspect(Parcels.queue(in: files.colony).name) {
            self.messages += queue.statistics.count - queue.statistics.dead
            self.deadLetters = queue.statistics.dead
        }
        for closing in [journal.close, outbox.close, engine.close] { await closing() }

        // All of a book at one moment: goods may come in while the books are read.
        self.placed = try Self.read(files.shop) { db in try PlacedOrder.fetchAll(db) }
        (self.accounts, self.charges) = try Self.read(files.payment) { db in
            (try Account.fetchAll(db), try Charge.fetchAll(db))
        }
        (self.items, self.reservations, self.deliveries) = try Self.read(files.stock) { db in
            (try Item.fetchAll(db), try Reservation.fetchAll(db), try Delivery.fetchAll(db))
        }
        self.shipments = try Self.read(files.shipping) { db in try Shipment.fetchAll(db) }
        if let text = try? String(contentsOfFile: files.answers, encoding: .utf8) {
            self.answers = try text.split(separator: "\n").map { line in
                try JSONDecoder().decode(Answer.self, from: Data(line.utf8))
            }
        }
    }

    private static func read<Rows>(_ file: String, _ fetch: (Database) throws -> Rows) throws -> Rows {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        return try DatabaseQueue(path: file, configuration: configuration).read(fetch)
    }
}
