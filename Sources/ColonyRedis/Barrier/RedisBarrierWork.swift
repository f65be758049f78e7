import ColonyTransactions

/// What a participant does in its Redis, as the body of a Lua script.
///
/// `KEYS` and `ARGV` are those of the call, as in any script. It returns what a repetition is to be answered with, a text or a whole number;
/// anything else counts as nothing. It says no by returning `{err = 'REFUSED why'}` *before* its first write.
///
/// Make it once and keep it: the server knows it by a digest that is computed here.
public struct RedisBarrierWork: Sendable {
    /// The body as it was given.
    public let body: String
    let guarded: RedisScript

    /// Makes the work of a participant from the body of a script.
    public init(_ body: String) {
        self.body = body
        self.guarded = RedisScript("local function work(KEYS, ARGV)\n\(body)\nend\n" + Self.barrier)
    }

    /// The decision, which is that of ``/ColonyTransactions/BarrierDecision``, the work, and the marks.
    ///
    /// Keys are the hash of the marks, the set of open transactions, and those of the work. Arguments are the number of the words that
    /// follow, which are the transaction, the operation, and the fields of the marks that the call leaves; and those of the work.
    /// Marks are written after the work: one that refuses has left nothing, and nobody sees the moment in between.
    private static let barrier = """
        local count = tonumber(ARGV[1])
        local operation, last = ARGV[3], ARGV[count + 1]
        local first = redis.call('HGET', KEYS[1], ARGV[4])
        local function leave()
            if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('ZADD', KEYS[2], 0, ARGV[2]) end
            for index = 4, count + 1 do redis.call('HSETNX', KEYS[1], ARGV[index], operation) end
        end
        if operation == 'cancel' then
            if not first or first == 'cancel' then
                leave()
                return {'empty', ''}
            end
            if redis.call('HEXISTS', KEYS[1], last) == 1 then
                return {'repeated', redis.call('HGET', KEYS[1], 'gave ' .. last) or ''}
            end
        elseif first then
            if first == 'cancel' then return {'hanging', ''} end
            return {'repeated', redis.call('HGET', KEYS[1], 'gave ' .. last) or ''}
        end
        local keys, arguments = {}, {}
        for index = 3, #KEYS do keys[index - 2] = KEYS[index] end
        for index = count + 2, #ARGV do arguments[index - count - 1] = ARGV[index] end
        local value = work(keys, arguments)
        if type(value) == 'table' then
            local reason = type(value.err) == 'string' and string.match(value.err, '^REFUSED%s*(.*)$')
            if reason then return {'refused', reason} end
            if value.err then return value end
            value = value.ok
        end
        leave()
        if type(value) == 'number' then value = string.format('%.0f', value) end
        if type(value) ~= 'string' then return {'proceed', ''} end
        redis.call('HSET', KEYS[1], 'gave ' .. last, value)
        return {'proceed', value}
        """
}

/// The keys of Colony's own beside those of a participant's work.
struct BarrierKeys {
    private let base: String

    /// - Throws: `TransactionError` with `invalidRequest` unless there are keys, all of one slot.
    init(_ keys: [String]) throws(TransactionError) {
        guard let first = keys.first else {
            throw TransactionError(
                .invalidRequest, "the work at a barrier names the keys that it touches: at least one")
        }
        let slot = HashSlot.of(Array(first.utf8))
        for key in keys.dropFirst() where HashSlot.of(Array(key.utf8)) != slot {
            throw TransactionError(
                .invalidRequest,
                "the keys \"\(first)\" and \"\(key)\" are in two slots, and no script can touch both in a cluster: "
                    + "give them one hash tag, such as {seats}")
        }
        self.base = "{\(SlotTag.of(slot))}colony:barrier:"
    }

    /// The transactions of the slot of which nobody has said that they are over.
    var open: [UInt8] { Array("\(self.base)open".utf8) }

    /// The marks of a transaction: a hash of the author of each mark, by operation and branch, and of what the work gave.
    func marks(of transaction: TransactionID) -> [UInt8] { Array("\(self.base)marks:\(transaction)".utf8) }
}
