import ColonyCaches
import ColonyWorkloads
import Foundation
import Testing

@Suite("A trace")
struct TraceTests {
    private static func withFile<Result>(
        _ text: String, named name: String = "keys.txt", compressedBy program: String? = nil,
        _ body: (String) throws -> Result
    ) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("trace-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let file = folder.appendingPathComponent(name)
        try Data(text.utf8).write(to: file)
        guard let program else { return try body(file.path) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [program, file.path]
        try process.run()
        process.waitUntilExit()
        return try body(file.path + (program == "xz" ? ".xz" : ".gz"))
    }

    private static func code(_ body: () throws -> Void) -> TraceError.Code? {
        do { try body() } catch { return (error as? TraceError)?.code }
        return nil
    }

    @Test("is read from plain, gzip, and xz files alike", arguments: [nil, "gzip", "xz"])
    func compression(program: String?) throws {
        try Self.withFile("a\nb\r\n\na\nlong key with spaces\nb", compressedBy: program) { path in
            let trace = try Trace(readingFrom: path)
            #expect(trace.keys == [0, 1, 0, 2, 1])
            #expect(trace.distinct == 3)
            #expect(try Trace(readingFrom: path, limit: 2).keys == [0, 1])
        }
    }

    @Test("that is missing, empty, or broken says so")
    func badFiles() throws {
        #expect(Self.code { _ = try Trace(readingFrom: "/nowhere/keys.txt") } == .unreadable)
        #expect(Self.code { _ = try Trace(readingFrom: "/") } == .unreadable)
        for text in ["", "\n\r\n\n"] {
            #expect(try Self.withFile(text) { path in Self.code { _ = try Trace(readingFrom: path) } } == .empty)
        }
        for name in ["keys.gz", "keys.xz"] {
            let code = try Self.withFile("not compressed", named: name) { path in
                Self.code { _ = try Trace(readingFrom: path) }
            }
            #expect(code == .corrupt || code == nil, "\(name)")
        }
    }

    @Test("is tried at a thousandth, a hundredth, and a tenth of its keys unless sizes are named")
    func sizes() throws {
        #expect(Trace(0..<5_000).usualSizes == [5, 50, 500])
        #expect(Trace(0..<5).usualSizes == [1])
        let trace = Trace((0..<400).map { $0 % 20 })
        #expect(Self.code { _ = try HitRatioReport(of: trace, named: "loop", sizes: [0]) } == .invalidSize)
        let report = try HitRatioReport(of: trace, named: "loop", policies: [.lru], sizes: [10, 20])
        #expect(report.sizes.map(\.size) == [10, 20])
        #expect(report.sizes[0].hitRatio["lru"] == 0)
        #expect(report.sizes[1].hitRatio == ["lru": 0.95, "optimum": 0.95])
        #expect(report.defaultPolicy == "adaptive")
    }

    @Test("has a report with the keys that scripts rely on")
    func document() throws {
        let report = try HitRatioReport(of: Trace([1, 1, 2]), named: "three")
        let object = try JSONSerialization.jsonObject(with: JSONEncoder().encode(report)) as? [String: Any]
        #expect(Set(object?.keys ?? [:].keys) == ["trace", "requests", "distinct", "default_policy", "sizes"])
        let row = (object?["sizes"] as? [[String: Any]])?.first
        let ratios = row?["hit_ratio"] as? [String: Double]
        #expect(Set(ratios?.keys ?? [:].keys) == Set(EvictionPolicy.allCases.map(\.snakeCaseName) + ["optimum"]))
    }
}
