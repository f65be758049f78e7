import ColonyCaches
import ColonyCore
import Synchronization

/// How fast those who wait for one load go on when it is done.
public enum LoadingWorkload {
    /// Every workload, in the order in which a report lists them.
    public static var all: [Workload] { [self.release] }

    private static var release: Workload {
        Workload(
            name: "single-flight",
            title: "10,000 tasks wait for one load of a LoadingCache: from its end until the last has its value",
            target: .atMost(10, "ms")
        ) { workload, options in
            let waiters = options.count(10_000, atLeast: 100)
            var times: [Double] = []
            var bare: [Double] = []
            for round in 0..<9 {
                times.append(try await Self.once(waiters, clock: options.clock))
                bare.append(try await Self.bare(waiters, clock: options.clock))
                options.progress(workload.name, Double(round + 1) / 9)
            }
            times.sort()
            bare.sort()
            return Measurement(
                workload: workload.name, title: workload.title, figure: times[times.count / 2], unit: "ms",
                count: waiters * times.count, spread: times[0]...times[times.count - 1],
                facts: [
                    .init("waiters", Double(waiters), "tasks"),
                    .init("as many bare continuations, resumed in a loop", bare[bare.count / 2], "ms"),
                ], target: workload.target)
        }
    }

    private static func once(_ waiters: Int, clock: any MonotonicClock) async throws -> Double {
        let gate = LoadGate()
        let cache = try LoadingCache<Int, Int>(LoadingOptions(.count(10))) { key in
            await gate.pass()
            return key
        }
        let last = LatestInstant()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<waiters {
                group.addTask {
                    guard try await cache.value(for: 1) == 1 else { throw WorkloadError("another value was loaded") }
                    last.note(clock.now)
                }
            }
            let deadline = clock.now.advanced(by: .seconds(60))
            while cache.waiters(for: 1) < waiters {
                guard clock.now < deadline else { throw WorkloadError("not all tasks came to wait within a minute") }
                await Task.yield()
            }
            let opened = clock.now
            gate.open()
            try await group.waitForAll()
            guard cache.loadStatistics.loads == 1 else {
                throw WorkloadError("\(cache.loadStatistics.loads) loads were made for one key")
            }
            return Double(opened.duration(to: last.value).clampedNanoseconds) / 1e6
        }
    }

    /// The same with nothing but continuations: what the runtime takes for it, below which no cache can come.
    private static func bare(_ waiters: Int, clock: any MonotonicClock) async throws -> Double {
        let gates = (0..<waiters).map { _ in LoadGate() }
        let last = LatestInstant()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for gate in gates {
                group.addTask {
                    await gate.pass()
                    last.note(clock.now)
                }
            }
            let deadline = clock.now.advanced(by: .seconds(60))
            while !gates.allSatisfy(\.isWaitedAt) {
                guard clock.now < deadline else { throw WorkloadError("not all tasks came to wait within a minute") }
                await Task.yield()
            }
            let opened = clock.now
            for gate in gates { gate.open() }
            try await group.waitForAll()
            return Double(opened.duration(to: last.value).clampedNanoseconds) / 1e6
        }
    }

    /// Holds one task up until it is opened.
    private final class LoadGate: Sendable {
        private let state = Mutex<(isOpen: Bool, waiter: UnsafeContinuation<Void, Never>?)>((false, nil))

        func pass() async {
            await withUnsafeContinuation { continuation in
                let isOpen = self.state.withLock { state in
                    if !state.isOpen { state.waiter = continuation }
                    return state.isOpen
                }
                if isOpen { continuation.resume() }
            }
        }

        var isWaitedAt: Bool { self.state.withLock { $0.waiter != nil } }

        func open() {
            let waiter = self.state.withLock { state in
                state.isOpen = true
                defer { state.waiter = nil }
                return state.waiter
            }
            waiter?.resume()
        }
    }

    /// The latest of many instants.
    private final class LatestInstant: Sendable {
        private let nanoseconds = Atomic<Int64>(.min)

        func note(_ instant: MonotonicInstant) { self.nanoseconds.max(instant.nanoseconds, ordering: .relaxed) }
        var value: MonotonicInstant { MonotonicInstant(nanoseconds: self.nanoseconds.load(ordering: .relaxed)) }
    }
}
