import ColonyCluster
import ColonyCore
import ColonySimulation
import Testing

/// The φ accrual failure detector, SRDS 2004, section IV.
@Suite struct PhiAccrualTests {
    private func instant(_ seconds: Double) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(seconds * 1_000_000_000))
    }

    @Test("The level grows with silence, and is as unlikely as it says")
    func levelIsAProbability() throws {
        var detector = PhiAccrualDetector(
            try .init(expectedInterval: .seconds(1), window: 1_000, minimumDeviation: .milliseconds(1)))
        #expect(detector.phi(at: self.instant(5)) == 0)
        // Normally distributed by the sum of twelve: mean 1 s, deviation 0.1 s.
        var generator = SeededGenerator(seed: 3)
        var now = 0.0
        for _ in 0..<5_000 {
            let sum = (0..<12).reduce(0.0) { partial, _ in partial + Double.random(in: 0..<1, using: &generator) }
            now += 1 + (sum - 6) * 0.1
            detector.heartbeat(at: self.instant(now))
        }
        #expect((Duration.milliseconds(985) ... .milliseconds(1_015)).contains(detector.mean))
        #expect((Duration.milliseconds(90) ... .milliseconds(110)).contains(detector.deviation))
        // A silence of a mean is exceeded in half of the cases, and 3.09 deviations more in one of a thousand.
        #expect(abs(detector.phi(at: self.instant(now + 1)) - 0.301) < 0.06)
        #expect(abs(detector.phi(at: self.instant(now + 1.309)) - 3) < 0.5)
        let levels = stride(from: 0.0, to: 10, by: 0.05).map { detector.phi(at: self.instant(now + $0)) }
        #expect(zip(levels, levels.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(levels.last == PhiAccrualDetector.greatestPhi)
    }

    @Test("The instant at which a level is reached is the first one at which it is")
    func instantOfLevelIsExact() throws {
        var detector = PhiAccrualDetector(try .init(expectedInterval: .milliseconds(100)))
        for number in 0..<50 { detector.heartbeat(at: self.instant(Double(number) / 10)) }
        for threshold in [0.5, 1, 3, 8, 16, 100] {
            let instant = try #require(detector.instant(ofPhi: threshold))
            #expect(detector.phi(at: instant) >= threshold)
            #expect(detector.phi(at: instant.advanced(by: .microseconds(-3))) < threshold)
        }
    }

    @Test("A long outage teaches the detector nothing about intervals")
    func outageIsNoInterval() throws {
        var detector = PhiAccrualDetector(try .init(expectedInterval: .seconds(1)))
        for number in 0..<100 { detector.heartbeat(at: self.instant(Double(number))) }
        let before = detector.mean
        detector.heartbeat(at: self.instant(4_000))
        #expect(detector.mean == before)
        #expect(detector.latest == self.instant(4_000))
    }

    @Test("An acceptable pause is not held against a sender")
    func pauseIsAccepted() throws {
        var patient = PhiAccrualDetector(
            try .init(expectedInterval: .seconds(1), acceptablePause: .seconds(3)))
        var strict = PhiAccrualDetector(try .init(expectedInterval: .seconds(1)))
        for number in 0..<20 {
            patient.heartbeat(at: self.instant(Double(number)))
            strict.heartbeat(at: self.instant(Double(number)))
        }
        #expect(patient.phi(at: self.instant(22.5)) < 1)
        #expect(strict.phi(at: self.instant(22.5)) > 8)
    }

    @Test("A clock that seems to run backwards does no harm")
    func olderHeartbeatIsIgnored() throws {
        var detector = PhiAccrualDetector(try .init(expectedInterval: .seconds(1)))
        detector.heartbeat(at: self.instant(10))
        detector.heartbeat(at: self.instant(5))
        #expect(detector.latest == self.instant(10))
    }

    @Test("Settings that cannot work are refused with their value")
    func badSettingsAreRefused() {
        let error = #expect(throws: ClusterError.self) {
            try PhiAccrualDetector.Settings(expectedInterval: .seconds(1), window: 1)
        }
        #expect(error?.message.contains("1 is not possible") == true)
    }
}
