import ColonyCore
import Foundation
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// Uniqueness where it matters: among real processes, and over kills of one.
@Suite("Snowflake identifiers of real processes", .serialized, .timeLimit(.minutes(5)))
struct IdentifierProcessTests {
    /// `workerIdUnique`: the numbers of two processes that start together differ, and so do all their identifiers.
    @Test func `two processes, two worker ids, 50 million ids, and none is there twice`() async throws {
        let folder = try ProbeFolder()
        let count = 25_000_000
        let files = [folder.path(of: "first"), folder.path(of: "second")]
        let probes = try files.map { try IdentifierProcess("leased", folder.store, $0, "\(count)") }
        for probe in probes { #expect(await probe.end() == 0) }
        let first = try Data(contentsOf: URL(filePath: files[0]), options: .alwaysMapped)
        let second = try Data(contentsOf: URL(filePath: files[1]), options: .alwaysMapped)
        #expect(first.count == count * 8 && second.count == count * 8)
        let found = first.withUnsafeBytes { first in
            second.withUnsafeBytes { second in
                Verdict(first.assumingMemoryBound(to: Int64.self), second.assumingMemoryBound(to: Int64.self))
            }
        }
        let verdict = try #require(found)
        #expect(verdict.falls == 0, "the identifiers of a process rise strictly")
        #expect(verdict.common == 0, "no identifier is there twice")
        #expect(verdict.workers.count == 2, "each process keeps one number of its own: \(verdict.workers)")
    }

    /// `rollbackAcrossRestart`, by real kills: each run begins on an earlier clock than the one before it or a later one.
    @Test func `20 kills and restarts with a clock that is set back issue no id twice`() async throws {
        let folder = try ProbeFolder()
        var seen: Set<Int64> = []
        var total = 0
        for round in 0..<20 {
            let file = folder.path(of: "run-\(round)")
            // Up to 190 ms behind, and every fifth run on the right clock again.
            let offset = round % 5 == 0 ? 0 : -10 * round
            let probe = try IdentifierProcess("fixed", folder.store, file, "1000000000", "7", "\(offset)")
            try await Self.eventually("the run issues") { Self.size(of: file) > 0 }
            probe.kill()
            _ = await probe.end()
            let data = try Data(contentsOf: URL(filePath: file))
            data.withUnsafeBytes { bytes in
                for place in stride(from: 0, to: bytes.count - 7, by: 8) {
                    seen.insert(bytes.loadUnaligned(fromByteOffset: place, as: Int64.self))
                    total += 1
                }
            }
        }
        #expect(total > 20)
        #expect(seen.count == total, "\(total - seen.count) identifiers were issued twice")
    }

    private static func size(of file: String) -> Int {
        var status = stat()
        return stat(file, &status) == 0 ? Int(status.st_size) : 0
    }

    private static func eventually(_ what: Comment, _ condition: () -> Bool) async throws {
        let clock = HostClock()
        let deadline = clock.now.advanced(by: .seconds(30))
        while !condition() {
            try #require(clock.now < deadline, what)
            try await clock.sleep(for: .milliseconds(2))
        }
    }
}

/// What the words of two processes say: one pass over both, as a merge makes it, written without a call per word because
/// tests are not optimized.
private struct Verdict {
    private(set) var falls = 0
    private(set) var common = 0
    private(set) var workers: Set<Int64> = []

    init(_ first: UnsafePointer<Int64>, count firstCount: Int, _ second: UnsafePointer<Int64>, count secondCount: Int) {
        var (i, j, falls, common) = (0, 0, 0, 0)
        var (lastFirst, lastSecond) = (-1 as Int64, -1 as Int64)
        var (firstWorker, secondWorker) = (-1 as Int64, -1 as Int64)
        while i < firstCount || j < secondCount {
            let a = i < firstCount ? first[i] : Int64.max
            let b = j < secondCount ? second[j] : Int64.max
            if a <= b {
                if a == b { common &+= 1 }
                if a <= lastFirst { falls &+= 1 }
                lastFirst = a
                i &+= 1
                let worker = a &>> 12 & 1_023
                if worker != firstWorker {
                    self.workers.insert(worker)
                    firstWorker = worker
                }
            } else {
                if b <= lastSecond { falls &+= 1 }
                lastSecond = b
                j &+= 1
                let worker = b &>> 12 & 1_023
                if worker != secondWorker {
                    self.workers.insert(worker)
                    secondWorker = worker
                }
            }
        }
        self.falls = falls
        self.common = common
    }

    init?(_ first: UnsafeBufferPointer<Int64>, _ second: UnsafeBufferPointer<Int64>) {
        guard let a = first.baseAddress, let b = second.baseAddress else { return nil }
        self.init(a, count: first.count, b, count: second.count)
    }
}

/// A folder of a test, removed with it.
private final class ProbeFolder: Sendable {
    let path: String

    init() throws {
        self.path = FileManager.default.temporaryDirectory.appending(path: "colony-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }

    func path(of name: String) -> String { "\(self.path)/\(name)" }
    var store: String { self.path(of: "colony.db") }
}

/// A running `colony-id-probe`.
private final class IdentifierProcess: Sendable {
    private let pid: pid_t
    private let finished: Task<Int32, Never>

    init(_ arguments: String...) throws {
        let process = Process()
        // The package's products lie beside the bundle of its tests.
        let tests = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        process.executableURL = tests.deletingLastPathComponent().appending(path: "colony-id-probe")
        process.arguments = arguments
        let (ends, end) = AsyncStream<Int32>.makeStream()
        process.terminationHandler = {
            end.yield($0.terminationStatus)
            end.finish()
        }
        try process.run()
        self.pid = process.processIdentifier
        self.finished = Task {
            for await status in ends { return status }
            return -1
        }
    }

    /// Ends the process without warning.
    func kill() { Glibc.kill(self.pid, SIGKILL) }

    /// Waits for the end.
    ///
    /// - Returns: The exit code, or the number of the signal.
    func end() async -> Int32 { await self.finished.value }
}
