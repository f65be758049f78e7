import ColonyCore
import ColonyWorkloads
import Foundation

/// A script for `redis-benchmark`, which sends one command over and over: each call does, in turn, what the engine's script for
/// a grant does and what that for a release does.
///
/// The engine's scripts are taken from the wire. What has to be read to know whose turn it is, both read anyway, and they are
/// given it, so that a pair of calls makes exactly the calls of Redis that a pair of the engine's makes.
struct RedisPairScript {
    /// `EVALSHA`, the digest, the keys, and the arguments.
    let call: [String]

    /// - Parameter server: One on which no engine has worked yet.
    init(_ server: CoordinationServer) async throws {
        let monitor = try ClientSocket(port: server.port)
        try monitor.send(Array("MONITOR\r\n".utf8))
        let opened = try CoordinationKind.open(server.url())
        try await PairsPeer.pair("peer/pair", on: opened.engine)
        await opened.close()
        let scripts = try Self.evaluations(2, from: monitor)
        let (grant, release) = (scripts[0], scripts[1])
        guard grant.keys.count == 5, release.keys.count == 6, grant.arguments.count == 3, release.arguments.count == 3
        else { throw WorkloadError("the engine's scripts take other keys and arguments than this comparison knows") }

        let held = "redis.call('GET', KEYS[1])"
        let known = "redis.call('HMGET', KEYS[3], 'owner', 'token')"
        let text = """
            local function take(KEYS, ARGV, held)
            \(try Self.replacing("local held = \(held)", with: "", in: grant.text))
            end
            local function release(KEYS, ARGV, found, facts)
            \(try Self.replacing("known = \(known)", with: "known = facts",
                in: try Self.replacing("if \(held) ==", with: "if found ==", in: release.text)))
            end
            local found = \(held)
            if found ~= ARGV[1] then return take(KEYS, ARGV, found) end
            local facts = \(known)
            return release(KEYS, {ARGV[1], facts[2], ARGV[4]}, found, facts)
            """
        let console = try RedisConnection(port: server.port)
        let digest = try console.ask(["SCRIPT", "LOAD", text])
        self.call =
            ["EVALSHA", digest, "6"] + release.keys + grant.arguments + [release.arguments[2]]
        // A grant, and then its release.
        let (first, second) = (try console.ask(self.call), try console.ask(self.call))
        guard first.hasPrefix("*3\r\n:1\r\n"), second == ":1" else {
            throw WorkloadError("a grant and a release in turn gave \(first) and \(second)")
        }
    }

    private struct Evaluation {
        let text: String
        let keys: [String]
        let arguments: [String]
    }

    private static func replacing(_ old: String, with new: String, in text: String) throws -> String {
        guard text.ranges(of: old).count == 1 else {
            throw WorkloadError("the engine's script no longer says \(old) exactly once; the comparison must follow it")
        }
        return text.replacing(old, with: new)
    }

    /// The first scripts that were sent in full.
    private static func evaluations(_ count: Int, from monitor: ClientSocket) throws -> [Evaluation] {
        var bytes: [UInt8] = []
        while true {
            try monitor.receive(into: &bytes)
            var found: [Evaluation] = []
            for line in String(decoding: bytes, as: UTF8.self).components(separatedBy: "\r\n").dropLast() {
                guard let start = line.range(of: "] \"EVAL\" ") else { continue }
                let words = Self.words(line[start.upperBound...])
                guard words.count > 1, let keys = Int(words[1]), words.count >= 2 + keys else { continue }
                found.append(
                    Evaluation(
                        text: words[0], keys: Array(words[2..<(2 + keys)]), arguments: Array(words[(2 + keys)...])))
            }
            if found.count >= count { return found }
        }
    }

    /// The words of a line of `MONITOR`, each in quotation marks and with C's escapes.
    private static func words(_ line: Substring) -> [String] {
        var words: [String] = []
        var word: [UInt8]?
        var bytes = Array(line.utf8)[...]
        while let byte = bytes.popFirst() {
            guard word != nil else {
                if byte == UInt8(ascii: "\"") { word = [] }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""):
                words.append(String(decoding: word ?? [], as: UTF8.self))
                word = nil
            case UInt8(ascii: "\\"):
                switch bytes.popFirst() {
                case UInt8(ascii: "n")?: word?.append(0x0A)
                case UInt8(ascii: "r")?: word?.append(0x0D)
                case UInt8(ascii: "t")?: word?.append(0x09)
                case UInt8(ascii: "x")?:
                    let digits = String(decoding: bytes.prefix(2), as: UTF8.self)
                    bytes = bytes.dropFirst(2)
                    if let value = UInt8(digits, radix: 16) { word?.append(value) }
                case let other?: word?.append(other)
                case nil: break
                }
            default: word?.append(byte)
            }
        }
        return words
    }
}

/// Asks a Redis one thing after the other.
private final class RedisConnection {
    private let socket: ClientSocket

    init(port: UInt16) throws { self.socket = try ClientSocket(port: port) }

    /// - Returns: The text of a bulk answer; any other as it came, without the end of the line.
    func ask(_ words: [String]) throws -> String {
        var request = Array("*\(words.count)\r\n".utf8)
        for word in words { request += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
        try self.socket.send(request)
        var bytes: [UInt8] = []
        // Answers here are short and come in one piece.
        try self.socket.receive(into: &bytes)
        let text = String(decoding: bytes, as: UTF8.self)
        if text.hasPrefix("-") { throw WorkloadError("Redis refused \(words[0]): \(text.prefix(300))") }
        let lines = text.components(separatedBy: "\r\n")
        if text.hasPrefix("$"), lines.count > 1 { return lines[1] }
        return lines.dropLast().joined(separator: "\r\n")
    }
}

extension PairsPeer {
    /// One pair of an engine.
    static func pair(_ name: LeaseName, on engine: any LeaseEngine) async throws {
        guard case .granted(let lease) = try await engine.tryAcquire(name, owner: "peer", for: .seconds(30)),
            try await engine.release(name, owner: "peer", token: lease.token)
        else { throw WorkloadError("the name \(name) is not free") }
    }
}
