import ColonyCore
import Synchronization

/// Tells everybody who looks that something changed, at most ten times a second.
///
/// The engine announces grants, releases, and breaks by whomever; the daemon adds that somebody began or ceased to
/// wait, and that it did something to queues, semaphores, the registry, switches, proxies, transactions, or its cluster. An event says what kind of thing has changed and carries no details: whoever
/// sees one reads what it shows again. So nothing is lost when several
/// changes fall together, and a slow reader gets one event for all that it missed.
final class EventHub: Sendable {
    /// The shortest time between two events.
    static let interval: Duration = .milliseconds(100)
    /// How often an engine that announces nothing is taken to have changed.
    static let pollInterval: Duration = .seconds(2)

    private struct State {
        var streams: [UInt64: AsyncStream<Void>.Continuation] = [:]
        var nextID: UInt64 = 0
        var isClosed = false
    }

    /// What can change.
    enum Subject: String, CaseIterable, Sendable {
        case locks, queues, semaphores, registry, switches, proxies, transactions, cluster
    }

    /// How often each subject has changed; a reader compares it with what it has told.
    struct Changes: Sendable, Equatable {
        fileprivate var counts: [UInt64]

        /// Subjects that have changed since.
        func subjects(since earlier: Changes) -> [Subject] {
            zip(Subject.allCases, zip(self.counts, earlier.counts)).filter { $1.0 != $1.1 }.map(\.0)
        }
    }

    private let state = Mutex(State())
    private let lockChanges = Atomic<UInt64>(0)
    private let queueChanges = Atomic<UInt64>(0)
    private let semaphoreChanges = Atomic<UInt64>(0)
    private let registryChanges = Atomic<UInt64>(0)
    private let switchChanges = Atomic<UInt64>(0)
    private let proxyChanges = Atomic<UInt64>(0)
    private let transactionChanges = Atomic<UInt64>(0)
    private let clusterChanges = Atomic<UInt64>(0)
    private let limit: Int
    private let clock: any MonotonicClock
    private let pokes: AsyncStream<Void>
    private let poker: AsyncStream<Void>.Continuation
    /// An element whenever the first reader has come.
    private let demands: AsyncStream<Void>
    private let demander: AsyncStream<Void>.Continuation

    init(limit: Int, clock: any MonotonicClock) {
        self.limit = limit
        self.clock = clock
        (self.pokes, self.poker) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        (self.demands, self.demander) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    var count: Int { self.state.withLock { $0.streams.count } }

    /// How often each subject has changed by now.
    var changes: Changes {
        Changes(counts: [
            self.lockChanges.load(ordering: .acquiring), self.queueChanges.load(ordering: .acquiring),
            self.semaphoreChanges.load(ordering: .acquiring), self.registryChanges.load(ordering: .acquiring),
            self.switchChanges.load(ordering: .acquiring), self.proxyChanges.load(ordering: .acquiring),
            self.transactionChanges.load(ordering: .acquiring), self.clusterChanges.load(ordering: .acquiring),
        ])
    }

    /// Says that something changed.
    func poke(_ subject: Subject = .locks) {
        switch subject {
        case .locks: self.lockChanges.wrappingAdd(1, ordering: .releasing)
        case .queues: self.queueChanges.wrappingAdd(1, ordering: .releasing)
        case .semaphores: self.semaphoreChanges.wrappingAdd(1, ordering: .releasing)
        case .registry: self.registryChanges.wrappingAdd(1, ordering: .releasing)
        case .switches: self.switchChanges.wrappingAdd(1, ordering: .releasing)
        case .proxies: self.proxyChanges.wrappingAdd(1, ordering: .releasing)
        case .transactions: self.transactionChanges.wrappingAdd(1, ordering: .releasing)
        case .cluster: self.clusterChanges.wrappingAdd(1, ordering: .releasing)
        }
        self.poker.yield()
    }

    /// A stream with an element after each change; it ends on shutdown.
    func subscribe() throws(Problem) -> Subscription {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let result = self.state.withLock { state -> Result<UInt64, Problem> in
            if state.isClosed { return .failure(.draining) }
            guard state.streams.count < self.limit else {
                return .failure(
                    Problem(
                        .tooManyStreams, "\(self.limit) event streams are open already; that is all this server allows")
                )
            }
            state.nextID += 1
            state.streams[state.nextID] = continuation
            return .success(state.nextID)
        }
        // Counted before the watch begins, so that what it finds is told.
        let subscription = Subscription(
            id: try result.get(), events: stream, seen: self.changes, continuation: continuation)
        self.demander.yield()
        return subscription
    }

    struct Subscription: Sendable {
        fileprivate let id: UInt64
        let events: AsyncStream<Void>
        /// What had changed when it began.
        let seen: Changes
        fileprivate let continuation: AsyncStream<Void>.Continuation

        /// Ends ``events``.
        func finish() { self.continuation.finish() }
    }

    func unsubscribe(_ subscription: Subscription) {
        subscription.finish()
        self.state.withLock { $0.streams[subscription.id] = nil }
    }

    /// Ends all streams and lets no new one begin.
    func close() {
        let streams = self.state.withLock { state in
            state.isClosed = true
            return Array(state.streams.values)
        }
        for stream in streams { stream.finish() }
        self.poker.finish()
        self.demander.finish()
    }

    /// Passes changes on until ``close()`` or cancellation.
    func run(watching engine: any LeaseEngine) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.watch(engine) }
            group.addTask { await self.passOn() }
            // Closing ends the passing on, and with it the reason to watch.
            await group.next()
            group.cancelAll()
        }
    }

    /// Watches the engine while anybody reads: an engine that announces its changes to nobody has less to do for each.
    private func watch(_ engine: any LeaseEngine) async {
        if let observed = engine as? any LeaseObservation {
            for await _ in self.demands {
                let changes = observed.changes()
                // For what changed before this watch began and after the reader has read.
                self.poke()
                for await _ in changes {
                    self.poke()
                    // The stream keeps one element meanwhile. Waiting for the next at once would wake a thread at every
                    // grant, which costs more than the grant itself.
                    guard (try? await self.clock.sleep(for: Self.interval)) != nil else { return }
                    if self.count == 0 { break }
                }
            }
            // The engine was closed. Waiting for cancellation keeps the streams open until the server closes them.
            while (try? await self.clock.sleep(for: .seconds(3_600))) != nil {}
        } else {
            while (try? await self.clock.sleep(for: Self.pollInterval)) != nil { self.poke() }
        }
    }

    private func passOn() async {
        for await _ in self.pokes {
            let streams = self.state.withLock { Array($0.streams.values) }
            for stream in streams { stream.yield() }
            guard (try? await self.clock.sleep(for: Self.interval)) != nil else { return }
        }
    }
}
