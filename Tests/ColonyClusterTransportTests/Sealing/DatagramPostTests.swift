import ColonyClusterTransport
import ColonyCore
import ColonySimulation
import Testing

/// What goes between two lives, with a network that records everything.
@Suite struct DatagramPostTests {
    typealias Post = DatagramPost<Int>

    private let ring: ClusterKeyring
    private let start = MonotonicInstant(nanoseconds: 0)

    init() throws {
        var generator = SeededGenerator(seed: 61)
        self.ring = try ClusterKeyring(.random(using: &generator))
    }

    private func post(_ seed: UInt64, mostLives: Int = 1_000, mostGreetings: Int = 100) -> Post {
        Post(
            cluster: "orders", keyring: self.ring, generator: SeededGenerator(seed: Seed(rawValue: seed)),
            greetingTimeout: .milliseconds(250), mostLives: mostLives, mostGreetings: mostGreetings)
    }

    /// Carries everything back and forth until nobody has anything to send.
    ///
    /// - Returns: What the one at each place was told.
    private func carry(
        _ outgoing: [Post.Outgoing], from source: Int, among posts: inout [Int: Post],
        recording record: inout [Post.Outgoing]
    ) -> [Int: [[UInt8]]] {
        var told: [Int: [[UInt8]]] = [:]
        var queue = outgoing.map { (source, $0) }
        while !queue.isEmpty {
            let (from, datagram) = queue.removeFirst()
            record.append(datagram)
            guard let received = posts[datagram.place]?.receive(datagram.bytes, from: from) else { continue }
            if let letter = received.letter { told[datagram.place, default: []].append(letter) }
            queue += received.outgoing.map { (datagram.place, $0) }
        }
        return told
    }

    private func talk(
        _ letter: [UInt8], from source: Int, to place: Int, _ posts: inout [Int: Post],
        _ record: inout [Post.Outgoing], at now: MonotonicInstant? = nil
    ) -> [Int: [[UInt8]]] {
        let outgoing = posts[source]?.send(letter, to: place, at: now ?? self.start) ?? []
        return self.carry(outgoing, from: source, among: &posts, recording: &record)
    }

    @Test("The first letter takes a greeting and a welcome; after that both sides write at once")
    func greetingIsOnce() {
        var posts = [1: self.post(1), 2: self.post(2)]
        var record: [Post.Outgoing] = []
        #expect(self.talk([7], from: 1, to: 2, &posts, &record) == [2: [[7]]])
        #expect(record.count == 3)
        #expect(self.talk([8], from: 2, to: 1, &posts, &record) == [1: [[8]]])
        #expect(self.talk([9], from: 1, to: 2, &posts, &record) == [2: [[9]]])
        #expect(record.count == 5)
        #expect(record.allSatisfy { $0.bytes.count <= 1 + 8 + SealedConversation.overhead })
    }

    @Test("A letter that comes again is refused, also by others and after a restart of the one that it is for")
    func recordedLetterIsOfNoUse() throws {
        var posts = [1: self.post(1), 2: self.post(2), 3: self.post(3)]
        var record: [Post.Outgoing] = []
        _ = self.talk([7], from: 1, to: 2, &posts, &record)
        let letter = try #require(record.last)
        let again = posts[2]?.receive(letter.bytes, from: 1)
        #expect(again?.refusal == .replayed)
        #expect(again?.outgoing == [])
        let other = posts[3]?.receive(letter.bytes, from: 1)
        #expect(other?.refusal == .misdirected)
        #expect(other?.letter == nil)
        posts[2] = self.post(22)
        let reborn = posts[2]?.receive(letter.bytes, from: 1)
        #expect(reborn?.refusal == .misdirected)
        #expect(reborn?.letter == nil)
        // To the one that has sent it.
        #expect(posts[1]?.receive(letter.bytes, from: 2).refusal == .misdirected)
    }

    @Test("After a restart the other side is told that its letters are for a life that is over, and greets again")
    func restartIsNoticed() {
        var posts = [1: self.post(1), 2: self.post(2)]
        var record: [Post.Outgoing] = []
        _ = self.talk([7], from: 1, to: 2, &posts, &record)
        posts[2] = self.post(22)
        #expect(self.talk([8], from: 1, to: 2, &posts, &record) == [:])
        #expect(self.talk([9], from: 1, to: 2, &posts, &record) == [2: [[9]]])
    }

    @Test("Greetings, welcomes, and notices that come again change nothing")
    func recordedFormalitiesAreOfNoUse() {
        var posts = [1: self.post(1), 2: self.post(2)]
        var record: [Post.Outgoing] = []
        _ = self.talk([7], from: 1, to: 2, &posts, &record)
        let first = record
        posts[2] = self.post(22)
        _ = self.talk([8], from: 1, to: 2, &posts, &record)
        _ = self.talk([9], from: 1, to: 2, &posts, &record)
        // All that was ever said, to everybody, from a place where nobody is.
        for datagram in first + record {
            for place in [1, 2] {
                let received = posts[place]?.receive(datagram.bytes, from: 99)
                #expect(received?.letter == nil)
                #expect((received?.outgoing.count ?? 0) <= 1)
                #expect(received?.outgoing.allSatisfy { $0.bytes.count <= datagram.bytes.count + 8 } == true)
            }
        }
        #expect(self.talk([10], from: 1, to: 2, &posts, &record) == [2: [[10]]])
        #expect(self.talk([11], from: 2, to: 1, &posts, &record) == [1: [[11]]])
    }

    @Test("A greeting that was lost is repeated, and so many letters wait for its answer")
    func lostGreetingIsRepeated() {
        var posts = [1: self.post(1), 2: self.post(2)]
        var record: [Post.Outgoing] = []
        let lost = posts[1]?.send([0], to: 2, at: self.start)
        #expect(lost?.count == 1)
        #expect(posts[1]?.send([1], to: 2, at: self.start) == [])
        let later = self.start.advanced(by: .milliseconds(250))
        let greeting = posts[1]?.send([2], to: 2, at: later) ?? []
        #expect(greeting.count == 1)
        for number in 3..<UInt8(20) { _ = posts[1]?.send([number], to: 2, at: later) }
        let told = self.carry(greeting, from: 1, among: &posts, recording: &record)
        #expect(told == [2: (12..<20).map { [$0] }])
        // The answer to the one that was lost comes after all.
        let late = posts[2]?.receive(lost?[0].bytes ?? [], from: 1).outgoing.first
        #expect(posts[1]?.receive(late?.bytes ?? [], from: 2).refusal == .replayed)
    }

    @Test("Only so many greetings wait at a time")
    func greetingsAreBounded() {
        var post = self.post(1, mostGreetings: 10)
        let sent = (0..<100).map { post.send([1], to: $0, at: self.start).count }
        #expect(sent.reduce(0, +) == 10)
        let later = (0..<100).map { post.send([1], to: 1_000 + $0, at: self.start.advanced(by: .seconds(1))).count }
        #expect(later.reduce(0, +) == 10)
    }

    @Test("A welcome from another address of the one that was greeted is taken")
    func welcomeMayComeFromElsewhere() {
        var first = self.post(1)
        var second = self.post(2)
        let greeting = first.send([5], to: 2, at: self.start)
        let welcome = second.receive(greeting[0].bytes, from: 1).outgoing
        let letter = first.receive(welcome[0].bytes, from: 77).outgoing
        #expect(letter.map(\.place) == [2])
        #expect(second.receive(letter[0].bytes, from: 1).letter == [5])
        #expect(first.send([6], to: 77, at: self.start).count == 1)
    }

    @Test(
        "When more lives were heard than are remembered another one begins, and what was recorded is of no use to it either"
    )
    func livesAreBounded() throws {
        var posts = [0: self.post(1_000, mostLives: 5)]
        var record: [Post.Outgoing] = []
        var letters: [Post.Outgoing] = []
        for number in 1...20 {
            posts[number] = self.post(UInt64(number))
            #expect(self.talk([UInt8(number)], from: number, to: 0, &posts, &record) == [0: [[UInt8(number)]]])
            letters.append(try #require(record.last))
        }
        for letter in letters { #expect(posts[0]?.receive(letter.bytes, from: 99).letter == nil) }
        for number in 1...20 {
            // Once for the notice, at the most, and then again.
            let now = self.start.advanced(by: .seconds(number))
            var told = self.talk([100], from: number, to: 0, &posts, &record, at: now)
            if told.isEmpty { told = self.talk([100], from: number, to: 0, &posts, &record, at: now) }
            #expect(told == [0: [[100]]], "\(number)")
        }
    }
}
