import ColonyBalancing
import ColonyCore
import ColonySimulation
import Testing

@Suite("Outliers")
struct OutlierDetectorTests {
    private static let start = MonotonicInstant(nanoseconds: 0)

    private static func names(_ count: Int) throws -> [EndpointName] {
        try (0..<count).map { try EndpointName("e\($0)") }
    }

    private static func detector(_ options: OutlierOptions, _ count: Int) throws -> OutlierDetector {
        var detector = OutlierDetector(options, generator: SeededGenerator(seed: 1))
        #expect(detector.setEndpoints(try self.names(count)).isEmpty)
        return detector
    }

    private static func at(_ seconds: Int) -> MonotonicInstant { self.start.advanced(by: .seconds(seconds)) }

    private static func times(_ base: Int, _ maximum: Int) throws -> OutlierOptions.EjectionTime {
        try .init(base: .seconds(base), maximum: .seconds(maximum), jitter: 0)
    }

    @Test(
        "ejections are bounded: at most the share, hosts return, the time grows and decays, and a passing check hides nothing"
    )
    func ejectionBounded() throws {
        let options = try OutlierOptions(successRate: nil, ejectionTime: Self.times(10, 35), maximumEjectedShare: 0.3)
        var detector = try Self.detector(options, 10)
        let names = try Self.names(10)

        // Never more than three of ten, though all fail.
        for name in names {
            _ = detector.recordConsecutiveFailures(name, count: 5, at: Self.start)
        }
        #expect(detector.ejectedCount == 3)
        #expect(detector.status.count(where: \.isEjected) == 3)
        let spared = try #require(detector.status(of: "e9"))
        #expect(spared.lastFinding?.contains("not ejected, because 3 of 10 are ejected and 3 may be") == true)

        // A passing check does not hide failing traffic.
        #expect(detector.recordPassingCheck("e0", by: "ready") == nil)
        #expect(detector.status(of: "e0")?.isEjected == true)

        // They return by themselves.
        #expect(detector.nextChange == Self.at(10))
        #expect(detector.advance(to: Self.at(9)).isEmpty)
        let returns = detector.advance(to: Self.at(10))
        #expect(returns.map(\.name) == ["e0", "e1", "e2"])
        #expect(detector.ejectedCount == 0)
        #expect(detector.nextChange == nil)

        // The time grows up to its maximum: 20, 30, 35, 35.
        var now = 10
        for length in [20, 30, 35, 35] {
            #expect(
                detector.recordConsecutiveFailures("e0", count: 6, at: Self.at(now)) == [
                    .eject("e0", until: Self.at(now + length), reason: "6 calls in a row failed")
                ])
            #expect(detector.recordConsecutiveFailures("e0", count: 7, at: Self.at(now)).isEmpty)
            now += length
            #expect(detector.advance(to: Self.at(now)).map(\.name) == ["e0"])
        }
        #expect(detector.status(of: "e0")?.ejections == 5)

        // It decays by one with each good interval; the one in which the endpoint returned is none.
        #expect(detector.status(of: "e0")?.multiplier == 4)
        for multiplier in [4, 3, 2, 1, 0, 0] {
            #expect(detector.evaluate([], at: Self.at(now)).isEmpty)
            #expect(detector.status(of: "e0")?.multiplier == multiplier)
        }
        let first = detector.recordConsecutiveFailures("e0", count: 5, at: Self.at(now))
        #expect(first == [.eject("e0", until: Self.at(now + 10), reason: "5 calls in a row failed")])
    }

    @Test("a passing check ends an ejection if the options say so")
    func passingCheckMayEndEjection() throws {
        let options = try OutlierOptions(successRate: nil, passingCheckEndsEjection: true)
        var detector = try Self.detector(options, 2)
        #expect(detector.recordPassingCheck("e0", by: "ready") == nil)
        #expect(detector.recordConsecutiveFailures("e0", count: 5, at: Self.start).count == 1)
        #expect(
            detector.recordPassingCheck("e0", by: "ready") == .restore("e0", reason: "the check ready passed"))
        #expect(detector.nextChange == nil)
    }

    @Test("failures to connect have a threshold of their own, if they have one")
    func connectErrorsAreApart() throws {
        let options = try OutlierOptions(consecutiveErrors: 5, consecutiveConnectErrors: 2)
        var detector = try Self.detector(options, 4)
        #expect(detector.recordConsecutiveFailures("e0", count: 2, at: Self.start).isEmpty)
        #expect(detector.recordConsecutiveFailures("e0", count: 2, of: .connecting, at: Self.start).count == 1)
        #expect(detector.status(of: "e0")?.lastFinding?.hasPrefix("2 connections in a row failed; ejected for") == true)
        #expect(detector.recordConsecutiveFailures("unknown", count: 9, at: Self.start).isEmpty)
        var without = try Self.detector(try OutlierOptions(), 4)
        #expect(without.recordConsecutiveFailures("e0", count: 99, of: .connecting, at: Self.start).isEmpty)
    }

    /// Five endpoints, four of which do as `others`, and one that does as `one`.
    private static func samples(others: (Int, Int), one: (Int, Int), count: Int = 5) throws -> [OutlierSample] {
        try self.names(count).enumerated().map { index, name in
            let (successes, failures) = index == 0 ? one : others
            return OutlierSample(name: name, successes: successes, failures: failures)
        }
    }

    @Test("a success rate is an outlier by mean and standard deviation, with enough hosts and calls")
    func successRateFollowsItsDefinition() throws {
        // Mean 84 %, deviation 32 %: the threshold lies at 84 − 1.9 · 32 = 23.2 %.
        var detector = try Self.detector(OutlierOptions(), 5)
        let decisions = detector.evaluate(try Self.samples(others: (100, 0), one: (20, 80)), at: Self.start)
        #expect(decisions.map(\.name) == ["e0"])
        #expect(
            detector.status(of: "e0")?.lastFinding?.hasPrefix(
                "20.0 % of 100 calls succeeded, and 84.0 % on the average of 5 endpoints, with 23.2 % as the threshold; ejected for"
            ) == true)
        // Two deviations are the most that one among five can have, so they are never passed.
        let strict = try OutlierOptions(successRate: .init(deviations: 2.01))
        detector = try Self.detector(strict, 5)
        #expect(detector.evaluate(try Self.samples(others: (100, 0), one: (0, 100)), at: Self.start).isEmpty)
        // Too few hosts, and too few calls.
        detector = try Self.detector(OutlierOptions(), 5)
        #expect(detector.evaluate(try Self.samples(others: (100, 0), one: (0, 100), count: 4), at: Self.start).isEmpty)
        #expect(detector.evaluate(try Self.samples(others: (99, 0), one: (0, 100)), at: Self.start).isEmpty)
    }

    @Test("one failed call in a thousand makes no outlier, unless the rule is Envoy's own")
    func smallDifferencesAreSpared() throws {
        let samples = try Self.samples(others: (1_000, 0), one: (999, 1))
        var detector = try Self.detector(OutlierOptions(), 5)
        #expect(detector.evaluate(samples, at: Self.start).isEmpty)
        let options = try OutlierOptions(successRate: .init(minimumDifference: 0))
        detector = try Self.detector(options, 5)
        #expect(detector.evaluate(samples, at: Self.start).map(\.name) == ["e0"])
    }

    @Test("when all fail alike none is an outlier by rate, and the worst go first by share")
    func commonFailuresAreNobodysFault() throws {
        var detector = try Self.detector(OutlierOptions(), 5)
        #expect(detector.evaluate(try Self.samples(others: (5, 95), one: (5, 95)), at: Self.start).isEmpty)
        let options = try OutlierOptions(
            successRate: nil, failureShare: .init(threshold: 0.5), maximumEjectedShare: 0.4)
        detector = try Self.detector(options, 5)
        let failures = [60, 90, 70, 80, 49]
        let samples = try Self.names(5).enumerated().map { index, name in
            OutlierSample(name: name, successes: 100 - failures[index], failures: failures[index])
        }
        #expect(detector.evaluate(samples, at: Self.start).map(\.name) == ["e1", "e3"])
        #expect(detector.status(of: "e2")?.lastFinding?.contains("70.0 % of 100 calls failed") == true)
        #expect(detector.status(of: "e4")?.lastFinding == nil)
    }

    @Test("a latency is an outlier against the median, with a minimum of difference and of calls")
    func latencyFollowsItsDefinition() throws {
        func samples(_ milliseconds: [Int], calls: Int = 100) throws -> [OutlierSample] {
            try Self.names(milliseconds.count).enumerated().map { index, name in
                OutlierSample(
                    name: name, successes: calls, failures: 0,
                    latencyNanosecondsTotal: Int64(milliseconds[index] * calls * 1_000_000))
            }
        }
        let options = try OutlierOptions(successRate: nil, latency: .init(), maximumEjectedShare: 0.5)
        func judged(_ milliseconds: [Int], calls: Int = 100) throws -> [EndpointName] {
            var detector = try Self.detector(options, milliseconds.count)
            return detector.evaluate(try samples(milliseconds, calls: calls), at: Self.start).map(\.name)
        }
        #expect(try judged([10, 10, 11, 40]) == ["e3"])
        #expect(try judged([10, 10, 11, 9_999]) == ["e3"])
        #expect(try judged([10, 10, 10, 30]).isEmpty, "three times the median is not above three times")
        #expect(try judged([1, 1, 1, 20]).isEmpty, "less than the minimum of difference")
        #expect(try judged([10, 10, 10, 90], calls: 99).isEmpty, "too few calls")
        #expect(try judged([10, 90]).isEmpty, "too few hosts")
    }

    @Test("what was counted before an ejection does not count again after it")
    func samplesOfEjectedAreIgnored() throws {
        var detector = try Self.detector(try OutlierOptions(ejectionTime: Self.times(3, 30)), 6)
        _ = detector.recordConsecutiveFailures("e0", count: 5, at: Self.at(1))
        #expect(detector.advance(to: Self.at(4)).map(\.name) == ["e0"])
        let samples = try Self.samples(others: (100, 0), one: (0, 100))
        #expect(detector.evaluate(samples, at: Self.at(10)).isEmpty)
        #expect(detector.evaluate(samples, at: Self.at(20)).map(\.name) == ["e0"])
    }

    @Test("when endpoints are removed, as many ejected ones return as are now too many")
    func shrinkingReturnsSurplus() throws {
        var detector = try Self.detector(try OutlierOptions(ejectionTime: Self.times(10, 60)), 4)
        _ = detector.recordConsecutiveFailures("e0", count: 5, at: Self.at(0))
        _ = detector.recordConsecutiveFailures("e1", count: 5, at: Self.at(1))
        #expect(detector.remove("e3").isEmpty == false, "two of three are more than half")
        #expect(detector.status(of: "e0")?.isEjected == false)
        #expect(detector.nextChange == Self.at(11))
        #expect(detector.remove("e3").isEmpty)
        #expect(detector.setEndpoints(["e1"]) == [.restore("e1", reason: "no more than 0 of 1 may be ejected")])
        #expect(detector.nextChange == nil)
        #expect(detector.remove("e1").isEmpty)
        #expect(detector.count == 0)
    }

    @Test("an operator's return forgives, and an endpoint that is alone is ejected only if the options say so")
    func operatorsAndSingleEndpoints() throws {
        var alone = try Self.detector(try OutlierOptions(), 1)
        #expect(alone.recordConsecutiveFailures("e0", count: 50, at: Self.start).isEmpty)
        let options = try OutlierOptions(
            ejectionTime: Self.times(10, 60), maximumEjectedShare: 0, mayEjectOneAlways: true)
        var detector = try Self.detector(options, 1)
        #expect(detector.uneject("e0") == nil)
        #expect(detector.recordConsecutiveFailures("e0", count: 5, at: Self.start).count == 1)
        #expect(detector.uneject("e0") == .restore("e0", reason: "an operator brought it back"))
        #expect(detector.status(of: "e0")?.multiplier == 0)
        #expect(
            detector.recordConsecutiveFailures("e0", count: 5, at: Self.start) == [
                .eject("e0", until: Self.at(10), reason: "5 calls in a row failed")
            ])
    }

    @Test("what is not enforced is only noted")
    func trialHasNoEffect() throws {
        var detector = try Self.detector(try OutlierOptions(enforcing: 0), 4)
        #expect(detector.recordConsecutiveFailures("e0", count: 5, at: Self.start).isEmpty)
        #expect(detector.status(of: "e0")?.lastFinding?.contains("only 0.0 of the ejections are enforced") == true)
        #expect(detector.ejectedCount == 0)
    }

    @Test("jitter makes an ejection longer by at most its share")
    func jitterIsBounded() throws {
        let options = try OutlierOptions(ejectionTime: .init(base: .seconds(10), jitter: 0.5), maximumEjectedShare: 1)
        var detector = try Self.detector(options, 500)
        var lengths: [Double] = []
        for name in try Self.names(500) {
            guard
                case .eject(_, let until, _)? = detector.recordConsecutiveFailures(name, count: 5, at: Self.start).first
            else { continue }
            lengths.append(Double(until.nanoseconds) / 1e9)
        }
        #expect(lengths.count == 500)
        #expect(lengths.allSatisfy { (10.0...15.0).contains($0) })
        #expect(abs(lengths.reduce(0, +) / 500 - 12.5) < 0.3)
    }

    @Test("the limit is the share rounded down, without the errors of fractions")
    func limitIsExact() throws {
        #expect(try OutlierOptions(maximumEjectedShare: 0.29).ejectionLimit(of: 100) == 29)
        #expect(try OutlierOptions(maximumEjectedShare: 0.1).ejectionLimit(of: 9) == 0)
        #expect(try OutlierOptions(maximumEjectedShare: 0.1, mayEjectOneAlways: true).ejectionLimit(of: 9) == 1)
        #expect(try OutlierOptions(maximumEjectedShare: 1).ejectionLimit(of: 3_000_001) == 3_000_001)
        #expect(try OutlierOptions(mayEjectOneAlways: true).ejectionLimit(of: 0) == 0)
    }

    @Test("settings that cannot work are refused, and the value is quoted")
    func badSettingsAreQuoted() {
        let cases: [(String, () throws -> Void)] = [
            ("0.0 seconds", { _ = try OutlierOptions(interval: .zero) }),
            ("0", { _ = try OutlierOptions(consecutiveErrors: 0) }),
            ("-3", { _ = try OutlierOptions(consecutiveConnectErrors: -3) }),
            ("1.01", { _ = try OutlierOptions(maximumEjectedShare: 1.01) }),
            ("nan", { _ = try OutlierOptions(enforcing: .nan) }),
            ("0.0", { _ = try OutlierOptions.SuccessRate(deviations: 0) }),
            ("10001", { _ = try OutlierOptions.FailureShare(minimumHosts: 10_001) }),
            ("0.5", { _ = try OutlierOptions.Latency(factor: 0.5) }),
            ("29.0 seconds", { _ = try OutlierOptions.EjectionTime(base: .seconds(30), maximum: .seconds(29)) }),
        ]
        for (quoted, make) in cases {
            let error = #expect(throws: BalancingError.self) { try make() }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains(quoted) == true, "\(quoted) in \(error?.message ?? "nothing")")
        }
    }
}
