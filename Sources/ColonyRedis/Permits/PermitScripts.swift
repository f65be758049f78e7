/// The scripts of permits.
///
/// Keys, in the same order for all: the ends of the holders, the counter, the holders, the claims by ticket, what is claimed,
/// and who watches. Times and tokens are as in ``LeaseScripts``. The number of permits that are held stands in the hash of the
/// holders under a control character, which no owner can be.
enum PermitScripts {
    private static let book = """
        local total = string.char(1)
        local function keep(first, second, microseconds)
            local milliseconds = math.ceil(microseconds / 1000) + 60000
            for _, key in ipairs({first, second}) do
                if redis.call('PTTL', key) < milliseconds then redis.call('PEXPIRE', key, milliseconds) end
            end
        end
        local function held(owner)
            local value = redis.call('HGET', KEYS[3], owner)
            if not value then return nil end
            local permits, token, granted = string.match(value, '^(%d+) (%d+) (%d+)')
            return tonumber(permits), token, tonumber(granted)
        end
        local function drop(owner)
            local permits = held(owner) or 0
            redis.call('ZREM', KEYS[1], owner)
            redis.call('HDEL', KEYS[3], owner)
            if redis.call('HINCRBY', KEYS[3], total, -permits) <= 0 then redis.call('DEL', KEYS[3]) end
        end
        local function sweep(now)
            for _, owner in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text(now))) do drop(owner) end
        end
        local function claimed(owner)
            local value = redis.call('HGET', KEYS[5], owner)
            if not value then return nil end
            local permits, ends, engine = string.match(value, '^(%d+) (%d+) (%S+)')
            return tonumber(permits), tonumber(ends), engine
        end
        local function unclaim(owner)
            redis.call('HDEL', KEYS[5], owner)
            return redis.call('ZREM', KEYS[4], owner)
        end
        local function firstClaim(now)
            while true do
                local owner = redis.call('ZRANGE', KEYS[4], 0, 0)[1]
                if not owner then return nil end
                local _, ends, engine = claimed(owner)
                if ends and ends > now then return owner, ends, engine end
                unclaim(owner)
            end
        end
        local function obstacle(now, owner, permits, limit)
            local available = math.max(0, limit - (tonumber(redis.call('HGET', KEYS[3], total) or 0) or 0))
            local first, ends = firstClaim(now)
            if first and first ~= owner then return {0, available, first, '0', ends - now} end
            if available >= permits then return nil end
            local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
            if not next[1] then
                redis.call('DEL', KEYS[3])
                return nil
            end
            local _, token = held(next[1])
            return {0, available, next[1], token, tonumber(next[2]) - now}
        end
        local function wake(now)
            local owner, _, engine = firstClaim(now)
            if owner then
                redis.pcall('PUBLISH', channel .. engine, 'c' .. KEYS[1] .. ' ' .. owner)
                return
            end
            local watchers = redis.call('ZRANGEBYSCORE', KEYS[6], text(now), '+inf')
            if watchers[1] then
                redis.call('DEL', KEYS[6])
                for _, engine in ipairs(watchers) do redis.pcall('PUBLISH', channel .. engine, 'p' .. KEYS[1]) end
            end
        end
        local function hold(now, owner, permits, token, granted, duration, nanoseconds)
            local ends = math.max(tonumber(redis.call('ZSCORE', KEYS[1], owner) or 0), now + duration)
            redis.call('ZADD', KEYS[1], text(ends), owner)
            redis.call('HSET', KEYS[3], owner, permits .. ' ' .. token .. ' ' .. text(granted) .. ' ' .. nanoseconds)
            keep(KEYS[1], KEYS[3], ends - now)
            return {1, token, ends - now}
        end

        """

    /// Arguments: owner, permits, limit, duration in microseconds and in nanoseconds, claim in microseconds or nothing,
    /// engine, channel. Answer: `{1, token, microseconds left}`, `{2, permits}` for another number than is held, or
    /// `{0, available, owner, token, microseconds left}`.
    static let take = RedisScript(
        LeaseScripts.time + "local channel = ARGV[8]\n" + LeaseScripts.issue + book + """
            local now = clock()
            sweep(now)
            local owner, permits, duration = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[4])
            local has, token, granted = held(owner)
            if has then
                if has ~= permits then return {2, has} end
                return hold(now, owner, ARGV[2], token, granted, duration, ARGV[5])
            end
            local refusal = obstacle(now, owner, permits, tonumber(ARGV[3]))
            if refusal then
                if ARGV[6] ~= '' then
                    if not redis.call('ZSCORE', KEYS[4], owner) then
                        redis.call('ZADD', KEYS[4], text(issue(now)), owner)
                    end
                    local claim = tonumber(ARGV[6])
                    redis.call('HSET', KEYS[5], owner, ARGV[2] .. ' ' .. text(now + claim) .. ' ' .. ARGV[7])
                    keep(KEYS[4], KEYS[5], claim)
                end
                return refusal
            end
            local hadClaim = unclaim(owner) == 1
            redis.call('HINCRBY', KEYS[3], total, permits)
            local answer = hold(now, owner, ARGV[2], text(issue(now)), now, duration, ARGV[5])
            if hadClaim then wake(now) end
            return answer
            """)

    /// Arguments: owner, token, duration in microseconds and in nanoseconds. Answer: microseconds left, or nothing.
    static let renew = RedisScript(
        LeaseScripts.time + "local channel = ''\n" + book + """
            local now = clock()
            sweep(now)
            local permits, token, granted = held(ARGV[1])
            if not permits or token ~= ARGV[2] then return false end
            return hold(now, ARGV[1], text(permits), token, granted, tonumber(ARGV[3]), ARGV[4])[3]
            """)

    /// Arguments: owner, token or nothing, channel. Answer: whether a grant was ended.
    static let giveBack = RedisScript(
        LeaseScripts.time + "local channel = ARGV[3]\n" + book + """
            local now = clock()
            sweep(now)
            local ended = 0
            local permits, token = held(ARGV[1])
            if permits and (ARGV[2] == '' or token == ARGV[2]) then
                drop(ARGV[1])
                ended = 1
            end
            local hadClaim = ARGV[2] == '' and unclaim(ARGV[1]) == 1
            if ended == 1 or hadClaim then wake(now) end
            return ended
            """)

    /// No arguments. Answer: the number of holders; of each owner, permits, token, microseconds left, and age; then of each
    /// claim owner, permits, and age.
    static let inspect = RedisScript(
        LeaseScripts.time + "local channel = ''\n" + book + """
            local now = clock()
            sweep(now)
            local ends = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
            local answer = {#ends / 2}
            local function add(value) answer[#answer + 1] = value end
            for index = 1, #ends, 2 do
                local permits, token, granted = held(ends[index])
                add(ends[index]); add(permits); add(token); add(tonumber(ends[index + 1]) - now)
                add(math.max(0, now - granted))
            end
            local claims = redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES')
            for index = 1, #claims, 2 do
                local permits, dies = claimed(claims[index])
                if dies and dies > now then
                    add(claims[index]); add(permits); add(math.max(0, now - tonumber(claims[index + 1])))
                end
            end
            return answer
            """)

    /// Arguments: owner, permits, limit, `1` for one with a claim, engine. Answer: `{1}` if the request would be granted, or
    /// `{0, microseconds until that may change by itself, place}`.
    static let watch = RedisScript(
        LeaseScripts.time + "local channel = ''\n" + book + """
            local now = clock()
            sweep(now)
            if held(ARGV[1]) then return {1} end
            local refusal = obstacle(now, ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]))
            if not refusal then return {1} end
            local rank = redis.call('ZRANK', KEYS[4], ARGV[1])
            if ARGV[4] ~= '1' or not rank then
                redis.call('ZADD', KEYS[6], text(now + \(LeaseScripts.deadAfter)), ARGV[5])
                redis.call('PEXPIRE', KEYS[6], 60000)
            end
            return {0, refusal[5], rank or 0}
            """)
}
