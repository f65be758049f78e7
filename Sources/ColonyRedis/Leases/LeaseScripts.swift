/// The scripts of the lease engine.
///
/// All take the keys of ``LeaseKeySpace/Keys`` in the same order, as many of them as they need: lock, counter, lease, queue,
/// waiters, watchers. Time is the server's, in microseconds since 1970, of which a number in Lua holds all digits until the
/// year 2255.
///
/// **Tokens** are the greater of the last one plus one and the time in microseconds. The counter alone would do as long as
/// the server keeps it; with the time as a floor, tokens rise also past a server that has lost its last writes, or all, as
/// long as its clock is not set back behind the last grant: a counter cannot have run ahead of the time, because no server
/// grants a million leases a second in one slot.
///
/// **Turns.** A waiter is `ENGINE-NUMBER OWNER`, a member of a sorted set whose score is its ticket, a number of the same
/// counter as the tokens. When it counts as dead is noted in a hash; the dead are cleared away when they come to the front.
enum LeaseScripts {
    /// How long a waiter may show no sign of life, in microseconds: three signs, of which two may be late.
    static let deadAfter = 3_000_000

    /// `clock()` and `text(number)`.
    static let time = """
        local function clock()
            local time = redis.call('TIME')
            return tonumber(time[1]) * 1000000 + tonumber(time[2])
        end
        local function text(number) return string.format('%.0f', number) end

        """

    /// The next number of the counter.
    static let issue = """
        local function issue(now)
            local number = (tonumber(redis.call('GET', KEYS[2]) or 0) or 0) + 1
            if number < now then number = now end
            redis.call('SET', KEYS[2], text(number))
            return number
        end

        """

    /// Who holds the lock by its value `held`: owner, token or 0 for one without, and milliseconds left or -1 for no end.
    static let holder = """
        local function holder(held)
            local known = redis.call('HMGET', KEYS[3], 'owner', 'token')
            local token = 0
            if known[1] == held then token = tonumber(known[2]) or 0 end
            return {0, held, token, redis.call('PTTL', KEYS[1])}
        end

        """

    /// The queue: its first living member with its ticket and the time of its death; the dead before it are cleared away.
    private static let queue = """
        local function leave(member)
            redis.call('ZREM', KEYS[4], member)
            redis.call('HDEL', KEYS[5], member)
        end
        local function first(now)
            while true do
                local front = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
                if not front[1] then return nil end
                local dies = tonumber(redis.call('HGET', KEYS[5], front[1]) or 0) or 0
                if dies > now then return front[1], tonumber(front[2]), dies end
                leave(front[1])
            end
        end
        local function owner(member) return string.sub(member, string.find(member, ' ', 1, true) + 1) end

        """

    /// Grants and extensions. Arguments: owner, milliseconds, the duration in nanoseconds.
    static let grants = """
        local function note(now, token, left)
            redis.call('HSET', KEYS[3], 'owner', ARGV[1], 'token', text(token), 'granted', text(now),
                'duration', ARGV[3], 'renewals', '0')
            redis.call('PEXPIRE', KEYS[3], left)
        end
        local function grant(now)
            local token = issue(now)
            redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
            note(now, token, ARGV[2])
            return {1, token, tonumber(ARGV[2])}
        end
        local function extend(now)
            local left = redis.call('PTTL', KEYS[1])
            if left < tonumber(ARGV[2]) then
                left = tonumber(ARGV[2])
                redis.call('PEXPIRE', KEYS[1], ARGV[2])
            end
            local known = redis.call('HMGET', KEYS[3], 'owner', 'token')
            local token = tonumber(known[2] or 0)
            if known[1] == ARGV[1] and token then
                redis.call('HSET', KEYS[3], 'duration', ARGV[3])
                redis.call('HINCRBY', KEYS[3], 'renewals', 1)
                redis.call('PEXPIRE', KEYS[3], left)
            else
                token = issue(now)
                note(now, token, left)
            end
            return {1, token, left}
        end

        """

    /// Tells those who wait, when the lock is free. Needs `channel`. What may not be published is found by polling.
    private static let wake = """
        local function tell(engine, message) redis.pcall('PUBLISH', channel .. engine, message) end
        local function wake(now)
            local head = first(now)
            if head then tell(string.match(head, '^[^-]*'), 't' .. head) end
            local watchers = redis.call('ZRANGEBYSCORE', KEYS[6], text(now), '+inf')
            if watchers[1] then
                redis.call('DEL', KEYS[6])
                for _, engine in ipairs(watchers) do tell(engine, 'w' .. KEYS[1]) end
            end
        end

        """

    /// What is known of a held lock: owner, token, age in microseconds, duration in nanoseconds, milliseconds left,
    /// renewals, and then owner and age of each waiter.
    private static let record = """
        local function record(now)
            local held = redis.call('GET', KEYS[1])
            if not held then return false end
            local known = redis.call('HMGET', KEYS[3], 'owner', 'token', 'granted', 'duration', 'renewals')
            local left = redis.call('PTTL', KEYS[1])
            local answer = {held, 0, 0, '0', left, 0}
            if known[1] == held then
                answer = {held, tonumber(known[2]), now - tonumber(known[3]), known[4], left, tonumber(known[5])}
            end
            local waiting = redis.call('ZRANGE', KEYS[4], 0, 999, 'WITHSCORES')
            for index = 1, #waiting, 2 do
                local dies = tonumber(redis.call('HGET', KEYS[5], waiting[index]) or 0) or 0
                if dies > now then
                    answer[#answer + 1] = owner(waiting[index])
                    answer[#answer + 1] = math.max(0, now - tonumber(waiting[index + 1]))
                end
            end
            return answer
        end

        """

    /// Arguments: owner, milliseconds, nanoseconds. Answer: `{1, token, left}`, or `{0, owner, token, left}`.
    static let tryAcquire = RedisScript(
        time + issue + holder + queue + grants + """
            local now = clock()
            local held = redis.call('GET', KEYS[1])
            if held == ARGV[1] then return extend(now) end
            if held then return holder(held) end
            local head, ticket, dies = first(now)
            if head then
                if owner(head) ~= ARGV[1] then return {0, owner(head), ticket, math.ceil((dies - now) / 1000)} end
                leave(head)
            end
            return grant(now)
            """)

    /// Arguments: owner, milliseconds, nanoseconds, member, and `1` for one who then leaves. Answer as of `tryAcquire`, and
    /// how many stand before the member.
    static let takeTurn = RedisScript(
        time + issue + holder + queue + grants + """
            local now = clock()
            local member = ARGV[4]
            local held = redis.call('GET', KEYS[1])
            local place = redis.call('ZSCORE', KEYS[4], member)
            if held == ARGV[1] then
                if place then leave(member) end
                return extend(now)
            end
            if place then redis.call('HSET', KEYS[5], member, text(now + \(deadAfter))) end
            local head, ticket, dies = first(now)
            if not held and (not head or head == member or owner(head) == ARGV[1]) then
                if head then leave(head) end
                if place then leave(member) end
                return grant(now)
            end
            local answer
            if held then answer = holder(held)
            else answer = {0, owner(head), ticket, math.ceil((dies - now) / 1000)} end
            if ARGV[5] == '1' then
                if place then leave(member) end
                return answer
            end
            if not place then
                redis.call('ZADD', KEYS[4], text(issue(now)), member)
                redis.call('HSET', KEYS[5], member, text(now + \(deadAfter)))
            end
            redis.call('PEXPIRE', KEYS[4], 60000)
            redis.call('PEXPIRE', KEYS[5], 60000)
            answer[5] = redis.call('ZRANK', KEYS[4], member)
            return answer
            """)

    /// Arguments: member, channel.
    static let leaveQueue = RedisScript(
        time + "local channel = ARGV[2]\n" + queue + wake + """
            local now = clock()
            local isFirst = first(now) == ARGV[1]
            leave(ARGV[1])
            if isFirst and redis.call('EXISTS', KEYS[1]) == 0 then wake(now) end
            return 1
            """)

    /// Arguments: owner, token, milliseconds, nanoseconds. Answer: milliseconds left, or nothing.
    static let renew = RedisScript(
        """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return false end
        local known = redis.call('HMGET', KEYS[3], 'owner', 'token')
        if known[1] ~= ARGV[1] or known[2] ~= ARGV[2] then return false end
        local left = redis.call('PTTL', KEYS[1])
        if left < tonumber(ARGV[3]) then
            left = tonumber(ARGV[3])
            redis.call('PEXPIRE', KEYS[1], ARGV[3])
        end
        redis.call('PEXPIRE', KEYS[3], left)
        redis.call('HSET', KEYS[3], 'duration', ARGV[4])
        redis.call('HINCRBY', KEYS[3], 'renewals', 1)
        return left
        """)

    /// Arguments: owner, token or nothing, channel. Answer: whether a lease was ended.
    static let release = RedisScript(
        time + "local channel = ARGV[3]\n" + queue + wake + """
            local now = clock()
            local ended = 0
            if redis.call('GET', KEYS[1]) == ARGV[1] then
                local known = {}
                if ARGV[2] ~= '' then known = redis.call('HMGET', KEYS[3], 'owner', 'token') end
                if ARGV[2] == '' or (known[1] == ARGV[1] and known[2] == ARGV[2]) then
                    redis.call('DEL', KEYS[1], KEYS[3])
                    ended = 1
                end
            end
            local hasLeft = false
            if ARGV[2] == '' then
                for _, member in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
                    if owner(member) == ARGV[1] then
                        leave(member)
                        hasLeft = true
                    end
                end
            end
            if ended == 1 or (hasLeft and redis.call('EXISTS', KEYS[1]) == 0) then wake(now) end
            return ended
            """)

    /// No arguments. Answer: a record, or nothing.
    static let inspect = RedisScript(time + queue + record + "return record(clock())")

    /// Argument: channel. Answer: the record of what was broken, or nothing.
    static let breakLease = RedisScript(
        time + "local channel = ARGV[1]\n" + queue + wake + record + """
            local now = clock()
            local answer = record(now)
            if not answer then return false end
            redis.call('DEL', KEYS[1], KEYS[3])
            wake(now)
            return answer
            """)

    /// Arguments: token, engine. Answer: `{1}` if the grant or place is over, or `{0, milliseconds left, token}`.
    static let watch = RedisScript(
        time + holder + queue + """
            local now = clock()
            local held = redis.call('GET', KEYS[1])
            local current, left
            if held then
                local found = holder(held)
                current, left = found[3], found[4]
            else
                local head, ticket, dies = first(now)
                if not head then return {1} end
                current, left = ticket, math.ceil((dies - now) / 1000)
            end
            if text(current) ~= ARGV[1] then return {1} end
            redis.call('ZADD', KEYS[6], text(now + \(deadAfter)), ARGV[2])
            redis.call('PEXPIRE', KEYS[6], 60000)
            return {0, left, current}
            """)
}
