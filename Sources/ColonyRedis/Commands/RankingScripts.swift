/// The script that compares ranks, for many keys in one call: what a call of a script costs Redis is then shared by
/// them, and so is what each of its commands costs.
///
/// The usual case is tried first: no times to live, no key twice, and every entry above what is there or alone under its
/// key. What is there is then read with `MGET`, sixteen values at a time, and replaced with one `MSET`, because a command
/// costs a script more than what it does to a small value. All else is done key by key, and so is what is large: values
/// are read whole only until half a MiB has come together.
///
/// A rank is read as two numbers of 32 bits, because a number of Lua is exact up to 53 bits only; and not compared as a
/// string, because Lua compares strings in the order of the server's locale. Numbers for commands are strings, because
/// to write one out costs Lua as much as the command.
extension RedisScript {
    /// How many keys go into one call, so that the server's other clients do not wait long: some 300 µs.
    static let keysPerRankingCall = 128

    /// Keys: those of the entries, and that of the mark if it is kept. Arguments: how many entries, how many prefixes,
    /// the prefixes, the value of the mark if it is kept, a value for each entry, and, unless none has any, the
    /// milliseconds to live for each entry or nothing.
    ///
    /// The mark rises first, so that what is stored is never above it.
    ///
    /// Answers with the number of entries if all were stored, or for each with 1, with what is there, or with an error.
    static let raise = RedisScript(
        """
        local count, forms, known = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
        for i = 3, forms + 2 do known[ARGV[i]] = true end
        local mark = KEYS[count + 1]
        local width, values = #ARGV[3], forms + 2 + #KEYS - count
        local times, size, last = values + count, width + 8, tostring(width + 7)
        local head, tail = '>c' .. width .. 'I4I4', '>I4I4'
        local parse, call, spread = struct.unpack, redis.pcall, unpack

        -- Whether a value ranks above what is there; nothing is above what has no rank.
        local function isAbove(value, held)
            if #held < size then return false end
            local form, heldHigh, heldLow = parse(head, held)
            local high, low = parse(tail, value, width + 1)
            return known[form] and (high > heldHigh or (high == heldHigh and low > heldLow))
        end

        if mark then
            local held = call('GETRANGE', mark, '0', last)
            if type(held) ~= 'table' and (held == '' or isAbove(ARGV[values], held)) then
                local risen = call('SET', mark, ARGV[values])
                if risen.err then return risen end
            end
        end

        -- What is changed if all can be stored together: a command for MSET, and the places of what is new.
        local function together()
            if #ARGV > times then return end
            local batch, fresh, seen, n, bytes = {'MSET'}, {}, {}, 1, 0
            for first = 1, count, 16 do
                local held = call('MGET', spread(KEYS, first, math.min(first + 15, count)))
                if held.err then return end
                for place = 1, #held do
                    local i, there = first + place - 1, held[place]
                    local key, value = KEYS[i], ARGV[values + i]
                    if seen[key] then return end
                    seen[key] = true
                    if not there then
                        fresh[#fresh + 1] = i
                    elseif #there < size then
                        return
                    else
                        local form, heldHigh, heldLow = parse(head, there)
                        local high, low = parse(tail, value, width + 1)
                        if not known[form] or high < heldHigh or (high == heldHigh and low <= heldLow) then return end
                        bytes = bytes + #there + #value
                        batch[n + 1], batch[n + 2], n = key, value, n + 2
                    end
                end
                if bytes > 524288 then return end
            end
            return batch, fresh
        end

        local batch, fresh = together()
        if batch then
            if #batch > 1 then
                local answer = call(spread(batch))
                if answer.err then return answer end
            end
            local answers, stored = nil, count
            for _, i in ipairs(fresh) do
                local answer = call('SET', KEYS[i], ARGV[values + i], 'NX')
                if not answer then answer = call('GET', KEYS[i]) end
                if type(answer) ~= 'table' or not answer.ok then
                    if not answers then
                        answers = {}
                        for j = 1, count do answers[j] = 1 end
                    end
                    answers[i], stored = answer, stored - 1
                end
            end
            return answers or stored
        end

        local answers, stored = {}, 0
        for i = 1, count do
            local key, value, time = KEYS[i], ARGV[values + i], ARGV[times + i]
            local held = call('GETRANGE', key, '0', last)
            local answer = held
            if type(held) ~= 'table' then
                local timed = time and time ~= ''
                answer = false
                if held == '' and timed then
                    answer = call('SET', key, value, 'NX', 'PX', time)
                elseif held == '' then
                    answer = call('SET', key, value, 'NX')
                elseif isAbove(value, held) and timed then
                    answer = call('SET', key, value, 'PX', time)
                elseif isAbove(value, held) then
                    answer = call('SET', key, value)
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
        if stored == count then return stored end
        return answers
        """)
}
