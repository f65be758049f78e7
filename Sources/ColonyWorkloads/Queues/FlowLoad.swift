import ColonyCore
import ColonyQueues
import Synchronization

/// Publishers and a consumer in one process, with the publishers held back so that the backlog stays small.
final class FlowLoad: Sendable {
    private struct State {
        var published = 0
        var handled = 0
        var isOver = false
        var held: [CheckedContinuation<Void, Never>] = []
    }

    private let queue: QueueWorkloads.Queue
    private let backlog: Int
    private let state = Mutex(State())

    /// - Parameter backlog: How many messages may be published and not handled.
    init(_ queue: QueueWorkloads.Queue, backlog: Int) {
        self.queue = queue
        self.backlog = backlog
    }

    var handled: Int { self.state.withLock { $0.handled } }

    /// Publishes and handles until `body` returns, then handles the rest.
    @concurrent
    func run<Result: Sendable>(
        publishers: Int, concurrency: Int, prefetch: Int, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Result {
        var settings = ConsumerSettings()
        settings.prefetch = prefetch
        let consumer = self.queue.consumer(concurrency: concurrency, settings: settings) { _ in self.hasHandled() }
        let result = try await ConsumeLoad.running(consumer) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<publishers { group.addTask { try await self.publish() } }
                let result: Result
                do {
                    result = try await body()
                } catch {
                    self.end()
                    throw error
                }
                self.end()
                try await group.waitForAll()
                return result
            }
        }
        guard consumer.statistics.stale == 0 else {
            throw WorkloadError(
                "\(consumer.statistics.stale) deliveries of a benchmark were over before they were settled")
        }
        return result
    }

    private func publish() async throws {
        while await self.mayPublish() { try await self.queue.publish(PublishLoad.body) }
    }

    /// Waits until the backlog has room.
    ///
    /// - Returns: `false` at the end.
    private func mayPublish() async -> Bool {
        while true {
            let decision = self.state.withLock { state -> Bool? in
                if state.isOver { return false }
                if state.published - state.handled >= self.backlog { return nil }
                state.published += 1
                return true
            }
            if let decision { return decision }
            await withCheckedContinuation { continuation in
                let waits = self.state.withLock { state in
                    guard !state.isOver, state.published - state.handled >= self.backlog else { return false }
                    state.held.append(continuation)
                    return true
                }
                if !waits { continuation.resume() }
            }
        }
    }

    private func hasHandled() {
        let next = self.state.withLock { state in
            state.handled += 1
            return state.held.popLast()
        }
        next?.resume()
    }

    private func end() {
        let held = self.state.withLock { state in
            defer { state.held = [] }
            state.isOver = true
            return state.held
        }
        for continuation in held { continuation.resume() }
    }
}
