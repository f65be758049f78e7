import ColonyCore
import ColonyIdentifiers
import ColonyMemory
import Testing

@testable import ColonyServer

@Suite("Ranges over HTTP", .timeLimit(.minutes(2)))
struct SegmentRoutesTests {
    @Test func `a range is taken, numbers come as text, and the tag can be looked at`() async throws {
        try await withServer { server async throws in
            #expect(try await server.send(.GET, "/v1/segments/orders").code == "not_found")
            let first = try await server.post("/v1/segments/orders/take", #"{"count":10}"#)
            #expect(first.text == #"{"tag":"orders","first":"1","count":10}"#)
            let second = try await server.post(
                "/v1/segments/orders/take", #"{"count":"1000000000","above":"9007199254740993"}"#)
            #expect(second.text == #"{"tag":"orders","first":"9007199254740994","count":1000000000}"#)
            let record = try await server.send(.GET, "/v1/segments/orders")
            #expect(record.text == #"{"tag":"orders","next":"9007200254740994","segments":2}"#)
        }
    }

    @Test func `a tag keeps its scheme, and its end is its end`() async throws {
        try await withServer { server async throws in
            _ = try await server.post("/v1/segments/a/take", #"{"count":1,"scheme":"blue \"print\""}"#)
            #expect(
                try await server.send(.GET, "/v1/segments/a").text
                    == #"{"tag":"a","next":"2","segments":1,"scheme":"blue \"print\""}"#)
            let other = try await server.post("/v1/segments/a/take", #"{"count":1,"scheme":"red"}"#)
            #expect(other.status == 409 && other.code == "scheme_mismatch")
            #expect(other.detail.contains("red") && other.detail.contains("blue"))
            let last = try await server.post("/v1/segments/a/take", #"{"count":1}"#)
            #expect(last.code == "scheme_mismatch")
            let end = try await server.post("/v1/segments/b/take", #"{"count":2,"above":9223372036854775805}"#)
            #expect(end.status == 409 && end.code == "segments_exhausted", "\(end.text)")
            #expect(try await server.send(.GET, "/v1/segments/b").code == "not_found")
            _ = try await server.post("/v1/segments/b/take", #"{"count":1,"above":"9223372036854775805"}"#)
            #expect(try await server.send(.POST, "/v1/ids/segment?tag=b").code == "segments_exhausted")
        }
    }

    @Test(arguments: [
        (#"{}"#, "invalid_request", "count is missing"), ("", "invalid_json", "empty"),
        (#"{"count":0}"#, "invalid_request", "0"), (#"{"count":1000000001}"#, "invalid_request", "1000000001"),
        (#"{"count":-1}"#, "invalid_request", "-1"), (#"{"count":"-1"}"#, "invalid_request", "-1"),
        (#"{"count":"01"}"#, "invalid_request", "01"), (#"{"count":"+1"}"#, "invalid_request", "+1"),
        (#"{"count":"ten"}"#, "invalid_request", "ten"), (#"{"count":1.5}"#, "invalid_request", "1.5"),
        (#"{"count":null}"#, "invalid_request", "null"),
        (#"{"count":1,"above":9223372036854775808}"#, "invalid_request", "9223372036854775808"),
        (#"{"count":1,"above":"9223372036854775808"}"#, "invalid_request", "9223372036854775808"),
        (#"{"count":1,"abvoe":1}"#, "unknown_field", "did you mean above?"),
        (#"{"count":1,"scheme":"a\u0007b"}"#, "invalid_request", "control"),
        (#"{"count":1,"scheme":7}"#, "invalid_request", "7"),
    ])
    func `a request that is wrong is refused with what is wrong`(body: String, code: String, reason: String)
        async throws
    {
        try await withServer { server async throws in
            let reply = try await server.post("/v1/segments/orders/take", body)
            #expect(reply.status == 400 && reply.code == code, "\(reply.text)")
            #expect(reply.detail.contains(reason), "\(reply.detail)")
            #expect(try await server.send(.GET, "/v1/segments/orders").status == 404)
        }
    }

    @Test func `names that cannot be tags are refused`() async throws {
        try await withServer(configure: { $0.limits.nameBytes = 16 }) { server async throws in
            for tag in ["", "%00", "seventeen-letters"] {
                #expect(try await server.send(.GET, "/v1/segments/\(tag)").code == "invalid_name", "\(tag)")
                #expect(
                    try await server.post("/v1/segments/\(tag)/take", #"{"count":1}"#).code == "invalid_name", "\(tag)")
            }
            let long = String(repeating: "n", count: 300)
            let refusal = try await server.send(.GET, "/v1/segments/\(long)")
            #expect(refusal.detail.contains("255"))
        }
    }

    @Test func `tags are listed in pages in the order of their bytes`() async throws {
        try await withServer { server async throws in
            #expect(try await server.send(.GET, "/v1/segments").text == #"{"segments":[]}"#)
            for tag in ["b", "a", "%C3%A9", "c%2Fd"] {
                _ = try await server.post("/v1/segments/\(tag)/take", #"{"count":1}"#)
            }
            let page = try await server.send(.GET, "/v1/segments?limit=3")
            #expect(
                page.text
                    == #"{"segments":[{"tag":"a","next":"2","segments":1},{"tag":"b","next":"2","segments":1},"#
                    + #"{"tag":"c/d","next":"2","segments":1}],"next":"c/d"}"#)
            let rest = try await server.send(.GET, "/v1/segments?limit=3&after=c%2Fd")
            #expect(rest.text == #"{"segments":[{"tag":"é","next":"2","segments":1}]}"#)
            for query in ["limit=0", "limit=1001", "limit=x", "after=", "after=%00"] {
                #expect(try await server.send(.GET, "/v1/segments?\(query)").status == 400, "\(query)")
            }
            #expect(try await server.send(.GET, "/v1/segments?prefix=a").code == "unknown_field")
        }
    }

    @Test func `ids_start_above_what_exists`() async throws {
        try await withServer { server async throws in
            _ = try await server.post("/v1/segments/orders/take", #"{"count":1,"above":"1000000"}"#)
            let reply = try await server.send(.POST, "/v1/ids/segment?tag=orders&count=2")
            #expect(reply.json["ids"] as? [String] == ["1000002", "1000003"])
        }
    }

    @Test func `the pattern of decimal text takes the numbers of its range and no others`() throws {
        for (range, good, bad) in [
            (1...1_000_000_000, [1, 9, 10, 123, 999_999_999, 1_000_000_000], [0, 1_000_000_001, 2_000_000_000]),
            (0...Int64.max, [0, 1, 922, Int64.max - 1, Int64.max, 8_999_999_999_999_999_999], [-1]),
        ] as [(ClosedRange<Int64>, [Int64], [Int64])] {
            let pattern = try Regex(OpenAPISchemas.pattern(of: range))
            for number in good { #expect(try pattern.wholeMatch(in: String(number)) != nil, "\(number)") }
            for number in bad { #expect(try pattern.wholeMatch(in: String(number)) == nil, "\(number)") }
            for text in ["", "01", "+1", "9223372036854775808", "10000000000000000000", "1e3"] {
                #expect(try pattern.wholeMatch(in: text) == nil, "\(text)")
            }
        }
    }
}
