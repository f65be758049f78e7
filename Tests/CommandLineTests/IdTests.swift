import Foundation
import Testing

/// `colony id new` and `colony id parse`, on a store and through a daemon.
@Suite struct IdTests {
    private static let shapes = [
        "snowflake": "^[1-9][0-9]{14,18}$",
        "uuid7": "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        "uuid4": "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        "ulid": "^[0-7][0-9A-HJKMNP-TV-Z]{25}$",
        "segment": "^[1-9][0-9]*$",
    ]

    private static func lines(_ outcome: Outcome) -> [String] {
        outcome.output.split(separator: "\n").map(String.init)
    }

    private static func words(_ kind: String, count: Int) -> [String] {
        ["id", "new", "--kind", kind, "--count", "\(count)"] + (kind == "segment" ? ["--tag", "orders"] : [])
    }

    @Test(arguments: Self.shapes.keys.sorted())
    func `each kind has its form, one a line, none twice`(kind: String) async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony(Self.words(kind, count: 500))
            #expect(outcome.code == 0, "\(outcome.errors)")
            let ids = Self.lines(outcome)
            #expect(ids.count == 500)
            #expect(Set(ids).count == 500)
            let shape = try Regex(try #require(Self.shapes[kind]))
            #expect(ids.allSatisfy { $0.contains(shape) }, "\(ids.first ?? "")")
        }
    }

    @Test func `the default is one snowflake`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony("id", "new")
            #expect(Self.lines(outcome).count == 1)
            #expect(Int64(Self.lines(outcome).first ?? "") != nil)
        }
    }

    @Test func `a segment goes on where the last one ended, each tag for itself`() async throws {
        try await Scene.run { scene in
            let first = try await scene.colony(Self.words("segment", count: 3))
            #expect(first.output == "1\n2\n3\n")
            let second = try await scene.colony(Self.words("segment", count: 2))
            #expect(second.output == "4\n5\n")
            let other = try await scene.colony("id", "new", "--kind", "segment", "--tag", "other")
            #expect(other.output == "1\n")
        }
    }

    @Test(.timeLimit(.minutes(3)), arguments: ["snowflake", "segment"])
    func `processes that share a store issue nothing twice`(kind: String) async throws {
        try await Scene.run { scene in
            let all = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        let outcome = try await scene.colony(Self.words(kind, count: 5_000))
                        #expect(outcome.code == 0, "\(outcome.errors)")
                        return Self.lines(outcome)
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(all.count == 30_000)
            #expect(Set(all).count == 30_000)
        }
    }

    @Test func `a fixed worker and each format are what parse reads`() async throws {
        try await Scene.run { scene in
            for format in ["decimal", "crockford32", "base62"] {
                let made = try await scene.colony(
                    "id", "new", "--worker", "9", "--datacenter", "3", "--format", format)
                let id = try #require(Self.lines(made).first)
                let parsed = try await scene.colony("id", "parse", id, "--json")
                let document = try #require(
                    try JSONSerialization.jsonObject(with: Data(parsed.output.utf8)) as? [String: Any])
                #expect(document["kind"] as? String == "snowflake")
                #expect(document["worker"] as? Int == 9)
                #expect(document["datacenter"] as? Int == 3)
                let forms = ["id", "crockford32", "base62"].compactMap { document[$0] as? String }
                #expect(forms.count == 3 && forms.contains(id))
            }
        }
    }

    @Test func `parse tells what is in a UUID and a ULID`() async throws {
        try await Scene.run { scene in
            // RFC 9562, appendix A.6.
            let uuid = try await scene.colony("id", "parse", "017F22E2-79B0-7CC3-98C4-DC0C0C07398F")
            #expect(
                uuid.output == """
                    kind         uuid7
                    id           017f22e2-79b0-7cc3-98c4-dc0c0c07398f
                    version      7
                    variant      rfc9562
                    time         2022-02-22T19:22:22.000Z

                    """)
            let ulid = try await scene.colony("id", "parse", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "--json")
            #expect(ulid.output.contains("\"time\":\"2016-07-30T23:54:10.259Z\""))
        }
    }

    @Test func `JSON is one document with the kind`() async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony(Self.words("segment", count: 2) + ["--json"])
            #expect(outcome.output == "{\"ids\":[\"1\",\"2\"],\"kind\":\"segment\"}\n")
        }
    }

    @Test(arguments: [
        (["new", "--kind", "uuid9"], "There is no kind of identifier \"uuid9\". Did you mean uuid"),
        (["new", "--count", "0"], "--count 0 is not possible"),
        (["new", "--count=-1"], "--count -1 is not possible"),
        (["new", "--count", "x"], "'x' is invalid for '--count"),
        (["new", "--worker", "32"], "--worker 32 is not possible: the layout classic has 0 to 31"),
        (["new", "--datacenter", "99"], "--datacenter 99 is not possible"),
        (["new", "--layout", "clasic"], "Did you mean classic?"),
        (["new", "--format", "hex"], "There is no format \"hex\""),
        (["new", "--kind", "segment"], "A segment needs --tag NAME"),
        (["new", "--kind", "segment", "--tag", ""], "--tag"),
        (["new", "--tag", "a"], "--tag a is for a segment"),
        (["new", "--kind", "uuid4", "--worker", "1"], "--worker is for a snowflake"),
        (["new", "--server", "http://127.0.0.1:1", "--worker", "1"], "are the business of the daemon"),
        (["parse", "nope"], "\"nope\" is no identifier"),
        (["parse", "007"], "\"007\" is no Snowflake"),
        (["parse", "9223372036854775808"], "\"9223372036854775808\" is no Snowflake"),
        (["parse", "017f22e2-79b0-7cc3-98c4-dc0c0c07398g"], "\"017f22e2-79b0-7cc3-98c4-dc0c0c07398g\""),
        (["parse", "81ARZ3NDEKTSV4RRFFQ69G5FAV"], "\"81ARZ3NDEKTSV4RRFFQ69G5FAV\""),
        (["parse", "UUUUUUUUUUUUU"], "\"UUUUUUUUUUUUU\""),
    ])
    func `wrong usage is 64 and quotes what was wrong`(words: [String], sentence: String) async throws {
        try await Scene.run { scene in
            let outcome = try await scene.colony(["id"] + words)
            #expect(outcome.code == 64)
            #expect(outcome.errors.contains(sentence), "\(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
    }

    @Test func `a namespace keeps its layout, and another one is refused at once`() async throws {
        try await Scene.run { scene in
            let first = try await scene.colony("id", "new")
            #expect(first.code == 0)
            let outcome = try await scene.colony("id", "new", "--layout", "javascript-safe", "--json")
            #expect(outcome.code == 1)
            #expect(outcome.errors.contains("\"code\":\"scheme_mismatch\""), "\(outcome.errors)")
        }
    }

    @Test(.timeLimit(.minutes(3)), arguments: Self.shapes.keys.sorted())
    func `a daemon issues the same, in as many requests as it takes`(kind: String) async throws {
        try await Scene.run { scene in
            try await scene.whileServing { daemon in
                let outcome = try await scene.with([:]).colony(
                    Self.words(kind, count: 25_000) + ["--server", daemon.url])
                #expect(outcome.code == 0, "\(outcome.errors)")
                let ids = Self.lines(outcome)
                #expect(ids.count == 25_000)
                #expect(Set(ids).count == 25_000)
                let shape = try Regex(try #require(Self.shapes[kind]))
                #expect(ids.allSatisfy { $0.contains(shape) }, "\(ids.first ?? "")")
            }
        }
    }
}
