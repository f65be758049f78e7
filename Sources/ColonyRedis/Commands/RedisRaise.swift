import ColonyCaches
import ColonyRESP

/// A call of ``RedisScript/raise``, written without arrays in between. Several keys are possible only where there is
/// one server.
struct RedisRaise: RedisScriptRequest {
    let entries: ArraySlice<CacheWrite>
    let ranking: EntryRanking
    /// The key of the mark, if it is kept.
    let mark: CacheKey?
    /// To what the mark rises.
    let highest: UInt64
    var isInFull = false

    private var firstKey: CacheKey { self.entries[self.entries.startIndex].key }

    /// One that is repeated finds itself there, which its caller could take for another's.
    var isRepeatable: Bool { false }

    var subject: String { self.firstKey.rawValue }

    func routingKey(_ prefix: [UInt8]) -> [UInt8] { prefix + Array(self.firstKey.rawValue.utf8) }

    func write(_ prefix: [UInt8], to bytes: inout [UInt8]) {
        let count = self.entries.count
        let marks = self.mark == nil ? 0 : 1
        let hasTimes = self.entries.contains { $0.timeToLive != nil }
        RESPCommandEncoding.begin(
            5 + self.ranking.prefixes.count + count * (hasTimes ? 3 : 2) + 2 * marks, &bytes)
        RESPCommandEncoding.append(word: self.isInFull ? "EVAL" : "EVALSHA", to: &bytes)
        RESPCommandEncoding.append(
            word: self.isInFull ? RedisScript.raise.text : RedisScript.raise.digest, to: &bytes)
        RESPCommandEncoding.append(word: String(count + marks), to: &bytes)
        for entry in self.entries { RESPCommandEncoding.append(word: entry.key.rawValue, prefix: prefix, to: &bytes) }
        if let mark { RESPCommandEncoding.append(word: mark.rawValue, prefix: prefix, to: &bytes) }
        RESPCommandEncoding.append(word: String(count), to: &bytes)
        RESPCommandEncoding.append(word: String(self.ranking.prefixes.count), to: &bytes)
        for form in self.ranking.prefixes { RESPCommandEncoding.append(word: form, to: &bytes) }
        if self.mark != nil {
            RESPCommandEncoding.append(word: self.ranking.markValue(self.highest), to: &bytes)
        }
        for entry in self.entries { RESPCommandEncoding.append(word: entry.value, to: &bytes) }
        if !hasTimes { return }
        for entry in self.entries {
            RESPCommandEncoding.append(word: entry.timeToLive.map(RedisCommand.milliseconds) ?? "", to: &bytes)
        }
    }
}
