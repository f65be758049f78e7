import ColonyCore
import Synchronization

/// The live subscribers of a ``Topics`` object, and the pump that reads the log once for all of them.
///
/// The pump reads from a *position*, and a page counts only if nobody has joined since it was asked for: whoever joins may want other
/// topics than were asked for, or what lies before the position. In the latter case the position goes back, and those who were there
/// before skip what they have had. So a subscriber is given what comes after the place where it has joined, without gap or duplicate.
///
/// One task, which begins with the first subscriber and ends with the last. An engine that cannot be reached is asked again, with growing
/// pauses, from the same position.
final class TopicDesk: Sendable {
    private struct Live {
        let inbox: TopicInbox
        /// What it has had already.
        var after: TopicOffset
    }

    private struct State {
        var live: [Int: Live] = [:]
        var trie = TopicTrie<Int>()
        /// How many want what.
        var patterns: [TopicPattern: Int] = [:]
        var position = TopicOffset(rawValue: 0)
        /// Changes with each that joins.
        var generation = 0
        var lastNumber = 0
        var pump: Task<Void, Never>?
        var rest: Task<Void, Never>?
    }

    /// A page to be read.
    private struct Request {
        let pattern: TopicPattern
        let position: TopicOffset
        let generation: Int
    }

    private let engine: any TopicEngine
    private let clock: any MonotonicClock
    private let state = Mutex(State())

    /// How long the pump waits for news at once.
    private static let longestRest: Duration = .seconds(30)

    init(_ engine: any TopicEngine, _ clock: any MonotonicClock) {
        self.engine = engine
        self.clock = clock
    }

    /// How many are live, and whether the pump runs, for tests.
    var standing: (live: Int, isPumping: Bool) { self.state.withLock { ($0.live.count, $0.pump != nil) } }

    /// Hands a subscriber what comes after an offset, from now on.
    ///
    /// - Returns: A number to leave by.
    func join(_ inbox: TopicInbox, after offset: TopicOffset) -> Int {
        self.state.withLock { state in
            if state.live.isEmpty {
                state.position = offset
            } else if offset < state.position {
                for number in state.live.keys {
                    let after = state.live[number]?.after ?? offset
                    state.live[number]?.after = max(after, state.position)
                }
                state.position = offset
                state.rest?.cancel()
            }
            state.lastNumber += 1
            state.generation += 1
            let number = state.lastNumber
            state.live[number] = Live(inbox: inbox, after: offset)
            state.trie.insert(number, at: inbox.pattern)
            state.patterns[inbox.pattern, default: 0] += 1
            if state.pump == nil { state.pump = Task { await self.run() } }
            return number
        }
    }

    func leave(_ number: Int) {
        self.state.withLock { state in
            guard let live = state.live.removeValue(forKey: number) else { return }
            state.trie.remove(number, from: live.inbox.pattern)
            let count = (state.patterns[live.inbox.pattern] ?? 1) - 1
            state.patterns[live.inbox.pattern] = count == 0 ? nil : count
            if state.live.isEmpty {
                state.pump?.cancel()
                state.rest?.cancel()
                state.pump = nil
            }
        }
    }

    // MARK: The pump

    private func run() async {
        var failures = 0
        var generator = SystemRandomNumberGenerator()
        while !Task.isCancelled, let request = self.request() {
            do throws(QueueError) {
                let page = try await self.engine.read(
                    request.pattern, after: request.position, limit: MessageLimits.batch)
                failures = 0
                if self.hand(out: page, request), page.isAtEnd { await self.rest(after: page.next, request) }
            } catch {
                if Task.isCancelled { return }
                guard Self.isTransient(error) else { return self.fail(error) }
                failures += 1
                let pause = Backoff(initial: .milliseconds(20), maximum: .seconds(5))
                    .delay(after: failures, using: &generator)
                try? await self.clock.sleep(for: pause)
            }
        }
    }

    static func isTransient(_ error: QueueError) -> Bool {
        [.unavailable, .cancelled, .storageFailed].contains(error.code)
    }

    private func request() -> Request? {
        self.state.withLock { state in
            if state.live.isEmpty { return nil }
            let only = state.patterns.count == 1 ? state.patterns.keys.first : nil
            return Request(pattern: only ?? "#", position: state.position, generation: state.generation)
        }
    }

    /// - Returns: Whether the page counted.
    private func hand(out page: TopicPage, _ request: Request) -> Bool {
        typealias Handing = (number: Int, inbox: TopicInbox, message: PublishedTopicMessage)
        let found = self.state.withLock { state -> (handings: [Handing], missing: [TopicInbox])? in
            guard state.generation == request.generation, !state.live.isEmpty else { return nil }
            state.position = page.next
            var handings: [Handing] = []
            for message in page.messages {
                for number in state.trie.values(for: message.message.topic) {
                    guard let live = state.live[number], message.offset > live.after else { continue }
                    handings.append((number, live.inbox, message))
                }
            }
            return (handings, page.isIncomplete ? state.live.values.map(\.inbox) : [])
        }
        guard let found else { return false }
        for inbox in found.missing { inbox.noteMissing() }
        for handing in found.handings where !handing.inbox.offer(handing.message) { self.leave(handing.number) }
        return true
    }

    private func rest(after offset: TopicOffset, _ request: Request) async {
        let rest = self.state.withLock { state -> Task<Void, Never>? in
            // Who has joined since may want what lies before, or has a pump of its own.
            guard state.generation == request.generation, !state.live.isEmpty else { return nil }
            let rest = Task { [engine, clock] in
                do throws(QueueError) {
                    try await engine.waitForTopics(after: offset, upTo: Self.longestRest)
                } catch {
                    // The next page says what is wrong; not at once.
                    if !Task.isCancelled { try? await clock.sleep(for: .milliseconds(20)) }
                }
            }
            state.rest = rest
            return rest
        }
        guard let rest else { return }
        await withTaskCancellationHandler {
            await rest.value
        } onCancel: {
            rest.cancel()
        }
    }

    private func fail(_ error: QueueError) {
        let live = self.state.withLock { state in
            defer {
                state.live = [:]
                state.trie = TopicTrie()
                state.patterns = [:]
                state.pump = nil
            }
            return state.live.values.map(\.inbox)
        }
        for inbox in live { inbox.end(.failed(error)) }
    }
}
