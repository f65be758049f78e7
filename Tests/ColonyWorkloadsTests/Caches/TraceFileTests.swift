import ColonyWorkloads
import Foundation
import Testing

@Suite("Trace files")
struct TraceFileTests {
    /// Runs `body` with a folder that is gone afterwards.
    private func inFolder(_ body: (URL) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("trace-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try body(folder)
    }

    private func run(_ tool: String, _ file: URL) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [tool, file.path]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    @Test("have a key of any text a line, plain or compressed", arguments: [nil, "gzip", "xz"] as [String?])
    func formats(tool: String?) throws {
        try self.inFolder { folder in
            var file = folder.appendingPathComponent("trace")
            try Data("a\nGET /b?c=1\r\n\na\nü\nlast".utf8).write(to: file)
            if let tool {
                try self.run(tool, file)
                file = folder.appendingPathComponent(tool == "xz" ? "trace.xz" : "trace.gz")
            }
            let trace = try Trace(readingFrom: file.path)
            #expect(trace.keys == [0, 1, 0, 2, 3])
            #expect(trace.distinct == 4)
            #expect(try Trace(readingFrom: file.path, limit: 2).keys == [0, 1])
        }
    }

    @Test("with a line longer than the buffer are read whole")
    func longLine() throws {
        try self.inFolder { folder in
            let file = folder.appendingPathComponent("trace")
            let long = String(repeating: "x", count: 700_000)
            try Data("\(long)\n1\n\(long)\n".utf8).write(to: file)
            #expect(try Trace(readingFrom: file.path).keys == [0, 1, 0])
        }
    }

    @Test("that cannot be read are refused with the reason")
    func bad() throws {
        try self.inFolder { folder in
            let missing = folder.appendingPathComponent("missing").path
            let unreadable = #expect(throws: TraceError.self) { try Trace(readingFrom: missing) }
            #expect(unreadable?.code == .unreadable && unreadable?.description.contains(missing) == true)
            #expect(#expect(throws: TraceError.self) { try Trace(readingFrom: folder.path) }?.code == .unreadable)

            let empty = folder.appendingPathComponent("empty")
            try Data("\n\n".utf8).write(to: empty)
            #expect(#expect(throws: TraceError.self) { try Trace(readingFrom: empty.path) }?.code == .empty)

            let liar = folder.appendingPathComponent("plain.gz")
            try Data("1\n2\n".utf8).write(to: liar)
            #expect(#expect(throws: TraceError.self) { try Trace(readingFrom: liar.path) }?.code == .corrupt)

            let cut = folder.appendingPathComponent("cut")
            try Data((0..<50_000).map { "\($0)" }.joined(separator: "\n").utf8).write(to: cut)
            try self.run("xz", cut)
            let file = folder.appendingPathComponent("cut.xz")
            try (try Data(contentsOf: file).dropLast(2_000)).write(to: file)
            #expect(#expect(throws: TraceError.self) { try Trace(readingFrom: file.path) }?.code == .corrupt)
        }
    }

    @Test("are tried at sizes of at least one entry")
    func sizes() throws {
        #expect(Trace([1, 2, 1]).usualSizes == [1])
        #expect(Trace(Array(0..<5_000)).usualSizes == [5, 50, 500])
        let error = #expect(throws: TraceError.self) {
            try HitRatioReport(of: Trace([1, 2]), named: "two", sizes: [0])
        }
        #expect(error?.code == .invalidSize && error?.description.contains("0") == true)
    }
}
