import ColonyCore
import ColonyMemory
import ColonyTransactions
import Synchronization
import Testing

/// Prepares whatever it is asked to, and commits once it may.
private final class Ledger: TwoPhaseParticipant {
    let name: StepName
    private let outcomes = Mutex<[String]>([])
    private let failures: Mutex<Int>

    init(_ name: StepName, failing times: Int = 0) {
        self.name = name
        self.failures = Mutex(times)
    }

    var seen: [String] { self.outcomes.withLock { $0 } }

    func prepare(_ transaction: TransactionID, _ work: Int) async throws {
        self.outcomes.withLock { $0.append("prepare") }
    }

    func commit(_ transaction: TransactionID) async throws(TwoPhaseError) {
        let fails = self.failures.withLock { left in
            defer { left -= 1 }
            return left > 0
        }
        if fails { throw TwoPhaseError(.unavailable, "not now") }
        self.outcomes.withLock { $0.append("commit") }
    }

    func abort(_ transaction: TransactionID) async throws(TwoPhaseError) {
        self.outcomes.withLock { $0.append("abort") }
    }

    func inDoubt(upTo limit: Int) async throws(TwoPhaseError) -> [PreparedBranch] { [] }
}

@Suite("What a two-phase commit writes down") struct TwoPhaseWritesTests {
    @Test(arguments: [0, 2])
    func `one decision with a sync, and that all have committed without one`(failures: Int) throws {
        try Stage.play { stage in
            let ledgers = ["a", "b", "c"].map { Ledger($0, failing: $0 == "b" ? failures : 0) }
            let commit = try TwoPhaseCommit("booking", participants: ledgers)
            let journal = CountingJournal(stage.journal)
            let coordinator = try stage.coordinator([commit], on: journal)
            try await coordinator.run {
                try await coordinator.execute(commit, waitingUpTo: .seconds(600)) { work in
                    for ledger in ledgers { try await work.prepare(ledger, 1) }
                }
            }
            #expect(ledgers.allSatisfy { $0.seen == ["prepare", "commit"] }, "\(ledgers.map(\.seen))")
            #expect(journal.writes - journal.unsynced == 1, "of \(journal.writes), \(journal.unsynced) unsynced")
            // Each failure may be noted besides, with what has committed until then.
            #expect((1...1 + failures).contains(journal.unsynced), "\(journal.unsynced)")
        }
    }
}
