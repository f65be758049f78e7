public import ColonyCore
import Foundation
import Synchronization

/// A time zone as cron needs it: by which offset its clocks are ahead of UTC, and when that changes.
///
/// Names are those of the IANA database, such as `Europe/Berlin`, and `UTC`; the rules are those that Foundation brings along.
public struct CivilZone: Sendable {
    /// The name as it was given.
    public let identifier: String
    private let rules: ZoneRules

    /// Universal time: no offset, no changes.
    public static let utc = CivilZone(identifier: "UTC", rules: ZoneRules(first: 0, changes: []))

    /// Finds a zone by its name.
    ///
    /// - Throws: ``InvalidName``, which quotes the text, if there is no such zone.
    /// - Complexity: O(1) after the first look at a zone, which takes about a millisecond.
    public init(_ identifier: String) throws(InvalidName) {
        if identifier == Self.utc.identifier {
            self = .utc
            return
        }
        if let defect = NameRules.defect(in: identifier) {
            throw InvalidName(role: "time zone", value: identifier, reason: defect)
        }
        guard let rules = ZoneRules.known(identifier) else {
            throw InvalidName(
                role: "time zone", value: identifier,
                reason: "there is none of that name; Europe/Berlin, America/New_York, and UTC are examples")
        }
        self.init(identifier: identifier, rules: rules)
    }

    private init(identifier: String, rules: ZoneRules) {
        self.identifier = identifier
        self.rules = rules
    }

    /// Makes a zone of one's own, for tests.
    ///
    /// - Parameters:
    ///   - first: The offset before the first change, in seconds.
    ///   - changes: Seconds since 1970, rising, and the offset from then on.
    package init(identifier: String, first: Int64, changes: [(at: Int64, offset: Int64)]) {
        self.init(identifier: identifier, rules: ZoneRules(first: first, changes: changes))
    }

    /// By how many seconds local time is ahead of UTC at a second since 1970.
    func offset(at second: Int64) -> Int64 { self.rules.offset(at: second) }

    /// When the offset changes next; `nil` if it never does.
    func nextChange(after second: Int64) -> Int64? { self.rules.nextChange(after: second) }
}

extension CivilZone: Hashable, CustomStringConvertible {
    public static func == (first: Self, second: Self) -> Bool {
        first.identifier == second.identifier && first.rules === second.rules
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(self.identifier) }

    public var description: String { self.identifier }
}

/// The changes of a zone as a table, because asking Foundation for each of them takes longer than all the rest of a tick.
private final class ZoneRules: Sendable {
    /// From 1970 to 2100; what lies outside is asked for each time.
    private static let span: Range<Int64> = 0..<4_102_444_800
    /// More than there are names; those of fixed offsets such as `GMT+01:23` have no end.
    private static let mostKnown = 1_000
    private static let known = Mutex<[String: ZoneRules]>([:])

    private let first: Int64
    private let changes: [(at: Int64, offset: Int64)]
    /// What to ask outside of the span; `nil` if the table is everything.
    private let zone: TimeZone?

    init(first: Int64, changes: [(at: Int64, offset: Int64)]) {
        self.first = first
        self.changes = changes
        self.zone = nil
    }

    private init(_ zone: TimeZone) {
        var changes: [(at: Int64, offset: Int64)] = []
        var second = Self.span.lowerBound
        while let next = Self.nextChange(of: zone, after: second), next < Self.span.upperBound {
            changes.append((next, Self.offset(of: zone, at: next)))
            second = next
        }
        self.first = Self.offset(of: zone, at: Self.span.lowerBound)
        self.changes = changes
        self.zone = zone
    }

    static func known(_ identifier: String) -> ZoneRules? {
        if let rules = Self.known.withLock({ $0[identifier] }) { return rules }
        guard let zone = TimeZone(identifier: identifier) else { return nil }
        let rules = ZoneRules(zone)
        return Self.known.withLock { known in
            if let earlier = known[identifier] { return earlier }
            if known.count < Self.mostKnown { known[identifier] = rules }
            return rules
        }
    }

    func offset(at second: Int64) -> Int64 {
        if let zone, !Self.span.contains(second) { return Self.offset(of: zone, at: second) }
        let count = self.count(upTo: second)
        return count == 0 ? self.first : self.changes[count - 1].offset
    }

    func nextChange(after second: Int64) -> Int64? {
        if let zone, !Self.span.contains(second) { return Self.nextChange(of: zone, after: second) }
        let count = self.count(upTo: second)
        if count < self.changes.count { return self.changes[count].at }
        return self.zone.flatMap { Self.nextChange(of: $0, after: Self.span.upperBound - 1) }
    }

    /// How many changes there are up to a second, by bisection.
    private func count(upTo second: Int64) -> Int {
        var (low, high) = (0, self.changes.count)
        while low < high {
            let middle = (low + high) / 2
            if self.changes[middle].at <= second { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func offset(of zone: TimeZone, at second: Int64) -> Int64 {
        Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second))))
    }

    private static func nextChange(of zone: TimeZone, after second: Int64) -> Int64? {
        guard let date = zone.nextDaylightSavingTimeTransition(after: Date(timeIntervalSince1970: Double(second)))
        else { return nil }
        let next = Int64(date.timeIntervalSince1970.rounded())
        return next > second ? next : nil
    }
}
