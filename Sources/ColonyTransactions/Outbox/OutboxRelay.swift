public import ColonyCore
public import ColonyQueues
public import ServiceLifecycle
import Synchronization

/// Brings messages from an outbox into their queues.
///
/// ```swift
/// try await database.write { db in
///     try order.insert(db)
///     try outbox.add(OutgoingMessage(body, key: order.customer), to: "orders", in: db)
/// }
/// // and somewhere in the program, or in another one:
/// try await OutboxRelay(outbox, to: .sqlite(path: "colony.db")).run()
/// ```
///
/// **Why an outbox.** A program that changes its database and then publishes loses the message when it dies in between; one that publishes first
/// tells of what may be rolled back. Here the message is a row of the same transaction, and getting it from there into the queue may be
/// repeated as often as it takes.
///
/// **Guarantee.** Every message whose transaction was committed comes into its queue, at least once, whatever dies in between. It comes a second time
/// when a relay dies, or gets no answer, between publishing it and removing it; the queue knows it by its deduplication identifier and drops
/// the second one, as long as its `QueueSettings.deduplicationWindow` lasts. Later ones are for the consumer to recognise, by
/// `Delivery.identity` and an inbox. With both, each message has its effect once.
///
/// **Order.** Messages for one queue are published in the order in which they were written, one batch after the other, so those of one key are
/// too: no message is published before every message of its key that was committed before it was written. What may not overtake: the
/// first copies. A relay reads what is there each time and never goes on from a place that it remembers, so that it passes over no
/// transaction that commits late.
///
/// **Once in a cluster.** Any number of relays may run on one outbox; one of them works, and another takes over when its lease has run out. The
/// lease lies in the outbox itself, because who can reach the outbox can then reach the lease, and nothing else has to be installed or can
/// fail. It saves work and is not what order and completeness rest on: a relay that was paused and goes on without the lease publishes only
/// second copies of what its successor has published before, each after the first copies of all its predecessors. All relays of an outbox
/// publish to the same engine.
///
/// **What cannot be sent.** A queue that is full, unknown, or out of reach rests, with growing pauses; one that hangs is waited for apart from
/// the others. Neither holds up another queue, and the messages of one queue never overtake one another. Only a message that its queue
/// refuses for what it is, or that is larger than the whole queue may be, is set aside and told of (``OutboxEvent/parked(_:number:reason:)``).
/// Those after it then go on, those of its key too: who needs them to wait stops the relay when that event comes.
public final class OutboxRelay: Service {
    /// Where messages come from.
    public let outbox: any OutboxStore
    /// Where they go.
    public let engine: any QueueEngine
    /// How it works.
    public let options: OutboxRelayOptions
    /// What it is called in the outbox.
    public let owner: OwnerID

    let clock: any MonotonicClock
    let wall: any WallClock
    let hub = ListenerHub<OutboxEvent>()
    let counts = Mutex(OutboxRelayStatistics())
    let end = OneShotSignal()
    let desk = LaneDesk()
    private let generator: Mutex<any RandomNumberGenerator & Sendable>
    private let hasRun = Atomic<Bool>(false)

    /// Makes a relay, which does nothing before ``run()``.
    ///
    /// - Parameters:
    ///   - owner: What it is called in the outbox.
    ///   - clock: What leases and waits are measured by.
    ///   - wall: What the age of messages is measured by.
    ///   - generator: Where jitter comes from.
    public init(
        _ outbox: any OutboxStore, to engine: any QueueEngine, options: OutboxRelayOptions = .standard,
        owner: OwnerID = .unique(), clock: any MonotonicClock = HostClock(), wall: any WallClock = SystemWallClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.outbox = outbox
        self.engine = engine
        self.options = options
        self.owner = owner
        self.clock = clock
        self.wall = wall
        self.generator = Mutex(generator)
    }

    /// What it has done, and what it last saw.
    public var statistics: OutboxRelayStatistics { self.counts.withLock { $0 } }

    /// What happens from here on, for logs and alerts.
    ///
    /// - Parameter capacity: How many events are kept for a listener that is slow; older ones are dropped.
    public func events(keepingNewest capacity: Int = 1_000) -> AsyncStream<OutboxEvent> {
        self.hub.listen(keepingNewest: capacity)
    }

    /// Relays until graceful shutdown or cancellation; then ends what is under way and gives the lease back.
    ///
    /// - Throws: ``TransactionError`` or `QueueError` with code `closed` if the outbox or the engine was closed. What cannot be reached does not
    ///   end it: it tries again with growing pauses.
    /// - Precondition: It is run once.
    public func run() async throws {
        precondition(
            !self.hasRun.exchange(true, ordering: .acquiringAndReleasing), "a relay is run once; make another")
        // Its own task is not cancelled, so that what was published is also removed.
        let work = self.spawn { () -> Result<Void, any Error> in
            do {
                try await self.work()
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        let result = await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await work.value
            } onGracefulShutdown: {
                self.end.fire()
            }
        } onCancel: {
            self.end.fire()
        }
        try result.get()
    }

    func rest(after failures: Int) -> Duration {
        self.generator.withLock {
            max(.milliseconds(1), self.options.backoff.delay(after: failures, using: &$0))
        }
    }

    func spawn<Value: Sendable>(_ operation: @escaping @Sendable () async -> Value) -> Task<Value, Never> {
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        return Task(executorPreference: executor) { await operation() }
    }
}
