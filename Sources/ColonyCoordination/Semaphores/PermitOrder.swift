import ColonyCore

/// In which order those who wait for permits get them.
public struct PermitOrder: Hashable, Sendable {
    /// For how long a refused request keeps its place in the store unless it is repeated; `nil` for no place.
    public let claim: Duration?

    /// In the order of arrival, across processes: nobody is overtaken, and whoever asks for many permits gets them.
    ///
    /// The first of each process keeps a place in the store, and repeats it at every third of ten seconds. A process that dies
    /// in the queue holds up the others for ten seconds at the most.
    public static let arrival = PermitOrder(claim: .seconds(10))

    /// In the order of arrival, with a place in the store that is kept for `claim`: the longest time for which a process
    /// that died in the queue holds up the others. From ``ColonyCore/LeaseLimits/duration``.
    public static func arrival(claim: Duration) -> PermitOrder { PermitOrder(claim: claim) }

    /// Whoever finds enough permits free takes them. Fewer round trips and no idle permits; but a request for many may be
    /// overtaken for as long as others ask for few.
    public static let any = PermitOrder(claim: nil)
}
