import ColonyCaches
import ColonyCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The bodies of `POST /v1/cache` and what answers them.
struct CacheGetRequest: Encodable {
    var get: [String]
}

struct CacheDeleteRequest: Encodable {
    var delete: [String]
}

struct CacheSetRequest: Encodable {
    struct Entry: Encodable {
        var key: String
        var value_base64: Data
        var ttl_ms: Int64?

        init(_ entry: CacheWrite) {
            self.key = entry.key.rawValue
            self.value_base64 = Data(entry.value)
            self.ttl_ms = entry.timeToLive.map(RemoteCacheTier.milliseconds)
        }
    }

    var set: [Entry]

    /// What an entry takes as JSON at the most.
    static func bytes(of entry: CacheWrite) -> Int {
        64 + entry.key.rawValue.utf8.count * 2 + (entry.value.count + 2) / 3 * 4
    }
}

struct CacheEntryDocument: Decodable {
    var value: String?
    var value_base64: Data?
    var etag: String
    var ttl_ms: Int64?

    /// `nil` if the daemon cannot have meant this.
    var entry: CachedBytes? {
        let bytes: [UInt8]
        switch (self.value, self.value_base64) {
        case (let text?, nil): bytes = Array(text.utf8)
        case (nil, let data?): bytes = Array(data)
        default: return nil
        }
        return CachedBytes(
            value: bytes, version: CacheVersion(bytes: Array(self.etag.utf8)),
            timeToLive: self.ttl_ms.map { .milliseconds($0) })
    }
}

struct CacheEntriesDocument: Decodable {
    var entries: [CacheEntryDocument?]
}

struct CacheDeletedDocument: Decodable {
    var deleted: [Bool]
}

/// What a daemon says of its cache: the shape that the HTTP interface and the command line share.
package struct CacheStatisticsDocument: Codable, Sendable {
    /// A key that is asked for often.
    package struct Hot: Codable, Sendable {
        package var key: String
        /// At the most.
        package var lookups: UInt64
        /// By how much `lookups` may be too high.
        package var error: UInt64
    }

    package struct History: Codable, Sendable {
        package struct Step: Codable, Sendable {
            package var hits: UInt64
            package var misses: UInt64
        }

        package var interval_ms: Int64
        package var steps: [Step]
    }

    package var policy: String
    package var entries: UInt64
    package var bytes: UInt64
    package var capacity_bytes: UInt64
    package var value_bytes: UInt64
    package var request_bytes: UInt64
    package var request_keys: UInt64
    package var hits: UInt64
    package var misses: UInt64
    package var writes: UInt64
    package var listeners: UInt64
    package var hit_ratio: Double?
    package var removals: [String: UInt64]
    package var hottest: [Hot]
    package var history: History
}

/// What a daemon says of its cache, as far as a tier needs it.
struct CacheLimitsDocument: Decodable {
    var value_bytes: Int
    var request_bytes: Int
    var request_keys: Int
}

extension CacheError {
    /// What a failure on the way to a daemon means for a cache.
    init(_ error: LeaseError) {
        let code: Code =
            switch error.code {
            case .cancelled: .cancelled
            case .invalidRequest: .invalidRequest
            default: .unavailable
            }
        self.init(code, error.message, cause: error.cause)
    }
}

extension DaemonConnection.Answer {
    /// What a refusal means to who asked for entries.
    var cacheError: CacheError {
        var error = CacheError(self.error)
        switch self.code {
        case "value_too_large"?: error.code = .valueTooLarge
        case "unauthorized"?, "forbidden"?, "host_refused"?, "origin_refused"?: error.code = .refused
        default: break
        }
        return error
    }
}
