import ColonyCaches
import ColonyCore
import Foundation
import NIOCore

/// What is asked for by `POST /v1/cache`: one of three things, for many keys.
enum BulkRequest {
    struct Entry {
        var key: CacheKey
        var bytes: ByteBuffer
        var contentType: String?
        var timeToLive: Duration?
    }

    case get([CacheKey])
    case set([Entry])
    case delete([CacheKey])

    static let members: [StaticString] = ["get", "set", "delete"]
    private static let entryMembers: [StaticString] = ["key", "value", "value_base64", "content_type", "ttl_ms"]

    /// The content type of text that came without one.
    static let textType = "text/plain; charset=utf-8"

    init(_ body: ByteBuffer, limits: DaemonConfiguration.Limits) throws(Problem) {
        var requests: [BulkRequest] = []
        try body.readJSON(Self.members) { reader, index throws(JSONDefect) in
            switch index {
            case 1: requests.append(.set(try Self.readEntries(&reader, atMost: limits.batch)))
            default:
                var keys: [CacheKey] = []
                try reader.readArray(atMost: limits.batch) { reader throws(JSONDefect) in
                    keys.append(try reader.readCacheKey())
                }
                requests.append(index == 0 ? .get(keys) : .delete(keys))
            }
        }
        guard let request = requests.first, requests.count == 1 else {
            throw Problem(
                .invalidRequest,
                "one of get, set, and delete is needed, because their order would be unclear, and there are \(requests.count)"
            )
        }
        self = request
    }

    private static func readEntries(_ reader: inout JSONReader, atMost limit: Int) throws(JSONDefect) -> [Entry] {
        var entries: [Entry] = []
        try reader.readArray(atMost: limit) { reader throws(JSONDefect) in
            entries.append(try Self.readEntry(&reader))
        }
        return entries
    }

    private static func readEntry(_ reader: inout JSONReader) throws(JSONDefect) -> Entry {
        var key: CacheKey?
        var text: String?
        var bytes: Data?
        var contentType: String?
        var timeToLive: Duration?
        try reader.readObject(Self.entryMembers) { reader, index throws(JSONDefect) in
            switch index {
            case 0: key = try reader.readCacheKey()
            case 1: text = try reader.readString()
            case 2:
                let encoded = try reader.readString()
                guard let decoded = Data(base64Encoded: encoded) else {
                    throw .outOfRange(
                        path: reader.currentPath, reason: "\(NameRules.quoted(encoded)) is not base 64 with padding")
                }
                bytes = decoded
            case 3:
                contentType = try reader.readString()
                do throws(Problem) {
                    try CacheService.check(contentType: contentType ?? "")
                } catch {
                    throw .outOfRange(path: reader.currentPath, reason: error.detail)
                }
            default:
                let number = try reader.readSigned()
                guard CacheService.timeToLive.contains(number) else {
                    throw .outOfRange(
                        path: reader.currentPath,
                        reason: "\(number) is not from \(CacheService.timeToLive.lowerBound) to "
                            + "\(CacheService.timeToLive.upperBound) milliseconds")
                }
                timeToLive = .milliseconds(number)
            }
        }
        guard let key else { throw .missing(path: "\(reader.currentPath).key") }
        let value: ByteBuffer
        switch (text, bytes) {
        case (let text?, nil): value = ByteBuffer(string: text)
        case (nil, let bytes?): value = ByteBuffer(bytes: bytes)
        case (nil, nil): throw .missing(path: "\(reader.currentPath).value")
        case (_?, _?):
            throw .outOfRange(path: reader.currentPath, reason: "it has both a value and a value_base64")
        }
        return Entry(
            key: key, bytes: value, contentType: contentType ?? (text == nil ? nil : Self.textType),
            timeToLive: timeToLive)
    }
}

extension JSONReader {
    fileprivate mutating func readCacheKey() throws(JSONDefect) -> CacheKey {
        let text = try self.readString()
        do throws(InvalidName) {
            return try CacheKey(text)
        } catch {
            throw .invalidName(path: self.currentPath, reason: error.description)
        }
    }
}
