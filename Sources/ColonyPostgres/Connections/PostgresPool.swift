#if Postgres
import ColonyCore

/// A bounded number of connections to one server, shared by all calls of an engine.
///
/// One thread of its own drives all of them; a call that waits costs memory and no thread. The thread starts with the first
/// call and ends when the pool is closed or nobody refers to it any more.
final class PostgresPool: Sendable {
    let options: PostgresOptions
    let clock: any MonotonicClock
    private let reactor: PostgresReactor

    /// - Parameter channel: What ``listen(upTo:)`` listens to.
    init(
        _ options: PostgresOptions, channel: String, clock: any MonotonicClock,
        generator: any RandomNumberGenerator & Sendable
    ) {
        self.options = options
        self.clock = clock
        self.reactor = PostgresReactor(options, channel: channel, clock: clock, generator: generator)
    }

    deinit {
        self.reactor.close()
    }

    /// Runs a statement on some connection, as a transaction of its own.
    func query(
        _ statement: PostgresStatement, _ parameters: [String?] = []
    ) async throws(PostgresFailure) -> PostgresAnswer {
        try await self.perform(.prepared(statement, parameters), isUrgent: statement.isUrgent)
    }

    /// Runs statements without parameters on some connection, as one transaction.
    func run(script: String) async throws(PostgresFailure) -> PostgresAnswer {
        try await self.perform(.script(script))
    }

    /// Returns when the channel is being listened to. From then on the pool keeps doing so, over broken connections.
    func listen() async throws(PostgresFailure) {
        _ = try await self.perform(.listen)
    }

    /// Sets what is told of each notification and of each time the channel is listened to again. Both are called on the
    /// pool's thread and must return at once.
    func onNotification(
        _ notified: @escaping @Sendable (String) -> Void, onListening listening: @escaping @Sendable () -> Void
    ) {
        self.reactor.setListener(PostgresReactor.Listener(notified: notified, listening: listening))
    }

    /// Refuses what comes later and what waits for a connection with `closed`, lets what is under way end, and
    /// disconnects.
    func close() async {
        self.reactor.close()
        await self.reactor.waitUntilEnded()
    }

    func perform(
        _ work: PostgresCall.Work, isUrgent: Bool = false, in session: PostgresSession? = nil
    ) async throws(PostgresFailure) -> PostgresAnswer {
        let deadline = self.clock.now.advanced(by: self.options.timeout)
        let call = PostgresCall(work, deadline: deadline, isUrgent: isUrgent, session: session)
        self.reactor.submit(call)
        return try await call.outcome().get()
    }
}
#endif
