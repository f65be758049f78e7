import ColonyCore

/// The rates of several rounds of the same work.
struct Rounds {
    /// How many rounds a full figure rests on: enough for a median that one disturbed round does not move.
    static let full = 5

    private(set) var rates: [Double] = []
    private(set) var count = 0

    /// Runs `operations` operations once, unmeasured, and then in rounds.
    ///
    /// - Parameter body: Does as many operations as it is told.
    static func measure(
        _ name: String, operations: Int, options: WorkloadOptions,
        _ body: (_ operations: Int) async throws -> Void
    ) async throws -> Rounds {
        var result = Rounds()
        try await body(max(1, operations / 10))
        for round in 0..<Self.full {
            options.progress(name, Double(round) / Double(Self.full))
            let start = options.clock.now
            try await body(operations)
            result.add(operations: operations, in: start.duration(to: options.clock.now))
        }
        return result
    }

    mutating func add(operations: Int, in time: Duration) {
        self.count += operations
        self.rates.append(Double(operations) / max(1e-9, Double(time.clampedNanoseconds) / 1e9))
    }

    var median: Double {
        let sorted = self.rates.sorted()
        precondition(!sorted.isEmpty, "a median needs at least one round")
        return sorted[(sorted.count - 1) / 2]
    }

    var spread: ClosedRange<Double> {
        (self.rates.min() ?? 0)...(self.rates.max() ?? 0)
    }
}
