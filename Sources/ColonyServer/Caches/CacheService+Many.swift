import ColonyCaches
import ColonyCore
import Foundation
import HTTPTypes
import NIOCore

extension CacheService {
    // MARK: Many entries

    /// Reads, stores, or deletes many entries. Each is a step of its own; sizes and rights are checked for all before the
    /// first.
    func bulk(
        _ body: ByteBuffer, query: Substring.UTF8View, fields: HTTPFields, token: AccessToken?
    ) throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let request = try BulkRequest(body, limits: self.limits)
        let writer = try Self.writer(fields)
        switch request {
        case .get(let keys):
            for key in keys { try token?.check(key.rawValue) }
            return self.getMany(keys)
        case .set(let entries):
            try token?.demand(.write)
            for entry in entries {
                try token?.check(entry.key.rawValue)
                try self.checkSize(entry.bytes.readableBytes, of: entry.key)
            }
            return self.setMany(entries, writer: writer)
        case .delete(let keys):
            try token?.demand(.write)
            for key in keys { try token?.check(key.rawValue) }
            return self.deleteMany(keys, writer: writer)
        }
    }

    /// As many entries as fit into one answer, at least one of those asked for.
    private func getMany(_ keys: [CacheKey]) -> Answer {
        let now = self.cache.clock.now
        return Answer(capacity: 64 + keys.count * 128) { body in
            body.writeJSON(#"{"entries":["#)
            var answered = 0
            for key in keys {
                if answered > 0 {
                    if body.readableBytes >= Self.bulkAnswerBytes { break }
                    body.writeJSON(",")
                }
                answered += 1
                if let entry = self.cache.get(key) {
                    Self.write(entry, of: key, at: now, to: &body)
                } else {
                    body.writeJSON("null")
                }
            }
            body.writeJSON("]")
            if answered < keys.count {
                body.writeJSON(#","next":"#)
                body.writeJSON(answered)
            }
            body.writeJSON("}")
        }
    }

    private static func write(
        _ entry: StoredBody, of key: CacheKey, at now: MonotonicInstant, to body: inout ByteBuffer
    ) {
        body.writeJSON(#"{"key":"#)
        body.writeJSON(string: key.rawValue)
        let bytes = entry.bytes.readableBytesView
        if let text = String(validating: bytes, as: UTF8.self) {
            body.writeJSON(#","value":"#)
            body.writeJSON(string: text)
        } else {
            body.writeJSON(#","value_base64":""#)
            body.writeString(Data(bytes).base64EncodedString())
            body.writeJSON("\"")
        }
        if let type = entry.contentType {
            body.writeJSON(#","content_type":"#)
            body.writeJSON(string: type)
        }
        body.writeJSON(#","etag":"#)
        body.writeJSON(string: entry.tag)
        body.writeJSON(#","age_ms":"#)
        body.writeJSON(entry.age(at: now).clampedMilliseconds)
        if let remaining = entry.remaining(at: now) {
            body.writeJSON(#","ttl_ms":"#)
            body.writeJSON(remaining.clampedMilliseconds)
        }
        body.writeJSON("}")
    }

    private func setMany(_ entries: [BulkRequest.Entry], writer: String?) -> Answer {
        Answer(capacity: 32 + entries.count * 24) { body in
            body.writeJSON(#"{"stored":["#)
            for (index, entry) in entries.enumerated() {
                if index > 0 { body.writeJSON(",") }
                let write = self.cache.set(
                    entry.key, entry.bytes, contentType: entry.contentType, timeToLive: entry.timeToLive,
                    writer: writer)
                guard case .stored(let stored, _) = write else {
                    preconditionFailure("a write without a condition was refused")
                }
                body.writeJSON(string: stored.tag)
            }
            body.writeJSON("]}")
        }
    }

    private func deleteMany(_ keys: [CacheKey], writer: String?) -> Answer {
        Answer(capacity: 32 + keys.count * 6) { body in
            body.writeJSON(#"{"deleted":["#)
            for (index, key) in keys.enumerated() {
                if index > 0 { body.writeJSON(",") }
                if case .deleted = self.cache.delete(key, writer: writer) {
                    body.writeJSON(true)
                } else {
                    body.writeJSON(false)
                }
            }
            body.writeJSON("]}")
        }
    }

    // MARK: Statistics

    func statistics(query: Substring.UTF8View, token: AccessToken?) throws(Problem) -> Answer {
        _ = try QueryParameters(query, known: [])
        let statistics = self.cache.statistics
        let settings = self.cache.settings
        let lookups = statistics.lookups
        return Answer(capacity: 4_096) { body in
            body.writeJSON(#"{"policy":"#)
            body.writeJSON(string: settings.policy.rawValue)
            for (name, number) in [
                ("entries", UInt64(statistics.entries)), ("bytes", UInt64(statistics.bytes)),
                ("capacity_bytes", UInt64(settings.bytes)), ("value_bytes", UInt64(settings.valueBytes)),
                ("request_bytes", UInt64(self.limits.bodyBytes)), ("request_keys", UInt64(self.limits.batch)),
                ("hits", lookups.hits), ("misses", lookups.misses), ("writes", UInt64(statistics.writes)),
                ("listeners", UInt64(self.cache.invalidations.count)),
            ] as [(StaticString, UInt64)] {
                body.writeJSON(",\"")
                body.writeJSON(name)
                body.writeJSON("\":")
                body.writeJSON(number)
            }
            if lookups.hits + lookups.misses > 0 {
                body.writeJSON(#","hit_ratio":"#)
                body.writeString("\(Double(lookups.hits) / Double(lookups.hits + lookups.misses))")
            }
            body.writeJSON(#","removals":{"#)
            for (index, removal) in statistics.removals.enumerated() {
                if index > 0 { body.writeJSON(",") }
                body.writeJSON(string: removal.cause.rawValue)
                body.writeJSON(":")
                body.writeJSON(removal.count)
            }
            body.writeJSON(#"},"hottest":["#)
            let hottest = lookups.hottest.top(SharedCache.hottestCount) { token?.covers($0.rawValue) ?? true }
            for (index, hot) in hottest.enumerated() {
                body.writeJSON(index == 0 ? #"{"key":"# : #",{"key":"#)
                body.writeJSON(string: hot.key.rawValue)
                body.writeJSON(#","lookups":"#)
                body.writeJSON(hot.count)
                body.writeJSON(#","error":"#)
                body.writeJSON(hot.error)
                body.writeJSON("}")
            }
            body.writeJSON(#"],"history":{"interval_ms":"#)
            body.writeJSON(LookupHistory.interval.clampedMilliseconds)
            body.writeJSON(#","steps":["#)
            for (index, step) in lookups.history.recent.enumerated() {
                body.writeJSON(index == 0 ? #"{"hits":"# : #",{"hits":"#)
                body.writeJSON(step.hits)
                body.writeJSON(#","misses":"#)
                body.writeJSON(step.misses)
                body.writeJSON("}")
            }
            body.writeJSON("]}}")
        }
    }
}
