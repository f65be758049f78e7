import ColonyCoordination
import ColonyCore
import ColonySimulation
import Testing

@Suite struct LeaseKeepingTests {
    private static let start = MonotonicInstant(nanoseconds: 1_000_000_000)

    private static func lease(until end: Duration, lasting duration: Duration = .seconds(30)) -> Lease {
        Lease(
            name: "job", owner: "a", token: FencingToken(rawValue: 7), duration: duration,
            expiry: Self.start.advanced(by: end))
    }

    private static func at(_ offset: Duration) -> MonotonicInstant { Self.start.advanced(by: offset) }

    @Test func aRenewalIsDueAfterAThirdOfTheLease() {
        var keeping = LeaseKeeping(Self.lease(until: .seconds(30)), margin: 0.1, isRenewed: true)
        #expect(keeping.directive(at: Self.at(.seconds(9))) == .wait(until: Self.at(.seconds(10))))
        #expect(keeping.directive(at: Self.at(.seconds(10))) == .renew(Self.lease(until: .seconds(30))))
        #expect(
            keeping.directive(at: Self.at(.seconds(11))) == .wait(until: Self.at(.seconds(27))),
            "one renewal at a time, and the end is watched meanwhile")
    }

    @Test func aHangingRenewalCannotHoldUpTheVerdict() {
        var keeping = LeaseKeeping(Self.lease(until: .seconds(30)), margin: 0.1, isRenewed: true)
        _ = keeping.directive(at: Self.at(.seconds(10)))
        #expect(keeping.isValid(at: Self.at(.milliseconds(26_999))))
        #expect(!keeping.isValid(at: Self.at(.seconds(27))))
        #expect(keeping.directive(at: Self.at(.seconds(27))) == .surrender(.ranOut))
        let late = keeping.renewed(Self.lease(until: .seconds(60)), sentAt: Self.at(.seconds(10)))
        #expect(late == nil)
        #expect(!keeping.isValid(at: Self.at(.seconds(28))), "a late answer does not bring a lost lease back")
    }

    @Test func anAnswerCountsFromWhenItsRequestWasSent() {
        var keeping = LeaseKeeping(Self.lease(until: .seconds(30)), margin: 0, isRenewed: true)
        _ = keeping.directive(at: Self.at(.seconds(10)))
        _ = keeping.renewed(Self.lease(until: .seconds(55)), sentAt: Self.at(.seconds(10)))
        #expect(keeping.validUntil == Self.at(.seconds(40)), "sent at 10 s for 30 s, whatever the answer claims")
    }

    @Test func aFailedRenewalIsRepeatedSoonAndDoesNotMoveTheEnd() {
        var keeping = LeaseKeeping(Self.lease(until: .seconds(30)), margin: 0.1, isRenewed: true)
        _ = keeping.directive(at: Self.at(.seconds(10)))
        keeping.failed(at: Self.at(.seconds(12)))
        #expect(keeping.nextDeadline == Self.at(.seconds(13)))
        #expect(keeping.validUntil == Self.at(.seconds(27)))
        #expect(keeping.directive(at: Self.at(.seconds(13))) == .renew(Self.lease(until: .seconds(30))))
    }

    @Test func aLeaseTakenAwayIsLostAtOnce() {
        var keeping = LeaseKeeping(Self.lease(until: .seconds(30)), margin: 0.1, isRenewed: true)
        _ = keeping.directive(at: Self.at(.seconds(10)))
        #expect(keeping.renewed(nil, sentAt: Self.at(.seconds(10))) == .takenAway)
        #expect(!keeping.isValid(at: Self.at(.seconds(10))))
        #expect(keeping.nextDeadline == nil)
    }

    @Test func withoutRenewalTheEndIsStillWatched() {
        var keeping = LeaseKeeping(Self.lease(until: .seconds(30)), margin: 0.1, isRenewed: false)
        #expect(keeping.directive(at: Self.at(.seconds(20))) == .wait(until: Self.at(.seconds(27))))
        #expect(keeping.directive(at: Self.at(.seconds(27))) == .surrender(.ranOut))
    }

    /// 200 seeds, 1,000 steps: whatever is asked, answered, or not, the holder never believes longer than the last answered
    /// request allows.
    @Test(arguments: Seed(rawValue: 100).followed(by: 200))
    func beliefNeverOutlastsTheLastAnsweredRequest(seed: Seed) {
        var generator = SeededGenerator(seed: seed)
        let duration = Duration.seconds(30)
        var now = Self.start
        var keeping = LeaseKeeping(Self.lease(until: duration), margin: 0.1, isRenewed: true)
        var latestSafeEnd = now.advanced(by: duration)
        var pending: MonotonicInstant?
        for _ in 0..<1_000 {
            now = now.advanced(by: .milliseconds(Int.random(in: 0...2_000, using: &generator)))
            if case .renew = keeping.directive(at: now) { pending = now }
            if let sentAt = pending, Int.random(in: 0..<3, using: &generator) > 0 {
                if Bool.random(using: &generator) {
                    let claimed = now.advanced(by: .seconds(Int.random(in: 0...60, using: &generator)))
                    let answer = Lease(
                        name: "job", owner: "a", token: FencingToken(rawValue: 7), duration: duration, expiry: claimed)
                    _ = keeping.renewed(answer, sentAt: sentAt)
                    latestSafeEnd = max(latestSafeEnd, sentAt.advanced(by: duration))
                } else {
                    keeping.failed(at: now)
                }
                pending = nil
            }
            #expect(!keeping.isValid(at: latestSafeEnd), "seed \(seed)")
            if case .surrender = keeping.directive(at: now) { return }
        }
    }
}
