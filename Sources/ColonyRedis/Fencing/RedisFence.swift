public import ColonyCore
import ColonyRESP

/// A connection to a Redis whose keys are guarded by fencing tokens; see ``RedisFencedResource``.
///
/// Every member is one round trip, and two when the server has not met the script. After `unavailable` and `cancelled` it is
/// not known whether the server acted; repeating the call is safe as long as the caller holds its lock.
public final class RedisFence: Sendable {
    private let router: RedisRouter
    private let place: String

    /// Makes a fence. No connection is made before the first call.
    ///
    /// - Throws: `LeaseError` with `invalidRequest`, quoting the value that cannot be.
    public init(_ options: RedisOptions) throws(LeaseError) {
        if let defect = options.defect { throw LeaseError(.invalidRequest, "Redis cannot be used: \(defect)") }
        self.router = RedisRouter(RedisLinkSettings(options, prefix: "", listener: nil))
        self.place = options.description
    }

    /// Makes a fence from `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, or one of the other schemes and options of
    /// ``RedisLeaseEngineOptions/init(url:generator:)``, except for `prefix` and `survives`.
    ///
    /// - Throws: `LeaseError` with `invalidRequest`, which never shows the password.
    public convenience init(
        url: String, generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(LeaseError) {
        let options: RedisOptions
        do throws(RedisURLDefect) {
            options = try RedisOptions(url: url, generator: generator, knowing: []) { _, _ in nil }
        } catch {
            throw LeaseError(.invalidRequest, error.message)
        }
        try self.init(options)
    }

    deinit {
        let router = self.router
        Task { await router.close() }
    }

    /// Ends all connections. What is under way throws `closed`.
    public func close() async { await self.router.close() }

    /// Sets a key, unless a greater token was accepted for it before.
    ///
    /// The same token is accepted any number of times: a holder writes more than once.
    ///
    /// - Parameter timeToLive: After which the value, but not the token, is forgotten; rounded up to a millisecond. `nil` keeps it.
    /// - Throws: ``RedisFencedResource/StaleToken``, and nothing was done; `LeaseError` as a lease engine throws it.
    public func set(
        _ value: [UInt8], for resource: RedisFencedResource, token: FencingToken, timeToLive: Duration? = nil
    ) async throws {
        var command = [Array("SET".utf8), Array(resource.key.utf8), value]
        if let timeToLive { command += [Array("PX".utf8), Array(RedisCommand.milliseconds(timeToLive).utf8)] }
        _ = try await self.run(command, resource, token)
    }

    /// Removes a key, unless a greater token was accepted for it before.
    ///
    /// - Returns: Whether it was there.
    /// - Throws: As ``set(_:for:token:timeToLive:)``.
    @discardableResult
    public func delete(_ resource: RedisFencedResource, token: FencingToken) async throws -> Bool {
        try await self.run([Array("DEL".utf8), Array(resource.key.utf8)], resource, token)?.integer == 1
    }

    /// Remembers a token without a write, unless a greater one was accepted before. What is written afterwards with a smaller
    /// one is refused.
    ///
    /// - Throws: As ``set(_:for:token:timeToLive:)``.
    public func admit(_ token: FencingToken, for resource: RedisFencedResource) async throws {
        _ = try await self.run([], resource, token)
    }

    /// The greatest token that was accepted for a resource, or `nil` before the first.
    public func greatestToken(of resource: RedisFencedResource) async throws(LeaseError) -> FencingToken? {
        let call = RedisScriptCall(
            script: Self.look, keys: [Array(resource.tokenKey.utf8)], arguments: [], subject: resource.key,
            isRepeatable: true)
        let answer = try await self.ask(call)
        if answer.isNull { return nil }
        guard let token = answer.text.flatMap({ FencingToken($0) }) else { throw self.unexpected(answer) }
        return token
    }

    private static let look = RedisScript("return redis.call('GET', KEYS[1])")

    private func run(
        _ command: [[UInt8]], _ resource: RedisFencedResource, _ token: FencingToken
    ) async throws -> RESPValue? {
        let call = RedisScriptCall(
            script: RedisFencedResource.guarded, keys: [Array(resource.tokenKey.utf8), Array(resource.key.utf8)],
            arguments: [Array(token.description.utf8)] + command, subject: resource.key, isRepeatable: false)
        let answer = try await self.ask(call)
        guard let parts = answer.elements, let isDone = parts.first?.integer else { throw self.unexpected(answer) }
        if isDone == 1 { return parts.count > 1 ? parts[1] : nil }
        guard parts.count == 2, let greatest = parts[1].text.flatMap({ FencingToken($0) }) else {
            throw self.unexpected(answer)
        }
        throw RedisFencedResource.StaleToken(resource: resource.key, token: token, greatest: greatest)
    }

    private func ask(_ call: RedisScriptCall) async throws(LeaseError) -> RESPValue {
        do throws(RedisFailure) {
            let answer = try await self.router.run([call])[0]
            if let text = answer.errorText { throw RedisReply.failure(text) }
            return answer
        } catch {
            throw LeaseError(error, at: self.place)
        }
    }

    private func unexpected(_ answer: RESPValue) -> LeaseError {
        LeaseError(.unavailable, "\(self.place): the server answered with something else than was asked for: \(answer)")
    }
}
