import ColonyCore
import ColonyIdentifiers
import Synchronization

/// The generators of the tags that clients ask numbers of, at most ``limit`` of them.
///
/// Each keeps up to two ranges ahead. Where a further tag needs room, the one that nobody has asked for longest is closed,
/// and what remains of its ranges is skipped; one that somebody waits for is never closed.
final class SegmentGenerators: Sendable {
    /// The most tags with a generator.
    static let limit = 1_024

    private struct Entry {
        let generator: SegmentIDGenerator
        var lastUse: UInt64
        var users: Int
    }

    private struct State {
        var entries: [SegmentTag: Entry] = [:]
        var uses: UInt64 = 0
        var isDraining = false
        /// Generators that are being closed, until they are.
        var closing: [UInt64: Task<Void, Never>] = [:]
    }

    private let engine: any SegmentEngine
    private let clock: any MonotonicClock
    private let limit: Int
    private let state = Mutex(State())

    init(engine: any SegmentEngine, clock: any MonotonicClock, limit: Int = SegmentGenerators.limit) {
        self.engine = engine
        self.clock = clock
        self.limit = limit
    }

    /// How many tags have a generator.
    var count: Int { self.state.withLock { $0.entries.count } }

    /// The next numbers of a tag.
    func issue(_ count: Int, of tag: SegmentTag) async throws(Problem) -> [Int64] {
        let generator = try self.enter(tag)
        defer { self.leave(tag) }
        do {
            return try await generator.next(count: count)
        } catch {
            if error.code == .closed { throw .draining }
            throw Problem(error)
        }
    }

    /// Ends the waits and lets no new one begin.
    func drain() {
        self.state.withLock { state in
            state.isDraining = true
            for tag in state.entries.keys { Self.close(tag, &state, from: self) }
        }
    }

    /// Returns when no generator asks the store any more.
    func close() async {
        self.drain()
        for task in self.state.withLock({ Array($0.closing.values) }) { await task.value }
    }

    private func enter(_ tag: SegmentTag) throws(Problem) -> SegmentIDGenerator {
        let result = self.state.withLock { state -> Result<SegmentIDGenerator, Problem> in
            guard !state.isDraining else { return .failure(.draining) }
            state.uses += 1
            if var entry = state.entries[tag] {
                entry.lastUse = state.uses
                entry.users += 1
                state.entries[tag] = entry
                return .success(entry.generator)
            }
            if state.entries.count >= self.limit {
                let idle = state.entries.filter { $0.value.users == 0 }
                guard let oldest = idle.min(by: { $0.value.lastUse < $1.value.lastUse }) else {
                    return .failure(
                        Problem(.tooManyWaiters, "numbers of \(state.entries.count) tags are waited for already"))
                }
                Self.close(oldest.key, &state, from: self)
            }
            let configuration = SegmentIDConfiguration(
                requestLimit: .seconds(3), waitLimit: IdentifierService.longestWait)
            let generator = SegmentIDGenerator(
                tag, on: self.engine, configuration: configuration, clock: self.clock)
            state.entries[tag] = Entry(generator: generator, lastUse: state.uses, users: 1)
            return .success(generator)
        }
        return try result.get()
    }

    private func leave(_ tag: SegmentTag) {
        self.state.withLock { state in state.entries[tag]?.users -= 1 }
    }

    private static func close(_ tag: SegmentTag, _ state: inout State, from owner: SegmentGenerators) {
        guard let generator = state.entries.removeValue(forKey: tag)?.generator else { return }
        state.uses += 1
        let number = state.uses
        state.closing[number] = Task { [weak owner] in
            await generator.close()
            owner?.state.withLock { state in state.closing[number] = nil }
        }
    }
}
