/// The scripts of the registry.
///
/// Keys, in the same order for all: the records of a group, the counter, the ends of its ephemeral records, the number of the
/// latest group that went, and who watches. A record is `VERSION OWNER`, a line end, and the value. The revision of a group
/// stands among its records under a control character, which no key can be; that of a group that is gone is the number of the
/// latest that went in the same slot, which is no lower than its own last one.
enum RegistryScripts {
    private static let group = """
        local mark = string.char(1)
        local function tell(now)
            local watchers = redis.call('ZRANGEBYSCORE', KEYS[5], text(now), '+inf')
            if not watchers[1] then return end
            redis.call('DEL', KEYS[5])
            for _, engine in ipairs(watchers) do redis.pcall('PUBLISH', channel .. engine, 'r' .. KEYS[1]) end
        end
        local function revision()
            return redis.call('HGET', KEYS[1], mark) or redis.call('GET', KEYS[4]) or '0'
        end
        local function changed(now, number)
            if redis.call('HLEN', KEYS[1]) - redis.call('HEXISTS', KEYS[1], mark) == 0 then
                redis.call('DEL', KEYS[1], KEYS[3])
                redis.call('SET', KEYS[4], number)
            else
                redis.call('HSET', KEYS[1], mark, number)
            end
            tell(now)
        end
        local function keep(now)
            local ephemeral = redis.call('ZCARD', KEYS[3])
            if redis.call('HLEN', KEYS[1]) - 1 > ephemeral then
                redis.call('PERSIST', KEYS[1])
                redis.call('PERSIST', KEYS[3])
            elseif ephemeral > 0 then
                local last = tonumber(redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2])
                local milliseconds = math.ceil((last - now) / 1000) + 86400000
                redis.call('PEXPIRE', KEYS[1], milliseconds)
                redis.call('PEXPIRE', KEYS[3], milliseconds)
            end
        end
        local function sweep(now)
            local over = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', text(now))
            if not over[1] then return end
            for _, key in ipairs(over) do
                redis.call('ZREM', KEYS[3], key)
                redis.call('HDEL', KEYS[1], key)
            end
            changed(now, text(issue(now)))
        end
        local function meets(kind, value, data, isWrite)
            if kind == 'always' then return true end
            if kind == 'absent' then return not data end
            local version, owner = string.match(data or '', '^(%d+) ([^\\n]*)\\n')
            if kind == 'version' then return version == value end
            return (isWrite and not data) or (data and owner == value)
        end

        """

    private static let opening = LeaseScripts.time + LeaseScripts.issue

    /// Arguments: channel, key, value, owner or nothing, duration in microseconds, kind and value of the condition, the most
    /// records. Answer: `{1, version}`, `{0, record or nothing}`, or `{2, records}` for one record too many.
    static let put = RedisScript(
        opening + "local channel = ARGV[1]\n" + group + """
            local now = clock()
            sweep(now)
            local key = ARGV[2]
            local data = redis.call('HGET', KEYS[1], key)
            if not meets(ARGV[6], ARGV[7], data, true) then return {0, data} end
            local count = redis.call('HLEN', KEYS[1]) - redis.call('HEXISTS', KEYS[1], mark)
            if not data and count >= tonumber(ARGV[8]) then return {2, count} end
            local number = text(issue(now))
            redis.call('HSET', KEYS[1], key, number .. ' ' .. ARGV[4] .. '\\n' .. ARGV[3])
            if ARGV[4] == '' then redis.call('ZREM', KEYS[3], key)
            else redis.call('ZADD', KEYS[3], text(now + tonumber(ARGV[5])), key) end
            changed(now, number)
            keep(now)
            return {1, number}
            """)

    /// Arguments: channel, key, owner, duration in microseconds. Answer: whether it was renewed.
    static let renew = RedisScript(
        opening + "local channel = ARGV[1]\n" + group + """
            local now = clock()
            sweep(now)
            local data = redis.call('HGET', KEYS[1], ARGV[2])
            local ends = tonumber(redis.call('ZSCORE', KEYS[3], ARGV[2]) or nil)
            if not data or not ends or not meets('owner', ARGV[3], data, false) then return 0 end
            redis.call('ZADD', KEYS[3], text(math.max(ends, now + tonumber(ARGV[4]))), ARGV[2])
            keep(now)
            return 1
            """)

    /// Arguments: channel, key, kind and value of the condition. Answer: whether it was removed.
    static let remove = RedisScript(
        opening + "local channel = ARGV[1]\n" + group + """
            local now = clock()
            sweep(now)
            local data = redis.call('HGET', KEYS[1], ARGV[2])
            if not data or not meets(ARGV[3], ARGV[4], data, false) then return 0 end
            redis.call('HDEL', KEYS[1], ARGV[2])
            redis.call('ZREM', KEYS[3], ARGV[2])
            changed(now, text(issue(now)))
            keep(now)
            return 1
            """)

    /// Argument: channel. Answer: the revision, and then key and record of each.
    static let snapshot = RedisScript(
        opening + "local channel = ARGV[1]\n" + group + """
            sweep(clock())
            local records = redis.call('HGETALL', KEYS[1])
            local answer = {revision()}
            for index = 1, #records, 2 do
                if records[index] ~= mark then
                    answer[#answer + 1] = records[index]
                    answer[#answer + 1] = records[index + 1]
                end
            end
            return answer
            """)

    /// Arguments: channel, revision, engine. Answer: `{1}` if the group has another revision, or `{0, microseconds until a
    /// record runs out, or -1}`.
    static let watch = RedisScript(
        opening + "local channel = ARGV[1]\n" + group + """
            local now = clock()
            sweep(now)
            if revision() ~= ARGV[2] then return {1} end
            redis.call('ZADD', KEYS[5], text(now + \(LeaseScripts.deadAfter)), ARGV[3])
            redis.call('PEXPIRE', KEYS[5], 60000)
            local next = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
            if next[2] then return {0, tonumber(next[2]) - now} end
            return {0, -1}
            """)
}
