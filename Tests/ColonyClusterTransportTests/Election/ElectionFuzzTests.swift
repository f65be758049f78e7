import ColonyCluster
import ColonyClusterTransport
import ColonyCore
import ColonySimulation
import Testing

/// Frames of elections that somebody has made up, or changed on the way; how many, ``FuzzRun`` says.
@Suite(.serialized) struct ElectionFuzzTests {
    private let fuzz = FuzzRun()

    @Test(
        "Sealed frames of votes that were changed are refused, and what came before the change is taken as it was said")
    func changedFramesAreRefused() throws {
        var generator = SeededGenerator(seed: self.fuzz.seed)
        let ring = try ClusterKeyring(.random(using: &generator))
        func conversation() -> SealedConversation {
            SealedConversation(
                cluster: "sea\nscheduler", purpose: .election, keyring: ring, boot: BootID(using: &generator))
        }
        var (dialling, accepting) = (conversation(), conversation())
        let fresh = accepting
        let greeting = dialling.greeting()
        guard case .greeted(.some(let answer)) = try accepting.open(greeting) else { return }
        _ = try dialling.open(answer)
        let packets = (0..<2).map { _ in Self.packet(&generator) }
        let said = packets.map { dialling.seal(VotingCoding.encode($0)) }
        let stream = ([greeting] + said).flatMap { FrameReader.frame($0) }
        for number in 0..<self.fuzz.count {
            let changed = FuzzRun.changed(stream, &generator)
            var reader = FrameReader(mostBytes: SealedConversation.greetingBytes)
            var conversation = fresh
            var taken: [VotingPacket] = []
            do {
                reader.append(changed)
                while let frame = try reader.next() {
                    switch try conversation.open(frame) {
                    case .greeted: reader.mostBytes = 32 << 10
                    case .content(let content): taken.append(try VotingCoding.decode(content))
                    }
                }
            } catch {
                // It was refused.
            }
            let isHarmless = taken == Array(packets.prefix(taken.count))
            #expect(isHarmless, "seed \(self.fuzz.seed.rawValue), input \(number): \(changed)")
            if !isHarmless { return }
        }
    }

    @Test(
        "Packets of nodes that went mad are read or refused, are written as they were, and no vote is taken back for them"
    )
    func changedPacketsAreReadOrRefused() throws {
        var generator = SeededGenerator(seed: self.fuzz.seed)
        var now = MonotonicInstant(nanoseconds: 0)
        var election = try self.election(at: now)
        var read = 0
        for number in 0..<self.fuzz.count {
            let changed = FuzzRun.changed(VotingCoding.encode(Self.packet(&generator)), &generator)
            guard let packet = try? VotingCoding.decode(changed) else { continue }
            read += 1
            let again = try VotingCoding.decode(VotingCoding.encode(packet))
            #expect(again == packet, "seed \(self.fuzz.seed.rawValue), input \(number): \(changed)")
            if again != packet { return }
            // It is told to a node, which has to bear it, and must neither forget a vote nor go back.
            let before = election.record
            now = now.advanced(by: .milliseconds(Int.random(in: 0...40, using: &generator)))
            _ = election.receive(packet, at: now)
            if let wake = election.nextWake, wake <= now { _ = election.wake(at: now) }
            _ = election.persisted(election.record.revision, at: now)
            let after = election.record
            let keepsVote = after.term > before.term || before.vote == nil || before.vote == after.vote
            let isSound =
                after.term >= before.term && keepsVote && after.configuration.stamp >= before.configuration.stamp
            #expect(isSound, "seed \(self.fuzz.seed.rawValue), input \(number): \(packet) made \(before) into \(after)")
            if !isSound { return }
            // Near the last term nothing can be read any more; it begins anew.
            if after.term > .max / 2 || number % 10_000 == 0 { election = try self.election(at: now) }
        }
        #expect(read > 0)
    }

    private func election(at now: MonotonicInstant) throws -> VotingElection {
        var election = VotingElection(
            record: try VoteRecord(founding: "sea", node: "c", set: try VoterSet(voters: ["a", "b", "c"])),
            settings: try VotingSettings(), nonce: 1, generator: SeededGenerator(seed: self.fuzz.seed), at: now)
        _ = election.begin()
        _ = election.persisted(election.record.revision, at: now)
        return election
    }

    // MARK: Making things up

    private static let sets: [VoterConfiguration] = {
        let members: [[VotingMember]] = [
            [VotingMember("a"), VotingMember("b"), VotingMember("c")],
            [VotingMember("a", priority: 9), VotingMember("b", role: .observer), VotingMember("ü")],
        ]
        return members.enumerated().compactMap { index, members in
            (try? VoterSet(members)).map { VoterConfiguration(term: UInt64(index), version: 1, set: $0) }
        }
    }()

    private static func packet(_ generator: inout SeededGenerator) -> VotingPacket {
        func small() -> UInt64 { UInt64.random(in: 0...3, using: &generator) }
        let names: [NodeID] = ["a", "b", "c", "d"]
        let set = Self.sets[Int.random(in: 0..<Self.sets.count, using: &generator)]
        let configuration = Bool.random(using: &generator) ? set : nil
        let kinds: [VoteRequest.Kind] = [.inquiry, .vote, .handover]
        let kind = kinds[Int.random(in: 0..<kinds.count, using: &generator)]
        let message: VotingMessage =
            switch small() {
            case 0: .voteRequest(VoteRequest(kind: kind, term: small(), configuration: set.stamp))
            case 1:
                .voteAnswer(
                    VoteAnswer(
                        kind: kind, requestedTerm: small(), isGranted: Bool.random(using: &generator), term: small(),
                        configuration: configuration))
            case 2:
                .heartbeat(
                    LeaderHeartbeat(term: small(), round: small(), stamp: set.stamp, configuration: configuration))
            default:
                Bool.random(using: &generator)
                    ? .standNow(term: small())
                    : .heartbeatAnswer(
                        HeartbeatAnswer(
                            term: small(), round: small(), stamp: set.stamp, promise: .milliseconds(Int(small()) * 100))
                    )
            }
        return VotingPacket(
            sender: names[Int(small())], start: VotingStart(number: small(), nonce: small()), message: message)
    }
}
