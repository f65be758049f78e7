import ColonyCore

extension LeaseConformance {
    static let nameCases: [LeaseCase] = [
        LeaseCase("names differ by their bytes, not by how they look", .names) { context in
            try await context.expectDistinct([
                "caf\u{E9}", "cafe\u{301}", "A", "a", "a ", " a", "a  ", "\u{212B}", "\u{C5}", "A\u{30A}", "ss", "ß",
                "ﬁ", "fi",
                "0", "00", "a\u{200B}", "a\u{AD}",
            ])
        },
        LeaseCase("names with characters that mean something elsewhere are names", .names) { context in
            try await context.expectDistinct([
                "a'b", "a''b", "a\"b", "a\\b", "a`b", "'; DROP TABLE lease; --", "%", "%25", "%2F", "%2f", "/", "//",
                "a/b",
                "a%2Fb", "../x", "./x", "x/..", "x/.", "..", ".", "x", "?", "a?b=c", "#", "a#b", "&", "a=b", "a+b",
                "a b",
                "a%20b", ";", ":", "*", "[a-z]", "_", "a_b", "{}", "\u{FFFD}", "null", "true", "\\u0000", "$", "$1",
                "~", "|",
                "<b>", "acquire", "a/acquire", "renew", "a/renew",
            ])
        },
        LeaseCase("names of every script are names", .names) { context in
            try await context.expectDistinct([
                "日本語", "العربية", "עברית", "ไทย", "한국어", "ελληνικά", "кириллица", "👩‍👩‍👧‍👦", "🇩🇪", "e\u{301}\u{302}\u{303}",
                "\u{10FFFD}", "\u{FEFF}a", "\u{202E}a",
            ])
        },
        LeaseCase("names of up to 255 bytes are names, and their last byte counts", .names) { context in
            let room = 255 - context.prefix.utf8.count
            let stem = String(repeating: "n", count: room - 1)
            let wide = String(repeating: "é", count: room / 2)
            try await context.expectDistinct([stem + "a", stem + "b", stem, wide, String(wide.dropLast())])
        },
        LeaseCase("names without a prefix of their own, such as a single dot, are names", .names) { context in
            for text in [".", "..", "/", "%", " "] {
                let name = try LeaseName(text)
                let owner = OwnerID.unique()
                // Somebody else may use these names on a shared store, even another run of this case.
                guard let lease = try await context.engine.tryAcquire(name, owner: owner, for: .seconds(5)).lease else {
                    throw Inconclusive("somebody else holds \(name)")
                }
                let record = try await context.other.inspect(name)
                _ = try await context.engine.release(name, owner: owner, token: lease.token)
                try expect(
                    record?.name == name || record == nil, "\(name) was recorded as \(String(describing: record))")
                try expect(record != nil || context.now >= lease.expiry, "\(name) was granted and is not found")
            }
        },
    ]
}

extension LeaseCaseContext {
    /// Takes all names at once, each for an owner of its own, and looks at each of them from another client.
    func expectDistinct(_ texts: [String]) async throws {
        var leases: [Lease] = []
        for (number, text) in texts.enumerated() {
            let engine = number.isMultiple(of: 2) ? self.engine : self.other
            leases.append(try await self.grant(try self.name(text), to: number, for: self.ample, on: engine))
        }
        for lease in leases {
            let record = try require(
                try await self.other.inspect(lease.name), "\(lease.name) was granted and is not found")
            try expect(
                record.name == lease.name && record.owner == lease.owner && record.token == lease.token,
                "\(lease) is recorded as \(record)")
            try expect(
                try await self.engine.renew(lease, for: self.ample)?.name == lease.name,
                "\(lease.name) could not be renewed")
        }
        for lease in leases {
            try expect(
                try await self.engine.release(lease.name, owner: lease.owner, token: lease.token),
                "\(lease.name) could not be released")
            try expect(try await self.other.inspect(lease.name) == nil, "\(lease.name) is still held after its release")
        }
    }
}
