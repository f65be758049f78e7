// Why requests gather, and what watches them
//
// A call to a server costs the client far more than the request in it: a task, a wake-up, a system call. So at most a
// few calls of a kind to a server are under way at a time, and what is asked meanwhile goes together in the next one:
// the busier the store, the larger the calls. It is the same idea as a group commit, and needs no waiting on purpose.
// One task makes a call, hands the answers out, and makes the next one with what has gathered until then, until nothing
// waits. A task takes what is in its first call when it runs, not when it is made: those who were woken together with
// the one that made it have asked by then, and need not wait until a call of one request is over.
//
// A call must end in time whatever the server does, and so must a request that waits behind a call that hangs. One task
// sees to that for the whole line. It sleeps until the first time at which something could be late; while the server
// answers, nothing is late when it wakes, and it sleeps again. So a timer costs one wake-up for each wait before
// hedging, however many calls there are.

import ColonyCaches
import ColonyCore
import Synchronization

/// What a line needs to know of a request.
protocol LineRequest: Sendable {
    var deadline: MonotonicInstant { get }
    var client: any LaneClient { get }
    var position: Int { get }
}

/// Why requests end without an answer of the server.
enum LineEnding: Sendable {
    /// The call was under way, so it may have had its effect.
    case noAnswer
    /// They were never sent: they waited behind a call that hangs.
    case notSent
    /// They were not even taken: too many wait.
    case full
}

/// What becomes of a request at once.
private enum LineFate { case isTaken, startsCall, isSlow, isRefused }

/// Requests of one kind to one server: those that wait, and the calls that are under way.
final class RequestLine<Request: LineRequest, Answers: Sendable>: Sendable {
    private struct Call {
        let number: Int
        let batch: [Request]
        let caller: Caller
        let slowAt: MonotonicInstant
        let deadline: MonotonicInstant
        /// A watch that begins with this call.
        let watch: Watch?
        var isSlow = false
        /// Whether the answer is here, and is being handed out.
        var isAnswered = false
    }

    private struct Watch {
        let caller: Caller
        let wakes: MonotonicInstant
    }

    private struct State {
        var waiting: [Request] = []
        /// When what waits began to.
        var waitingSince: MonotonicInstant?
        /// How many of those that wait were told that it takes long.
        var warned = 0
        var calls: [Call] = []
        /// Whether a task was made that has not taken its first call yet. It will take what waits.
        var isStarting = false
        var lastNumber = 0
        /// When the watch wakes.
        var wakes: MonotonicInstant?
        var watch: Caller?
    }

    private let clock: any MonotonicClock
    private let hedge: Duration
    private let callLimit: Int
    private let waitingLimit: Int
    private let batchLimit: Int
    private let perform: @Sendable ([Request]) async throws(CacheError) -> Answers
    private let deliver: @Sendable ([Request], Result<Answers, CacheError>) -> Void
    private let end: @Sendable ([Request], LineEnding) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - perform: Asks the server.
    ///   - deliver: Is given the answers of a call that has ended in time.
    ///   - end: Is given requests that get no answer.
    init(
        _ settings: QuorumSettings, batchLimit: Int,
        perform: @escaping @Sendable ([Request]) async throws(CacheError) -> Answers,
        deliver: @escaping @Sendable ([Request], Result<Answers, CacheError>) -> Void,
        end: @escaping @Sendable ([Request], LineEnding) -> Void
    ) {
        self.clock = settings.clock
        self.hedge = settings.hedge
        self.callLimit = settings.callsPerServer
        self.waitingLimit = settings.waitingPerServer
        self.batchLimit = batchLimit
        self.perform = perform
        self.deliver = deliver
        self.end = end
    }

    /// Sends a request, at once or with the next call.
    func add(_ request: Request) {
        let fate = self.state.withLock { state -> LineFate in
            if state.waiting.count >= self.waitingLimit { return .isRefused }
            state.waiting.append(request)
            if state.isStarting { return .isTaken }
            if self.startsCall(&state) { return .startsCall }
            if state.waitingSince == nil { state.waitingSince = self.clock.now }
            // Behind calls that are slow, nobody need wait to find that out again.
            guard state.warned == state.waiting.count - 1, state.calls.allSatisfy(\.isSlow) else { return .isTaken }
            state.warned += 1
            return .isSlow
        }
        switch fate {
        case .isTaken: break
        case .startsCall: self.startCalling()
        case .isSlow: request.client.isSlow(at: request.position)
        case .isRefused: self.end([request], .full)
        }
    }

    /// Whether a task has to be made for what waits, and will be.
    private func startsCall(_ state: inout State) -> Bool {
        if state.isStarting || state.waiting.isEmpty || state.calls.count >= self.callLimit { return false }
        state.isStarting = true
        return true
    }

    /// Makes a call of what waits; there must be room for it.
    private func take(_ caller: Caller, _ state: inout State) -> Call? {
        if state.waiting.isEmpty { return nil }
        let now = self.clock.now
        let batch: [Request]
        if state.waiting.count <= self.batchLimit {
            batch = state.waiting
            state.waiting = []
            state.waitingSince = nil
            state.warned = 0
        } else {
            batch = Array(state.waiting.prefix(self.batchLimit))
            state.waiting.removeFirst(self.batchLimit)
            state.waitingSince = now
            state.warned = max(0, state.warned - self.batchLimit)
        }
        state.lastNumber += 1
        let deadline = batch.reduce(batch[0].deadline) { min($0, $1.deadline) }
        let slowAt = now.advanced(by: self.hedge)
        let call = Call(
            number: state.lastNumber, batch: batch, caller: caller, slowAt: slowAt, deadline: deadline,
            watch: self.makeWatch(for: min(slowAt, deadline), &state))
        state.calls.append(call)
        return call
    }

    // MARK: Calling

    private func startCalling() {
        let caller = Caller()
        // A task of its own can be left behind; it inherits the executor only if that is handed on.
        let task = Task(executorPreference: Caller.executor) {
            var next = self.first(of: caller)
            while let call = next {
                if let watch = call.watch { self.start(watch) }
                let result: Result<Answers, CacheError>
                do throws(CacheError) {
                    result = .success(try await self.perform(call.batch))
                } catch {
                    result = .failure(error)
                }
                // One that was given up is over; another task makes the calls that follow.
                guard self.isInTime(call) else { return }
                self.deliver(call.batch, result)
                // Whoever was answered goes first, so that what they ask next is in the next call.
                await Task.yield()
                next = self.next(after: call)
            }
        }
        caller.keep(task)
    }

    private func first(of caller: Caller) -> Call? {
        let (call, isMore) = self.state.withLock { state in
            state.isStarting = false
            return (self.take(caller, &state), self.startsCall(&state))
        }
        if isMore { self.startCalling() }
        return call
    }

    private func isInTime(_ call: Call) -> Bool {
        self.state.withLock { state in
            guard let index = state.calls.firstIndex(where: { $0.number == call.number }) else { return false }
            state.calls[index].isAnswered = true
            return true
        }
    }

    private func next(after call: Call) -> Call? {
        self.state.withLock { state in
            state.calls.removeAll { $0.number == call.number }
            return self.take(call.caller, &state)
        }
    }

    // MARK: Watching

    /// A watch that wakes at an instant, unless there is one that wakes before.
    private func makeWatch(for instant: MonotonicInstant, _ state: inout State) -> Watch? {
        if let wakes = state.wakes, wakes <= instant { return nil }
        state.watch?.cancel()
        let watch = Watch(caller: Caller(), wakes: instant)
        state.watch = watch.caller
        state.wakes = instant
        return watch
    }

    private func start(_ watch: Watch) {
        let task = Task(executorPreference: Caller.executor) {
            var wakes = watch.wakes
            while true {
                do { try await self.clock.sleep(until: wakes, tolerance: nil) } catch { return }
                guard let next = self.inspect(as: watch.caller) else { return }
                wakes = next
            }
        }
        watch.caller.keep(task)
    }

    /// Looks for what is late.
    ///
    /// - Returns: When to look again; `nil` if there is nothing to look after.
    private func inspect(as watch: Caller) -> MonotonicInstant? {
        var slow: [Request] = []
        var unanswered: [Request] = []
        var unsent: [Request] = []
        var startsCall = false
        let wakes = self.state.withLock { state -> MonotonicInstant? in
            guard state.watch === watch else { return nil }
            let now = self.clock.now
            for index in state.calls.indices where !state.calls[index].isAnswered {
                if state.calls[index].deadline <= now {
                    unanswered += state.calls[index].batch
                    state.calls[index].caller.cancel()
                } else if !state.calls[index].isSlow, state.calls[index].slowAt <= now {
                    state.calls[index].isSlow = true
                    slow += state.calls[index].batch
                }
            }
            if !unanswered.isEmpty { state.calls.removeAll { !$0.isAnswered && $0.deadline <= now } }
            if state.waiting.contains(where: { $0.deadline <= now }) {
                unsent = state.waiting.filter { $0.deadline <= now }
                state.warned -= state.waiting.prefix(state.warned).count { $0.deadline <= now }
                state.waiting.removeAll { $0.deadline <= now }
            }
            // What waits behind a slow call is as late as that.
            if let since = state.waitingSince, since.advanced(by: self.hedge) <= now {
                slow += state.waiting[state.warned...]
                state.warned = state.waiting.count
            }
            if state.waiting.isEmpty { state.waitingSince = nil }
            startsCall = self.startsCall(&state)
            state.wakes = self.due(state).map { max($0, now.advanced(by: self.hedge / 8)) }
            if state.wakes == nil { state.watch = nil }
            return state.wakes
        }
        for request in slow { request.client.isSlow(at: request.position) }
        if !unanswered.isEmpty { self.end(unanswered, .noAnswer) }
        if !unsent.isEmpty { self.end(unsent, .notSent) }
        if startsCall { self.startCalling() }
        return wakes
    }

    /// When the next thing could be late.
    private func due(_ state: State) -> MonotonicInstant? {
        var due: MonotonicInstant?
        func consider(_ instant: MonotonicInstant) { due = due.map { min($0, instant) } ?? instant }
        for call in state.calls where !call.isAnswered {
            consider(call.isSlow ? call.deadline : min(call.slowAt, call.deadline))
        }
        for request in state.waiting { consider(request.deadline) }
        if let since = state.waitingSince, state.warned < state.waiting.count {
            consider(since.advanced(by: self.hedge))
        }
        return due
    }
}

/// A task that can be cancelled also before its handle is known.
final class Caller: Sendable {
    private enum State { case new, running(Task<Void, Never>), cancelled }
    private let state = Mutex(State.new)

    /// The executor of the task that asks, to be handed on to one that shall outlive it.
    static var executor: (any TaskExecutor)? {
        withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
    }

    func keep(_ task: Task<Void, Never>) {
        let isCancelled = self.state.withLock { state in
            if case .cancelled = state { return true }
            state = .running(task)
            return false
        }
        if isCancelled { task.cancel() }
    }

    func cancel() {
        let task = self.state.withLock { state -> Task<Void, Never>? in
            defer { state = .cancelled }
            if case .running(let task) = state { return task } else { return nil }
        }
        task?.cancel()
    }
}
