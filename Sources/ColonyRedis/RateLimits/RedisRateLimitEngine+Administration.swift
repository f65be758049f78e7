import ColonyCore
import ColonyRESP
public import ColonyResilience

extension RedisRateLimitEngine: RateLimitAdministration {
    /// Limits that are not full, in the byte order of their names.
    ///
    /// Redis has no order of keys, so all of its keys are walked through (`SCAN`) for each page, on every server of a cluster: what
    /// an operator may do now and then, and no program all the time. The list is no snapshot.
    ///
    /// - Complexity: One round trip for each 1,000 keys of the database, and one more; O(*limit*) memory.
    public func limits(
        withPrefix prefix: String, after name: RateLimitName?, limit: Int
    ) async throws(ResilienceError) -> [RateLimitRecord] {
        try RateLimitLimits.check(page: limit)
        var records: [RateLimitRecord] = []
        var last = name
        while records.count < limit {
            let names = try await self.names(withPrefix: prefix, after: last, limit: limit)
            if names.isEmpty { break }
            let calls = names.map { self.call(RateLimitScripts.inspect, $0, isRepeatable: true, []) }
            for (name, answer) in zip(names, try await self.run(calls)) where !answer.isNull {
                guard let record = Self.record(name, answer) else { throw self.unexpected(answer) }
                records.append(record)
            }
            // Some may have filled up in between, so that there is room for those behind them.
            guard names.count == limit else { break }
            last = names.last
        }
        return Array(records.prefix(limit))
    }

    /// Reads the key of the limit, and walks through no others.
    ///
    /// - Complexity: One round trip.
    public func limit(_ name: RateLimitName) async throws(ResilienceError) -> RateLimitRecord? {
        let answer = try await self.run([self.call(RateLimitScripts.inspect, name, isRepeatable: true, [])])[0]
        if answer.isNull { return nil }
        guard let record = Self.record(name, answer) else { throw self.unexpected(answer) }
        return record
    }

    private static func record(_ name: RateLimitName, _ answer: RESPValue) -> RateLimitRecord? {
        guard let parts = answer.elements, parts.count == 3, let owed = Self.nanoseconds(parts[...2]),
            let value = parts[2].text
        else { return nil }
        let numbers = value.split(separator: " ").compactMap { Int64($0) }
        guard numbers.count == 5,
            let rule = try? RateLimitRule(
                Int(numbers[2]), per: .nanoseconds(numbers[3]), burst: Int(numbers[4]))
        else { return nil }
        return RateLimitRecord(
            name: name, rule: rule, decision: GenericCellRate.decide(1, under: rule, arrival: owed, at: 0).decision)
    }

    /// The first names, in order, behind `last`.
    private func names(
        withPrefix prefix: String, after last: RateLimitName?, limit: Int
    ) async throws(ResilienceError) -> [RateLimitName] {
        var kept: Set<RateLimitName> = []
        func cut() { kept = Set(kept.sorted().prefix(limit)) }
        let pattern = Array(self.space.leasePattern(prefix, kind: Self.kind).utf8)
        do throws(RedisFailure) {
            for master in try await self.router.masters() {
                try await self.router.scan(master, matching: pattern) { key in
                    guard let text = self.space.name(ofCompanion: key, kind: Self.kind)?.rawValue,
                        let name = try? RateLimitName(text), last.map({ name > $0 }) ?? true
                    else { return }
                    kept.insert(name)
                    if kept.count > 4 * RateLimitLimits.batch { cut() }
                }
            }
        } catch {
            throw self.error(error)
        }
        cut()
        return kept.sorted()
    }
}
