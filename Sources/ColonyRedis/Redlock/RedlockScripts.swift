/// What a lock over several servers asks of each of them beyond ``LeaseScripts``; the keys are the same.
enum RedlockScripts {
    /// Arguments: owner, milliseconds, nanoseconds. Answer: `{1, token, left, whether it was granted just now, the token that
    /// was confirmed or 0}`, or `{0, owner, token, left, the duration in nanoseconds}`.
    static let take = RedisScript(
        LeaseScripts.time + LeaseScripts.issue + LeaseScripts.holder + LeaseScripts.grants + """
            local now = clock()
            local held = redis.call('GET', KEYS[1])
            if held and held ~= ARGV[1] then
                local answer = holder(held)
                answer[5] = answer[3] ~= 0 and redis.call('HGET', KEYS[3], 'duration') or '0'
                return answer
            end
            if not held then
                redis.call('DEL', KEYS[3])
                local answer = grant(now)
                answer[4], answer[5] = 1, 0
                return answer
            end
            local answer = extend(now)
            answer[4], answer[5] = 0, tonumber(redis.call('HGET', KEYS[3], 'confirmed') or 0) or 0
            return answer
            """)

    /// Arguments: owner, token. Raises the counter to the token, and notes it as that of the grant. Answer: milliseconds left,
    /// or 0 if the owner does not hold the lock any more.
    static let confirm = RedisScript(
        """
        if (tonumber(redis.call('GET', KEYS[2]) or 0) or 0) < tonumber(ARGV[2]) then redis.call('SET', KEYS[2], ARGV[2]) end
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        local left = redis.call('PTTL', KEYS[1])
        redis.call('HSET', KEYS[3], 'owner', ARGV[1], 'token', ARGV[2], 'confirmed', ARGV[2])
        redis.call('PEXPIRE', KEYS[3], left)
        return left
        """)
}
