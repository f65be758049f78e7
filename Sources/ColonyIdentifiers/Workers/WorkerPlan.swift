import ColonyCore

/// When a node must do what, and which numbers it asks for: the decisions of ``SnowflakeNode``, as a value.
struct WorkerPlan: Sendable {
    let layout: SnowflakeLayout
    let namespace: String
    let datacenter: Int
    let configuration: SnowflakeNodeConfiguration
    /// Whether the store of the moments knows the last moment of every former holder of a number.
    let momentsReachAllHolders: Bool

    // MARK: Names

    /// What says that somebody uses a worker number.
    func leaseName(of worker: Int) throws(IdentifierError) -> LeaseName {
        do {
            return try LeaseName("snowflake/\(self.namespace)/\(self.datacenter)/\(worker)")
        } catch {
            throw IdentifierError(.invalidRequest, error.description)
        }
    }

    /// The moments of a worker number.
    func momentsTag(of worker: Int) throws(IdentifierError) -> SegmentTag {
        try Self.tag("snowflake/\(self.namespace)/\(self.datacenter)/\(worker)")
    }

    /// What remembers the layout of the namespace, whoever asks first.
    func namespaceTag() throws(IdentifierError) -> SegmentTag {
        try Self.tag("snowflake/\(self.namespace)")
    }

    private static func tag(_ text: String) throws(IdentifierError) -> SegmentTag {
        do {
            return try SegmentTag(text)
        } catch {
            throw IdentifierError(.invalidRequest, error.description)
        }
    }

    // MARK: Leases

    /// The order in which numbers are asked for: each once, from a start that differs from node to node, so that nodes
    /// that start together do not ask for the same ones.
    func candidates(from start: UInt64, remembered: Int?) -> [Int] {
        let count = UInt64(self.layout.workers.count)
        let first = remembered.map(UInt64.init) ?? start % count
        return (0..<min(count, Self.mostCandidates)).map { Int((first + $0) % count) }
    }

    /// No more round trips than this in one attempt; a layout with millions of workers is never that full.
    private static let mostCandidates: UInt64 = 4_096

    /// Until when a lease may be relied upon.
    func validity(of lease: Lease) -> MonotonicInstant {
        lease.expiry.advanced(by: .zero - lease.duration / 10)
    }

    /// When a lease is to be renewed.
    func renewal(of lease: Lease) -> MonotonicInstant {
        lease.expiry.advanced(by: .zero - lease.duration / 3 * 2)
    }

    // MARK: Moments

    /// The ticks of one reservation.
    var reservedTicks: Int64 {
        max(2, self.configuration.reservation.clampedMilliseconds / self.layout.tickMilliseconds)
    }

    /// The request for the first ticks of a holder, at `tick`.
    func firstReservation(of worker: Int, at tick: UInt64) throws(IdentifierError) -> SegmentRequest {
        var floor = Int64(tick) - 1
        if !self.momentsReachAllHolders {
            floor +=
                (self.configuration.clockDisagreement.clampedMilliseconds
                    + self.configuration.generator.toleratedStepBack.clampedMilliseconds)
                / self.layout.tickMilliseconds + 1
        }
        return try self.reservation(of: worker, above: floor)
    }

    /// The request for further ticks, at `tick`.
    func furtherReservation(of worker: Int, at tick: UInt64) throws(IdentifierError) -> SegmentRequest {
        try self.reservation(of: worker, above: Int64(tick) - 1)
    }

    private func reservation(of worker: Int, above floor: Int64) throws(IdentifierError) -> SegmentRequest {
        SegmentRequest(
            try self.momentsTag(of: worker), count: self.reservedTicks, above: max(0, floor), scheme: self.layout.scheme
        )
    }

    /// How long from `tick` until more ticks are to be reserved: when half of the last reservation is used.
    func pauseBeforeReservation(at tick: UInt64, reservedThrough ceiling: Int64) -> Duration {
        let due = ceiling - self.reservedTicks / 2
        return .milliseconds(max(0, due - Int64(tick)) * self.layout.tickMilliseconds)
    }
}
