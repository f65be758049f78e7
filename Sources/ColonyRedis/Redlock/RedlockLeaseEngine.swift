public import ColonyCore
import ColonyRESP
import Synchronization

/// Leases on a majority of several Redis servers that know nothing of each other: Redlock.
///
/// ```swift
/// let lock = DistributedLock("job", on: try RedlockLeaseEngine(url: "redlock://10.0.0.1,10.0.0.2,10.0.0.3"))
/// ```
///
/// A lock is held by who holds its key on more than half of the servers, so it can be taken and kept while a minority of them is
/// down, and there is no failover that forgets.
///
/// **Guarantee.** The same as that of one server, and no more: it reaches the network. Two owners never hold a name at once
/// *if* the clocks of the servers run at about the same rate and are not set, and no server forgets what it granted while the
/// lease lasts. A server that comes back empty within that time breaks this: of three, it and one more can grant what the
/// second and the third have granted already. So run the servers with `appendonly yes` and `appendfsync always`, or keep one
/// that has crashed out for longer than the longest lease. Redlock survives no loss of a server *for ever* that way, so the
/// guarantee does not claim it.
///
/// **Tokens** are made monotonic by a quorum: each server that grants gives the next number of its own counter, the greatest of
/// them is the token, and it is written back to the counters before the lease is told. Any later majority shares a server
/// with that one, and so starts above. Numbers are not below the servers' time in microseconds, so that they rise past a
/// server that has lost its data as well, unless its clock is behind. A token is what makes up for the above: the check at the
/// resource keeps out the writes of a holder that others have overtaken.
///
/// **Waiting** is looking ten times a second; there is no queue. An acquisition costs two round trips to all servers at the
/// same time, all else one. A server that hangs delays every call by the time-out; one that refuses connections does not.
///
/// - SeeAlso: *Distributed Locks with Redis*, redis.io, "The Redlock Algorithm"; M. Kleppmann, *How to do distributed
///   locking*, 2016, for what it does not give; <doc:RedisKeys> for the keys, which are those of ``RedisLeaseEngine``.
public final class RedlockLeaseEngine: LeaseEngine {
    /// What a grant is worth: it reaches the network, and outlives what the options say.
    public let guarantee: Guarantee

    /// One of the servers.
    struct Server: Sendable {
        let router: RedisRouter
        let place: String
    }

    let options: RedlockOptions
    let servers: [Server]
    let space: LeaseKeySpace
    private let generator: Mutex<any RandomNumberGenerator & Sendable>

    /// Makes an engine. No connection is made before the first call.
    ///
    /// - Throws: `LeaseError` with `invalidRequest`, quoting the value that cannot be.
    public init(_ options: RedlockOptions) throws(LeaseError) {
        if let defect = options.defect { throw LeaseError(.invalidRequest, "Redlock cannot be used: \(defect)") }
        self.options = options
        self.guarantee = Guarantee(reach: .network, survival: options.survival)
        self.space = LeaseKeySpace(prefix: options.keyPrefix)
        self.generator = Mutex(options.connection.makeGenerator())
        let tls = options.connection.tls.map(RedisTLSContext.init)
        self.servers = options.connection.servers.map { address in
            var single = options.connection
            single.servers = [address]
            return Server(
                router: RedisRouter(RedisLinkSettings(single, prefix: "", listener: nil, tls: tls)),
                place: single.description)
        }
    }

    /// Makes an engine from a URL; see ``RedlockOptions/init(url:generator:)``.
    ///
    /// - Throws: `LeaseError` with `invalidRequest`, which never shows the password.
    public convenience init(url: String) throws(LeaseError) {
        try self.init(RedlockOptions(url: url))
    }

    deinit {
        let servers = self.servers
        Task { for server in servers { await server.router.close() } }
    }

    /// Ends all connections. What is under way throws `closed`; leases stay until they run out.
    public func close() async {
        for server in self.servers { await server.router.close() }
    }

    // MARK: Asking all

    var clock: any MonotonicClock { self.options.connection.clock }

    /// How many servers are more than half.
    var quorum: Int { self.servers.count / 2 + 1 }

    var place: String {
        "redlock://" + self.options.connection.servers.map(\.description).joined(separator: ",")
    }

    typealias Answer = Result<RESPValue, LeaseError>

    /// Runs a script on servers at the same time, and waits for all of them.
    ///
    /// - Parameter indices: Which; all if not given.
    /// - Returns: One answer for each server; `nil` for those that were not asked.
    func ask(
        _ script: RedisScript, on name: LeaseName, keys count: Int, isRepeatable: Bool = true, _ arguments: [String],
        at indices: Set<Int>? = nil
    ) async throws(LeaseError) -> [Answer?] {
        try self.space.check(name)
        let keys = self.space.keys(of: name)
        let all = [keys.lock, keys.counter, keys.lease, keys.queue, keys.waiters, keys.watchers]
        let call = RedisScriptCall(
            script: script, keys: Array(all.prefix(count)), arguments: arguments.map { Array($0.utf8) },
            subject: name.rawValue, isRepeatable: isRepeatable)
        return await withTaskGroup(of: (Int, Answer).self) { group in
            for (index, server) in self.servers.enumerated() where indices?.contains(index) ?? true {
                group.addTask { (index, await Self.ask(call, server)) }
            }
            var answers = [Answer?](repeating: nil, count: self.servers.count)
            for await (index, answer) in group { answers[index] = answer }
            return answers
        }
    }

    private static func ask(_ call: RedisScriptCall, _ server: Server) async -> Answer {
        do throws(RedisFailure) {
            let answer = try await server.router.run([call])[0]
            if let text = answer.errorText { throw RedisReply.failure(text) }
            return .success(answer)
        } catch {
            return .failure(LeaseError(error, at: server.place))
        }
    }

    /// Refuses to go on without the answers of a majority.
    func checkMajority(_ answers: [Answer?]) throws(LeaseError) {
        var failures: [LeaseError] = []
        for case .failure(let error) in answers { failures.append(error) }
        if let ended = failures.first(where: { $0.code == .cancelled || $0.code == .closed }) { throw ended }
        let answered = answers.count { if case .success = $0 { true } else { false } }
        guard answered < self.quorum, let first = failures.first else { return }
        // A server that refuses will refuse again; only if enough are merely not reached does it help to ask again.
        let refused = failures.first { $0.code != .unavailable }
        let mayRecover = self.servers.count - failures.count { $0.code != .unavailable } >= self.quorum
        throw LeaseError(
            mayRecover ? .unavailable : refused?.code ?? .unavailable,
            "only \(answered) of \(self.servers.count) servers answered, and \(self.quorum) are needed: "
                + (mayRecover ? first : refused ?? first).message,
            cause: first.cause)
    }

    /// A random wait, so that those who got a part each do not do so again.
    func pause(_ attempt: Int, _ name: LeaseName) async throws(LeaseError) {
        let wait = self.generator.withLock { generator in
            Duration.milliseconds(Int64.random(in: 1...Int64(10 * (attempt + 1)), using: &generator))
        }
        try await self.sleep(wait, name)
    }

    func sleep(_ wait: Duration, _ name: LeaseName) async throws(LeaseError) {
        do {
            try await self.clock.sleep(for: wait)
        } catch {
            throw LeaseError(.cancelled, "the wait for \(name) was cancelled", cause: error)
        }
    }

    /// By how much longer servers keep a lease than is told.
    func drift(_ duration: Duration) -> Duration { duration * self.options.driftFactor + .milliseconds(2) }

    func unexpected(_ answer: RESPValue) -> LeaseError {
        LeaseError(.unavailable, "\(self.place): a server answered with something else than was asked for: \(answer)")
    }
}
