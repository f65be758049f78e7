// The queue of the README, with what surrounds it.

import ColonyQueues
import ColonySQLite
import Foundation

struct Order: Codable, Sendable {
    var number: Int
    var customer: String
}

@Sendable func ship(_ order: Order) async throws {
    print("order \(order.number) for \(order.customer)")
}

let folder = FileManager.default.temporaryDirectory.appendingPathComponent("colony-snippet-\(UUID().uuidString)")
try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
_ = FileManager.default.changeCurrentDirectoryPath(folder.path)

// snippet.show
let orders = MessageQueue<Order>("orders", on: .sqlite(path: "colony.db"))
try await orders.publish(Order(number: 42, customer: "ada"), key: "ada")

let consumer = orders.consumer(concurrency: 8) { message in
    // Again after a crash or an error, in order for each customer, until it returns or becomes a dead letter.
    try await ship(message.payload)
}
let work = Task { try await consumer.run() }
// snippet.hide

while consumer.statistics.handled == 0 { await Task.yield() }
work.cancel()
try await work.value
try FileManager.default.removeItem(at: folder)
