import ArgumentParser
import AsyncHTTPClient
import ColonyQueues
import ColonySQLite
import ColonyTransactions
import Hummingbird
import ServiceLifecycle

/// The shop: takes orders, and sees that each comes to its end.
struct ShopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "shop", abstract: "Take orders.")

    @OptionGroup var files: Files
    @OptionGroup var listening: Listening

    @Option(help: "The address of a stock process; once for each.")
    var stock: [String]

    @Option(help: "The address of a payment process; once for each.")
    var payment: [String]

    @Flag(help: "Charge under a new key in each attempt: a mistake, so that there is something for the audit to find.")
    var sabotage = false

    func run() async throws {
        var configuration = HTTPClient.Configuration()
        // Where nobody listens is known at once; the saga asks the next process.
        configuration.connectionPool.retryConnectionEstablishment = false
        try await HTTPClient.withHTTPClient(configuration: configuration) { client in
            try await self.serve(with: client)
        }
    }

    private func serve(with client: HTTPClient) async throws {
        let parcels = Parcels.queue(in: self.files.colony)
        try await parcels.declare()
        let book = try OrderBook(self.files.shop, parcels: parcels)

        let saga = try placeOrder(
            stock: Participant(addresses: self.stock, client: client),
            payment: Participant(addresses: self.payment, client: client, forgetsKeys: self.sabotage), book: book)
        // After how long the orders of a dead shop are taken over by another: ten seconds is better when nobody watches.
        let coordinator = try TransactionCoordinator(
            .sqlite(path: self.files.colony), definitions: [saga],
            options: CoordinatorOptions(lease: .seconds(2), pollInterval: .milliseconds(500)))
        let relay = OutboxRelay(
            book.outbox, to: parcels.engine, options: try OutboxRelayOptions(lease: .seconds(2)))

        let router = Router()
        router.put("orders/:id") { request, context in
            let wish = try await request.decode(as: Wish.self, context: context)
            let order = try wish.order(numbered: try context.parameters.require("id"))
            return try await Answer.to(order, by: coordinator, saga)
        }
        try await self.listening.serve(router, beside: [coordinator, relay, EventLog(coordinator)], as: "shop")
    }
}
