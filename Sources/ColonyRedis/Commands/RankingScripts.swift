/// The script that compares ranks, for many keys in one call: what a call of a script costs Redis is then shared by
/// them.
///
/// A rank is read as two numbers of 32 bits, because a number of Lua is exact up to 53 bits only; and not compared as a
/// string, because Lua compares strings in the order of the server's locale. Numbers for commands are strings, because
/// to write one out costs Lua as much as the command.
extension RedisScript {
    /// How many keys go into one call, so that the server's other clients do not wait long: some 300 µs.
    static let keysPerRankingCall = 128

    /// Arguments: how many prefixes, the prefixes, a value for each key, and, unless none has any, the milliseconds to
    /// live for each key or nothing.
    ///
    /// Answers with the number of keys if all were stored, or for each key with 1, with what is there, or with an
    /// error.
    static let raise = RedisScript(
        """
        local forms, known = tonumber(ARGV[1]), {}
        for i = 2, forms + 1 do known[ARGV[i]] = true end
        local width, values, times = #ARGV[2], forms + 1, forms + 1 + #KEYS
        local size, last = width + 8, tostring(width + 7)
        local sub, unpack, call = string.sub, struct.unpack, redis.pcall
        local answers, stored = {}, 0
        for i, key in ipairs(KEYS) do
            local value, time = ARGV[values + i], ARGV[times + i]
            local head = call('GETRANGE', key, '0', last)
            local answer = head
            if type(head) ~= 'table' then
                local isHigher = head == ''
                if #head == size and known[sub(head, 1, width)] then
                    local heldHigh, heldLow = unpack('>I4I4', head, width + 1)
                    local high, low = unpack('>I4I4', value, width + 1)
                    isHigher = high > heldHigh or (high == heldHigh and low > heldLow)
                end
                answer = false
                if isHigher then
                    if head == '' then
                        if not time or time == '' then
                            answer = call('SET', key, value, 'NX')
                        else
                            answer = call('SET', key, value, 'NX', 'PX', time)
                        end
                    elseif not time or time == '' then
                        answer = call('SET', key, value)
                    else
                        answer = call('SET', key, value, 'PX', time)
                    end
                end
                if not answer then
                    answer = call('GET', key)
                elseif answer.ok then
                    stored = stored + 1
                    answer = 1
                end
            end
            answers[i] = answer
        end
        if stored == #KEYS then return stored end
        return answers
        """)
}
