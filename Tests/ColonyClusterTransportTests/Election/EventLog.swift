import ColonyCore
import Foundation
import Testing

/// What processes of an election have written down: read from where it was left off.
final class EventLog {
    struct Event: Equatable, CustomStringConvertible {
        let at: MonotonicInstant
        let name: String
        let word: String
        let rest: String

        /// The first number after the word.
        var term: UInt64 { self.rest.split(separator: " ").first.flatMap { UInt64($0) } ?? 0 }

        var description: String { "\(self.at.nanoseconds / 1_000_000) \(self.name) \(self.word) \(self.rest)" }
    }

    let path: String
    private var place: UInt64 = 0
    private var rest = Data()
    private(set) var events: [Event] = []

    init(path: String) {
        self.path = path
        _ = FileManager.default.createFile(atPath: path, contents: nil)
    }

    /// All that has happened by now.
    @discardableResult
    func read() throws -> [Event] {
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: self.path))
        defer { try? file.close() }
        try file.seek(toOffset: self.place)
        let more = try file.readToEnd() ?? Data()
        self.place += UInt64(more.count)
        self.rest += more
        while let end = self.rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: self.rest[self.rest.startIndex..<end], as: UTF8.self)
            self.rest = self.rest[(end + 1)...]
            let words = line.split(separator: " ", maxSplits: 3).map(String.init)
            guard words.count == 4, let at = Int64(words[0]) else {
                throw NeverHappened(description: "a probe has written \"\(line)\"")
            }
            self.events.append(
                Event(at: MonotonicInstant(nanoseconds: at), name: words[1], word: words[2], rest: words[3]))
        }
        return self.events
    }

    /// What was said last of one kind by somebody.
    func latest(_ word: String, of name: String) -> Event? {
        self.events.last { $0.word == word && $0.name == name }
    }

    /// The beginnings of leaderships, in order of their terms.
    var beginnings: [Event] { self.events.filter { $0.word == "begins" }.sorted { $0.term < $1.term } }

    /// Checks what must hold whatever has happened: one leader a term, and nobody does anything as the leader of a term after the leadership of a later one has begun.
    func audit() throws {
        try self.read()
        let beginnings = self.beginnings
        for (former, next) in zip(beginnings, beginnings.dropFirst()) {
            #expect(former.term < next.term, "two have begun to lead in one term: \(former), \(next)")
            #expect(former.at < next.at, "a later term has begun sooner: \(former), \(next)")
        }
        // Of the acts of a term only the last one matters.
        var lastActs: [UInt64: Event] = [:]
        for event in self.events where event.word == "acts" {
            if lastActs[event.term].map({ $0.at < event.at }) ?? true { lastActs[event.term] = event }
        }
        for (former, next) in zip(beginnings, beginnings.dropFirst()) {
            guard let act = lastActs[former.term] else { continue }
            #expect(act.at < next.at, "\(act) came after \(next)")
            #expect(act.name == former.name, "\(act) is of somebody else than \(former)")
        }
    }
}
