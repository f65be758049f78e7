import ColonyCaches
import ColonyCore
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The changes of a daemon's cache, for all who listen in this process, over one connection.
///
/// The connection is made when the first listener comes, and made anew whenever it breaks, until the tier is closed or gone.
/// The daemon begins each with a gap, because nobody knows what was missed in between.
final class InvalidationChannel: Sendable {
    /// How long the daemon may be silent before the connection counts as dead: three of its heartbeats.
    static let silence: Duration = .seconds(45)
    /// How many changes are kept for a listener that is behind. One more, and all of them are replaced by a gap.
    private static let queueLimit = 1_024

    private struct State {
        var queues: [UInt64: InvalidationQueue] = [:]
        var nextNumber: UInt64 = 0
        /// Whether a connection stands and has begun to tell.
        var isLive = false
        var isClosed = false
        var task: Task<Void, Never>?
    }

    private let state = Mutex(State())
    private let connection: DaemonConnection
    private let path: String
    private let clock: any MonotonicClock

    /// - Parameters:
    ///   - connection: One whose requests fail after ``silence`` without a byte.
    ///   - writer: Whose changes are left out: those of this tier.
    init(_ connection: DaemonConnection, writer: String, clock: any MonotonicClock) {
        self.connection = connection
        self.path = "/v1/invalidations?writer=\(writer)"
        self.clock = clock
    }

    func listen() -> CacheInvalidations {
        let queue = InvalidationQueue(limit: Self.queueLimit)
        let number = self.state.withLock { state -> UInt64? in
            if state.isClosed { return nil }
            state.nextNumber += 1
            state.queues[state.nextNumber] = queue
            // Who comes later is told at once; if the connection is down just now, another gap follows.
            if state.isLive { queue.add(.gap) }
            if state.task == nil { state.task = Task { await self.run() } }
            return state.nextNumber
        }
        guard let number else {
            queue.finish()
            return AsyncStream { await queue.next() }
        }
        let leaving = ListenerExit { [weak self] in
            self?.state.withLock { _ = $0.queues.removeValue(forKey: number) }
        }
        return AsyncStream {
            defer { withExtendedLifetime(leaving) {} }
            return await queue.next()
        } onCancel: {
            queue.finish()
            leaving.leave()
        }
    }

    func close() {
        let (queues, task) = self.state.withLock { state in
            state.isClosed = true
            defer { state.queues = [:] }
            return (Array(state.queues.values), state.task)
        }
        task?.cancel()
        for queue in queues { queue.finish() }
    }

    private func publish(_ change: CacheInvalidation) {
        let queues = self.state.withLock { state in
            if change == .gap { state.isLive = true }
            return Array(state.queues.values)
        }
        for queue in queues { queue.add(change) }
    }

    // MARK: The connection

    /// Listens until cancelled, with pauses between attempts that grow up to five seconds.
    private func run() async {
        var random = SystemRandomNumberGenerator()
        var failures = 0
        while !Task.isCancelled {
            do throws(LeaseError) {
                try await self.connection.events(self.path) { event in
                    failures = 0
                    if let change = Self.change(event) { self.publish(change) }
                }
            } catch {
                // The pause below is the answer to every failure: a token that is refused today may be known tomorrow.
            }
            self.state.withLock { $0.isLive = false }
            failures += 1
            let pause = Backoff().delay(after: failures, using: &random)
            guard (try? await self.clock.sleep(for: pause)) != nil else { return }
        }
    }

    private struct Keys: Decodable {
        var keys: [CacheKey]
    }

    /// What an event says. One that cannot be read may say anything, and is taken for a gap.
    static func change(_ event: ServerSentEvent) -> CacheInvalidation? {
        switch event.name {
        case "all": return .all
        case "keys":
            let document = try? JSONDecoder().decode(Keys.self, from: Data(event.data.utf8))
            return document.map { .keys($0.keys) } ?? .gap
        default: return .gap
        }
    }
}

/// The changes that wait for one listener.
final class InvalidationQueue: Sendable {
    private struct State {
        var changes: [CacheInvalidation] = []
        var waiter: CheckedContinuation<CacheInvalidation?, Never>?
        var isFinished = false
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) { self.limit = limit }

    func add(_ change: CacheInvalidation) {
        let waiter = self.state.withLock { state -> CheckedContinuation<CacheInvalidation?, Never>? in
            if state.isFinished { return nil }
            if let waiter = state.waiter {
                state.waiter = nil
                return waiter
            }
            if change == .gap || state.changes.count >= self.limit {
                // A gap says all that waits behind it.
                state.changes = [.gap]
            } else {
                state.changes.append(change)
            }
            return nil
        }
        waiter?.resume(returning: change)
    }

    func finish() {
        let waiter = self.state.withLock { state in
            state.isFinished = true
            state.changes = []
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: nil)
    }

    func next() async -> CacheInvalidation? {
        await withCheckedContinuation { continuation in
            let answer = self.state.withLock { state -> CacheInvalidation?? in
                if !state.changes.isEmpty { return .some(state.changes.removeFirst()) }
                if state.isFinished || state.waiter != nil { return .some(nil) }
                state.waiter = continuation
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }
}

/// Runs a clean-up when told to, or when the last who holds it lets go. Running it twice must be harmless.
private final class ListenerExit: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func leave() { self.body() }

    deinit { self.body() }
}
