import ColonyClusterTransport
import ColonySimulation
import Testing

@Suite struct ReplayWindowTests {
    @Test("A window agrees with a set that remembers everything", arguments: Seed(rawValue: 5).followed(by: 50))
    func windowAgreesWithASet(seed: Seed) {
        var generator = SeededGenerator(seed: seed)
        var window = ReplayWindow()
        var seen: Set<UInt64> = []
        var highest: UInt64 = 0
        for _ in 0..<5_000 {
            let reach = UInt64.random(in: 1...(Bool.random(using: &generator) ? 20 : 3_000), using: &generator)
            let isAhead = Bool.random(using: &generator)
            let number = isAhead ? highest + reach : max(1, highest - min(highest, reach))
            let isTooOld = highest >= ReplayWindow.length && number <= highest - ReplayWindow.length
            let expected = !isTooOld && !seen.contains(number)
            let isNew = window.accept(number)
            #expect(isNew == expected, "seed \(seed), \(number) after \(highest)")
            seen.insert(number)
            highest = max(highest, number)
        }
    }

    @Test("The last number there is does not overflow")
    func lastNumberIsTaken() {
        var window = ReplayWindow()
        let oldest = UInt64.max - ReplayWindow.length
        let verdicts = [.max, .max, oldest + 1, oldest].map { window.accept($0) }
        #expect(verdicts == [true, false, true, false])
    }

    @Test("Each life has a window, and there is a limit to how many")
    func livesAreBounded() {
        var generator = SeededGenerator(seed: 41)
        let lives = (0..<4).map { _ in BootID(using: &generator) }
        var kept = ReplayGuard(capacity: 3)
        let first = lives[..<3].map { kept.accept(1, of: $0) }
        #expect(first == [.new, .new, .new])
        let later = [kept.accept(1, of: lives[0]), kept.accept(1, of: lives[3]), kept.accept(2, of: lives[2])]
        #expect(later == [.repeated, .full, .new])
        kept.forgetAll()
        let last = kept.accept(1, of: lives[3])
        #expect(last == .new)
    }
}
