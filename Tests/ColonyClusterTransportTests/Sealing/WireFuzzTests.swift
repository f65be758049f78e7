import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import ColonySimulation
import Testing

/// Bytes that somebody has made up, or changed on the way; how many, ``FuzzRun`` says.
@Suite(.serialized) struct WireFuzzTests {
    private let fuzz = FuzzRun()

    @Test("Datagrams of all kinds that were changed are refused, whatever was changed")
    func changedDatagramsAreRefused() throws {
        var generator = SeededGenerator(seed: self.fuzz.seed)
        let ring = try ClusterKeyring(.random(using: &generator))
        let now = MonotonicInstant(nanoseconds: 0)
        func post() -> DatagramPost<Int> {
            DatagramPost(
                cluster: "orders", keyring: ring, generator: SeededGenerator(seed: Seed(rawValue: generator.next())),
                greetingTimeout: .seconds(1))
        }
        var (sender, receiver) = (post(), post())
        // One of each kind: a greeting, a welcome, a letter, and a notice.
        let greeting = try sender.send(Self.packet(&generator), to: 2, at: now)[0]
        let welcome = receiver.receive(greeting.bytes, from: 1).outgoing[0]
        let letter = sender.receive(welcome.bytes, from: 2).outgoing[0]
        var reborn = post()
        let notice = reborn.receive(letter.bytes, from: 1).outgoing[0]
        #expect(receiver.receive(letter.bytes, from: 1).letter != nil)
        let valid = [greeting.bytes, welcome.bytes, letter.bytes, notice.bytes]
        for number in 0..<self.fuzz.count {
            let original = valid[number % valid.count]
            let changed = FuzzRun.changed(original, &generator)
            for received in [receiver.receive(changed, from: 1), sender.receive(changed, from: 2)] {
                let isHarmless = received.letter == nil && (received.refusal != nil || changed == original)
                #expect(isHarmless, "seed \(self.fuzz.seed.rawValue), input \(number): \(changed)")
                if !isHarmless { return }
            }
        }
    }

    @Test("Frames that were changed are refused, and take no memory for what they promise")
    func changedFramesAreRefused() throws {
        var generator = SeededGenerator(seed: self.fuzz.seed)
        let ring = try ClusterKeyring(.random(using: &generator))
        var dialling = SealedConversation(
            cluster: "orders", purpose: .connection, keyring: ring, boot: BootID(using: &generator))
        var accepting = SealedConversation(
            cluster: "orders", purpose: .connection, keyring: ring, boot: BootID(using: &generator))
        let fresh = accepting
        let greeting = dialling.greeting()
        guard case .greeted(.some(let answer)) = try accepting.open(greeting) else { return }
        _ = try dialling.open(answer)
        let packet = try Self.packet(&generator)
        let said = dialling.seal(packet)
        let stream = FrameReader.frame(greeting) + FrameReader.frame(said)
        for number in 0..<self.fuzz.count {
            let changed = FuzzRun.changed(stream, &generator)
            var reader = FrameReader(mostBytes: 10_000)
            var conversation = fresh
            var contents: [[UInt8]] = []
            var rest = changed[...]
            do {
                while !rest.isEmpty {
                    let part = Int.random(in: 1...max(1, rest.count), using: &generator)
                    reader.append(rest.prefix(part))
                    rest = rest.dropFirst(part)
                    while let frame = try reader.next() {
                        if case .content(let content) = try conversation.open(frame) { contents.append(content) }
                    }
                }
            } catch {
                // It was refused.
            }
            // What comes after it may be wrong, and never what is taken.
            let isHarmless = contents.isEmpty || contents == [packet]
            #expect(isHarmless, "seed \(self.fuzz.seed.rawValue), input \(number): \(changed)")
            if !isHarmless { return }
        }
    }

    @Test("Packets of members that went mad are read or refused, and what is read is written as it was")
    func changedPacketsAreReadOrRefused() throws {
        var generator = SeededGenerator(seed: self.fuzz.seed)
        let settings = try MembershipSettings()
        var membership = try Membership(
            id: "a", address: MemberAddress(host: "127.0.0.1", port: 1), instance: 1, settings: settings,
            generator: SeededGenerator(seed: self.fuzz.seed))
        var now = MonotonicInstant(nanoseconds: 0)
        _ = membership.start(at: now)
        let source = try MemberAddress(host: "127.0.0.1", port: 2)
        var read = 0
        for number in 0..<self.fuzz.count {
            let changed = FuzzRun.changed(try Self.packet(&generator), &generator)
            guard let packet = try? PacketCoding.decode(changed) else { continue }
            read += 1
            let again = try PacketCoding.decode(PacketCoding.encode(packet))
            #expect(again == packet, "seed \(self.fuzz.seed.rawValue), input \(number)")
            if again != packet { return }
            // It is told to a member, which has to bear it.
            now = now.advanced(by: .milliseconds(1))
            _ = membership.receive(packet, from: source, over: number % 2 == 0 ? .datagram : .connection, at: now)
            if let wake = membership.nextWake, wake <= now { _ = membership.wake(at: now) }
            if membership.count > 2_000 {
                membership = try Membership(
                    id: "a", address: source, instance: 1, settings: settings,
                    generator: SeededGenerator(seed: self.fuzz.seed))
                _ = membership.start(at: now)
            }
        }
        #expect(read > 0)
    }

    // MARK: Making things up

    private static func packet(_ generator: inout SeededGenerator) throws -> [UInt8] {
        let names: [NodeID] = ["a", "b", "node-3", "x"]
        func name() -> NodeID { names[Int.random(in: 0..<names.count, using: &generator)] }
        func address() throws -> MemberAddress {
            try MemberAddress(host: "10.0.0.1", port: Int.random(in: 1...65_535, using: &generator))
        }
        let summary = MembershipSummary(parts: (0..<MembershipSummary.partCount).map { _ in generator.next() })
        let messages: [MembershipMessage] = try [
            .ping(sequence: 7, target: name()), .ack(sequence: 7, digest: 9), .nack(sequence: 7), .gossip,
            .pull(summary),
            .push(summary), .fill,
            .pingRequest(sequence: 7, target: name(), address: address()),
        ]
        let claims = try (0..<Int.random(in: 0...3, using: &generator)).map { _ in
            MembershipClaim(
                id: name(), address: try address(), instance: UInt64.random(in: 0...3, using: &generator),
                incarnation: UInt64.random(in: 0...3, using: &generator),
                state: MemberState(rawValue: UInt8.random(in: 0...3, using: &generator)) ?? .alive,
                accuser: Bool.random(using: &generator) ? name() : nil,
                metadata: Bool.random(using: &generator) ? [1, 2, 3] : nil)
        }
        return PacketCoding.encode(
            MembershipPacket(
                sender: name(), message: messages[Int.random(in: 0..<messages.count, using: &generator)],
                claims: claims))
    }
}
