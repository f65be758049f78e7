// Why requests gather
//
// A call to a server costs the client far more than the request in it: a task, a timer, a wake-up, a system call. So at
// most a few calls to a server are under way at a time, and what is asked meanwhile goes together in the next one: the
// busier the store, the larger the calls. It is the same idea as a group commit, and needs no waiting on purpose.

import ColonyCaches
import ColonyCore
import Synchronization

/// Who asked a lane for something, and is told what became of it. Answers come on any task, one call for each request.
protocol LaneClient: AnyObject, Sendable {
    func found(_ answer: Result<CachedBytes?, ReplicaFailure>, at position: Int)
    func compared(_ answer: Result<CompareAndSet, ReplicaFailure>, at position: Int)
    /// There is no answer yet after the time in which one is expected; it may still come.
    func isSlow(at position: Int)
}

/// All requests of this process to one server.
final class ServerLane: Sendable {
    struct Look: Sendable {
        let key: CacheKey
        let deadline: MonotonicInstant
        let client: any LaneClient
        let position: Int
    }

    struct Change: Sendable {
        let comparison: CacheComparison
        let deadline: MonotonicInstant
        let client: any LaneClient
        let position: Int
    }

    private struct State {
        var looks: [Look] = []
        var changes: [Change] = []
        var lookCalls = 0
        var changeCalls = 0
        var failures = 0
        var suspectedUntil: MonotonicInstant?
    }

    let server: NodeID
    let tier: any CacheTier
    private let bulk: (any BulkComparingTier)?
    private let clock: any MonotonicClock
    private let hedge: Duration
    private let suspicion: Backoff
    private let callLimit: Int
    private let waitingLimit: Int
    private let batchLimit: Int
    private let state = Mutex(State())

    init(_ server: NodeID, _ tier: any CacheTier, _ settings: QuorumSettings) {
        self.server = server
        self.tier = tier
        self.bulk = tier as? any BulkComparingTier
        self.clock = settings.clock
        self.hedge = settings.hedge
        self.suspicion = settings.suspicion
        self.callLimit = settings.callsPerServer
        self.waitingLimit = settings.waitingPerServer
        self.batchLimit = max(1, min(tier.limits.keysPerCall, 512))
    }

    /// Whether the server has failed lately, so that others are asked first.
    func isSuspected(at now: MonotonicInstant) -> Bool {
        self.state.withLock { state in state.suspectedUntil.map { now < $0 } ?? false }
    }

    // MARK: Asking

    func look(_ look: Look) {
        enum Next { case wait, refuse, start([Look]) }
        let next = self.state.withLock { state -> Next in
            if state.looks.count >= self.waitingLimit { return .refuse }
            state.looks.append(look)
            return self.takeLooks(&state).map { .start($0) } ?? .wait
        }
        switch next {
        case .wait: break
        case .refuse: look.client.found(.failure(self.full), at: look.position)
        case .start(let batch): self.start(batch)
        }
    }

    func compare(_ change: Change) {
        enum Next { case wait, refuse, start([Change]) }
        let next = self.state.withLock { state -> Next in
            if state.changes.count >= self.waitingLimit { return .refuse }
            state.changes.append(change)
            return self.takeChanges(&state).map { .start($0) } ?? .wait
        }
        switch next {
        case .wait: break
        case .refuse: change.client.compared(.failure(self.full), at: change.position)
        case .start(let batch): self.start(batch)
        }
    }

    private var full: ReplicaFailure {
        ReplicaFailure(self.server, .overloaded, "\(self.waitingLimit) requests wait already")
    }

    private func takeLooks(_ state: inout State) -> [Look]? {
        guard state.lookCalls < self.callLimit, !state.looks.isEmpty else { return nil }
        state.lookCalls += 1
        if state.looks.count <= self.batchLimit {
            defer { state.looks = [] }
            return state.looks
        }
        defer { state.looks.removeFirst(self.batchLimit) }
        return Array(state.looks.prefix(self.batchLimit))
    }

    private func takeChanges(_ state: inout State) -> [Change]? {
        guard state.changeCalls < self.callLimit, !state.changes.isEmpty else { return nil }
        state.changeCalls += 1
        if state.changes.count <= self.batchLimit {
            defer { state.changes = [] }
            return state.changes
        }
        defer { state.changes.removeFirst(self.batchLimit) }
        return Array(state.changes.prefix(self.batchLimit))
    }

    // MARK: Calling

    private func start(_ batch: [Look]) {
        let tier = self.tier
        LaneCall.run(
            until: Self.deadline(batch, \.deadline), slowAfter: self.hedge, on: self.clock,
            onSlow: { for look in batch { look.client.isSlow(at: look.position) } },
            { () async throws(CacheError) in
                try await tier.get(batch.count == 1 ? [batch[0].key] : batch.map(\.key))
            },
            then: { result in
                let next = self.state.withLock { state -> [Look]? in
                    state.lookCalls -= 1
                    self.judge(result, &state)
                    return self.takeLooks(&state)
                }
                // The next call goes out before answers are worked on.
                if let next { self.start(next) }
                switch result {
                case .success(let answers) where answers.count == batch.count:
                    for (look, answer) in zip(batch, answers) { look.client.found(.success(answer), at: look.position) }
                case .success(let answers):
                    let failure = self.miscounted(answers.count, batch.count)
                    for look in batch { look.client.found(.failure(failure), at: look.position) }
                case .failure(let error):
                    let failure = self.failure(error)
                    for look in batch { look.client.found(.failure(failure), at: look.position) }
                }
            })
    }

    private func start(_ batch: [Change]) {
        LaneCall.run(
            until: Self.deadline(batch, \.deadline), slowAfter: self.hedge, on: self.clock,
            onSlow: { for change in batch { change.client.isSlow(at: change.position) } },
            { () async throws(CacheError) in try await self.compare(batch.map(\.comparison)) },
            then: { result in
                let next = self.state.withLock { state -> [Change]? in
                    state.changeCalls -= 1
                    self.judge(result, &state)
                    return self.takeChanges(&state)
                }
                if let next { self.start(next) }
                switch result {
                case .success(let answers) where answers.count == batch.count:
                    for (change, answer) in zip(batch, answers) {
                        change.client.compared(answer.mapError(self.failure), at: change.position)
                    }
                case .success(let answers):
                    let failure = self.miscounted(answers.count, batch.count)
                    for change in batch { change.client.compared(.failure(failure), at: change.position) }
                case .failure(let error):
                    let failure = self.failure(error)
                    for change in batch { change.client.compared(.failure(failure), at: change.position) }
                }
            })
    }

    private static func deadline<Request>(
        _ batch: [Request], _ path: KeyPath<Request, MonotonicInstant>
    ) -> MonotonicInstant {
        batch.reduce(batch[0][keyPath: path]) { min($0, $1[keyPath: path]) }
    }

    private func compare(_ entries: [CacheComparison]) async throws(CacheError) -> [Result<CompareAndSet, CacheError>] {
        if let bulk { return try await bulk.compareAndSet(entries) }
        if entries.count == 1 { return [await Self.compare(entries[0], on: self.tier)] }
        let tier = self.tier
        let answers = await withTaskGroup(of: (Int, Result<CompareAndSet, CacheError>).self) { group in
            for (index, entry) in entries.enumerated() {
                group.addTask { (index, await Self.compare(entry, on: tier)) }
            }
            var answers = [Result<CompareAndSet, CacheError>?](repeating: nil, count: entries.count)
            for await (index, answer) in group { answers[index] = answer }
            return answers
        }
        return answers.compactMap { $0 }
    }

    private static func compare(
        _ entry: CacheComparison, on tier: any CacheTier
    ) async -> Result<CompareAndSet, CacheError> {
        do throws(CacheError) {
            return .success(try await tier.compareAndSet(entry.entry, expecting: entry.version))
        } catch {
            return .failure(error)
        }
    }

    // MARK: Judging

    private func judge<Answer>(_ result: Result<Answer, CacheError>, _ state: inout State) {
        switch result {
        case .success:
            state.failures = 0
            state.suspectedUntil = nil
        case .failure(let error) where error.code == .unavailable || error.code == .closed:
            state.failures = min(state.failures + 1, 64)
            let bound = self.suspicion.bound(after: state.failures)
            state.suspectedUntil = self.clock.now.advanced(byNanoseconds: bound)
        case .failure: break
        }
    }

    private func failure(_ error: CacheError) -> ReplicaFailure {
        let kind: ReplicaFailure.Kind =
            switch error.code {
            case .unavailable, .cancelled: .unavailable
            case .overloaded: .overloaded
            default: .refused
            }
        return ReplicaFailure(self.server, kind, error.description)
    }

    private func miscounted(_ answered: Int, _ asked: Int) -> ReplicaFailure {
        ReplicaFailure(self.server, .unavailable, "\(answered) answers came for \(asked) questions")
    }
}
