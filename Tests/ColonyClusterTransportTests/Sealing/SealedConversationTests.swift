import ColonyClusterTransport
import ColonyCore
import ColonySimulation
import Testing

@Suite struct SealedConversationTests {
    private var generator = SeededGenerator(seed: 31)
    private let ring: ClusterKeyring

    init() throws {
        var generator = SeededGenerator(seed: 32)
        self.ring = try ClusterKeyring(.random(using: &generator))
    }

    private mutating func side(sealed: Bool = true) -> SealedConversation {
        SealedConversation(
            cluster: "orders", purpose: .election, keyring: sealed ? self.ring : nil,
            boot: BootID(using: &self.generator))
    }

    /// Both sides after they have greeted, with what was said for it.
    private mutating func open(
        sealed: Bool = true
    ) throws -> (SealedConversation, SealedConversation, greeting: [UInt8], answer: [UInt8]) {
        var first = self.side(sealed: sealed)
        var second = self.side(sealed: sealed)
        let greeting = first.greeting()
        guard case .greeted(.some(let answer)) = try second.open(greeting) else { throw Unexpected() }
        guard case .greeted(nil) = try first.open(answer) else { throw Unexpected() }
        return (first, second, greeting, answer)
    }

    private struct Unexpected: Error {}

    @Test("Both greet, and then say what they like in both directions", arguments: [true, false])
    mutating func bothTalk(isSealed: Bool) throws {
        var (first, second, greeting, _) = try self.open(sealed: isSealed)
        #expect(first.isOpen && second.isOpen)
        #expect(!isSealed || greeting.count == SealedConversation.greetingBytes)
        for number in 0..<UInt8(10) {
            #expect(try second.open(first.seal([number])) == .content([number]))
            #expect(try first.open(second.seal([number, 1])) == .content([number, 1]))
        }
    }

    @Test("What was said comes neither twice, nor out of turn, nor with a gap")
    mutating func orderIsKept() throws {
        var (first, second, _, _) = try self.open()
        let said = (0..<3).map { first.seal([UInt8($0)]) }
        #expect(throws: ClusterRefusal.replayed) { try second.open(said[1]) }
        #expect(try second.open(said[0]) == .content([0]))
        #expect(throws: ClusterRefusal.replayed) { try second.open(said[0]) }
        #expect(throws: ClusterRefusal.replayed) { try second.open(said[2]) }
    }

    @Test("A recorded conversation cannot be played to either side again")
    mutating func recordingIsOfNoUse() throws {
        var (first, second, greeting, answer) = try self.open()
        let said = first.seal([1])
        let replied = second.seal([2])
        // To a new connection of the one that answers: it greets, for it cannot know better, and takes nothing after that.
        var accepting = self.side()
        _ = try accepting.open(greeting)
        #expect(throws: ClusterRefusal.misdirected) { try accepting.open(said) }
        // To a new connection of the one that dials.
        var dialling = self.side()
        _ = dialling.greeting()
        #expect(throws: ClusterRefusal.misdirected) { try dialling.open(answer) }
        #expect(throws: ClusterRefusal.misdirected) { try dialling.open(replied) }
    }

    @Test("What one has said itself is not taken for the other side's word")
    mutating func echoIsNoAnswer() throws {
        var dialling = self.side()
        let greeting = dialling.greeting()
        #expect(throws: ClusterRefusal.misdirected) { try dialling.open(greeting) }
        var (first, _, _, _) = try self.open()
        let said = first.seal([1])
        #expect(throws: ClusterRefusal.misdirected) { try first.open(said) }
    }

    @Test("The key is replaced while both talk")
    mutating func keyIsReplacedMeanwhile() throws {
        var (first, second, _, _) = try self.open()
        let old = self.ring.primary
        let new = ClusterKey.random(using: &self.generator)
        try self.ring.add(new)
        #expect(try second.open(first.seal([1])) == .content([1]))
        try self.ring.use(new)
        try self.ring.remove(old)
        #expect(try second.open(first.seal([2])) == .content([2]))
    }
}
