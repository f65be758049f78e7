import ColonyTransactions

/// What the saga of the shop sends to a service that takes part in it.
struct ParticipantCall: Codable, Sendable {
    var order: Order
    /// Which call this is: the same each time that it is repeated, by whatever process. The barrier of the service knows it again.
    var call: BarrierCall
}
