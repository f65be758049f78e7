import ColonyCore

/// Runs one case on fresh clients; the same for every port that is reached through a ``LeaseHarness``.
enum CaseRun {
    /// What a case finds when it asks whether an engine is one that it is about.
    enum Admission<Engine: Sendable> {
        case admitted(Engine)
        /// The case proves nothing on this engine, for this reason.
        case skipped(String)
    }

    /// - Parameters:
    ///   - limit: The longest that the case may take in real time; then it counts as failed, and what it started is
    ///     cancelled and left to itself.
    ///   - cleanUp: Ends what the case has left behind, within the patience of the harness.
    static func entry<Engine: Sendable>(
        _ name: String, _ property: String, on harness: any LeaseHarness, limit: Duration,
        admit: (any LeaseEngine) -> Admission<Engine>,
        body: @escaping @Sendable (CaseContext<Engine>) async throws -> Void,
        cleanUp: @escaping @Sendable (CaseContext<Engine>) async throws -> Void
    ) async -> ConformanceReport.Entry {
        let clock = HostClock()
        let start = clock.now
        let outcome = await Self.outcome(on: harness, limit: limit, admit: admit, body: body, cleanUp: cleanUp)
        return ConformanceReport.Entry(
            name: name, property: property, outcome: outcome,
            milliseconds: start.duration(to: clock.now).clampedMilliseconds)
    }

    private static func outcome<Engine: Sendable>(
        on harness: any LeaseHarness, limit: Duration, admit: (any LeaseEngine) -> Admission<Engine>,
        body: @escaping @Sendable (CaseContext<Engine>) async throws -> Void,
        cleanUp: @escaping @Sendable (CaseContext<Engine>) async throws -> Void
    ) async -> ConformanceReport.Outcome {
        // Leases that ran out too soon are longer at the next try. A machine that is too slow for three lengths is no place
        // to prove anything on.
        for factor in [1, 3, 9] as [Double] {
            let harness: any LeaseHarness = factor == 1 ? harness : SlowedHarness(harness, by: factor)
            if Task.isCancelled { return .skipped("the run was cancelled") }
            do {
                var clients: [Engine] = []
                while clients.count < 2 {
                    switch admit(try await harness.makeEngine()) {
                    case .admitted(let client): clients.append(client)
                    case .skipped(let reason): return .skipped(reason)
                    }
                }
                // An engine may end what it holds when nobody refers to it any more, so each lives as long as the case.
                defer { withExtendedLifetime(clients) {} }
                let context = CaseContext(
                    engine: clients[0], other: clients[1], harness: harness,
                    prefix: "conformance-\(OwnerID.unique().rawValue)/")
                let task = context.start { try await body(context) }
                let result = await task.outcome(within: limit)
                task.cancel()
                let cleaning = context.start { try await cleanUp(context) }
                _ = await cleaning.outcome(within: harness.patience)
                cleaning.cancel()
                guard let result else { return .failed("it did not end within \(limit.text) of real time") }
                try result.get()
                return .passed
            } catch is Inconclusive {
                continue
            } catch {
                return .failed("\(error)")
            }
        }
        return .skipped("the machine is too slow to prove it: leases ran out before they could be looked at")
    }
}
