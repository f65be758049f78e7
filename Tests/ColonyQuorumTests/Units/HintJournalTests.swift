import ColonyCaches
import ColonyCore
import ColonyQuorum
import Foundation
import Testing

@Suite("Journals of hints")
struct HintJournalTests {
    /// A folder that is gone with the test.
    private final class Folder {
        let path = FileManager.default.temporaryDirectory.appending(path: "colony-hints-\(UUID().uuidString)").path

        init() throws { try FileManager.default.createDirectory(atPath: self.path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: self.path) }

        var file: String { "\(self.path)/hints" }
    }

    private func hint(_ number: Int, for server: NodeID = "a", standIn: NodeID? = nil) -> Hint {
        Hint(
            server: server, key: CacheKey(stringLiteral: "k\(number)"),
            bytes: [UInt8](repeating: UInt8(number % 256), count: 20),
            written: WallTime(millisecondsSince1970: Int64(number)), standIn: standIn)
    }

    @Test("in a file outlive the process, in their order, without what was removed")
    func outlives() async throws {
        let folder = try Folder()
        let first = try FileHintJournal(path: folder.file)
        try await first.append([self.hint(1), self.hint(2, for: "b", standIn: "c")])
        try await first.append([self.hint(3)])
        let numbers = try await first.hints(for: "a", limit: 1).map(\.number)
        try await first.remove(numbers)
        await first.close()
        let second = try FileHintJournal(path: folder.file)
        let counts = try await second.counts()
        #expect(counts == ["a": 1, "b": 1])
        let left = try await second.hints(for: "a", limit: 10).map(\.hint)
        #expect(left == [self.hint(3)])
        let other = try await second.hints(for: "b", limit: 10).map(\.hint)
        #expect(other == [self.hint(2, for: "b", standIn: "c")])
        // A number is given once.
        try await second.append([self.hint(4)])
        let all = try await second.hints(for: "a", limit: 10).map(\.number)
        #expect(all == [3, 4])
    }

    @Test("in a file that was cut anywhere give what was whole before the cut, and go on from there")
    func cut() async throws {
        let folder = try Folder()
        let journal = try FileHintJournal(path: folder.file)
        var ends: [Int] = [8]
        for number in 0..<4 {
            try await journal.append([self.hint(number)])
            ends.append(try Data(contentsOf: URL(fileURLWithPath: folder.file)).count)
        }
        await journal.close()
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.file))
        for length in 8...whole.count {
            let file = "\(folder.path)/cut-\(length)"
            try whole.prefix(length).write(to: URL(fileURLWithPath: file))
            let cut = try FileHintJournal(path: file)
            let expected = ends.filter { $0 <= length }.count - 1
            let counts = try await cut.counts()
            #expect(counts["a"] ?? 0 == expected, "cut at \(length)")
            try await cut.append([self.hint(9)])
            await cut.close()
            let again = try FileHintJournal(path: file)
            let after = try await again.counts()
            #expect(after["a"] == expected + 1, "cut at \(length)")
            await again.close()
        }
    }

    @Test("in a file with a byte changed never give a hint that nobody kept")
    func changed() async throws {
        let folder = try Folder()
        let journal = try FileHintJournal(path: folder.file)
        try await journal.append((0..<4).map { self.hint($0) })
        await journal.close()
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.file))
        for place in 8..<whole.count {
            var bytes = whole
            bytes[place] ^= 0x55
            let file = "\(folder.path)/changed-\(place)"
            try bytes.write(to: URL(fileURLWithPath: file))
            let changed = try FileHintJournal(path: file)
            let hints = try await changed.hints(for: "a", limit: 10).map(\.hint)
            #expect(hints == (0..<hints.count).map { self.hint($0) }, "changed at \(place)")
            await changed.close()
        }
    }

    @Test("in a file shrink when most of it is of no use any more")
    func shrinks() async throws {
        let folder = try Folder()
        let journal = try FileHintJournal(path: folder.file)
        try await journal.append((0..<2_000).map { self.hint($0) })
        let large = try Data(contentsOf: URL(fileURLWithPath: folder.file)).count
        let numbers = try await journal.hints(for: "a", limit: 1_990).map(\.number)
        try await journal.remove(numbers)
        let small = try Data(contentsOf: URL(fileURLWithPath: folder.file)).count
        #expect(small < large / 10, "\(small) of \(large) bytes")
        try await journal.append([self.hint(1)])
        await journal.close()
        let again = try FileHintJournal(path: folder.file)
        let counts = try await again.counts()
        #expect(counts == ["a": 11])
    }

    @Test("refuse a file that is none of theirs, one that is in use, and more than they may keep")
    func refuse() async throws {
        let folder = try Folder()
        try Data("hello, world".utf8).write(to: URL(fileURLWithPath: folder.file))
        let foreign = #expect(throws: QuorumError.self) { try FileHintJournal(path: folder.file) }
        #expect(foreign?.code == .invalidConfiguration)
        #expect(foreign?.message.contains(folder.file) == true)
        let left = try String(contentsOfFile: folder.file, encoding: .utf8)
        #expect(left == "hello, world")

        let journal = try FileHintJournal(path: "\(folder.path)/used", limits: HintLimits(hints: 2))
        let used = #expect(throws: QuorumError.self) { try FileHintJournal(path: "\(folder.path)/used") }
        #expect(used?.code == .invalidConfiguration)
        try await journal.append([self.hint(1)])
        let full = await #expect(throws: QuorumError.self) {
            try await journal.append([self.hint(2), self.hint(3)])
        }
        #expect(full?.code == .overloaded)
        let counts = try await journal.counts()
        #expect(counts == ["a": 1])
        await journal.close()
        let closed = await #expect(throws: QuorumError.self) { try await journal.append([self.hint(4)]) }
        #expect(closed?.code == .closed)
    }
}
