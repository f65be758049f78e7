import ColonyClusterTransport
import ColonyCore
import ColonySimulation
import Testing

/// What is sealed by one and opened by another.
@Suite struct SealingTests {
    private var generator = SeededGenerator(seed: 21)
    private let keys: [ClusterKey]
    private let ring: ClusterKeyring

    init() throws {
        var generator = SeededGenerator(seed: 22)
        self.keys = (0..<3).map { _ in ClusterKey.random(using: &generator) }
        self.ring = try ClusterKeyring(self.keys[0])
    }

    private mutating func sealing(
        _ ring: ClusterKeyring?, cluster: String = "orders", purpose: SealPurpose = .datagram
    ) -> SealingEnd {
        SealingEnd(cluster: cluster, purpose: purpose, keyring: ring, boot: BootID(using: &self.generator))
    }

    private func opening(
        _ ring: ClusterKeyring?, cluster: String = "orders", purpose: SealPurpose = .datagram
    ) -> OpeningEnd {
        OpeningEnd(cluster: cluster, purpose: purpose, keyring: ring)
    }

    @Test("What is sealed is opened, with a key or without", arguments: [true, false])
    mutating func sealedIsOpened(isSealed: Bool) throws {
        let ring = isSealed ? self.ring : nil
        var sealing = self.sealing(ring)
        var opening = self.opening(ring)
        for (number, content) in [[], [1], [UInt8](repeating: 7, count: 9_000)].enumerated() {
            let envelope = sealing.seal(content, to: 99)
            let opened = try opening.open(envelope)
            #expect(opened.content == content)
            #expect(opened.recipient == 99)
            #expect(opened.boot == sealing.boot)
            #expect(opened.counter == UInt64(number + 1))
        }
    }

    @Test("AES of every length seals", arguments: [16, 24, 32])
    mutating func everyLengthSeals(count: Int) throws {
        let ring = try ClusterKeyring(try ClusterKey(bytes: (0..<count).map(UInt8.init)))
        var sealing = self.sealing(ring)
        var opening = self.opening(ring)
        #expect(try opening.open(sealing.seal([4, 2], to: 1)).content == [4, 2])
    }

    @Test("No byte of the content, and neither the name of the cluster nor a key, can be read in an envelope")
    mutating func nothingIsInTheOpen() {
        let content = Array("the quick brown fox jumps over the lazy dog".utf8)
        var sealing = self.sealing(self.ring)
        let envelope = sealing.seal(content, to: 0)
        for secret in [content, Array("orders".utf8)] {
            #expect(envelope.firstRange(of: secret) == nil)
            #expect(envelope.firstRange(of: secret.prefix(6)) == nil)
        }
        #expect(sealing.seal(content, to: 0).dropFirst(33) != envelope.dropFirst(33))
    }

    @Test("Two lives never use one key and nonce, also where both count from the start")
    mutating func livesHaveTheirOwnKeys() throws {
        let content = [UInt8](repeating: 0, count: 64)
        var first = self.sealing(self.ring)
        var second = self.sealing(self.ring)
        // With one key and nonce the sealed zeroes would be the same.
        #expect(first.seal(content, to: 1).dropFirst(33) != second.seal(content, to: 1).dropFirst(33))
        let boot = first.boot
        first.renew(second.boot)
        #expect(first.boot != boot)
    }

    @Test("Each mistake in the configuration is called by its name")
    mutating func mistakesAreTold() throws {
        let other = try ClusterKeyring(self.keys[1])
        var sealing = self.sealing(self.ring)
        var plain = self.sealing(nil)
        let envelope = sealing.seal([1], to: 0)
        let open = plain.seal([1], to: 0)
        var elsewhere = self.opening(self.ring, cluster: "payments")
        #expect(throws: ClusterRefusal.wrongCluster) { try elsewhere.open(envelope) }
        var openElsewhere = self.opening(nil, cluster: "payments")
        #expect(throws: ClusterRefusal.wrongCluster) { try openElsewhere.open(open) }
        var wrongKey = self.opening(other)
        #expect(throws: ClusterRefusal.wrongKey) { try wrongKey.open(envelope) }
        var keyless = self.opening(nil)
        #expect(throws: ClusterRefusal.wrongKey) { try keyless.open(envelope) }
        var opening = self.opening(self.ring)
        #expect(throws: ClusterRefusal.unsealed) { try opening.open(open) }
        var otherPurpose = self.opening(self.ring, purpose: .election)
        #expect(throws: ClusterRefusal.wrongPurpose) { try otherPurpose.open(envelope) }
        var later = envelope
        later[2] = 2
        #expect(throws: ClusterRefusal.wrongVersion) { try opening.open(later) }
        #expect(throws: ClusterRefusal.alien) { try opening.open(Array("GET / HTTP/1.1\r\n\r\n".utf8)) }
        #expect(throws: ClusterRefusal.alien) { try opening.open([]) }
    }

    @Test("An envelope of which any bit was changed, or that was cut off anywhere, is refused")
    mutating func everyChangeIsNoticed() throws {
        var sealing = self.sealing(self.ring)
        var opening = self.opening(self.ring)
        let envelope = sealing.seal([1, 2, 3], to: 5)
        for bit in 0..<envelope.count * 8 {
            var changed = envelope
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: ClusterRefusal.self, "bit \(bit)") { try opening.open(changed) }
        }
        for length in envelope.indices {
            #expect(throws: ClusterRefusal.self, "\(length) bytes") { try opening.open(Array(envelope[..<length])) }
        }
        #expect(throws: ClusterRefusal.forged) { try opening.open(envelope + [0]) }
        #expect(try opening.open(envelope).content == [1, 2, 3])
    }

    @Test("A keyring opens what older keys have sealed, and seals with the first")
    mutating func olderKeysOpen() throws {
        let receiver = try ClusterKeyring(self.keys[1], others: [self.keys[0]])
        var sealing = self.sealing(self.ring)
        var opening = self.opening(receiver)
        #expect(try opening.open(sealing.seal([1], to: 0)).content == [1])
        try self.ring.add(self.keys[1])
        try self.ring.use(self.keys[1])
        try receiver.remove(self.keys[0])
        #expect(try opening.open(sealing.seal([2], to: 0)).content == [2])
        try self.ring.use(self.keys[0])
        let old = sealing.seal([3], to: 0)
        #expect(throws: ClusterRefusal.wrongKey) { try opening.open(old) }
    }

    @Test("A keeper of few derived keys opens what many lives have sealed")
    mutating func cacheIsBounded() throws {
        var opening = OpeningEnd(cluster: "orders", purpose: .datagram, keyring: self.ring, capacity: 3)
        for number in 0..<20 {
            var sealing = self.sealing(self.ring)
            #expect(try opening.open(sealing.seal([UInt8(number)], to: 0)).content == [UInt8(number)])
        }
    }
}
