import ColonyCore
public import ServiceLifecycle
import Synchronization
import Tracing

/// Handles the messages of a queue, several at a time.
///
/// A handler that returns has done its message. One that throws has it tried again after a rest, which grows with the attempts by the
/// back-off of the queue, until its deliveries are used up and it becomes a dead letter; ``Reject`` decides otherwise. A crash counts as an
/// attempt. Leases are extended on a thread of their own for as long as a message is held, so that a handler may take its time, and even
/// block every thread of the pool. When a lease is lost all the same, because the process was stopped or the store could not be reached
/// for as long as it lasts, the task of the handler is cancelled, and what it says of the message is refused by the store.
///
/// ``run()`` ends by graceful shutdown or cancellation: messages that were not begun are handed back at once, running handlers may go on
/// for the drain limit, then their tasks are cancelled. It also ends by itself if ``ConsumerSettings/messageLimit`` or
/// ``ConsumerSettings/idleLimit`` say so.
public final class QueueConsumer<Payload: Sendable>: Service {
    private let queue: MessageQueue<Payload>
    private let concurrency: Int
    private let settings: ConsumerSettings
    private let lease: Duration
    private let handler: @Sendable (ReceivedMessage<Payload>) async throws -> Void
    private let desk: ConsumerDesk
    private let isRunning = Atomic<Bool>(false)
    private let failure = Mutex<QueueError?>(nil)

    init(
        _ queue: MessageQueue<Payload>, concurrency: Int, settings: ConsumerSettings,
        handler: @escaping @Sendable (ReceivedMessage<Payload>) async throws -> Void
    ) {
        self.queue = queue
        self.concurrency = concurrency
        self.settings = settings
        self.lease = settings.lease ?? queue.settings.lease
        self.handler = handler
        self.desk = ConsumerDesk(
            capacity: concurrency + (settings.prefetch ?? concurrency), limit: settings.messageLimit, clock: queue.clock
        )
    }

    /// What it has done and is doing.
    public var statistics: ConsumerStatistics { self.desk.statistics }

    /// Takes no more messages until ``resume()``; those that were not begun are handed back, and handlers go on.
    public func pause() { self.desk.pause(true) }

    /// Takes messages again.
    public func resume() { self.desk.pause(false) }

    /// Handles messages until graceful shutdown or cancellation, or until one of the limits of its settings is reached.
    ///
    /// - Throws: ``QueueError`` if the settings cannot work, if the queue cannot be declared, or if it is gone. A store that cannot be
    ///   reached does not end it: it tries again with growing pauses.
    public func run() async throws {
        try self.settings.validate(concurrency: self.concurrency)
        precondition(
            !self.isRunning.exchange(true, ordering: .acquiringAndReleasing), "a consumer is run once; make another")
        try await self.queue.declare()
        let workers = Task {
            await withDiscardingTaskGroup { group in
                for _ in 0..<self.concurrency { group.addTask { await self.employ() } }
            }
        }
        let workersDone = OneShotSignal()
        Task {
            await workers.value
            workersDone.fire()
            // They also end by themselves, when as many messages were begun as may be.
            self.desk.beginDraining()
        }
        // Unstructured, because they must outlive a cancellation of this task: what is held has to be settled.
        let fetcher = Task(executorPreference: consumerExecutor) { await self.fetch() }
        let keeper = Task(executorPreference: consumerExecutor) { await self.keepLeases() }
        let watcher = Task(executorPreference: consumerExecutor) { await self.watchLeases() }
        let settler = Task(executorPreference: consumerExecutor) { await self.settle() }
        let idler = Task(executorPreference: consumerExecutor) { await self.endWhenIdle() }
        let isCancelled = await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await self.drainRequested()
            } onGracefulShutdown: {
                self.desk.beginDraining()
            }
        } onCancel: {
            // First, so that no worker begins another message in a task that is cancelled.
            self.desk.beginDraining()
            workers.cancel()
        }
        idler.cancel()
        await Task { await self.drain(workers, workersDone, isCancelled: isCancelled) }.value
        // What it may still be given is handed back.
        await self.bounded(fetcher)
        keeper.cancel()
        watcher.cancel()
        self.desk.end()
        await self.bounded(settler)
        if let failure = self.failure.withLock({ $0 }) { throw failure }
    }

    /// - Returns: Whether it was requested by cancellation.
    private func drainRequested() async -> Bool {
        await Task { try? await self.desk.drain.wait() }.value
        return Task.isCancelled
    }

    private func drain(_ workers: Task<Void, Never>, _ done: OneShotSignal, isCancelled: Bool) async {
        let clock = self.queue.clock
        if !isCancelled {
            _ = try? await done.wait(until: clock.now.advanced(by: self.settings.drainLimit), on: clock)
        }
        workers.cancel()
        // A handler that does not end although its task was cancelled is left to itself; its lease runs out.
        _ = try? await done.wait(until: clock.now.advanced(by: self.settings.cancellationLimit), on: clock)
    }

    /// Waits for the last deliveries or settlements, up to a lease: after that they are over.
    private func bounded(_ part: Task<Void, Never>) async {
        let done = OneShotSignal()
        Task {
            await part.value
            done.fire()
        }
        let clock = self.queue.clock
        await Task {
            _ = try? await done.wait(until: clock.now.advanced(by: self.lease), on: clock)
        }.value
        part.cancel()
    }
}

/// The thread on which messages are fetched, leases extended, and outcomes told, whatever handlers do to the pool.
private let consumerExecutor = DedicatedExecutor(named: "colony-consumer")

// MARK: - The parts

extension QueueConsumer {
    private func fetch() async {
        var failures = 0
        var generator = SystemRandomNumberGenerator()
        while let room = await self.desk.room() {
            do throws(QueueError) {
                // Counted before asking, so that nothing falls between.
                let seen = try await self.queue.engine.waitForChange(of: self.queue.name, since: 0, upTo: .zero)
                let deliveries = try await self.queue.engine.receive(room, from: self.queue.name, lease: self.lease)
                failures = 0
                self.desk.take(deliveries)
                if deliveries.isEmpty { await self.waitForQueue(since: seen) }
            } catch {
                switch error.code {
                case .unavailable, .cancelled, .storageFailed:
                    failures += 1
                    self.desk.take([])
                    let pause = Backoff(initial: .milliseconds(50), maximum: .seconds(10))
                        .delay(after: failures, using: &generator)
                    await self.waitForQueue(pause: pause)
                default:
                    self.failure.withLock { $0 = error }
                    self.desk.beginDraining()
                }
            }
        }
    }

    private func waitForQueue(since seen: Int64) async {
        let task = Task(executorPreference: consumerExecutor) {
            _ = try? await self.queue.engine.waitForChange(
                of: self.queue.name, since: seen, upTo: self.settings.pollInterval)
        }
        self.desk.waitsForQueue(task)
        await task.value
    }

    private func waitForQueue(pause: Duration) async {
        let task = Task(executorPreference: consumerExecutor) { () -> Void in
            try? await self.queue.clock.sleep(for: pause)
        }
        self.desk.waitsForQueue(task)
        await task.value
    }

    /// Has one message after the other handled; a worker that was dismissed is followed by another.
    private func employ() async {
        repeat {
            let worker = ConsumerWorker()
            let task = Task { await self.work(as: worker) }
            worker.works(in: task)
            await withTaskCancellationHandler {
                await task.value
            } onCancel: {
                worker.cancel()
            }
        } while !self.desk.isEnding
    }

    private func endWhenIdle() async {
        guard let limit = self.settings.idleLimit else { return }
        let clock = self.queue.clock
        while true {
            let now = clock.now
            let since = self.desk.idleSince
            if let since, since.advanced(by: limit) <= now { break }
            // While there is something to handle, the time has not begun.
            let next = max((since ?? now).advanced(by: limit), now.advanced(by: .milliseconds(10)))
            guard (try? await clock.sleep(until: next, tolerance: nil)) != nil else { return }
        }
        self.desk.beginDraining()
    }

    private func work(as worker: ConsumerWorker) async {
        while let delivery = await self.desk.next(for: worker) {
            if let rate = self.settings.maximumRate {
                let start = self.desk.start(interval: .seconds(1) / rate, at: self.queue.clock.now)
                do {
                    try await self.queue.clock.sleep(until: start, tolerance: nil)
                } catch {
                    self.desk.finish(delivery, .handBack)
                    continue
                }
            }
            self.desk.finish(delivery, await self.handle(delivery, as: worker))
        }
    }

    private func handle(_ delivery: Delivery, as worker: ConsumerWorker) async -> Settlement.Kind {
        let payload: Payload
        do {
            payload = try self.queue.codec.decode(delivery.body)
        } catch {
            return .deadLetter(reason: Self.reason("it cannot be decoded: \(error)"))
        }
        do {
            try await withSpan(
                "\(self.queue.name) process", context: TraceHeaders.context(of: delivery.headers), ofKind: .consumer
            ) { span in
                span.updateAttributes { attributes in
                    attributes["messaging.system"] = "colony"
                    attributes["messaging.operation.type"] = "process"
                    attributes["messaging.destination.name"] = self.queue.name.rawValue
                    attributes["messaging.message.id"] = delivery.id.description
                    attributes["messaging.colony.attempt"] = delivery.attempt
                }
                try await self.handler(ReceivedMessage(payload: payload, delivery: delivery))
            }
            return .acknowledge
        } catch let reject as Reject {
            switch reject {
            case .deadLetter(let reason): return .deadLetter(reason: Self.reason(reason))
            case .retry(let rest): return .retry(after: min(max(rest, .zero), MessageLimits.delay), reason: "retry")
            }
        } catch is CancellationError where Task.isCancelled && !worker.isDismissed {
            // The consumer ends; the message is not to blame.
            return .handBack
        } catch {
            var generator = SystemRandomNumberGenerator()
            let rest = self.queue.settings.backoff.delay(after: delivery.attempt, using: &generator)
            return .retry(after: rest, reason: Self.reason("\(error)"))
        }
    }

    /// The beginning of a reason, which is kept with the message.
    private static func reason(_ text: String) -> String {
        // A character may be made of any number of scalars.
        String(String.UnicodeScalarView(text.unicodeScalars.prefix(MessageLimits.reasonLength)))
    }

    private func keepLeases() async {
        let clock = self.queue.clock
        let interval = self.lease / 4
        while !Task.isCancelled {
            guard (try? await clock.sleep(for: interval)) != nil else { return }
            // Half of the lease is left for a store that is slow to answer.
            let now = clock.now
            let receipts = self.desk.leases(endingBefore: now.advanced(by: self.lease / 2 + interval))
            for start in stride(from: 0, to: receipts.count, by: MessageLimits.batch) {
                let part = Array(receipts[start...].prefix(MessageLimits.batch))
                do throws(QueueError) {
                    let outcomes = try await self.queue.engine.settle(
                        part.map { Settlement($0, .extend(self.lease)) }, in: self.queue.name)
                    let pairs = zip(part, outcomes)
                    self.desk.extended(
                        pairs.filter { $0.1 == .settled }.map(\.0), until: now.advanced(by: self.lease))
                    self.desk.lost(pairs.filter { $0.1 == .stale }.map(\.0))
                } catch {
                    // The next round comes before the lease is over.
                }
            }
        }
    }

    /// Cancels what is handled after its lease. Apart from what extends leases, because that may wait for a store that does not answer.
    private func watchLeases() async {
        let clock = self.queue.clock
        while !Task.isCancelled {
            let latest = clock.now.advanced(by: self.lease / 4)
            let next = min(latest, self.desk.endLapsed() ?? latest)
            guard (try? await clock.sleep(until: next, tolerance: nil)) != nil else { return }
        }
    }

    private func settle() async {
        var failures = 0
        var generator = SystemRandomNumberGenerator()
        while let settlements = await self.desk.settlementsToSend(MessageLimits.batch) {
            do throws(QueueError) {
                let outcomes = try await self.queue.engine.settle(settlements, in: self.queue.name)
                self.desk.settled(settlements, outcomes)
                failures = 0
            } catch {
                switch error.code {
                case .unavailable, .cancelled, .storageFailed:
                    // Whether they were done is unknown; those that were are stale the second time.
                    failures += 1
                    self.desk.putBack(settlements)
                    let pause = Backoff(initial: .milliseconds(20), maximum: .seconds(2))
                        .delay(after: failures, using: &generator)
                    guard (try? await self.queue.clock.sleep(for: pause)) != nil else { return }
                default:
                    self.desk.settled(settlements, Array(repeating: .stale, count: settlements.count))
                    self.failure.withLock { $0 = $0 ?? error }
                    self.desk.beginDraining()
                }
            }
        }
    }
}

extension MessageQueue {
    /// Makes a consumer, which handles messages once it is run.
    ///
    /// - Parameters:
    ///   - concurrency: How many messages are handled at a time; from 1 to 1,000.
    ///   - handler: Called at least once for each message, for one message of a key at a time.
    public func consumer(
        concurrency: Int = 1, settings: ConsumerSettings = ConsumerSettings(),
        handler: @escaping @Sendable (ReceivedMessage<Payload>) async throws -> Void
    ) -> QueueConsumer<Payload> {
        QueueConsumer(self, concurrency: concurrency, settings: settings, handler: handler)
    }

    /// Handles messages until cancellation; the same as running a ``consumer(concurrency:settings:handler:)``.
    public func consume(
        concurrency: Int = 1, settings: ConsumerSettings = ConsumerSettings(),
        handler: @escaping @Sendable (ReceivedMessage<Payload>) async throws -> Void
    ) async throws {
        try await self.consumer(concurrency: concurrency, settings: settings, handler: handler).run()
    }
}
