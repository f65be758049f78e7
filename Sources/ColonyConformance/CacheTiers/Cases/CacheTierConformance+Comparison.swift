import ColonyCaches
import ColonyCore

extension CacheTierConformance {
    static let comparisonCases: [CacheTierCase] = [
        CacheTierCase("a comparison with nothing stores where nothing is", .comparison) { context in
            let key = try context.key()
            let version = try await context.store("v", at: key, expecting: nil)
            let found = try await context.expectValue("v", at: key, on: context.other, "after the comparison")
            try expect(
                found?.version == version,
                "the comparison said version \(version), and the look-up \(String(describing: found?.version))")
        },
        CacheTierCase("a comparison with nothing is refused where something is, and says what", .comparison) {
            context in
            let key = try context.key()
            try await context.other.set([CacheWrite(key, text: "there")])
            let present = try await context.conflict("new", at: key, expecting: nil)
            let found = try await context.expectValue("there", at: key, "after a refused comparison")
            try expect(
                present?.value == found?.value && present?.version == found?.version,
                "the refusal shows \(String(describing: present)), and there is \(String(describing: found))")
        },
        CacheTierCase("a comparison with the present version stores and gives another version", .comparison) {
            context in
            let key = try context.key()
            var version = try await context.store("0", at: key, expecting: nil)
            for round in 1...5 {
                let client = round.isMultiple(of: 2) ? context.tier : context.other
                let next = try await context.store("\(round)", at: key, expecting: version, on: client)
                try expect(next != version, "another value has the version of the one before, \(next)")
                try await context.expectValue("\(round)", at: key, "after a comparison")
                version = next
            }
        },
        CacheTierCase("a version from a look-up is as good as one from a comparison", .comparison) { context in
            let key = try context.key()
            try await context.tier.set([CacheWrite(key, text: "a")])
            let found = try require(try await context.look(key, on: context.other), "what was stored is absent")
            try await context.store("b", at: key, expecting: found.version)
            try await context.expectValue("b", at: key, on: context.other, "after the comparison")
        },
        CacheTierCase("a comparison with an earlier version is refused", .comparison) { context in
            let key = try context.key()
            let version = try await context.store("1", at: key, expecting: nil)
            try await context.other.set([CacheWrite(key, text: "2")])
            let present = try await context.conflict("3", at: key, expecting: version)
            try expect(present?.value == [0x32], "the refusal shows \(String(describing: present))")
            try await context.expectValue("2", at: key, "after a refused comparison")
        },
        CacheTierCase("a comparison with a version is refused where nothing is any more", .comparison) { context in
            let (removed, ended) = (try context.key("removed"), try context.key("ended"))
            let version = try await context.store("1", at: removed, expecting: nil)
            try await context.other.delete([removed])
            let present = try await context.conflict("2", at: removed, expecting: version)
            try expect(present == nil, "nothing is there, and the refusal shows \(String(describing: present))")
            try await context.expectValue(nil, at: removed, "after a refused comparison")

            let old = try await context.store("1", at: ended, expecting: nil, for: context.scaled(.seconds(5)))
            try await context.outlive(.seconds(5))
            let late = try await context.conflict("2", at: ended, expecting: old)
            try expect(late == nil, "nothing is there, and the refusal shows \(String(describing: late))")
            try await context.store("3", at: ended, expecting: nil)
            try await context.expectValue("3", at: ended, "after a comparison with nothing")
        },
        CacheTierCase("a version of another store is refused, and changes nothing", .comparison) { context in
            let key = try context.key()
            try await context.tier.set([CacheWrite(key, text: "v")])
            for bytes in [[], [0], Array("garbage\r\nversion".utf8), [UInt8](repeating: 0xFF, count: 64)] as [[UInt8]] {
                let foreign = CacheVersion(bytes: bytes)
                do {
                    let answer = try await context.tier.compareAndSet(CacheWrite(key, text: "new"), expecting: foreign)
                    if case .stored = answer { throw ConformanceFailure("the version \(bytes) was accepted") }
                    let removed = try await context.tier.compareAndDelete(key, expecting: foreign)
                    try expect(!removed, "the version \(bytes) was accepted for a removal")
                } catch let error as CacheError {
                    try expect(error.code == .invalidRequest, "the version \(bytes) failed with \(error)")
                }
                try await context.expectValue("v", at: key, "after a comparison with a foreign version")
            }
        },
        CacheTierCase("a removal by comparison removes that version and no other", .comparison) { context in
            let key = try context.key()
            let first = try await context.store("1", at: key, expecting: nil)
            try await context.other.set([CacheWrite(key, text: "2")])
            var removed = try await context.tier.compareAndDelete(key, expecting: first)
            try expect(!removed, "an earlier version was removed")
            let found = try require(
                try await context.expectValue("2", at: key, on: context.other, "after a refused removal"),
                "it is absent")
            removed = try await context.tier.compareAndDelete(key, expecting: found.version)
            try expect(removed, "the present version was not removed")
            try await context.expectValue(nil, at: key, on: context.other, "after its removal")
            removed = try await context.tier.compareAndDelete(key, expecting: found.version)
            try expect(!removed, "what was not there any more was removed")
        },
        CacheTierCase("equal versions mean equal bytes, and versions have at most 64 bytes", .comparison) { context in
            let key = try context.key()
            var seen: [CacheVersion: [UInt8]] = [:]
            for round in 0..<context.amount(100, atLeast: 20) {
                switch round % 4 {
                case 0: try await context.tier.set([CacheWrite(key, text: "value \(round)")])
                case 1: try await context.other.delete([key])
                case 2: try await context.store("value \(round % 7)", at: key, expecting: nil)
                default: try await context.other.set([CacheWrite(key, text: "other \(round % 3)")])
                }
                guard let found = try await context.look(key) else { continue }
                try expect(found.version.bytes.count <= 64, "a version has \(found.version.bytes.count) bytes")
                try expect(
                    seen[found.version] ?? found.value == found.value,
                    "the version \(found.version) stands for \(seen[found.version] ?? []) and \(found.value)")
                seen[found.version] = found.value
            }
        },
        CacheTierCase("the version of an entry that nobody writes stays", .comparison) { context in
            let (key, neighbour) = (try context.key("a"), try context.key("b"))
            let version = try await context.store("v", at: key, expecting: nil)
            for round in 0..<5 {
                try await context.other.set([CacheWrite(neighbour, text: "\(round)")])
                let found = try await context.look(key, on: round.isMultiple(of: 2) ? context.tier : context.other)
                try expect(
                    found?.version == version, "nobody wrote, and the version is \(String(describing: found?.version))")
            }
            try await context.store("w", at: key, expecting: version, on: context.other)
        },
    ]
}

extension CacheTierCaseContext {
    /// Stores by a comparison that has to succeed.
    @discardableResult
    func store(
        _ text: String, at key: CacheKey, expecting version: CacheVersion?, for timeToLive: Duration? = nil,
        on tier: (any CacheTier)? = nil
    ) async throws -> CacheVersion {
        let entry = CacheWrite(key, text: text, timeToLive: timeToLive)
        switch try await (tier ?? self.tier).compareAndSet(entry, expecting: version) {
        case .stored(let version):
            return version
        case .conflict(let present):
            let expected = version.map { "\($0)" } ?? "nothing"
            throw ConformanceFailure(
                "\(text) was refused at \(key), where \(expected) was expected and \(String(describing: present)) is")
        }
    }

    /// What a comparison shows that has to be refused.
    func conflict(_ text: String, at key: CacheKey, expecting version: CacheVersion?) async throws -> CachedBytes? {
        switch try await self.tier.compareAndSet(CacheWrite(key, text: text), expecting: version) {
        case .stored:
            throw ConformanceFailure(
                "\(text) was stored at \(key), although \(version.map { "\($0)" } ?? "nothing") was not there")
        case .conflict(let present):
            return present
        }
    }
}
