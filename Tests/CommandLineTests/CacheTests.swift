import Foundation
import RealServers
import Testing

@testable import colony

/// `colony cache` on a daemon, on Redis, and on memcached.
@Suite(.timeLimit(.minutes(3))) struct CacheTests {
    /// The places that this machine has a server for; the daemon is always there.
    enum Place: String, CaseIterable { case daemon, redis, memcached }

    /// Runs `body` with the words that name the place.
    private static func with(_ place: Place, _ body: (Scene, [String]) async throws -> Void) async throws {
        try await Scene.run { scene in
            switch place {
            case .daemon:
                try await scene.whileServing { try await body(scene.with([:]), ["--server", $0.url]) }
            case .redis:
                try await scene.whileRunning("redis-server", "--save", "", "--appendonly", "no", "--bind", "127.0.0.1")
                {
                    try await body(scene.with([:]), ["--store", "redis://127.0.0.1:\($0)"])
                }
            case .memcached:
                let user = getuid() == 0 ? ["-u", "nobody"] : []
                try await scene.whileRunning("memcached", ["-l", "127.0.0.1", "-U", "0"] + user) {
                    try await body(scene.with([:]), ["--store", "memcached://127.0.0.1:\($0)"])
                }
            }
        }
    }

    @Test(arguments: Place.allCases)
    func `what is set is got, byte for byte, until it is deleted`(place: Place) async throws {
        try await Self.with(place) { scene, words in
            let absent = try await scene.colony(["cache", "get", "a"] + words)
            #expect(absent.code == 1 && absent.errors == "colony: nothing is cached under \"a\".\n")
            #expect(absent.output.isEmpty)
            let set = try await scene.colony(["cache", "set", "a", "grüße", "--ttl", "10m"] + words)
            #expect(set.code == 0 && set.output.isEmpty && set.errors.isEmpty, "\(set.errors)")
            #expect(try await scene.colony(["cache", "get", "a"] + words).output == "grüße", "no line feed is added")
            let json = try await scene.colony(["cache", "get", "a", "--json"] + words)
            #expect(json.output.contains(#""bytes":7,"key":"a""#) && json.output.contains(#""value":"grüße""#))
            if place != .memcached { #expect(json.output.contains(#""ttl_ms":"#), "\(json.output)") }
            let deleted = try await scene.colony(["cache", "delete", "a", "b"] + words)
            #expect(deleted.code == 0 && deleted.output == "Deleted 1 of 2.\n")
            let again = try await scene.colony(["cache", "delete", "a", "--json"] + words)
            #expect(again.code == 1 && again.errors.contains(#""code":"not_found""#))
        }
    }

    @Test(arguments: Place.allCases)
    func `files and standard input pass through untouched`(place: Place) async throws {
        try await Self.with(place) { scene, words in
            let place = words.joined(separator: " ")
            let outcome = try await scene.shell(
                """
                set -e
                head -c 100000 /dev/urandom > $DIR/value
                $COLONY cache set bytes --file $DIR/value \(place)
                $COLONY cache get bytes \(place) | cmp - $DIR/value
                printf 'a\\000b\\n' | $COLONY cache set piped \(place) --json
                $COLONY cache get piped \(place) | od -An -tx1
                : | $COLONY cache set empty \(place)
                $COLONY cache get empty --json \(place)
                """)
            #expect(outcome.code == 0, "\(outcome.errors)")
            #expect(outcome.output.contains(#"{"bytes":4,"key":"piped"}"#), "\(outcome.output)")
            #expect(outcome.output.contains(" 61 00 62 0a\n"))
            #expect(outcome.output.contains(#"{"bytes":0,"key":"empty","value":""}"#))
        }
    }

    @Test func `bytes that are no text are base 64 in JSON`() async throws {
        try await Self.with(.daemon) { scene, words in
            let place = words.joined(separator: " ")
            let outcome = try await scene.shell(
                "printf '\\377\\000' | $COLONY cache set b \(place) && $COLONY cache get b --json \(place)")
            #expect(outcome.output == #"{"bytes":2,"key":"b","value_base64":"/wA="}"# + "\n")
        }
    }

    @Test func `an entry ends when its time is over`() async throws {
        try await Self.with(.daemon) { scene, words in
            _ = try await scene.colony(["cache", "set", "a", "v", "--ttl", "50ms"] + words)
            try await eventually("it ends") { try await scene.colony(["cache", "get", "a"] + words).code == 1 }
        }
    }

    @Test func `statistics are for people, and for programs`() async throws {
        try await Self.with(.daemon) { scene, words in
            _ = try await scene.colony(["cache", "set", "a", "v"] + words)
            for key in ["a", "a", "a", "b"] { _ = try await scene.colony(["cache", "get", key] + words) }
            let text = try await scene.colony(["cache", "stats"] + words)
            #expect(text.code == 0, "\(text.errors)")
            for line in [
                "policy       adaptive", "entries      1", "look-ups     4, 75.0 % of them hits", "gone         none",
            ] {
                #expect(text.output.contains("\(line)\n"), "\(text.output)")
            }
            #expect(text.output.contains("HOTTEST KEY  LOOK-UPS\na                   3\n"), "\(text.output)")
            let json = try await scene.colony(["cache", "stats", "--json"] + words)
            let document = try #require(
                try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
            #expect(document["hit_ratio"] as? Double == 0.75 && document["misses"] as? Int == 1)
        }
    }

    @Test func `a value over the limit is 1 and says what the limit is`() async throws {
        try await Self.with(.daemon) { scene, words in
            let outcome = try await scene.shell(
                "head -c 2000000 /dev/zero | $COLONY cache set a \(words.joined(separator: " ")) --json")
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains(#""code":"value_too_large""#) && outcome.errors.contains("1048576 bytes"))
        }
    }

    @Test(arguments: [
        (["get", ""], "\"\" cannot be a cache key: it is empty"), (["get", "a\nb"], "control character"),
        (["get", String(repeating: "k", count: 251)], "it has 251 bytes, and 250 are the most"), (["get"], "'<key>'"),
        (["delete"], "'<key>"), (["set", "a", "v", "--ttl", "0s"], "0s"), (["set", "a", "v", "--ttl", "5"], "unit"),
        (["set", "a", "v", "--file", "f"], "exclude each other"),
        (["get", "a", "--store", "sqlite:a.db"], "there is no cache in sqlite"),
        (["get", "a", "--store", "redis://a/x"], "database"),
        (["get", "a", "--store", "memcached://a:0"], "port from 1"),
        (["get", "a", "--store", "memcached://u:geheim@a"], "nothing but servers"),
        (["get", "a", "--server", "redis://a"], "is not a daemon's address"),
        (["get", "a", "--server", "http://a", "--store", "redis://a"], "exclude each other"),
        (["stats", "--store", "redis://127.0.0.1:1"], "statistics are a daemon's"),
    ])
    func `wrong usage is 64 and quotes what was wrong`(words: [String], sentence: String) async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony(["cache"] + words)
            #expect(outcome.code == 64, "\(outcome.errors)")
            #expect(outcome.errors.contains(sentence) && !outcome.errors.contains("geheim"), "\(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
    }

    @Test(arguments: [
        ["--server", "http://127.0.0.1:1"], ["--store", "redis://127.0.0.1:1"], ["--store", "memcached://127.0.0.1:1"],
    ])
    func `a cache that does not answer is 75, which is not the same as an absent entry`(words: [String]) async throws {
        try await Scene.run { scene in
            for command in [["get", "a"], ["set", "a", "v"], ["delete", "a"]] {
                let outcome = try await scene.colony(["cache"] + command + words + ["--json"])
                #expect(outcome.code == 75 && outcome.errors.contains(#""code":"unavailable""#), "\(outcome.errors)")
            }
        }
    }

    @Test func `a file that is not there is named`() async throws {
        try await Self.with(.daemon) { scene, words in
            let outcome = try await scene.colony(["cache", "set", "a", "--file", "/no/such/file"] + words)
            #expect(outcome.code == 1 && outcome.errors.contains("\"/no/such/file\" cannot be read: No such file"))
        }
    }

    @Test func `the environment names the daemon, and a store of locks does not disturb`() async throws {
        try await Scene.run { scene in
            try await scene.whileServing { daemon in
                let both = scene.with([
                    "COLONY_SERVER": daemon.url, "COLONY_STORE": "sqlite:\(scene.path("colony.db"))",
                ])
                #expect(try await both.colony("cache", "set", "a", "v").code == 0)
                #expect(try await both.colony("cache", "get", "a").output == "v")
                let two = scene.with(["COLONY_SERVER": daemon.url, "COLONY_STORE": "redis://127.0.0.1:1"])
                let refused = try await two.colony("cache", "get", "a")
                #expect(refused.code == 64 && refused.errors.contains("both name a cache"))
            }
        }
    }

    @Test(arguments: [
        (0, "0 bytes"), (1_023, "1023 bytes"), (1_024, "1 KiB"), (1_536, "1.5 KiB"), (268_435_456, "256 MiB"),
    ])
    func `sizes are short`(count: UInt64, text: String) {
        #expect(CachePresentation.bytes(count) == text)
    }

    @Test(arguments: [(0.0, "0.0 %"), (0.5, "50.0 %"), (0.99999, "99.9 %"), (1, "100.0 %")])
    func `a share that is not all is not shown as all`(ratio: Double, text: String) {
        #expect(CachePresentation.percent(ratio) == text)
    }
}

extension Scene {
    /// Runs `body` while a server of somebody else's runs on a free port, and kills that server afterwards. Without the
    /// program the test is passed over, except under CI.
    fileprivate func whileRunning(
        _ program: String, _ words: String..., body: (Int) async throws -> Void
    ) async throws {
        try await self.whileRunning(program, words, body: body)
    }

    fileprivate func whileRunning(_ program: String, _ words: [String], body: (Int) async throws -> Void) async throws {
        let path = ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
        guard let path else {
            try #require(ProcessInfo.processInfo.environment["CI"] != "true", "\(program) is not installed")
            print("skipped: \(program) is not installed")
            return
        }
        let port = try FreePort.take()
        let option = program == "memcached" ? "-p" : "--port"
        _ = try await self.during(([path, option, "\(port)"] + words).map { Array($0.utf8) }) { child in
            try await eventually("\(program) listens; it said: \(child.errors)") {
                try #require(child.isRunning)
                return Self.isListening(port)
            }
            try await body(port)
            child.send(SIGKILL)
        }
    }

    private static func isListening(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = Self.address(port)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}
