import ArgumentParser
import ColonyQueues
import ColonySQLite
import ColonyTransactions
import GRDB
import Logging
import ServiceLifecycle
import UnixSignals

/// The shipping service: sends what was placed. It answers to nobody and only listens to the queue.
struct ShippingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "shipping", abstract: "Send what was placed.")

    @OptionGroup var files: Files

    func run() async throws {
        let shipping = try Shipping(self.files.shipping)
        let parcels = Parcels.queue(in: self.files.colony)
        let consumer = parcels.consumer(concurrency: 4) { message in
            try await shipping.ship(message.payload, identity: message.delivery.identity)
        }
        let logger = Logger(label: "shipping")
        logger.info("ready")
        let services = ServiceGroup(
            services: [consumer], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        try await services.run()
    }
}
