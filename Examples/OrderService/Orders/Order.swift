import ColonyQueues
import ColonySQLite

/// What a customer wants. The customer's program chooses the number, so that it may ask again whenever it got no answer.
struct Order: Codable, Hashable, Sendable {
    var id: String
    var customer: String
    var item: String
    var quantity: Int
    /// What it costs, in cents. The shop fills it in.
    var amount: Int
}

/// What the customer gets to know of an order that was placed.
struct Confirmation: Codable, Hashable, Sendable {
    /// The number of the charge in the books of the payment service.
    var charge: Int64
}

/// The queue from the shop to shipping. Both declare it, so it is written down once.
enum Parcels {
    static func queue(in file: String) -> MessageQueue<Order> {
        var settings = QueueSettings()
        // A consumer that is killed has its messages counted as delivered. Here many are killed, and no parcel may be given up for it.
        settings.deliveryLimit = 1_000
        // How long the parcels of a dead consumer wait. Short, so that there is something to see.
        settings.lease = .seconds(2)
        return MessageQueue("parcels", on: .sqlite(path: file), settings: settings)
    }
}
