public import ColonyCore
public import ServiceLifecycle
import Synchronization

/// Ends what participants have prepared and nobody has ended: commits it if there is a decision, and aborts it if there is none.
///
/// A program that dies between the first prepare and the decision leaves prepared transactions behind, which hold their locks until somebody
/// ends them; and so does one that cannot reach a participant to abort. Run a sweeper beside each coordinator, or in a place of
/// its own; several do not hurt one another.
///
/// **Why it aborts nothing that is about to commit.** Before it aborts, it writes into the journal, under the identifier of the
/// transaction, that this was aborted. A journal takes one beginning for an identifier: a coordinator that was only slow finds that entry in
/// place of its decision, and aborts as well. So the bound of age is a matter of courtesy, and not of correctness.
///
/// - Important: All coordinators of its participants must share its journal, because it takes for an orphan what the journal does not know.
///   Coordinators with another journal need participants with another prefix. The journal must keep what has ended for longer than a
///   coordinator can be stopped between prepare and decision; all of Colony's keep it for a day or longer unless told otherwise.
public final class OrphanSweeper: Service {
    /// What a look has found and done.
    public struct Report: Hashable, Sendable {
        /// What was prepared at the time, also what was too young to be ended.
        public var inDoubt = 0
        /// The age of the oldest. An alert is due if it goes far beyond the bound.
        public var oldest: Duration?
        /// Ended by a commit.
        public var committed = 0
        /// Ended by an abort.
        public var aborted = 0
        /// Participants, and the journal under the name `journal`, that did not do as they were asked, and why.
        public var failures: [StepName: String] = [:]
    }

    /// From which age on it ends what is prepared.
    public let bound: Duration
    /// How often it looks.
    public let interval: Duration

    private let journal: any TransactionJournal
    private let participants: [any TwoPhaseParticipant]
    private let owner: OwnerID
    private let clock: any MonotonicClock
    private let wall: any WallClock
    private let hub = ListenerHub<Report>()
    private let latest = Mutex<Report?>(nil)

    /// By what an abort is written down.
    static let key = DefinitionKey("colony-orphan", version: 1)
    private static let lease: Duration = .seconds(30)
    /// How many branches of a participant are looked at in one look.
    private static let batch = 1_000

    /// Makes a sweeper, which does nothing before ``run()`` or ``sweep()``.
    ///
    /// - Parameters:
    ///   - journal: That of the coordinators.
    ///   - participants: Whom to ask.
    ///   - bound: From which age on it ends what is prepared; zero or more. A minute is twice the time that a two-phase commit has by itself.
    ///   - interval: How often it looks, from 10 milliseconds to a day.
    ///   - owner: What it is called in the journal.
    /// - Throws: ``TransactionError`` with code `invalidDefinition`, which quotes the value.
    public init(
        _ journal: any TransactionJournal, participants: [any TwoPhaseParticipant], bound: Duration = .seconds(60),
        interval: Duration = .seconds(10), owner: OwnerID = .unique(), clock: any MonotonicClock = HostClock(),
        wall: any WallClock = SystemWallClock()
    ) throws(TransactionError) {
        let defect =
            SettingRange.defect(of: bound, in: .zero ... .seconds(31_536_000), as: "the age of an orphan")
            ?? SettingRange.defect(
                of: interval, in: .milliseconds(10) ... .seconds(86_400), as: "the interval of the looks for orphans")
        if let defect { throw TransactionError(.invalidDefinition, defect) }
        self.journal = journal
        self.participants = participants
        self.bound = bound
        self.interval = interval
        self.owner = owner
        self.clock = clock
        self.wall = wall
    }

    /// What the latest look has found and done; `nil` before the first.
    public var report: Report? { self.latest.withLock { $0 } }

    /// What each look finds and does from here on.
    ///
    /// - Parameter capacity: How many reports are kept for a listener that is slow; older ones are dropped.
    public func reports(keepingNewest capacity: Int = 100) -> AsyncStream<Report> {
        self.hub.listen(keepingNewest: capacity)
    }

    /// Looks again and again, until graceful shutdown or cancellation.
    public func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                _ = await self.sweep()
                try await self.clock.sleep(for: self.interval)
            }
        }
    }

    /// Looks once.
    ///
    /// - Returns: What it has found and done. What failed is looked at again the next time.
    /// - Complexity: One request to each participant; for each branch that is old enough a read of the journal, one write if there is no
    ///   decision, and a request to its participant.
    @discardableResult
    public func sweep() async -> Report {
        var report = Report()
        var token: FencingToken?
        for participant in self.participants {
            let branches: [PreparedBranch]
            do throws(TwoPhaseError) {
                branches = try await participant.inDoubt(upTo: Self.batch)
            } catch {
                report.failures[participant.name] = "\(error)"
                continue
            }
            report.inDoubt += branches.count
            for branch in branches {
                report.oldest = max(report.oldest ?? .zero, branch.age)
                guard branch.age >= self.bound, !Task.isCancelled else { continue }
                // One that cannot be ended does not keep the others waiting.
                do {
                    try await self.end(branch.transaction, at: participant, &token, &report)
                } catch let error as TwoPhaseError {
                    report.failures[participant.name] = "\(branch.transaction): \(error)"
                } catch {
                    report.failures["journal"] = "\(branch.transaction): \(error)"
                }
            }
        }
        if let token { _ = try? await self.journal.renew(token, for: .zero) }
        let found = report
        self.latest.withLock { $0 = found }
        self.hub.send(found)
        return report
    }

    private func end(
        _ id: TransactionID, at participant: any TwoPhaseParticipant, _ token: inout FencingToken?,
        _ report: inout Report
    ) async throws {
        if try await self.isDecided(id, at: participant, &token) {
            try await participant.commit(id)
            report.committed += 1
        } else {
            try await participant.abort(id)
            report.aborted += 1
        }
    }

    /// Whether it was decided that a transaction commits. If nothing was decided, it is now, that it does not.
    private func isDecided(
        _ id: TransactionID, at participant: any TwoPhaseParticipant, _ token: inout FencingToken?
    ) async throws(TransactionError) -> Bool {
        let record: TransactionRecord
        if let present = try await self.journal.read(id) {
            record = present
        } else {
            let present = try await self.enlisted(&token)
            switch try await self.journal.begin(self.orphan(id, participant.name), by: present) {
            case .begun: return false
            // It was decided just now.
            case .exists(let other): record = other
            }
        }
        // A person may have closed a commit that was stuck as not done.
        return record.summary.state != .compensated && record.summary.kind == .twoPhase
            && record.outline.contains { $0.name == participant.name }
    }

    private func enlisted(_ token: inout FencingToken?) async throws(TransactionError) -> FencingToken {
        // The lease of the former may be over after a long look.
        if let present = token, try await self.journal.renew(present, for: Self.lease) != nil { return present }
        let new = try await self.journal.enlist(self.owner, for: Self.lease)
        token = new
        return new
    }

    private func orphan(_ id: TransactionID, _ name: StepName) -> NewTransaction {
        let now = self.wall.now
        let events: [JournalEvent] = [
            .turnedBack(.timedOut, reason: "\"\(name)\" had prepared it, and nobody had decided within \(self.bound)"),
            .finished(.compensated),
        ]
        return NewTransaction(
            id: id, kind: .twoPhase, label: Self.key.name, definition: Self.key, outline: [], input: [], timeout: nil,
            startedAt: now, entries: events.map { JournalEntry(at: now, $0) }, state: .compensated)
    }
}
