import ColonySQLite
import GRDB

/// What was sent.
struct Shipping: Sendable {
    let database: DatabasePool
    /// Which messages were handled.
    private let inbox: SQLiteInbox = "shipping"

    init(_ path: String) throws {
        self.database = try Files.open(path) { db in
            try db.execute(
                sql: """
                    CREATE TABLE IF NOT EXISTS shipment (
                        number INTEGER PRIMARY KEY, orderID TEXT NOT NULL, item TEXT NOT NULL, quantity INTEGER NOT NULL);
                    """)
            try SQLiteInbox.install(in: db)
        }
    }

    /// Sends an order, once for each message however often it comes.
    ///
    /// A queue delivers at least once: who is killed between this transaction and its acknowledgement gets the message again. The inbox writes
    /// down in the same transaction that it was here.
    func ship(_ order: Order, identity: String) async throws {
        try await self.database.write { db in
            _ = try self.inbox.once(identity, in: db) {
                try Shipment(number: nil, orderID: order.id, item: order.item, quantity: order.quantity).insert(db)
            }
        }
    }
}

/// A parcel that was sent.
struct Shipment: Codable, FetchableRecord, PersistableRecord {
    var number: Int64?
    var orderID: String
    var item: String
    var quantity: Int
}
