import ColonyCore
public import ColonyTransactions

extension DaemonConfiguration {
    /// Whom the daemon calls for transactions, and how.
    public struct Transactions: Sendable {
        /// Addresses beside those of the public internet that participants may be called at.
        public var allow: [AddressRange] = []
        /// What calls are signed with; the calls are not signed without one. While a key is replaced there are two.
        public var signingKeys: [SigningKey] = []
        /// A file with such keys, one a line; it is read when the daemon is made.
        public var signingKeyFile: String?
        /// A PEM file with certificates that vouch for participants, beside those that the system has.
        public var certificateFile: String?
        /// The most transactions in flight.
        public var inFlight = 10_000
        /// The most calls at a time. Each has a connection of its own.
        public var calls = 1_000
        /// How long the daemon counts as alive without a sign of life, after which others may take its transactions over.
        public var lease: Duration = .seconds(10)

        public init() {}

        func validate() throws(DaemonError) {
            do {
                _ = try self.options(drain: .zero)
            } catch {
                throw DaemonError(.invalidConfiguration, error.message)
            }
        }

        /// The same for a coordinator.
        func options(drain: Duration) throws(TransactionError) -> CoordinatorOptions {
            // Half of the time, so that what is left is enough to hand everything back.
            try CoordinatorOptions(lease: self.lease, maximumInFlight: self.inFlight, drainLimit: drain / 2)
        }
    }
}
