import ColonyQueues
import Foundation

/// What publishers were told and what handlers did, and what of it cannot be.
struct ChaosLedger {
    struct Confirmed: Hashable {
        let id: Int64
        let publisher: String
        let number: Int
    }

    /// One run of a handler, by the journal of its process.
    struct Run {
        let id: Int64
        let attempt: Int
        let key: String
        let number: Int
        let begin: Int64
        /// When the lease was to end, as the delivery said.
        let leaseEnd: Int64
        /// When the handler returned or gave up; `nil` if its process was killed before.
        var end: Int64?
        var hasReturned = false
    }

    var journals: [String] = []
    private(set) var confirmed: Set<Confirmed> = []
    private var runs: [Run] = []
    private(set) var given = 0

    var begun: Int { self.runs.count }

    mutating func confirm(_ lines: [String]) {
        for line in lines {
            let parts = line.split(separator: " ")
            guard parts.count == 3, let id = Int64(parts[0]), let number = Int(parts[1]) else { continue }
            self.confirmed.insert(
                Confirmed(id: id, publisher: String(parts[2].prefix { $0 != "-" }), number: number))
        }
    }

    /// Where a publisher goes on that was killed: the first number that it was not told of.
    func nextNumber(of publisher: String) -> Int {
        (self.confirmed.filter { $0.publisher == publisher }.map(\.number).max() ?? -1) + 1
    }

    /// - Throws: If a journal cannot be read. A last line that was cut off by a kill is no line.
    mutating func readJournals() throws {
        for journal in self.journals {
            // A process that was killed before it could begin has none.
            guard FileManager.default.fileExists(atPath: journal) else { continue }
            let text = try String(contentsOfFile: journal, encoding: .utf8)
            var open: [String: Int] = [:]
            for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
                let parts = line.split(separator: " ")
                guard parts.count == 7, let id = Int64(parts[1]), let attempt = Int(parts[2]),
                    let number = Int(parts[4]), let time = Int64(parts[5]), let leaseEnd = Int64(parts[6])
                else { continue }
                let place = "\(id) \(attempt)"
                if parts[0] == "B" {
                    open[place] = self.runs.count
                    self.runs.append(
                        Run(
                            id: id, attempt: attempt, key: String(parts[3]), number: number, begin: time,
                            leaseEnd: leaseEnd))
                } else if let index = open[place] {
                    self.runs[index].end = time
                    self.runs[index].hasReturned = parts[0] == "E"
                    if parts[0] == "C" { self.given += 1 }
                }
            }
        }
        self.runs.sort { $0.begin < $1.begin }
    }

    // MARK: The judgement

    /// What must not have happened, in a queue that is empty at the end.
    func defects(_ record: QueueRecord) -> [String] {
        let defects =
            self.lost() + self.miscounted(record) + self.outOfOrder() + self.overlapping() + self.early()
            + self.endedByStaleReceipt()
        return Array(defects.prefix(20))
    }

    /// A confirmed message that nobody was given, and one that was delivered without having been published.
    private func lost() -> [String] {
        let delivered = Set(self.runs.map(\.id))
        let known = Set(self.confirmed.map(\.id))
        let numbers = Dictionary(grouping: self.confirmed, by: { "\($0.publisher) \($0.number)" })
        return known.subtracting(delivered).map { "message \($0) was confirmed and never delivered" }
            + delivered.subtracting(known).map { "message \($0) was delivered and never confirmed" }
            + numbers.filter { $0.value.count > 1 }.map { "\($0.key) was stored as \($0.value.map(\.id))" }
    }

    private func miscounted(_ record: QueueRecord) -> [String] {
        var defects: [String] = []
        for (id, runs) in Dictionary(grouping: self.runs, by: \.id) {
            let attempts = runs.map(\.attempt)
            if !zip(attempts, attempts.dropFirst()).allSatisfy({ $0 < $1 }) {
                defects.append("message \(id) was begun with the attempts \(attempts)")
            }
        }
        if record.totals.published != self.confirmed.count {
            defects.append("\(record.totals.published) are counted as published, and \(self.confirmed.count) were")
        }
        if record.totals.acknowledged != self.confirmed.count {
            defects.append("\(record.totals.acknowledged) are counted as acknowledged of \(self.confirmed.count)")
        }
        if record.totals.delivered < self.runs.count {
            defects.append("\(record.totals.delivered) are counted as delivered, and \(self.runs.count) were begun")
        }
        return defects
    }

    private func outOfOrder() -> [String] {
        Dictionary(grouping: self.runs, by: \.key).compactMap { key, runs in
            var seen: Set<Int> = []
            let first = runs.map(\.number).filter { seen.insert($0).inserted }
            return zip(first, first.dropFirst()).first { $0 >= $1 }.map { pair in
                "of the key \(key) number \(pair.1) was begun first after \(pair.0)"
            }
        }
    }

    /// Two handlers of one key at a time, without the lease of the earlier one having been lost.
    private func overlapping() -> [String] {
        var defects: [String] = []
        for (key, runs) in Dictionary(grouping: self.runs, by: \.key) {
            for (index, later) in runs.enumerated() {
                for earlier in runs[..<index].suffix(20) {
                    guard let end = earlier.end, end > later.begin else { continue }
                    // That the message was delivered again shows that its lease was lost.
                    let wasLost = runs[...index].contains { $0.id == earlier.id && $0.attempt > earlier.attempt }
                    if !wasLost {
                        defects.append(
                            "of the key \(key) messages \(earlier.id) and \(later.id) were handled at once, from "
                                + "\(later.begin) to \(end)")
                    }
                }
            }
        }
        return defects
    }

    /// A message that was delivered again before its lease was over, although its handler had not ended.
    private func early() -> [String] {
        Dictionary(grouping: self.runs, by: \.id).flatMap { id, runs in
            zip(runs, runs.dropFirst()).compactMap { earlier, later in
                let isUnderWay = earlier.end.map { $0 > later.begin } ?? true
                guard isUnderWay, later.begin < earlier.leaseEnd else { return nil }
                return "message \(id) was delivered again \(earlier.leaseEnd - later.begin) ns before its lease ended"
            }
        }
    }

    /// A message that is done although its last delivery was not: a receipt of an earlier one was taken.
    private func endedByStaleReceipt() -> [String] {
        Dictionary(grouping: self.runs, by: \.id).compactMap { id, runs in
            guard let last = runs.last, !last.hasReturned else { return nil }
            return "message \(id) is done, and delivery \(last.attempt) of it was not"
        }
    }
}
