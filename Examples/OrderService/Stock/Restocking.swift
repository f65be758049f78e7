import ColonyCoordination
import ColonyCore
import ColonySQLite
import GRDB
import Logging
import ServiceLifecycle

/// Fetches goods before they run out: a job that every stock process would do, and one at a time must.
///
/// It looks at the shelf, asks the supplier, which takes a while, and books what came. Two at once would both find the same shelf empty,
/// and book two deliveries. The lock keeps them apart; where it cannot, because its holder was stopped for longer than it has the lock,
/// the fence refuses what that one books, and the supplier, who is outside of both, is asked under a key.
struct Restocking: Service {
    let stock: Stock
    let lock: DistributedLock
    let clock: any MonotonicClock = HostClock()
    let logger = Logger(label: "restocking")

    init(_ stock: Stock, file: String) {
        self.stock = stock
        self.lock = DistributedLock(
            "stock/restocking", on: .sqlite(path: file),
            // How long nobody restocks after its holder has died. Short, so that there is something to see.
            configuration: LockConfiguration(duration: .seconds(2)))
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while true {
                do {
                    try await self.lock.withLock(waiting: .seconds(10)) { lease in
                        try await self.round(fencedBy: lease.token)
                    }
                } catch is CancellationError {
                    return
                } catch {
                    // Another one has it, or this one was stopped for too long and has lost it: the next round will tell.
                    self.logger.info("no round", metadata: ["reason": "\(error)"])
                }
                guard (try? await self.clock.sleep(for: .milliseconds(200))) != nil else { return }
            }
        }
    }

    private func round(fencedBy token: FencingToken) async throws {
        let short = try await self.stock.database.read { db in
            try Item.filter(Column("shelf") < Column("enough")).fetchAll(db).map { item in
                (item, try Delivery.latest(of: item.name, in: db))
            }
        }
        for (item, latest) in short {
            // A stopped holder and its successor ask for the same delivery, and the supplier brings it once.
            let quantity = try await self.orderFromSupplier(item, key: "\(item.name) after \(latest)")
            try await self.stock.database.write { db in
                // The lock may have been lost since: this process may have been stopped here for an hour. Nobody in the process can
                // notice that in time, so the database does, and refuses a token when it has seen a later one.
                try FencedResource(guarding: self.lock.name).admit(token, in: db)
                try Delivery(number: nil, item: item.name, quantity: quantity, decidedAfter: latest).insert(db)
                try db.execute(
                    sql: "UPDATE item SET shelf = shelf + ? WHERE name = ?", arguments: [quantity, item.name])
            }
        }
    }

    /// Stands for a call that takes its time, and that is answered with the same delivery as long as it has the same key.
    private func orderFromSupplier(_ item: Item, key: String) async throws -> Int {
        self.logger.debug("asked the supplier", metadata: ["key": "\(key)"])
        try await self.clock.sleep(for: .milliseconds(300))
        return item.enough / 10
    }
}

/// What a supplier has brought.
struct Delivery: Codable, FetchableRecord, PersistableRecord {
    var number: Int64?
    var item: String
    var quantity: Int
    /// The latest delivery of the item when this one was decided on, or 0: the audit sees by it whether two were decided on at once.
    var decidedAfter: Int64

    static func latest(of item: String, in db: Database) throws -> Int64 {
        try Int64.fetchOne(db, sql: "SELECT max(number) FROM delivery WHERE item = ?", arguments: [item]) ?? 0
    }
}
