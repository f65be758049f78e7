import ColonyCore
import ColonyQuorum

/// A journal that says it keeps hints and does not: a planted bug.
final class ForgetfulJournal: HintJournal {
    private let journal: MemoryHintJournal

    init(_ journal: MemoryHintJournal) { self.journal = journal }

    func append(_ hints: [Hint]) async throws(QuorumError) {}

    func hints(for server: NodeID, limit: Int) async throws(QuorumError) -> [KeptHint] {
        try await self.journal.hints(for: server, limit: limit)
    }

    func remove(_ numbers: [UInt64]) async throws(QuorumError) { try await self.journal.remove(numbers) }
    func counts() async throws(QuorumError) -> [NodeID: Int] { try await self.journal.counts() }
    func close() async { await self.journal.close() }
}

/// A journal that keeps hints without the server that stands in: a planted bug.
final class JournalWithoutStandIns: HintJournal {
    private let journal: MemoryHintJournal

    init(_ journal: MemoryHintJournal) { self.journal = journal }

    func append(_ hints: [Hint]) async throws(QuorumError) {
        try await self.journal.append(
            hints.map {
                Hint(server: $0.server, key: $0.key, bytes: $0.bytes, written: $0.written, standIn: nil)
            })
    }

    func hints(for server: NodeID, limit: Int) async throws(QuorumError) -> [KeptHint] {
        try await self.journal.hints(for: server, limit: limit)
    }

    func remove(_ numbers: [UInt64]) async throws(QuorumError) { try await self.journal.remove(numbers) }
    func counts() async throws(QuorumError) -> [NodeID: Int] { try await self.journal.counts() }
    func close() async { await self.journal.close() }
}
