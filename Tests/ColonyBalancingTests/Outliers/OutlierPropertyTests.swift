import ColonyBalancing
import ColonyCore
import ColonySimulation
import Testing

@Suite("Outliers under random events")
struct OutlierPropertyTests {
    /// What the decisions add up to, kept beside the detector by somebody who only carries them out.
    private struct Model {
        var known: Set<EndpointName> = []
        var ejected: [EndpointName: MonotonicInstant] = [:]

        mutating func carryOut(_ decisions: [OutlierDecision], at now: MonotonicInstant, _ options: OutlierOptions) {
            for decision in decisions {
                switch decision {
                case .eject(let name, let until, let reason):
                    #expect(self.known.contains(name))
                    #expect(self.ejected[name] == nil, "\(name) is ejected twice")
                    #expect(!reason.isEmpty)
                    let length = now.duration(to: until)
                    let time = options.ejectionTime
                    #expect(length >= time.base && length <= time.maximum * (1 + time.jitter))
                    self.ejected[name] = until
                case .restore(let name, let reason):
                    #expect(self.ejected.removeValue(forKey: name) != nil, "\(name) returns and was not ejected")
                    #expect(!reason.isEmpty)
                }
            }
        }
    }

    @Test(
        "the bound, the returns, and the decisions hold in 200 random runs",
        arguments: Seed(rawValue: 1).followed(by: 200))
    func invariantsHold(seed: Seed) throws {
        var chance = SeededGenerator(seed: seed.derived(for: "events"))
        let options = try OutlierOptions(
            interval: .seconds(10), consecutiveErrors: Int.random(in: 1...6, using: &chance),
            consecutiveConnectErrors: Bool.random(using: &chance) ? 2 : nil,
            successRate: Bool.random(using: &chance) ? .standard : nil,
            failureShare: Bool.random(using: &chance) ? .init(threshold: 0.4, minimumHosts: 2) : nil,
            latency: Bool.random(using: &chance) ? .init(minimumCalls: 10) : nil,
            ejectionTime: .init(
                base: .seconds(Int.random(in: 1...20, using: &chance)), maximum: .seconds(60),
                jitter: Double.random(in: 0...1, using: &chance)),
            maximumEjectedShare: Double.random(in: 0...1, using: &chance),
            mayEjectOneAlways: Bool.random(using: &chance),
            enforcing: Bool.random(using: &chance) ? 1 : 0.5,
            passingCheckEndsEjection: Bool.random(using: &chance))
        var detector = OutlierDetector(options, generator: SeededGenerator(seed: seed))
        let names = try (0..<12).map { try EndpointName("e\($0)") }
        var model = Model()
        var now = MonotonicInstant(nanoseconds: 0)

        for _ in 0..<1_000 {
            let name = names[Int.random(in: 0..<names.count, using: &chance)]
            switch Int.random(in: 0..<10, using: &chance) {
            case 0:
                detector.add(name)
                model.known.insert(name)
            case 1 where Bool.random(using: &chance):
                let decisions = detector.remove(name)
                model.known.remove(name)
                model.ejected[name] = nil
                model.carryOut(decisions, at: now, options)
            case 2, 3, 4:
                let count = Int.random(in: 0...8, using: &chance)
                let kind: OutlierDetector.ErrorKind = Bool.random(using: &chance) ? .any : .connecting
                model.carryOut(
                    detector.recordConsecutiveFailures(name, count: count, of: kind, at: now), at: now, options)
            case 5:
                let samples = names.map { name in
                    OutlierSample(
                        name: name, successes: Int.random(in: 0...200, using: &chance),
                        failures: Int.random(in: 0...200, using: &chance),
                        latencyNanosecondsTotal: Int64.random(in: 0...10_000_000_000, using: &chance))
                }
                model.carryOut(detector.evaluate(samples, at: now), at: now, options)
            case 6:
                model.carryOut([detector.uneject(name)].compactMap(\.self), at: now, options)
            case 7:
                let decision = detector.recordPassingCheck(name, by: "ready")
                #expect(decision == nil || options.passingCheckEndsEjection)
                model.carryOut([decision].compactMap(\.self), at: now, options)
            case 8:
                let wanted = names.filter { _ in Int.random(in: 0..<4, using: &chance) > 0 }
                let decisions = detector.setEndpoints(wanted)
                model.known = Set(wanted)
                model.ejected = model.ejected.filter { model.known.contains($0.key) }
                model.carryOut(decisions, at: now, options)
            default:
                now = now.advanced(by: .milliseconds(Int.random(in: 0...4_000, using: &chance)))
                model.carryOut(detector.advance(to: now), at: now, options)
                #expect(model.ejected.values.allSatisfy { $0 > now }, "somebody should have returned")
            }
            // One expectation for each step, because each of them costs more than the step.
            let isSound =
                detector.count == model.known.count && detector.ejectedCount == model.ejected.count
                && model.ejected.count <= options.ejectionLimit(of: model.known.count)
                && detector.nextChange == model.ejected.values.min()
                && model.ejected.allSatisfy { detector.status(of: $0.key)?.ejectedUntil == $0.value }
            #expect(isSound, "\(model.ejected) against \(detector.status)")
        }

        // Then calm: all return, and all is forgiven, within a bound.
        now = now.advanced(by: .seconds(121))
        model.carryOut(detector.advance(to: now), at: now, options)
        #expect(model.ejected.isEmpty)
        for _ in 0..<70 { #expect(detector.evaluate([], at: now).isEmpty) }
        #expect(detector.status.allSatisfy { $0.multiplier == 0 })
    }

    @Test("the same seed gives the same decisions")
    func runsRepeat() throws {
        func run() throws -> [OutlierDecision] {
            var detector = OutlierDetector(
                try OutlierOptions(failureShare: .init(threshold: 0.1)), generator: SeededGenerator(seed: 3))
            let names = try (0..<20).map { try EndpointName("e\($0)") }
            _ = detector.setEndpoints(names)
            let samples = names.map { OutlierSample(name: $0, successes: 50, failures: 50) }
            return detector.evaluate(samples, at: MonotonicInstant(nanoseconds: 0))
        }
        let first = try run()
        #expect(first.count == 10)
        for _ in 0..<5 { #expect(try run() == first) }
    }
}
