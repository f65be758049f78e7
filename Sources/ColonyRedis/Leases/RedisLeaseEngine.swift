public import ColonyCore
import ColonyRESP
import Synchronization

/// Leases on a Redis server, or on a Redis Cluster: exclusive among all hosts that reach it.
///
/// ```swift
/// let lock = DistributedLock("orders/42", on: try RedisLeaseEngine(url: "redis://127.0.0.1:6379?prefix=lock:"))
/// ```
///
/// A lock is the plain key that Redis's own documentation describes: its value is the owner, and it expires with the lease.
/// So programs in other languages that use the same pattern, such as `Lock` of redis-py, exclude and are excluded. All
/// decisions are scripts, which Redis runs one after the other; an acquisition and a release are one round trip each.
///
/// **Guarantee.** As long as the server keeps its memory and its clock is not set, two owners never hold a name at once.
/// What a grant outlives is for the operator to say; see ``RedisLeaseEngineOptions/survival``. A failover to a replica may
/// forget a grant that was acknowledged, so that another owner gets the name while the first believes to hold it: only the
/// check of the fencing token at the resource keeps its writes out.
///
/// **Tokens** rise for ever, also when the server has lost its data or a failover has lost the last of it: each is above
/// the one before and not below the server's time in microseconds. They cease to rise only if, besides, the clock of the
/// server is behind that of the lost one by more than the time between the two grants. A holder that is not Colony's, such
/// as redis-py's `Lock`, has **no token**; its ``LeaseHolder/token`` is 0, and no resource can refuse its writes. A mixed
/// fleet is as safe as its clients without tokens.
///
/// **Time** is the server's. Redis counts what is left of a key on the wall clock of its host: setting that clock forward
/// ends leases early, setting it back makes them longer.
///
/// **Turns.** ``acquire(_:owner:for:upTo:)`` keeps a queue at the server. A release tells the first waiter only. Clients that
/// are not Colony's do not know of the queue, and may overtake it. Whoever waits looks once a second in any case, ten times
/// as often while such a client holds the lock, because that one tells nobody when it releases.
///
/// Redis 6.0 or later is needed, and a `maxmemory-policy` of `noeviction`, which is its default: otherwise a server that is
/// short of memory throws leases away. The layout of the keys is in <doc:RedisKeys>.
public final class RedisLeaseEngine: LeaseEngine {
    /// What a grant is worth: it reaches the network, and outlives what the options say.
    public let guarantee: Guarantee

    let options: RedisLeaseEngineOptions
    let router: RedisRouter
    let space: LeaseKeySpace
    let wakes: LeaseWakes
    let subscription: RedisSubscription
    /// What the server knows this engine under; the last part of its channel.
    let identity: String
    private let waiters = Atomic<UInt64>(0)

    /// Makes an engine. No connection is made before the first call.
    ///
    /// - Throws: `LeaseError` with `invalidRequest`, quoting the value that cannot be.
    public init(_ options: RedisLeaseEngineOptions) throws(LeaseError) {
        if let defect = options.defect { throw LeaseError(.invalidRequest, "Redis cannot be used: \(defect)") }
        self.options = options
        self.guarantee = Guarantee(reach: .network, survival: options.survival)
        self.space = LeaseKeySpace(prefix: options.keyPrefix)
        let settings = RedisLinkSettings(options.connection, prefix: "", listener: nil)
        self.router = RedisRouter(settings)
        var generator = options.connection.makeGenerator()
        // Engines with one seed must not share a channel, so what is drawn is mixed with what is unique anyway.
        let drawn = UInt64.random(in: .min ... .max, using: &generator)
        let identity =
            "\(NameRules.hexadecimal(drawn, digits: 16).lowercased()).\(OwnerID.unique().rawValue.replacing("-", with: "."))"
        self.identity = identity
        let wakes = LeaseWakes()
        self.wakes = wakes
        self.subscription = RedisSubscription(
            options.connection, channel: self.space.channel + identity, tls: settings.tls,
            hasBegun: { wakes.all() }, hasHeard: { wakes.heard($0) })
    }

    /// Makes an engine from a URL; see ``RedisLeaseEngineOptions/init(url:generator:)``.
    ///
    /// - Throws: `LeaseError` with `invalidRequest`, which never shows the password.
    public convenience init(url: String) throws(LeaseError) {
        try self.init(RedisLeaseEngineOptions(url: url))
    }

    /// Makes an engine from a URL that was read already.
    ///
    /// - Throws: `LeaseError` with `invalidRequest`, which never shows the password.
    public convenience init(url: EngineURL) throws(LeaseError) {
        try self.init(RedisLeaseEngineOptions(url: url))
    }

    deinit {
        let (router, subscription) = (self.router, self.subscription)
        Task {
            await subscription.close()
            await router.close()
        }
    }

    /// Ends all connections. What is under way, and who waits, throws `closed`; leases stay until they run out.
    ///
    /// Closing again does nothing.
    public func close() async {
        await self.subscription.close()
        await self.router.close()
        self.wakes.all()
    }

    // MARK: Asking

    var clock: any MonotonicClock { self.options.connection.clock }

    /// Where the engine is, for errors.
    var place: String { self.options.connection.description }

    /// Text that names a waiter to the server.
    func makeMember(_ owner: OwnerID) -> String {
        let number = self.waiters.wrappingAdd(1, ordering: .relaxed).newValue
        return "\(self.identity)-\(number) \(owner.rawValue)"
    }

    func call(
        _ script: RedisScript, on name: LeaseName, keys count: Int, isRepeatable: Bool = true, _ arguments: [String]
    ) throws(LeaseError) -> RedisScriptCall {
        try self.space.check(name)
        let keys = self.space.keys(of: name)
        let all = [keys.lock, keys.counter, keys.lease, keys.queue, keys.waiters, keys.watchers]
        return RedisScriptCall(
            script: script, keys: Array(all.prefix(count)), arguments: arguments.map { Array($0.utf8) },
            subject: name.rawValue, isRepeatable: isRepeatable)
    }

    /// Runs one script, and gives its answer, which is no error.
    func run(_ call: RedisScriptCall) async throws(LeaseError) -> RESPValue {
        try await self.run([call])[0]
    }

    /// Runs scripts in one round trip, and gives their answers, none of which is an error.
    func run(_ calls: [RedisScriptCall]) async throws(LeaseError) -> [RESPValue] {
        do throws(RedisFailure) {
            let answers = try await self.router.run(calls)
            for answer in answers {
                if let text = answer.errorText { throw RedisReply.failure(text) }
            }
            return answers
        } catch {
            throw LeaseError(error, at: self.place)
        }
    }
}

extension LeaseError {
    /// - Parameter place: The URL of the store, without its password.
    init(_ failure: RedisFailure, at place: String) {
        let code: Code =
            switch failure.code {
            // What is refused for lack of room was not sent, and can be asked for again.
            case .unavailable, .overloaded: .unavailable
            case .cancelled: .cancelled
            case .closed: .closed
            case .refused, .invalidConfiguration, .wrongType, .valueTooLarge: .storageFailed
            }
        self.init(code, "\(place): \(failure.message)", cause: failure.cause)
    }
}
