import ColonyCaches
import ColonyCore
import ColonyRESP

/// What a router sends: a command whose keys are all in one slot.
protocol RedisRequest: Sendable {
    /// Whether doing it twice is the same as doing it once, so that it may be sent again when its fate is unknown.
    var isRepeatable: Bool { get }
    /// What it is about, for errors.
    var subject: String { get }
    /// A key whose slot is that of all others.
    func routingKey(_ prefix: [UInt8]) -> [UInt8]
    func write(_ prefix: [UInt8], to bytes: inout [UInt8])
}

/// A command of a cache, which has one key.
///
/// Several keys are several commands in one write, also where Redis has a command for many: in a cluster those fail while a
/// slot is moved, and `MGET` says nothing of a key that holds something else.
enum RedisCommand: RedisRequest {
    case get(CacheKey)
    /// So many of the first bytes of a value.
    case getFirst(Int, CacheKey)
    case timeToLive(CacheKey)
    case set(CacheWrite)
    case delete(CacheKey)
    /// By its digest, or by its text where the server does not know it.
    case script(RedisScript, CacheKey, [[UInt8]], inFull: Bool)

    var key: CacheKey {
        switch self {
        case .get(let key), .getFirst(_, let key), .timeToLive(let key), .delete(let key), .script(_, let key, _, _):
            key
        case .set(let entry): entry.key
        }
    }

    var subject: String { self.key.rawValue }

    func routingKey(_ prefix: [UInt8]) -> [UInt8] { prefix + Array(self.key.rawValue.utf8) }

    var isRepeatable: Bool {
        switch self {
        case .get, .getFirst, .timeToLive: true
        case .set, .delete, .script: false
        }
    }

    func write(_ prefix: [UInt8], to bytes: inout [UInt8]) {
        switch self {
        case .get(let key): Self.writeGet(key, prefix, to: &bytes)
        case .getFirst(let count, let key):
            RESPCommandEncoding.begin(4, &bytes)
            RESPCommandEncoding.append(word: "GETRANGE", to: &bytes)
            RESPCommandEncoding.append(word: key.rawValue, prefix: prefix, to: &bytes)
            RESPCommandEncoding.append(word: "0", to: &bytes)
            RESPCommandEncoding.append(word: String(count - 1), to: &bytes)
        case .timeToLive(let key):
            RESPCommandEncoding.begin(2, &bytes)
            RESPCommandEncoding.append(word: "PTTL", to: &bytes)
            RESPCommandEncoding.append(word: key.rawValue, prefix: prefix, to: &bytes)
        case .delete(let key):
            RESPCommandEncoding.begin(2, &bytes)
            RESPCommandEncoding.append(word: "UNLINK", to: &bytes)
            RESPCommandEncoding.append(word: key.rawValue, prefix: prefix, to: &bytes)
        case .set(let entry):
            RESPCommandEncoding.begin(entry.timeToLive == nil ? 3 : 5, &bytes)
            RESPCommandEncoding.append(word: "SET", to: &bytes)
            RESPCommandEncoding.append(word: entry.key.rawValue, prefix: prefix, to: &bytes)
            RESPCommandEncoding.append(word: entry.value, to: &bytes)
            if let timeToLive = entry.timeToLive {
                RESPCommandEncoding.append(word: "PX", to: &bytes)
                RESPCommandEncoding.append(word: Self.milliseconds(timeToLive), to: &bytes)
            }
        case .script(let script, let key, let arguments, let inFull):
            RESPCommandEncoding.begin(4 + arguments.count, &bytes)
            RESPCommandEncoding.append(word: inFull ? "EVAL" : "EVALSHA", to: &bytes)
            RESPCommandEncoding.append(word: inFull ? script.text : script.digest, to: &bytes)
            RESPCommandEncoding.append(word: "1", to: &bytes)
            RESPCommandEncoding.append(word: key.rawValue, prefix: prefix, to: &bytes)
            for argument in arguments { RESPCommandEncoding.append(word: argument, to: &bytes) }
        }
    }

    private static let get = Array("*2\r\n$3\r\nGET\r\n".utf8)

    /// The command that is sent most, without the way through the cases.
    static func writeGet(_ key: CacheKey, _ prefix: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(contentsOf: self.get)
        RESPCommandEncoding.append(word: key.rawValue, prefix: prefix, to: &bytes)
    }

    /// A time to live in whole milliseconds, rounded up, so that none becomes zero.
    static func milliseconds(_ duration: Duration) -> String {
        let nanoseconds = duration.clampedNanoseconds
        let rest = nanoseconds % 1_000_000 > 0 || duration > .nanoseconds(nanoseconds) ? 1 : 0 as Int64
        return String(max(1, nanoseconds / 1_000_000 + rest))
    }
}
