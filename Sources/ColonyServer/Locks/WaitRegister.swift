import ColonyCore
import Synchronization

/// Why a wait was ended from outside.
enum WaitEnd: Sendable {
    case clientGone
    case draining
}

/// The requests that wait, so that their number is bounded and that all of them can be ended at once.
final class WaitRegister<Name: Hashable & Sendable & CustomStringConvertible>: Sendable {
    /// One waiting request.
    final class Wait: Sendable {
        fileprivate struct State {
            var reason: WaitEnd?
            var cancel: (@Sendable () -> Void)?
        }
        fileprivate let state = Mutex(State())
        fileprivate let name: Name

        fileprivate init(name: Name) {
            self.name = name
        }

        /// Why the wait was ended, or `nil` if nobody ended it.
        var reason: WaitEnd? { self.state.withLock { $0.reason } }

        /// Ends the wait. The first reason stays.
        func end(_ reason: WaitEnd) {
            let cancel = self.state.withLock { state -> (@Sendable () -> Void)? in
                if state.reason == nil { state.reason = reason }
                return state.cancel
            }
            cancel?()
        }

        /// Says how to end the wait; done at once if it was ended before.
        func onEnd(_ cancel: @escaping @Sendable () -> Void) {
            let isEnded = self.state.withLock { state in
                state.cancel = cancel
                return state.reason != nil
            }
            if isEnded { cancel() }
        }
    }

    private struct State {
        var waits: [ObjectIdentifier: Wait] = [:]
        var counts: [Name: Int] = [:]
        var isDraining = false
    }

    private let state = Mutex(State())
    private let limit: Int
    private let limitPerName: Int

    init(limit: Int, limitPerName: Int) {
        self.limit = limit
        self.limitPerName = limitPerName
    }

    var count: Int { self.state.withLock { $0.waits.count } }
    var isDraining: Bool { self.state.withLock { $0.isDraining } }

    /// Enters a wait; ``leave(_:)`` must follow.
    func enter(_ name: Name) throws(Problem) -> Wait {
        let wait = Wait(name: name)
        let problem = self.state.withLock { state -> Problem? in
            if state.isDraining { return .draining }
            guard state.waits.count < self.limit else {
                return Problem(.tooManyWaiters, "\(self.limit) requests wait already; that is all this server allows")
            }
            let count = state.counts[name, default: 0]
            guard count < self.limitPerName else {
                return Problem(
                    .tooManyWaiters,
                    "\(self.limitPerName) requests wait for \(NameRules.quoted(name.description)) already; "
                        + "that is all this server allows for one name")
            }
            state.counts[name] = count + 1
            state.waits[ObjectIdentifier(wait)] = wait
            return nil
        }
        if let problem { throw problem }
        return wait
    }

    func leave(_ wait: Wait) {
        self.state.withLock { state in
            guard state.waits.removeValue(forKey: ObjectIdentifier(wait)) != nil else { return }
            if let count = state.counts[wait.name], count > 1 {
                state.counts[wait.name] = count - 1
            } else {
                state.counts[wait.name] = nil
            }
        }
    }

    /// Runs something that waits, and ends it by cancellation when the client goes away, when the server drains, or when the
    /// task is cancelled.
    ///
    /// - Returns: What it gave, and why it was ended from outside, if it was.
    func run<Value: Sendable>(
        for name: Name, client: Client, _ body: @escaping @Sendable () async -> Value
    ) async throws(Problem) -> (value: Value, end: WaitEnd?) {
        let wait = try self.enter(name)
        defer { self.leave(wait) }
        let task = Task { await body() }
        wait.onEnd { task.cancel() }
        client.whenGone { wait.end(.clientGone) }
        let value = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            wait.end(.draining)
        }
        client.stopWatching()
        return (value, wait.reason)
    }

    /// Ends every wait and lets no new one begin.
    func drain() {
        let waits = self.state.withLock { state in
            state.isDraining = true
            return Array(state.waits.values)
        }
        for wait in waits { wait.end(.draining) }
    }
}

extension Problem {
    static var draining: Problem {
        Problem(.draining, "the server is shutting down; ask again, here after its restart or elsewhere")
    }
}
