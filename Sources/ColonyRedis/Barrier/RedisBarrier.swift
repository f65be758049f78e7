import ColonyCore
import ColonyRESP
public import ColonyTransactions

/// Has each call of a participant take effect once, in *your* Redis, in the script that does the work.
///
/// ```swift
/// let barrier = try RedisBarrier(url: "redis://127.0.0.1:6379")
/// let reserve = RedisBarrierWork(
///     """
///     if tonumber(redis.call('GET', KEYS[1]) or '0') < tonumber(ARGV[1]) then return {err = 'REFUSED sold out'} end
///     return redis.call('DECRBY', KEYS[1], ARGV[1])
///     """)
/// let left = try await barrier.once(call.barrier, reserve, keys: ["seats"], arguments: [Array("2".utf8)]).get()
/// ```
///
/// A call that is repeated, a cancel without its try, and a try after its cancel do no work; why they come, and how they are told, is written
/// at ``/ColonyTransactions/BarrierDecision``.
///
/// **What makes it hold here.** Decision, work, and marks are one script, and Redis runs scripts one after the other. The marks of a
/// transaction are a hash in the slot of the keys of the work, so that it works on a cluster, whose nodes know only their own slots:
/// all calls of one branch must name keys of one slot.
///
/// **How long marks stay.** A mark stays until somebody has said with ``end(_:besides:keepingFor:)`` that its transaction is over, and after that for as
/// long as he chooses; take longer than a call can be on its way. ``transactions(besides:after:upTo:)`` tells of whom nobody has said it.
///
/// - Important: Redis takes nothing back. Work that fails after its first write leaves that write without a mark, and is done
///   again: look first, refuse, and then write. And a Redis that loses its last writes loses the marks with the work, while the
///   coordinator has been told that it is done: keep its log with `appendfsync always` for what must not be lost. Evict nothing
///   (`maxmemory-policy noeviction`): a mark that is evicted is a call that is done again.
public final class RedisBarrier: Sendable {
    private let router: RedisRouter
    private let place: String

    /// Makes a barrier. No connection is made before the first call.
    ///
    /// - Throws: `TransactionError` with `invalidRequest`, quoting the value that cannot be.
    public init(_ options: RedisOptions) throws(TransactionError) {
        if let defect = options.defect { throw TransactionError(.invalidRequest, "Redis cannot be used: \(defect)") }
        self.router = RedisRouter(RedisLinkSettings(options, prefix: "", listener: nil))
        self.place = options.description
    }

    /// Makes a barrier from `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, or one of the other schemes and options of
    /// ``RedisLeaseEngineOptions/init(url:generator:)``, except for `prefix` and `survives`.
    ///
    /// - Throws: `TransactionError` with `invalidRequest`, which never shows the password.
    public convenience init(
        url: String, generator: some RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) throws(TransactionError) {
        let options: RedisOptions
        do throws(RedisURLDefect) {
            options = try RedisOptions(url: url, generator: generator, knowing: []) { _, _ in nil }
        } catch {
            throw TransactionError(.invalidRequest, error.message)
        }
        try self.init(options)
    }

    deinit {
        let router = self.router
        Task { await router.close() }
    }

    /// Ends all connections. What is under way throws `closed`.
    public func close() async { await self.router.close() }

    // MARK: The barrier

    /// Does the work of a call unless it was done before, may not be done any more, or has nothing to undo.
    ///
    /// What the work returns is kept, so that a repetition gives the same.
    ///
    /// - Parameters:
    ///   - call: Which call it is: `call.barrier` in a step, or what a program elsewhere has sent along.
    ///   - keys: All keys that the work touches, at least one, all of one slot.
    ///   - arguments: What it is given beside them.
    /// - Throws: `Refusal` if the work has refused; nothing was done then, and no mark was left. `TransactionError`: `invalidRequest` for keys
    ///   that cannot be; `storageFailed` with what the server says, also of a work that fails. After `unavailable` or `cancelled` it
    ///   is unknown whether it was done: call it again.
    /// - Complexity: One round trip, and two when the server has not met the work. On the server, O(1) beside the work.
    @discardableResult
    public func once(
        _ call: BarrierCall, _ work: RedisBarrierWork, keys: [String], arguments: [[UInt8]] = []
    ) async throws -> BarrierOutcome<[UInt8]> {
        let space = try BarrierKeys(keys)
        let marks = BarrierDecision.marks(of: call.operation)
        let fields = marks.map { "\($0.rawValue) \(call.branch)" }
        let words = [call.transaction.rawValue, call.operation.rawValue] + fields
        let answer = try await self.ask(
            RedisScriptCall(
                script: work.guarded,
                keys: [space.marks(of: call.transaction), space.open] + keys.map { Array($0.utf8) },
                arguments: [Array("\(words.count)".utf8)] + words.map { Array($0.utf8) } + arguments,
                subject: "\(call)", isRepeatable: true))
        guard let parts = answer.elements, parts.count == 2, let word = parts[0].text, let value = parts[1].bytes else {
            throw self.unexpected(answer)
        }
        if word == "refused" { throw Refusal(String(decoding: value, as: UTF8.self)) }
        switch BarrierDecision(rawValue: word) {
        case .proceed: return .done(value)
        case .repeated: return .repeated(value)
        case .empty: return .empty
        case .hanging: return .hanging
        case nil: throw self.unexpected(answer)
        }
    }

    // MARK: The end of marks

    /// Says that a transaction is over: its coordinator will not call anybody any more. Saying it again changes nothing.
    ///
    /// - Parameters:
    ///   - key: One of the keys of the work; the marks beside other slots are told separately.
    ///   - age: How long its marks stay nevertheless, for calls that are still on their way: a day, rather than a minute. At least a
    ///     millisecond.
    /// - Throws: `TransactionError`. After `unavailable` or `cancelled` say it again.
    /// - Complexity: One round trip; O(log *n*) in the number of open transactions of the slot.
    public func end(
        _ transaction: TransactionID, besides key: String, keepingFor age: Duration
    ) async throws(TransactionError) {
        guard age >= .milliseconds(1) else {
            throw TransactionError(.invalidRequest, "marks are kept for at least a millisecond, not for \(age)")
        }
        let space = try BarrierKeys([key])
        _ = try await self.ask(
            RedisScriptCall(
                script: Self.ending, keys: [space.marks(of: transaction), space.open],
                arguments: [Array(transaction.rawValue.utf8), Array(RedisCommand.milliseconds(age).utf8)],
                subject: "\(transaction)", isRepeatable: true))
    }

    /// Transactions that have marks in the slot of a key and of which nobody has said that they are over, in the order of their names.
    ///
    /// - Parameters:
    ///   - last: The last one of the page before.
    ///   - limit: The most that are given; at least 1.
    /// - Throws: `TransactionError`.
    /// - Complexity: One round trip; O(log *n*) in the number of open transactions of the slot.
    public func transactions(
        besides key: String, after last: TransactionID? = nil, upTo limit: Int
    ) async throws(TransactionError) -> [TransactionID] {
        precondition(limit >= 1, "at least one transaction is asked for, not \(limit)")
        let answer = try await self.ask(
            RedisScriptCall(
                script: Self.listing, keys: [try BarrierKeys([key]).open],
                arguments: [Array((last.map { "(\($0)" } ?? "-").utf8), Array("\(limit)".utf8)], subject: key,
                isRepeatable: true))
        guard let elements = answer.elements else { throw self.unexpected(answer) }
        var names: [TransactionID] = []
        for element in elements {
            guard let text = element.text, let name = try? TransactionID(text) else { throw self.unexpected(answer) }
            names.append(name)
        }
        return names
    }

    private static let ending = RedisScript(
        """
        if redis.call('ZREM', KEYS[2], ARGV[1]) == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
        return 1
        """)

    private static let listing = RedisScript(
        "return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], '+', 'LIMIT', '0', ARGV[2])")

    private func ask(_ call: RedisScriptCall) async throws(TransactionError) -> RESPValue {
        do throws(RedisFailure) {
            let answer = try await self.router.run([call])[0]
            if let text = answer.errorText { throw RedisReply.failure(text) }
            return answer
        } catch {
            throw TransactionError(error, at: self.place)
        }
    }

    private func unexpected(_ answer: RESPValue) -> TransactionError {
        TransactionError(
            .unavailable, "\(self.place): the server answered with something else than was asked for: \(answer)")
    }
}

extension TransactionError {
    init(_ failure: RedisFailure, at place: String) {
        let code: Code =
            switch failure.code {
            case .unavailable: .unavailable
            case .overloaded: .overloaded
            case .cancelled: .cancelled
            case .closed: .closed
            case .refused, .invalidConfiguration, .wrongType, .valueTooLarge: .storageFailed
            }
        self.init(code, "\(place): \(failure.message)", cause: failure.cause)
    }
}
