import Foundation
import GRDB
import RealServers
import Testing

@Suite("The order service of Examples", .serialized, .timeLimit(.minutes(10)))
struct OrderServiceTests {
    @Test func `adds up whatever is killed and stopped while orders flow`() async throws {
        let run = try await Chaos.run("--seconds", "20", "--kills", "24", in: TemporaryFolder("orders"))
        #expect(run.code == 0, "\(run.text)")
        // Some of it was worth the name.
        for nothing in [" 0 placed", " 0 kills", " 0 stops"] {
            #expect(!run.text.contains(nothing), "\(run.text)")
        }
    }

    /// A shop that charges under a new key in each attempt is right until a process dies between taking the money and saying so.
    @Test func `does not add up without the keys, which only a kill brings to light`() async throws {
        let folder = try TemporaryFolder("orders")
        let calm = try await Chaos.run("--sabotage", "--kills", "0", "--seconds", "3", in: folder)
        #expect(calm.code == 0, "\(calm.text)")
        // It takes a hit at the right moment, which one of these runs will have.
        var last = calm
        for _ in 0..<6 where last.code == 0 {
            last = try await Chaos.run(
                "--sabotage", "--aim", "payment", "--kills", "16", "--seconds", "10", in: folder)
        }
        #expect(last.code == 1, "\(last.text)")
        #expect(last.text.contains("money       DOES NOT ADD UP"), "\(last.text)")
    }

    @Test func `the audit finds each entry that is missing, double, or invented`() async throws {
        let folder = try TemporaryFolder("orders")
        let run = try await Chaos.run("--kills", "0", "--orders", "40", "--keep", in: folder)
        #expect(run.code == 0, "\(run.text)")
        let books = try #require(
            try FileManager.default.contentsOfDirectory(atPath: folder.path).first { $0.hasPrefix("order-service-") })
        for (number, forgery) in Forgery.all.enumerated() {
            let copy = "\(folder.path)/forged-\(number)"
            try FileManager.default.copyItem(atPath: "\(folder.path)/\(books)", toPath: copy)
            try forgery.commit(in: copy)
            let audit = try await Chaos.run(Chaos.service, ["audit", "--folder", copy], in: folder)
            #expect(audit.code == forgery.code, "\(forgery): \(audit.text)")
            #expect(audit.text.contains(forgery.finding), "\(forgery): \(audit.text)")
        }
    }
}

/// What somebody does to the books.
private struct Forgery {
    let book: String
    let change: String
    /// What the audit says, and with which code it ends.
    let finding: String
    var code: Int32 = 1

    static let all = [
        Forgery(
            book: "payment", change: "DELETE FROM charge WHERE number = 1", finding: "money       DOES NOT"),
        Forgery(
            book: "payment", change: "UPDATE account SET balance = balance - 1 WHERE customer = 'ada'",
            finding: "ada had 100000000"),
        Forgery(
            book: "payment",
            change: "INSERT INTO charge (orderID, customer, amount) SELECT orderID, customer, 0 FROM charge LIMIT 1",
            finding: "and 0 cents charged"),
        Forgery(
            book: "stock", change: "UPDATE item SET shelf = shelf + 1 WHERE name = 'cup'",
            finding: "stock       DOES NOT"),
        Forgery(
            book: "stock", change: "INSERT INTO reservation VALUES ('nobody', 'cup', 2)",
            finding: "order nobody: 2 cup put aside, and it was not placed"),
        Forgery(
            book: "stock",
            change: "INSERT INTO delivery (item, quantity, decidedAfter) VALUES ('unicorn', 0, 0), ('unicorn', 0, 0)",
            finding: "restocking  DOES NOT"),
        Forgery(
            book: "shipping", change: "DELETE FROM shipment WHERE number = 1", finding: "nothing sent, and"),
        Forgery(
            book: "shipping",
            change:
                "INSERT INTO shipment (orderID, item, quantity) SELECT orderID, item, quantity FROM shipment LIMIT 1",
            finding: "shipments   DOES NOT"),
        Forgery(
            book: "shop", change: "DELETE FROM placedOrder WHERE charge = 1",
            finding: "is completed, and not in the book of the shop"),
        Forgery(
            book: "shop",
            change:
                "INSERT INTO colony_outbox (identity, queue, priority, added_ms, body) VALUES ('x', 'parcels', 4, 0, x'')",
            finding: "not over: 1 messages", code: 75),
    ]

    func commit(in folder: String) throws {
        try DatabaseQueue(path: "\(folder)/\(self.book).db").write { db in try db.execute(sql: self.change) }
    }
}
