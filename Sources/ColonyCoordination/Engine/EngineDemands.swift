import ColonyCore

extension LeaseEngine {
    /// Refuses an engine that does not give `demand`.
    func check(_ demand: Guarantee, for subject: String) throws(CoordinationError) {
        guard let shortfall = self.guarantee.shortfall(against: demand) else { return }
        throw CoordinationError(
            .guaranteeNotMet, "the engine of \(subject) does not give \(demand): \(shortfall)")
    }
}

extension PermitEngine {
    /// Who holds permits, with a limit to the wait for the answer.
    func inspectPermits(
        _ name: LeaseName, upTo limit: Duration, on clock: any MonotonicClock
    ) async throws(CoordinationError) -> PermitRecord {
        do throws(LeaseError) {
            return try await BoundedCall.run(upTo: limit, on: clock) { () throws(LeaseError) in
                try await self.inspectPermits(name)
            }
        } catch {
            throw CoordinationError(error)
        }
    }
}
