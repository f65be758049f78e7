import ColonyCaches
import ColonyCore

extension CacheTierConformance {
    static let valueCases: [CacheTierCase] = [
        CacheTierCase("every byte passes through untouched", .values) { context in
            try await context.expectUntouched([
                Array(0...255), [], [0], [0, 0, 0], Array("\r\n".utf8), Array("END\r\n".utf8),
                Array("VA 2\r\nab\r\n".utf8),
                Array("$-1\r\n".utf8), Array("*1\r\n$4\r\nPING\r\n".utf8), Array("null".utf8), Array("\"text\"".utf8),
                Array("%00%0D".utf8), Array("a b\tc".utf8), [0xFF, 0xFE], [0xC3, 0x28], [0xEF, 0xBB, 0xBF, 0x61],
                Array("日本語".utf8),
            ])
        },
        CacheTierCase("values that look like numbers stay the bytes that they are", .values) { context in
            try await context.expectUntouched(
                [
                    "0", "-0", "007", "+1", "1e3", "1.50", " 1", "1 ", "9223372036854775807", "9223372036854775808",
                    "18446744073709551615", "18446744073709551616", "true", "NaN",
                ].map { Array($0.utf8) })
        },
        CacheTierCase("values of every size up to the limit pass through untouched", .values) { context in
            let limit = min(context.tier.limits.valueBytes, 4_194_304)
            for size in [1, 63, 64, 65, 511, 1_023, 1_024, 4_096, 16_385, 65_535, 65_536, 1_000_003, limit] {
                if size > limit { continue }
                let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
                let key = try context.key("size-\(size)")
                try await context.tier.set([CacheWrite(key, bytes)])
                let found = try await context.look(key, on: context.other)
                try expect(
                    found?.value == bytes,
                    "a value of \(size) bytes came back as \(found.map { "\($0.value.count) bytes" } ?? "nothing")"
                        + (found?.value.count == size ? ", which differ" : ""))
                try await context.tier.delete([key])
            }
        },
    ]

    static let keyCases: [CacheTierCase] = [
        CacheTierCase("keys differ by their bytes, not by how they look", .keys) { context in
            try await context.expectDistinct([
                "caf\u{E9}", "cafe\u{301}", "A", "a", "a ", " a", "a  ", "\u{212B}", "\u{C5}", "A\u{30A}", "ss", "ß",
                "ﬁ", "fi", "0", "00", "a\u{200B}", "a\u{AD}",
            ])
        },
        CacheTierCase("keys with characters that mean something elsewhere are keys", .keys) { context in
            try await context.expectDistinct([
                "a'b", "a\"b", "a\\b", "a`b", "'; DROP TABLE cache; --", "%", "%25", "%2F", "%2f", "/", "//", "a/b",
                "a%2Fb", "../x", "./x", "x/..", "..", ".", "x", "?", "a?b=c", "#", "a#b", "&", "a=b", "a+b", "a b",
                "a%20b", ";", ":", "*", "[a-z]", "_", "a_b", "{}", "{a}b", "{a}c", "\u{FFFD}", "null", "true",
                "\\u0000", "$", "$1", "~", "|", "<b>", "=", "==", "YQ==", "YQ",
            ])
        },
        CacheTierCase("keys of every script are keys", .keys) { context in
            try await context.expectDistinct([
                "日本語", "العربية", "עברית", "ไทย", "한국어", "ελληνικά", "кириллица", "👩‍👩‍👧‍👦", "🇩🇪",
                "e\u{301}\u{302}\u{303}", "\u{10FFFD}", "\u{FEFF}a", "\u{202E}a",
            ])
        },
        CacheTierCase("keys of up to 250 bytes are keys, and their last byte counts", .keys) { context in
            let room = CacheKey.maximumBytes - context.prefix.utf8.count
            let stem = String(repeating: "k", count: room - 1)
            let wide = String(repeating: "é", count: room / 2)
            try await context.expectDistinct([stem + "a", stem + "b", stem, wide, String(wide.dropLast())])
        },
    ]

    static let limitCases: [CacheTierCase] = [
        CacheTierCase("a value beyond the limit is refused, and nothing of the call is stored", .limits) { context in
            let limit = context.tier.limits.valueBytes
            // Beyond this the value would cost more memory than a case may take.
            if limit > 67_108_864 { return }
            let (small, large) = (try context.key("small"), try context.key("large"))
            try await context.tier.set([CacheWrite(large, text: "before")])
            let tooLarge = CacheWrite(large, [UInt8](repeating: 1, count: limit + 1))
            for entries in [[CacheWrite(small, text: "s"), tooLarge], [tooLarge, CacheWrite(small, text: "s")]] {
                try await context.expectRefusal(.valueTooLarge, what: "a value of \(limit + 1) bytes") {
                    try await context.tier.set(entries)
                }
            }
            try await context.expectRefusal(.valueTooLarge, what: "a comparison with \(limit + 1) bytes") {
                _ = try await context.tier.compareAndSet(
                    CacheWrite(small, [UInt8](repeating: 1, count: limit + 1)), expecting: nil)
            }
            try await context.expectValue(nil, at: small, "after a call that was refused")
            try await context.expectValue("before", at: large, "after a call that was refused")
        },
        CacheTierCase("as many keys as the limit allows are taken in one call", .limits) { context in
            let count = min(context.tier.limits.keysPerCall, 10_000)
            let keys = try (0..<count).map { try context.key("\($0)") }
            try await context.tier.set(keys.enumerated().map { CacheWrite($0.element, text: "\($0.offset)") })
            let answers = try await context.tier.get(keys)
            try expect(answers.count == count, "\(count) keys have \(answers.count) answers")
            for (number, answer) in answers.enumerated() where answer?.value != Array("\(number)".utf8) {
                throw ConformanceFailure("\(keys[number]) holds \(String(describing: answer))")
            }
            let removed = try await context.tier.delete(keys)
            try expect(removed == count, "\(count) keys were there, and \(removed) were removed")
        },
        CacheTierCase("more keys than the limit are refused, and nothing is done", .limits) { context in
            let limit = context.tier.limits.keysPerCall
            // Beyond this the call would cost more memory than a case may take.
            if limit > 200_000 { return }
            let key = try context.key()
            try await context.tier.set([CacheWrite(key, text: "before")])
            try await context.expectRefusal(.invalidRequest, what: "a look-up of \(limit + 1) keys") {
                _ = try await context.tier.get(Array(repeating: key, count: limit + 1))
            }
            try await context.expectRefusal(.invalidRequest, what: "a removal of \(limit + 1) keys") {
                _ = try await context.tier.delete(Array(repeating: key, count: limit + 1))
            }
            try await context.expectRefusal(.invalidRequest, what: "a call with \(limit + 1) entries") {
                try await context.tier.set(Array(repeating: CacheWrite(key, text: "after"), count: limit + 1))
            }
            try await context.expectValue("before", at: key, "after calls that were refused")
        },
    ]
}

extension CacheTierCaseContext {
    /// Stores all values at once and looks at each of them from another client.
    func expectUntouched(_ values: [[UInt8]]) async throws {
        let keys = try values.indices.map { try self.key("value-\($0)") }
        try await self.tier.set(zip(keys, values).map { CacheWrite($0, $1) })
        for (key, value) in zip(keys, values) {
            for client in [self.tier, self.other] {
                let found = try await self.look(key, on: client)
                try expect(found?.value == value, "the bytes \(value) came back as \(String(describing: found?.value))")
            }
        }
    }

    /// Stores a value of its own under each key, looks at each of them from another client, and removes one after the other.
    func expectDistinct(_ texts: [String]) async throws {
        let keys = try texts.map { try self.key($0) }
        for (number, key) in keys.enumerated() {
            let client = number.isMultiple(of: 2) ? self.tier : self.other
            try await client.set([CacheWrite(key, text: "\(number)")])
        }
        for (number, key) in keys.enumerated() {
            try await self.expectValue("\(number)", at: key, on: self.other, "after all keys were stored")
        }
        for (number, key) in keys.enumerated() {
            let count = try await self.tier.delete([key])
            try expect(count == 1, "\(key) was stored, and \(count) keys were removed")
            if number + 1 < keys.count {
                try await self.expectValue(
                    "\(number + 1)", at: keys[number + 1], "after the removal of \(key)")
            }
        }
    }
}
