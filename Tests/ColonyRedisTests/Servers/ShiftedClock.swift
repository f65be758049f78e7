import ColonyCore

/// The clock of the host, seen from another origin.
struct ShiftedClock: MonotonicClock {
    private let shift: Duration
    private let host = HostClock()

    init(by shift: Duration) { self.shift = shift }

    var now: MonotonicInstant { self.host.now.advanced(by: self.shift) }

    var minimumResolution: Duration { self.host.minimumResolution }

    func sleep(until deadline: MonotonicInstant, tolerance: Duration?) async throws {
        try await self.host.sleep(until: deadline.advanced(by: .zero - self.shift), tolerance: tolerance)
    }
}
