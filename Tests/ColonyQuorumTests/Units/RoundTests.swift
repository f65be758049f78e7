import ColonyQuorum
import Testing

@Suite("The decisions of one call")
struct RoundTests {
    @Test("a read asks as many as it needs, and one more for each that fails or is slow")
    func reads() {
        var round = ReadRound(order: [2, 0, 1], need: 2)
        #expect(round.start() == [.ask(2), .ask(0)])
        #expect(round.isSlow(0) == [.ask(1)])
        #expect(round.isSlow(0) == [])
        #expect(round.answered(2) == [])
        // It was replaced when it was slow.
        #expect(round.failed(0) == [])
        #expect(round.answered(1) == [.decide(isEnough: true)])
        #expect(round.answered(1) == [])
    }

    @Test("a read ends as soon as too few can answer")
    func readsThatFail() {
        var round = ReadRound(order: [0, 1, 2], need: 2)
        #expect(round.start() == [.ask(0), .ask(1)])
        #expect(round.failed(0) == [.ask(2)])
        #expect(round.failed(1) == [.decide(isEnough: false)])
        #expect(round.answered(2) == [])
        var hopeless = ReadRound(order: [0], need: 2)
        #expect(hopeless.start() == [.ask(0), .decide(isEnough: false)])
    }

    @Test("a strict write goes to all homes, is acknowledged by its quorum, and owes the rest")
    func strictWrites() {
        var round = WriteRound(homes: [0, 1, 2], need: 2)
        #expect(round.start() == [.store(0), .store(1), .store(2)])
        #expect(round.stored(2) == [])
        #expect(round.failed(0) == [.owe(home: 0, standIn: nil)])
        #expect(round.stored(1) == [.decide(isAcknowledged: true)])
        var late = WriteRound(homes: [0, 1, 2], need: 2)
        _ = late.start()
        _ = late.stored(0)
        #expect(late.stored(1) == [.decide(isAcknowledged: true)])
        #expect(late.failed(2) == [.owe(home: 2, standIn: nil)])
    }

    @Test("a strict write without a quorum is not acknowledged, though some have it")
    func strictWritesThatFail() {
        var round = WriteRound(homes: [0, 1, 2], need: 2)
        _ = round.start()
        _ = round.stored(0)
        _ = round.failed(1)
        #expect(round.failed(2) == [.owe(home: 2, standIn: nil), .decide(isAcknowledged: false)])
    }

    @Test(
        "a write that cannot be acknowledged any more waits for those that are about to answer, and not for slow ones")
    func undecidedWrites() {
        var round = WriteRound(homes: [0, 1, 2], need: 2)
        _ = round.start()
        #expect(round.isSurpassed(0) == [])
        #expect(round.isSurpassed(1) == [])
        #expect(round.stored(2) == [.decide(isAcknowledged: false)])
        #expect(!round.isWaiting)
        var hanging = WriteRound(homes: [0, 1, 2], need: 2)
        _ = hanging.start()
        _ = hanging.isSurpassed(0)
        _ = hanging.isSurpassed(1)
        #expect(hanging.isSlow(2) == [.decide(isAcknowledged: false)])
        #expect(hanging.isWaiting)
    }

    @Test("in a sloppy write others stand in for homes that fail, are slow, or are known to be away")
    func sloppyWrites() {
        var round = WriteRound(homes: [0, 1, 2], standIns: [3, 4], need: 2)
        #expect(round.start(skipping: [1]) == [.store(0), .store(2), .store(3), .owe(home: 1, standIn: 3)])
        #expect(round.isSlow(0) == [.store(4), .owe(home: 0, standIn: 4)])
        #expect(round.failed(0) == [])
        #expect(round.stored(3) == [])
        #expect(round.stored(4) == [.decide(isAcknowledged: true)])
    }

    @Test("a sloppy write tries homes that are known to be away where nobody else is left")
    func sloppyWritesWithoutStandIns() {
        var round = WriteRound(homes: [0, 1, 2], standIns: [], need: 2)
        #expect(round.start(skipping: [0, 1]) == [.store(0), .store(1), .store(2)])
    }
}
