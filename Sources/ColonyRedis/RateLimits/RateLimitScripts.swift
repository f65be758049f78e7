/// The scripts of limits.
///
/// A limit that is not full is one key, whose value is `SECONDS NANOSECONDS PERMITS PERIOD BURST`: the theoretical arrival time on
/// the server's clock, since 1970, and the rule of the latest request that took permits, with its period in nanoseconds. The key
/// expires when the limit is full, so that a limit nobody uses costs nothing.
///
/// **Numbers.** Those of Lua hold whole numbers up to 2^53 exactly, and nanoseconds since 1970 are a hundred times as many. All
/// times are therefore pairs of seconds and nanoseconds below a thousand million, which are compared and added as such: nothing is
/// rounded. The server tells time in whole microseconds; a fraction that is left out makes a limit owe more and not less.
///
/// What has been decided is told as what the limit owed before, and the client derives the same decision from it.
enum RateLimitScripts {
    /// Sets `now` as a pair, and `owed(held)`: what is owed by a value, as a pair, or nothing if the limit is full.
    private static let reckoning = """
        local time = redis.call('TIME')
        local nowSeconds, nowNanos = tonumber(time[1]), tonumber(time[2]) * 1000
        local function owed(held)
            local seconds, nanos = string.match(held, '^(%d+) (%d+) %d+ %d+ %d+$')
            if not seconds then return nil end
            seconds, nanos = tonumber(seconds) - nowSeconds, tonumber(nanos) - nowNanos
            if nanos < 0 then seconds, nanos = seconds - 1, nanos + 1000000000 end
            if seconds < 0 then return 0, 0 end
            return seconds, nanos
        end
        local foreign = 'ERR the key of the limit holds what is no limit'

        """

    /// Arguments: the cost of the permits and the time to fill the limit, both in seconds and nanoseconds, and the rule as it stands
    /// in the value. Answer: what was owed, in seconds and nanoseconds, at most the time to fill the limit.
    static let take = RedisScript(
        reckoning + """
            local costSeconds, costNanos = tonumber(ARGV[1]), tonumber(ARGV[2])
            local fillSeconds, fillNanos = tonumber(ARGV[3]), tonumber(ARGV[4])
            local function exceeds(seconds, nanos)
                return seconds > fillSeconds or (seconds == fillSeconds and nanos > fillNanos)
            end
            local seconds, nanos, isForgiven, rule = 0, 0, false, ARGV[5]
            local held = redis.call('GET', KEYS[1])
            if held then
                seconds, nanos = owed(held)
                if not seconds then return redis.error_reply(foreign) end
                if exceeds(seconds, nanos) then seconds, nanos, isForgiven = fillSeconds, fillNanos, true end
            end
            if costSeconds == 0 and costNanos == 0 then return {seconds, nanos} end
            local afterSeconds, afterNanos = seconds + costSeconds, nanos + costNanos
            if afterNanos >= 1000000000 then afterSeconds, afterNanos = afterSeconds + 1, afterNanos - 1000000000 end
            if exceeds(afterSeconds, afterNanos) then
                if not isForgiven then return {seconds, nanos} end
                afterSeconds, afterNanos = seconds, nanos
                rule = string.match(held, '^%d+ %d+ (.*)$')
            end
            local endSeconds, endNanos = nowSeconds + afterSeconds, nowNanos + afterNanos
            if endNanos >= 1000000000 then endSeconds, endNanos = endSeconds + 1, endNanos - 1000000000 end
            redis.call('SET', KEYS[1], string.format('%.0f %.0f ', endSeconds, endNanos) .. rule,
                'PX', string.format('%.0f', afterSeconds * 1000 + math.ceil(afterNanos / 1000000) + 1))
            return {seconds, nanos}
            """)

    /// No arguments. Answer: whether something was owed.
    static let reset = RedisScript(
        reckoning + """
            local held = redis.call('GET', KEYS[1])
            if not held then return 0 end
            local seconds, nanos = owed(held)
            if not seconds then return redis.error_reply(foreign) end
            redis.call('DEL', KEYS[1])
            return seconds + nanos > 0 and 1 or 0
            """)

    /// No arguments. Answer: what is owed, in seconds and nanoseconds, and the value; or nothing.
    static let inspect = RedisScript(
        reckoning + """
            local held = redis.call('GET', KEYS[1])
            if not held then return false end
            local seconds, nanos = owed(held)
            if not seconds or seconds + nanos == 0 then return false end
            return {seconds, nanos, held}
            """)
}
