#if Etcd
internal import ColonyCore
internal import FoundationEssentials
internal import Synchronization

/// The grants that this engine has to end when their time has come.
///
/// The server counts whole seconds, and from two up. Between that and what was asked for, the engine that wrote a grant last ends
/// it by deleting its key, unless the key has changed since: then another engine has renewed it and answers for it. A grant whose
/// writing was not answered stands here too, because it may be there.
final class Custody: Sendable {
    /// What is known of a grant that was written or may have been.
    struct Entry {
        var record: GrantRecord
        /// The revisions of the key, or `nil` while they are in doubt.
        var revisions: (created: Int64, modified: Int64)?
        fileprivate var place: DeadlineHeap<Data>.Entry
        fileprivate var failures = 0
    }

    private struct State {
        var entries: [Data: Entry] = [:]
        var heap = DeadlineHeap<Data>()
        var nap: OneShotSignal?
        var napEnd = MonotonicInstant(nanoseconds: .min)
        var isRunning = false
        var isClosed = false
    }

    private let client: EtcdClient
    private let id: String
    private let clock: any MonotonicClock
    private let state = Mutex(State())
    private static let together = 32

    init(_ client: EtcdClient, id: String) {
        self.client = client
        self.id = id
        self.clock = client.clock
    }

    /// Notes what is about to be written, so that it ends in time even if the answer is lost.
    ///
    /// A grant that is known is left as it is: it may yet turn out that nothing was written.
    func expect(_ key: Data, _ record: GrantRecord) {
        self.enter(key, record, nil)
    }

    /// Notes what was written.
    func settle(_ key: Data, _ record: GrantRecord, created: Int64, modified: Int64) {
        self.enter(key, record, (created, modified))
    }

    private func enter(_ key: Data, _ record: GrantRecord, _ revisions: (created: Int64, modified: Int64)?) {
        let signal = self.state.withLock { state -> OneShotSignal? in
            if let present = state.entries[key] {
                if let known = present.revisions {
                    guard let revisions, revisions.modified > known.modified else { return nil }
                }
                state.heap.remove(present.place)
            }
            let place = state.heap.insert(key, at: record.end.monotonic)
            state.entries[key] = Entry(record: record, revisions: revisions, place: place)
            return Self.wake(&state, for: record.end.monotonic)
        }
        signal?.fire()
        self.start()
    }

    /// Forgets what was not written after all.
    func retract(_ key: Data) {
        self.state.withLock { state in
            guard let present = state.entries[key], present.revisions == nil else { return }
            state.heap.remove(present.place)
            state.entries[key] = nil
        }
    }

    /// Forgets a grant that is over, and no later one.
    func forget(_ key: Data, created: Int64) {
        self.state.withLock { state in
            guard let present = state.entries[key], present.revisions?.created == created else { return }
            state.heap.remove(present.place)
            state.entries[key] = nil
        }
    }

    /// Forgets what turned out not to be the latest writing of a grant.
    func forget(_ key: Data, modified: Int64) {
        self.drop(key, modified)
    }

    /// What was written last and has not run out.
    func known(_ key: Data, at now: MonotonicInstant) -> (record: GrantRecord, created: Int64, modified: Int64)? {
        self.state.withLock { state in
            guard let entry = state.entries[key], let revisions = entry.revisions, entry.record.end.monotonic > now
            else { return nil }
            return (entry.record, revisions.created, revisions.modified)
        }
    }

    var count: Int { self.state.withLock { $0.entries.count } }

    func close() {
        let nap = self.state.withLock { state in
            state.isClosed = true
            return state.nap
        }
        nap?.fire()
    }

    private static func wake(_ state: inout State, for deadline: MonotonicInstant) -> OneShotSignal? {
        deadline < state.napEnd ? state.nap : nil
    }
}

// MARK: Ending grants

extension Custody {
    private func start() {
        let mustStart = self.state.withLock { state -> Bool in
            if state.isRunning || state.isClosed { return false }
            state.isRunning = true
            return true
        }
        guard mustStart else { return }
        Task(executorPreference: EtcdLink.executor) { await self.run() }
    }

    private func run() async {
        while true {
            let nap = OneShotSignal()
            let (due, end) = self.state.withLock { state -> ([Data], MonotonicInstant?) in
                state.nap = nil
                if state.isClosed || state.heap.isEmpty {
                    state.isRunning = false
                    return ([], nil)
                }
                let now = self.clock.now
                var due: [Data] = []
                while due.count < Self.together, let place = state.heap.popDue(at: now) { due.append(place.value) }
                let end = state.heap.earliest ?? now
                if due.isEmpty {
                    state.nap = nap
                    state.napEnd = end
                }
                return (due, end)
            }
            guard let end else { return }
            if due.isEmpty {
                _ = try? await nap.wait(until: end, on: self.clock)
            } else {
                await withDiscardingTaskGroup { group in
                    for key in due { group.addTask { await self.end(key) } }
                }
            }
        }
    }

    /// Ends one grant whose time has come.
    private func end(_ key: Data) async {
        guard let entry = self.state.withLock({ $0.entries[key] }) else { return }
        let modified = entry.revisions?.modified
        do throws(EtcdFailure) {
            var request = WireTxnRequest()
            request.compare = [.modified(key, modified ?? 0)]
            request.success = [.delete(key)]
            request.failure = [.get(key)]
            // With nothing known the comparison holds only if there is no key, and then there is nothing to delete.
            let answer = try await self.client.call(.txn, request)
            let present = answer.succeeded ? nil : answer.responses.first?.responseRange.kvs.first
            guard let present, let record = GrantRecord(present.value), record.custodian == self.id,
                record.state != .waiting
            else {
                self.drop(key, modified)
                return
            }
            // Written by this engine without its knowing: a renewal or a grant whose answer was lost.
            self.replan(key, modified, record, (present.createRevision, present.modRevision))
        } catch {
            self.retry(key, modified)
        }
    }

    private func drop(_ key: Data, _ modified: Int64?) {
        self.state.withLock { state in
            guard let present = state.entries[key], present.revisions?.modified == modified else { return }
            state.heap.remove(present.place)
            state.entries[key] = nil
        }
    }

    private func replan(
        _ key: Data, _ modified: Int64?, _ record: GrantRecord, _ revisions: (created: Int64, modified: Int64)
    ) {
        self.state.withLock { state in
            guard let present = state.entries[key], present.revisions?.modified == modified else { return }
            state.heap.remove(present.place)
            let place = state.heap.insert(key, at: record.end.monotonic)
            state.entries[key] = Entry(record: record, revisions: revisions, place: place)
        }
    }

    private func retry(_ key: Data, _ modified: Int64?) {
        let now = self.clock.now
        self.state.withLock { state in
            guard var present = state.entries[key], present.revisions?.modified == modified else { return }
            state.heap.remove(present.place)
            // Again and again, because the lease at the server may be kept alive for the sake of other grants.
            present.failures += 1
            present.place = state.heap.insert(key, at: now.advanced(by: .milliseconds(50) * min(present.failures, 20)))
            state.entries[key] = present
        }
    }
}
#endif
