import ColonyCoordination
import ColonyCore
import Synchronization

/// The requests for permits that wait here, in the order of their coming. Of each semaphore only the first has a place in the
/// store; whoever looks wants to see all, and an operator may send each away.
final class WaitingRequests: Sendable {
    struct Waiter: Sendable {
        let owner: OwnerID
        let permits: Int
        let since: MonotonicInstant
    }

    private struct Entry {
        let waiter: Waiter
        let cancel: @Sendable () -> Void
        var isEvicted = false
    }

    private struct State {
        var entries: [LeaseName: [UInt64: Entry]] = [:]
        var lastNumber: UInt64 = 0
    }

    private let state = Mutex(State())

    /// Runs the wait of a request, which is cancelled with the calling task or by an eviction.
    ///
    /// - Returns: What `wait` returned, and whether the request was evicted.
    func run<Value: Sendable>(
        _ request: PermitRequest, since: MonotonicInstant, _ wait: @escaping @Sendable () async -> Value
    ) async -> (value: Value, isEvicted: Bool) {
        let task = Task { await wait() }
        let waiter = Waiter(owner: request.owner, permits: request.permits, since: since)
        let number = self.state.withLock { state in
            state.lastNumber += 1
            state.entries[request.name, default: [:]][state.lastNumber] = Entry(waiter: waiter) { task.cancel() }
            return state.lastNumber
        }
        let value = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            task.cancel()
        }
        let isEvicted = self.state.withLock { state in
            let entry = state.entries[request.name]?.removeValue(forKey: number)
            if state.entries[request.name]?.isEmpty == true { state.entries[request.name] = nil }
            return entry?.isEvicted ?? false
        }
        return (value, isEvicted)
    }

    /// Those who wait for permits of `name`, the longest wait first.
    ///
    /// - Complexity: O(*n* log *n*) in their number.
    func waiters(for name: LeaseName) -> [Waiter] {
        self.state.withLock { state in
            (state.entries[name] ?? [:]).sorted { $0.key < $1.key }.map(\.value.waiter)
        }
    }

    /// Ends the waits of an owner.
    ///
    /// - Returns: Whether there was one.
    func evict(_ owner: OwnerID, of name: LeaseName) -> Bool {
        let cancels = self.state.withLock { state -> [@Sendable () -> Void] in
            let numbers = (state.entries[name] ?? [:]).filter { $0.value.waiter.owner == owner }.map(\.key)
            return numbers.compactMap { number in
                state.entries[name]?[number]?.isEvicted = true
                return state.entries[name]?[number]?.cancel
            }
        }
        for cancel in cancels { cancel() }
        return !cancels.isEmpty
    }
}
