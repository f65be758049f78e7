import FaultHistory
import Testing

/// The check is only worth something if it sees each breach, and none where there is none.
@Suite("The check of histories")
struct HistoryCheckTests {
    /// A grant: who, token, from when, held for certain until when.
    private func grant(_ who: String, _ token: UInt64, _ range: ClosedRange<Int64>) -> [HistoryEvent] {
        [
            HistoryEvent(at: range.lowerBound, who: who, .acquired, turn: 1, token: token, isHeld: true),
            self.write(who, token, at: range.upperBound + 1, checked: range.upperBound, order: Int64(token)),
        ]
    }

    private func write(
        _ who: String, _ token: UInt64, at: Int64, checked: Int64? = nil, order: Int64? = nil
    ) -> HistoryEvent {
        HistoryEvent(
            at: at, who: who, .wrote, turn: 1, token: token, checked: checked, isAccepted: order != nil, order: order)
    }

    private func rules(_ events: [HistoryEvent]) -> [HistoryRule] {
        HistoryCheck(events).safetyViolations().map(\.rule)
    }

    @Test
    func `a history without a breach has none`() {
        let events = self.grant("1.0", 1, 10...20) + self.grant("2.0", 2, 21...30) + self.grant("1.1", 5, 35...40)
        #expect(self.rules(events) == [])
    }

    @Test
    func `the order in which lines were written says nothing`() {
        let events = self.grant("1.0", 1, 10...20) + self.grant("2.0", 2, 21...30)
        #expect(self.rules(events.reversed()) == [])
    }

    @Test
    func `a token that falls is seen`() {
        #expect(self.rules(self.grant("1.0", 8, 10...20) + self.grant("2.0", 7, 21...30)).contains(.tokensRise))
    }

    @Test
    func `a token that stays is seen, and that it has two owners`() {
        let rules = self.rules(self.grant("1.0", 7, 10...20) + self.grant("2.0", 7, 21...30))
        #expect(rules == [.tokensRise, .oneOwnerPerToken])
    }

    @Test
    func `one contender that gets a token twice is two owners`() {
        let second = [HistoryEvent(at: 30, who: "1.0", .acquired, turn: 2, token: 7, isHeld: true)]
        #expect(self.rules(self.grant("1.0", 7, 10...20) + second).contains(.oneOwnerPerToken))
    }

    @Test
    func `a token of a grant that was over on arrival counts as granted`() {
        let late = [HistoryEvent(at: 5, who: "2.0", .acquired, turn: 1, token: 7, isHeld: false)]
        #expect(self.rules(late + self.grant("1.0", 7, 10...20)) == [.oneOwnerPerToken])
    }

    @Test
    func `a grant that was over on arrival says nothing about the order`() {
        let late = [HistoryEvent(at: 15, who: "2.0", .acquired, turn: 1, token: 6, isHeld: false)]
        #expect(self.rules(late + self.grant("1.0", 7, 10...20)) == [])
    }

    @Test
    func `two holders at a time are seen`() {
        #expect(self.rules(self.grant("1.0", 1, 10...20) + self.grant("2.0", 2, 19...30)) == [.oneHolderAtATime])
    }

    @Test
    func `a short grant within a long one is seen, and so is the next`() {
        let events = self.grant("1.0", 1, 10...90) + self.grant("2.0", 2, 20...30) + self.grant("3.0", 3, 40...50)
        #expect(self.rules(events) == [.oneHolderAtATime, .oneHolderAtATime])
    }

    @Test
    func `a write that was not protected is no time of holding`() {
        let events = self.grant("1.0", 1, 10...20) + [self.write("1.0", 1, at: 28)] + self.grant("2.0", 2, 21...30)
        #expect(self.rules(events) == [])
    }

    @Test
    func `the last look before a write counts, not the write`() {
        let events =
            [HistoryEvent(at: 10, who: "1.0", .acquired, turn: 1, token: 1, isHeld: true)]
            + [self.write("1.0", 1, at: 99, checked: 18, order: 1)] + self.grant("2.0", 2, 21...120)
        #expect(self.rules(events) == [])
    }

    @Test
    func `a stale write that is accepted is seen, in the order of the register`() {
        let events =
            self.grant("1.0", 1, 10...20) + self.grant("2.0", 2, 21...30) + [self.write("1.0", 1, at: 25, order: 31)]
        #expect(self.rules(events) == [.staleWritesAreRefused])
    }

    @Test
    func `a stale write that is refused is none`() {
        let events = self.grant("1.0", 1, 10...20) + self.grant("2.0", 2, 21...30) + [self.write("1.0", 1, at: 40)]
        #expect(self.rules(events) == [])
    }

    @Test
    func `who does not get the lock after the healing is seen`() {
        let events =
            [HistoryEvent(at: 100, who: "nemesis", .healed)] + self.grant("1.0", 1, 90...95)
            + self.grant("2.0", 2, 110...120) + self.grant("3.2", 3, 190...195)
        let stuck = HistoryCheck(events).progressViolations(of: ["1", "2", "3"], within: 50)
        #expect(stuck.map { String($0.detail.prefix(1)) } == ["1", "3"])
        #expect(HistoryCheck(events).progressViolations(of: ["2", "3"], within: 90).isEmpty)
    }

    @Test
    func `a history that was never healed shows no progress`() {
        #expect(HistoryCheck([]).progressViolations(of: ["1"], within: 50).map(\.rule) == [.progress])
    }
}
