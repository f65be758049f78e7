import ColonyConformance
import ColonyCore
import ColonyMemory
import ColonySimulation
import ColonyTransactions
import Synchronization
import Testing

/// What a journal could get wrong.
enum JournalFlaw: String, CaseIterable, Sendable {
    case beginsTwice, beginsForStrangers, appendsForAnybody, saysDoneAlways, appendsInReverse, losesOutputs
    case forgetsTheLastEntry, sameTokenTwice, leasesTooLong, renewsStrangers, tellsNoCancellation, cancelsWhatHasEnded
    case claimsTooMany, claimsAgain, namesNoDefinitions, intervenesTwice, listsFromTheStart, listsInReverse
    case listsOtherStates, countsNothing, waitsIgnoringChanges
}

/// The journal in memory with one flaw.
private final class FlawedJournal: TransactionAdministration {
    private struct State {
        var tokens: [OwnerID: FencingToken] = [:]
        var claimed: [FencingToken: [TransactionRecord]] = [:]
    }

    private let base: MemoryTransactionJournal
    private let clock: any MonotonicClock
    private let flaw: JournalFlaw
    private let state = Mutex(State())

    init(_ flaw: JournalFlaw, clock: any MonotonicClock) {
        self.flaw = flaw
        self.clock = clock
        self.base = MemoryTransactionJournal(clock: clock)
    }

    var guarantee: Guarantee { self.base.guarantee }

    func enlist(_ owner: OwnerID, for lease: Duration) async throws(TransactionError) -> FencingToken {
        if self.flaw == .sameTokenTwice, let token = self.state.withLock({ $0.tokens[owner] }) { return token }
        let isShort = lease >= TransactionLimits.lease.lowerBound && lease < .seconds(60)
        let token = try await self.base.enlist(owner, for: self.flaw == .leasesTooLong && isShort ? lease * 2 : lease)
        self.state.withLock { $0.tokens[owner] = token }
        return token
    }

    func renew(_ coordinator: FencingToken, for lease: Duration) async throws(TransactionError) -> [TransactionID]? {
        let told = try await self.base.renew(coordinator, for: lease)
        switch self.flaw {
        case .renewsStrangers: return told ?? []
        case .tellsNoCancellation: return told.map { _ in [] }
        default: return told
        }
    }

    func begin(
        _ transaction: NewTransaction, by coordinator: FencingToken
    ) async throws(TransactionError) -> BeginOutcome {
        var token = coordinator
        if self.flaw == .beginsForStrangers, try await self.base.renew(token, for: .seconds(600)) == nil {
            token = try await self.base.enlist("stranger", for: .seconds(600))
        }
        let outcome = try await self.base.begin(transaction, by: token)
        return self.flaw == .beginsTwice ? .begun : outcome
    }

    func append(
        _ entries: [JournalEntry], to transaction: TransactionID, state: TransactionState, durability: Durability,
        by coordinator: FencingToken
    ) async throws(TransactionError) -> Bool {
        var (entries, token) = (entries, coordinator)
        switch self.flaw {
        case .appendsInReverse: entries.reverse()
        case .losesOutputs:
            entries = entries.map { entry in
                guard case .completed(let step, _) = entry.event else { return entry }
                return JournalEntry(at: entry.at, .completed(step: step, output: []))
            }
        case .appendsForAnybody: token = try await self.base.read(transaction)?.summary.coordinator ?? token
        default: break
        }
        let isDone = try await self.base.append(
            entries, to: transaction, state: state, durability: durability, by: token)
        return self.flaw == .saysDoneAlways ? true : isDone
    }

    func claim(
        upTo limit: Int, of definitions: Set<DefinitionKey>, by coordinator: FencingToken
    ) async throws(TransactionError) -> ClaimOutcome {
        let isMore = self.flaw == .claimsTooMany && (1..<TransactionLimits.batch).contains(limit)
        var outcome = try await self.base.claim(upTo: isMore ? limit + 1 : limit, of: definitions, by: coordinator)
        if self.flaw == .namesNoDefinitions { outcome.unknown = [] }
        if self.flaw == .claimsAgain {
            let former = self.state.withLock { state in
                state.claimed[coordinator, default: []] += outcome.claimed
                return state.claimed[coordinator, default: []]
            }
            outcome.claimed = former
        }
        return outcome
    }

    func read(_ transaction: TransactionID) async throws(TransactionError) -> TransactionRecord? {
        var record = try await self.base.read(transaction)
        if self.flaw == .forgetsTheLastEntry, record.map({ $0.entries.count > 1 }) == true {
            record?.entries.removeLast()
        }
        return record
    }

    func waitForChange(
        of transaction: TransactionID, since entries: Int, upTo limit: Duration
    ) async throws(TransactionError) {
        if self.flaw == .waitsIgnoringChanges, limit > .zero {
            // A wait is refused once it is cancelled, and never ends otherwise.
            while true {
                guard (try? await HostClock().sleep(for: .milliseconds(20))) != nil else {
                    throw TransactionError(.cancelled, "the wait was cancelled")
                }
            }
        }
        try await self.base.waitForChange(of: transaction, since: entries, upTo: limit)
    }

    func list(
        _ states: Set<TransactionState>, limit: Int, after last: TransactionSummary?
    ) async throws(TransactionError) -> [TransactionSummary] {
        switch self.flaw {
        case .listsFromTheStart:
            // With an end, so that a case need not turn its pages for ever.
            return last == nil ? try await self.base.list(states, limit: limit, after: nil) : []
        case .listsInReverse:
            return try await self.base.list(states, limit: limit, after: last).reversed()
        case .listsOtherStates:
            return try await self.base.list(Set(TransactionState.allCases), limit: limit, after: last)
        default:
            return try await self.base.list(states, limit: limit, after: last)
        }
    }

    func counts() async throws(TransactionError) -> [TransactionState: Int] {
        self.flaw == .countsNothing ? [:] : try await self.base.counts()
    }

    func requestCancellation(of transaction: TransactionID) async throws(TransactionError) -> Bool {
        let isThere = try await self.base.requestCancellation(of: transaction)
        return self.flaw == .cancelsWhatHasEnded ? true : isThere
    }

    func intervene(
        _ entries: [JournalEntry], in transaction: TransactionID, state: TransactionState, after count: Int
    ) async throws(TransactionError) -> Bool {
        let present = try await self.base.read(transaction)?.entries.count ?? count
        return try await self.base.intervene(
            entries, in: transaction, state: state, after: self.flaw == .intervenesTwice ? present : count)
    }
}

private struct FlawedJournalHarness: TransactionJournalHarness {
    private let manualClock = ManualClock()
    private let journal: FlawedJournal
    let timeScale = 1.0
    let effort = 0.1
    let isAlone = true

    init(_ flaw: JournalFlaw) {
        self.journal = FlawedJournal(flaw, clock: self.manualClock)
    }

    var clock: any MonotonicClock { self.manualClock }

    func makeJournal() async throws -> any TransactionAdministration { self.journal }

    func advance(by duration: Duration) async throws {
        self.manualClock.advance(by: duration)
    }
}

@Suite("The promises of journals", .timeLimit(.minutes(5)))
struct JournalFlawTests {
    @Test(arguments: JournalFlaw.allCases)
    func `find each flaw`(flaw: JournalFlaw) async {
        for check in TransactionJournalConformance.cases {
            let outcome = await check.run(on: FlawedJournalHarness(flaw), limit: .seconds(5))
            if case .failed = outcome { return }
        }
        Issue.record("no case has found that the journal \(flaw.rawValue)")
    }
}
