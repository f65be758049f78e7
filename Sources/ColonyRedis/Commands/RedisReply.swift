import ColonyCore
import ColonyRESP

/// What the errors of a server mean.
///
/// The first word of an error is its code; where Redis has only `ERR`, the text says it, which has been the same for many
/// versions.
enum RedisReply {
    /// What a cluster, or a server that is not ready, wants done.
    enum Redirection: Equatable {
        /// The slot is elsewhere from now on.
        case moved(slot: Int, host: String, port: Int)
        /// This key is elsewhere, this time.
        case ask(host: String, port: Int)
        /// Not now: the server loads, the cluster has no majority, or the slot is between two servers.
        case later
    }

    static func redirection(_ text: String) -> Redirection? {
        let words = text.split(separator: " ")
        switch words.first {
        case "MOVED", "ASK":
            guard words.count >= 3, let slot = Int(words[1]), (0..<HashSlot.count).contains(slot),
                let colon = words[2].lastIndex(of: ":"), let port = Int(words[2][words[2].index(after: colon)...]),
                (1...65535).contains(port)
            else { return nil }
            let host = String(words[2][..<colon])
            return words[0] == "ASK" ? .ask(host: host, port: port) : .moved(slot: slot, host: host, port: port)
        case "TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN":
            return .later
        default:
            return nil
        }
    }

    /// Whether the server closes the connection after saying this.
    static func endsConnection(_ value: RESPValue) -> Bool {
        guard case .simpleError(let bytes) = value else { return false }
        return bytes.starts(with: "ERR Protocol error".utf8)
    }

    /// What an error of the server means.
    static func failure(_ text: String) -> RedisFailure {
        let shown = NameRules.quoted(text)
        // Servers before 7.0 wrap what a script meets.
        let word = text.split(separator: " ").first.map(String.init) ?? ""
        func says(_ code: String) -> Bool { word == code || (word == "ERR" && text.contains(": \(code) ")) }
        if says("WRONGTYPE") {
            return RedisFailure(.wrongType, "the key holds something other than a string: the server said \(shown)")
        }
        if text.contains("invalid bulk length") || text.contains("maximum allowed size") {
            return RedisFailure(.valueTooLarge, "the value is larger than the server takes: it said \(shown)")
        }
        switch word {
        case "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "READONLY":
            return RedisFailure(.unavailable, "the server cannot answer now: it said \(shown)")
        case "MOVED", "ASK":
            return RedisFailure(
                .refused, "the server is part of a cluster, for which the scheme is redis+cluster: it said \(shown)")
        default:
            return RedisFailure(.refused, "the server said \(shown)")
        }
    }

    /// Why a connection cannot be used.
    static func refusalOfGreeting(_ text: String, by address: RedisAddress) -> RedisFailure {
        let shown = NameRules.quoted(text)
        let word = text.split(separator: " ").first
        if word == "NOPROTO" || text.contains("unknown command") {
            return RedisFailure(
                .refused,
                "\(address) does not speak version 3 of the protocol, which Redis 6.0 and later do: it said \(shown)",
                wasSent: false)
        }
        if word == "LOADING" || text.contains("max number of clients") {
            return RedisFailure(.unavailable, "\(address) said \(shown)", wasSent: false)
        }
        return RedisFailure(.refused, "\(address) refused the connection: it said \(shown)", wasSent: false)
    }
}
