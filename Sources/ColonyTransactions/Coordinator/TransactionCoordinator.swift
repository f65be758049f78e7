public import ColonyCore
public import ServiceLifecycle
import Synchronization

/// Works on transactions: begins them, takes over those whose coordinator is gone, and brings each to its end.
///
/// ```swift
/// let coordinator = try TransactionCoordinator(.sqlite(path: "colony.db"), definitions: [placeOrder])
/// try await coordinator.run {
///     let confirmation = try await coordinator.execute(placeOrder, order, id: "order-4711")
/// }
/// ```
///
/// **Decisions.** Nothing is called before it is written down that it may be called. A saga of *n* steps in a row that all succeed needs
/// *n* + 1 durable writes: its beginning with the first step, each outcome together with the start of the next step, and the last outcome
/// together with the end. Fewer would lose an outcome that a later step depends on, or would undo what never began.
///
/// **Takeover.** Coordinators of any number of processes share a journal, and each transaction is worked on by one of them. When a process
/// dies, the others go on with its transactions once its lease has run out; a process that was only paused finds that it may not write
/// any more, and stops. A call that it had begun may then be made twice: participants make it once by its key.
///
/// **Cancellation.** A transaction does not end with the task that began it, and compensations are not cancelled with anything: they are
/// repeated until they succeed, or the transaction is stuck and a person decides.
public final class TransactionCoordinator: Service {
    enum Phase {
        case idle
        case running(FencingToken)
        /// Its lease is over, and it asks for another.
        case enlisting
        case draining
        case ended
    }

    struct State {
        var phase = Phase.idle
        var runs: [TransactionID: TransactionRun] = [:]
        /// Those that wait for it to run.
        var starters: [OneShotSignal] = []
        /// Signalled when the last run has ended.
        var emptied: OneShotSignal?
        var unknown: Set<DefinitionKey> = []
        /// Those that the latest look has found and that were told of by name, and how many there were beyond.
        var unreadable: Set<TransactionID> = []
        var unreadableBeyond = 0
        /// Fired if the journal may not count the coordinator as alive any more, so that it looks at once.
        var doubt: OneShotSignal?
        /// Under which token it drains.
        var draining: FencingToken?
        /// Until when it looks for transactions that it may have been given without hearing of it.
        var looksUntil: MonotonicInstant?
    }

    /// The journal behind it.
    public let journal: any TransactionAdministration
    /// Its limits.
    public let options: CoordinatorOptions
    /// What it is called in journals.
    public let owner: OwnerID

    let definitions: [DefinitionKey: TransactionDefinition]
    let services: RunServices
    let state = Mutex(State())
    private let hasRun = Atomic<Bool>(false)

    /// Makes a coordinator, which does nothing before ``run()``.
    ///
    /// - Parameters:
    ///   - journal: Where decisions are kept.
    ///   - definitions: What it can work on; each name and version once. Keep former versions until what was begun with them has ended.
    ///   - owner: What it is called in journals.
    ///   - clock: What leases, time limits, and waits are measured by.
    ///   - wall: What entries are dated with.
    ///   - generator: Where jitter comes from.
    /// - Throws: ``TransactionError`` with code `invalidDefinition` if a name and version comes twice.
    public convenience init(
        _ journal: any TransactionAdministration, definitions: [any TransactionDefining],
        options: CoordinatorOptions = .standard, owner: OwnerID = .unique(), clock: any MonotonicClock = HostClock(),
        wall: any WallClock = SystemWallClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(TransactionError) {
        try self.init(
            journal, erased: definitions.map { $0.definition.value }, options: options, owner: owner, clock: clock,
            wall: wall, generator: generator)
    }

    package init(
        _ journal: any TransactionAdministration, erased definitions: [TransactionDefinition],
        options: CoordinatorOptions = .standard, owner: OwnerID = .unique(), clock: any MonotonicClock = HostClock(),
        wall: any WallClock = SystemWallClock(),
        generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(TransactionError) {
        var table: [DefinitionKey: TransactionDefinition] = [:]
        for definition in definitions {
            guard table.updateValue(definition, forKey: definition.key) == nil else {
                throw TransactionError(.invalidDefinition, "there are two definitions of \(definition.key)")
            }
        }
        self.journal = journal
        self.definitions = table
        self.options = options
        self.owner = owner
        self.services = RunServices(journal: journal, clock: clock, wall: wall, generator: generator)
    }

    /// Whether it has been asked to end.
    var isEnding: Bool {
        self.state.withLock { state in
            switch state.phase {
            case .draining, .ended: true
            case .idle, .running, .enlisting: false
            }
        }
    }

    /// What it has done, and is doing.
    public var statistics: CoordinatorStatistics {
        var statistics = self.services.statistics.withLock { $0 }
        statistics.inFlight = self.state.withLock { $0.runs.count }
        return statistics
    }

    /// What happens from here on, for logs and alerts.
    ///
    /// - Parameter capacity: How many events are kept for a listener that is slow; older ones are dropped.
    public func events(keepingNewest capacity: Int = 1_000) -> AsyncStream<TransactionEvent> {
        self.services.hub.listen(keepingNewest: capacity)
    }

    /// Works on transactions until graceful shutdown or cancellation; then lets calls that are under way end within the drain limit,
    /// and hands everything back.
    ///
    /// - Precondition: It is run once.
    public func run() async throws {
        precondition(
            !self.hasRun.exchange(true, ordering: .acquiringAndReleasing), "a coordinator is run once; make another")
        let keeper = self.spawn { await self.keepLease() }
        let claimer = self.spawn { await self.claimWhatIsLeft() }
        let ending = OneShotSignal()
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await self.spawn { try? await ending.wait() }.value
            } onGracefulShutdown: {
                ending.fire()
            }
        } onCancel: {
            ending.fire()
        }
        claimer.cancel()
        await self.spawn { await self.drain() }.value
        keeper.cancel()
        await keeper.value
        await claimer.value
        await self.spawn { await self.resign() }.value
    }

    /// Works on transactions for as long as `body` runs.
    ///
    /// - Returns: What `body` returned, after everything was handed back.
    @discardableResult
    public func run<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.run() }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    /// A task that inherits the executor and nothing else, because what it does must go on after a cancellation of this one.
    func spawn<Value: Sendable>(_ operation: @escaping @Sendable () async -> Value) -> Task<Value, Never> {
        let executor = withUnsafeCurrentTask { $0?.unownedTaskExecutor }.flatMap { $0.asTaskExecutor() }
        return Task(executorPreference: executor) { await operation() }
    }
}
