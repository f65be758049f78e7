import ColonyCaches
import ColonyCore
import ColonySimulation
import Foundation
import Testing

@testable import ColonyServer

/// What the daemon tells of its cache: changes, counts, and metrics.
@Suite("What the daemon tells of its cache", .timeLimit(.minutes(2)))
struct CacheObservationTests {
    // MARK: Invalidations

    private func listen(_ server: TestServer, _ query: String = "") async throws -> RawConnection {
        let stream = try await RawConnection.open(port: server.port)
        try await stream.send("GET /v1/invalidations\(query) HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try await eventually("the stream opens") { stream.text.contains("event: gap\ndata: {}\n\n") }
        return stream
    }

    @Test func `a stream begins with a gap, tells of every kind of change, and ends with the daemon`() async throws {
        try await withServer { server async throws in
            let stream = try await self.listen(server)
            #expect(stream.text.contains("text/event-stream") && stream.text.contains("retry: 2000"))
            _ = try await server.send(.PUT, "/v1/cache/a%22b", bytes: [1])
            try await eventually("a write is told") { stream.text.contains(#"data: {"keys":["a\"b"]}"#) }
            _ = try await server.send(.DELETE, "/v1/cache/a%22b")
            try await eventually("a deletion is told") {
                stream.text.ranges(of: #"data: {"keys":["a\"b"]}"#).count == 2
            }
            _ = try await server.send(.DELETE, "/v1/cache/never-there")
            try await eventually("a deletion of what is not there is told, since copies may outlive it") {
                stream.text.contains("never-there")
            }
            _ = try await server.send(.POST, "/v1/cache", #"{"set":[{"key":"x","value":""},{"key":"y","value":""}]}"#)
            try await eventually("many writes are told") {
                stream.text.contains("\"x\"") && stream.text.contains("\"y\"")
            }
            _ = try await server.send(.DELETE, "/v1/cache")
            try await eventually("emptying is told") { stream.text.contains("event: all\ndata: {}\n\n") }
            #expect(stream.text.ranges(of: "event: gap").count == 1)
            await server.stop()
            try await eventually("the stream ends") { stream.isClosed }
        }
    }

    @Test func `a write that is refused is told to nobody`() async throws {
        try await withServer { server async throws in
            let stream = try await self.listen(server)
            _ = try await server.send(.PUT, "/v1/cache/a", bytes: [1], headers: ["If-Match": "\"x\""])
            _ = try await server.send(.PUT, "/v1/cache/last", bytes: [1])
            try await eventually("the last is told") { stream.text.contains("last") }
            #expect(!stream.text.contains("\"a\""))
        }
    }

    @Test func `a reconnected reader begins with a gap again, for what it missed`() async throws {
        try await withServer { server async throws in
            let first = try await self.listen(server)
            try await first.close()
            _ = try await server.send(.PUT, "/v1/cache/missed", bytes: [1])
            let second = try await self.listen(server)
            _ = try await server.send(.PUT, "/v1/cache/heard", bytes: [1])
            try await eventually("what comes is told") { second.text.contains("heard") }
            #expect(!second.text.contains("missed"))
            try await eventually("the first reader's place is free") {
                try await server.send(.GET, "/v1/cache").integer("listeners") == 1
            }
        }
    }

    @Test func `a writer is not told of its own writes, and the others are`() async throws {
        try await withServer { server async throws in
            let own = try await self.listen(server, "?writer=w-1")
            let other = try await self.listen(server, "?writer=w-2")
            _ = try await server.send(.PUT, "/v1/cache/a", bytes: [1], headers: ["Colony-Writer": "w-1"])
            _ = try await server.send(.PUT, "/v1/cache/last", bytes: [1])
            for stream in [own, other] { try await eventually("the last is told") { stream.text.contains("last") } }
            #expect(!own.text.contains("\"a\"") && other.text.contains("\"a\""))
        }
    }

    @Test(arguments: ["", "a%20b", "%C3%A9", String(repeating: "w", count: 65)])
    func `a writer that is none is refused`(writer: String) async throws {
        try await withServer { server async throws in
            let reply = try await server.send(.GET, "/v1/invalidations?writer=\(writer)")
            #expect(reply.status == 400 && reply.detail.contains("writer must have 1 to 64"))
            if writer.isEmpty { return }
            let text = writer.removingPercentEncoding ?? writer
            for (method, path) in [
                (TestServer.Verb.PUT, "/v1/cache/a"), (.DELETE, "/v1/cache/a"), (.DELETE, "/v1/cache"),
            ] {
                let reply = try await server.send(
                    method, path, bytes: method == .PUT ? [1] : nil, headers: ["Colony-Writer": text])
                #expect(reply.status == 400 && reply.detail.contains("Colony-Writer"), "\(reply.text)")
            }
        }
    }

    @Test func `there are as many streams as configured, and no more`() async throws {
        try await withServer(configure: { $0.limits.streams = 1 }) { server async throws in
            let stream = try await self.listen(server)
            #expect(try await server.send(.GET, "/v1/invalidations").code == "too_many_streams")
            try await stream.close()
            try await eventually("the place is free") {
                try await server.send(.GET, "/metrics").text.contains("colony_cache_streams 0\n")
            }
        }
    }

    @Test func `one who falls behind gets a gap in place of what it missed`() throws {
        let hub = InvalidationHub(limit: 2)
        let reader = try hub.subscribe(as: nil)
        let keys = try (0...InvalidationHub.pendingLimit).map { try CacheKey("k\($0)") }
        for key in keys.dropLast() { hub.publish(.keys([key]), from: nil) }
        for key in keys.prefix(10) { hub.publish(.keys([key]), from: nil) }
        #expect(hub.take(reader) == .keys(Array(keys.dropLast())), "each key once")
        #expect(hub.take(reader) == nil)
        for key in keys { hub.publish(.keys([key]), from: nil) }
        hub.publish(.all, from: nil)
        #expect(hub.take(reader) == .gap, "a gap says more than that everything was removed")
        hub.publish(.keys([keys[0]]), from: nil)
        hub.publish(.all, from: nil)
        hub.publish(.keys([keys[1]]), from: nil)
        #expect(hub.take(reader) == .all)
        hub.close()
        #expect(throws: Problem.self) { try hub.subscribe(as: nil) }
    }

    // MARK: Statistics

    @Test func `statistics count look-ups, writes, and what has left by cause`() async throws {
        let clock = ManualClock()
        try await withServer(clock: clock) { server async throws in
            let empty = try await server.send(.GET, "/v1/cache")
            #expect(empty.json["policy"] as? String == EvictionPolicy.adaptive.rawValue)
            #expect(empty.json["hit_ratio"] == nil, "nothing was asked for, so there is no ratio")
            #expect(empty.integer("capacity_bytes") == 256 << 20 && empty.integer("value_bytes") == 1 << 20)
            _ = try await server.send(.PUT, "/v1/cache/a", bytes: [1])
            _ = try await server.send(.PUT, "/v1/cache/a", bytes: [2])
            for _ in 0..<3 { _ = try await server.send(.GET, "/v1/cache/a") }
            _ = try await server.send(.GET, "/v1/cache/b")
            clock.advance(by: .seconds(10))
            _ = try await server.send(.GET, "/v1/cache/b")
            _ = try await server.send(.DELETE, "/v1/cache/a")
            let reply = try await server.send(.GET, "/v1/cache")
            #expect(reply.integer("hits") == 3 && reply.integer("misses") == 2 && reply.integer("writes") == 2)
            #expect(reply.json["hit_ratio"] as? Double == 0.6)
            #expect(reply.integer("entries") == 0 && reply.integer("bytes") == 0)
            #expect(
                reply.json["removals"] as? [String: Int]
                    == ["removed": 1, "replaced": 1, "expired": 0, "evicted": 0, "overweight": 0])
            let hottest = try #require(reply.json["hottest"] as? [[String: Any]])
            #expect(hottest.map { $0["key"] as? String } == ["a", "b"])
            #expect(hottest.map { $0["lookups"] as? Int } == [3, 2])
            let history = try #require(reply.json["history"] as? [String: Any])
            #expect(history["interval_ms"] as? Int == 10_000)
            #expect(
                history["steps"] as? [[String: Int]] == [["hits": 3, "misses": 1], ["hits": 0, "misses": 1]])
            #expect(try await server.send(.GET, "/v1/cache?x=1").code == "unknown_field")
        }
    }

    @Test func `the metrics tell of the cache`() async throws {
        try await withServer { server async throws in
            _ = try await server.send(.PUT, "/v1/cache/a", bytes: [1])
            _ = try await server.send(.PUT, "/v1/cache/b", bytes: [1])
            _ = try await server.send(.GET, "/v1/cache/a")
            _ = try await server.send(.GET, "/v1/cache/c")
            _ = try await server.send(.DELETE, "/v1/cache/b")
            let text = try await server.send(.GET, "/metrics").text
            for line in [
                #"colony_cache_lookups_total{result="hit"} 1"#, #"colony_cache_lookups_total{result="miss"} 1"#,
                "colony_cache_writes_total 2", "colony_cache_deletions_total 1", "colony_cache_entries 1",
                "colony_cache_capacity_bytes 268435456", "colony_cache_streams 0",
                #"colony_cache_removals_total{cause="removed"} 1"#,
                #"colony_http_requests_total{route="storeEntry",status="2xx"} 2"#,
                #"colony_http_requests_total{route="readEntry",status="4xx"} 1"#,
            ] {
                #expect(text.contains("\n\(line)\n"), "\(line)")
            }
        }
    }

    @Test func `the history keeps half an hour, and forgets what is older`() {
        let start = MonotonicInstant(nanoseconds: 0)
        var history = LookupHistory(start: start)
        for step in 0..<400 {
            #expect(history.advance(to: start.advanced(by: .seconds(step * 10))) == (step == 0 ? 0 : 1))
            for _ in 0..<step { history.count(isHit: true) }
        }
        #expect(history.recent.map(\.hits) == (220..<400).map(UInt64.init))
        #expect(history.advance(to: start.advanced(by: .seconds(100_000))) == 10_000 - 399)
        #expect(history.recent.allSatisfy { $0 == LookupHistory.Step() })
    }

    @Test func `the keys that are asked for most are found among a thousand times as many`() throws {
        var hottest = HottestKeys()
        var random = SeededGenerator(seed: 1)
        let hot = try (0..<5).map { try CacheKey("hot\($0)") }
        for round in 0..<100_000 {
            if round % 4 == 0 {
                hottest.count(hot[round / 4 % 5])
            } else {
                hottest.count(try CacheKey("cold\(UInt64.random(in: 0..<100_000, using: &random))"))
            }
        }
        let top = hottest.top(5) { _ in true }
        #expect(Set(top.map(\.key)) == Set(hot))
        for entry in top { #expect(entry.count >= 5_000 && entry.count - entry.error <= 5_000) }
        #expect(hottest.top(10) { $0 == hot[0] }.count == 1)
        hottest.fade()
        #expect(hottest.top(1) { _ in true }.first.map { $0.count < top[0].count } == true)
    }
}
