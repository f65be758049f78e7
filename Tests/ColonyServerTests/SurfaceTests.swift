import ColonyCore
import ColonyMemory
import CoreMetrics
import Foundation
import NIOCore
import Testing

@testable import ColonyServer

@Suite("The console, the metrics, and the description of the API")
struct SurfaceTests {
    @Test("Every file of the console's folder is in the program, and nothing else")
    func consoleFiles() throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/ColonyServer/Console/Resources")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(ConsoleFiles.shared.names == Set(names))
        for name in names {
            let contents = try Data(contentsOf: folder.appendingPathComponent(name))
            #expect(ConsoleFiles.shared[name]?.contents == ByteBuffer(bytes: contents), "\(name)")
            #expect(ConsoleFiles.shared[name]?.type != "application/octet-stream", "\(name)")
        }
    }

    @Test("The console is served with its types, a strict policy, and tags that spare the second download")
    func console() async throws {
        try await withServer { server in
            for path in ["/", "/console", "/console/", "/console/index.html"] {
                let page = try await server.send(.GET, path)
                #expect(page.status == 200)
                #expect(page.headers["content-type"] == "text/html; charset=utf-8")
                #expect(page.headers["content-security-policy"]?.hasPrefix("default-src 'self'") == true)
                #expect(page.headers["x-content-type-options"] == "nosniff")
            }
            let script = try await server.send(.GET, "/console/console.js")
            #expect(script.headers["content-type"] == "text/javascript; charset=utf-8")
            let tag = try #require(script.headers["etag"])
            let again = try await server.send(.GET, "/console/console.js", headers: ["If-None-Match": tag])
            #expect(again.status == 304)
            #expect(again.text.isEmpty)
            #expect(
                try await server.send(.GET, "/console/console.js", headers: ["If-None-Match": "\"x\""]).status == 200)
            #expect(try await server.send(.GET, "/console/none.js").code == "not_found")
            #expect(try await server.send(.GET, "/console/..%2FDaemon.swift").code == "not_found")
            let head = try await server.send(.HEAD, "/console/console.js")
            #expect(head.status == 200)
            #expect(head.text.isEmpty)
        }
    }

    @Test("Every route is in the document, and the document has no other")
    func documentMatchesRoutes() async throws {
        try await withServer { server in
            let document = try await server.send(.GET, "/v1/openapi.json")
            #expect(document.status == 200)
            let paths = try #require(document.json["paths"] as? [String: [String: Any]])
            let documented = Set(
                paths.flatMap { path, operations in operations.keys.map { "\($0.uppercased()) \(path)" } })
            var routed: Set<String> = []
            for route in Route.allCases {
                for path in route.documentedPaths { routed.insert("\(route.method.rawValue) \(path)") }
            }
            #expect(documented == routed)
            // The router agrees with the template, not only the list of routes with itself.
            for operation in documented {
                let parts = operation.split(separator: " ")
                let target = String(parts[1]).replacing("{name}", with: "some-name").replacing(
                    "{file}", with: "index.html"
                ).replacing("{tag}", with: "some-tag").replacing("{id}", with: "uuid7")
                    .replacing("{key}", with: "some-key").replacing("{queue}", with: "some-queue")
                    .replacing("{message}", with: "7").replacing("{exchange}", with: "some-exchange")
                    .replacing("{topic}", with: "some.topic").replacing("{schedule}", with: "some-schedule")
                    .replacing("{kind}", with: "breaker").replacing("{switch}", with: "some-switch")
                #expect(throws: Never.self) { try RouteMatch.find(method: String(parts[0]), target: target) }
            }
        }
    }

    @Test("Every reference in the document leads somewhere, and every problem code is listed")
    func documentIsComplete() async throws {
        try await withServer { server in
            let document = try await server.send(.GET, "/v1/openapi.json")
            let components = try #require(document.json["components"] as? [String: Any])
            let schemas = try #require(components["schemas"] as? [String: Any])
            for reference in document.text.split(separator: "#/components/schemas/").dropFirst() {
                let name = String(reference.prefix { $0 != "\"" })
                #expect(schemas[name] != nil, "\(name)")
            }
            for name in schemas.keys {
                // The names of members begin with small letters. Of two schemas of one name a reader sees the last.
                #expect(document.text.ranges(of: "\"\(name)\":{").count == 1, "\(name)")
            }
            for code in ProblemCode.allCases where code != .clientGone && code != .methodNotAllowed {
                #expect(document.text.contains("`\(code.rawValue)`") || code == .unauthorized || code == .forbidden)
            }
        }
    }

    @Test("The metrics tell of requests, locks, waits, and the process")
    func metrics() async throws {
        try await withServer { server in
            _ = try await server.post("/v1/locks/a/acquire", #"{"owner":"o","ttl_ms":60000}"#)
            _ = try await server.post("/v1/locks/b/acquire", #"{"owner":"o","ttl_ms":60000}"#)
            _ = try await server.post("/v1/locks/a/acquire", #"{"owner":"p","ttl_ms":60000,"wait_ms":10}"#)
            _ = try await server.post("/v1/locks/a/renew", #"{"owner":"o","token":99,"ttl_ms":60000}"#)
            _ = try await server.send(.DELETE, "/v1/locks/b")
            _ = try await server.send(.GET, "/nothing")
            let reply = try await server.send(.GET, "/metrics")
            #expect(reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8")
            for line in [
                #"colony_lock_acquires_total{result="granted"} 2"#, #"colony_lock_acquires_total{result="held"} 1"#,
                #"colony_lock_renewals_total{result="lost"} 1"#, "colony_lock_breaks_total 1", "colony_locks_held 1",
                "colony_lock_waiters 0", "colony_lock_wait_seconds_count 1",
                #"colony_http_requests_total{route="acquire",status="2xx"} 2"#,
                #"colony_http_requests_total{route="acquire",status="4xx"} 1"#,
                #"colony_http_requests_total{route="none",status="4xx"} 1"#,
                #"colony_http_request_seconds_bucket{route="acquire",le="+Inf"} 3"#,
            ] {
                #expect(reply.text.contains("\(line)\n"), "\(line)")
            }
            for name in ["process_start_time_seconds", "process_resident_memory_bytes", "process_open_fds"] {
                #expect(reply.text.contains("\n\(name) "), "\(name)")
            }
            for line in reply.text.split(separator: "\n") where !line.hasPrefix("#") {
                #expect(
                    line.wholeMatch(of: /[a-z_:]+(\{([a-z_]+="[^"]*",?)*\})? (-?[0-9.e+-]+|\+Inf|NaN)/) != nil,
                    "\(line)")
            }
        }
    }

    @Test("Labels are escaped, names are made legal, and the number of series is bounded")
    func prometheusText() {
        let registry = PrometheusRegistry()
        registry.makeCounter(label: "9 lives.of-a.cat", dimensions: [("na me", "a\"b\\c\nd")]).increment(by: 2)
        for number in 0..<(PrometheusRegistry.maximumSeries + 600) {
            registry.makeCounter(label: "many", dimensions: [("n", "\(number)")]).increment(by: 1)
        }
        registry.makeTimer(label: "t", dimensions: []).recordNanoseconds(2_000_000)
        registry.makeMeter(label: "m", dimensions: []).set(1.5)
        registry.makeRecorder(label: "many", dimensions: [], aggregate: true).record(1 as Int64)
        var buffer = ByteBuffer()
        registry.write(to: &buffer)
        let text = String(buffer: buffer)
        #expect(text.contains(#"_9_lives_of_a_cat_total{na_me="a\"b\\c\nd"} 2"#))
        #expect(text.contains(#"many_total{n="other"} 600"#))
        #expect(text.ranges(of: "\nmany_total{").count <= PrometheusRegistry.maximumSeries + 1)
        // Every route and class of status is told apart, with room for those to come.
        #expect((Route.allCases.count + 1) * 5 <= PrometheusRegistry.maximumSeries)
        #expect(text.contains("t_seconds_bucket{le=\"0.0025\"} 1\n"))
        #expect(text.contains("t_seconds_bucket{le=\"0.001\"} 0\n"))
        #expect(text.contains("t_seconds_sum 0.002\n"))
        #expect(text.contains("\nm 1.5\n"))
    }

    @Test("The stream tells of changes, of waits, and ends with the daemon")
    func events() async throws {
        try await withServer {
            $0.limits.streams = 1
        } _: { server in
            let stream = try await RawConnection.open(port: server.port)
            try await stream.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            func count() -> Int { stream.text.ranges(of: "event: locks\n").count }
            try await eventually("one event comes at once, and one when the watch has begun") { count() == 2 }
            #expect(stream.text.contains("text/event-stream"))
            #expect(try await server.send(.GET, "/v1/events").code == "too_many_streams")
            _ = try await server.post("/v1/locks/a/acquire", #"{"owner":"o","ttl_ms":60000}"#)
            try await eventually("a grant is told") { count() == 3 }
            for number in 0..<50 {
                _ = try await server.post("/v1/locks/l\(number)/acquire", #"{"owner":"o","ttl_ms":60000}"#)
            }
            #expect(count() < 40, "changes that fall together are one event")
            await server.stop()
            try await eventually("the stream ends") { stream.isClosed }
        }
    }

    @Test("A place among the streams is free again when its reader goes away")
    func eventReaderGoesAway() async throws {
        try await withServer {
            $0.limits.streams = 1
        } _: { server in
            let stream = try await RawConnection.open(port: server.port)
            try await stream.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            try await eventually("it is open") { stream.text.contains("event: locks") }
            try await stream.close()
            try await eventually("the place is free") {
                try await server.send(.GET, "/metrics").text.contains("colony_event_streams 0\n")
            }
        }
    }

    @Test("Dates are written as HTTP and RFC 3339 want them")
    func dates() {
        #expect(DateHeader.text(secondsSince1970: 784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(DateHeader.text(secondsSince1970: 951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
        #expect(WallTime(millisecondsSince1970: 1_709_251_199_007).rfc3339 == "2024-02-29T23:59:59.007Z")
        #expect(WallTime(millisecondsSince1970: -1).rfc3339 == "1969-12-31T23:59:59.999Z")
    }
}
