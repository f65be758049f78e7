import ColonyCore
import ColonyTransactions
import Hummingbird

/// What a customer sends: the number of the order is in the address, and what it costs is the shop's to say.
struct Wish: Codable, Sendable {
    var customer: String
    var item: String
    var quantity: Int

    /// What things cost, in cents.
    private static let prices = ["teapot": 2_900, "cup": 700, "unicorn": 199_900]

    /// - Throws: `HTTPError` if there cannot be such an order.
    func order(numbered id: String) throws -> Order {
        guard let price = Self.prices[self.item] else {
            throw HTTPError(.notFound, message: "there is no \(self.item)")
        }
        guard (1...100).contains(self.quantity) else {
            throw HTTPError(.badRequest, message: "1 to 100 can be ordered, not \(self.quantity)")
        }
        return Order(
            id: id, customer: self.customer, item: self.item, quantity: self.quantity, amount: price * self.quantity)
    }
}

/// What the shop says to an order: 201 if it was placed, 409 if it was refused, and 202 or 503 if that is not known yet. Then the customer
/// asks again, under the same number, in any shop: what is begun twice is one order.
struct Answer: ResponseGenerator {
    var status: HTTPResponse.Status
    var text: String

    static func to(
        _ order: Order, by coordinator: TransactionCoordinator, _ placeOrder: Saga<Order, Confirmation>
    ) async throws -> Answer {
        do {
            // When it has started, it will come to its end, whatever becomes of this process.
            let handle = try await coordinator.start(placeOrder, order, id: try TransactionID(order.id))
            switch try await handle.outcome(upTo: .seconds(10)) {
            case .completed(let confirmation): return Answer(status: .created, text: "charge \(confirmation.charge)")
            case .compensated(_, let reason): return Answer(status: .conflict, text: reason)
            }
        } catch let error as InvalidName {
            return Answer(status: .badRequest, text: "\(error)")
        } catch let error as TransactionError {
            switch error.code {
            case .timedOut: return Answer(status: .accepted, text: "it is being worked on")
            case .conflict: return Answer(status: .unprocessableContent, text: "there is another order \(order.id)")
            default: return Answer(status: .serviceUnavailable, text: error.message)
            }
        }
    }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        Response(status: self.status, body: ResponseBody(byteBuffer: ByteBuffer(string: self.text)))
    }
}
