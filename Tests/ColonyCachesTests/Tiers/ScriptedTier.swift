import ColonyCaches
import ColonyCore
import ColonyMemory
import Synchronization

/// A shared cache in memory whose calls and whose channel go wrong as a test wants it.
final class ScriptedTier: CacheTier {
    enum Trouble: Sendable {
        case none
        /// Calls throw, and nothing is done.
        case fails(CacheError.Code)
        /// Writes are done, and their answers get lost.
        case losesAnswers
        /// Calls do not answer before they are cancelled.
        case hangs
    }

    enum Channel: Sendable {
        case open
        /// Messages vanish, and nobody notices.
        case silent
        /// There is none: sequences end, and new ones are over at once.
        case cut
    }

    private struct State {
        var trouble = Trouble.none
        var channel = Channel.open
        var gets = 0
        var lookedUp = 0
        var listeners: [Int: AsyncStream<CacheInvalidation>.Continuation] = [:]
        var listenerCount = 0
        var wrongTypes: Set<CacheKey> = []
        /// Answers to look-ups wait for this.
        var gate: OneShotSignal?
        /// Answers to writes wait for this.
        var writeGate: OneShotSignal?
        var heldUp = 0
    }

    let base: MemoryCacheTier
    let hasEcho: Bool
    private let state = Mutex(State())

    /// - Parameter hasEcho: Whether changes of this client itself are told to it.
    init(_ base: MemoryCacheTier, hasEcho: Bool = true) {
        self.base = base
        self.hasEcho = hasEcho
    }

    var guarantee: Guarantee { self.base.guarantee }
    var limits: CacheTierLimits { self.base.limits }

    var gets: Int { self.state.withLock(\.gets) }
    var lookedUp: Int { self.state.withLock(\.lookedUp) }
    var heldUp: Int { self.state.withLock(\.heldUp) }

    func setTrouble(_ trouble: Trouble) { self.state.withLock { $0.trouble = trouble } }
    func setWrongType(_ key: CacheKey) { self.state.withLock { _ = $0.wrongTypes.insert(key) } }

    /// Holds up the answer to the next look-up, which is taken from the store before that.
    func holdNextAnswer() -> OneShotSignal {
        let gate = OneShotSignal()
        self.state.withLock { $0.gate = gate }
        return gate
    }

    /// Holds up the answer to the next write, which is done before that.
    func holdNextWrite() -> OneShotSignal {
        let gate = OneShotSignal()
        self.state.withLock { $0.writeGate = gate }
        return gate
    }

    func setChannel(_ channel: Channel) {
        let ended = self.state.withLock { state in
            state.channel = channel
            guard case .cut = channel else { return [AsyncStream<CacheInvalidation>.Continuation]() }
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for listener in ended { listener.finish() }
    }

    /// Tells this client's listeners of a change, as the store would.
    func tell(_ change: CacheInvalidation) {
        let listeners = self.state.withLock { state -> [AsyncStream<CacheInvalidation>.Continuation] in
            guard case .open = state.channel else { return [] }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener.yield(change) }
    }

    func get(_ keys: [CacheKey]) async throws(CacheError) -> [CachedBytes?] {
        self.state.withLock { state in
            state.gets += 1
            state.lookedUp += keys.count
        }
        try await self.suffer()
        if keys.contains(where: { key in self.state.withLock { $0.wrongTypes.contains(key) } }) {
            throw CacheError(.wrongType, "a list is there")
        }
        let answer = try await self.base.get(keys)
        let gate = self.state.withLock { state in
            if state.gate != nil { state.heldUp += 1 }
            defer { state.gate = nil }
            return state.gate
        }
        do {
            try await gate?.wait()
        } catch {
            throw CacheError(.cancelled, "held up")
        }
        return answer
    }

    func set(_ entries: [CacheWrite]) async throws(CacheError) {
        try await self.writing(entries.map(\.key)) { () async throws(CacheError) -> Void in
            try await self.base.set(entries)
        }
    }

    func delete(_ keys: [CacheKey]) async throws(CacheError) -> Int {
        try await self.writing(keys) { () async throws(CacheError) -> Int in try await self.base.delete(keys) }
    }

    func compareAndSet(_ entry: CacheWrite, expecting version: CacheVersion?) async throws(CacheError) -> CompareAndSet
    {
        try await self.writing([entry.key]) { () async throws(CacheError) -> CompareAndSet in
            try await self.base.compareAndSet(entry, expecting: version)
        }
    }

    func compareAndDelete(_ key: CacheKey, expecting version: CacheVersion) async throws(CacheError) -> Bool {
        try await self.writing([key]) { () async throws(CacheError) -> Bool in
            try await self.base.compareAndDelete(key, expecting: version)
        }
    }

    func invalidations() -> CacheInvalidations? {
        let (stream, continuation) = CacheInvalidations.makeStream()
        let isOpen = self.state.withLock { state in
            if case .cut = state.channel { return false }
            state.listenerCount += 1
            state.listeners[state.listenerCount] = continuation
            return true
        }
        if isOpen { continuation.yield(.gap) } else { continuation.finish() }
        return stream
    }

    func close() async { await self.base.close() }

    private func writing<Answer>(
        _ keys: [CacheKey], _ body: () async throws(CacheError) -> Answer
    ) async throws(CacheError) -> Answer {
        if case .losesAnswers = self.state.withLock(\.trouble) {
            _ = try await body()
            throw CacheError(.unavailable, "the answer got lost")
        }
        try await self.suffer()
        let answer = try await body()
        let gate = self.state.withLock { state in
            if state.writeGate != nil { state.heldUp += 1 }
            defer { state.writeGate = nil }
            return state.writeGate
        }
        do {
            try await gate?.wait()
        } catch {
            throw CacheError(.cancelled, "held up")
        }
        if self.hasEcho { self.tell(.keys(keys)) }
        return answer
    }

    private func suffer() async throws(CacheError) {
        switch self.state.withLock(\.trouble) {
        case .none: return
        case .losesAnswers: throw CacheError(.unavailable, "the answer got lost")
        case .fails(let code): throw CacheError(code, "as the test wants it")
        case .hangs:
            do { try await OneShotSignal().wait() } catch {}
            throw CacheError(.cancelled, "as the test wants it")
        }
    }
}
