import ColonyCore

/// Which endpoints did worse than the others in one interval, by the three rules that compare.
enum OutlierFindings {
    struct Finding {
        let name: EndpointName
        let reason: String
        /// What is worse comes first: failures before slowness, and of each the greater one.
        fileprivate let severity: (failures: Double, slowness: Double)
    }

    /// - Returns: At most one finding for each endpoint, the worst first.
    /// - Complexity: O(*n* log *n*).
    static func find(in samples: [OutlierSample], _ options: OutlierOptions) -> [Finding] {
        var found: [EndpointName: Finding] = [:]
        let findings =
            self.successRates(samples, options.successRate) + self.failures(samples, options.failureShare)
            + self.latencies(samples, options.latency)
        for finding in findings where found[finding.name] == nil {
            found[finding.name] = finding
        }
        // The name last, so that equal endpoints are told apart in the same way in every run.
        return found.values.sorted { first, second in
            if first.severity.failures != second.severity.failures {
                return first.severity.failures > second.severity.failures
            }
            if first.severity.slowness != second.severity.slowness {
                return first.severity.slowness > second.severity.slowness
            }
            return first.name < second.name
        }
    }

    private static func successRates(_ samples: [OutlierSample], _ rule: OutlierOptions.SuccessRate?) -> [Finding] {
        guard let rule else { return [] }
        let judged = samples.filter { $0.results >= rule.minimumCalls }
        guard judged.count >= rule.minimumHosts else { return [] }
        let count = Double(judged.count)
        // Sums of doubles depend on their order, and that of a dictionary differs from run to run.
        let rates = judged.map(\.successRate).sorted()
        let mean = rates.reduce(0, +) / count
        let variance = rates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
        let threshold = mean - rule.deviations * variance.squareRoot()
        return judged.compactMap { sample in
            let rate = sample.successRate
            guard rate < threshold, mean - rate >= rule.minimumDifference else { return nil }
            return Finding(
                name: sample.name,
                reason: "\(percent(rate)) of \(sample.results) calls succeeded, and \(percent(mean)) on the average of "
                    + "\(judged.count) endpoints, with \(percent(threshold)) as the threshold",
                severity: (1 - rate, 0))
        }
    }

    private static func failures(_ samples: [OutlierSample], _ rule: OutlierOptions.FailureShare?) -> [Finding] {
        guard let rule else { return [] }
        let judged = samples.filter { $0.results >= rule.minimumCalls }
        guard judged.count >= rule.minimumHosts else { return [] }
        return judged.compactMap { sample in
            let share = Double(sample.failures) / Double(sample.results)
            guard share >= rule.threshold else { return nil }
            return Finding(
                name: sample.name,
                reason:
                    "\(percent(share)) of \(sample.results) calls failed, with \(percent(rule.threshold)) as the threshold",
                severity: (share, 0))
        }
    }

    private static func latencies(_ samples: [OutlierSample], _ rule: OutlierOptions.Latency?) -> [Finding] {
        guard let rule else { return [] }
        let judged = samples.filter { $0.volume >= rule.minimumCalls }
        guard judged.count >= rule.minimumHosts else { return [] }
        let means = judged.map(\.meanLatency).sorted()
        let middle = means.count / 2
        let median = means.count % 2 == 1 ? means[middle] : (means[middle - 1] + means[middle]) / 2
        let least = Double(rule.minimumDifference.clampedNanoseconds)
        return judged.compactMap { sample in
            let latency = sample.meanLatency
            guard latency > rule.factor * median, latency - median >= least else { return nil }
            return Finding(
                name: sample.name,
                reason: "\(sample.volume) calls took \(milliseconds(latency)) on the average, and the median of "
                    + "\(judged.count) endpoints is \(milliseconds(median))",
                severity: (0, median > 0 ? latency / median : latency))
        }
    }

    private static func percent(_ share: Double) -> String {
        "\((share * 1_000).rounded() / 10) %"
    }

    private static func milliseconds(_ nanoseconds: Double) -> String {
        "\((nanoseconds / 10_000).rounded() / 100) ms"
    }
}

extension OutlierSample {
    /// Calls that ended well or badly.
    fileprivate var results: Int {
        let (sum, overflow) = self.successes.addingReportingOverflow(self.failures)
        return overflow ? .max : sum
    }
    fileprivate var successRate: Double { Double(self.successes) / Double(self.results) }
    fileprivate var meanLatency: Double { Double(self.latencyNanosecondsTotal) / Double(self.volume) }
}
