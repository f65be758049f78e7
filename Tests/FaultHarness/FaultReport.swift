import ColonyCore
package import ColonySimulation
package import FaultHistory

/// What a run has shown.
package struct FaultReport: Sendable, CustomStringConvertible {
    package let store: String
    package let version: String
    package let seed: Seed
    package let isNetworked: Bool
    package let faults: [String]
    package let acquisitions: Int
    package let acceptedWrites: Int
    package let refusedWrites: Int
    package let losses: Int
    package let failures: [String: Int]
    /// How long the slowest contender took to get the lock after the last healing, if all did.
    package let recovery: Duration?
    /// Breaches of what the engine promises.
    package let violations: [HistoryViolation]
    /// Breaches of what it does not.
    package let unpromised: [HistoryViolation]

    package var hasHeld: Bool { self.violations.isEmpty }

    package var description: String {
        let failures =
            self.failures.isEmpty
            ? "none" : self.failures.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        var lines = [
            "\(self.store) (\(self.version)), seed \(self.seed), \(self.faults.count) faults"
                + (self.isNetworked ? ", with partitions" : ""),
            "  grants \(self.acquisitions), writes accepted \(self.acceptedWrites), refused \(self.refusedWrites), "
                + "losses told \(self.losses), calls failed: \(failures)",
            "  all contenders had the lock after the last healing within "
                + (self.recovery.map { "\($0.clampedMilliseconds) ms" } ?? "no time"),
        ]
        for rule in HistoryRule.allCases {
            let broken = self.violations.filter { $0.rule == rule }
            let forgiven = self.unpromised.filter { $0.rule == rule }
            var line =
                "  \(broken.isEmpty && forgiven.isEmpty ? "held    " : broken.isEmpty ? "not held" : "BROKEN  ") \(rule)"
            if let first = (broken + forgiven).first {
                line += ": \(broken.count + forgiven.count), first: \(first.detail)"
            }
            if broken.isEmpty, !forgiven.isEmpty { line += " (not promised)" }
            lines.append(line)
        }
        return lines.joined(separator: "\n")
    }
}
